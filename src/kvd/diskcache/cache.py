"""`DiskCache`: a cache of Python objects in a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from kvd.diskcache.base import Expire, details, milliseconds
from kvd.diskcache.grouping import Grouping
from kvd.diskcache.memoizing import Memoizing
from kvd.diskcache.queues import Queues
from kvd.diskcache.space import FAR, GONE, QUEUE, TAG, Batch
from kvd.doors.codec import stamp_of, tag_of

MISSING: Any = object()
HEAD = 8  # bytes of an entry that hold its stamp


class DiskCache(Grouping, Queues, Memoizing):
    """A cache of Python objects that lives in a file, with the methods of diskcache.Cache. Thread-safe.

    path: the file, which one process at a time can open; None: in memory.
    store: use this kvd.Store instead, and nothing else in it: databases 0 and 1 belong to the cache. close() does not close it.
    size_limit: limit of volume() in bytes. The engine evicts entries when a write exceeds it; cull() is not necessary.
    eviction: which entries leave: lru, lfu, ttl (the one that expires next), random, none (size_limit is not enforced), or
        diskcache's least-recently-stored, least-recently-used, least-frequently-used.
    synchronous: off, normal or full: what a crash can lose; see kvd.Store.
    codec: safe, json, raw, pickle, or an object with dumps and loads; see kvd.diskcache.codecs. Keys always use the safe codec.
    key: at least 16 secret bytes: values carry an HMAC, and a value that was not written with this key is not decoded.
    tag_index: index the keys of each tag, so that evict(tag) looks at these keys only; otherwise it looks at all.
    statistics: count hits and misses; see stats.

    Keys are hashable values that the safe codec encodes. They are told apart by type: 1, 1.0, True, "1" and b"1" are five keys, in
    tuples too; 0.0 and -0.0 are one. (diskcache takes 1 and 1.0 for one key.)

    Expiry is exact: an expired entry is not visible. The engine removes it in the background; until then `len` counts it. Arguments
    `retry` are accepted and have no meaning, because there are no timeouts.

    >>> cache = DiskCache()
    >>> cache["a"] = {"b": (1, 2)}
    >>> cache["a"]
    {'b': (1, 2)}
    >>> cache.set("c", 5, expire=60, tag="numbers")
    True
    >>> cache.get("c", tag=True)
    (5, 'numbers')

    Raises kvd.FileError if the file is damaged or open elsewhere, ValueError and TypeError for bad arguments.
    """

    # -- reading

    def get(
        self, key: Any, default: Any = None, read: bool = False, expire_time: bool = False, tag: bool = False, retry: bool = False
    ) -> Any:
        """Return the value of a key, or `default`. O(1).

        read: return a file object (io.BytesIO) of a value that is bytes. expire_time, tag: return a tuple with the time at which the
        entry expires (seconds since 1970, or None), with its tag, or both. Raises kvd.diskcache.DecodeError for a damaged value."""
        name = self._name(key)
        if self._plain and not (expire_time or tag or read):
            entry = self._fetch(name)
            return default if entry is None else self._unpack(entry, name)
        entry, deadline = self._look(name, expire_time)
        if self._statistics:
            self._hits += entry is not None
            self._misses += entry is None
        if entry is None:
            return details(default, None, None, expire_time, tag)
        value = self._unpack(entry, name)
        mark = tag_of(entry) if tag else None
        return details(_file(key, value) if read else value, deadline, self._tag(mark), expire_time, tag)

    def _look(self, name: bytes, deadline: bool) -> tuple[bytes | None, int | None]:
        """An entry and, if asked for, its deadline, both of one moment."""
        batch = self._mine()
        if not deadline:
            return (self._fetch(name) if batch is None else batch.fetch(name)), None
        with self._lock:
            batch = batch or Batch(self._space)
            entry = batch.fetch(name)
            at = batch.deadline(name)
        return (None, None) if entry is None or at == GONE else (entry, at)

    def _tag(self, mark: bytes | None) -> Any:
        return None if mark is None else self._keys.loads(mark)

    def read(self, key: Any, retry: bool = False) -> io.BytesIO:
        """Return a file object of a value that is bytes; it is in memory. Raises KeyError, and TypeError for another value."""
        found = self.get(key, MISSING, read=True)
        if found is MISSING:
            raise KeyError(key)
        assert isinstance(found, io.BytesIO)
        return found

    def __getitem__(self, key: Any) -> Any:
        found = self.get(key, MISSING)
        if found is MISSING:
            raise KeyError(key)
        return found

    def __contains__(self, key: Any) -> bool:
        name = self._name(key)
        batch = self._mine()
        if batch is not None:
            return batch.fetch(name) is not None
        return self._space.execute("EXISTS", name) == 1

    def __len__(self) -> int:
        """The number of entries; expired ones count until the engine has removed them. O(1), in a transaction O(n)."""
        batch = self._mine()
        if batch is not None:
            return sum(1 for _ in batch.names())
        return int(self._space.execute("DBSIZE"))

    # -- writing

    def set(self, key: Any, value: Any, expire: Expire = None, read: bool = False, tag: Any = None, retry: bool = False) -> bool:
        """Store a value, and return True. O(1).

        expire: time to live in seconds or a timedelta; an entry whose time is not positive is removed at once. read: store the
        bytes of value.read(), which are read into memory. tag: a key of a group for evict. Without expire and tag, those of an
        earlier value are removed. Raises kvd.diskcache.EncodeError if the value cannot be encoded, and kvd.OutOfMemoryError."""
        name = self._name(key)
        if read:
            value = value.read()
        with self._lock:
            if self._batch is not None or tag is not None:
                with self._work() as batch:
                    self._save(batch, name, value, expire, tag)
                return True
            old = self._fetch(name)
            entry = self._pack(value, next(self._stamps) if old is None else stamp_of(old), None, name)
            if expire is None:
                if self._space.bounded:
                    self._space.put(name, entry, None)
                else:
                    self.store.set(name, entry)
            else:
                self._put_for(name, entry, milliseconds(expire))
        return True

    def _put_for(self, name: bytes, entry: bytes, span: int | None) -> None:
        if span is None:
            self._space.put(name, entry, None)
        elif span:
            self._space.put_for(name, entry, span)
        else:
            self._space.execute("DEL", name)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.set(key, value)

    def add(self, key: Any, value: Any, expire: Expire = None, read: bool = False, tag: Any = None, retry: bool = False) -> bool:
        """Store a value if the key does not exist, and return whether it was stored. Arguments as for set. O(1)."""
        name = self._name(key)
        with self._work() as batch:
            if batch.fetch(name) is not None:
                return False
            self._save(batch, name, value.read() if read else value, expire, tag)
            return True

    def incr(self, key: Any, delta: Any = 1, default: Any = 0, retry: bool = False) -> Any:
        """Add `delta` to a number and return the result, atomically. A missing key counts as `default`, without expiry; for
        default=None it raises KeyError. Expiry and tag are kept. Raises TypeError for values that cannot be added. O(1)."""
        name = self._name(key)
        with self._work() as batch:
            entry = batch.fetch(name)
            if entry is None:
                if default is None:
                    raise KeyError(key)
                self._save(batch, name, default + delta, None, None)
                return default + delta
            value = self._unpack(entry, name) + delta
            batch.put(name, self._pack(value, stamp_of(entry), tag_of(entry), name), batch.deadline(name))
            return value

    def decr(self, key: Any, delta: Any = 1, default: Any = 0, retry: bool = False) -> Any:
        """As incr, subtracting `delta`. Values may become negative."""
        return self.incr(key, -delta, default)

    def pop(self, key: Any, default: Any = None, expire_time: bool = False, tag: bool = False, retry: bool = False) -> Any:
        """Remove a key and return its value, or `default`; expire_time and tag as for get. O(1)."""
        name = self._name(key)
        with self._work() as batch:
            entry = batch.fetch(name)
            deadline = batch.deadline(name) if expire_time and entry is not None else None
            if entry is None or deadline == GONE:
                return details(default, None, None, expire_time, tag)
            value, mark = self._unpack(entry, name), tag_of(entry)
            self._drop(batch, name, mark)
        return details(value, deadline, self._tag(mark), expire_time, tag)

    def delete(self, key: Any, retry: bool = False) -> bool:
        """Remove a key, and return whether it existed. O(1)."""
        name = self._name(key)
        with self._lock:
            if self._batch is None:
                return self._space.execute("DEL", name) == 1
            found = self._batch.fetch(name) is not None
            self._batch.remove(name)
            return found

    def __delitem__(self, key: Any) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def touch(self, key: Any, expire: Expire = None, retry: bool = False) -> bool:
        """Let a key expire after `expire` seconds from now, or never, and return whether it exists. O(1)."""
        name, span = self._name(key), milliseconds(expire)
        with self._lock:
            if self._batch is not None:
                return self._touch_in(self._batch, name, span)
            run = self._space.execute
            if span is not None:
                return bool(run("PEXPIRE", name, span) if span else run("DEL", name))
            if self._space.bounded:
                return bool(run("PEXPIREAT", name, FAR))
            return bool(run("PERSIST", name) or run("EXISTS", name))

    @staticmethod
    def _touch_in(batch: Batch, name: bytes, span: int | None) -> bool:
        entry = batch.fetch(name)
        if entry is None:
            return False
        if span == 0:
            batch.remove(name)
        else:
            batch.put(name, entry, None if span is None else batch.space.now() + span)
        return True

    # -- all entries

    def clear(self, retry: bool = False) -> int:
        """Remove all entries, and return their number. O(n)."""
        with self._work() as batch:
            size = len(self)
            batch.clear()
        return size

    def expire(self, now: float | None = None, retry: bool = False) -> int:
        """Remove the entries that have expired, or expire before `now` (seconds since 1970), and return their number. O(n).

        The engine does so by itself, so it is rarely necessary. Not possible in a transaction (RuntimeError)."""
        with self._alone("expire"):
            before = len(self)
            for name in list(self._space.names()):  # SCAN removes what has expired
                deadline = None if now is None else self._space.deadline(name)
                if deadline is not None and deadline < (now or 0) * 1000:
                    self._space.execute("DEL", name)
            return before - len(self)

    def cull(self, retry: bool = False) -> int:
        """Remove expired entries, evict until volume() is within size_limit, and return the number of entries removed. O(n).

        The engine does both by itself."""
        with self._alone("cull"):
            before = len(self)
            self.expire()
            self._limit(self._size_limit, self._eviction)
            return before - len(self)

    def _ordered(self, reverse: bool = False) -> list[bytes]:
        """Encoded keys in the order in which they were first stored."""
        batch = self._mine()
        heads = self._space.heads(HEAD) if batch is None else ((name, batch.head(name, HEAD)) for name in batch.names())
        return [name for name, _ in sorted(heads, key=lambda pair: stamp_of(pair[1]), reverse=reverse)]

    def __iter__(self) -> Iterator[Any]:
        """The keys in the order in which they were first stored, as they are at the start. O(n log n)."""
        return iter([self._keys.loads(name) for name in self._ordered()])

    def __reversed__(self) -> Iterator[Any]:
        """As __iter__, last key first."""
        return iter([self._keys.loads(name) for name in self._ordered(reverse=True)])

    def iterkeys(self, reverse: bool = False) -> Iterator[Any]:
        """The keys in order: ints and floats, then text, then bytes, each by value, then others. O(n log n)."""
        return iter(sorted([self._keys.loads(name) for name in self._ordered()], key=self._rank, reverse=reverse))

    def _rank(self, key: Any) -> tuple[int, Any]:
        if type(key) in (int, float):
            return (0, key) if key == key else (1, 0)
        if type(key) is str:
            return 2, key.encode("utf-8", "surrogatepass")
        return (3, key) if type(key) is bytes else (4, self._name(key))

    def peekitem(self, last: bool = True, expire_time: bool = False, tag: bool = False, retry: bool = False) -> Any:
        """Return (key, value) of the key that was first stored last, or first; with expire_time and tag a tuple of that pair and
        these. Raises KeyError if the cache is empty. O(n)."""
        with self._lock:
            for name in self._ordered(reverse=last):
                entry, deadline = self._look(name, True)
                if entry is not None:
                    pair = self._keys.loads(name), self._unpack(entry, name)
                    return details(pair, deadline, self._tag(tag_of(entry)), expire_time, tag)
        raise KeyError("the cache is empty")

    def check(self, fix: bool = False, retry: bool = False) -> list[str]:
        """Decode all entries and compare the index with them. Returns a text for each fault; with fix, damaged entries are removed
        and missing keys of tags added. Keys of tags and queues that are gone are no faults; fix removes them. O(n)."""
        faults: list[str] = []
        with self._alone("check"), self._work() as batch:
            for name in list(self._space.names()):
                faults += self._check_entry(batch, name, fix)
            if fix:
                self._tidy_all(batch)
        return faults

    def _check_entry(self, batch: Batch, name: bytes, fix: bool) -> list[str]:
        entry = batch.fetch(name)
        if entry is None:
            return []
        try:
            key: Any = name
            key = self._keys.loads(name)
            self._unpack(entry, name)
            mark = tag_of(entry)
        except Exception as error:
            if fix:
                batch.remove(name)
            return [f"the entry of {key!r} cannot be decoded: {error}"]
        if mark is None or not self._tag_index or self._space.index.execute("SISMEMBER", TAG + mark, name):
            return []
        if fix:
            batch.mark(mark, name, True)
        return [f"the key {key!r} is missing in the index of the tag {self._tag(mark)!r}"]

    def _tidy_all(self, batch: Batch) -> None:
        run = self._space.index.execute
        for mark in self._space.index_keys(TAG):
            for name in run("SMEMBERS", TAG + mark):
                if not self._has(batch, name, mark):
                    batch.mark(mark, name, False)
        for prefix in self._space.index_keys(QUEUE):
            for number in map(int, run("ZRANGE", QUEUE + prefix, 0, -1)):
                if batch.fetch(self._numbered(prefix, number)) is None:
                    batch.line(prefix, number, False)


def _file(key: Any, value: Any) -> io.BytesIO:
    if type(value) is not bytes:
        raise TypeError(f"the value of {key!r} is not bytes but {type(value).__name__}: it cannot be read as a file")
    return io.BytesIO(value)
