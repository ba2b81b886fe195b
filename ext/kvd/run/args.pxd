"""Functions that handlers use: replies, arguments, lookups of keys, reports of changes. See args.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view
from kvd.resp.writer cimport (
    write_array, write_bulk, write_int, write_map, write_null, write_ok, write_text,
)
from kvd.run.call cimport call
from kvd.store.change cimport key_changed, key_event
from kvd.store.store cimport SPECIAL_EFFECTS

cdef enum:
    AHEAD = 16                 # keys of one command that are prefetched before the first is used

cdef void reply_error(call *c, const char *text) noexcept nogil        # counted by its first word; the call has failed
cdef void reply_error_counted(call *c, view text, bint counted) noexcept nogil    # counted False: it has been counted already
cdef void reply_errorf(call *c, const char *format, const char *a, const char *b) noexcept nogil   # two %s at most
cdef void reply_arity(call *c) noexcept nogil                                           # wrong number of arguments
cdef void reply_error_about(call *c, const char *format, view word) noexcept nogil   # one %.*s: the word
cdef bint arg_int(call *c, int i, int64_t *n) noexcept nogil           # False: the error is replied
cdef bint arg_int_within(call *c, int i, int64_t least, int64_t most, int64_t *n) noexcept nogil   # the same for an int64, within limits
cdef entry *find_read(call *c, view key, uint64_t *hash) noexcept nogil     # or NULL; counts the hit or miss, touches
cdef entry *find_write(call *c, view key, uint64_t *hash) noexcept nogil    # or NULL; touches, and opens the key for a change
cdef void hash_ahead(call *c, int at, int step, int count, uint64_t *hashes) noexcept nogil   # up to AHEAD keys: hashed and prefetched
cdef bint wrong_type(call *c, entry *e, int type) noexcept nogil       # True: it is another type, and the error is replied

cdef void open_key(call *c, view key, entry *e) noexcept nogil          # before a change of a key that find_read has found

cdef bint propagates(call *c) noexcept nogil                           # must its effects be declared?
cdef void propagate_as(call *c, const char *name, int argc) noexcept nogil   # replaces its words by argc words, the name and those that follow by effect_word etc.
cdef void propagate_key(call *c, const char *name, view key) noexcept nogil    # the command `name key`, if effects are gathered
cdef void propagate_nothing(call *c) noexcept nogil                    # it has no effects, or declares them elsewhere
cdef void propagate_words(call *c, int targets) noexcept nogil         # its own words, although no key has changed; TO_ALL, TO_REPLICAS


cdef inline void use_hash(call *c, view key, uint64_t hash) noexcept nogil:
    """The next lookup of this very key needs no hashing; ended by use_hash with an empty view."""
    c.session.hinted = key
    c.session.hint = hash


cdef inline void changed(call *c, view key, int64_t n, int event_class, const char *event) noexcept nogil:
    """After a change of a key in the call's database: n elements of it."""
    key_changed(c.store, c.db, key, n, event_class, event)


cdef inline void event_of(call *c, view key, int event_class, const char *event) noexcept nogil:
    """A further event of the same change."""
    key_event(c.store, c.db, key, event_class, event)


cdef inline void reply_ok(call *c) noexcept nogil:
    write_ok(c.out)


cdef inline void reply_int(call *c, int64_t n) noexcept nogil:
    write_int(c.out, n)


cdef inline void reply_bulk(call *c, view v) noexcept nogil:
    write_bulk(c.out, v)


cdef inline void reply_text(call *c, const char *text) noexcept nogil:
    write_text(c.out, text)


cdef inline void reply_null(call *c) noexcept nogil:
    write_null(c.out, c.proto)


cdef inline void reply_array(call *c, int64_t n) noexcept nogil:
    write_array(c.out, n)


cdef inline void reply_map(call *c, int64_t pairs) noexcept nogil:
    write_map(c.out, pairs, c.proto)
