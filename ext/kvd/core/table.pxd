"""Hash table of entries, found by their key's bytes. See table.pyx for the layout.

`hash` is always table_hash(key). Pointers to entries are stable; the table never frees an entry.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.view cimport view

cdef struct bucket:
    uint8_t tags[9]
    uint8_t chained
    uint8_t slots[54]

cdef struct table:
    heap *mem
    bucket **segments
    size_t directory           # capacity in segment pointers
    size_t buckets             # in use, not counting children
    size_t low_mask
    size_t items
    size_t children            # overflow buckets
    size_t longest             # longest chain ever seen (buckets)

cdef struct table_cursor:
    size_t at
    bucket *inside
    int slot

ctypedef void (*visit)(entry *e, void *context) noexcept nogil

cdef uint64_t table_hash(view key) noexcept nogil
cdef void table_init(table *t, heap *h) noexcept nogil
cdef void table_release(table *t) noexcept nogil                                     # frees buckets, not entries
cdef entry *table_find(table *t, view key, uint64_t hash) noexcept nogil             # or NULL; borrowed
cdef void table_prefetch(table *t, uint64_t hash) noexcept nogil                     # starts loading the bucket
cdef void table_prefetch_entry(table *t, uint64_t hash) noexcept nogil               # and then what it points to
cdef bint table_insert(table *t, entry *e, uint64_t hash) noexcept nogil             # the key must not be in; False: no memory
cdef bint table_replace(table *t, entry *old, entry *new, uint64_t hash) noexcept nogil   # same key; False: old is not in
cdef bint table_remove(table *t, entry *e, uint64_t hash) noexcept nogil             # False: it is not in
cdef uint64_t table_scan(table *t, uint64_t cursor, visit f, void *context) noexcept nogil   # next cursor; 0 at the end
cdef uint64_t table_order(uint64_t hash) noexcept nogil                              # its place in the order of table_range
cdef size_t table_range(table *t, uint64_t at, uint64_t *begin, uint64_t *end) noexcept nogil   # the bucket of that place, and its range; end 0: the last. Not of an empty table
cdef void table_visit(table *t, size_t bucket, visit f, void *context) noexcept nogil
cdef entry *table_random(table *t, rng *r) noexcept nogil                            # uniform; NULL when empty
cdef size_t table_sample(table *t, rng *r, entry **out, size_t n) noexcept nogil     # up to n, cheap, not quite uniform
cdef entry *table_next(table *t, table_cursor *c) noexcept nogil                     # every entry once; no changes meanwhile
cdef entry *table_drain(table *t) noexcept nogil                                     # removes any one; NULL when empty
cdef bint table_expand(table *t, size_t items) noexcept nogil                        # capacity for this many without growing
cdef size_t table_bytes(table *t) noexcept nogil
cdef const char *table_check(table *t) noexcept nogil                                # NULL, or what is broken
