"""The object cache's compiled half, for those that call it without Python in between. See cache.pyx."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.mem cimport heap
from kvd.core.policy cimport policy
from kvd.core.slab cimport column, slab
from kvd.core.wheel cimport wheel

cdef enum:                     # why an entry left; in the order of CAUSES
    SIZE, EXPIRED, IDLE, REPLACED, DELETED, CLEARED, COLLECTED, N_CAUSES

cdef struct cell:
    uint32_t hash
    uint32_t id                # 0: free

cdef struct figures:           # what stats() tells
    uint64_t hits
    uint64_t misses
    uint64_t refused
    uint64_t left[7]           # by cause

cdef class Cache:
    cdef heap mem
    cdef slab nodes
    cdef policy order
    cdef cell *cells
    cdef uint32_t mask         # of cells, one less than there are
    cdef uint64_t changes      # raised whenever a node is put in or taken out
    cdef int64_t maxsize       # UNLIMITED: none
    cdef int64_t maxweight
    cdef int64_t total         # weight of all
    cdef column lives          # life: deadline and place in the wheel
    cdef column idles          # idle: of entries that also end when nobody asks for them
    cdef column weights        # int64_t
    cdef column softs          # int64_t: when an entry is stale though alive
    cdef column notes          # PyObject *: tuple of the tags an entry has
    cdef wheel *due
    cdef bint timed            # some entry may have a deadline
    cdef bint weighing
    cdef bint missing          # the class has __missing__
    cdef bint weak
    cdef bint hurry            # a deadline was set that is before `planned`
    cdef int64_t soonest       # no deadline in the wheel is before it
    cdef int64_t planned       # until when the janitor sleeps
    cdef int64_t default_ttl   # microseconds; NEVER: none
    cdef int64_t default_tti
    cdef double jitter
    cdef figures seen
    cdef object weigher
    cdef object on_evict
    cdef object clock
    cdef object index          # sorted keys, of a cache made with ordered=True
    cdef dict tags             # name -> Tag
    cdef readonly dict _options
    cdef public object _planner          # called when something is due before `planned`
    cdef object __weakref__

    cdef PyObject *fetch(self, PyObject *key) except? NULL       # new reference, counted as hit or miss; NULL without an error: not there
    cdef bint put(self, object key, object value) except -1      # as self[key] = value; False: heavier than the cache

    cdef void set_limits(self) noexcept
    cdef bint over(self) noexcept
    cdef int start_timing(self) except -1
    cdef int64_t now(self) except? -3
    cdef int64_t begin(self) except? -3
    cdef int64_t exact(self, int64_t now) noexcept
    cdef int64_t deadline_of(self, uint32_t i) noexcept
    cdef bint dead(self, uint32_t i, int64_t now) noexcept
    cdef bint set_deadline(self, uint32_t i, int64_t deadline) noexcept
    cdef bint set_life(self, uint32_t i, int64_t now, int64_t ttl, int64_t tti) noexcept
    cdef void renew(self, uint32_t i, int64_t now) noexcept
    cdef int why(self, uint32_t i) noexcept
    cdef int plan(self) except -1
    cdef bint make_cells(self, uint32_t n) noexcept
    cdef uint32_t find(self, PyObject *key, uint32_t hash) except? 0xFFFFFFFF
    cdef void unlink_cell(self, uint32_t i) noexcept
    cdef uint32_t find_alive(self, PyObject *key, uint32_t hash, int64_t now) except? 0xFFFFFFFF
    cdef uint32_t enter(self, object key, object value, uint32_t hash, int64_t weight) except? 0xFFFFFFFF
    cdef void leave(self, uint32_t i, int why) noexcept
    cdef void close_columns(self, uint32_t k) noexcept
    cdef void shrink(self) noexcept
    cdef void drop_all(self) noexcept
    cdef void tell(self, object key, object value, int why, tuple tags) noexcept
    cdef int make_room(self, int64_t now, uint32_t newest) except -1
    cdef bint expire(self, int64_t now, int budget) noexcept
    cdef uint32_t next_due(self, int64_t now, int *budget) noexcept
    cdef bint store(self, object key, object value, int64_t ttl, int64_t tti, object weight, object tags, int mode) except -1
    cdef object swap(self, uint32_t i, object value, int64_t weight)
    cdef void drop_from_index(self, object key) noexcept
    cdef void call_listener(self, object key, object value, int why) noexcept
    cdef int put_in_index(self, object key) except -1
    cdef int64_t weigh(self, object key, object value, object weight) except -1
    cdef object weakly(self, object key, object value)
    cdef int drop_collected(self, object key, object ref) except -1
    cdef void untag(self, uint32_t i, tuple tags) noexcept
    cdef void drop_empty(self, tuple tags) noexcept
    cdef int tag(self, object key, uint32_t hash, tuple names) except -1
    cdef void restale(self, uint32_t i, int64_t at) noexcept
    cdef PyObject *look(self, PyObject *key) except? NULL
    cdef bint exchange(self, object key, object current, object value) except -1
    cdef object value_at(self, uint32_t i)
    cdef bint relive(self, object key, int64_t ttl, bint absolute) except -1
    cdef int add_record(self, list rest, uint32_t i, int64_t now) except -1
