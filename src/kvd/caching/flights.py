"""Loads under way: who loads a key, who waits for it, and which waits would never end.

A `Flight` is one load. It belongs to the thread or task that opened it; others wait for its outcome. A load may itself
load other keys, of this cache or of another one, so loads can wait for each other in a cycle:

    thread 1   loads a, its loader asks for b
    thread 2   loads b, its loader asks for a

Before anything waits, `would_hang` follows what the flight waits for in turn; a wait that would close a cycle does not
happen, and the caller loads the key itself, beside the load under way. What it follows:

    waits      a flight -> the flights it opened or waits for. The flight of the running loader is found by a context
               variable, so tasks that a loader starts (gather) and asyncio.to_thread belong to it
    BLOCKED    a thread that sleeps -> the flight it sleeps for; all flights of that thread, and of its event loop, wait, too

There is no lock: a finalizer may run in the middle of anything and load something. Edges are added before the graph is
read, so of two waits that close a cycle together at least one sees it; if both do, both load, which costs a call.
"""

from __future__ import annotations

import os
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any

from kvd.caching.errors import copied

if TYPE_CHECKING:
    from kvd.caching.loading import Loading, LoadOptions

RUNNING: ContextVar[Flight | None] = ContextVar("kvd_flight", default=None)  # the load whose loader runs in this context
BLOCKED: dict[int, Flight] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BLOCKED.clear)  # those threads do not exist in the child


class Flight:
    """One load. `landed` is None until it ends, then "value", "error" or "abandoned" (no outcome: someone else may load)."""

    __slots__ = (
        "begun",
        "callbacks",
        "error",
        "key",
        "landed",
        "loading",
        "options",
        "parent",
        "tasked",
        "thread",
        "value",
        "waits",
    )

    def __init__(
        self, loading: Loading, key: Hashable, options: LoadOptions, parent: Flight | None = None, *, tasked: bool = False
    ) -> None:
        self.loading, self.key, self.options, self.parent = loading, key, options, parent
        self.tasked = tasked  # it belongs to a task, so its thread goes on to other work meanwhile
        self.thread = get_ident()
        self.landed: str | None = None
        self.value: Any = None
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[], object]] = []
        self.waits: list[Flight] = []
        self.begun = 0.0

    def open(self) -> None:
        """The loader runs from now on, in this context. Calls nothing of Python's: see Loading.begin."""
        if self.parent is not None:
            self.parent.waits.append(self)
        RUNNING.set(self)
        self.begun = perf_counter()

    def finish(self, value: Any, seconds: float | None = None) -> None:
        """The loader returned `value`: store it and hand it to those who wait.

        seconds: how long the load took; not given: since it was opened.
        """
        try:
            self.loading.loaded(self, value, perf_counter() - self.begun if seconds is None else seconds)
        finally:
            if not self.landed:
                self.land("value", value)

    def fail(self, error: BaseException) -> None:
        """The loader raised `error`. One that says nothing about the key (an interrupt, cancellation, a stack that was too
        deep) leaves the load to those who wait."""
        if not isinstance(error, Exception) or isinstance(error, RecursionError):
            self.land("abandoned")
            return
        try:
            self.error = copied(error)
            self.loading.failed(self)
        finally:
            self.land("abandoned" if self.error is None else "error")

    def land(self, how: str, value: Any = None) -> None:
        self.loading.close(self)
        self.value = value
        self.landed = how
        if self.parent is not None and self in self.parent.waits:
            self.parent.waits.remove(self)
        if RUNNING.get() is self:
            RUNNING.set(running())
        while self.callbacks:
            wake = self.callbacks.pop()
            try:
                wake()
            except RecursionError:  # the loader has used up the stack: another thread has room
                start_new_thread(wake, ())

    def outcome(self) -> Any:
        """The value, or the error raised, of a flight that has landed with one of them."""
        if self.error is not None:
            raise copied(self.error).with_traceback(None)
        return self.value

    def wait(self) -> bool:
        """Block this thread until it has landed. False, at once: that would never happen."""
        me = get_ident()
        lock = allocate_lock()
        lock.acquire()
        self.callbacks.append(lock.release)
        if self.landed:
            return True
        before = BLOCKED.get(me)
        BLOCKED[me] = self
        parent = running()
        if parent is not None:
            parent.waits.append(self)
        try:
            if would_hang(self, parent, me):
                return False
            lock.acquire()
        finally:
            if parent is not None:
                parent.waits.remove(self)
            if before is None:
                del BLOCKED[me]
            else:
                BLOCKED[me] = before
        return True

    async def wait_async(self) -> bool:
        """As wait, for a task."""
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(settle)
            except RuntimeError:  # that loop is closed
                pass

        self.callbacks.append(wake)
        if self.landed:
            return True
        parent = running()
        if parent is None:
            await future
            return True
        parent.waits.append(self)
        try:
            if would_hang(self, parent, None):
                return False
            await future
        finally:
            parent.waits.remove(self)
        return True


def landed_with(value: Any) -> Flight:
    """A flight that is over already, for callers that expect one."""
    flight = Flight.__new__(Flight)
    flight.landed, flight.value, flight.error = "value", value, None
    return flight


def running() -> Flight | None:
    """The load whose loader runs in this context. A task that outlives the loader that started it belongs to the next one out."""
    flight = RUNNING.get()
    while flight is not None and flight.landed:
        flight = flight.parent
    return flight


def asks_for_itself(loading: Loading, key: Hashable) -> bool:
    """Whether a loader of this key runs in this context, whichever flight it belongs to."""
    flight = running()
    while flight is not None:
        if flight.loading is loading and not flight.landed and (flight.key is key or flight.key == key):
            return True
        flight = flight.parent
    return False


def would_hang(flight: Flight, waiter: Flight | None, thread: int | None) -> bool:
    """Whether `flight` cannot land while `waiter`, or the whole of `thread`, waits for it."""
    seen: set[int] = set()
    pending = [flight]
    while pending:
        f = pending.pop()
        if f.landed or id(f) in seen:
            continue
        if f is waiter or f.thread == thread:
            return True
        seen.add(id(f))
        pending += f.waits
        asleep = BLOCKED.get(f.thread)
        if asleep is not None:
            pending.append(asleep)
    return False
