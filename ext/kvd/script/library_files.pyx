"""Function libraries in RDB files: what the loader of files calls for them.

They are compiled while the file is read, apart from those that the store has, and admitted together with its keys. Their errors are
written as replies, so each call has a session of its own, whose output becomes the error text.
"""

from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset, strlen

from kvd.core.buf cimport buf, buf_add
from kvd.core.view cimport view
from kvd.persist.load cimport library_files, loading_libraries
from kvd.run.call cimport call, call_init
from kvd.script.interpreter cimport runtime_open
from kvd.script.libraries cimport libraries_flush, library, library_free
from kvd.script.loading cimport admit_batch, batch, library_new
from kvd.script.runtime cimport runtime, runtime_find
from kvd.session.clients cimport session_delete, session_new
from kvd.session.session cimport clients_of, session
from kvd.store.store cimport store


cdef bint begin(call *c, store *s, buf *why) noexcept nogil:
    """A call whose reply tells an error; False: see why."""
    cdef session *who
    if clients_of(s).busy != NULL:         # the interpreter is in use
        buf_add(why, clients_of(s).busy, strlen(clients_of(s).busy))
        return False
    who = session_new(s, True)
    if who == NULL:
        buf_add(why, b"no memory", 9)
        return False
    memset(c, 0, sizeof(call))
    call_init(c, who)
    return True


cdef void end(call *c, bint ok, buf *why) noexcept nogil:
    """An error reply is `-ERR text` and the end of the line."""
    cdef size_t skipped = 5
    if not ok and c.out.len > skipped + 2:
        buf_add(why, c.out.ptr + skipped, c.out.len - skipped - 2)
    session_delete(c.session)


cdef bint add(batch *b, library *l) noexcept nogil:
    """False: no memory."""
    cdef void *grown = realloc(b.libraries, (b.count + 1) * sizeof(library *))
    if grown == NULL:
        return False
    b.libraries = <library **>grown
    b.libraries[b.count] = l
    b.count += 1
    return True


cdef bint make(store *s, void **made, view code, bint replace, buf *why) noexcept nogil:
    cdef call c
    cdef runtime *r
    cdef library *l = NULL
    cdef bint ok = False
    if made[0] == NULL:
        made[0] = calloc(1, sizeof(batch))
    if made[0] == NULL or not begin(&c, s, why):
        return False
    r = runtime_open(&c)
    if r != NULL:
        l = library_new(&c, r, code, replace)
    if l != NULL:
        ok = add(<batch *>made[0], l)
        if not ok:
            library_free(r, l)
    end(&c, ok, why)
    return ok


cdef bint install(store *s, void **made, bint flush, bint replace, buf *why) noexcept nogil:
    cdef call c
    cdef batch *b = <batch *>made[0]
    cdef bint ok
    if b == NULL:
        if flush and runtime_find(s) != NULL:
            libraries_flush(runtime_find(s))
        return True
    if not begin(&c, s, why):
        return False
    b.flush = flush
    b.replace = replace
    ok = admit_batch(&c, runtime_find(s), b)
    b.count = 0                        # it has taken them over
    end(&c, ok, why)
    drop(s, made)
    return ok


cdef void drop(store *s, void **made) noexcept nogil:
    cdef batch *b = <batch *>made[0]
    cdef int i
    if b == NULL:
        return
    for i in range(b.count):
        library_free(runtime_find(s), b.libraries[i])
    free(b.libraries)
    free(b)
    made[0] = NULL


cdef library_files FUNCTIONS
FUNCTIONS.make = make
FUNCTIONS.install = install
FUNCTIONS.drop = drop
loading_libraries(&FUNCTIONS)
