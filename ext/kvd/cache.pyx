"""The object cache: any hashable key, any value, in this process.

    cells     hash and number of an entry's node, open addressing        8 bytes, half full at most
    nodes     key, value, hash, links of the policy (core/slab)         32 bytes
    order     who leaves when room is needed (core/policy)
    columns   deadline, idle time, weight, staleness, tags              only if a cache uses them

One rule keeps it whole: **Python code may run in the middle of anything we call**, and may use this
cache. A key's __hash__ and __eq__, a weigher, a clock, a listener, and the __del__ of whatever is let go
can get, set, delete, clear or switch threads. So no method keeps a node number or a pointer over such a
call; `find`, which calls __eq__, looks whether anything changed meanwhile and begins again, and what
follows it (put in, take out, swap the value) runs to its end without calling Python. References are
dropped and listeners are called last, when the structure is consistent. Nothing waits for a lock, so
nothing can deadlock; on free-threaded Python each method is a critical section of its cache.

Time is microseconds of the monotonic clock, or of `clock`. Whether an entry is alive is asked of a clock
that costs 5 ns and lags up to 10 ms (CLOCK_MONOTONIC_COARSE), and of the exact one only when the deadline is
that near. Times to live of a second or more are counted from the cheap clock, too, so such an entry may
leave these few ms early. Entries leave by the timing wheel: the janitor (kvd.janitor) calls `_expire` when
something is due, `len` and eviction do so before they count, and every get and set takes out a few, in case
the janitor waits for the interpreter. A deadline that moves away stays where
it is in the wheel and is put in its place when it comes up.
"""

cimport cython
from cpython.object cimport PyObject, PyObject_RichCompareBool, Py_EQ, PyTypeObject, visitproc
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_CheckExact
from cpython.weakref cimport PyWeakref_GetObject
from libc.math cimport isnan
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from kvd.core.clock cimport mono_us
from kvd.core.crc64 cimport crc64
from kvd.core.entry cimport timer
from kvd.core.mem cimport heap_destroy, heap_init_sparse, mem_alloc, mem_free
from kvd.core.policy cimport (
    policy_add, policy_check, policy_rest, policy_first, policy_hit, policy_init, policy_kind, policy_limit,
    policy_miss, policy_name, policy_next, policy_remove, policy_victim, policy_weigh,
)
from kvd.core.random cimport rng_unit
from kvd.core.slab cimport (
    SEGMENT_BITS, column_at, column_close, column_init, column_release, column_reserve, node, node_at, slab_give, slab_init, slab_release,
    slab_take,
)
from kvd.core.wheel cimport WHEEL_TICK, wheel_add, wheel_cancel, wheel_check, wheel_due, wheel_new, wheel_next

import operator
import os
import weakref
from types import GenericAlias

cdef extern from "kvd/cache.h":
    int64_t LAG "KVD_LAG"
    int64_t coarse_us "kvd_coarse_us" () noexcept nogil
    bint same_text "kvd_same_text" (PyObject *a, PyObject *b) noexcept
    Py_hash_t hash_of "kvd_hash" (PyObject *key) except? -1
    uint32_t mix "kvd_mix" (Py_hash_t h) noexcept
    object method_of "kvd_method" (PyTypeObject *type, PyMethodDef *method)
    int install "kvd_install" (PyTypeObject *type, PyMethodDef *method) except -1
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc
    int METH_FASTCALL, METH_KEYWORDS
    void Py_DECREF_raw "Py_DECREF" (PyObject *o)
    void Py_INCREF_raw "Py_INCREF" (PyObject *o)

cdef extern from "Python.h":
    ctypedef int (*traverseproc)(PyObject *self, visitproc visit, void *arg) noexcept
    ctypedef int (*inquiry)(PyObject *self) noexcept

cdef extern from *:
    ctypedef struct full_type "PyTypeObject":
        traverseproc tp_traverse
        inquiry tp_clear

cdef struct life:
    timer t                    # deadline 0: none
    uint32_t id

cdef struct idle:
    int64_t tti
    int64_t last               # whatever happens, it ends here; NEVER: it need not

cdef int64_t UNLIMITED = 0x7FFFFFFFFFFFFFFF
cdef int64_t NEVER = 0x7FFFFFFFFFFFFFFF
cdef int64_t DEFAULT = -2      # of a time to live: what the cache was made with
cdef int64_t LONG = 1000000    # a time to live above which 10 ms do not matter
cdef int64_t FOREVER = 1 << 57  # longer times are the same as none

cdef enum:
    CELLS = 8                  # to begin with
    STEP = 64                  # timers between two looks at the time
    FEW = 4                    # timers that an operation looks at in passing, if some are due
    ANY = 0                    # modes of storing: whether the key must or must not be there
    ADD = 1
    REPLACE = 2

CAUSES = ("size", "expired", "idle", "replaced", "deleted", "cleared", "collected")
POLICIES = tuple(policy_name(i).decode() for i in range(7))


class _Unset:
    def __repr__(self):
        return "<not given>"

    def __bool__(self):
        return False


UNSET = _Unset()               # of arguments for which None means something


cdef int64_t micros(object seconds) except? -3:
    """Seconds as a span in microseconds; None is NEVER."""
    cdef double s
    if seconds is None:
        return NEVER
    s = seconds
    if isnan(s):
        raise ValueError("a time must be a number, not nan")
    if s >= <double>FOREVER / 2e6:
        return NEVER
    return <int64_t>(s * 1e6 + 0.5) if s > 0 else 0


cdef inline int64_t later(int64_t now, int64_t span) noexcept:
    return NEVER if span >= FOREVER else now + span


cdef int64_t limit_of(str what, object n) except -1:
    cdef int64_t limit
    if n is None:
        return UNLIMITED
    limit = operator.index(n)
    if limit < 0:
        raise ValueError(f"{what} must not be negative, and it is {n}")
    return limit


cdef object limit_or_none(int64_t limit):
    return None if limit == UNLIMITED else limit


cdef int64_t span_of(str what, object seconds) except -1:
    cdef int64_t span = micros(seconds)
    if seconds is not None and span == 0:
        raise ValueError(f"{what} must be positive, and it is {seconds}")
    return span


cdef tuple names_in(object tags):
    """Of one tag or several; TypeError before anything is changed if one cannot be hashed."""
    cdef tuple names = (tags,) if isinstance(tags, str) else tuple(tags)
    hash(names)
    return names


