"""Waiting for loads under way, and which waits would never end.

A `Flight` (kvd.doors.flight) is one load. It belongs to the thread or task that opened it; others wait for its outcome. A
loader may itself load other keys, of this cache or of another one, so loads can wait for each other in a cycle:

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
from _thread import allocate_lock, get_ident
from collections.abc import Hashable
from typing import TYPE_CHECKING

from kvd.doors.flight import Flight, running

if TYPE_CHECKING:
    from kvd.caching.loading import Loading

BLOCKED: dict[int, Flight] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BLOCKED.clear)  # those threads do not exist in the child


def wait(flight: Flight) -> bool:
    """Block this thread until the flight has landed. False, at once: that would never happen."""
    me = get_ident()
    lock = allocate_lock()
    lock.acquire()
    flight.callbacks.append(lock.release)
    if flight.landed:
        return True
    before = BLOCKED.get(me)
    BLOCKED[me] = flight
    waiter = running()
    if waiter is not None:
        waiter.waits.append(flight)
    try:
        if would_hang(flight, waiter, me):
            return False
        lock.acquire()
    finally:
        if waiter is not None:
            waiter.waits.remove(flight)
        if before is None:
            del BLOCKED[me]
        else:
            BLOCKED[me] = before
    return True


async def wait_async(flight: Flight) -> bool:
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

    flight.callbacks.append(wake)
    if flight.landed:
        return True
    waiter = running()
    if waiter is None:
        await future
        return True
    waiter.waits.append(flight)
    try:
        if would_hang(flight, waiter, None):
            return False
        await future
    finally:
        waiter.waits.remove(flight)
    return True


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
