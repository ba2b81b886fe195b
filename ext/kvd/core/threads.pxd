"""Threads of the engine. See threads.h."""

cdef extern from "kvd/core/threads.h" nogil:
    ctypedef unsigned long pthread_t
    pthread_t pthread_self()
    int pthread_join(pthread_t t, void **result)
    int thread_start "kvd_thread_start" (pthread_t *t, void *(*f)(void *) noexcept nogil, void *arg) noexcept   # 0: it runs
