"""A batch of keys from one end to the other: DUMP and deadlines there, RESTORE REPLACE ABSTTL here.

A key that is gone at the source is deleted at the target. If the target does not read the payload, its value is written by the commands of its
type instead (`values`); payloads of a version that was refused are not sent again, and DUMP is not asked for any more when a whole batch was of
such versions. Batches shrink when values are large.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import ResponseError

from kvd.migrate import values
from kvd.migrate.ends import End, MigrateError, Words

LARGEST_BATCH, BATCH_BYTES = 500, 16 << 20  # keys and bytes of payloads in a batch
LARGEST_PAYLOAD = 256 << 20  # bytes above which a value is written in parts: servers refuse arguments of 512 MiB
VERSION = slice(-10, -8)  # of the RDB format, in a payload
UNREAD = ("Bad data format", "DUMP payload version or checksum are wrong")
STREAMS = (15, 19, 21, 26, 27)  # types of streams in payloads; types above LAST_TYPE are not known here, and may be some
LAST_TYPE = 28
FATAL = ("OOM", "READONLY", "MISCONF", "NOPERM", "NOREPLICAS", "CLUSTERDOWN")  # what every further key would get


class Copier:
    """Copies keys. dbs: the databases of the target by those of the source, if they differ.

    problems: keys that could not be copied, with the reason. by_commands: values are written by commands. copied, deleted, rewritten: counts.
    streams: the keys of the source seen that are streams, or may be."""

    def __init__(self, source: End, target: End, dbs: dict[int, int] | None = None) -> None:
        self.source, self.target = source, target
        self.dbs = dbs or {}
        self.problems: dict[tuple[int, bytes], str] = {}
        self.streams: set[tuple[int, bytes]] = set()
        self.by_commands = False
        self._refused: set[bytes] = set()
        self.copied = self.deleted = self.rewritten = 0
        self.batch = LARGEST_BATCH

    def target_db(self, db: int) -> int:
        """The database of the target for one of the source."""
        return self.dbs.get(db, db)

    def copy(self, db: int, keys: Sequence[bytes]) -> None:
        """Copy keys, or delete those that are gone. Raises MigrateError if the target takes no more keys."""
        at = 0
        while at < len(keys):
            some = keys[at : at + self.batch]
            at += len(some)
            if self.by_commands:
                self._rewrite(db, some)
            else:
                self._copy_dumps(db, some)

    def differing(self, db: int, keys: Sequence[bytes]) -> list[bytes]:
        """Those of the keys whose values or deadlines differ. Compares payloads first, and values where these differ."""
        found = []
        for i in range(0, len(keys), self.batch):
            some = keys[i : i + self.batch]
            unequal = some if self.by_commands else self._unequal_dumps(db, some)
            here = values.read(self.source, db, unequal)
            there = values.read(self.target, self.target_db(db), unequal)
            found += [key for key, a, b in zip(unequal, here, there, strict=True) if not _equal(a, b)]
        return found

    # -- by payloads

    def _copy_dumps(self, db: int, keys: Sequence[bytes]) -> None:
        payloads, deadlines = self._source_dumps(db, keys)
        lines: list[Words] = []
        by_commands = []
        for key, payload, deadline in zip(keys, payloads, deadlines, strict=True):
            if payload is None or deadline == -2:
                lines.append(("DEL", key))
            elif len(payload) > LARGEST_PAYLOAD or payload[VERSION] in self._refused:
                by_commands.append(key)
            else:
                lines.append(("RESTORE", key, deadline, payload, "REPLACE", "ABSTTL"))
        refused = self._send(db, lines)
        self.by_commands = len(keys) > 1 and len(by_commands) == len(keys)
        self._rewrite(db, refused + by_commands)

    def _source_dumps(self, db: int, keys: Sequence[bytes]) -> tuple[list[Any], list[int]]:
        payloads, deadlines = self._dumps(self.source, db, keys)
        for key, payload in zip(keys, payloads, strict=True):
            if payload and (payload[0] in STREAMS or payload[0] > LAST_TYPE):
                self.streams.add((db, key))
        return payloads, deadlines

    def _dumps(self, end: End, db: int, keys: Sequence[bytes]) -> tuple[list[Any], list[int]]:
        payloads = end.ask([("DUMP", key) for key in keys], db)
        for payload in payloads:
            if isinstance(payload, ResponseError):
                raise MigrateError(f"{end.name}: DUMP: {payload}")
        total = sum(len(p) for p in payloads if p)
        self.batch = max(1, min(LARGEST_BATCH, int(BATCH_BYTES * len(keys) / total) if total else LARGEST_BATCH))
        return payloads, values.read_deadlines(end, db, keys)

    def _send(self, db: int, lines: list[Words]) -> list[bytes]:
        """Run them on the target. Returns the keys whose payloads it does not read."""
        refused = []
        for line, reply in zip(lines, self.target.ask(lines, self.target_db(db)), strict=True):
            key = line[1]
            if not isinstance(reply, ResponseError):
                self._count(db, key, line[0] == "DEL", reply)
            elif any(text in str(reply) for text in UNREAD):
                refused.append(key)
                if UNREAD[1] in str(reply):
                    self._refused.add(line[3][VERSION])
            else:
                self._fail(db, key, reply)
        return refused

    def _count(self, db: int, key: bytes, is_deletion: bool, reply: Any) -> None:
        self.problems.pop((db, key), None)
        self.deleted += reply if is_deletion else 0
        self.copied += not is_deletion

    def _fail(self, db: int, key: bytes, error: ResponseError) -> None:
        if str(error).startswith(FATAL) or type(error).__name__ in ("OutOfMemoryError", "ReadOnlyError"):
            raise MigrateError(f"{self.target.name} takes no more keys: {error}")
        self.problems[db, key] = str(error)

    def _unequal_dumps(self, db: int, keys: Sequence[bytes]) -> list[bytes]:
        here, ours = self._source_dumps(db, keys)
        there, theirs = self._dumps(self.target, self.target_db(db), keys)
        rows = zip(keys, here, there, ours, theirs, strict=True)
        return [key for key, a, b, t, u in rows if a != b or abs(t - u) > values.CLOSE or (t > 0) != (u > 0)]

    # -- by commands

    def _rewrite(self, db: int, keys: Sequence[bytes]) -> None:
        if not keys:
            return
        for key, value in zip(keys, values.read(self.source, db, keys), strict=True):
            try:
                lines = [("DEL", key)] if value is None else values.lines_to_write(key, value, self.target)
            except ValueError as error:
                self.problems[db, key] = str(error)
                continue
            replies = self.target.ask(lines, self.target_db(db))
            failed = [reply for reply in replies if isinstance(reply, ResponseError)]
            if failed:
                self._fail(db, key, failed[0])
                continue
            self._count(db, key, value is None, replies[0])
            self.rewritten += value is not None
            if value is not None and value.kind == b"stream":
                self.streams.add((db, key))


def _equal(a: values.Value | None, b: values.Value | None) -> bool:
    """Values of modules, which cannot be read, are not the same unless their payloads are."""
    if a is not None and b is not None and a.content is None:
        return False
    return values.same(a, b)
