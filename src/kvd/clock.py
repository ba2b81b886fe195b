"""A store's clock, under the control of a test.

    store.set("k", "v", ex=60)
    with store.clock.frozen() as clock:
        clock.advance(61)
        assert store.get("k") is None

Deadlines, idle times, TIME and stream ids follow the clock; waiting (BLPOP and its like) takes real time.
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
    """Made by `Store.clock`. Times are seconds since 1970 (or datetime), spans are seconds (or timedelta)."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @property
    def now(self) -> float:
        """What time it is for the store."""
        return float(self._store._clock_us()[2]) / 1e6

    def freeze(self, at: float | datetime | None = None) -> None:
        """Stop the clock, at a moment or where it is."""
        self._store._set_clock(FROZEN, int(_seconds(self.now if at is None else at) * 1e6))

    def advance(self, span: float | timedelta) -> None:
        """Move the clock on (or back, for a negative span), frozen or not. What is due then has expired."""
        mode, us, _ = self._store._clock_us()
        self._store._set_clock(SHIFTED if mode == WALL else mode, us + int(_seconds(span) * 1e6))

    def set(self, when: float | datetime) -> None:
        """Set the clock; it stays frozen if it was, and goes on from there if not."""
        us = int(_seconds(when) * 1e6)
        if self._store._clock_us()[0] == FROZEN:
            self._store._set_clock(FROZEN, us)
        else:
            self._store._set_clock(SHIFTED, us - time.time_ns() // 1000)

    def resume(self) -> None:
        """Back to the real time."""
        self._store._set_clock(WALL, 0)

    def follow(self, source: Callable[[], float] | None = None) -> None:
        """Ask `source` what time it is before each command: time.time by default, so that the store sees what freezegun and
        time-machine make of it."""
        if source is None:

            def source() -> float:
                return time.time()  # looked up each time: freezegun replaces it

        self._store._set_clock(FROZEN, int(source() * 1e6), source)

    @contextmanager
    def frozen(self, at: float | datetime | None = None) -> Iterator[Clock]:
        """Frozen within the block, the real time behind it."""
        self.freeze(at)
        try:
            yield self
        finally:
            self.resume()

    def __repr__(self) -> str:
        return f"<kvd clock {NAMES[self._store._clock_us()[0]]} {self.now:.3f}>"
