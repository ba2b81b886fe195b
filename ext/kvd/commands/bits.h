/* Counting bits eight bytes at a time, and the arithmetic of BITFIELD's fields in 128 bits, in which nothing overflows. */

#ifndef KVD_COMMANDS_BITS_H
#define KVD_COMMANDS_BITS_H

#include <stdint.h>
#include <string.h>

static uint64_t kvd_ones_plain(const uint8_t *p, size_t n) {
    uint64_t total = 0, w;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        w -= (w >> 1) & 0x5555555555555555ull;
        w = (w & 0x3333333333333333ull) + ((w >> 2) & 0x3333333333333333ull);
        total += (((w + (w >> 4)) & 0x0f0f0f0f0f0f0f0full) * 0x0101010101010101ull) >> 56;
    }
    for (; n; p++, n--) total += __builtin_popcount(*p);
    return total;
}
#if defined(__x86_64__)
__attribute__((target("popcnt"))) static uint64_t kvd_ones_fast(const uint8_t *p, size_t n) {
    uint64_t total = 0, w;
    for (; n >= 8; p += 8, n -= 8) { memcpy(&w, p, 8); total += (uint64_t)__builtin_popcountll(w); }
    for (; n; p++, n--) total += (uint64_t)__builtin_popcount(*p);
    return total;
}

static uint64_t kvd_ones(const uint8_t *p, size_t n) {
    return __builtin_cpu_supports("popcnt") ? kvd_ones_fast(p, n) : kvd_ones_plain(p, n);
}
#else
#define kvd_ones kvd_ones_plain
#endif

/* Adds incr to the value of a field of `bits` bits: 0 it fits, 1 above, -1 below; *out is then the
   sum modulo its width (wrap) or the nearest bound. `natural` reads value as unsigned. */
static int kvd_field_add(int64_t value, int natural, int64_t incr, int is_signed, int bits, int wrap, int64_t *out) {
    __int128 lo = is_signed ? -((__int128)1 << (bits - 1)) : 0;
    __int128 hi = ((__int128)1 << (is_signed ? bits - 1 : bits)) - 1;
    __int128 sum = (natural ? (__int128)(uint64_t)value : (__int128)value) + incr;
    uint64_t low = (uint64_t)sum;
    if (sum >= lo && sum <= hi) { *out = (int64_t)low; return 0; }
    if (!wrap) { *out = (int64_t)(sum > hi ? hi : lo); return sum > hi ? 1 : -1; }
    if (bits < 64) {
        low &= ((uint64_t)1 << bits) - 1;
        if (is_signed && low >> (bits - 1)) low |= ~(((uint64_t)1 << bits) - 1);
    }
    *out = (int64_t)low;
    return sum > hi ? 1 : -1;
}

#endif
