"""HyperLogLog: estimates the number of distinct elements with 0.81% error in 12 KiB.

    header 16   "HYLL", encoding (0 dense, 1 sparse), 3 unused, estimate (8, its top bit: out of date)
    dense       16384 registers of 6 bits
    sparse      runs of registers: 00nnnnnn           n+1 zeros
                                   01nnnnnn nnnnnnnn  n+1 zeros
                                   1vvvvvnn           n+1 times v+1

A register holds the longest run of zeros, plus one, at the end of the hashes of its elements.
A sketch begins sparse and becomes dense when a value does not fit (above 32) or the runs take more
bytes than hll-sparse-max-bytes. Setting a register splits its run and joins equal neighbours.

The estimate is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017): it
needs only the histogram of the registers, and no correction for small or large numbers.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset

from kvd.core.buf cimport buf_printf

cdef extern from "<math.h>" nogil:
    double sqrt(double)
    long long llround(double)
    double INFINITY

cdef enum:
    INDEX_BITS = 14
    VALUE_BITS = 50            # of the hash, without the bits of the index
    SPARSE_MAX = 32            # largest value of a run
    RUN_MAX = 4                # longest run of a value
    SHORT_ZEROS = 64
    NEIGHBOURS = 5             # runs that are examined for joining


cdef inline uint64_t mix(uint64_t k) noexcept nogil:
    k *= <uint64_t>0xc6a4a7935bd1e995ULL
    k ^= k >> 47
    return k * <uint64_t>0xc6a4a7935bd1e995ULL


cdef uint64_t murmur64(view v) noexcept nogil:
    """MurmurHash64A, with the seed that makes sketches exchangeable."""
    cdef uint64_t h = <uint64_t>0xadc83b19ULL ^ v.len * <uint64_t>0xc6a4a7935bd1e995ULL
    cdef uint64_t word
    cdef size_t i = 0
    cdef size_t left
    while i + 8 <= v.len:
        memcpy(&word, v.ptr + i, 8)
        h = (h ^ mix(word)) * <uint64_t>0xc6a4a7935bd1e995ULL
        i += 8
    left = v.len - i
    if left:
        word = 0
        memcpy(&word, v.ptr + i, left)
        h = (h ^ word) * <uint64_t>0xc6a4a7935bd1e995ULL
    h ^= h >> 47
    h *= <uint64_t>0xc6a4a7935bd1e995ULL
    return h ^ h >> 47


# ---- header -----------------------------------------------------------------------------------------

cdef bint hll_is_dense(const uint8_t *p) noexcept nogil:
    return p[4] == 0


cdef bint hll_is(view v) noexcept nogil:
    cdef const uint8_t *p = <const uint8_t *>v.ptr
    if v.len < HLL_HEADER or memcmp(p, b"HYLL", 4) != 0 or p[4] > 1:
        return False
    return p[4] == 1 or v.len == HLL_DENSE


cdef bint hll_cached(view v, uint64_t *n) noexcept nogil:
    memcpy(n, v.ptr + 8, 8)
    return n[0] >> 63 == 0


cdef void hll_cache(uint8_t *p, uint64_t n) noexcept nogil:
    memcpy(p + 8, &n, 8)


cdef void hll_forget(uint8_t *p) noexcept nogil:
    p[15] |= 0x80


cdef void hll_init(hll *x) noexcept nogil:
    memset(x.p, 0, HLL_EMPTY)
    memcpy(x.p, b"HYLL", 4)
    x.p[4] = 1
    x.len = HLL_HEADER + put_zeros(x.p + HLL_HEADER, HLL_REGISTERS)


# ---- dense ------------------------------------------------------------------------------------------

cdef inline int dense_get(const uint8_t *p, int i) noexcept nogil:
    cdef int bit = i * 6
    cdef const uint8_t *b = p + HLL_HEADER + (bit >> 3)
    cdef int word = b[0] | (b[1] << 8 if bit & 7 > 2 else 0)
    return word >> (bit & 7) & 63


cdef inline void dense_put(uint8_t *p, int i, int value) noexcept nogil:
    cdef int bit = i * 6
    cdef int shift = bit & 7
    cdef uint8_t *b = p + HLL_HEADER + (bit >> 3)
    b[0] = <uint8_t>((b[0] & ~(63 << shift)) | value << shift)
    if shift > 2:
        b[1] = <uint8_t>((b[1] & ~(63 >> (8 - shift))) | value >> (8 - shift))


# ---- runs -------------------------------------------------------------------------------------------

cdef struct run:
    int value                  # 0: zeros
    int len
    int bytes


cdef inline bint run_at(const uint8_t *p, const uint8_t *end, run *r) noexcept nogil:
    """False: it is truncated."""
    r.bytes = 1
    r.value = 0
    if p[0] & 0x80:
        r.value = (p[0] >> 2 & 31) + 1
        r.len = (p[0] & 3) + 1
    elif p[0] & 0x40:
        if p + 1 >= end:
            return False
        r.bytes = 2
        r.len = ((p[0] & 63) << 8 | p[1]) + 1
    else:
        r.len = (p[0] & 63) + 1
    return True


cdef int put_zeros(uint8_t *p, int n) noexcept nogil:
    if n <= 0:
        return 0
    if n <= SHORT_ZEROS:
        p[0] = <uint8_t>(n - 1)
        return 1
    p[0] = <uint8_t>(0x40 | (n - 1) >> 8)
    p[1] = <uint8_t>((n - 1) & 255)
    return 2


cdef int put_run(uint8_t *p, int value, int n) noexcept nogil:
    if value == 0:
        return put_zeros(p, n)
    if n <= 0:
        return 0
    p[0] = <uint8_t>(0x80 | (value - 1) << 2 | (n - 1))
    return 1


cdef void join_neighbours(hll *x, uint8_t *p) noexcept nogil:
    """From the run at p on: adjacent runs of equal values are joined."""
    cdef uint8_t *end = x.p + x.len
    cdef run a, b
    cdef int looks = NEIGHBOURS
    while p < end and looks > 0 and run_at(p, end, &a):
        looks -= 1
        if a.value and p + 1 < end and run_at(p + 1, end, &b) and b.value == a.value and a.len + b.len <= RUN_MAX:
            put_run(p + 1, a.value, a.len + b.len)
            memmove(p, p + 1, end - p - 1)
            x.len -= 1
            end -= 1
            continue
        p += a.bytes


cdef int promote(hll *x, int index, int count) noexcept nogil:
    if not hll_to_dense(x):
        return -1
    return hll_set(x, index, count, 0)


cdef int sparse_set(hll *x, int index, int count, size_t sparse_max) noexcept nogil:
    cdef uint8_t *p = x.p + HLL_HEADER
    cdef uint8_t *end = x.p + x.len
    cdef uint8_t *before = p
    cdef uint8_t fresh[5]
    cdef run r
    cdef int first = 0
    cdef int n
    if count > SPARSE_MAX:
        return promote(x, index, count)
    while True:
        if p >= end or not run_at(p, end, &r):
            return -1
        if index < first + r.len:
            break
        first += r.len
        before = p
        p += r.bytes
    if r.value >= count:
        return 0
    n = put_run(fresh, r.value, index - first)
    n += put_run(fresh + n, count, 1)
    n += put_run(fresh + n, r.value, first + r.len - 1 - index)
    if n > r.bytes and (x.len + n - r.bytes > sparse_max or x.len + n - r.bytes > x.room):
        return promote(x, index, count)
    memmove(p + n, p + r.bytes, end - p - r.bytes)
    memcpy(p, fresh, n)
    x.len += n - r.bytes
    join_neighbours(x, before)
    hll_forget(x.p)
    return 1


cdef bint hll_to_dense(hll *x) noexcept nogil:
    cdef uint8_t *p
    cdef uint8_t *end
    cdef uint8_t dense[HLL_DENSE + 1]
    cdef run r
    cdef int i = 0
    cdef int k
    if hll_is_dense(x.p):
        return True
    memset(dense, 0, sizeof(dense))
    memcpy(dense, x.p, HLL_HEADER)
    dense[4] = 0
    p = x.p + HLL_HEADER
    end = x.p + x.len
    while p < end:
        if not run_at(p, end, &r) or i + r.len > HLL_REGISTERS:
            return False
        for k in range(r.len if r.value else 0):
            dense_put(dense, i + k, r.value)
        i += r.len
        p += r.bytes
    if i != HLL_REGISTERS:
        return False
    memcpy(x.p, dense, HLL_DENSE)
    x.len = HLL_DENSE
    return True


# ---- registers --------------------------------------------------------------------------------------

cdef int hll_set(hll *x, int index, int count, size_t sparse_max) noexcept nogil:
    if not hll_is_dense(x.p):
        return sparse_set(x, index, count, sparse_max)
    if dense_get(x.p, index) >= count:
        return 0
    dense_put(x.p, index, count)
    hll_forget(x.p)
    return 1


cdef int count_of(view element, int *index) noexcept nogil:
    """The register of an element, and what it has to be at least."""
    cdef uint64_t hash = murmur64(element)
    cdef int count = 1
    index[0] = <int>(hash & (HLL_REGISTERS - 1))
    hash = hash >> INDEX_BITS | <uint64_t>1 << VALUE_BITS
    while hash & 1 == 0:
        count += 1
        hash >>= 1
    return count


cdef int hll_add(hll *x, view element, size_t sparse_max) noexcept nogil:
    cdef int index
    cdef int count = count_of(element, &index)
    return hll_set(x, index, count, sparse_max)


cdef void hll_raise(uint8_t *registers, view element) noexcept nogil:
    cdef int index
    cdef int count = count_of(element, &index)
    if registers[index] < count:
        registers[index] = <uint8_t>count


cdef bint hll_merge(view v, uint8_t *registers) noexcept nogil:
    cdef const uint8_t *p = <const uint8_t *>v.ptr
    cdef const uint8_t *end = p + v.len
    cdef run r
    cdef int i = 0
    cdef int k
    cdef uint32_t word
    if hll_is_dense(p):
        p += HLL_HEADER
        for i in range(0, HLL_REGISTERS, 4):       # four registers are three bytes
            word = p[0] | p[1] << 8 | p[2] << 16
            for k in range(4):
                registers[i + k] = <uint8_t>max(<uint32_t>registers[i + k], word >> (6 * k) & 63)
            p += 3
        return True
    p += HLL_HEADER
    while p < end:
        if not run_at(p, end, &r) or i + r.len > HLL_REGISTERS:
            return False
        for k in range(r.len if r.value else 0):
            registers[i + k] = <uint8_t>max(<int>registers[i + k], r.value)
        i += r.len
        p += r.bytes
    return i == HLL_REGISTERS


# ---- the estimate -----------------------------------------------------------------------------------

cdef double sigma(double x) noexcept nogil:
    """x + x^2 + 2 x^4 + 4 x^8 + ..."""
    cdef double y = 1
    cdef double z = x
    cdef double before = -1
    if x == 1:
        return INFINITY
    while before != z:
        x *= x
        before = z
        z += x * y
        y += y
    return z


cdef double tau(double x) noexcept nogil:
    cdef double y = 1
    cdef double z = 1 - x
    cdef double before = -1
    if x == 0 or x == 1:
        return 0
    while before != z:
        x = sqrt(x)
        before = z
        y *= 0.5
        z -= (1 - x) * (1 - x) * y
    return z / 3


cdef uint64_t hll_estimate(const uint8_t *registers) noexcept nogil:
    cdef int histogram[64]
    cdef double m = HLL_REGISTERS
    cdef double z
    cdef int i
    memset(histogram, 0, sizeof(histogram))
    for i in range(HLL_REGISTERS):
        histogram[registers[i]] += 1
    z = m * tau((m - histogram[VALUE_BITS + 1]) / m)
    for i in range(VALUE_BITS, 0, -1):
        z = (z + histogram[i]) * 0.5
    z += m * sigma(histogram[0] / m)
    return <uint64_t>llround(0.721347520444481703680 * m * m / z)


cdef void hll_describe(view v, buf *out) noexcept nogil:
    cdef const uint8_t *p = <const uint8_t *>v.ptr + HLL_HEADER
    cdef const uint8_t *end = <const uint8_t *>v.ptr + v.len
    cdef run r
    while p < end and run_at(p, end, &r):
        if r.value:
            buf_printf(out, b"v:%d,%d ", r.value, r.len)
        elif r.bytes == 2:
            buf_printf(out, b"Z:%d ", r.len)
        else:
            buf_printf(out, b"z:%d ", r.len)
        p += r.bytes
    if out.len and out.ptr[out.len - 1] == c' ':
        out.len -= 1
