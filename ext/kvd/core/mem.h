/* Memory for slabs: chunks of a megabyte, aligned to pages of 32 KiB so that a block's page is found by masking its address. */

#ifndef KVD_CORE_MEM_H
#define KVD_CORE_MEM_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define KVD_SLABS 0
#else
#define KVD_SLABS 1
#endif
static size_t kvd_mem_total = 0;
static inline void kvd_total_add(intptr_t n) { __atomic_fetch_add(&kvd_mem_total, (size_t)n, __ATOMIC_RELAXED); }
static inline size_t kvd_total_get(void) { return __atomic_load_n(&kvd_mem_total, __ATOMIC_RELAXED); }
static inline void *kvd_aligned(size_t alignment, size_t n) {
    void *p;
    return posix_memalign(&p, alignment, n) == 0 ? p : NULL;
}
#define KVD_CHUNK 1048576
#define KVD_PAGE 32768
/* one chunk, aligned to a page of this heap; NULL: no memory */
static void *kvd_chunk_map(void) {
    char *p = mmap(NULL, KVD_CHUNK + KVD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *base;
    if (p == MAP_FAILED) return NULL;
    base = (char *)(((uintptr_t)p + KVD_PAGE - 1) & ~(uintptr_t)(KVD_PAGE - 1));
    if (base > p) munmap(p, base - p);
    munmap(base + KVD_CHUNK, p + KVD_PAGE - base);
    return base;
}

static inline void kvd_chunk_unmap(void *base) { munmap(base, KVD_CHUNK); }
static inline void kvd_discard(void *page) { madvise(page, KVD_PAGE, MADV_DONTNEED); }
static inline int kvd_lowest(uint32_t m) { return __builtin_ctz(m); }
static inline int kvd_log2(size_t n) { return 63 - __builtin_clzll((unsigned long long)n); }

#endif
