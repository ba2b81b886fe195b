"""The command: checks both ends, chooses the way, moves, verifies, reports, and leaves nothing behind when it fails.

A database in a URL moves this database alone. All databases are moved by replication if the target can follow the source; otherwise, and for
files, by scanning.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import time
from dataclasses import dataclass
from typing import TextIO

from redis import ResponseError

from kvd.migrate.copying import Copier
from kvd.migrate.ends import BadUrlError, End, MigrateError, scrub
from kvd.migrate.following import Following, NotFollowingError
from kvd.migrate.pausing import Pause
from kvd.migrate.progress import Progress
from kvd.migrate.scanning import Scanning
from kvd.migrate.state import State, StateFile
from kvd.migrate.verifying import Verdict, Verifier

OK, FAILED, USAGE, DIFFERENT, UNVERIFIED, INTERRUPTED = 0, 1, 2, 3, 4, 130  # exit codes
NAMED = 10  # problems that are listed


@dataclass(frozen=True)
class Options:
    """way: auto, replication or scan. pause: milliseconds, 0: none. verify: auto, full or none. patience: seconds. address: HOST:PORT of the source
    as the target reaches it."""

    replace: bool = False
    way: str = "auto"
    pause: int = 5000
    verify: str = "auto"
    state: str | None = None
    patience: float = 60.0
    address: str | None = None


def run(source: str, target: str, options: Options, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Move the data set of one URL to another. Shows progress on out, errors on err. Returns the exit code (see the constants)."""
    ends: list[End] = []
    err = sys.stderr if err is None else err
    try:
        with End(source, "source", options.patience) as here:
            ends.append(here)
            with End(target, "target", options.patience) as there:
                ends.append(there)
                progress = Progress(out, ends)
                here.on_lost = there.on_lost = progress.say
                return _run(Move(here, there, options, progress), progress)
    except BadUrlError as error:
        print(f"kvd migrate: {error}", file=err)
        return USAGE
    except (MigrateError, OSError) as error:
        print(f"kvd migrate: {scrub(str(error), ends)}", file=err)
        return FAILED
    except KeyboardInterrupt:
        print("kvd migrate: interrupted", file=err)
        return INTERRUPTED


def _run(move: Move, progress: Progress) -> int:
    try:
        return move.run()
    except BaseException:
        progress.say(
            "all was moved before"
            if move.switched
            else "nothing was switched: the source goes on, the target may have a part of the data"
        )
        raise
    finally:
        progress.end()


