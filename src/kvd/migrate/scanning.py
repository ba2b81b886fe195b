"""The move by SCAN, DUMP and RESTORE, while the source is used.

    sync       all keys are scanned and copied; where they change meanwhile, keyspace events tell
    catch-up   keys that have changed are copied again, or deleted, until copying them takes less than the pause of the switch
    switch     the writes of the source pause; what is left is copied, and what has no events: streams with groups, functions
    verify     before the writes go on

Both ends are compared key by key (`_compare`) where events do not tell: they cannot be enabled, were lost with their connection, or the process
was interrupted between two runs; or a FLUSHALL, FLUSHDB or SWAPDB was executed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from kvd.migrate.copying import Copier
from kvd.migrate.ends import MigrateError
from kvd.migrate.events import Events, events_to_enable, flushes, set_events
from kvd.migrate.libraries import Libraries
from kvd.migrate.pausing import Pause
from kvd.migrate.progress import Progress
from kvd.migrate.state import State, StateFile
from kvd.migrate.verifying import SCAN_COUNT, Verdict, Verifier, scan

PASSES = 3  # comparisons without events, and attempts to switch
SAVE_EVERY = 1.0  # seconds between states
SHORT = 0.25  # seconds for what may be left at the switch, without a pause


class Scanning:
    """One move. state: how far an earlier run came. only: the database to move, None for all. replace: the target keeps nothing of its own."""

    def __init__(
        self, copier: Copier, progress: Progress, pause: Pause, file: StateFile, state: State, only: int | None, replace: bool
    ) -> None:
        self.copier, self.progress, self.pause = copier, progress, pause
        self.file, self.state, self.only = file, state, only
        self.source, self.target = copier.source, copier.target
        self.libraries = Libraries(self.source, self.target, replace and only is None)
        self.events: Events | None = None
        self.flushes = ""
        self.on_switched: Callable[[], object] = lambda: None  # called when all has been copied
        self._saved = 0.0
        self._restarts = (self.source.restarts, self.target.restarts)

    def run(self, depth: str) -> Verdict:
        """Move and verify (see Verifier.run). Raises MigrateError; what was changed on the source is put back in any case."""
        try:
            self._listen()
            self._sync()
            self._catch_up()
            self._switch()
            self.on_switched()
            self.progress.phase("verify")
            verdict = Verifier(self.copier, self._databases(), lambda: self.pause.left() > 0).run(depth)
            verdict.problems += [f"function libraries: {self.libraries.problem}"] if self.libraries.problem else []
            verdict.written = self.pause.written()
            return verdict
        finally:
            self.pause.end()
            self._unlisten()

    # -- what changes on the source meanwhile

    def _listen(self) -> None:
        if self.source.file:
            return  # no other process writes to it
        try:
            change = events_to_enable(self.source)
            if change is not None:
                self.state.events = change[0]
                self._save(now=True)  # before it is changed, so that a later run puts it back if this process is killed
                set_events(self.source, change[1])
            self.events = Events(self.source, self.only)
        except MigrateError as error:
            self.progress.say(f"keyspace events cannot be used ({error}): the ends are compared instead, which takes longer")
        self.flushes = flushes(self.source)

    def _unlisten(self) -> None:
        if self.events is not None:
            self.events.close()
        if self.state.events is not None:
            with suppress(MigrateError):
                set_events(self.source, self.state.events)
                self.state.events = None
        self.state.gap = True
        with suppress(MigrateError):
            self._save(now=True)

    # -- the phases

    def _databases(self) -> list[int]:
        return [self.only] if self.only is not None else sorted(self.source.databases().keys() | self.target.databases().keys())

    def _sync(self) -> None:
        self.progress.phase("sync")
        self.libraries.copy()
        counts = self.source.databases()
        total = counts.get(self.only, 0) if self.only is not None else sum(counts.values())
        while True:
            for db in [self.only] if self.only is not None else sorted(counts):
                if db not in self.state.done and not self._sync_database(db, total):
                    break
            else:
                return
            self.progress.say("an end was restarted: the scan begins again")

    def _sync_database(self, db: int, total: int) -> bool:
        """False if an end was restarted, so that the scan has to begin again."""
        cursor = self.state.cursors.get(str(db), "0").encode()
        while True:
            cursor, keys = self.source.one("SCAN", cursor, "COUNT", SCAN_COUNT, db=db)
            self.copier.copy(db, keys)
            if self._has_restarted():
                return False
            self.state.copied += len(keys)
            self.state.cursors[str(db)] = cursor.decode()
            if cursor == b"0":
                self.state.done.append(db)
            self._save(now=cursor == b"0")
            changed = f", {len(self.events)} changed since" if self.events is not None else ""
            self.progress.update(f"{self.state.copied} of {total} keys{changed}", self.state.copied, total)
            if cursor == b"0":
                return True

    def _has_restarted(self) -> bool:
        now = (self.source.restarts, self.target.restarts)
        if now == self._restarts:
            return False
        self._restarts = now
        self.state.restart()
        self._save(now=True)
        return True

    def _catch_up(self) -> None:
        self.progress.phase("catch-up")
        short = max(self.pause.ms / 4000, SHORT)
        while True:
            self._compare_if_needed()
            if self.events is None:
                return
            began = time.monotonic()
            self.events.barrier(5)
            left = self._drain()
            if time.monotonic() - began < short and not self._has_gap():
                return
            self.progress.update(f"lag {left} keys")

    def _drain(self) -> int:
        """Copy what has changed. Returns how many keys have changed since."""
        assert self.events is not None
        for db, keys in self.events.take().items():
            for i in range(0, len(keys), SCAN_COUNT):
                self.copier.copy(db, keys[i : i + SCAN_COUNT])
                self.progress.update(f"lag {len(self.events) + len(keys) - i} keys")
        return len(self.events)

    def _switch(self) -> None:
        for _ in range(PASSES):
            self.progress.phase("switch")
            self.pause.begin()
            if self._finish():
                return
            self.pause.end()
            self.progress.say("not all could be copied during the pause: catching up again")
            self._catch_up()
        raise MigrateError(
            f"the switch was given up: {self.pause.ms} ms are too short for what changes meanwhile; use a longer --pause, or stop the writers"
        )

    def _finish(self) -> bool:
        """Copy what is left. False if writes may have been missed that a pause should have excluded."""
        if self.events is None:
            if not self.source.file and self._compare() and not self.pause.holds:
                self.progress.say("what was written during the last comparison may be missing")
            return True
        if not self.events.barrier(min(self.pause.left(), 10)) or self._has_gap():
            return False
        self._drain()
        self._copy_groups()
        self.libraries.copy()
        return not self._has_gap() and (self.pause.holds or not self.pause.ms)

    def _copy_groups(self) -> None:
        """Streams with consumer groups, as reading and acknowledging have no events."""
        found: dict[int, list[bytes]] = {}
        for db, key in self.copier.streams:
            if self.source.ask([("XINFO", "GROUPS", key)], db)[0]:
                found.setdefault(db, []).append(key)
        for db, keys in found.items():
            self.copier.copy(db, self.copier.differing(db, keys))

    # -- comparing

    def _has_gap(self) -> bool:
        if self.events is not None and self.events.gap:
            self.state.gap = True
        return self.state.gap or (self.events is not None and flushes(self.source) != self.flushes)

    def _compare_if_needed(self) -> None:
        if self.events is None and not self.source.file:
            for _ in range(PASSES):
                if not self._compare():
                    return
        while self._has_gap():
            self.flushes = flushes(self.source)
            if self.events is not None:
                self.events.gap = False
            self.state.gap = False
            self.progress.say("changes were not seen: both ends are compared")
            self._compare()

    def _compare(self) -> int:
        """Make the target equal the source, key by key. Returns the number of keys for which something had to be done."""
        found = 0
        for db in self._databases():
            for keys in scan(self.source, db):
                found += self._mend(db, self.copier.differing(db, keys))
            for keys in scan(self.target, self.copier.target_db(db)):
                gone = self.source.ask([("EXISTS", key) for key in keys], db)
                found += self._mend(db, [key for key, there in zip(keys, gone, strict=True) if not there])
            self.progress.update(f"{found} keys differed")
        return found

    def _mend(self, db: int, keys: list[bytes]) -> int:
        self.copier.copy(db, keys)
        return len(keys)

    def _save(self, now: bool = False) -> None:
        if now or time.monotonic() - self._saved > SAVE_EVERY:
            self._saved = time.monotonic()
            self.file.save(self.state)