@cython.final
cdef class Tag:
    """The entries that carry one tag, by node number."""
    cdef object name
    cdef set numbers
    cdef bint gone             # not in the cache's dictionary any more

    def __cinit__(self, name):
        self.name = name
        self.numbers = set()


cdef class Cache:
    """The compiled half of kvd.Cache, which adds views, loading and files."""

    __class_getitem__ = classmethod(GenericAlias)

    def __cinit__(self, *args, **kwargs):
        heap_init_sparse(&self.mem)
        slab_init(&self.nodes, &self.mem)
        column_init(&self.lives, &self.mem, sizeof(life))
        column_init(&self.idles, &self.mem, sizeof(idle))
        column_init(&self.weights, &self.mem, sizeof(int64_t))
        column_init(&self.softs, &self.mem, sizeof(int64_t))
        column_init(&self.notes, &self.mem, sizeof(void *))
        self.maxsize = self.maxweight = UNLIMITED
        self.default_ttl = self.default_tti = NEVER
        self.planned = self.soonest = NEVER
        self.tags = {}
        if not policy_init(&self.order, policy_kind.LRU, &self.nodes, &self.mem, 1) or not self.make_cells(CELLS):
            raise MemoryError()

    def __init__(self, maxsize=None, *, ttl=None, tti=None, policy="lru", maxweight=None, weigher=None, on_evict=None,
                 clock=None, ordered=False, weak_values=False, jitter=0.0, planner=None):
        cdef int kind
        if self._options is not None or self.nodes.used:
            raise TypeError("a cache is made once")
        if policy not in POLICIES:
            raise ValueError(f"unknown policy {policy!r}; there are {', '.join(POLICIES)}")
        for what, function in (("weigher", weigher), ("on_evict", on_evict), ("clock", clock)):
            if function is not None and not callable(function):
                raise TypeError(f"{what} must be callable, not {type(function).__name__}")
        kind = POLICIES.index(policy)
        self.maxsize = limit_of("maxsize", maxsize)
        self.maxweight = limit_of("maxweight", maxweight)
        self.default_ttl = span_of("ttl", ttl)
        self.default_tti = span_of("tti", tti)
        self.jitter = jitter
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter must be between 0 and 1")
        self._options = {
            "maxsize": maxsize, "ttl": ttl, "tti": tti, "policy": policy, "maxweight": maxweight, "weigher": weigher,
            "on_evict": on_evict, "clock": clock, "ordered": ordered, "weak_values": weak_values, "jitter": jitter,
        }
        self._planner = planner
        self.weigher = weigher
        self.on_evict = on_evict
        self.clock = clock
        self.weak = weak_values
        self.missing = hasattr(type(self), "__missing__")
        self.weighing = weigher is not None or maxweight is not None
        if not policy_init(&self.order, <policy_kind>kind, &self.nodes, &self.mem, int.from_bytes(os.urandom(8), "little")):
            raise MemoryError()
        self.set_limits()
        if ordered:
            from sortedcontainers import SortedList

            self.index = SortedList()
        self.timed = False
        if self.default_ttl != NEVER or self.default_tti != NEVER:
            self.start_timing()

    def __dealloc__(self):
        cdef uint32_t i
        cdef void *tags
        if self.cells != NULL:
            i = policy_first(&self.order)
            while i:
                tags = column_at(&self.notes, i)
                Py_XDECREF(<PyObject *>node_at(&self.nodes, i).key)
                Py_XDECREF(<PyObject *>node_at(&self.nodes, i).value)
                if tags != NULL:
                    Py_XDECREF((<PyObject **>tags)[0])
                i = policy_next(&self.order, i)
        heap_destroy(&self.mem)

    # ---- limits and time -------------------------------------------------------------------------

    cdef void set_limits(self) noexcept:
        if self.maxweight != UNLIMITED:
            policy_limit(&self.order, self.maxweight, &self.weights)
        else:
            policy_limit(&self.order, self.maxsize, NULL)

    cdef inline bint over(self) noexcept:
        return self.nodes.used > self.maxsize or self.total > self.maxweight

    cdef int start_timing(self) except -1:
        """From now on entries may have deadlines."""
        cdef int64_t now = self.now()
        if self.due == NULL:
            self.due = wheel_new(&self.mem, now * WHEEL_TICK)
            if self.due == NULL:
                raise MemoryError()
        self.timed = True
        return 0

    cdef int64_t now(self) except? -3:
        if self.clock is None:
            return mono_us()
        return <int64_t>(<double>self.clock() * 1e6 + 0.5)

    cdef inline int64_t begin(self) except? -3:
        """The time for one call, by the cheap clock, if there is anything to be timed; `exact` and `dead` ask again where
        it matters. A clock of the user's is read only here, for reading it is Python code."""
        if not self.timed:
            return 0
        return coarse_us() if self.clock is None else self.now()

    cdef inline int64_t exact(self, int64_t now) noexcept:
        return mono_us() if self.clock is None else now

    cdef inline int64_t deadline_of(self, uint32_t i) noexcept:
        """0: none."""
        cdef life *l = <life *>column_at(&self.lives, i)
        return l.t.deadline // WHEEL_TICK if l != NULL else 0

    cdef inline bint dead(self, uint32_t i, int64_t now) noexcept:
        cdef int64_t deadline = self.deadline_of(i)
        if deadline == 0 or now + LAG < deadline:
            return False
        return self.exact(now) >= deadline

    cdef bint set_deadline(self, uint32_t i, int64_t deadline) noexcept:
        """NEVER takes it away. False: no memory, and the entry has none. A tick of the wheel is a microsecond."""
        cdef life *l = <life *>column_at(&self.lives, i)
        cdef int64_t at = deadline * WHEEL_TICK if deadline > 0 else WHEEL_TICK     # 0 means none
        if deadline > FOREVER:
            if l != NULL and l.t.deadline:
                wheel_cancel(self.due, &l.t)
                l.t.deadline = 0
            return True
        if l != NULL and l.t.place and l.t.deadline <= at:
            l.t.deadline = at
            return True
        if l == NULL:
            if not column_reserve(&self.lives, i):
                return False
            l = <life *>column_at(&self.lives, i)
        wheel_cancel(self.due, &l.t)
        l.id = i
        l.t.deadline = at
        if not wheel_add(self.due, &l.t):
            l.t.deadline = 0
            return False
        if deadline < self.soonest:
            self.soonest = deadline
            self.hurry = deadline < self.planned
        return True

    cdef bint set_life(self, uint32_t i, int64_t now, int64_t ttl, int64_t tti) noexcept:
        """Counts both from now."""
        cdef int64_t last, at
        cdef idle *d
        if self.jitter and ttl < FOREVER:
            ttl -= <int64_t>(<double>ttl * self.jitter * rng_unit(&self.order.chance))
        if ttl < LONG or tti < LONG:
            now = self.exact(now)
        last = later(now, ttl)
        d = <idle *>column_at(&self.idles, i)
        if tti > FOREVER:
            if d != NULL:
                d.tti = 0
            return self.set_deadline(i, last)
        if d == NULL:
            if not column_reserve(&self.idles, i):
                return False
            d = <idle *>column_at(&self.idles, i)
        d.tti = tti
        d.last = last
        at = later(now, tti)
        return self.set_deadline(i, at if at < last else last)

    cdef void renew(self, uint32_t i, int64_t now) noexcept:
        """Somebody asked for it: its idle time begins again."""
        cdef idle *d = <idle *>column_at(&self.idles, i)
        cdef int64_t at
        if d == NULL or d.tti == 0:
            return
        if d.tti < LONG:
            now = self.exact(now)
        at = later(now, d.tti)
        if at > d.last:
            at = d.last
        if at > self.deadline_of(i):
            self.set_deadline(i, at)

    cdef int why(self, uint32_t i) noexcept:
        """An entry that is dead: of age, or of neglect?"""
        cdef idle *d = <idle *>column_at(&self.idles, i)
        return IDLE if d != NULL and d.tti and self.deadline_of(i) < d.last else EXPIRED

    cdef int plan(self) except -1:
        """A deadline is before the janitor's next visit: tells it."""
        self.hurry = False
        if self.clock is None and self._planner is not None and self.soonest < self.planned:
            self.planned = self.soonest
            self._planner(self.soonest + 1)
        return 0

    # ---- finding ---------------------------------------------------------------------------------

    cdef bint make_cells(self, uint32_t n) noexcept:
        """So many cells, with all nodes in them."""
        cdef cell *old = self.cells
        cdef uint32_t room = self.mask + 1
        cdef uint32_t k, at
        cdef cell *cells = <cell *>mem_alloc(&self.mem, n * sizeof(cell)) if n else NULL      # 0: there were 2^31
        if cells == NULL:
            return False
        memset(cells, 0, n * sizeof(cell))
        if old != NULL:
            for k in range(room):
                if old[k].id:
                    at = old[k].hash & (n - 1)
                    while cells[at].id:
                        at = (at + 1) & (n - 1)
                    cells[at] = old[k]
            mem_free(&self.mem, old, room * sizeof(cell))
        self.cells = cells
        self.mask = n - 1
        return True

    cdef uint32_t find(self, PyObject *key, uint32_t hash) except? 0xFFFFFFFF:
        """The key's node, dead or alive; 0: not there. What the caller does next may rely on it until Python code runs."""
        cdef uint32_t at = hash & self.mask
        cdef cell *c
        cdef PyObject *other
        cdef uint64_t changes
        cdef bint same
        while True:
            c = &self.cells[at]
            if c.id == 0:
                return 0
            if c.hash == hash:
                other = <PyObject *>node_at(&self.nodes, c.id).key
                if other == key:
                    return c.id
                if PyUnicode_CheckExact(<object>other) and PyUnicode_CheckExact(<object>key):
                    if same_text(other, key):
                        return c.id
                else:
                    changes = self.changes
                    Py_INCREF_raw(other)
                    try:
                        same = PyObject_RichCompareBool(<object>other, <object>key, Py_EQ)
                    finally:
                        Py_DECREF_raw(other)
                    if changes != self.changes:
                        at = hash & self.mask
                        continue
                    if same:
                        return c.id
            at = (at + 1) & self.mask

    cdef void unlink_cell(self, uint32_t i) noexcept:
        cdef uint32_t hole = node_at(&self.nodes, i).hash & self.mask
        cdef uint32_t at
        while self.cells[hole].id != i:
            hole = (hole + 1) & self.mask
        at = hole
        while True:                # what comes behind and may stand nearer to its place moves up
            at = (at + 1) & self.mask
            if self.cells[at].id == 0:
                break
            if ((at - self.cells[at].hash) & self.mask) >= ((at - hole) & self.mask):
                self.cells[hole] = self.cells[at]
                hole = at
        self.cells[hole].id = 0

    cdef uint32_t find_alive(self, PyObject *key, uint32_t hash, int64_t now) except? 0xFFFFFFFF:
        """As find, without the dead: one that is met is taken out."""
        cdef uint32_t i
        while True:
            i = self.find(key, hash)
            if i == 0 or not self.timed or not self.dead(i, now):
                return i
            self.leave(i, self.why(i))

    # ---- coming and going ------------------------------------------------------------------------

    cdef uint32_t enter(self, object key, object value, uint32_t hash, int64_t weight) except? 0xFFFFFFFF:
        """A new node, in its cell and in the policy. The key must not be there. No Python code runs."""
        cdef uint32_t i, at
        cdef node *n
        if (self.nodes.used + 1) * <uint64_t>2 > self.mask + <uint64_t>1 and not self.make_cells((self.mask + 1) * 2):
            raise MemoryError()
        i = slab_take(&self.nodes)
        if i == 0:
            raise MemoryError()
        n = node_at(&self.nodes, i)
        n.hash = hash
        if self.weighing:
            if not column_reserve(&self.weights, i):
                slab_give(&self.nodes, i)
                raise MemoryError()
            (<int64_t *>column_at(&self.weights, i))[0] = weight
        if not policy_add(&self.order, i):
            slab_give(&self.nodes, i)
            raise MemoryError()
        self.total += weight
        n.key = <void *>key
        n.value = <void *>value
        Py_INCREF(key)
        Py_INCREF(value)
        at = hash & self.mask
        while self.cells[at].id:
            at = (at + 1) & self.mask
        self.cells[at].hash = hash
        self.cells[at].id = i
        self.changes += 1
        return i

    cdef void leave(self, uint32_t i, int why) noexcept:
        """Takes the node out, then lets key and value go, then tells the listener. Python code runs at the end."""
        cdef node *n = node_at(&self.nodes, i)
        cdef object key = <object>n.key
        cdef object value = <object>n.value
        cdef object tags = None
        cdef void *p
        cdef int64_t weight = 1
        self.unlink_cell(i)
        policy_remove(&self.order, i)
        if self.timed:
            self.set_deadline(i, NEVER)
            p = column_at(&self.idles, i)
            if p != NULL:
                (<idle *>p).tti = 0
        p = column_at(&self.softs, i)
        if p != NULL:
            (<int64_t *>p)[0] = 0
        if self.weighing:
            p = column_at(&self.weights, i)
            weight = (<int64_t *>p)[0]
        self.total -= weight
        p = column_at(&self.notes, i)
        if p != NULL and (<void **>p)[0] != NULL:
            tags = <object>(<void **>p)[0]
            (<void **>p)[0] = NULL
            Py_DECREF_raw(<PyObject *>tags)      # the variable keeps it
            self.untag(i, tags)
        Py_DECREF_raw(<PyObject *>key)
        Py_DECREF_raw(<PyObject *>value)
        if slab_give(&self.nodes, i):
            self.close_columns(i >> SEGMENT_BITS)
        self.changes += 1
        self.seen.left[why] += 1
        if self.nodes.used == 0:
            self.shrink()
        if self.index is not None or self.on_evict is not None or tags is not None:
            self.tell(key, value, why, tags)

    cdef void close_columns(self, uint32_t k) noexcept:
        column_close(&self.lives, k)
        column_close(&self.idles, k)
        column_close(&self.weights, k)
        column_close(&self.softs, k)
        column_close(&self.notes, k)

    cdef void shrink(self) noexcept:
        """Nobody is left: gives back what the nodes took."""
        cdef cell *cells
        if self.mask + 1 <= 512:
            return
        cells = <cell *>mem_alloc(&self.mem, CELLS * sizeof(cell))
        if cells == NULL:
            return                 # those there are are empty as well
        memset(cells, 0, CELLS * sizeof(cell))
        mem_free(&self.mem, self.cells, (self.mask + 1) * sizeof(cell))
        self.cells = cells
        self.mask = CELLS - 1
        slab_release(&self.nodes)
        column_release(&self.lives)
        column_release(&self.idles)
        column_release(&self.weights)
        column_release(&self.softs)
        column_release(&self.notes)
        policy_rest(&self.order)

    # An exception in these is reported by sys.unraisablehook, which Cython calls for functions that may not raise.

    cdef void tell(self, object key, object value, int why, tuple tags) noexcept:
        if tags is not None:
            self.drop_empty(tags)
        if self.index is not None:
            self.drop_from_index(key)
        if self.on_evict is not None and why != COLLECTED:
            self.call_listener(key, value, why)

    cdef void drop_from_index(self, object key) noexcept:
        if not self.find(<PyObject *>key, mix(hash_of(<PyObject *>key))):
            try:
                self.index.discard(key)
            except TypeError:          # what cannot be compared with the others did not get in
                pass

    cdef void call_listener(self, object key, object value, int why) noexcept:
        self.on_evict(key, value() if self.weak else value, CAUSES[why])

    cdef int make_room(self, int64_t now, uint32_t newest) except -1:
        """Until the limits hold: the dead first, then whom the policy names."""
        cdef uint32_t i
        if self.timed and self.over() and now + LAG >= self.soonest:
            self.expire(self.exact(now), STEP)
        while self.over():
            i = policy_victim(&self.order, newest)
            if i == 0:
                break
            self.leave(i, SIZE)
        return 0

    cdef bint expire(self, int64_t now, int budget) noexcept:
        """Takes out what is due, at a price of `budget` timers looked at. Whether more is due."""
        cdef uint32_t i
        while True:
            i = self.next_due(now, &budget)
            if i == 0:
                self.soonest = wheel_next(self.due) // WHEEL_TICK if self.due != NULL and self.due.count else NEVER
                return budget <= 0
            self.leave(i, self.why(i))

    cdef uint32_t next_due(self, int64_t now, int *budget) noexcept:
        """An entry that is due, out of the wheel already. 0: none, or the budget is spent."""
        cdef timer *t
        if self.due == NULL:
            return 0
        while True:
            t = wheel_due(self.due, (now + 1) * WHEEL_TICK, budget)
            if t == NULL:
                return 0
            if t.deadline <= now * WHEEL_TICK or not wheel_add(self.due, t):    # else it was put off
                return (<life *>t).id

    cdef bint store(self, object key, object value, int64_t ttl, int64_t tti, object weight, object tags,
                    int mode) except -1:
        """False: the mode forbids it, or it is heavier than the cache."""
        cdef int64_t now, heavy
        cdef uint32_t hash, i
        cdef object old
        if tags is not None:
            tags = names_in(tags)
        if ttl == DEFAULT:
            ttl = self.default_ttl
        if tti == DEFAULT:
            tti = self.default_tti
        if not self.timed and (ttl != NEVER or tti != NEVER):
            self.start_timing()
        now = self.begin()
        heavy = self.weigh(key, value, weight) if self.weighing else 1
        if self.weak:
            value = self.weakly(key, value)
        hash = mix(hash_of(<PyObject *>key))
        i = self.find_alive(<PyObject *>key, hash, now)
        if mode != ANY and (i != 0) == (mode == ADD):
            return False
        if heavy > self.maxweight or self.maxsize == 0:
            self.seen.refused += 1
            if i:
                self.leave(i, SIZE)
            return False
        if i:
            old = self.swap(i, value, heavy)
            policy_hit(&self.order, i)
            if self.timed and not self.set_life(i, now, ttl, tti):
                raise MemoryError()
            self.restale(i, 0)
            if tags is not None or self.notes.directory:
                self.tag(key, hash, tags)
            self.seen.left[REPLACED] += 1
            if self.on_evict is not None:
                self.call_listener(key, old, REPLACED)
        else:
            i = self.enter(key, value, hash, heavy)
            if self.timed and (ttl != NEVER or tti != NEVER) and not self.set_life(i, now, ttl, tti):
                self.leave(i, DELETED)
                raise MemoryError()
            if tags is not None:
                self.tag(key, hash, tags)
            if self.index is not None:
                self.put_in_index(key)
        if self.over():
            self.make_room(now, i)
        if self.hurry:
            self.plan()
        if self.timed and now >= self.soonest:
            self.expire(self.exact(now), FEW)
        return True

    cdef object swap(self, uint32_t i, object value, int64_t weight):
        """The value before. No Python code runs."""
        cdef node *n = node_at(&self.nodes, i)
        cdef object old = <object>n.value
        cdef int64_t *w
        Py_DECREF_raw(<PyObject *>old)
        Py_INCREF(value)
        n.value = <void *>value
        if self.weighing:
            w = <int64_t *>column_at(&self.weights, i)
            if self.order.weights != NULL:
                policy_weigh(&self.order, i, weight)
            self.total += weight - w[0]
            w[0] = weight
        return old

    cdef int put_in_index(self, object key) except -1:
        """A key that cannot be compared with the others cannot be in an ordered cache."""
        cdef uint32_t i
        try:
            if key not in self.index:
                self.index.add(key)
        except BaseException:
            i = self.find(<PyObject *>key, mix(hash_of(<PyObject *>key)))
            if i:
                self.leave(i, DELETED)
            raise
        return 0

    cdef int64_t weigh(self, object key, object value, object weight) except -1:
        cdef int64_t n
        if weight is None:
            if self.weigher is None:
                return 1
            weight = self.weigher(key, value)
        n = operator.index(weight)
        if n < 0:
            raise ValueError(f"a weight must not be negative, and {key!r} weighs {n}")
        return n

    cdef object weakly(self, object key, object value):
        cdef object me = weakref.ref(self)

        def collected(ref, key=key):
            cache = me()
            if cache is not None:
                (<Cache>cache).drop_collected(key, ref)

        return weakref.ref(value, collected)

    cdef int drop_collected(self, object key, object ref) except -1:
        cdef uint32_t i = self.find(<PyObject *>key, mix(hash_of(<PyObject *>key)))
        if i and node_at(&self.nodes, i).value == <void *>ref:
            self.leave(i, COLLECTED)
        return 0

    # ---- tags and staleness ----------------------------------------------------------------------

    cdef void untag(self, uint32_t i, tuple tags) noexcept:
        """The number leaves the tags' sets; an empty one is thrown away later, for that compares names."""
        cdef Tag tag
        for tag in tags:
            tag.numbers.discard(i)

    cdef void drop_empty(self, tuple tags) noexcept:
        cdef Tag tag
        for tag in tags:
            if not tag.numbers and self.tags.get(tag.name) is tag:
                tag.gone = True
                del self.tags[tag.name]

    cdef int tag(self, object key, uint32_t hash, tuple names) except -1:
        """The entry, if it is still there, has these tags and no others."""
        cdef tuple tags
        cdef object old = None
        cdef uint32_t i
        cdef void **p
        cdef Tag tag
        while True:
            tags = () if names is None else tuple([self.tags.setdefault(name, Tag(name)) for name in names])
            i = self.find(<PyObject *>key, hash)
            for tag in tags:
                if tag.gone:
                    break
            else:
                break
        if i == 0:
            self.drop_empty(tags)
            return 0
        if not column_reserve(&self.notes, i):
            raise MemoryError()
        p = <void **>column_at(&self.notes, i)
        if p[0] != NULL:
            old = <object>p[0]
            Py_DECREF_raw(<PyObject *>old)
            p[0] = NULL
            self.untag(i, old)
        if tags:
            for tag in tags:
                tag.numbers.add(i)
            Py_INCREF(tags)
            p[0] = <void *>tags
        if old is not None:
            self.drop_empty(old)
        return 0

    cdef void restale(self, uint32_t i, int64_t at) noexcept:
        cdef int64_t *p = <int64_t *>column_at(&self.softs, i)
        if p != NULL:
            p[0] = at
        elif at and column_reserve(&self.softs, i):
            (<int64_t *>column_at(&self.softs, i))[0] = at

    # ---- reading ---------------------------------------------------------------------------------

    cdef PyObject *fetch(self, PyObject *key) except? NULL:
        cdef int64_t now = self.begin()
        cdef uint32_t hash = mix(hash_of(key))
        cdef uint32_t i
        cdef PyObject *value
        if self.timed and now >= self.soonest:
            self.expire(self.exact(now), FEW)
        i = self.find(key, hash)
        if i and self.timed:
            if self.dead(i, now):
                self.leave(i, self.why(i))
                i = 0
            elif self.idles.directory:
                self.renew(i, now)
        if i == 0:
            self.seen.misses += 1
            policy_miss(&self.order, hash)
            return NULL
        value = <PyObject *>node_at(&self.nodes, i).value
        if self.weak:
            value = <PyObject *>PyWeakref_GetObject(<object>value)
            if <object>value is None:
                self.seen.misses += 1
                return NULL
        self.seen.hits += 1
        policy_hit(&self.order, i)
        Py_INCREF_raw(value)
        return value

    cdef PyObject *look(self, PyObject *key) except? NULL:
        """As fetch, but leaves no trace: neither order nor idle time nor statistics change. Borrowed; see peek."""
        cdef int64_t now = self.begin()
        cdef uint32_t i = self.find_alive(key, mix(hash_of(key)), now)
        cdef PyObject *value
        if i == 0:
            return NULL
        value = <PyObject *>node_at(&self.nodes, i).value
        if self.weak:
            value = <PyObject *>PyWeakref_GetObject(<object>value)
            if <object>value is None:
                return NULL
        return value

    cdef bint put(self, object key, object value) except -1:
        return self.store(key, value, DEFAULT, DEFAULT, None, None, ANY)

    def __getitem__(self, key):
        cdef PyObject *value
        with cython.critical_section(self):
            value = self.fetch(<PyObject *>key)
        if value != NULL:
            return owned(value)
        if self.missing:
            return type(self).__missing__(self, key)
        raise KeyError(key)

    def __setitem__(self, key, value):
        with cython.critical_section(self):
            if not self.store(key, value, DEFAULT, DEFAULT, None, None, ANY):
                raise ValueError("value too large" if self.maxsize else "the cache has no room for anything")

    def __delitem__(self, key):
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key):
        with cython.critical_section(self):
            return self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), self.begin()) != 0

    def __len__(self):
        with cython.critical_section(self):
            if self.timed:
                self.expire(self.now(), 0x7FFFFFFF)
            return self.nodes.used

    def peek(self, key, default=None):
        """The value of `key`, or `default`; unlike get, it does not count as a use. O(1)."""
        cdef PyObject *value
        with cython.critical_section(self):
            value = self.look(<PyObject *>key)
            return default if value == NULL else <object>value

    def get_many(self, keys):
        """A dict of those of `keys` that are here. O(keys)."""
        cdef PyObject *value
        found = {}
        for key in keys:
            with cython.critical_section(self):
                value = self.fetch(<PyObject *>key)
            if value != NULL:
                found[key] = owned(value)
        return found

    # ---- writing ---------------------------------------------------------------------------------

    def set(self, key, value, ttl=UNSET, *, tti=UNSET, weight=None, tags=None):
        """Store `value` under `key`. O(1).

        ttl: seconds it may live, None for ever; not given: the cache's own.
        tti: seconds it may live without being asked for, likewise.
        weight: what it weighs, instead of asking the weigher.
        tags: a tag or an iterable of tags for invalidate_tag.
        Returns False if it is heavier than the cache; then it is not stored, an older value of the key is gone, and
        nothing else is touched.
        """
        with cython.critical_section(self):
            return self.store(key, value, given(ttl), given(tti), weight, tags, ANY)

    def add(self, key, value, ttl=UNSET, *, tti=UNSET, weight=None, tags=None):
        """As set, but only if `key` is not here. Whether it was stored."""
        with cython.critical_section(self):
            return self.store(key, value, given(ttl), given(tti), weight, tags, ADD)

    def replace(self, key, value, ttl=UNSET, *, tti=UNSET, weight=None, tags=None):
        """As set, but only if `key` is here. Whether it was stored."""
        with cython.critical_section(self):
            return self.store(key, value, given(ttl), given(tti), weight, tags, REPLACE)

    def set_many(self, items, ttl=UNSET, *, tti=UNSET, tags=None):
        """Store all of a mapping or of pairs; how many were. O(items)."""
        cdef int64_t life = given(ttl)
        cdef int64_t idle = given(tti)
        stored = 0
        for key, value in (items.items() if hasattr(items, "items") else items):
            with cython.critical_section(self):
                stored += self.store(key, value, life, idle, None, tags, ANY)
        return stored

    def delete(self, key):
        """Remove `key`; whether it was here. O(1)."""
        cdef uint32_t i
        with cython.critical_section(self):
            i = self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), self.begin())
            if i:
                self.leave(i, DELETED)
            return i != 0

    def delete_many(self, keys):
        """Remove these keys; how many were here. O(keys)."""
        return sum([self.delete(key) for key in keys])

    def pop(self, key, *default):
        """Remove `key` and return its value, or `default`; without one KeyError is raised. O(1)."""
        cdef uint32_t i
        cdef object value
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {len(default) + 1}")
        with cython.critical_section(self):
            i = self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), self.begin())
            if i:
                value = self.value_at(i)
                self.leave(i, DELETED)
                return value
        if default:
            return default[0]
        raise KeyError(key)

    def popitem(self):
        """Remove the entry that would be evicted next and return (key, value); KeyError if there is none. O(1)."""
        cdef uint32_t i
        with cython.critical_section(self):
            if self.timed:
                self.expire(self.now(), 0x7FFFFFFF)
            i = policy_victim(&self.order, 0)
            if i == 0:
                raise KeyError(f"{type(self).__name__} is empty")
            key, value = <object>node_at(&self.nodes, i).key, self.value_at(i)
            self.leave(i, DELETED)
            return key, value

    def clear(self):
        """Remove everything. O(n)."""
        with cython.critical_section(self):
            self.drop_all()

    cdef void drop_all(self) noexcept:
        """As many as there are now: what a __del__ or a listener puts in meanwhile must not keep us here."""
        cdef uint32_t n = self.nodes.used
        cdef uint32_t i = policy_first(&self.order)
        while i and n:
            self.leave(i, CLEARED)
            n -= 1
            i = policy_first(&self.order)

    def setdefault(self, key, default=None):
        """The value of `key`; stores `default` first if it is not here. O(1)."""
        cdef PyObject *value
        with cython.critical_section(self):
            value = self.fetch(<PyObject *>key)
            if value != NULL:
                return owned(value)
            self.store(key, default, DEFAULT, DEFAULT, None, None, ADD)
            value = self.look(<PyObject *>key)
            return default if value == NULL else <object>value

    def cas(self, key, expected, value):
        """Store `value` if the value of `key` equals `expected`. Whether it was stored.

        Deadline, tags and weight stay as they are. O(1).
        """
        cdef PyObject *found
        cdef object current
        while True:
            with cython.critical_section(self):
                found = self.look(<PyObject *>key)
                if found == NULL:
                    return False
                current = <object>found
            if current is not expected and not current == expected:
                return False
            if self.exchange(key, current, value):
                return True

    def incr(self, key, delta=1, *, default=0, ttl=UNSET):
        """Add `delta` to the value of `key` and return the sum. No update is lost among threads. O(1).

        default: what a key that is not here counts as.
        ttl: seconds, for a key that is not here; one that is keeps its deadline.
        """
        cdef PyObject *found
        cdef object current, total
        while True:
            with cython.critical_section(self):
                found = self.look(<PyObject *>key)
                current = None if found == NULL else <object>found
            if found == NULL:
                total = default + delta
                if self.add(key, total, ttl):
                    return total
                if self.maxsize == 0:
                    return total
                continue
            total = current + delta
            if self.exchange(key, current, total):
                return total

    def decr(self, key, delta=1, *, default=0, ttl=UNSET):
        """As incr, downwards."""
        return self.incr(key, -delta, default=default, ttl=ttl)

    cdef bint exchange(self, object key, object current, object value) except -1:
        """Puts `value` in the place of `current`; False: another value is there by now."""
        cdef uint32_t i
        cdef int64_t heavy = 1
        cdef object old
        with cython.critical_section(self):
            if self.weighing and self.weigher is not None:
                heavy = self.weigh(key, value, None)
            if self.weak:
                value = self.weakly(key, value)
            i = self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), self.begin())
            if i == 0 or self.value_at(i) is not current:
                return False
            if self.weighing and self.weigher is None:
                heavy = (<int64_t *>column_at(&self.weights, i))[0]
            old = self.swap(i, value, heavy)
            policy_hit(&self.order, i)
            self.seen.left[REPLACED] += 1
            if self.on_evict is not None:
                self.call_listener(key, old, REPLACED)
            if self.over():
                self.make_room(self.begin(), 0)
            return True

    cdef object value_at(self, uint32_t i):
        cdef object value = <object>node_at(&self.nodes, i).value
        return value() if self.weak else value

    # ---- time ------------------------------------------------------------------------------------

    def time(self):
        """Seconds on the cache's clock, which deadlines refer to."""
        return self.now() / 1e6

    def ttl(self, key):
        """Seconds until `key` expires, None if it does not; KeyError if it is not here. O(1)."""
        cdef uint32_t i
        cdef int64_t deadline, now
        with cython.critical_section(self):
            now = self.now()
            i = self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), now)
            if i == 0:
                raise KeyError(key)
            deadline = self.deadline_of(i)
            return (deadline - now) / 1e6 if deadline else None

    def touch(self, key, ttl=UNSET):
        """Begin the time to live of `key` again, and count as a use; whether it is here. O(1).

        ttl: seconds from now, None for ever; not given: the cache's own.
        """
        return self.relive(key, given(ttl), False)

    def expire_at(self, key, when):
        """Let `key` expire at `when`, in seconds on the cache's clock (see time), or never if None; whether it is here."""
        return self.relive(key, micros(when), True)

    cdef bint relive(self, object key, int64_t ttl, bint absolute) except -1:
        cdef uint32_t i
        cdef int64_t now
        cdef idle *d
        with cython.critical_section(self):
            if ttl == DEFAULT:
                ttl = self.default_ttl
            if not self.timed and ttl != NEVER:
                self.start_timing()
            now = self.now()
            i = self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), now)
            if i == 0:
                return False
            policy_hit(&self.order, i)
            if self.timed:
                d = <idle *>column_at(&self.idles, i)
                if absolute and ttl != NEVER:
                    ttl -= now
                if not self.set_life(i, now, ttl, d.tti if d != NULL and d.tti else NEVER):
                    raise MemoryError()
                if self.hurry:
                    self.plan()
            return True

    def pop_expired(self, limit=None):
        """Remove entries that have expired but were not cleared away yet, at most `limit`; a list of (key, value)."""
        cdef int budget
        cdef uint32_t i
        cdef int64_t now
        gone = []
        with cython.critical_section(self):
            if not self.timed:
                return gone
            now = self.now()
            while limit is None or len(gone) < limit:
                budget = STEP
                i = self.next_due(now, &budget)
                if i:
                    key, value = <object>node_at(&self.nodes, i).key, self.value_at(i)
                    self.leave(i, self.why(i))
                    gone.append((key, value))
                elif budget > 0:
                    break
            return gone

    def _expire(self, int64_t slice_us):
        """Take out what is due, for about so many microseconds. When to call again, in microseconds of the clock: at
        once (0), or None if nothing has a deadline."""
        cdef int64_t until = mono_us() + slice_us
        with cython.critical_section(self):
            while self.expire(self.now(), STEP):
                if mono_us() >= until:
                    self.planned = 0
                    return 0
            self.planned = self.soonest
            return None if self.planned == NEVER else self.planned + 1

    def _forget_plan(self):
        """After a fork no janitor knows of this cache: the next write tells it."""
        self.planned = NEVER
        self.hurry = self.due != NULL and self.due.count

    # ---- staleness, for kvd.caching.loading ------------------------------------------------------

    def _fetch_fresh(self, key):
        """(value, whether it is stale) or None; a use as get is."""
        cdef PyObject *value
        cdef uint32_t i
        cdef int64_t *soft
        cdef int64_t now
        with cython.critical_section(self):
            value = self.fetch(<PyObject *>key)
            if value == NULL:
                return None
            found = owned(value)
            if self.softs.directory == 0:
                return found, False
            now = self.now()
            i = self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), now)
            soft = <int64_t *>column_at(&self.softs, i) if i else NULL
            return found, soft != NULL and soft[0] != 0 and now >= soft[0]

    def _stale_after(self, key, seconds):
        """Let `key` be stale so many seconds from now."""
        cdef uint32_t i
        cdef int64_t at = micros(seconds)
        with cython.critical_section(self):
            at = later(self.now(), at)
            i = self.find(<PyObject *>key, mix(hash_of(<PyObject *>key)))
            if i:
                self.restale(i, at)

    # ---- groups of entries -----------------------------------------------------------------------

    def invalidate_tag(self, *tags):
        """Remove every entry that carries one of these tags; how many. O(entries removed)."""
        cdef Tag tag
        removed = 0
        with cython.critical_section(self):
            for name in tags:
                tag = self.tags.get(name)
                if tag is None:
                    continue
                for number in list(tag.numbers):
                    if number in tag.numbers:
                        self.leave(number, DELETED)
                        removed += 1
        return removed

    def tags_of(self, key):
        """The tags `key` was stored with, a frozenset; empty if it is not here. O(tags)."""
        cdef uint32_t i
        cdef void *p
        cdef tuple tags
        cdef Tag tag
        with cython.critical_section(self):
            i = self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), self.begin())
            p = column_at(&self.notes, i) if i else NULL
            if p == NULL or (<void **>p)[0] == NULL:
                return frozenset()
            tags = <tuple>(<void **>p)[0]
        return frozenset([tag.name for tag in tags])

    def delete_prefix(self, str prefix):
        """Remove every key that is a str and begins with `prefix`; how many. O(n), or O(found) with ordered=True."""
        if self.index is not None:
            found = []
            for key in self.index.irange(prefix):
                if not isinstance(key, str) or not key.startswith(prefix):
                    break
                found.append(key)
        else:
            found = [key for key in self._list(0) if isinstance(key, str) and key.startswith(prefix)]
        return self.delete_many(found)

    def irange(self, minimum=None, maximum=None, inclusive=(True, True), reverse=False):
        """The keys between two keys, in order, as a list. Only with ordered=True; else TypeError. O(log n + found).

        minimum, maximum: keys, None for no limit. inclusive: whether each limit belongs to the range.
        """
        if self.index is None:
            raise TypeError("irange needs a cache made with ordered=True")
        return [key for key in list(self.index.irange(minimum, maximum, inclusive, reverse)) if key in self]

    def _list(self, int what):
        """Keys (0), values (1), pairs (2) or records (3) of the living, the next to be evicted first.

        A record is (key, value, seconds left or None, tti or None, weight, tags).
        """
        cdef uint32_t i
        cdef int64_t now
        cdef list keys = []
        cdef list values = []
        cdef list rest = []
        # the walk makes nothing that the collector tracks: making it could run the collector, and that anything
        with cython.critical_section(self):
            now = self.now() if self.timed or what == 3 else 0
            i = policy_first(&self.order)
            while i:
                if not self.timed or not self.dead(i, now):
                    keys.append(<object>node_at(&self.nodes, i).key)
                    values.append(<object>node_at(&self.nodes, i).value)
                    if what == 3:
                        self.add_record(rest, i, now)
                i = policy_next(&self.order, i)
        if what == 0:
            return keys
        if self.weak:
            values = [ref() for ref in values]
        if what == 3:
            return [
                (key, value, *rest[n:n + 3], () if rest[n + 3] is None else tuple([(<Tag>tag).name for tag in rest[n + 3]]))
                for n, key, value in zip(range(0, len(rest), 4), keys, values)
            ]
        if self.weak:
            keys = [key for key, value in zip(keys, values) if value is not None]
            values = [value for value in values if value is not None]
        return values if what == 1 else list(zip(keys, values))

    cdef int add_record(self, list rest, uint32_t i, int64_t now) except -1:
        """Seconds left, tti, weight, tags."""
        cdef idle *d = <idle *>column_at(&self.idles, i)
        cdef int64_t last = self.deadline_of(i)
        cdef int64_t *w = <int64_t *>column_at(&self.weights, i)
        cdef void *p = column_at(&self.notes, i)
        if d != NULL and d.tti:
            last = d.last
        else:
            d = NULL
        rest.append((last - now) / 1e6 if last and last != NEVER else None)
        rest.append(d.tti / 1e6 if d != NULL else None)
        rest.append(w[0] if self.weighing else None)
        rest.append(<object>(<void **>p)[0] if p != NULL and (<void **>p)[0] != NULL else None)
        return 0

    # ---- limits and figures ----------------------------------------------------------------------

    def resize(self, maxsize=UNSET, *, maxweight=UNSET):
        """Change the limits; entries leave at once if there are too many. None is no limit."""
        cdef int64_t size = self.maxsize if maxsize is UNSET else limit_of("maxsize", maxsize)
        cdef int64_t weight = self.maxweight if maxweight is UNSET else limit_of("maxweight", maxweight)
        with cython.critical_section(self):
            if weight != UNLIMITED and self.order.weights == NULL:
                raise TypeError("a cache that was made without maxweight cannot get one")
            self.maxsize, self.maxweight = size, weight
            self._options.update(maxsize=limit_or_none(size), maxweight=limit_or_none(weight))
            policy_limit(&self.order, weight if self.order.weights != NULL else size, self.order.weights)
            self.make_room(self.begin(), 0)

    @property
    def maxsize(self):
        """The most entries it holds, or None."""
        return limit_or_none(self.maxsize)

    @property
    def maxweight(self):
        """The most its entries may weigh together, or None."""
        return limit_or_none(self.maxweight)

    @property
    def weight(self):
        """What its entries weigh together; without a weigher each weighs 1."""
        return self.total

    @property
    def policy(self):
        """The name of its eviction policy."""
        return policy_name(self.order.kind).decode()

    @property
    def nbytes(self):
        """Bytes the cache takes for itself; keys and values are not counted."""
        return self.mem.used

    def _figures(self):
        return self.seen.hits, self.seen.misses, self.seen.refused, {CAUSES[k]: self.seen.left[k] for k in range(N_CAUSES)}

    def _reset_figures(self):
        memset(&self.seen, 0, sizeof(self.seen))

    def _check(self):
        """Assert that the structure is whole."""
        cdef const char *what = policy_check(&self.order)
        cdef uint32_t i, at
        cdef int64_t total = 0
        cdef uint32_t found = 0
        assert what == NULL, what
        i = policy_first(&self.order)
        while i:
            at = node_at(&self.nodes, i).hash & self.mask
            while self.cells[at].id != i:
                assert self.cells[at].id, "a node that is not in its cells"
                at = (at + 1) & self.mask
            total += (<int64_t *>column_at(&self.weights, i))[0] if self.weighing else 1
            found += 1
            i = policy_next(&self.order, i)
        assert found == self.nodes.used, "nodes that the walk does not meet"
        assert total == self.total, "weighed wrongly"
        assert sum([self.cells[at].id != 0 for at in range(self.mask + 1)]) == found, "cells of nobody"
        if self.due != NULL:
            what = wheel_check(self.due)
            assert what == NULL, what


