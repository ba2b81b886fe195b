"""Streams: entries by id. See stream.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from kvd.core.entry cimport entry, entry_payload
from kvd.core.idmap cimport idmap, idpos, stream_id
from kvd.core.mem cimport heap
from kvd.core.view cimport view
from kvd.types.group cimport name_list
from kvd.types.producers cimport producers

cdef struct stream_node:       # up to stream-node-max-entries entries
    stream_id first            # the id that the entries' ids are relative to
    uint8_t *lp

cdef struct stream:
    heap *mem
    idmap nodes
    uint64_t length
    uint64_t added             # entries ever added
    stream_id last
    stream_id first            # 0-0 when empty
    stream_id max_deleted
    name_list groups
    producers *known           # of whom ids are known, or settings differ from the options'; NULL: none

cdef struct stream_limits:     # stream-node-max-bytes and -entries
    int64_t bytes
    int64_t entries

cdef enum references:          # references of consumer groups to a deleted entry
    KEEP_REFERENCES
    DROP_REFERENCES            # removed from the pending entries of all groups
    ONLY_ACKNOWLEDGED          # kept, unless all groups have received and acknowledged it

cdef struct stream_trimming:   # options of XADD and XTRIM
    bint by_id                 # entries below minid; else those beyond maxlen
    int64_t maxlen
    stream_id minid
    bint approximate           # whole nodes only
    int64_t limit              # entries removed at most; 0: any number
    references refs

cdef struct stream_walk:       # over entries, in either direction
    stream *s
    stream_id start
    stream_id end
    bint reverse
    idpos at
    stream_node *node
    uint8_t *p                 # the current entry
    uint8_t *cell              # its next field or value
    uint8_t *master            # its next field name, if it has those of the node
    uint8_t *flags             # the current entry's flags
    int64_t fields
    bint same
    char field_text[24]
    char value_text[24]

cdef entry *stream_new(heap *h, view key) noexcept nogil                              # or NULL
cdef bint stream_append(stream *s, stream_id id, view *pairs, int count, stream_limits *limits) noexcept nogil   # count fields and values; False: no memory
cdef bint stream_adopt(stream *s, stream_id first, uint8_t *lp, size_t n) noexcept nogil   # appends a node of n bytes from outside; False: it is broken, lp stays the caller's
cdef void stream_walk_start(stream_walk *w, stream *s, stream_id start, stream_id end, bint reverse) noexcept nogil
cdef bint stream_walk_next(stream_walk *w, stream_id *id) noexcept nogil              # w.fields: how many fields it has
cdef void stream_walk_field(stream_walk *w, view *field, view *value) noexcept nogil  # w.fields times
cdef bint stream_has(stream *s, stream_id id) noexcept nogil
cdef bint stream_delete(stream *s, stream_id id) noexcept nogil                       # False: no such entry
cdef int64_t stream_trim(stream *s, stream_trimming *t) noexcept nogil               # returns the number removed
cdef bint stream_range_has_tombstones(stream *s, stream_id start) noexcept nogil
cdef bint stream_trimmed_past(stream *s, stream_id id) noexcept nogil                # all entries are after id, and none of them was deleted
cdef int64_t stream_entries_read(stream *s, stream_id id) noexcept nogil              # estimated at id; -1: unknown

cdef bint stream_free_some(heap *h, entry *e, int *budget) noexcept nogil
cdef size_t stream_parts(entry *e) noexcept nogil
cdef size_t stream_bytes(entry *e, size_t samples) noexcept nogil
cdef bint stream_copy(heap *h, entry *source, entry *copy) noexcept nogil
cdef const char *stream_encoding_name(entry *e) noexcept nogil
cdef const char *stream_check(entry *e) noexcept nogil


cdef inline stream *stream_of(entry *e) noexcept nogil:
    return <stream *>entry_payload(e)[0]
