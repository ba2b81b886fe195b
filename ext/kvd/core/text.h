/* Digits in pairs, and strtod with distinct errors: overflow and underflow to zero are errors, a denormal is not. */

#ifndef KVD_CORE_TEXT_H
#define KVD_CORE_TEXT_H

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

static int kvd_strtold(const char *s, const char **end, long double *out) {
    char *e; errno = 0; *out = strtold(s, &e); *end = e;
    return !(errno == ERANGE && (*out == HUGE_VALL || *out == -HUGE_VALL || *out == 0));
}

static int kvd_print_ld(char *out, size_t n, long double d) { return snprintf(out, n, "%.17Lf", d); }

#endif
