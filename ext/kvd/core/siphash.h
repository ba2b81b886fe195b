/* SipHash-1-3: a keyed hash, so that clients cannot choose keys that collide. */

#ifndef KVD_CORE_SIPHASH_H
#define KVD_CORE_SIPHASH_H

#include <stdint.h>
#include <string.h>

#define KVD_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define KVD_SIPROUND do { \
    v0 += v1; v1 = KVD_ROTL(v1, 13); v1 ^= v0; v0 = KVD_ROTL(v0, 32); \
    v2 += v3; v3 = KVD_ROTL(v3, 16); v3 ^= v2; \
    v0 += v3; v3 = KVD_ROTL(v3, 21); v3 ^= v0; \
    v2 += v1; v1 = KVD_ROTL(v1, 17); v1 ^= v2; v2 = KVD_ROTL(v2, 32); } while (0)
static inline uint64_t kvd_siphash13(uint64_t k0, uint64_t k1, const char *p, size_t n) {
    uint64_t v0 = 0x736f6d6570736575ull ^ k0, v1 = 0x646f72616e646f6dull ^ k1;
    uint64_t v2 = 0x6c7967656e657261ull ^ k0, v3 = 0x7465646279746573ull ^ k1;
    uint64_t m, tail = (uint64_t)n << 56;
    const char *end = p + (n & ~(size_t)7);
    for (; p != end; p += 8) {
        memcpy(&m, p, 8);
        v3 ^= m; KVD_SIPROUND; v0 ^= m;
    }
    switch (n & 7) {
        case 7: tail |= (uint64_t)(uint8_t)p[6] << 48; /* fallthrough */
        case 6: tail |= (uint64_t)(uint8_t)p[5] << 40; /* fallthrough */
        case 5: tail |= (uint64_t)(uint8_t)p[4] << 32; /* fallthrough */
        case 4: tail |= (uint64_t)(uint8_t)p[3] << 24; /* fallthrough */
        case 3: tail |= (uint64_t)(uint8_t)p[2] << 16; /* fallthrough */
        case 2: tail |= (uint64_t)(uint8_t)p[1] << 8; /* fallthrough */
        case 1: tail |= (uint64_t)(uint8_t)p[0]; /* fallthrough */
        case 0: break;
    }
    v3 ^= tail; KVD_SIPROUND; v0 ^= tail;
    v2 ^= 0xff;
    KVD_SIPROUND; KVD_SIPROUND; KVD_SIPROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

#endif
