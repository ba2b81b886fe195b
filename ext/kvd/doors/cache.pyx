"""The compiled part of kvd.Cache: methods on the entries of doors/entries. kvd.caching adds views, loading and files.

A method converts its arguments, works on the entries in one critical section, and converts the result. `get` is
installed at the end of the module as a method that the interpreter calls with a C array of arguments.
"""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from kvd.core.clock cimport NEVER, mono_us
from kvd.core.crc64 cimport crc64
from kvd.core.lives cimport later, lives_deadline, lives_due, lives_last, lives_over, lives_soften, lives_stale, lives_tti
from kvd.core.policy cimport policy_first, policy_limit, policy_name, policy_next, policy_victim
from kvd.core.slab cimport column_at, node_at
from kvd.doors.entries cimport ADD, ANY, DELETED, N_CAUSES, REPLACE, STEP, Entries
from kvd.doors.glue cimport METH_FASTCALL, METH_KEYWORDS, PyMethodDef, install, method_of, owned
from kvd.doors.spans cimport DEFAULT, UNLIMITED, limit_of, limit_or_none, micros, span_of
from kvd.doors.tags cimport Tag, tag_names, tags_of

from types import GenericAlias

from kvd.doors.entries import CAUSES
from kvd.doors.spans import UNSET

cdef object NOT_GIVEN = UNSET


cdef inline int64_t given(str what, object seconds) except? -3:
    """A time to live in microseconds, or DEFAULT."""
    return DEFAULT if seconds is NOT_GIVEN else span_of(what, seconds)


