"""Arrays in RDB files, as Redis 8.8 writes them.

    count | 1, index of the last insertion, or 0 | index, tag, value ...

Tags: 0 a string, 1 an integer in 8 bytes, 2 a double in 8 bytes, both little endian, 3 a string of up to 7 bytes. Redis holds an element by tag: a
decimal with a point is a double if it prints as it was written even with its two lowest bits cleared. kvd holds it as text, and tags it so only here.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcpy

from kvd.core.entry cimport entry
from kvd.core.sparse cimport SPARSE_TEXT, sparse_int, sparse_next, sparse_set, sparse_start, sparse_view
from kvd.core.text cimport DOUBLE_TEXT, INT_TEXT, format_double, format_int, parse_double
from kvd.core.view cimport view, view_equal, view_of
from kvd.persist.rdb.forms cimport RDB_ARRAY, RDB_VERSION_VALKEY
from kvd.persist.rdb.lengths cimport (
    get_bytes, get_count, get_large_string, get_length, put_byte, put_length, put_little, put_string, reader,
)
from kvd.persist.rdb.values cimport put_form, saving, value_form, value_needs
from kvd.types.array cimport NO_INDEX, array_new, array_of
from kvd.types.kind cimport ARRAY
from kvd.types.value cimport value_files

cdef enum tag:
    TAG_STRING = 0
    TAG_INT = 1
    TAG_DOUBLE = 2
    TAG_SHORT = 3

cdef enum:
    LEAST = 3                  # bytes of an element
    SHORT = 7                  # of the longest text with its own tag
    TAGGED_BITS = 3            # of a double, which Redis does not keep
    NEEDS = 14                 # RDB version


cdef view double_text(uint64_t bits, char *text) noexcept nogil:
    """As Redis prints it: a whole number ends with .0."""
    cdef double d
    cdef int n
    memcpy(&d, &bits, 8)
    n = format_double(text, d)
    if memchr(text, c'.', n) == NULL and memchr(text, c'e', n) == NULL and memchr(text, c'n', n) == NULL:
        memcpy(text + n, b".0", 2)
        n += 2
    return view_of(text, n)


cdef bint is_double(view v, uint64_t *bits) noexcept nogil:
    cdef double d
    cdef char text[DOUBLE_TEXT]
    if v.len >= DOUBLE_TEXT or not looks_decimal(v) or not parse_double(v, &d):
        return False
    memcpy(bits, &d, 8)
    bits[0] &= ~<uint64_t>TAGGED_BITS
    return view_equal(double_text(bits[0], text), v)


cdef bint looks_decimal(view v) noexcept nogil:
    """Digits with one point among them, after a minus or not."""
    cdef size_t i
    cdef int points = 0
    for i in range(v.len):
        if v.ptr[i] == c'.':
            points += 1
        elif (v.ptr[i] < c'0' or v.ptr[i] > c'9') and not (i == 0 and v.ptr[i] == c'-'):
            return False
    return points == 1


cdef bint begin(saving *w) noexcept nogil:
    """False: the version that was asked for has no arrays."""
    if not value_needs(w, NEEDS, b"an array, which Valkey does not have" if w.asked == RDB_VERSION_VALKEY else b"an array, which needs version 14"):
        return False
    put_form(w, RDB_ARRAY)
    put_length(w.to.out, array_of(w.e).elements.count)
    put_byte(w.to.out, array_of(w.e).last != NO_INDEX)
    if array_of(w.e).last != NO_INDEX:
        put_length(w.to.out, array_of(w.e).last)
    sparse_start(&array_of(w.e).elements, &w.at.places, 0, NO_INDEX)
    return True


cdef bint save(void *context) noexcept nogil:
    cdef saving *w = <saving *>context
    cdef uint64_t index, word, bits
    cdef int64_t n
    cdef view v
    cdef char scratch[SPARSE_TEXT]
    if not w.begun and not begin(w):
        return True
    while w.to.out.len < w.upto:
        if not sparse_next(&w.at.places, &index, &word):
            return True
        put_length(w.to.out, index)
        if sparse_int(word, &n):
            put_byte(w.to.out, TAG_INT)
            put_little(w.to.out, <uint64_t>n, 8)
        else:
            v = sparse_view(word, scratch)
            if is_double(v, &bits):
                put_byte(w.to.out, TAG_DOUBLE)
                put_little(w.to.out, bits, 8)
            else:
                put_byte(w.to.out, TAG_SHORT if v.len <= SHORT else TAG_STRING)
                put_string(&w.to, v)
    return False


cdef view get_double(reader *r, char *text) noexcept nogil:
    return double_text(get_bytes(r, 8, False), text)


cdef view get_element(reader *r, char *text) noexcept nogil:
    cdef uint64_t tag = get_length(r)
    if tag == TAG_INT:
        return view_of(text, format_int(text, <int64_t>get_bytes(r, 8, False)))
    if tag == TAG_DOUBLE:
        return get_double(r, text)
    if tag != TAG_STRING and tag != TAG_SHORT:
        r.bad = True
    return get_large_string(r, 0)


cdef void fill(reader *r, entry *e) noexcept nogil:
    cdef uint64_t n = get_count(r, LEAST)
    cdef uint64_t inserted = get_length(r)
    cdef uint64_t index
    cdef view v
    cdef char text[DOUBLE_TEXT]
    r.bad = r.bad or inserted > 1
    if inserted:
        array_of(e).last = get_length(r)
        r.bad = r.bad or array_of(e).last == NO_INDEX
    while n and not r.bad:
        index = get_length(r)
        v = get_element(r, text)
        if r.bad or index == NO_INDEX or sparse_set(&array_of(e).elements, index, v) != 1:
            r.bad = True
        n -= 1


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef entry *e = array_new(r.mem, key)
    if e == NULL:
        return NULL
    r.s.arrays = True
    fill(r, e)
    return e


assert DOUBLE_TEXT >= INT_TEXT
value_files(ARRAY, save, load)
value_form(RDB_ARRAY, ARRAY)
