"""Keys that have changed on the source, from its keyspace events.

A thread reads the events as they come and collects the keys, each once, so that the source need not keep events for a slow reader. `barrier`
returns when all events of changes before it have been collected: it sends PING on the connection of the events, whose reply comes after them.

Events do not tell everything: FLUSHALL, FLUSHDB and SWAPDB have none (`flushes` counts these), nor have XACK, XCLAIM and XREADGROUP
(streams with groups are copied again at the switch). When the connection is lost, events are lost: `gap` is then true.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import redis

from kvd.migrate.ends import LOST, End, MigrateError

CHANNEL = re.compile(rb"__keyspace@(\d+)__:(.*)", re.S)
SILENT = ("flushall", "flushdb", "swapdb")  # commands whose changes have no events
LONGEST_WAIT = 5.0  # seconds between attempts to subscribe again


class Events:
    """The changed keys of a source. db: the only database of interest, None for all. Raises MigrateError if it cannot subscribe."""

    def __init__(self, source: End, db: int | None = None) -> None:
        self.source, self.db = source, db
        self.gap = False
        self._keys: set[tuple[int, bytes]] = set()
        self._changed = threading.Condition()
        self._pongs: set[bytes] = set()
        self._tokens = 0
        self._closed = False
        try:
            self._connection = self._subscribe()
        except (*LOST, redis.RedisError) as error:
            raise MigrateError(f"{source.name}: keyspace events cannot be subscribed to: {error}") from None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self) -> dict[int, list[bytes]]:
        """The keys that have changed since the last call, by database."""
        with self._changed:
            keys, self._keys = self._keys, set()
        found: dict[int, list[bytes]] = {}
        for db, key in keys:
            found.setdefault(db, []).append(key)
        return found

    def add(self, db: int, keys: list[bytes]) -> None:
        """Count keys as changed, for the next `take`."""
        with self._changed:
            self._keys.update((db, key) for key in keys)

    def __len__(self) -> int:
        return len(self._keys)

    def barrier(self, timeout: float) -> bool:
        """Wait until the events of all changes before this call were collected. False after timeout seconds, or if events were lost."""
        end = time.monotonic() + timeout
        with self._changed:
            self._tokens += 1
            token = b"kvd-%d" % self._tokens
            try:
                self._connection.send_packed_command(self._connection.pack_commands([("PING", token)]), check_health=False)
            except LOST:
                return False
            while token not in self._pongs:
                if self.gap or not self._changed.wait(min(end - time.monotonic(), 0.2)) and time.monotonic() >= end:
                    return False
            self._pongs.clear()
        return True

    def close(self) -> None:
        """End the subscription."""
        self._closed = True
        self._connection.disconnect()
        self._thread.join(5)

    def _subscribe(self) -> Any:
        connection = self.source.open()
        pattern = b"__keyspace@%s__:*" % (b"*" if self.db is None else b"%d" % self.db)
        connection.send_packed_command(connection.pack_commands([("PSUBSCRIBE", pattern)]))
        connection.read_response()
        return connection

    def _run(self) -> None:
        while not self._closed:
            try:
                self._read(self._connection.read_response(timeout=None))
            except redis.TimeoutError:
                continue
            except (*LOST, redis.RedisError, ValueError, AttributeError):  # the last two: closed by another thread meanwhile
                self._again()

    def _read(self, message: Any) -> None:
        if not isinstance(message, list) or not message:
            return
        with self._changed:
            if message[0] == b"pmessage":
                found = CHANNEL.fullmatch(message[2])
                if found:
                    self._keys.add((int(found[1]), found[2]))
            elif message[0] == b"pong":
                self._pongs.add(message[1])
                self._changed.notify_all()

    def _again(self) -> None:
        """Subscribe again after the connection was lost."""
        self.gap = True
        wait = 0.1
        while not self._closed:
            try:
                self._connection = self._subscribe()
                return
            except (*LOST, redis.RedisError):
                time.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)


def events_to_enable(source: End) -> tuple[str, str] | None:
    """What notify-keyspace-events of the source is and what it has to be, or None if it sends all events already. Raises MigrateError.

    The classes K and A are enough: E would double the messages."""
    found = source.one("CONFIG", "GET", "notify-keyspace-events")
    if len(found) != 2:
        raise MigrateError(f"{source.name}: CONFIG GET notify-keyspace-events: no such option")
    before = found[1].decode()
    missing = "".join(flag for flag in "KA" if flag not in before)
    return (before, before + missing) if missing else None


def set_events(source: End, flags: str) -> None:
    """Set notify-keyspace-events. Raises MigrateError."""
    source.one("CONFIG", "SET", "notify-keyspace-events", flags)


def flushes(source: End) -> str:
    """A text that differs after a FLUSHALL, FLUSHDB or SWAPDB."""
    found = source.info("commandstats")
    return " ".join(f"{name}:{found.get(f'cmdstat_{name}', '').partition(',')[0]}" for name in SILENT)
