"""The entries of an object cache, for compiled callers. See entries.pyx."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.cells cimport cells
from kvd.core.lives cimport lives
from kvd.core.mem cimport heap
from kvd.core.policy cimport policy
from kvd.core.slab cimport column, slab

cdef enum:                     # why an entry was removed; in the order of CAUSES
    SIZE, EXPIRED, IDLE, REPLACED, DELETED, CLEARED, COLLECTED, N_CAUSES

cdef enum:                     # modes of storing: whether the key must or must not be there
    ANY = 0
    ADD = 1
    REPLACE = 2

cdef enum:
    STEP = 64                  # timers between two readings of the clock

cdef struct figures:           # the figures of stats()
    uint64_t hits
    uint64_t misses
    uint64_t refused
    uint64_t left[7]           # by cause

cdef class Entries:
    cdef heap mem
    cdef slab nodes
    cdef policy order
    cdef cells cells           # the fields that each lookup reads are adjacent from here
    cdef uint64_t changes      # incremented when a node is inserted or removed
    cdef figures seen
    cdef int64_t most          # entries; UNLIMITED: no limit
    cdef int64_t heaviest      # weight of all; UNLIMITED: no limit
    cdef int64_t total         # weight of all
    cdef bint weighing
    cdef bint missing          # the class has __missing__
    cdef bint weak
    cdef lives lives
    cdef column weights        # int64_t
    cdef column notes          # PyObject *: tuple of the tags an entry has, see tags.pyx
    cdef int64_t default_ttl   # microseconds; NEVER: none
    cdef int64_t default_tti
    cdef object weigher
    cdef object on_evict
    cdef object clock
    cdef object index          # sorted keys, of a cache made with ordered=True
    cdef dict tags             # name -> Tag
    cdef readonly dict _options
    cdef public object _planner          # called when something is due before lives.planned
    cdef object __weakref__

    # for compiled callers
    cdef PyObject *fetch(self, PyObject *key) except? NULL       # new reference, counted as hit or miss; NULL without an error: missing
    cdef PyObject *look(self, PyObject *key) except? NULL        # borrowed, as fetch without counting as use; see Cache.peek
    cdef bint put(self, object key, object value) except -1      # as self[key] = value; False: heavier than the cache
    cdef bint store(self, object key, object value, int64_t ttl, int64_t tti, object weight, object tags, int mode) except -1   # False: the mode forbids it, or too heavy
    cdef bint exchange(self, object key, object current, object value) except -1      # False: `current` is no longer the value
    cdef bint relive(self, object key, int64_t ttl, bint absolute) except -1          # False: no such key
    cdef bint expire(self, int64_t now, int budget) noexcept     # removes due entries, examining `budget` timers; returns whether more is
    cdef void drop_all(self) noexcept

    # time
    cdef int64_t now(self) except? -3                            # exact
    cdef int64_t begin(self) except? -3                          # coarse, for one call; 0 if nothing is timed
    cdef int start_timing(self) except -1
    cdef int plan(self) except -1                                # informs the planner of an earlier deadline

    # numbers of nodes: valid until Python code runs
    cdef uint32_t find(self, PyObject *key, uint32_t hash) except? 0xFFFFFFFF         # expired or not; 0: missing
    cdef uint32_t find_alive(self, PyObject *key, uint32_t hash, int64_t now) except? 0xFFFFFFFF
    cdef uint32_t locate(self, object key, int64_t now) except? 0xFFFFFFFF            # as find_alive
    cdef object value_at(self, uint32_t i)
    cdef void leave(self, uint32_t i, int why) noexcept
    cdef int why(self, uint32_t i) noexcept                      # cause of an expired node's removal
    cdef int make_room(self, int64_t now, uint32_t newest) except -1

    cdef void set_limits(self) noexcept
    cdef bint over(self) noexcept
    cdef uint32_t enter(self, object key, object value, uint32_t hash, int64_t weight) except? 0xFFFFFFFF
    cdef object swap(self, uint32_t i, object value, int64_t weight)
    cdef void close_columns(self, uint32_t k) noexcept
    cdef void shrink(self) noexcept
    cdef void notify(self, object key, object value, int why, tuple tags) noexcept
    cdef void drop_from_index(self, object key) noexcept
    cdef int put_in_index(self, object key) except -1
    cdef void call_listener(self, object key, object value, int why) noexcept
    cdef int64_t weigh(self, object key, object value, object weight) except -1
    cdef object weakly(self, object key, object value)
    cdef int drop_collected(self, object key, object ref) except -1
    cdef int tag(self, object key, uint32_t hash, tuple names) except -1
