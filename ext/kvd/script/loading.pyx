"""Loading of libraries.

The code of a library runs once, when it is loaded, and registers functions. Meanwhile it has almost no globals
(sandbox.pyx).

LOAD and RESTORE are one operation: create libraries apart from those that exist, check all names, and only then
replace existing ones. After any failure, nothing has changed.
"""

from libc.string cimport memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.pointers cimport pointer_find
from kvd.core.view cimport view_equal, view_is, view_of
from kvd.run.args cimport reply_error, reply_error_about
from kvd.run.errors cimport NO_MEMORY
from kvd.script.execution cimport hook_again
from kvd.script.flags cimport first_line, next_word
from kvd.script.libraries cimport (
    function, libraries_account, libraries_drop, libraries_flush, libraries_put, library_find, library_free,
    library_make, name_is_good,
)
from kvd.script.lua cimport REGISTRY, T_STRING, T_TABLE, lua, registered
from kvd.script.runtime cimport compile, forget, runtime_of
from kvd.script.sandbox cimport library_environment
from kvd.store.change cimport others_changed

cdef enum:
    LOAD_TIMEOUT_US = 500000


cdef bint read_metadata(call *c, view code, view *name, view *body) noexcept nogil:
    """`#!lua name=...`; False: the error is replied."""
    cdef view line, word
    cdef bint ends = first_line(code, &line, body)
    name[0] = view_of(NULL, 0)
    if line.ptr == NULL or not ends:
        reply_error(c, b"ERR Missing library metadata" if line.ptr == NULL else b"ERR Invalid library metadata")
        return False
    next_word(&line, &word)
    if not view_is(word, b"lua"):
        reply_error_about(c, b"ERR Engine '%.*s' not found", word)
        return False
    while next_word(&line, &word):
        if word.len < 5 or not view_is(view_of(word.ptr, 5), b"name="):
            reply_error_about(c, b"ERR Invalid metadata value given: %.*s", word)
            return False
        if name.ptr != NULL:
            reply_error(c, b"ERR Invalid metadata value, name argument was given multiple times")
            return False
        name[0] = view_of(word.ptr + 5, word.len - 5)
    if name.ptr == NULL:
        reply_error(c, b"ERR Library name was not given")
        return False
    if not name_is_good(name[0]):
        reply_error(c, b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
        return False
    return True


cdef int run_library(lua_State *L) noexcept nogil:
    """Runs the code of a library in the environment for loading."""
    cdef runtime *r = runtime_of(L)
    cdef int *index = <int *>lua.touserdata(L, 1)
    library_environment(r, True)
    lua.rawgeti(L, REGISTRY, index[0])
    lua.rawgeti(L, REGISTRY, r.library_env)
    lua.setfenv(L, -2)
    lua.call(L, 0, 0)
    return 0


cdef bint register_all(call *c, runtime *r, library *l, int index) noexcept nogil:
    cdef int status
    cdef size_t n
    cdef const char *text = NULL
    cdef lua_State *L = r.L
    r.load_until_us = mono_us() + LOAD_TIMEOUT_US
    r.loading = l
    lua.rawgeti(L, REGISTRY, r.handler)
    lua.rawgeti(L, REGISTRY, r.run_library)
    lua.pushlightuserdata(L, &index)
    status = lua.pcall(L, 1, 0, -3)
    r.loading = NULL
    library_environment(r, False)
    hook_again(r)
    if status != 0:
        if lua.type(L, -1) == T_TABLE:
            lua.pushstring(L, b"err")
            lua.rawget(L, -2)
        if lua.type(L, -1) == T_STRING:
            text = lua.tolstring(L, -1, &n)
        if text == NULL:
            reply_error(c, b"ERR Error registering functions: ERR not enough memory")
        else:
            reply_error_about(c, b"ERR Error registering functions: %.*s", view_of(text, n))
    elif l.count == 0:
        reply_error(c, b"ERR No functions registered")
        status = 1
    lua.settop(L, 0)
    return status == 0


cdef library *library_new(call *c, runtime *r, view code, bint replace) noexcept nogil:
    """A library that is not yet in the tables; NULL: the error is replied."""
    cdef library *l
    cdef view name, body
    cdef buf why
    cdef int index
    cdef bint ok
    if not read_metadata(c, code, &name, &body):
        return NULL
    if not replace and pointer_find(&r.libraries, name) != NULL:
        reply_error_about(c, b"ERR Library '%.*s' already exists", name)
        return NULL
    memset(&why, 0, sizeof(why))
    index = compile(r, body, b"@user_function", &why)
    if index < 0:
        reply_error_about(c, b"ERR Error compiling function: %.*s", view_of(why.ptr, why.len))
        buf_release(&why)
        return NULL
    l = library_make(name, code)
    if l == NULL:
        reply_error(c, NO_MEMORY)
        ok = False
    else:
        ok = register_all(c, r, l, index)
    forget(r, index)
    if not ok and l != NULL:
        library_free(r, l)
    return l if ok else <library *>NULL


cdef bint is_leaving(runtime *r, batch *b, library *l) noexcept nogil:
    """Does the batch replace it?"""
    cdef int i
    if b.flush:
        return True
    for i in range(b.count):
        if b.replace and view_equal(b.libraries[i].name, l.name):
            return True
    return False


cdef bint names_are_free(call *c, runtime *r, batch *b) noexcept nogil:
    cdef int i, k, j
    cdef function *f
    cdef function *other
    for i in range(b.count):
        for k in range(i):
            if view_equal(b.libraries[i].name, b.libraries[k].name):
                reply_error_about(c, b"ERR Library '%.*s' already exists", b.libraries[i].name)
                return False
        for j in range(b.libraries[i].count):
            f = b.libraries[i].functions[j]
            other = <function *>pointer_find(&r.functions, f.key)
            if other != NULL and is_leaving(r, b, other.owner):
                other = NULL
            for k in range(i):
                if other == NULL:
                    other = library_find(b.libraries[k], f.key)
            if other != NULL:
                reply_error_about(c, b"ERR Function %.*s already exists", f.name)
                return False
    return True


cdef bint admit_batch(call *c, runtime *r, batch *b) noexcept nogil:
    """All or none; takes the libraries over. False: the error is replied."""
    cdef int i
    cdef bint ok = names_are_free(c, r, b)
    cdef library *old
    if not ok:
        for i in range(b.count):
            library_free(r, b.libraries[i])
        return False
    if b.flush:
        libraries_flush(r)
    for i in range(b.count):
        old = <library *>pointer_find(&r.libraries, b.libraries[i].name)
        if old != NULL:
            libraries_drop(r, old)
    for i in range(b.count):
        ok = libraries_put(r, b.libraries[i]) and ok
    if not ok:
        reply_error(c, NO_MEMORY)
    others_changed(c.store, 1)
    libraries_account(r)
    return ok


cdef int loading_open(lua_State *L) noexcept nogil:
    runtime_of(L).run_library = registered(L, run_library)
    return 0