class Move:
    """One move. switched: the target has all; only the verification is left."""

    switched = False

    def __init__(self, source: End, target: End, options: Options, progress: Progress) -> None:
        self.source, self.target, self.options, self.progress = source, target, options, progress
        self.only = source.db if source.db is not None else target.db
        into = target.db if target.db is not None else self.only
        self.copier = Copier(
            source, target, {self.only: into} if self.only is not None and into is not None and into != self.only else {}
        )
        self.into = into
        self.file = StateFile(options.state)

    def run(self) -> int:
        """Returns the exit code. Raises MigrateError."""
        began = time.monotonic()
        state = self.file.load()
        self._check(state)
        verdict = self._move(state)
        self.file.remove()
        return self._report(verdict, time.monotonic() - began)

    # -- checks

    def _check(self, state: State | None) -> None:
        for end in (self.source, self.target):
            end.learn()
        if (self.source.run_id and self.source.run_id == self.target.run_id) or self._same_file():
            raise MigrateError(f"the source and the target are the same: {self.source.name}")
        found = self.target.info("replication")
        if found.get("role") == "slave":
            raise MigrateError(
                f"the target is a replica of {found.get('master_host')}:{found.get('master_port')}: REPLICAOF NO ONE makes it a master"
            )
        if self._continues(state):
            return
        if not self.options.replace:
            self._check_empty()
        for db in self.source.databases() if self.only is None else [self.only]:
            self.target.one("PING", db=self.copier.target_db(db))
        self._check_memory()

    def _same_file(self) -> bool:
        here, there = self.source.file, self.target.file
        return bool(here and there and os.path.realpath(here) == os.path.realpath(there))

    def _check_empty(self) -> None:
        counts = self.target.databases()
        there = sum(counts.values()) if self.into is None else counts.get(self.into, 0)
        if there:
            raise MigrateError(f"the target is not empty: it has {there} keys; --replace deletes them")

    def _check_memory(self) -> None:
        limit, used = (
            int(end.info("memory").get(name, "0"))
            for end, name in ((self.target, "maxmemory"), (self.source, "used_memory_dataset"))
        )
        if 0 < limit < used:
            self.progress.say(
                f"maxmemory of the target is {limit} bytes, the data of the source uses {used}: keys may be evicted or refused"
            )

    def _continues(self, state: State | None) -> bool:
        """Whether the state is of an earlier run between the same ends."""
        if state is None:
            return False
        if (state.source, state.target, state.db) != (self.source.name, self.target.name, self.only):
            raise MigrateError(f"{self.file.path} is the state of another move: from {state.source} to {state.target}")
        return True

    # -- the two ways

    def _move(self, state: State | None) -> Verdict:
        pause = Pause(self.source, self._pause(), self.progress.say)
        try:
            reason = self._why_scan() if state is None else "an earlier scan goes on"
            if reason and self.options.way == "replication":
                raise MigrateError(f"replication is not possible: {reason}")
            if not reason:
                try:
                    return self._follow(pause)
                except NotFollowingError as error:
                    if self.options.way == "replication":
                        raise
                    reason = str(error)
                    self.target.one("FLUSHALL")  # what it had is deleted already, and there may be a part of the data
            self.progress.say(f"moving {self._names()} by scanning: {reason}")
            return self._scan(pause, state)
        finally:
            pause.end()

    def _names(self) -> str:
        return f"{'everything' if self.only is None else f'database {self.only}'} from {self.source.name} to {self.target.name}"

    def _pause(self) -> int:
        if self.source.file:
            return 0
        if self.source.info("replication").get("role") == "slave":
            self.progress.say("the source is a replica: a pause would not stop the writes, which come from its master")
            return 0
        return self.options.pause

    def _follow(self, pause: Pause) -> Verdict:
        self.progress.say(f"moving {self._names()} by replication")
        following = Following(self.source, self.target, self._address(), self.progress, pause)
        try:
            following.begin()
            following.run()
        finally:
            following.stop()
        self.switched = True
        self.progress.phase("verify")
        dbs = sorted(self.source.databases().keys() | self.target.databases().keys())
        verdict = Verifier(self.copier, dbs, lambda: pause.left() > 0).run(self.options.verify)
        verdict.written = pause.written()
        return verdict

    def _scan(self, pause: Pause, state: State | None) -> Verdict:
        if state is None:
            self._empty_target()
        state = self._state(state)
        scanning = Scanning(self.copier, self.progress, pause, self.file, state, self.only, self.options.replace)
        scanning.on_switched = self._note_switch
        return scanning.run(self.options.verify)

    def _note_switch(self) -> None:
        self.switched = True

    def _empty_target(self) -> None:
        if self.options.replace:
            self.target.one(*(("FLUSHALL",) if self.into is None else ("FLUSHDB",)), db=self.into or 0)

    def _state(self, state: State | None) -> State:
        """The state to begin with: where an earlier run was, if both servers still run."""
        new = State(self.source.name, self.target.name, self.source.run_id, self.target.run_id, self.only)
        if state is None:
            return new
        state.gap = True
        if state.source_run != new.source_run or (state.target_run != new.target_run and not self.target.file):
            self.progress.say("a server was restarted since the state was written: the scan begins again")
            state.restart()
            state.copied = 0
        state.source_run, state.target_run = new.source_run, new.target_run
        return state

    def _why_scan(self) -> str:
        """Why the target cannot follow the source, or ""."""
        if self.options.way == "scan":
            return "--scan"
        if self.only is not None:
            return "replication cannot move one database alone"
        if self.source.file or self.target.file:
            return "a file cannot be replicated"
        if self.source.address is None and not self.options.address:
            return "the source is not reached by TCP without TLS"
        for end, command in ((self.source, "PSYNC"), (self.target, "REPLICAOF")):
            if not end.knows(command):
                return f"{end.name} does not have the command {command}"
        if not self.options.address and _is_local(self.source) and not _is_local(self.target):
            return "the target cannot reach a source at a local address (see --source-address)"
        return "" if self._reads_payloads() else "the target does not read the data format of the source"

    def _address(self) -> tuple[str, int]:
        if self.options.address:
            host, _, port = self.options.address.rpartition(":")
            return host.strip("[]"), int(port)
        assert self.source.address is not None
        return self.source.address

    def _reads_payloads(self) -> bool:
        """Whether the target reads what the source writes: a snapshot has the version of the payloads. kvd writes what the other side reads."""
        db = next(iter(self.source.databases()), None)
        if self.source.family == "kvd" or db is None:
            return True
        key = self.source.one("RANDOMKEY", db=db)
        payload = self.source.one("DUMP", key, db=db) if key is not None else None
        if payload is None:
            return True
        probe = f"kvd:migrate:{os.urandom(8).hex()}"
        reply, _ = self.target.ask([("RESTORE", probe, 0, payload), ("DEL", probe)])
        return not isinstance(reply, ResponseError)

    # -- the report

    def _report(self, verdict: Verdict, took: float) -> int:
        say, copier = self.progress.say, self.copier
        self.progress.end()
        if copier.copied or copier.deleted:
            say(f"copied {copier.copied} keys, {copier.rewritten} of them by commands; deleted {copier.deleted}")
        for line in verdict.lines:
            say(line)
        for (db, key), why in list(copier.problems.items())[:NAMED]:
            say(f"NOT COPIED: database {db}, key {repr(key)[1:]}: {why}")
        for why in verdict.problems:
            say(f"NOT COPIED: {why}")
        code = self._code(verdict)
        result = {
            OK: "moved", DIFFERENT: "moved, with differences",
            UNVERIFIED: "moved; what differs may have been written to the source after the switch",
        }[code]  # fmt: skip
        say(f"{result}, in {took:.1f} s")
        return code

    def _code(self, verdict: Verdict) -> int:
        if self.copier.problems or verdict.problems:
            return DIFFERENT
        if verdict.wrong:
            return UNVERIFIED if verdict.written else DIFFERENT
        return OK if verdict.complete else UNVERIFIED


def _is_local(end: End) -> bool:
    if end.address is None:
        return True
    try:
        return ipaddress.ip_address(end.address[0]).is_loopback
    except ValueError:
        return end.address[0] == "localhost"
