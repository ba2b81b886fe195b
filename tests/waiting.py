"""Waiting for what takes milliseconds on an idle machine and seconds on a loaded one.

No test depends on less than a second of real time passing, or not passing: a store's clock is frozen and moved (store.clock), and
what other threads and processes do is waited for patiently."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0                 # seconds


def eventually(condition: Callable[[], T]) -> T:
    """The first true value of condition(). Fails after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.005)


def blocked(store, n=1):
    """Waits until n clients of the store wait for keys."""
    return eventually(lambda: store.info("clients")["blocked_clients"] == n)
