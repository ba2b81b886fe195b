"""Large arguments of a call: memory for them, obtained without the store's lock.

Whoever receives an argument of many bytes (a connection, or the door of a client in this process) asks what the
command does with it. SET and its relatives (mark takes_value) take over the memory that the argument lies in. The
other commands that store their arguments copy them into memory that was obtained while the argument arrived, so that
under the lock neither pages are faulted in nor, in the first case, bytes copied.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from kvd.core.mem cimport OFFERED_ROOM, ready_free, ready_new, ready_touch
from kvd.core.pages cimport use_huge_pages
from kvd.run.call cimport F_DENYOOM, F_TAKES_VALUE
from kvd.run.renames cimport called_named
from kvd.session.session cimport in_multi


cdef large_use large_use_of(session *c, view name, size_t n) noexcept nogil:
    cdef const command *d = called_named(c.store, name) if n >= LARGE else NULL
    if d == NULL:
        return USE_NONE
    if d.flags & F_TAKES_VALUE or in_multi(c):     # the queue takes it, too
        return USE_TAKEN
    return USE_COPIED if d.flags & F_DENYOOM and n >= VAST else USE_NONE


cdef bint large_copy(large_args *l, view *v) noexcept nogil:
    cdef char *base = <char *>malloc(v.len + OFFERED_ROOM)
    if base == NULL:
        return False
    use_huge_pages(base, v.len + OFFERED_ROOM)
    memcpy(base + OFFERED_ROOM, v.ptr, v.len)
    v.ptr = base + OFFERED_ROOM
    l.offer.base = base
    l.offer.bytes = v.ptr
    l.offer.len = v.len
    l.offer.taken = False
    return True


cdef void large_ready(large_args *l, size_t n) noexcept nogil:
    cdef ready *r = ready_new(n)
    if r != NULL:
        ready_touch(r, 0, r.room)
        r.next = l.blocks
        l.blocks = r


cdef void large_lend(store *s, large_args *l) noexcept nogil:
    l.lent = l.offer.base != NULL or l.blocks != NULL
    if not l.lent:
        return
    s.mem.offer = &l.offer if l.offer.base != NULL else NULL
    s.mem.ready = l.blocks
    l.blocks = NULL


cdef bint large_reclaim(store *s, large_args *l) noexcept nogil:
    cdef bint taken = l.offer.taken
    if not l.lent:
        return False
    l.lent = False
    l.blocks = s.mem.ready
    s.mem.ready = NULL
    s.mem.offer = NULL
    if taken:
        l.offer.base = NULL
        l.offer.taken = False
    return taken


cdef void large_release(large_args *l) noexcept nogil:
    free(l.offer.base)
    l.offer.base = NULL
    ready_free(l.blocks)
    l.blocks = NULL
