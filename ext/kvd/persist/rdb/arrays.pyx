"""Arrays in RDB files, as Redis 8.8 writes them.

    count | 1, index of the last insertion, or 0 | index, tag, value ...

Tags: 0 and 3 strings (3: short ones), 1 an integer in 8 bytes, 2 a double in 8 bytes, little endian. kvd writes no doubles: it holds elements as the
bytes that they were set to.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcpy

from kvd.core.entry cimport entry
from kvd.core.sparse cimport SPARSE_TEXT, sparse_int, sparse_next, sparse_set, sparse_start, sparse_view
from kvd.core.text cimport DOUBLE_TEXT, INT_TEXT, format_double, format_int
from kvd.core.view cimport view, view_of
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
    NEEDS = 14                 # RDB version


cdef bint begin(saving *w) noexcept nogil:
    """False: the version that was asked for has no arrays."""
    if w.asked == RDB_VERSION_VALKEY:
        w.unfit = b"an array, which Valkey does not have"
        return False
    if not value_needs(w, NEEDS, b"an array, which needs version 14"):
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
    cdef uint64_t index, word
    cdef int64_t n
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
            put_byte(w.to.out, TAG_STRING)
            put_string(&w.to, sparse_view(word, scratch))
    return False


cdef view get_double(reader *r, char *text) noexcept nogil:
    """As Redis prints it: a whole number ends with .0."""
    cdef uint64_t bits = get_bytes(r, 8, False)
    cdef double d
    cdef int n
    memcpy(&d, &bits, 8)
    n = format_double(text, d)
    if memchr(text, c'.', n) == NULL and memchr(text, c'e', n) == NULL and memchr(text, c'n', n) == NULL:
        memcpy(text + n, b".0", 2)
        n += 2
    return view_of(text, n)


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
