"""Queues in a `DiskCache`: push, pull and peek at either end.

An item is an ordinary entry. Its key is a number, or with a prefix "prefix-number" of 15 digits, counted up or down from the
middle of that range. The index has the numbers of each queue; those whose entries expired or were removed are skipped.
"""

from __future__ import annotations

from typing import Any, Literal

from kvd.diskcache.base import Base, Expire, details
from kvd.diskcache.space import Batch
from kvd.doors.codec import tag_of

Side = Literal["front", "back"]
FIRST = 500_000_000_000_000
NONE = (None, None)


class Queues(Base):
    """Methods for queues."""

    def push(
        self, value: Any, prefix: str | None = None, side: Side = "back", expire: Expire = None, read: bool = False, tag: Any = None,
        retry: bool = False,
    ) -> Any:  # fmt: skip
        """Add a value to a queue, and return its key. O(log n).

        prefix: the queue; None: the one whose keys are ints. side: back or front. expire, read, tag: as for set. Unlike in
        diskcache, only what push has stored is in the queue, not other entries whose keys are ints.

        >>> from kvd.diskcache import DiskCache
        >>> cache = DiskCache()
        >>> cache.push("a", prefix="jobs"), cache.push("b", prefix="jobs")
        ('jobs-500000000000000', 'jobs-500000000000001')
        >>> cache.pull(prefix="jobs")
        ('jobs-500000000000000', 'a')
        """
        back, queue = _is_back(side), _queue(prefix)
        with self._work() as batch:
            self._skip(batch, queue, not back)
            edge = batch.edge(queue, back)
            step = 1 if back else -1
            number = FIRST if edge is None else edge + step
            while batch.fetch(self._numbered(queue, number)) is not None:
                number += step
            self._save(batch, self._numbered(queue, number), value.read() if read else value, expire, tag)
            batch.line(queue, number, True)
        return _key(queue, number)

    def pull(
        self, prefix: str | None = None, default: Any = NONE, side: Side = "front", expire_time: bool = False, tag: bool = False,
        retry: bool = False,
    ) -> Any:  # fmt: skip
        """Remove an item of a queue and return (key, value), or `default`. O(log n).

        side: front or back. expire_time, tag: as for get: a tuple of that pair and these."""
        return self._take(prefix, default, side, expire_time, tag, remove=True)

    def peek(
        self, prefix: str | None = None, default: Any = NONE, side: Side = "front", expire_time: bool = False, tag: bool = False,
        retry: bool = False,
    ) -> Any:  # fmt: skip
        """As pull, without removing the item."""
        return self._take(prefix, default, side, expire_time, tag, remove=False)

    def _take(self, prefix: str | None, default: Any, side: Side, with_time: bool, with_tag: bool, remove: bool) -> Any:
        back, queue = _is_back(side), _queue(prefix)
        with self._work() as batch:
            number = self._skip(batch, queue, back)
            if number is None:
                return details(default, None, None, with_time, with_tag)
            name = self._numbered(queue, number)
            entry, deadline = batch.fetch(name), batch.deadline(name)
            if entry is None:
                return details(default, None, None, with_time, with_tag)
            value, mark = self._unpack(entry, name), tag_of(entry)
            if remove:
                batch.line(queue, number, False)
                batch.remove(name)
                if mark is not None:
                    batch.mark(mark, name, False)
        return details(
            (_key(queue, number), value), deadline, None if mark is None else self._keys.loads(mark), with_time, with_tag
        )

    def _skip(self, batch: Batch, queue: bytes, back: bool) -> int | None:
        """Remove the numbers at an end whose entries are gone; the number of the first item there."""
        while True:
            number = batch.edge(queue, back)
            if number is None or batch.fetch(self._numbered(queue, number)) is not None:
                return number
            batch.line(queue, number, False)

    def _numbered(self, queue: bytes, number: int) -> bytes:
        """The encoded key of an item."""
        return self._name(_key(queue, number))


def _queue(prefix: str | None) -> bytes:
    """The name of a queue in the index: that of prefix None is empty, the others begin with a dash."""
    return b"" if prefix is None else b"-" + prefix.encode("utf-8", "surrogatepass")


def _key(queue: bytes, number: int) -> int | str:
    return f"{queue[1:].decode('utf-8', 'surrogatepass')}-{number:015d}" if queue else number


def _is_back(side: str) -> bool:
    if side not in ("front", "back"):
        raise ValueError(f"side must be front or back, got {side!r}")
    return side == "back"
