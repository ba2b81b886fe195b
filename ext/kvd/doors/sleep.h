/* Blocks signals in one thread until it waits. */

#ifndef KVD_DOORS_SLEEP_H
#define KVD_DOORS_SLEEP_H

#include <pthread.h>
#include <signal.h>

static inline void kvd_hold_signals(sigset_t *usual) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, usual);
}

static inline void kvd_restore_signals(const sigset_t *usual) { pthread_sigmask(SIG_SETMASK, usual, NULL); }

#endif
