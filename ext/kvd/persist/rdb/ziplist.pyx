"""Ziplists, the packed sequences of Redis before 7, are read as the listpack of the same elements.

    bytes 4 | tail 4 | count 2 | entries | 255          entry: length of the previous one (1 or 5) | encoding | content
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from kvd.core.listpack cimport lp_append, lp_append_int, lp_count, lp_free, lp_new
from kvd.core.mem cimport heap
from kvd.core.view cimport view, view_of
from kvd.persist.rdb.lengths cimport get_string


cdef bint ziplist_element(const uint8_t **at, const uint8_t *end, heap *h, uint8_t **lp) noexcept nogil:
    cdef const uint8_t *p = at[0]
    cdef uint64_t n
    cdef int64_t number = 0
    cdef int code, bytes
    p += 5 if p[0] == 254 else 1
    if p >= end:
        return False
    code = p[0]
    if code >> 6 < 3:              # a string of 6, 14 or 32 bits of length
        if code >> 6 == 0:
            n = code & 63
            p += 1
        elif code >> 6 == 1 and end - p > 1:
            n = <uint64_t>(code & 63) << 8 | p[1]
            p += 2
        elif code == 0x80 and end - p > 4:
            n = <uint64_t>p[1] << 24 | <uint64_t>p[2] << 16 | <uint64_t>p[3] << 8 | p[4]
            p += 5
        else:
            return False
        if n >= <uint64_t>(end - p) or not lp_append(h, lp, view_of(<const char *>p, n)):
            return False
        at[0] = p + n
        return True
    p += 1
    if 0xF1 <= code <= 0xFD:
        number = (code & 15) - 1
        bytes = 0
    else:
        bytes = 2 if code == 0xC0 else 4 if code == 0xD0 else 8 if code == 0xE0 else 3 if code == 0xF0 else 1 if code == 0xFE else -1
        if bytes < 0 or end - p <= bytes:
            return False
        memcpy(&number, p, bytes)
        if bytes < 8:
            number = number << (64 - 8 * bytes) >> (64 - 8 * bytes)
    at[0] = p + bytes
    return lp_append_int(h, lp, number)


cdef uint8_t *get_ziplist(reader *r) noexcept nogil:
    cdef view v = get_string(r, 0)
    cdef const uint8_t *p = <const uint8_t *>v.ptr + 10
    cdef const uint8_t *end = <const uint8_t *>v.ptr + v.len
    cdef uint8_t *lp
    if r.bad or v.len < 11 or <uint8_t>v.ptr[v.len - 1] != 255:
        r.bad = True
        return NULL
    lp = lp_new(r.mem)
    while lp != NULL and p < end and p[0] != 255:
        if not ziplist_element(&p, end, r.mem, &lp):
            r.bad = True
            break
    if lp == NULL or r.bad or p != end - 1 or lp_count(lp) == 0:
        r.empty = not r.bad and lp != NULL and p == end - 1
        r.bad = True
        if lp != NULL:
            lp_free(r.mem, lp)
        return NULL
    return lp
