"""OpenSSL, loaded at run time. See openssl.h.

The table of its functions is the only thing that belongs to the process and not to a store: it is code, and is not changed after it
was loaded.
"""

cdef extern from "kvd/net/openssl.h" nogil:
    const openssl *load "kvd_openssl_get" (const char **why)


cdef const openssl *openssl_load(const char **why) noexcept nogil:
    return load(why)


cdef bint openssl_error(const openssl *o, char *out, size_t room) noexcept nogil:
    cdef unsigned long code = o.ERR_get_error()
    if code == 0:
        return False
    o.ERR_error_string_n(code, out, room)
    o.ERR_clear_error()
    return True
