"""The clock of a store, which tests can control.

    store.set("k", "v", ex=60)
    with store.clock.frozen() as clock:
        clock.advance(61)
        assert store.get("k") is None

Deadlines, idle times, TIME and stream ids use this clock. Timeouts of blocking commands use real time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from kvd.doors.store import FROZEN, SHIFTED, WALL

NAMES = {WALL: "real", SHIFTED: "shifted", FROZEN: "frozen"}


def _seconds(value: float | datetime | timedelta) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.timestamp() if isinstance(value, datetime) else value


class Clock:
    """The value of `Store.clock`. Times are seconds since 1970 or datetimes, durations are seconds or timedeltas."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @property
    def now(self) -> float:
        """Return the current time of the store."""
        return float(self._store._clock_us()[2]) / 1e6

    def freeze(self, at: float | datetime | None = None) -> None:
        """Stop the clock at the given time, by default at the current one."""
        self._store._set_clock(FROZEN, int(_seconds(self.now if at is None else at) * 1e6))

    def advance(self, span: float | timedelta) -> None:
        """Move the clock forward, or back by a negative duration, frozen or not. Keys that are due have expired afterwards."""
        mode, us, _ = self._store._clock_us()
        self._store._set_clock(SHIFTED if mode == WALL else mode, us + int(_seconds(span) * 1e6))

    def set(self, when: float | datetime) -> None:
        """Set the clock. It stays frozen if it was, and continues from there otherwise."""
        us = int(_seconds(when) * 1e6)
        if self._store._clock_us()[0] == FROZEN:
            self._store._set_clock(FROZEN, us)
        else:
            self._store._set_clock(SHIFTED, us - time.time_ns() // 1000)

    def resume(self) -> None:
        """Use real time again."""
        self._store._set_clock(WALL, 0)

    def follow(self, source: Callable[[], float] | None = None) -> None:
        """Call `source` for the time before each command. The default is time.time, which freezegun and time-machine
        replace."""
        if source is None:

            def source() -> float:
                return time.time()  # looked up each time: freezegun replaces it

        self._store._set_clock(FROZEN, int(source() * 1e6), source)

    @contextmanager
    def frozen(self, at: float | datetime | None = None) -> Iterator[Clock]:
        """Context manager: freeze the clock in the block, use real time afterwards."""
        self.freeze(at)
        try:
            yield self
        finally:
            self.resume()

    def __repr__(self) -> str:
        return f"<kvd clock {NAMES[self._store._clock_us()[0]]} {self.now:.3f}>"
