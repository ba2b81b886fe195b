"""Libraries of functions, and the two tables of a store that contain them, by name."""

from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from kvd.core.buf cimport buf_add
from kvd.core.entry cimport entry, entry_payload
from kvd.core.glob cimport glob_match
from kvd.core.pointers cimport pointer_find, pointer_put, pointer_take
from kvd.core.table cimport table_next
from kvd.core.view cimport lower, view_equal, view_of
from kvd.run.figures cimport figures_of
from kvd.script.runtime cimport forget, runtime_account


# ---- a library -----------------------------------------------------------------------------------

cdef view copy_of(view v) noexcept nogil:
    """ptr NULL: no memory."""
    cdef char *p = <char *>malloc(v.len + 1)
    if p == NULL:
        return view_of(NULL, 0)
    memcpy(p, v.ptr, v.len)
    return view_of(p, v.len)


cdef void lower_all(char *p, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        p[i] = lower(p[i])


cdef bint name_is_good(view name) noexcept nogil:
    cdef size_t i
    cdef char ch
    for i in range(name.len):
        ch = name.ptr[i]
        if not (c'a' <= ch <= c'z' or c'A' <= ch <= c'Z' or c'0' <= ch <= c'9' or ch == c'_'):
            return False
    return name.len > 0


cdef library *library_make(view name, view code) noexcept nogil:
    cdef library *l = <library *>calloc(1, sizeof(library))
    if l == NULL:
        return NULL
    l.name = copy_of(name)
    l.code = copy_of(code)
    if l.name.ptr == NULL or l.code.ptr == NULL:
        free(<void *>l.name.ptr)
        free(<void *>l.code.ptr)
        free(l)
        return NULL
    return l


cdef void function_free(runtime *r, function *f) noexcept nogil:
    forget(r, f.index)
    free(<void *>f.name.ptr)
    free(<void *>f.key.ptr)
    free(<void *>f.description.ptr)
    free(f)


cdef void library_free(runtime *r, library *l) noexcept nogil:
    cdef int i
    for i in range(l.count):
        function_free(r, l.functions[i])
    free(l.functions)
    free(<void *>l.name.ptr)
    free(<void *>l.code.ptr)
    free(l)


cdef bint library_add(library *l, view name, view description, int flags, int index) noexcept nogil:
    cdef function *f = <function *>calloc(1, sizeof(function))
    cdef void *grown = realloc(l.functions, (l.count + 1) * sizeof(function *))
    if grown != NULL:
        l.functions = <function **>grown
    if f != NULL:
        f.name = copy_of(name)
        f.key = copy_of(name)
        if f.key.ptr != NULL:
            lower_all(<char *>f.key.ptr, f.key.len)
        f.description = copy_of(description) if description.ptr != NULL else view_of(NULL, 0)
        f.flags = flags
        f.owner = l
        f.index = index
    if f == NULL or grown == NULL or f.name.ptr == NULL or f.key.ptr == NULL:
        free(f)
        return False
    l.functions[l.count] = f
    l.count += 1
    return True


cdef function *library_find(library *l, view name) noexcept nogil:
    """By its name in lower case."""
    cdef int i
    for i in range(l.count):
        if view_equal(l.functions[i].key, name):
            return l.functions[i]
    return NULL


# ---- the tables ----------------------------------------------------------------------------------

cdef function *function_find(runtime *r, view name) noexcept nogil:
    """In any case; NULL: there is none."""
    if r == NULL:
        return NULL
    r.text.len = 0
    buf_add(&r.text, name.ptr, name.len)
    if r.text.len < name.len:
        return NULL
    lower_all(r.text.ptr, name.len)
    return <function *>pointer_find(&r.functions, view_of(r.text.ptr, name.len))


cdef void libraries_account(runtime *r) noexcept nogil:
    figures_of(r.store).scripts.libraries = r.libraries.items
    figures_of(r.store).scripts.functions = r.functions.items
    figures_of(r.store).scripts.function_bytes = r.functions_bytes
    runtime_account(r)


cdef bint libraries_put(runtime *r, library *l) noexcept nogil:
    cdef int i
    cdef bint ok = pointer_put(&r.libraries, l.name, l)
    for i in range(l.count):
        ok = ok and pointer_put(&r.functions, l.functions[i].key, l.functions[i])
    r.functions_bytes += sizeof(library) + l.code.len + l.count * sizeof(function)
    return ok


cdef void libraries_drop(runtime *r, library *l) noexcept nogil:
    """Removes it from the tables, and frees it."""
    cdef int i
    for i in range(l.count):
        pointer_take(&r.functions, l.functions[i].key)
    pointer_take(&r.libraries, l.name)
    r.functions_bytes -= sizeof(library) + l.code.len + l.count * sizeof(function)
    library_free(r, l)


cdef library *libraries_next(runtime *r, table_cursor *at, view pattern) noexcept nogil:
    """The next whose name matches; NULL at the end."""
    cdef entry *e = NULL
    while True:
        e = table_next(&r.libraries, at) if r != NULL else <entry *>NULL
        if e == NULL:
            return NULL
        if pattern.ptr == NULL or glob_match(pattern, (<library *>entry_payload(e)[0]).name, True):
            return <library *>entry_payload(e)[0]


cdef void libraries_flush(runtime *r) noexcept nogil:
    cdef table_cursor at
    while r.libraries.items:
        memset(&at, 0, sizeof(at))
        libraries_drop(r, libraries_next(r, &at, view_of(NULL, 0)))
    libraries_account(r)
