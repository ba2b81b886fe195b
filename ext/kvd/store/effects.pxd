"""Effects: the changes of a unit of work, as commands that can be replayed. See effects.pyx."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view

cdef enum effect_target:
    TO_LOG = 1
    TO_REPLICAS = 2
    TO_ALL = 3

cdef struct effect:            # one command; its words follow it in effects.bytes, as a RESP array of bulk strings
    int db
    int targets                # TO_LOG, TO_REPLICAS
    size_t bytes               # of the words

cdef struct consumer:          # takes the effects of each unit: the journal, the replication backlog, a test
    consumer *next
    void (*take)(consumer *self, effects *unit) noexcept nogil

cdef struct effects:           # at store.effects; one unit at a time
    consumer *consumers        # NULL: nothing is gathered
    buf bytes                  # records: effect and words. failed: an effect was lost, there was no memory
    size_t count
    size_t at                  # the record that is being written
    int depth                  # commands that are running, nested
    bint moved                 # the running command has changed something
    bint said                  # the running command has declared its effects
    int targets                # of the effects that follow (redis.set_repl)

cdef void effects_consume(effects *u, consumer *one) noexcept nogil        # from now on; *one stays the caller's
cdef void effects_forget(effects *u, consumer *one) noexcept nogil
cdef void effects_release(effects *u) noexcept nogil
cdef void effect_begin(effects *u, int db, int argc) noexcept nogil        # argc words follow, by the functions below
cdef void effect_word(effects *u, view word) noexcept nogil
cdef void effect_text(effects *u, const char *word) noexcept nogil
cdef void effect_int(effects *u, int64_t n) noexcept nogil
cdef void effect_double(effects *u, double d) noexcept nogil               # so that it reads back as the same number
cdef void effect_words(effects *u, int db, const view *argv, int argc) noexcept nogil   # a whole command
cdef effect *effect_next(effects *u, effect *e) noexcept nogil             # e NULL: the first; NULL at the end
cdef void effects_deliver(effects *u) noexcept nogil                       # hands the unit to the consumers and begins another


cdef inline view effect_bytes(effect *e) noexcept nogil:
    """The command in RESP."""
    cdef view v
    v.ptr = <char *>e + sizeof(effect)
    v.len = e.bytes
    return v


cdef inline void unit_open(effects *u) noexcept nogil:
    u.depth += 1


cdef inline void unit_close(effects *u) noexcept nogil:
    """After the outermost command of a unit its effects are delivered."""
    u.depth -= 1
    if u.depth == 0 and (u.count or u.bytes.failed):
        effects_deliver(u)
