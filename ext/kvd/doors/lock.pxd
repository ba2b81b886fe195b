"""The store's lock, as Python threads take it.

No thread may wait for the store's lock while it holds the GIL: a network thread that holds the lock never wants the GIL,
but a Python thread would stop all others. So: try, else release the GIL and wait. A store that no other thread can reach
takes no lock at all.
"""

from kvd.store.keyspace cimport pthread_mutex_trylock, pthread_mutex_unlock, store, store_lock_slowly

cdef extern from "kvd/doors/lock.h" nogil:
    bint FREE_THREADED "KVD_FREE_THREADED"


cdef inline void acquire(store *s) noexcept:
    if s.shared:
        if pthread_mutex_trylock(&s.lock) != 0:
            with nogil:
                store_lock_slowly(s)
        s.locked = True


cdef inline void release(store *s) noexcept:
    if s.locked:                   # it may have become shared meanwhile: see relax
        s.locked = False
        pthread_mutex_unlock(&s.lock)
