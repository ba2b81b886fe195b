"""Origins: which history of replication a data set belongs to, and the place in it.

A snapshot file names it (repl-id, repl-offset, repl-stream-db, as in Redis), so that a server that loads the file at start continues:
as a replica it asks for what follows the offset, as a master it sends replicas what follows theirs. Replication lies above this
layer, and registers what it does here.
"""

from libc.string cimport memset

cdef origin_asked ASK = NULL
cdef origin_begun BEGIN = NULL


cdef void origin_by(origin_asked ask, origin_begun begin) noexcept:
    global ASK, BEGIN
    ASK = ask
    BEGIN = begin


cdef void origin_ask(store *s, origin *o) noexcept nogil:
    memset(o, 0, sizeof(origin))
    if ASK != NULL:
        ASK(s, o)


cdef void origin_begin(store *s, const origin *o) noexcept nogil:
    if BEGIN != NULL:
        BEGIN(s, o)
