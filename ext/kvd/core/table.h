/* Access to a bucket of the hash table: nine tags are compared at once, nine pointers take six bytes each. */

#ifndef KVD_CORE_TABLE_H
#define KVD_CORE_TABLE_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
/* bit i set: byte i of the nine at p equals tag */
static inline uint32_t kvd_match9(const uint8_t *p, uint8_t tag) {
    __m128i line = _mm_loadu_si128((const __m128i *)p);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(line, _mm_set1_epi8((char)tag))) & 0x1ff;
}
#else
static inline uint32_t kvd_match9(const uint8_t *p, uint8_t tag) {
    uint32_t mask = 0;
    for (int i = 0; i < 9; i++) mask |= (uint32_t)(p[i] == tag) << i;
    return mask;
}
#endif
static inline void *kvd_slot_get(const uint8_t *slots, int i) {
    uint64_t v;
    memcpy(&v, slots + 6 * i - 2, 8);
    return (void *)(uintptr_t)(v >> 16);
}

static inline void kvd_slot_set(uint8_t *slots, int i, void *p) {
    uint64_t v = (uint64_t)(uintptr_t)p;
    memcpy(slots + 6 * i, &v, 6);
}

static inline int kvd_ctz(uint32_t m) { return __builtin_ctz(m); }
static inline int kvd_log2_floor(size_t n) { return 63 - __builtin_clzll((unsigned long long)n); }
static inline void kvd_prefetch(const void *p) { __builtin_prefetch(p); }

#endif
