"""How many keys hold values of which size. See sizes.pyx."""

from kvd.core.entry cimport BOXED, WIDE, entry, entry_wide
from kvd.store.store cimport SIZE_BINS, SIZED_TYPES, database, store
from kvd.types.kind cimport STRING, type_of

cdef extern from * nogil:
    """
    static inline int kvd_size_bin(unsigned long long n) { return n ? 64 - __builtin_clzll(n) : 0; }
    """
    int bin_of "kvd_size_bin" (unsigned long long n) noexcept       # 0; 1: 1; 2: 2 and 3; 3: 4 to 7; ...

cdef void sizes_count(database *db, entry *e, int n) noexcept nogil        # n 1: it has come into the table; -1: it leaves, and was not opened
cdef void sizes_gone(store *s, database *db, entry *e) noexcept nogil      # it leaves the table; its value is still whole
cdef void sizes_moved(store *s, entry *old, entry *e) noexcept nogil       # the same value at a new address
cdef void sizes_opened(store *s, database *db, entry *e) noexcept nogil    # the rest of sizes_open
cdef void sizes_settle(store *s) noexcept nogil                            # before counts are read, or exchanged between databases
cdef void sizes_clear(store *s, database *db) noexcept nogil               # all keys have left
cdef void sizes_hand(store *s, database *to, database *source) noexcept nogil   # with all keys; source has none then
cdef int text_bin(entry *e) noexcept nogil                                 # of a BOXED string


cdef inline int string_bin(entry *e) noexcept nogil:
    """Of a string: before and after it changes in place, for sizes_changed."""
    if e.flags & BOXED:
        return text_bin(e)
    return bin_of(entry_wide(e)[1] if e.flags & WIDE else e.vlen)


cdef inline void sizes_changed(database *db, entry *e, int before) noexcept nogil:
    """A string has changed in place; before: its string_bin until then."""
    cdef int after = string_bin(e)
    if after != before:
        db.sizes[<int>STRING][before] -= 1
        db.sizes[<int>STRING][after] += 1


cdef inline void sizes_open(store *s, database *db, entry *e) noexcept nogil:
    """A collection may be changed in place from now on."""
    if 0 < type_of(e) < SIZED_TYPES:
        sizes_opened(s, db, e)
