"""The entries of an object cache: any hashable key, any value, found by hash, timed, weighed, evicted.

    cells     hash and number of an entry's node (core/cells)
    nodes     key, value, hash, links of the policy (core/slab)
    order     the eviction policy (core/policy)
    lives     deadlines, idle times, staleness (core/lives)
    columns   weight, tags (doors/tags): only if a cache uses them

One rule keeps it consistent: **Python code may run during any call of Python objects**, and may use this
cache. A key's __hash__ and __eq__, a weigher, a clock, a listener, and the __del__ of whatever is released
can get, set, delete, clear or switch threads. So no method keeps a node number or a pointer across such a
call; `find`, which calls __eq__, checks whether anything changed meanwhile and starts again, and the
following step (insert, remove, swap the value) completes without calling Python. References are
dropped and listeners are called last, when the structure is consistent. No method blocks on a lock, so
none can deadlock; on free-threaded Python each method is a critical section of its cache.

The timing wheel finds expired entries: the janitor (kvd.janitor) calls `_expire` when something is due, `len` and
eviction do so before they count, and every get and set removes a few, in case the janitor waits for the GIL.
"""

cimport cython
from cpython.object cimport PyObject, PyObject_RichCompareBool, Py_EQ, visitproc
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_CheckExact
from cpython.weakref cimport PyWeakref_GetObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.cells cimport cell, cells_count, cells_double, cells_full, cells_have, cells_init, cells_insert, cells_remove, cells_shrink
from kvd.core.clock cimport COARSE_LAG, coarse_us, mono_us
from kvd.core.lives cimport (
    NEVER, lives_close, lives_due, lives_exact, lives_forget, lives_give, lives_init, lives_look, lives_neglected, lives_over,
    lives_release, lives_soften, lives_start, lives_tti, lives_use,
)
from kvd.core.mem cimport heap_destroy, heap_init_sparse
from kvd.core.policy cimport (
    policy_add, policy_check, policy_rest, policy_first, policy_hit, policy_init, policy_kind, policy_limit, policy_miss, policy_name,
    policy_next, policy_remove, policy_victim, policy_weigh,
)
from kvd.core.slab cimport (
    SEGMENT_BITS, column_at, column_close, column_init, column_release, column_reserve, node, node_at, slab_give, slab_init, slab_release,
    slab_take,
)
from kvd.core.wheel cimport wheel_check
from kvd.doors.glue cimport decref, full_type, hash_of, incref, inquiry, mix, same_text, traverseproc
from kvd.doors.spans cimport DEFAULT, UNLIMITED, limit_of, span_of
from kvd.doors.tags cimport tag_names, tags_drop_empty, tags_gone, tags_named, tags_put, tags_take

import operator
import os
import weakref

cdef enum:
    FEW = 4                    # timers that every operation examines, if some are due

CAUSES = ("size", "expired", "idle", "replaced", "deleted", "cleared", "collected")
POLICIES = tuple(policy_name(i).decode() for i in range(7))


