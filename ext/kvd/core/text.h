/* Digits in pairs, and strtod with distinct errors: overflow and underflow to zero are errors, a denormal is not.

   kvd_quick_double reads what most numbers are, [-]digits[.digits][e[sign]digits] with up to 19 digits and a decimal exponent from -27
   to 27, and leaves the rest to strtod. Digits and power of ten are exact in 64 bits of mantissa, so their product or quotient
   is less than one unit of them off. Rounding it to the 53 bits of a double is then right unless its last 11 bits are
   next to the middle between two doubles. */

#ifndef KVD_CORE_TEXT_H
#define KVD_CORE_TEXT_H

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KVD_PAIRS[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";
static int kvd_isinf(double d) { return isinf(d) ? (d > 0 ? 1 : -1) : 0; }
static int kvd_isnan(double d) { return isnan(d); }
static int kvd_isinfl(long double d) { return isinf(d) ? (d > 0 ? 1 : -1) : 0; }
static int kvd_isnanl(long double d) { return isnan(d); }
static int kvd_strtod(const char *s, const char **end, double *out) {
    char *e; errno = 0; *out = strtod(s, &e); *end = e;
    return !(errno == ERANGE && (*out == HUGE_VAL || *out == -HUGE_VAL || *out == 0));
}

#if LDBL_MANT_DIG == 64
static const long double KVD_TENS[] = {
    1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
    1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};

static int kvd_exponent(const char *p, const char *end, int *exponent) {   /* of two digits at most; 0: something else */
    int negative = p < end && *p == '-', n = 0;
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end || end - p > 2) return 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9') return 0;
        n = n * 10 + (*p - '0');
    }
    *exponent = negative ? -n : n;
    return 1;
}

static int kvd_quick_double(const char *p, size_t n, double *out) {        /* 0: not read */
    const char *end = p + n;
    int negative = n && *p == '-', digits = 0, any = 0, point = 0, decimals = 0, exponent = 0;
    uint64_t m = 0;
    long double d;
    for (p += negative; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++) {
        if (*p == '.') { point = 1; continue; }
        if (digits == 19) return 0;
        m = m * 10 + (uint64_t)(*p - '0');
        digits += m != 0;
        decimals += point;
        any = 1;
    }
    if (!any || (p < end && ((*p != 'e' && *p != 'E') || !kvd_exponent(p + 1, end, &exponent)))) return 0;
    exponent -= decimals;
    if (exponent < -27 || exponent > 27) return 0;
    d = exponent < 0 ? (long double)m / KVD_TENS[-exponent] : (long double)m * KVD_TENS[exponent];
    memcpy(&m, &d, 8);
    if ((m & 0x7FF) >= 0x3FF && (m & 0x7FF) <= 0x401) return 0;
    *out = (double)(negative ? -d : d);
    return 1;
}
#else
static int kvd_quick_double(const char *p, size_t n, double *out) { (void)p; (void)n; (void)out; return 0; }
#endif

static int kvd_strtold(const char *s, const char **end, long double *out) {
    char *e; errno = 0; *out = strtold(s, &e); *end = e;
    return !(errno == ERANGE && (*out == HUGE_VALL || *out == -HUGE_VALL || *out == 0));
}

static int kvd_print_ld(char *out, size_t n, long double d) { return snprintf(out, n, "%.17Lf", d); }

#endif
