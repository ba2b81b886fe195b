/* A network thread is started with all signals blocked: they are the main thread's. */

#ifndef KVD_SERVER_SERVER_H
#define KVD_SERVER_SERVER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <pthread.h>
#include <signal.h>

static int kvd_thread_start(pthread_t *t, void *(*f)(void *), void *arg) {
    sigset_t all, old;
    int r;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);     /* signals are the main thread's */
    r = pthread_create(t, NULL, f, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

#endif
