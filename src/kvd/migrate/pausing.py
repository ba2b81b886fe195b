"""CLIENT PAUSE WRITE on the source: for the moment of the switch its clients' writes wait, and nothing expires.

The pause is bounded: the source ends it by itself after the time given, whatever happens to this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from redis import ResponseError

from kvd.migrate.ends import End, MigrateError

FOREVER = float("inf")
MARGIN = 0.05  # seconds before its end from which a pause is no longer relied on


class Pause:
    """Pauses of a source. ms: how long each may last; 0: none is made. say: told why there cannot be one."""

    def __init__(self, source: End, ms: int, say: Callable[[str], None]) -> None:
        self.source, self.ms, self._say = source, ms, say
        self._until = 0.0  # 0.0: there is none now
        self._mark: tuple[str, ...] = ()

    def begin(self) -> None:
        """Pause, if that is asked for and possible."""
        if self.ms:
            self._pause()
        self._mark = _writes(self.source)

    def _pause(self) -> None:
        began = time.monotonic()
        (reply,) = self.source.ask([("CLIENT", "PAUSE", self.ms, "WRITE")])
        if isinstance(reply, ResponseError):
            self._say(
                f"the writes of {self.source.name} cannot be paused ({reply}); what is written during the switch may be missing"
            )
            self.ms = 0
            return
        self._until = began + self.ms / 1000

    def end(self) -> None:
        """Let the writes go on, if they are paused."""
        if self._until:
            self._until = 0.0
            with suppress(MigrateError):
                self.source.ask([("CLIENT", "UNPAUSE")])

    @property
    def holds(self) -> bool:
        """Whether nothing is written now, for certain."""
        return bool(self._until) and time.monotonic() < self._until - MARGIN

    def written(self) -> bool:
        """Whether the source may have been written to since `begin`; keys that expired count as well."""
        return not self.holds and _writes(self.source) != self._mark

    def left(self) -> float:
        """Seconds until it ends; infinite if there is no pause, which then bounds nothing."""
        return max(self._until - MARGIN - time.monotonic(), 0.0) if self._until else FOREVER


def _writes(source: End) -> tuple[str, ...]:
    """What differs after a write."""
    found = source.info("persistence")
    return tuple(found.get(name, "") for name in ("rdb_changes_since_last_save", "rdb_last_save_time"))
