"""Waiting for loads in progress, and detection of deadlocks among them.

A `Flight` (kvd.doors.flight) is one load in progress. It belongs to the thread or task that opened it; others wait for its
outcome. A loader may load other keys, of this or another cache, so loads can wait for each other in a cycle:

    thread 1   loads a, its loader asks for b
    thread 2   loads b, its loader asks for a

Before a thread or task waits, `would_hang` follows the edges of the wait-for graph. If the wait would close a cycle, the caller
does not wait and calls its own loader instead. The edges are:

    waits      flight -> flights that its loader opened or waits for. A context variable identifies the flight of the current
               loader, so tasks created by a loader (gather) and asyncio.to_thread belong to it
    BLOCKED    sleeping thread -> the flight it waits for. All flights of that thread and of its event loop are blocked with it

The graph is updated without a lock, because a finalizer can run at any allocation and may load a key itself. Edges are added
before the graph is read, so of two waits that close a cycle at least one detects it. If both do, both load: one call too many.
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
    os.register_at_fork(after_in_child=BLOCKED.clear)  # these threads do not exist in the child process


def wait(flight: Flight) -> bool:
    """Block the thread until the flight has landed. Returns False immediately if that would be a deadlock."""
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
    """Whether the current context runs inside a loader of this key."""
    flight = running()
    while flight is not None:
        if flight.loading is loading and not flight.landed and (flight.key is key or flight.key == key):
            return True
        flight = flight.parent
    return False


def would_hang(flight: Flight, waiter: Flight | None, thread: int | None) -> bool:
    """Whether `flight` depends on `waiter`, or on a flight of `thread`, which are about to wait for it."""
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
