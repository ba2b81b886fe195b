"""What ACL LIST, GETUSER and files of users show: rules that make the same user again."""

from kvd.core.buf cimport buf_add, buf_add_char, buf_printf
from kvd.core.sha256 cimport SHA256_BYTES
from kvd.run.acl.users cimport MAY_READ, MAY_WRITE, pattern


cdef void describe_password(const user *u, int i, buf *out) noexcept nogil:
    cdef int k
    for k in range(SHA256_BYTES):
        buf_printf(out, b"%02x", <int>u.passwords[i * SHA256_BYTES + k])


cdef void describe_commands(const selector *x, buf *out) noexcept nogil:
    buf_printf(out, b"%s", b"+@all" if x.from_all else b"-@all")
    if x.rules.len:
        buf_add_char(out, c' ')
        buf_add(out, x.rules.ptr, x.rules.len)


cdef void describe_keys(const selector *x, buf *out) noexcept nogil:
    cdef pattern p
    cdef int i
    if x.every_key:
        buf_printf(out, b"~*")
    for i in range(x.key_count):
        p = x.keys[i]
        if i:
            buf_add_char(out, c' ')
        buf_printf(out, b"%s", b"~" if p.access == MAY_READ | MAY_WRITE else b"%R~" if p.access == MAY_READ else b"%W~")
        buf_add(out, p.ptr, p.len)


cdef void describe_channels(const selector *x, buf *out) noexcept nogil:
    cdef int i
    if x.every_channel:
        buf_printf(out, b"&*")
    for i in range(x.channel_count):
        buf_printf(out, b"%s", b" &" if i else b"&")
        buf_add(out, x.channels[i].ptr, x.channels[i].len)


cdef void describe_databases(const selector *x, buf *out) noexcept nogil:
    cdef int i
    if x.every_database or x.database_count == 0:
        buf_printf(out, b"%s", b"alldbs" if x.every_database else b"resetdbs")
    for i in range(x.database_count):
        buf_printf(out, b"%s%lld", b"," if i else b"db=", <long long>x.databases[i])


cdef void describe_selector(const selector *x, buf *out) noexcept nogil:
    describe_keys(x, out)
    if x.every_key or x.key_count:
        buf_add_char(out, c' ')
    if not x.every_channel:
        buf_printf(out, b"resetchannels ")
    describe_channels(x, out)
    if x.every_channel or x.channel_count:
        buf_add_char(out, c' ')
    if not x.every_database:
        describe_databases(x, out)
        buf_add_char(out, c' ')
    describe_commands(x, out)


cdef void describe_user(const user *u, bint sanitizing, buf *out) noexcept nogil:
    cdef const selector *x = u.first.next
    cdef int i
    buf_printf(out, b"user ")
    buf_add(out, u.name, u.name_len)
    buf_printf(out, b"%s", b" on " if u.enabled else b" off ")
    if u.nopass:
        buf_printf(out, b"nopass ")
    if sanitizing:
        buf_printf(out, b"%s", b"skip-sanitize-payload " if u.skips_sanitizing else b"sanitize-payload ")
    for i in range(u.password_count):
        buf_add_char(out, c'#')
        describe_password(u, i, out)
        buf_add_char(out, c' ')
    describe_selector(u.first, out)
    while x != NULL:
        buf_printf(out, b" (")
        describe_selector(x, out)
        buf_add_char(out, c')')
        x = x.next
