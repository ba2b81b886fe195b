/* Arithmetic with the compiler's own checks. */

#ifndef KVD_CORE_ARITH_H
#define KVD_CORE_ARITH_H

#include <stdint.h>

static inline int kvd_add_overflows(int64_t a, int64_t b, int64_t *sum) { return __builtin_add_overflow(a, b, sum); }
static inline int kvd_sub_overflows(int64_t a, int64_t b, int64_t *difference) { return __builtin_sub_overflow(a, b, difference); }
static inline int kvd_finite(long double d) { return __builtin_isfinite(d); }

#endif
