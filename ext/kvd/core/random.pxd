"""A small, fast random generator (xorshift64*), one for each owner. Not for secrets."""

from libc.stdint cimport uint64_t

cdef struct rng:
    uint64_t state


cdef inline void rng_seed(rng *r, uint64_t seed) noexcept nogil:
    r.state = seed if seed != 0 else <uint64_t>0x9E3779B97F4A7C15ULL


cdef inline uint64_t rng_next(rng *r) noexcept nogil:
    r.state ^= r.state >> 12
    r.state ^= r.state << 25
    r.state ^= r.state >> 27
    return r.state * <uint64_t>0x2545F4914F6CDD1DULL


cdef inline uint64_t rng_below(rng *r, uint64_t n) noexcept nogil:
    """Uniform in [0, n) for n < 2**32, by multiplication instead of division."""
    return ((rng_next(r) >> 32) * n) >> 32


cdef inline double rng_unit(rng *r) noexcept nogil:
    """Uniform in [0, 1)."""
    return <double>(rng_next(r) >> 11) / 9007199254740992.0