cdef class Cache(Entries):
    """The compiled part of kvd.Cache, which adds views, loading and files."""

    __class_getitem__ = classmethod(GenericAlias)

    # ---- reading ---------------------------------------------------------------------------------

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
                raise ValueError("value too large" if self.most else "maxsize is 0")

    def __delitem__(self, key):
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key):
        with cython.critical_section(self):
            return self.locate(key, self.begin()) != 0

    def __len__(self):
        with cython.critical_section(self):
            if self.lives.timed:
                self.expire(self.now(), 0x7FFFFFFF)
            return self.nodes.used

    def peek(self, key, default=None):
        """Return the value of `key`, or `default`. Unlike get, this does not count as use. O(1)."""
        cdef PyObject *value
        with cython.critical_section(self):
            value = self.look(<PyObject *>key)
            return default if value == NULL else <object>value

    def get_many(self, keys):
        """Return a dict with the values of those `keys` that are in the cache. O(keys)."""
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
        """Store `value` under `key`. Returns whether it was stored. O(1).

        ttl: time to live, in seconds or as timedelta; None: no expiry; by default that of the cache.
        tti: time to idle, likewise.
        weight: the weight, in place of the weigher's.
        tags: a tag, or an iterable of tags, for invalidate_tag.

        A value heavier than the limit is not stored: the old value of the key is removed, other entries are kept, and the
        result is False. Raises ValueError for a time that is not positive.
        """
        with cython.critical_section(self):
            return self.store(key, value, given("ttl", ttl), given("tti", tti), weight, tags, ANY)

    def add(self, key, value, ttl=UNSET, *, tti=UNSET, weight=None, tags=None):
        """As set, but only if `key` is not in the cache. Returns whether it was stored."""
        with cython.critical_section(self):
            return self.store(key, value, given("ttl", ttl), given("tti", tti), weight, tags, ADD)

    def replace(self, key, value, ttl=UNSET, *, tti=UNSET, weight=None, tags=None):
        """As set, but only if `key` is in the cache. Returns whether it was stored."""
        with cython.critical_section(self):
            return self.store(key, value, given("ttl", ttl), given("tti", tti), weight, tags, REPLACE)

    def set_many(self, items, ttl=UNSET, *, tti=UNSET, tags=None):
        """Store the items of a mapping or of pairs. Returns the number stored. O(items)."""
        cdef int64_t life = given("ttl", ttl)
        cdef int64_t idle = given("tti", tti)
        stored = 0
        if tags is not None:
            tags = tag_names(tags)
        for key, value in (items.items() if hasattr(items, "items") else items):
            with cython.critical_section(self):
                stored += self.store(key, value, life, idle, None, tags, ANY)
        return stored

    def delete(self, key):
        """Remove `key`. Returns whether it was in the cache. O(1)."""
        cdef uint32_t i
        with cython.critical_section(self):
            i = self.locate(key, self.begin())
            if i:
                self.leave(i, DELETED)
            return i != 0

    def delete_many(self, keys):
        """Remove these keys. Returns the number removed. O(keys)."""
        return sum([self.delete(key) for key in keys])

    def pop(self, key, *default):
        """Remove `key` and return its value, or `default`. Raises KeyError without a default. O(1)."""
        cdef uint32_t i
        cdef object value
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {len(default) + 1}")
        with cython.critical_section(self):
            i = self.locate(key, self.begin())
            if i:
                value = self.value_at(i)
                self.leave(i, DELETED)
                return value
        if default:
            return default[0]
        raise KeyError(key)

    def popitem(self):
        """Remove the entry that would be evicted next, and return (key, value). Raises KeyError if the cache is empty. O(1)."""
        cdef uint32_t i
        with cython.critical_section(self):
            if self.lives.timed:
                self.expire(self.now(), 0x7FFFFFFF)
            i = policy_victim(&self.order, 0)
            if i == 0:
                raise KeyError(f"{type(self).__name__} is empty")
            key, value = <object>node_at(&self.nodes, i).key, self.value_at(i)
            self.leave(i, DELETED)
            return key, value

    def clear(self):
        """Remove all entries. O(n)."""
        with cython.critical_section(self):
            self.drop_all()

    def setdefault(self, key, default=None):
        """Return the value of `key`. If it is missing, store `default` first. O(1)."""
        cdef PyObject *value
        with cython.critical_section(self):
            value = self.fetch(<PyObject *>key)
            if value != NULL:
                return owned(value)
            self.store(key, default, DEFAULT, DEFAULT, None, None, ADD)
            value = self.look(<PyObject *>key)
            return default if value == NULL else <object>value

    def cas(self, key, expected, value):
        """Store `value` if the value of `key` equals `expected`. Returns whether it was stored.

        Deadline, tags and weight do not change. O(1).
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
        """Add `delta` to the value of `key` atomically, and return the result. O(1).

        default: value of a missing key.
        ttl: time to live of a missing key; an existing one keeps its deadline.
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
                if self.most == 0:
                    return total
                continue
            total = current + delta
            if self.exchange(key, current, total):
                return total

    def decr(self, key, delta=1, *, default=0, ttl=UNSET):
        """Subtract `delta`; see incr."""
        return self.incr(key, -delta, default=default, ttl=ttl)

    # ---- time ------------------------------------------------------------------------------------

    def time(self):
        """Return the time of the cache's clock, in seconds."""
        return self.now() / 1e6

    def ttl(self, key):
        """Return the seconds until `key` expires, None if it does not. Raises KeyError if it is missing. O(1)."""
        cdef uint32_t i
        cdef int64_t deadline, now
        with cython.critical_section(self):
            now = self.now()
            i = self.locate(key, now)
            if i == 0:
                raise KeyError(key)
            deadline = lives_deadline(&self.lives, i)
            return (deadline - now) / 1e6 if deadline else None

    def touch(self, key, ttl=UNSET):
        """Restart the time to live of `key`; this counts as use. Returns whether it is in the cache. O(1).

        ttl: time to live, None: no expiry; by default that of the cache.
        """
        return self.relive(key, given("ttl", ttl), False)

    def expire_at(self, key, when):
        """Set the deadline of `key`: seconds of the cache's clock (see time), None: no expiry. Returns whether it is in the cache."""
        return self.relive(key, micros("when", when), True)

    def pop_expired(self, limit=None):
        """Remove at most `limit` entries that have expired and were not removed yet. Returns a list of (key, value)."""
        cdef int budget
        cdef uint32_t i
        cdef int64_t now
        gone = []
        with cython.critical_section(self):
            if not self.lives.timed:
                return gone
            now = self.now()
            while limit is None or len(gone) < limit:
                budget = STEP
                i = lives_due(&self.lives, now, &budget)
                if i:
                    key, value = <object>node_at(&self.nodes, i).key, self.value_at(i)
                    self.leave(i, self.why(i))
                    gone.append((key, value))
                elif budget > 0:
                    break
            return gone

    def _expire(self, int64_t slice_us):
        """Remove expired entries for about slice_us microseconds. Returns the time of the next call (microseconds of the
        clock), 0 for immediately, None if there are no deadlines."""
        cdef int64_t until = mono_us() + slice_us
        with cython.critical_section(self):
            while self.expire(self.now(), STEP):
                if mono_us() >= until:
                    self.lives.planned = 0
                    return 0
            self.lives.planned = self.lives.soonest
            return None if self.lives.planned == NEVER else self.lives.planned + 1

    def _forget_plan(self):
        """After a fork: the next write registers the cache with the janitor of the child."""
        self.lives.planned = NEVER
        self.lives.hurry = self.lives.due != NULL and self.lives.due.count

    # ---- staleness, for kvd.caching.loading ------------------------------------------------------

    def _fetch_fresh(self, key):
        """Return (value, whether it is stale), or None. Counts as use, like get."""
        cdef PyObject *value
        cdef uint32_t i
        cdef int64_t now
        with cython.critical_section(self):
            value = self.fetch(<PyObject *>key)
            if value == NULL:
                return None
            found = owned(value)
            if self.lives.softs.directory == 0:
                return found, False
            now = self.now()
            i = self.locate(key, now)
            return found, i != 0 and lives_stale(&self.lives, i, now)

    def _stale_after(self, key, seconds):
        """Make `key` stale after these seconds."""
        cdef uint32_t i
        cdef int64_t now
        cdef int64_t span = micros("seconds", seconds)
        with cython.critical_section(self):
            now = self.now()
            i = self.locate(key, now)
            if i and not lives_soften(&self.lives, i, later(now, span)):
                raise MemoryError()

    # ---- groups of entries -----------------------------------------------------------------------

    def invalidate_tag(self, *tags):
        """Remove all entries with one of these tags. Returns their number. O(entries removed)."""
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
        """Return the tags of `key` as a frozenset, empty if it is missing. O(tags)."""
        cdef uint32_t i
        cdef tuple tags
        cdef Tag tag
        with cython.critical_section(self):
            i = self.locate(key, self.begin())
            tags = tags_of(&self.notes, i) if i else None
        return frozenset() if tags is None else frozenset([tag.name for tag in tags])

    def delete_prefix(self, str prefix):
        """Remove all str keys that begin with `prefix`. Returns their number. O(n), or O(found) with ordered=True."""
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
        """Return the keys in a range, sorted, as a list. Raises TypeError without ordered=True. O(log n + found).

        minimum, maximum: limits, or None. inclusive: whether each limit belongs to the range.
        """
        if self.index is None:
            raise TypeError("irange requires a cache with ordered=True")
        return [key for key in list(self.index.irange(minimum, maximum, inclusive, reverse)) if key in self]

    def _list(self, int what):
        """Return keys (0), values (1), pairs (2) or records (3) of entries that have not expired, in eviction order.

        A record is (key, value, remaining seconds or None, tti or None, weight, tags).
        """
        cdef uint32_t i
        cdef int64_t now
        cdef list keys = []
        cdef list values = []
        cdef list rest = []
        # no object tracked by the garbage collector is created in the loop: that could run the collector, and thus any code
        with cython.critical_section(self):
            now = self.now() if self.lives.timed or what == 3 else 0
            i = policy_first(&self.order)
            while i:
                if not self.lives.timed or not lives_over(&self.lives, i, now):
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
        """Append remaining seconds, tti, weight and tags."""
        cdef int64_t last = lives_last(&self.lives, i)
        cdef int64_t tti = lives_tti(&self.lives, i)
        rest.append((last - now) / 1e6 if last and last != NEVER else None)
        rest.append(tti / 1e6 if tti else None)
        rest.append((<int64_t *>column_at(&self.weights, i))[0] if self.weighing else None)
        rest.append(tags_of(&self.notes, i))
        return 0

    # ---- limits and figures ----------------------------------------------------------------------

    def resize(self, maxsize=UNSET, *, maxweight=UNSET):
        """Change the limits (None: no limit), and evict entries that exceed them."""
        cdef int64_t size = self.most if maxsize is UNSET else limit_of("maxsize", maxsize)
        cdef int64_t weight = self.heaviest if maxweight is UNSET else limit_of("maxweight", maxweight)
        with cython.critical_section(self):
            if weight != UNLIMITED and self.order.weights == NULL:
                raise TypeError("maxweight must be given to the constructor before resize can change it")
            self.most, self.heaviest = size, weight
            self._options.update(maxsize=limit_or_none(size), maxweight=limit_or_none(weight))
            policy_limit(&self.order, weight if self.order.weights != NULL else size, self.order.weights)
            self.make_room(self.begin(), 0)

    @property
    def maxsize(self):
        """Maximum number of entries, or None."""
        return limit_or_none(self.most)

    @property
    def maxweight(self):
        """Maximum total weight, or None."""
        return limit_or_none(self.heaviest)

    @property
    def weight(self):
        """Total weight of the entries; without a weigher each weighs 1."""
        return self.total

    @property
    def policy(self):
        """Name of the eviction policy."""
        return policy_name(self.order.kind).decode()

    @property
    def nbytes(self):
        """Memory of the cache in bytes, without keys and values."""
        return self.mem.used

    def _figures(self):
        return self.seen.hits, self.seen.misses, self.seen.refused, {CAUSES[k]: self.seen.left[k] for k in range(N_CAUSES)}

    def _reset_figures(self):
        memset(&self.seen, 0, sizeof(self.seen))


def checksum(bytes data):
    """Return the CRC-64 of the bytes of a snapshot."""
    return crc64(0, <const char *>data, len(data))


cdef object fast_get(object self, PyObject **args, Py_ssize_t n, PyObject *names):
    cdef PyObject *value
    cdef object default = None
    if names != NULL and n == 1 and (<tuple>names) == ("default",):
        default = <object>args[1]
    elif names != NULL or n < 1 or n > 2:
        raise TypeError("get takes a key and optionally a default")
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

Return the value of `key`, or `default`. O(1)."""
install(<PyTypeObject *>Cache, &GET)


def give_get(type subclass):
    """Give a subclass its own `get`, because the interpreter's fast method calls require the exact class."""
    subclass.get = method_of(<PyTypeObject *>subclass, &GET)
