"""Ids of stream entries in arguments and replies, and entries in replies. See streams.pyx."""

from libc.stdint cimport int64_t

from kvd.core.entry cimport entry
from kvd.core.idmap cimport stream_id
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.types.producers cimport producers
from kvd.types.stream cimport references, stream, stream_walk

cdef enum:
    ID_TEXT = 44               # bytes enough for any id

cdef bint parse_id(view v, stream_id *id, unsigned long long missing_seq, bint ends) noexcept nogil   # ends: - and + are ids too
cdef bint arg_id(call *c, int i, stream_id *id) noexcept nogil                          # False: the error is replied
cdef bint arg_interval(call *c, int low, int high, stream_id *start, stream_id *end) noexcept nogil   # either may begin with "("
cdef bint arg_range_start(call *c, int i, stream_id *start) noexcept nogil
cdef bint ids_valid(call *c, int first, int last) noexcept nogil                        # all of them; False: the error is replied
cdef bint arg_references(view word, references *refs) noexcept nogil                    # KEEPREF, DELREF or ACKED
cdef bint read_ids(call *c, int at, int *first, references *refs) noexcept nogil        # [KEEPREF | ...] IDS numids id ...
cdef int format_id(char *out, stream_id id) noexcept nogil
cdef void effect_id(call *c, stream_id id) noexcept nogil                               # appends a word to the effect under construction
cdef void propagate_with_id(call *c, int at, stream_id id) noexcept nogil               # the call's words, with this id as argument `at`
cdef void reply_id(call *c, stream_id id) noexcept nogil
cdef void reply_entry(call *c, stream_walk *w, stream_id id) noexcept nogil             # the current one of w
cdef void reply_parts(call *c, stream_walk *w, stream_id id) noexcept nogil             # its id and its fields, for an array of more
cdef int64_t reply_entries(call *c, stream *s, stream_id start, stream_id end, bint reverse, int64_t count) noexcept nogil   # count 0: all
cdef producers *stream_producers(call *c, stream *s) noexcept nogil                    # made if there are none; NULL: no memory
cdef bint find_stream(call *c, view key, bint reading, entry **e) noexcept nogil        # *e may be NULL; False: the error is replied
cdef stream *arg_stream(call *c, int i, bint reading) noexcept nogil                    # that has to be there; NULL: the error is replied
