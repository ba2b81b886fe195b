"""What all parts of a `DiskCache` share: opening, settings, the lock of writers, and transactions.

Writers hold one lock, so what an operation reads is still so when it writes. `_work` gives a batch (kvd.diskcache.space): the one of
the thread's transaction, or one that is committed at the end of the operation. Readers take no lock and see what is committed.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from threading import RLock, get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

from kvd.diskcache.codecs import Codec, Framing, SafeCodec, codec_named
from kvd.diskcache.space import FAR, Batch, Space
from kvd.doors.codec import has_tag, stamp_of, tag_of
from kvd.embedded import Store

if TYPE_CHECKING:
    from typing_extensions import Self

Expire = float | timedelta | None  # seconds, or a timedelta; None: never
Synchronous = Literal["off", "normal", "full"]

BOUNDED, UNINDEXED = b"bounded", b"unindexed"  # what the file says about its entries
POLICIES = {  # name: the engine's policy, and whether reads count as use
    "lru": ("volatile-lru", True),
    "lfu": ("volatile-lfu", True),
    "ttl": ("volatile-ttl", True),
    "random": ("volatile-random", True),
    "none": ("noeviction", True),
    "least-recently-used": ("volatile-lru", True),
    "least-frequently-used": ("volatile-lfu", True),
    "least-recently-stored": ("volatile-lru", False),
}


def _open(path: str | os.PathLike[str] | None, synchronous: Synchronous) -> Store[bytes]:
    """Return the store of a new cache."""
    if synchronous not in ("off", "normal", "full"):
        raise ValueError(f"synchronous must be off, normal or full, got {synchronous!r}")
    if path is None:
        return Store()
    make: Any = Store
    store: Store[bytes] = make(os.fspath(path), synchronous=synchronous)
    return store


def milliseconds(expire: Expire) -> int | None:
    """Return a time to live in ms, rounded up; None: never, 0: it has passed. Raises TypeError or ValueError."""
    if isinstance(expire, timedelta):
        expire = expire.total_seconds()
    if expire is None or expire == math.inf:
        return None
    if not isinstance(expire, (int, float)):
        raise TypeError(f"expire must be a number of seconds, a timedelta or None, not {type(expire).__name__}")
    if expire != expire:
        raise ValueError("expire must be a number, got nan")
    if expire <= 0:
        return 0
    return FAR if expire >= FAR / 1000 else math.ceil(expire * 1000)


def details(value: Any, deadline: int | None, tag: Any, with_expire_time: bool, with_tag: bool) -> Any:
    """The value, or a tuple of it and what was asked for."""
    if not with_expire_time and not with_tag:
        return value
    seconds = None if deadline is None else deadline / 1000
    return (value, *([seconds] if with_expire_time else []), *([tag] if with_tag else []))


_CACHES: WeakSet[Base] = WeakSet()  # for fork alone


class Base:
    """Opening, settings and transactions; see DiskCache."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        store: Store[bytes] | None = None,
        size_limit: int | None = None,
        eviction: str = "lru",
        synchronous: Synchronous = "normal",
        codec: str | Codec = "safe",
        key: bytes | None = None,
        tag_index: bool = True,
        statistics: bool = False,
    ) -> None:
        if store is not None and path is not None:
            raise ValueError("give a path or a store, not both")
        if store is not None and synchronous != "normal":
            raise ValueError("synchronous belongs to the store that is given")
        if store is not None and store.decode_responses:
            raise ValueError("the store of a DiskCache must not have decode_responses")
        if store is not None and int(store.option("databases")) < 2:
            raise ValueError("the store of a DiskCache needs two databases")
        chosen = codec_named(codec)
        framing = chosen if isinstance(chosen, SafeCodec) and key is None else Framing(chosen, key)
        _check(size_limit, eviction)
        self.path = None if path is None else os.fspath(path)
        self.store = _open(path, synchronous) if store is None else store
        self._owns = store is None
        self.codec: Any = chosen
        self._keys = chosen if isinstance(chosen, SafeCodec) else SafeCodec()
        self._pack, self._unpack, self._name = framing.pack, framing.unpack, self._keys.name
        self._lock = RLock()
        self._batch: Batch | None = None  # the open transaction; changes under the lock
        self._stamps = count(time.time_ns() // 1000)  # larger than all earlier ones, unless the clock was set back
        self._hits = self._misses = 0
        self._statistics = bool(statistics)
        self._plain = not statistics  # reads need neither count nor look at a transaction
        try:
            self._space = Space(self.store)
            self._fetch = self.store.get
            with self._lock:
                self._limit(size_limit, eviction)
                self._index(tag_index)
        except BaseException:
            if self._owns:
                self.store.close()
            raise
        _CACHES.add(self)

    def _after_fork(self) -> None:
        """In a child process: other threads, which may have held the lock or have been in a commit, are not there."""
        self._lock = RLock()
        self._batch = None
        self._plain = not self._statistics
        self._space.recover()

    # -- settings

    def _limit(self, size_limit: int | None, eviction: str) -> None:
        self._size_limit, self._eviction = size_limit, eviction
        policy, touches = POLICIES[eviction]
        bounded = size_limit is not None and eviction != "none"
        if bounded or self._owns:
            self.store.execute("CLIENT", "NO-TOUCH", "OFF" if touches else "ON")
        self._space.bounded = bounded
        if self._space.known(BOUNDED) != bounded:
            for name in self._space.names() if bounded else ():
                if self._space.execute("PEXPIRETIME", name) == -1:
                    self._space.execute("PEXPIREAT", name, FAR)
            self._space.know(BOUNDED, bounded)
        if bounded and size_limit is not None:
            self.store.configure("maxmemory-policy", policy)
            self._shrink(size_limit)
        elif self._owns:
            self.store.configure("maxmemory", 0)

    def _shrink(self, size_limit: int) -> None:
        """Evict until the limit is met or nothing more leaves. Setting the limit evicts for a short time."""
        before = None
        while before != (before := len(self.store)):
            self.store.configure("maxmemory", size_limit)
            if self.volume() <= size_limit:
                break

    def _index(self, wanted: bool) -> None:
        self._tag_index = wanted
        if not wanted:
            self._space.forget_tags()
            self._space.know(UNINDEXED, True)
        elif self._space.known(UNINDEXED):
            batch = Batch(self._space)
            for name in self._space.names():
                entry = self._space.fetch(name)
                tag = None if entry is None else tag_of(entry)
                if tag is not None:
                    batch.mark(tag, name, True)
            batch.commit()
            self._space.know(UNINDEXED, False)

    @property
    def size_limit(self) -> int | None:
        """The limit of volume() in bytes, or None."""
        return self._size_limit

    @property
    def eviction_policy(self) -> str:
        """The name of the eviction policy."""
        return self._eviction

    @property
    def tag_index(self) -> bool:
        """Whether the keys of each tag are indexed."""
        return self._tag_index

    @property
    def statistics(self) -> bool:
        """Whether hits and misses are counted."""
        return self._statistics

    def reset(self, setting: str, value: Any) -> Any:
        """Change a setting and return its value: size_limit, eviction_policy, tag_index or statistics.

        Settings are not kept in the file: they are arguments of the constructor. diskcache's other settings concern SQLite and raise
        ValueError. A new limit evicts at once; O(n) if there was none before, as is turning on the index."""
        with self._alone("reset"):
            if setting == "size_limit" or setting == "eviction_policy":
                limit = value if setting == "size_limit" else self._size_limit
                eviction = value if setting == "eviction_policy" else self._eviction
                _check(limit, eviction)
                self._limit(limit, eviction)
            elif setting == "tag_index":
                self._index(bool(value))
            elif setting == "statistics":
                self._count(bool(value))
            else:
                raise ValueError(f"a DiskCache has no setting {setting!r}")
        return value

    def create_tag_index(self) -> None:
        """As reset("tag_index", True). O(n)."""
        self.reset("tag_index", True)

    def drop_tag_index(self) -> None:
        """As reset("tag_index", False): evict(tag) then looks at all entries."""
        self.reset("tag_index", False)

    # -- statistics and size

    def _count(self, enable: bool) -> None:
        self._statistics = enable
        self._plain = not enable and self._batch is None

    def stats(self, enable: bool = True, reset: bool = False) -> tuple[int, int]:
        """Return (hits, misses) of get and [], and then turn counting on or off, and reset the counters if asked.

        They are counted in this process and not kept in the file. Threads count without a lock, so a few may be missing."""
        figures = self._hits, self._misses
        if reset:
            self._hits = self._misses = 0
        with self._lock:
            self._count(enable)
        return figures

    def volume(self) -> int:
        """Return the memory of the store in bytes, which size_limit bounds: keys, values, index and tables.

        As the engine evicts before a write, the last one may exceed the limit by its own size. O(1)."""
        return self.store.used_memory

    # -- writers

    @contextmanager
    def _work(self) -> Iterator[Batch]:
        """The batch of the open transaction, or one that is committed at the end."""
        with self._lock:
            if self._batch is not None:
                yield self._batch
                return
            batch = Batch(self._space)
            yield batch
            batch.commit()

    @contextmanager
    def transact(self, retry: bool = False) -> Iterator[None]:
        """Context manager: all writes inside take effect together at its end, or not at all if it ends with an exception.

        Inside, this thread sees its own writes. Other threads read what is committed, and their writes wait, so values read inside
        cannot change meanwhile. Blocks may be nested in a thread; the outermost one commits. A crash leaves all writes in the
        file, or none. Writes are kept in memory until the end: as a guide, do not write more than a few 100 MB in one transaction.
        Do not await inside: the transaction belongs to the thread, so other tasks would take part in it.

        retry: accepted as in diskcache; there is no timeout. Raises kvd.OutOfMemoryError if nothing can be evicted for the writes,
        and then none takes effect.

        >>> from kvd.diskcache import DiskCache
        >>> cache = DiskCache()
        >>> with cache.transact():
        ...     _ = cache.incr("total", 5), cache.incr("count")
        >>> cache["total"], cache["count"]
        (5, 1)
        """
        with self._lock:
            if self._batch is not None:
                yield
                return
            batch = self._batch = Batch(self._space)
            self._plain = False
            try:
                yield
            finally:
                self._batch = None
                self._plain = not self._statistics
            batch.commit()

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """The lock, outside a transaction."""
        with self._lock:
            if self._batch is not None:
                raise RuntimeError(f"{what} is not possible inside a transaction")
            yield

    def _mine(self) -> Batch | None:
        """The transaction of this thread."""
        batch = self._batch
        return batch if batch is not None and batch.thread == get_ident() else None

    def _save(self, batch: Batch, name: bytes, value: Any, expire: Expire, tag: Any) -> None:
        """Store a value in a batch, and its key in the index."""
        span = milliseconds(expire)
        mark = None if tag is None else self._name(tag)
        old = batch.fetch(name)
        entry = self._pack(value, next(self._stamps) if old is None else stamp_of(old), mark, name)
        if span == 0:
            batch.remove(name)
            return
        batch.put(name, entry, None if span is None else batch.space.now() + span)
        if not self._tag_index:
            return
        former = None if old is None else tag_of(old)
        if former is not None and former != mark:
            batch.mark(former, name, False)
        if mark is not None:
            self._tidy(batch, mark)
            batch.mark(mark, name, True)

    def _tidy(self, batch: Batch, mark: bytes) -> None:
        """Look at two keys of a tag and remove them from it if they expired or were evicted, deleted or stored with another tag.

        As each tagged write does so, at most about half of the keys of a tag are stale."""
        for name in batch.tagged(mark, 2)[:2]:
            if not self._has(batch, name, mark):
                batch.mark(mark, name, False)

    @staticmethod
    def _has(batch: Batch, name: bytes, mark: bytes) -> bool:
        return has_tag(batch.head(name, len(mark) + 18), mark)

    # -- the end

    def close(self) -> None:
        """Close the store, if the cache made it. Further use raises kvd.ClosedError; unlike in diskcache it does not open it again."""
        with self._alone("close"):
            self._space.close()
            if self._owns:
                self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a DiskCache cannot be pickled: its file belongs to one process")

    def __repr__(self) -> str:
        where = "in memory" if self.path is None else repr(self.path)
        return f"<kvd.DiskCache {where}{' closed' if self.store.closed else ''}>"


def _after_fork() -> None:
    for cache in list(_CACHES):
        cache._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _check(size_limit: int | None, eviction: str) -> None:
    if eviction not in POLICIES:
        raise ValueError(f"eviction must be one of {', '.join(POLICIES)}, got {eviction!r}")
    if size_limit is not None and (not isinstance(size_limit, int) or size_limit <= 0):
        raise ValueError(f"size_limit must be a positive number of bytes or None, got {size_limit!r}")
