"""Histograms of sizes, for INFO keysizes: for each database and type, how many keys hold a value of a size from 2^i to 2^(i + 1) - 1.

The size is the number of bytes of a string, of elements of a collection; streams and arrays are not counted, as in Redis.

The counts are kept with every change, not made by a walk when INFO asks: plain INFO shows them too, monitoring asks for it every few
seconds, and a walk of 10 million keys takes seconds under the lock. Measured, a SET costs no more than before (its two lengths are at hand), a change of
a collection up to 20 ns.

Strings change in few places, which report the size before and after (sizes_changed). Collections change in many, so those do not report:
find_write, through which every change of a value in place begins, opens the collection (sizes_open), which notes it and the bin in which it is counted.
The new size is read later: when OPEN_SIZES others have been opened, or when the counts are asked for. So a series of
changes of one key is counted once. A note is a pointer to an entry: keyspace.pyx, where entries move and end, tells of both. OPEN_SIZES
is more than the collections that one command changes in place (2), and each opening makes a note the newest: so none is settled before its change.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from kvd.core.text cimport INT_TEXT, digits
from kvd.store.store cimport OPEN_SIZES, open_size
from kvd.types.kind cimport INT, encoding_of
from kvd.types.string cimport string_int_cell, string_len
from kvd.types.value cimport type_row, type_row_of

cdef int NUMBER_BINS[INT_TEXT]
NUMBER_BINS[:] = [0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5]


cdef type_row *rows = type_row_of(STRING)


cdef inline int bin_for(entry *e) noexcept nogil:
    return min(bin_of(rows[type_of(e)].size(e)), SIZE_BINS - 1)


cdef int text_bin(entry *e) noexcept nogil:
    cdef int64_t n
    if encoding_of(e) != INT:
        return min(bin_of(string_len(e)), SIZE_BINS - 1)
    n = string_int_cell(e)[0]
    return NUMBER_BINS[digits(n) if n >= 0 else digits(-n) + 1]


cdef void sizes_count(database *db, entry *e, int n) noexcept nogil:
    cdef int type = type_of(e)
    if type == STRING:
        db.sizes[type][string_bin(e)] += n
    elif type < SIZED_TYPES:
        db.sizes[type][bin_for(e)] += n


cdef inline open_size *note_of(store *s, entry *e) noexcept nogil:
    """Or NULL."""
    cdef int i
    for i in range(OPEN_SIZES):
        if s.open_sizes[i].e == e:
            return &s.open_sizes[i]
    return NULL


cdef void settle(open_size *note) noexcept nogil:
    cdef int bin
    if note.e == NULL:
        return
    bin = bin_for(note.e)
    if bin != note.bin:
        note.db.sizes[type_of(note.e)][note.bin] -= 1
        note.db.sizes[type_of(note.e)][bin] += 1
        note.bin = bin


cdef void sizes_opened(store *s, database *db, entry *e) noexcept nogil:
    """Its note becomes the first; the last one is settled if a place is needed."""
    cdef open_size note
    cdef int i = 0
    while i < OPEN_SIZES and s.open_sizes[i].e != e:
        i += 1
    if i == 0:
        return
    if i < OPEN_SIZES:
        note = s.open_sizes[i]
    else:
        i = OPEN_SIZES - 1
        settle(&s.open_sizes[i])
        note.db = db
        note.e = e
        note.bin = bin_for(e)
    while i > 0:
        s.open_sizes[i] = s.open_sizes[i - 1]
        i -= 1
    s.open_sizes[0] = note


cdef void sizes_gone(store *s, database *db, entry *e) noexcept nogil:
    cdef open_size *note = note_of(s, e) if 0 < type_of(e) < SIZED_TYPES else NULL
    if note == NULL:
        sizes_count(db, e, -1)
        return
    db.sizes[type_of(e)][note.bin] -= 1
    note.e = NULL


cdef void sizes_moved(store *s, entry *old, entry *e) noexcept nogil:
    cdef open_size *note = note_of(s, old)
    if note != NULL:
        note.e = e


cdef void sizes_settle(store *s) noexcept nogil:
    cdef int i
    for i in range(OPEN_SIZES):
        settle(&s.open_sizes[i])


cdef void forget(store *s, database *db) noexcept nogil:
    cdef int i
    for i in range(OPEN_SIZES):
        if s.open_sizes[i].db == db:
            s.open_sizes[i].e = NULL


cdef void sizes_clear(store *s, database *db) noexcept nogil:
    forget(s, db)
    memset(db.sizes, 0, sizeof(db.sizes))


cdef void sizes_hand(store *s, database *to, database *source) noexcept nogil:
    sizes_settle(s)
    forget(s, to)
    forget(s, source)
    memcpy(to.sizes, source.sizes, sizeof(to.sizes))
    memset(source.sizes, 0, sizeof(source.sizes))