def checksum(bytes data):
    """CRC-64 of a snapshot's bytes."""
    return crc64(0, <const char *>data, len(data))


cdef inline object owned(PyObject *value):
    """The object a new reference stands for."""
    cdef object o = <object>value
    Py_DECREF_raw(value)
    return o


cdef int64_t given(object seconds) except? -3:
    """A time to live that was given, or DEFAULT."""
    return DEFAULT if seconds is UNSET else micros(seconds)


# ---- what Cython cannot declare -------------------------------------------------------------------------

cdef traverseproc traverse_base = (<full_type *>Cache).tp_traverse
cdef inquiry clear_base = (<full_type *>Cache).tp_clear


cdef int traverse(PyObject *self, visitproc visit, void *arg) noexcept:
    """The collector sees keys, values and tags."""
    cdef Cache c = <Cache>self
    cdef uint32_t i
    cdef node *n
    cdef void *tags
    cdef int r
    if c.cells != NULL:
        i = policy_first(&c.order)
        while i:
            n = node_at(&c.nodes, i)
            r = visit(<PyObject *>n.key, arg)
            if r == 0:
                r = visit(<PyObject *>n.value, arg)
            tags = column_at(&c.notes, i)
            if r == 0 and tags != NULL and (<PyObject **>tags)[0] != NULL:
                r = visit((<PyObject **>tags)[0], arg)
            if r:
                return r
            i = policy_next(&c.order, i)
    return traverse_base(self, visit, arg)


