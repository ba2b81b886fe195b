"""The move by replication: the target becomes a replica of the source, until the switch.

    sync       the target loads a snapshot of the source
    catch-up   it executes what was written meanwhile, until it is less than CLOSE bytes behind
    switch     the writes of the source pause; when both offsets are equal, the target is promoted

`stop` makes the target a master again and puts its masterauth and masteruser back; it is called in any case.
"""

from __future__ import annotations

import time
from contextlib import suppress

from redis import ResponseError

from kvd.migrate.ends import End, MigrateError
from kvd.migrate.pausing import Pause
from kvd.migrate.progress import Progress

POLL = 0.05  # seconds between looks at the target
CLOSE = 1 << 20  # bytes of lag from which the switch is tried
STALL = 30.0  # seconds without a sign of progress
FAILURES = 3  # transfers that may end without a link
ATTEMPTS = 3  # to switch
UNPAUSED = 10.0  # seconds for which the switch waits for the target, without a pause


class NotFollowingError(MigrateError):
    """The target cannot follow the source; the data may still be moved by scanning."""


class Following:
    """One move. address: host and port of the source as the target reaches it."""

    def __init__(self, source: End, target: End, address: tuple[str, int], progress: Progress, pause: Pause) -> None:
        self.source, self.target, self.address = source, target, address
        self.progress, self.pause = progress, pause
        self._login: dict[str, bytes] = {}  # what masteruser and masterauth of the target were
        self._follows = False

    def begin(self) -> None:
        """Let the target follow. Raises NotFollowingError."""
        self._log_in()
        self._follows = True  # before the reply, which may be lost
        reply = self.target.ask([("REPLICAOF", *self.address)])[0]
        if isinstance(reply, ResponseError):
            self._follows = False
            raise NotFollowingError(f"{self.target.name} refuses REPLICAOF: {reply}")

    def run(self) -> None:
        """Wait until the target has all, and switch: it is a master afterwards, and the pause, if there is one, lasts. Raises MigrateError."""
        self._sync()
        self._catch_up()
        for _ in range(ATTEMPTS):
            self.progress.phase("switch")
            if self._switch():
                return
            self.pause.end()
            self.progress.say("the target did not catch up during the pause")
            self._catch_up()
        raise MigrateError(
            f"the switch was given up: the target does not catch up within {self.pause.ms} ms; use a longer --pause"
        )

    def stop(self) -> None:
        """Promote the target if it follows, and put its options back. Tells what was done. Raises MigrateError if the target cannot be reached."""
        try:
            if self._follows:
                self._promote()
                self.progress.say(f"{self.target.name} was told REPLICAOF NO ONE: it does not follow the source any more")
        finally:
            login, self._login = self._login, {}
            for name, value in login.items():
                with suppress(MigrateError):
                    self.target.one("CONFIG", "SET", name, value)

    def _promote(self) -> None:
        try:
            self.target.one("REPLICAOF", "NO", "ONE")
        except MigrateError as error:
            raise MigrateError(f"{error}; {self.target.name} may still follow the source: run REPLICAOF NO ONE there") from None
        self._follows = False

    def _log_in(self) -> None:
        """Let the target log in as the URL of the source does."""
        wanted = {
            "masteruser": (self.source.user or "") if self.source.password else "",
            "masterauth": self.source.password or "",
        }
        for name, value in wanted.items():
            found = self.target.ask([("CONFIG", "GET", name)])[0]
            if isinstance(found, ResponseError) or len(found) != 2:
                if not value:
                    continue
                raise NotFollowingError(f"{self.target.name} does not let {name} be set")
            if found[1] == value.encode():
                continue
            reply = self.target.ask([("CONFIG", "SET", name, value)])[0]
            if isinstance(reply, ResponseError):
                raise NotFollowingError(f"{self.target.name} does not let {name} be set")
            self._login[name] = found[1]

    # -- phases

    def _link(self) -> dict[str, str]:
        found = self.target.info("replication")
        if (
            found.get("role") != "slave"
            or found.get("master_host") != self.address[0]
            or found.get("master_port") != str(self.address[1])
        ):
            raise MigrateError(f"{self.target.name} does not follow the source any more: another client has changed that")
        return found

    def _sync(self) -> None:
        self.progress.phase("sync")
        failures, was, moved = 0, False, time.monotonic()
        while True:
            link = self._link()
            if link.get("master_link_status") == "up":
                return
            loading = self._loading()
            active = link.get("master_sync_in_progress") == "1" or loading
            failures += was and not active
            was = active
            now = time.monotonic()
            moved = now if active else moved
            if failures >= FAILURES or now - moved > min(STALL, self.target.patience):
                why = "the transfer fails again and again" if failures else "there is no connection between them"
                raise NotFollowingError(f"{self.target.name} cannot synchronize with {self.address[0]}:{self.address[1]}: {why}")
            if not loading:
                self._show_transfer(link)
            time.sleep(POLL)

    def _loading(self) -> bool:
        found = self.target.info("persistence")
        if found.get("loading") != "1":
            return False
        self.progress.update("loading", float(found.get("loading_loaded_perc", "0")), 100)
        return True

    def _show_transfer(self, link: dict[str, str]) -> None:
        total, done = (max(int(link.get(f"master_sync_{name}_bytes", "0")), 0) for name in ("total", "read"))
        self.progress.update(
            f"{done} of {total} bytes" if total else f"{done} bytes" if done else "waiting for the snapshot", done, total
        )

    def _reached(self) -> int:
        """How far the target is. Raises MigrateError if it does not follow any more."""
        return int(self._link().get("slave_repl_offset", "0"))

    def _wanted(self) -> int:
        """How far the source is."""
        return int(self.source.info("replication").get("master_repl_offset", "0"))

    def _catch_up(self) -> None:
        self.progress.phase("catch-up")
        while True:
            if self._link().get("master_link_status") != "up":
                self._sync()
            lag = self._wanted() - self._reached()
            if lag <= CLOSE:
                return
            self.progress.update(f"lag {lag} bytes")
            time.sleep(POLL)

    def _switch(self) -> bool:
        """False if the target does not reach the source's offset while its writes are paused."""
        self.pause.begin()
        wanted = self._wanted()
        end = time.monotonic() + min(self.pause.left(), max(UNPAUSED, self.pause.ms / 1000))
        while self._reached() < wanted:
            if time.monotonic() > end:
                return False
            time.sleep(POLL / 10)
        if self.pause.ms and not self.pause.holds:
            return False
        self._promote()
        if self.pause.ms and not self.pause.holds:
            self.progress.say(
                "the pause of the source ended before the target was promoted: what was written since may be missing"
            )
        return True