cdef class Entries:
    def __cinit__(self, *args, **kwargs):
        heap_init_sparse(&self.mem)
        slab_init(&self.nodes, &self.mem)
        lives_init(&self.lives, &self.mem)
        column_init(&self.weights, &self.mem, sizeof(int64_t))
        column_init(&self.notes, &self.mem, sizeof(void *))
        self.most = self.heaviest = UNLIMITED
        self.default_ttl = self.default_tti = NEVER
        self.tags = {}
        if not policy_init(&self.order, policy_kind.LRU, &self.nodes, &self.mem, 1) or not cells_init(&self.cells, &self.mem):
            raise MemoryError()

    def __init__(self, maxsize=None, *, ttl=None, tti=None, policy="lru", maxweight=None, weigher=None, on_evict=None,
                 clock=None, ordered=False, weak_values=False, jitter=0.0, planner=None):
        cdef int kind
        if self._options is not None or self.nodes.used:
            raise TypeError("__init__ must be called once, before the cache is used")
        if policy not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
        for what, function in (("weigher", weigher), ("on_evict", on_evict), ("clock", clock)):
            if function is not None and not callable(function):
                raise TypeError(f"{what} must be callable, not {type(function).__name__}")
        kind = POLICIES.index(policy)
        self.most = limit_of("maxsize", maxsize)
        self.heaviest = limit_of("maxweight", maxweight)
        self.default_ttl = span_of("ttl", ttl)
        self.default_tti = span_of("tti", tti)
        if not isinstance(jitter, (int, float)) or not 0 <= jitter <= 1:
            raise ValueError(f"jitter must be a number between 0 and 1, got {jitter!r}")
        self.lives.jitter = jitter
        self._options = {
            "maxsize": maxsize, "ttl": ttl, "tti": tti, "policy": policy, "maxweight": maxweight, "weigher": weigher,
            "on_evict": on_evict, "clock": clock, "ordered": ordered, "weak_values": weak_values, "jitter": jitter,
        }
        self._planner = planner
        self.weigher = weigher
        self.on_evict = on_evict
        self.clock = clock
        self.lives.real = clock is None
        self.weak = weak_values
        self.missing = hasattr(type(self), "__missing__")
        self.weighing = weigher is not None or maxweight is not None
        if not policy_init(&self.order, <policy_kind>kind, &self.nodes, &self.mem, int.from_bytes(os.urandom(8), "little")):
            raise MemoryError()
        self.set_limits()
        if ordered:
            from sortedcontainers import SortedList

            self.index = SortedList()
        self.lives.timed = False
        if self.default_ttl != NEVER or self.default_tti != NEVER:
            self.start_timing()

    def __dealloc__(self):
        cdef uint32_t i
        cdef void *tags
        if self.cells.at != NULL:
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
        if self.heaviest != UNLIMITED:
            policy_limit(&self.order, self.heaviest, &self.weights)
        else:
            policy_limit(&self.order, self.most, NULL)

    cdef inline bint over(self) noexcept:
        return self.nodes.used > self.most or self.total > self.heaviest

    cdef int start_timing(self) except -1:
        """Allows deadlines from now on."""
        if not lives_start(&self.lives, self.now()):
            raise MemoryError()
        return 0

    cdef int64_t now(self) except? -3:
        if self.clock is None:
            return mono_us()
        return <int64_t>(<double>self.clock() * 1e6 + 0.5)

    cdef inline int64_t begin(self) except? -3:
        """A user's clock is read only here, because reading it runs Python code."""
        if not self.lives.timed:
            return 0
        return coarse_us() if self.clock is None else self.now()

    cdef int why(self, uint32_t i) noexcept:
        return IDLE if lives_neglected(&self.lives, i) else EXPIRED

    cdef int plan(self) except -1:
        self.lives.hurry = False
        if self.clock is None and self._planner is not None and self.lives.soonest < self.lives.planned:
            self.lives.planned = self.lives.soonest
            self._planner(self.lives.soonest + 1)
        return 0

    # ---- finding ---------------------------------------------------------------------------------

    cdef uint32_t find(self, PyObject *key, uint32_t hash) except? 0xFFFFFFFF:
        """The caller may rely on the number until Python code runs."""
        cdef uint32_t at = hash & self.cells.mask
        cdef cell *c
        cdef PyObject *other
        cdef uint64_t changes
        cdef bint same
        while True:
            c = &self.cells.at[at]
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
                    incref(other)
                    try:
                        same = PyObject_RichCompareBool(<object>other, <object>key, Py_EQ)
                    finally:
                        decref(other)
                    if changes != self.changes:
                        at = hash & self.cells.mask
                        continue
                    if same:
                        return c.id
            at = (at + 1) & self.cells.mask

    cdef uint32_t find_alive(self, PyObject *key, uint32_t hash, int64_t now) except? 0xFFFFFFFF:
        """As find; removes the entry if it has expired."""
        cdef uint32_t i
        while True:
            i = self.find(key, hash)
            if i == 0 or not self.lives.timed or not lives_over(&self.lives, i, now):
                return i
            self.leave(i, self.why(i))

    cdef uint32_t locate(self, object key, int64_t now) except? 0xFFFFFFFF:
        return self.find_alive(<PyObject *>key, mix(hash_of(<PyObject *>key)), now)

    cdef object value_at(self, uint32_t i):
        cdef object value = <object>node_at(&self.nodes, i).value
        return value() if self.weak else value

    # ---- insertion and removal -------------------------------------------------------------------

    cdef uint32_t enter(self, object key, object value, uint32_t hash, int64_t weight) except? 0xFFFFFFFF:
        """A new node, in its cell and in the policy. The key must not be there. No Python code runs."""
        cdef uint32_t i
        cdef node *n
        if cells_full(&self.cells, self.nodes.used) and not cells_double(&self.cells):
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
        cells_insert(&self.cells, hash, i)
        self.changes += 1
        return i

    cdef void leave(self, uint32_t i, int why) noexcept:
        """Removes the node, releases key and value, then calls the listener. Python code runs at the end."""
        cdef node *n = node_at(&self.nodes, i)
        cdef object key = <object>n.key
        cdef object value = <object>n.value
        cdef tuple tags = None
        cells_remove(&self.cells, n.hash, i)
        policy_remove(&self.order, i)
        if self.lives.timed or self.lives.softs.directory:
            lives_forget(&self.lives, i)
        self.total -= (<int64_t *>column_at(&self.weights, i))[0] if self.weighing else 1
        if self.notes.directory:
            tags = tags_take(&self.notes, i)
        decref(<PyObject *>key)
        decref(<PyObject *>value)
        if slab_give(&self.nodes, i):
            self.close_columns(i >> SEGMENT_BITS)
        self.changes += 1
        self.seen.left[why] += 1
        if self.nodes.used == 0:
            self.shrink()
        if self.index is not None or self.on_evict is not None or tags is not None:
            self.notify(key, value, why, tags)

    cdef void close_columns(self, uint32_t k) noexcept:
        lives_close(&self.lives, k)
        column_close(&self.weights, k)
        column_close(&self.notes, k)

    cdef void shrink(self) noexcept:
        """No entry is left: frees the memory of the nodes."""
        if cells_shrink(&self.cells):
            slab_release(&self.nodes)
            lives_release(&self.lives)
            column_release(&self.weights)
            column_release(&self.notes)
            policy_rest(&self.order)

    # An exception in these is reported by sys.unraisablehook, which Cython calls for functions that may not raise.

    cdef void notify(self, object key, object value, int why, tuple tags) noexcept:
        if tags is not None:
            tags_drop_empty(self.tags, tags)
        if self.index is not None:
            self.drop_from_index(key)
        if self.on_evict is not None and why != COLLECTED:
            self.call_listener(key, value, why)

    cdef void drop_from_index(self, object key) noexcept:
        if not self.find(<PyObject *>key, mix(hash_of(<PyObject *>key))):
            try:
                self.index.discard(key)
            except TypeError:          # a key that cannot be compared with the others is not in the index
                pass

    cdef void call_listener(self, object key, object value, int why) noexcept:
        self.on_evict(key, value() if self.weak else value, CAUSES[why])

    cdef void drop_all(self) noexcept:
        """Removes as many entries as there are now: a __del__ or listener that adds entries cannot make this endless."""
        cdef uint32_t n = self.nodes.used
        cdef uint32_t i = policy_first(&self.order)
        while i and n:
            self.leave(i, CLEARED)
            n -= 1
            i = policy_first(&self.order)

    cdef int make_room(self, int64_t now, uint32_t newest) except -1:
        """Removes entries until the limits hold: first the expired, then the policy's victims."""
        cdef uint32_t i
        if self.lives.timed and self.over() and now + COARSE_LAG >= self.lives.soonest:
            self.expire(lives_exact(&self.lives, now), STEP)
        while self.over():
            i = policy_victim(&self.order, newest)
            if i == 0:
                break
            self.leave(i, SIZE)
        return 0

    cdef bint expire(self, int64_t now, int budget) noexcept:
        cdef uint32_t i
        while True:
            i = lives_due(&self.lives, now, &budget)
            if i == 0:
                lives_look(&self.lives)
                return budget <= 0
            self.leave(i, self.why(i))

    cdef bint store(self, object key, object value, int64_t ttl, int64_t tti, object weight, object tags,
                    int mode) except -1:
        cdef int64_t now, heavy
        cdef uint32_t hash, i
        cdef object old
        if tags is not None:
            tags = tag_names(tags)
        if ttl == DEFAULT:
            ttl = self.default_ttl
        if tti == DEFAULT:
            tti = self.default_tti
        if not self.lives.timed and (ttl != NEVER or tti != NEVER):
            self.start_timing()
        now = self.begin()
        heavy = self.weigh(key, value, weight) if self.weighing else 1
        if self.weak:
            value = self.weakly(key, value)
        hash = mix(hash_of(<PyObject *>key))
        i = self.find_alive(<PyObject *>key, hash, now)
        if mode != ANY and (i != 0) == (mode == ADD):
            return False
        if heavy > self.heaviest or self.most == 0:
            self.seen.refused += 1
            if i:
                self.leave(i, SIZE)
            return False
        if i:
            old = self.swap(i, value, heavy)
            policy_hit(&self.order, i)
            if self.lives.timed and not lives_give(&self.lives, i, now, ttl, tti, &self.order.chance):
                raise MemoryError()
            if self.lives.softs.directory:
                lives_soften(&self.lives, i, 0)
            if tags is not None or self.notes.directory:
                self.tag(key, hash, tags)
            self.seen.left[REPLACED] += 1
            if self.on_evict is not None:
                self.call_listener(key, old, REPLACED)
        else:
            i = self.enter(key, value, hash, heavy)
            if self.lives.timed and (ttl != NEVER or tti != NEVER) \
                    and not lives_give(&self.lives, i, now, ttl, tti, &self.order.chance):
                self.leave(i, DELETED)
                raise MemoryError()
            if tags is not None:
                self.tag(key, hash, tags)
            if self.index is not None:
                self.put_in_index(key)
        if self.over():
            self.make_room(now, i)
        if self.lives.hurry:
            self.plan()
        if self.lives.timed and now >= self.lives.soonest:
            self.expire(lives_exact(&self.lives, now), FEW)
        return True

    cdef object swap(self, uint32_t i, object value, int64_t weight):
        """Returns the previous value. No Python code runs."""
        cdef node *n = node_at(&self.nodes, i)
        cdef object old = <object>n.value
        cdef int64_t *w
        decref(<PyObject *>old)
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
        try:
            n = operator.index(weight)
        except TypeError:
            raise TypeError(f"weight must be an int, got {type(weight).__name__} for {key!r}") from None
        if n < 0:
            raise ValueError(f"weight must not be negative, got {n} for {key!r}")
        return n

    cdef object weakly(self, object key, object value):
        cdef object me = weakref.ref(self)

        def collected(ref, key=key):
            entries = me()
            if entries is not None:
                (<Entries>entries).drop_collected(key, ref)

        return weakref.ref(value, collected)

    cdef int drop_collected(self, object key, object ref) except -1:
        cdef uint32_t i = self.find(<PyObject *>key, mix(hash_of(<PyObject *>key)))
        if i and node_at(&self.nodes, i).value == <void *>ref:
            self.leave(i, COLLECTED)
        return 0

    cdef int tag(self, object key, uint32_t hash, tuple names) except -1:
        """Gives the entry, if it still exists, these tags and no others."""
        cdef tuple tags, old
        cdef uint32_t i
        while True:
            tags = () if names is None else tags_named(self.tags, names)
            i = self.find(<PyObject *>key, hash)
            if not tags_gone(tags):
                break
        if i == 0:
            tags_drop_empty(self.tags, tags)
            return 0
        old = tags_take(&self.notes, i)
        if tags:
            tags_put(&self.notes, i, tags)
        if old is not None:
            tags_drop_empty(self.tags, old)
        return 0

    # ---- reading ---------------------------------------------------------------------------------

    cdef PyObject *fetch(self, PyObject *key) except? NULL:
        cdef int64_t now = self.begin()
        cdef uint32_t hash = mix(hash_of(key))
        cdef uint32_t i
        cdef PyObject *value
        if self.lives.timed and now >= self.lives.soonest:
            self.expire(lives_exact(&self.lives, now), FEW)
        i = self.find(key, hash)
        if i and self.lives.timed:
            if lives_over(&self.lives, i, now):
                self.leave(i, self.why(i))
                i = 0
            elif self.lives.idles.directory:
                lives_use(&self.lives, i, now)
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
        incref(value)
        return value

    cdef PyObject *look(self, PyObject *key) except? NULL:
        """Order, idle time and statistics do not change."""
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

    # ---- changing entries ------------------------------------------------------------------------

    cdef bint put(self, object key, object value) except -1:
        return self.store(key, value, DEFAULT, DEFAULT, None, None, ANY)

    cdef bint exchange(self, object key, object current, object value) except -1:
        cdef uint32_t i
        cdef int64_t heavy = 1
        cdef object old
        with cython.critical_section(self):
            if self.weighing and self.weigher is not None:
                heavy = self.weigh(key, value, None)
            if self.weak:
                value = self.weakly(key, value)
            i = self.locate(key, self.begin())
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

    cdef bint relive(self, object key, int64_t ttl, bint absolute) except -1:
        cdef uint32_t i
        cdef int64_t now, tti
        with cython.critical_section(self):
            if ttl == DEFAULT:
                ttl = self.default_ttl
            if not self.lives.timed and ttl != NEVER:
                self.start_timing()
            now = self.now()
            i = self.locate(key, now)
            if i == 0:
                return False
            policy_hit(&self.order, i)
            if self.lives.timed:
                if absolute and ttl != NEVER:
                    ttl -= now
                tti = lives_tti(&self.lives, i)
                if not lives_give(&self.lives, i, now, ttl, tti if tti else NEVER, &self.order.chance):
                    raise MemoryError()
                if self.lives.hurry:
                    self.plan()
            return True

    # ---- checking --------------------------------------------------------------------------------

    def _check(self):
        """Assert that the structure is consistent."""
        cdef const char *what = policy_check(&self.order)
        cdef uint32_t i
        cdef int64_t total = 0
        cdef uint32_t found = 0
        assert what == NULL, what
        i = policy_first(&self.order)
        while i:
            assert cells_have(&self.cells, node_at(&self.nodes, i).hash, i), "a node without a cell"
            total += (<int64_t *>column_at(&self.weights, i))[0] if self.weighing else 1
            found += 1
            i = policy_next(&self.order, i)
        assert found == self.nodes.used, "nodes that the walk does not meet"
        assert total == self.total, "the total weight is wrong"
        assert cells_count(&self.cells) == found, "cells without a node"
        if self.lives.due != NULL:
            what = wheel_check(self.lives.due)
            assert what == NULL, what


# ---- the garbage collector: slots that Cython cannot declare --------------------------------------------

cdef traverseproc traverse_base = (<full_type *>Entries).tp_traverse
cdef inquiry clear_base = (<full_type *>Entries).tp_clear


cdef int traverse(PyObject *self, visitproc visit, void *arg) noexcept:
    """Visits keys, values and tags for the garbage collector."""
    cdef Entries c = <Entries>self
    cdef uint32_t i
    cdef node *n
    cdef void *tags
    cdef int r
    if c.cells.at != NULL:
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
    """Breaks cycles; listeners are no longer called."""
    cdef Entries c = <Entries>self
    c.on_evict = c.index = c.weigher = c.clock = None
    if c.cells.at != NULL:
        c.drop_all()
    return clear_base(self)


(<full_type *>Entries).tp_traverse = traverse
(<full_type *>Entries).tp_clear = clear