cdef int clear(PyObject *self) noexcept:
    """Breaks cycles: nobody can hear of it any more."""
    cdef Cache c = <Cache>self
    c.on_evict = c.index = c.weigher = c.clock = None
    if c.cells != NULL:
        c.drop_all()
    return clear_base(self)


cdef object fast_get(object self, PyObject **args, Py_ssize_t n, PyObject *names):
    cdef PyObject *value
    cdef object default = None
    if names != NULL and n == 1 and (<tuple>names) == ("default",):
        default = <object>args[1]
    elif names != NULL or n < 1 or n > 2:
        raise TypeError("get expected a key and at most a default")
    elif n == 2:
        default = <object>args[1]
    with cython.critical_section(self):
        value = (<Cache>self).fetch(args[0])
    return default if value == NULL else owned(value)


cdef PyMethodDef GET
GET.ml_name = b"get"
GET.ml_meth = <void *>fast_get
GET.ml_flags = METH_FASTCALL | METH_KEYWORDS
GET.ml_doc = b"""get($self, key, default=None)
--

The value of `key`, or `default`. O(1)."""
install(<PyTypeObject *>Cache, &GET)


def give_get(type subclass):
    """Its own `get`: the interpreter's quick call of a method wants the very class of the object."""
    subclass.get = method_of(<PyTypeObject *>subclass, &GET)


(<full_type *>Cache).tp_traverse = traverse
(<full_type *>Cache).tp_clear = clear
