"""The store below a `DiskCache`, and batches of writes that take effect as one.

    database 0   the entries: the encoded key, and a frame with stamp, tag and value (kvd.doors.codec)
    database 1   the index: "t" + tag    a set of the keys stored with the tag
                            "q" + prefix a sorted set of the numbers of a queue (kvd.diskcache.queues)
                            "meta"       a hash: what is known about the entries

A `Batch` collects writes in memory, over what the store holds: its reads see them, others do not. `commit` sends them as one
MULTI/EXEC, which other threads and the file get whole or not at all. Batches and the sessions here are used under the cache's lock.

With a size limit each entry has a deadline, the year 9999 for those that do not expire. The engine's volatile-* policies then
consider every entry, and never the index: an index that could be evicted would lose members.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import get_ident
from typing import Any

FAR = 253_370_764_800_000  # ms since 1970: the year 9999, the deadline of entries that do not expire
GONE = 1  # the deadline of an entry that has just expired
CHUNK = 1000  # keys of one SCAN
INDEX = 1  # database

TAG, QUEUE, META = b"t", b"q", b"meta"

Entry = tuple[bytes, int | None]  # and its deadline in ms, or None


class Space:
    """Reads and single writes of entries, and the sessions of batches."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.fetch = store.get
        self.execute = store.execute
        self.bounded = False  # whether all entries have a deadline
        self.writer = store.session()
        self.index = store.session()
        self.index.execute("SELECT", INDEX)

    # -- entries

    def put(self, name: bytes, entry: bytes, deadline: int | None) -> None:
        """Store an entry. deadline: ms since 1970, or None. O(1)."""
        self.execute(*self.setting(name, entry, deadline))

    def put_for(self, name: bytes, entry: bytes, span: int) -> None:
        """Store an entry for a time in ms. O(1)."""
        self.execute("SET", name, entry, "PX", span)

    def setting(self, name: bytes, entry: bytes, deadline: int | None) -> tuple[Any, ...]:
        """The command that stores an entry."""
        if deadline is None:
            return ("SET", name, entry, "PXAT", FAR) if self.bounded else ("SET", name, entry)
        return "SET", name, entry, "PXAT", deadline

    def deadline(self, name: bytes) -> int | None:
        """When an entry expires, in ms since 1970; None: never, GONE: there is none."""
        at: int = self.execute("PEXPIRETIME", name)
        return GONE if at == -2 else None if at < 0 or at >= FAR else at

    def now(self) -> int:
        """The time of the store in ms since 1970."""
        seconds, micros = self.execute("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    def heads(self, length: int) -> Iterator[tuple[bytes, bytes]]:
        """All keys, each with the first bytes of its entry, in the order of SCAN. O(n)."""
        for name in self.names():
            head = self.execute("GETRANGE", name, 0, length - 1)
            if head:
                yield name, head

    def names(self) -> Iterator[bytes]:
        """All keys, in the order of SCAN, each once. O(n)."""
        seen: set[bytes] = set()
        cursor: Any = 0
        while True:
            cursor, names = self.execute("SCAN", cursor, "COUNT", CHUNK)
            for name in names:
                if name not in seen:
                    seen.add(name)
                    yield name
            if int(cursor) == 0:
                return

    # -- the index

    def known(self, what: bytes) -> bool:
        """Whether the file says this about its entries."""
        return self.index.execute("HEXISTS", META, what) == 1

    def know(self, what: bytes, is_so: bool) -> None:
        """Let the file say this, or no longer."""
        self.index.execute(*(("HSET", META, what, 1) if is_so else ("HDEL", META, what)))

    def index_keys(self, kind: bytes) -> Iterator[bytes]:
        """The tags or prefixes of the index."""
        cursor: Any = 0
        seen: set[bytes] = set()
        while True:
            cursor, found = self.index.execute("SCAN", cursor, "MATCH", kind + b"*", "COUNT", CHUNK)
            seen.update(found)
            if int(cursor) == 0:
                return iter([key[len(kind) :] for key in seen if key != META])

    def forget_tags(self) -> None:
        """Remove the index of tags."""
        for tag in self.index_keys(TAG):
            self.index.execute("DEL", TAG + tag)

    def commit(self, commands: list[tuple[Any, ...]]) -> None:
        """Run commands as one. Raises kvd.OutOfMemoryError, or what else refuses one of them, and then none has run."""
        if len(commands) < 2:
            for command in commands:
                self.execute(*command)
            return
        run = self.writer.execute
        try:
            run("MULTI")
            for command in commands:
                run(*command)
            replies = run("EXEC")
        except BaseException:  # also an interrupt between two of them
            with suppress(Exception):
                run("DISCARD")
            raise
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply

    def recover(self) -> None:
        """End a commit that is under way in another thread, which is not in this process."""
        with suppress(Exception):
            self.writer.execute("DISCARD")

    def close(self) -> None:
        """End the sessions."""
        self.writer.close()
        self.index.close()


class Batch:
    """Writes that are not yet in the store, and reads through them."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.thread = get_ident()
        self.cleared = False
        self.entries: dict[bytes, Entry | None] = {}  # None: removed
        self.members: dict[bytes, dict[bytes, bool]] = {}  # tag: key: whether it is one
        self.numbers: dict[bytes, dict[int, bool]] = {}  # prefix: number: whether it is in the queue

    # -- entries

    def fetch(self, name: bytes) -> bytes | None:
        """The entry of a key, or None."""
        if name not in self.entries:
            return None if self.cleared else self.space.fetch(name)
        found = self.entries[name]
        if found is None:
            return None
        entry, deadline = found
        return entry if deadline is None or deadline > self.space.now() else None

    def head(self, name: bytes, length: int) -> bytes:
        """The first bytes of an entry; empty: there is none."""
        if name in self.entries or self.cleared:
            return (self.fetch(name) or b"")[:length]
        found: bytes = self.space.execute("GETRANGE", name, 0, length - 1)
        return found

    def deadline(self, name: bytes) -> int | None:
        """When an entry expires, in ms since 1970; None: never, GONE: there is none."""
        if name not in self.entries:
            return GONE if self.cleared else self.space.deadline(name)
        found = self.entries[name]
        return GONE if found is None else found[1]

    def put(self, name: bytes, entry: bytes, deadline: int | None) -> None:
        """Store an entry. deadline: ms since 1970, or None."""
        self.entries[name] = entry, deadline

    def remove(self, name: bytes) -> None:
        """Remove an entry."""
        self.entries[name] = None

    def clear(self) -> None:
        """Remove everything."""
        self.cleared = True
        for part in (self.entries, self.members, self.numbers):
            part.clear()

    def names(self) -> Iterator[bytes]:
        """All keys."""
        if not self.cleared:
            for name in self.space.names():
                if name not in self.entries:
                    yield name
        for name in list(self.entries):
            if self.fetch(name) is not None:
                yield name

    # -- tags

    def mark(self, tag: bytes, name: bytes, is_member: bool) -> None:
        """Add a key to those of a tag, or remove it."""
        self.members.setdefault(tag, {})[name] = is_member

    def tagged(self, tag: bytes, count: int) -> list[bytes]:
        """Some keys of a tag, at least one if there is any; those that were not removed here."""
        changed = self.members.get(tag, {})
        added = [name for name, is_member in changed.items() if is_member]
        if self.cleared:
            return added[:count]
        stored = self.space.index.execute("SRANDMEMBER", TAG + tag, count + len(changed))
        return [name for name in stored if name not in changed] + added

    # -- queues

    def line(self, prefix: bytes, number: int, is_member: bool) -> None:
        """Add a number to a queue, or remove it."""
        self.numbers.setdefault(prefix, {})[number] = is_member

    def edge(self, prefix: bytes, last: bool) -> int | None:
        """The first or last number of a queue. O(log n), and O(numbers of this queue that this batch changed)."""
        changed = self.numbers.get(prefix, {})
        candidates = [number for number, is_member in changed.items() if is_member]
        if not self.cleared:
            order = ("REV",) if last else ()
            stored = self.space.index.execute("ZRANGE", QUEUE + prefix, 0, len(changed), *order)
            candidates += [number for number in map(int, stored) if number not in changed]
        if not candidates:
            return None
        return max(candidates) if last else min(candidates)

    # -- the end

    def commit(self) -> None:
        """Send everything to the store. Raises kvd.OutOfMemoryError, and then nothing has changed."""
        commands: list[tuple[Any, ...]] = []
        if self.cleared:
            commands += [("FLUSHDB",), ("SELECT", INDEX), *self._flush_of_index(), ("SELECT", 0)]
        removed = [name for name, found in self.entries.items() if found is None]
        if removed:
            commands.append(("DEL", *removed))
        commands += [self.space.setting(name, *found) for name, found in self.entries.items() if found is not None]
        marks = [*self._marks(self.members, TAG, "SADD", "SREM"), *self._lines()]
        if marks:
            commands += [("SELECT", INDEX), *marks, ("SELECT", 0)]
        self.space.commit(commands)

    def _flush_of_index(self) -> Iterator[tuple[Any, ...]]:
        """FLUSHDB, except for what is known about the entries."""
        known = self.space.index.execute("HKEYS", META)
        yield ("FLUSHDB",)
        for what in known:
            yield "HSET", META, what, 1

    @staticmethod
    def _marks(changes: dict[bytes, dict[bytes, bool]], kind: bytes, add: str, remove: str) -> Iterator[tuple[Any, ...]]:
        for key, members in changes.items():
            for command, wanted in ((remove, False), (add, True)):
                chosen = [member for member, is_member in members.items() if is_member is wanted]
                if chosen:
                    yield command, kind + key, *chosen

    def _lines(self) -> Iterator[tuple[Any, ...]]:
        for prefix, numbers in self.numbers.items():
            for number, is_member in numbers.items():
                yield ("ZADD", QUEUE + prefix, number, number) if is_member else ("ZREM", QUEUE + prefix, number)
