"""The janitor: a background thread that removes expired entries from all caches and stores of the process.

It sleeps until the earliest deadline and works in slices of 0.25 ms, so a million entries with the same deadline do not
delay other threads. It exists only while there are deadlines, and does not appear in threading.enumerate(). After a fork it starts
again when the child sets a deadline. A store with a server is served by its network thread instead.

`Plan` can be called at any point, even during garbage collection, so it takes no lock; putting an item on a SimpleQueue is
safe there.
"""

from __future__ import annotations

import _thread
import atexit
import heapq
import itertools
import os
import time
import weakref
from queue import Empty, SimpleQueue
from typing import Any

SLICE_US = 250
IDLE = 1.0  # seconds without deadlines until the thread ends
LONGEST = 86400.0  # seconds of sleep: a deadline may be further away than the platform's clocks reach


class Plan:
    """The schedule of one cache or store, which calls it with the time of its next visit (microseconds, monotonic clock).

    A visit calls `_expire(slice_us)` of the owner, which returns the time of the next visit, 0 for immediately, None for none.
    """

    __slots__ = ("at", "owner")

    def __init__(self, owner: Any) -> None:
        self.owner = weakref.ref(owner)
        self.at: int | None = None

    def __call__(self, at: int) -> None:
        JANITOR.plan(at, self)


class Janitor:
    def __init__(self) -> None:
        self.queue: SimpleQueue[tuple[int, Plan] | None] = SimpleQueue()
        self.visits: list[tuple[int, int, Plan]] = []
        self.number = itertools.count()
        self.started = False
        self.ended = _thread.allocate_lock()  # held while the latest thread runs
        self.ident = 0

    def plan(self, at: int, plan: Plan) -> None:
        self.queue.put((at, plan))
        if not self.started:
            self.start()

    def start(self) -> None:
        self.started = True
        self.ended = _thread.allocate_lock()
        self.ended.acquire()
        try:
            _thread.start_new_thread(self.run, (self.ended,))
        except RuntimeError:  # no more threads, or shutdown: expired entries are removed on access
            self.started = False

    def run(self, ended: _thread.LockType) -> None:
        self.ident = _thread.get_ident()
        try:
            self.work()
        finally:
            ended.release()

    def work(self) -> None:
        visits = self.visits
        while True:
            try:
                item = self.queue.get(timeout=min(max(0.0, (visits[0][0] - now_us()) / 1e6), LONGEST) if visits else IDLE)
            except Empty:
                if not visits:
                    if self.may_end():
                        return
                    continue
                at, _, plan = heapq.heappop(visits)
                if plan.at != at:
                    continue  # it was rescheduled
                plan.at = None
                item = self.visit(plan)
            else:
                if item is None:
                    return
            if item is not None:
                at, plan = item
                if plan.at is None or at < plan.at:
                    plan.at = at
                    heapq.heappush(visits, (at, next(self.number), plan))
            del item

    def may_end(self) -> bool:
        """There are no deadlines. A plan after `started` is cleared starts a new thread; one made just before is in the queue."""
        self.started = False
        if self.queue.empty() or self.started:
            return True
        self.started = True
        return False

    def visit(self, plan: Plan) -> tuple[int, Plan] | None:
        """Work for one slice. Returns the next visit, or None."""
        owner = plan.owner()
        if owner is None:
            return None
        at = owner._expire(SLICE_US)
        if at is None:
            return None
        if at == 0:
            del owner
            time.sleep(SLICE_US / 1e6)  # let other threads run
            at = now_us()
        return at, plan

    def stop(self) -> None:
        self.queue.put(None)

    def pause(self) -> None:
        """Before a fork: stop the thread, so that the child finds no lock held. `resume` continues in the parent.

        Python 3.12 and later look for threads afterwards, and may emit their DeprecationWarning about forks.
        """
        if self.started and self.ident != _thread.get_ident():
            self.stop()
            if self.ended.acquire(timeout=1.0):  # no longer, in case a callback blocks it
                self.started = False

    def resume(self) -> None:
        if not self.started and (self.visits or not self.queue.empty()):
            self.start()


def now_us() -> int:
    return time.monotonic_ns() // 1000


JANITOR = Janitor()
_LIVE: dict[int, weakref.ref[Any]] = {}


def enroll(cache: Any) -> None:
    """Make `live` list the cache while it exists."""
    number = id(cache)
    _LIVE[number] = weakref.ref(cache, lambda ref: _LIVE.pop(number, None) if _LIVE.get(number) is ref else None)


def live() -> list[Any]:
    return [cache for cache in [ref() for ref in list(_LIVE.values())] if cache is not None]


def _after_fork() -> None:
    JANITOR.__init__()  # type: ignore[misc]
    for cache in live():
        cache._planner.at = None
        cache._forget_plan()
        cache.__dict__.pop("_loading", None)  # its loaders are threads of the parent process


atexit.register(lambda: JANITOR.stop())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: JANITOR.pause(), after_in_parent=lambda: JANITOR.resume(), after_in_child=_after_fork)
