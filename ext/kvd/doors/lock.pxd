"""The store's lock for Python threads.

No thread may wait for the store's lock while it holds the GIL: a network thread that holds the lock never needs the GIL,
but a Python thread would stop all others. So: try, else release the GIL and wait. A store that is not shared with other
threads takes no lock at all.

A method takes the lock once, for its whole access to the store; it decodes the reply after it has released it,
because making Python objects may run a finalizer that uses the store.
"""

from kvd.store.lock cimport guard_release, guard_try, guard_wait
from kvd.store.store cimport store

cdef extern from "kvd/doors/lock.h" nogil:
    bint FREE_THREADED "KVD_FREE_THREADED"


cdef inline void acquire(store *s) noexcept:
    if s.guard.shared:
        if not guard_try(&s.guard):
            with nogil:
                guard_wait(&s.guard)
        s.guard.held = True


cdef inline void release(store *s) noexcept:
    if s.guard.held:               # it may have become shared meanwhile: see relax
        s.guard.held = False
        guard_release(&s.guard)
