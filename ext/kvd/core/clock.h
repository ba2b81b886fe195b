/* Clocks: of the wall, monotonic, coarse, and the processor's counter, which is read in a few nanoseconds. */

#ifndef KVD_CORE_CLOCK_H
#define KVD_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif
static inline int64_t kvd_clock_us(int id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline int64_t kvd_wall_us(void) { return kvd_clock_us(CLOCK_REALTIME); }
static inline int64_t kvd_mono_us(void) { return kvd_clock_us(CLOCK_MONOTONIC); }

#if defined(CLOCK_MONOTONIC_COARSE)
#define KVD_COARSE_LAG 10000      /* a jiffy is 10 ms at most */
static inline int64_t kvd_coarse_us(void) { return kvd_clock_us(CLOCK_MONOTONIC_COARSE); }
#else
#define KVD_COARSE_LAG 0
static inline int64_t kvd_coarse_us(void) { return kvd_mono_us(); }
#endif

static inline uint64_t kvd_ticks(void) {
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
#endif
}

#endif
