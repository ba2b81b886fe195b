"""Hashes: fields with values, and deadlines of fields. See hash.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from kvd.core.entry cimport entry, entry_payload, timer
from kvd.core.mem cimport heap
from kvd.core.random cimport rng
from kvd.core.table cimport table, table_cursor
from kvd.core.view cimport view
from kvd.types.kind cimport packing

cdef enum hash_encoding:
    HASH_PACKED = 0            # listpack of field, value, field, value
    HASH_TABLE = 1
    HASH_PACKED_TIMED = 2      # a table, shown as listpackex: fields have had deadlines and it is still small
    HASH_TIMED = 3             # a table whose fields have had deadlines
    HASH_ROW = 4               # inline, values only: a template has the fields (types/template.pyx)

cdef enum:
    ROW_MOST = 1024            # bytes of the values of a row, as they are held
    ROW_LISTPACK = 4096        # of its listpack, at most

cdef struct hash_table:
    table fields
    entry **queue              # fields with a deadline: a binary heap, the soonest first
    size_t timed
    size_t room
    timer due                  # of the soonest, in the database's wheel of fields (store/keyspace.pyx)
    entry *owner               # the key, once `due` is in a wheel

cdef struct hash_cursor:
    entry *e
    uint8_t *p                 # packed: the next field; row: the next value
    const uint8_t *name        # row: of the next value
    table_cursor at
    int64_t deadline           # of the field last returned by hash_next; -1: none
    char field_text[24]
    char value_text[24]

# A row is changed by hash_row_set and hash_row_remove. The other functions that change a hash need hash_opened first, which makes a row
# a packed hash. Functions that return an entry may return another one, which takes over what the old one
# had: the caller puts it into the old one's place and frees the old one with entry_free (keyspace_moved).

ctypedef void (*field_visit)(view field, view value, void *context) noexcept nogil

cdef entry *hash_new(heap *h, view key) noexcept nogil                                # empty; or NULL
cdef size_t hash_len(entry *e) noexcept nogil
cdef bint hash_get(entry *e, view field, view *value, char *scratch) noexcept nogil   # False: no such field
cdef int hash_set(heap *h, entry *e, view field, view value, packing *limits, bint keep_deadline) noexcept nogil   # 1 new, 0 changed, -1 no memory
cdef bint hash_remove(heap *h, entry *e, view field) noexcept nogil
cdef entry *hash_of_template(heap *h, view key, const view *fields, const view *values, int step, int n, packing *limits, bint at_once) noexcept nogil   # a new row of n fields, `step` views apart. NULL: none for these names or values (at_once: a template is made if there is none), or no memory
cdef int hash_row_set(heap *h, entry *e, view field, view value, packing *limits, entry **moved) noexcept nogil   # 1 new, 0 changed: *moved is the entry, which may be another one; -1: it has to be opened first
cdef int hash_row_remove(heap *h, entry *e, view field, entry **moved) noexcept nogil  # the same: 1 removed, 0: no such field, -1
cdef entry *hash_opened(heap *h, entry *e) noexcept nogil                              # a row as a packed hash, others as they are; NULL: no memory
cdef entry *hash_settled(heap *h, entry *e) noexcept nogil                             # a packed hash as a row if others have the same fields; else as it is
cdef size_t hash_listpack(entry *e, uint8_t *out) noexcept nogil                       # writes a row as a listpack into ROW_LISTPACK bytes
cdef void hash_start(entry *e, hash_cursor *c) noexcept nogil
cdef bint hash_next(hash_cursor *c, view *field, view *value) noexcept nogil          # every field once; no changes meanwhile
cdef void hash_random(entry *e, rng *r, hash_cursor *c, view *field, view *value) noexcept nogil   # of one that is not empty; texts live in c
cdef uint64_t hash_scan(entry *e, uint64_t cursor, field_visit f, void *context) noexcept nogil
cdef bint hash_adopt(heap *h, entry *e, uint8_t *lp, packing *limits) noexcept nogil  # lp, which is checked, becomes the content of an empty hash; False: it may not be packed so, and stays the caller's
cdef bint hash_expand(heap *h, entry *e, size_t fields, packing *limits) noexcept nogil   # before many are added

# deadlines of fields
cdef int64_t hash_deadline(entry *e, view field) noexcept nogil                       # ms; -1 none, -2 no such field
cdef bint hash_set_deadline(heap *h, entry *e, view field, int64_t ms, packing *limits) noexcept nogil   # -1: none; False: no memory
cdef int64_t hash_soonest(entry *e) noexcept nogil                                    # ms; -1: no field has a deadline
cdef size_t hash_live(entry *e, int64_t now) noexcept nogil                            # fields whose deadline has not passed
cdef bint hash_due(entry *e, int64_t now, view *field) noexcept nogil                # the soonest field, if its deadline has passed
cdef void hash_drop_due(heap *h, entry *e) noexcept nogil                             # removes the field that hash_due named

cdef bint hash_free_some(heap *h, entry *e, int *budget) noexcept nogil
cdef size_t hash_parts(entry *e) noexcept nogil
cdef size_t hash_bytes(entry *e, size_t samples) noexcept nogil
cdef bint hash_copy(heap *h, entry *source, entry *copy) noexcept nogil
cdef const char *hash_encoding_name(entry *e) noexcept nogil
cdef const char *hash_check(entry *e) noexcept nogil
cdef bint hash_to_table(heap *h, entry *e, int encoding) noexcept nogil               # gives up packing; False: no memory


cdef inline bint hash_is_timed(entry *e) noexcept nogil:
    """May its fields have deadlines? (of an entry that is a hash)"""
    return e.kind >> 5 == 1


cdef inline hash_table *hash_table_of(entry *e) noexcept nogil:
    return <hash_table *>entry_payload(e)[0]


cdef inline bint hash_is_row(entry *e) noexcept nogil:
    return e.kind >> 4 == HASH_ROW
