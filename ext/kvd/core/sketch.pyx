"""Frequency sketch: a count-min sketch of four rows of 4-bit counters, halved at intervals.

    block, 64 bytes: one cache line, one block a hash
    +----------+----------+----------+----------+
    | row 0    | row 1    | row 2    | row 3    |     each row: two words, 32 counters of 4 bits
    +----------+----------+----------+----------+

A hash selects its block and one counter in each row; its count is the minimum of the four. Only counters
equal to that minimum are incremented (conservative update), which keeps frequent neighbours from raising
infrequent ones. All counters of a hash share a line, so a count costs one cache miss at any size;
the price is a few more collisions than with four independent rows, which 16 counters per item
compensate. After ten additions per item every counter is halved, so old popularity decays
(the "reset" of TinyLFU, Einziger, Friedman and Manes, 2017).
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from kvd.core.mem cimport mem_alloc, mem_free

cdef enum:
    WORDS = 8                  # a block
    ROWS = 4
    COUNTERS = 128             # a block
    COUNTERS_PER_ITEM = 16
    SAMPLE = 10                # additions an item until counters are halved

cdef uint64_t ONES = <uint64_t>0x7777777777777777ULL


cdef inline uint64_t spread(uint32_t hash) noexcept nogil:
    cdef uint64_t h = <uint64_t>(hash + 1) * <uint64_t>0xD6E8FEB86659FD93ULL
    h ^= h >> 32
    return h * <uint64_t>0x9E3779B97F4A7C15ULL


cdef inline uint64_t *block_of(sketch *s, uint64_t h) noexcept nogil:
    return s.words + <size_t>((h >> 40) & (s.blocks - 1)) * WORDS


cdef inline int counter(uint64_t *block, uint64_t h, int row, uint64_t **word) noexcept nogil:
    """The bit position of the row's counter, in `word`."""
    cdef int i = <int>(h >> (8 * row)) & 31
    word[0] = block + row * 2 + (i >> 4)
    return (i & 15) << 2


cdef inline size_t bytes_of(sketch *s) noexcept nogil:
    return <size_t>s.blocks * WORDS * 8


cdef void sketch_init(sketch *s, heap *h) noexcept nogil:
    memset(s, 0, sizeof(sketch))
    s.mem = h


cdef bint sketch_fit(sketch *s, uint32_t items) noexcept nogil:
    cdef uint32_t blocks = 1
    cdef uint64_t *words
    while <uint64_t>blocks * COUNTERS < <uint64_t>items * COUNTERS_PER_ITEM and blocks < 1 << 24:
        blocks *= 2
    if blocks > s.blocks:
        words = <uint64_t *>mem_alloc(s.mem, <size_t>blocks * WORDS * 8)
        if words == NULL:
            return s.blocks != 0
        memset(words, 0, <size_t>blocks * WORDS * 8)
        mem_free(s.mem, s.words, bytes_of(s))
        s.words = words
        s.blocks = blocks
        s.seen = 0
    s.period = <uint64_t>SAMPLE * (items if items > 16 else 16)
    return True


cdef void sketch_halve(sketch *s) noexcept nogil:
    cdef size_t i
    for i in range(<size_t>s.blocks * WORDS):
        s.words[i] = (s.words[i] >> 1) & ONES
    s.seen //= 2


cdef int sketch_count(sketch *s, uint32_t hash) noexcept nogil:
    cdef uint64_t h = spread(hash)
    cdef uint64_t *block
    cdef uint64_t *word
    cdef int row, at, n
    cdef int least = 15
    if s.blocks == 0:
        return 0
    block = block_of(s, h)
    for row in range(ROWS):
        at = counter(block, h, row, &word)
        n = <int>(word[0] >> at) & 15
        if n < least:
            least = n
    return least


cdef void sketch_add(sketch *s, uint32_t hash) noexcept nogil:
    cdef uint64_t h = spread(hash)
    cdef uint64_t *block
    cdef uint64_t *word
    cdef int row, at
    cdef int least = sketch_count(s, hash)
    if s.blocks == 0:
        return
    if least < 15:
        block = block_of(s, h)
        for row in range(ROWS):
            at = counter(block, h, row, &word)
            if (<int>(word[0] >> at) & 15) == least:
                word[0] += <uint64_t>1 << at
    s.seen += 1
    if s.seen >= s.period:
        sketch_halve(s)
