"""A store's mutex, taken only while other threads can reach the store.

Mutexes are not fair: a holder that releases and takes again at once usually gets it back. `waiting` shows a
long-running holder (a script) that others wait, and guard_lend lets them take it.

Rules: never wait for it while holding the GIL; its holder takes the GIL only for registered callbacks.
"""

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *)
    int pthread_mutex_lock(pthread_mutex_t *)
    int pthread_mutex_trylock(pthread_mutex_t *)
    int pthread_mutex_unlock(pthread_mutex_t *)
    int pthread_mutex_destroy(pthread_mutex_t *)

cdef extern from * nogil:
    """
    #include <unistd.h>
    static inline void kvd_atomic_add(int *p, int n) { __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST); }
    static inline int kvd_atomic_get(int *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
    """
    void atomic_add "kvd_atomic_add" (int *p, int n)
    int atomic_get "kvd_atomic_get" (int *p)
    int usleep(unsigned int us)

cdef enum:
    YIELD_STEP_US = 20
    YIELD_STEPS = 50
    LEND_STEP_US = 100
    LEND_STEPS = 100           # at most 10 ms are given to waiting threads

cdef struct guard:
    pthread_mutex_t mutex
    int waiting                # threads that wait for it; atomic
    bint shared                # other threads can reach the store: the mutex is used
    bint held                  # a method of a Python object holds it (doors/lock.pxd)


cdef inline void guard_init(guard *g) noexcept nogil:
    """Unlocked, whatever its state was; also in the child of a fork."""
    pthread_mutex_init(&g.mutex, NULL)
    g.waiting = 0
    g.held = False


cdef inline bint guard_try(guard *g) noexcept nogil:
    """True: taken."""
    return pthread_mutex_trylock(&g.mutex) == 0


cdef inline void guard_wait(guard *g) noexcept nogil:
    """Takes it; the thread counts as waiting meanwhile."""
    atomic_add(&g.waiting, 1)
    pthread_mutex_lock(&g.mutex)
    atomic_add(&g.waiting, -1)


cdef inline void guard_release(guard *g) noexcept nogil:
    pthread_mutex_unlock(&g.mutex)


cdef inline void guard_lend(guard *g) noexcept nogil:
    """Releases it until every waiting thread has held it, 10 ms at most, and takes it again."""
    cdef int steps = LEND_STEPS
    pthread_mutex_unlock(&g.mutex)
    while steps and atomic_get(&g.waiting):
        usleep(LEND_STEP_US)
        steps -= 1
    pthread_mutex_lock(&g.mutex)


cdef inline void guard_yield(guard *g) noexcept nogil:
    """Without holding it: waits until the threads that wait for it have had it, 1 ms at most, before it is taken again."""
    cdef int steps = YIELD_STEPS
    while steps and atomic_get(&g.waiting):
        usleep(YIELD_STEP_US)
        steps -= 1
