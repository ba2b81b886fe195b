/* A thread of the engine is started with the signals blocked that come from outside: they are the main thread's. Those that a
   fault of the thread itself raises stay, so that faulthandler and the like report it. */

#ifndef KVD_CORE_THREADS_H
#define KVD_CORE_THREADS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <pthread.h>
#include <signal.h>

static int kvd_thread_start(pthread_t *t, void *(*f)(void *), void *arg) {
    sigset_t all, old;
    int r;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(t, NULL, f, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

#endif
