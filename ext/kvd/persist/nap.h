/* A sleep of a background thread that another thread can end. */

#ifndef KVD_PERSIST_NAP_H
#define KVD_PERSIST_NAP_H

#include <pthread.h>
#include <time.h>

struct kvd_nap { pthread_mutex_t mutex; pthread_cond_t cond; int ended; };

static inline void kvd_nap_init(struct kvd_nap *n) {
    pthread_mutex_init(&n->mutex, NULL);
    pthread_cond_init(&n->cond, NULL);
    n->ended = 0;
}

/* sleeps ms; 0: it was ended */
static inline int kvd_nap(struct kvd_nap *n, int ms) {
    struct timespec until;
    int going;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) { until.tv_nsec -= 1000000000; until.tv_sec++; }
    pthread_mutex_lock(&n->mutex);
    if (!n->ended) pthread_cond_timedwait(&n->cond, &n->mutex, &until);
    going = !n->ended;
    pthread_mutex_unlock(&n->mutex);
    return going;
}

/* ends the sleep that goes on, if one does */
static inline void kvd_nap_wake(struct kvd_nap *n) {
    pthread_mutex_lock(&n->mutex);
    pthread_cond_broadcast(&n->cond);
    pthread_mutex_unlock(&n->mutex);
}

static inline void kvd_nap_end(struct kvd_nap *n) {
    pthread_mutex_lock(&n->mutex);
    n->ended = 1;
    pthread_cond_broadcast(&n->cond);
    pthread_mutex_unlock(&n->mutex);
}

#endif
