"""Tags of a `DiskCache`: groups of entries that are removed together.

The tag is stored in the frame of the entry, and that is what counts. The index only says where to look: it may name keys that are
gone or have another tag, but it names every key that has the tag.
"""

from __future__ import annotations

from typing import Any

from kvd.diskcache.base import Base
from kvd.diskcache.space import CHUNK, TAG, Batch

ALL = 2**31  # keys: more than a tag has


class Grouping(Base):
    """Methods for tags."""

    def evict(self, tag: Any, retry: bool = False) -> int:
        """Remove all entries with a tag, and return their number. O(entries with the tag), without the index O(n).

        They are removed in groups of 1000, each as one, and in a transaction all as one. None is no tag: returns 0."""
        if tag is None:
            return 0
        mark = self._name(tag)
        with self._lock:
            if not self._tag_index:
                return self._evict_of_all(mark)
            removed = 0
            while True:
                with self._work() as batch:
                    names = batch.tagged(mark, CHUNK if self._batch is None else ALL)
                    removed += self._evict_these(batch, names, mark)
                if not names:
                    return removed

    def _evict_these(self, batch: Batch, names: list[bytes], mark: bytes) -> int:
        removed = 0
        for name in names:
            if self._has(batch, name, mark):
                removed += 1
                batch.remove(name)
            batch.mark(mark, name, False)
        return removed

    def _evict_of_all(self, mark: bytes) -> int:
        with self._work() as batch:
            found = [name for name in batch.names() if self._has(batch, name, mark)]
            for name in found:
                batch.remove(name)
        return len(found)

    def _drop(self, batch: Batch, name: bytes, mark: bytes | None) -> None:
        """Remove an entry and its key from the index."""
        batch.remove(name)
        if mark is not None and self._tag_index:
            batch.mark(mark, name, False)

    def tags(self) -> list[Any]:
        """Return the tags in use, in no order. Not part of diskcache. O(tags), and O(entries with it) for tags no longer in use;
        needs the index (RuntimeError)."""
        with self._alone("tags"):
            if not self._tag_index:
                raise RuntimeError("tags() needs the tag index")
            return [self._keys.loads(mark) for mark in self._space.index_keys(TAG) if self._first(mark)]

    def tagged(self, tag: Any) -> list[Any]:
        """Return the keys with a tag, in no order. Not part of diskcache. O(keys with the tag); needs the index (RuntimeError)."""
        with self._alone("tagged"):
            if not self._tag_index:
                raise RuntimeError("tagged() needs the tag index")
            mark = self._name(tag)
            batch = Batch(self._space)
            names = self._space.index.execute("SMEMBERS", TAG + mark)
            return [self._keys.loads(name) for name in names if self._has(batch, name, mark)]

    def _first(self, mark: bytes) -> bool:
        batch = Batch(self._space)
        return any(self._has(batch, name, mark) for name in self._space.index.execute("SMEMBERS", TAG + mark))
