"""Loading what is missing: once for each key, however many ask.

A `Flight` is one load under way. Whoever finds a key missing and no flight for it becomes its loader; all others,
threads and tasks of any event loop, wait for its outcome. A loader that is cancelled or interrupted has no outcome:
one of those who wait takes over. Flights are found in a dictionary under one small lock of the cache, which is never
held while anything of the user's runs.
"""

from __future__ import annotations

import inspect
import math
import random
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvd.doors.cache import UNSET

if TYPE_CHECKING:
    from kvd.caching import Cache

RETRY = 1.0  # seconds until a refresh that failed is tried again


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a load is stored. See Cache.get_or_set."""

    ttl: Any = UNSET
    tti: Any = UNSET
    tags: Any = None
    weight: int | None = None
    refresh_after: float | None = None
    stale_ttl: float | None = None
    early: float = 0.0
    error_ttl: float | None = None
    cache_none: bool = True
    condition: Callable[[Any], bool] | None = None

    @property
    def goes_stale(self) -> bool:
        return self.refresh_after is not None or self.stale_ttl is not None or self.early > 0


class Flight:
    """One load under way, and those who wait for it."""

    __slots__ = ("callbacks", "error", "landed", "owner", "task", "value")

    def __init__(self, task: object = None) -> None:
        self.owner = threading.get_ident()
        self.task = task
        self.landed: str | None = None  # "value", "error" or "abandoned"
        self.value: Any = None
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[], object]] = []

    def wait(self, lock: threading.Lock) -> None:
        """Block until it has landed."""
        event = threading.Event()
        with lock:
            if self.landed:
                return
            self.callbacks.append(event.set)
        event.wait()

    async def wait_async(self, lock: threading.Lock) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(settle)
            except RuntimeError:  # that loop is closed: nobody waits any more
                pass

        with lock:
            if self.landed:
                return
            self.callbacks.append(wake)
        await future

    def outcome(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


def is_outcome(error: BaseException) -> bool:
    """Whether an exception says something about the key, not about whoever happened to load it."""
    import sys

    asyncio = sys.modules.get("asyncio")
    return isinstance(error, Exception) and not (asyncio and isinstance(error, asyncio.CancelledError))


class Loading:
    """The part of `Cache` that loads. One for each cache, made when first needed; it does not keep the cache alive."""

    def __init__(self, cache: Cache[Any, Any]) -> None:
        self._cache = weakref.ref(cache)
        self.lock = threading.Lock()
        self.flights: dict[Hashable, Flight] = {}
        self.errors: Any = None
        self.tasks: set[Any] = set()
        self.loads = self.failures = 0
        self.seconds = 0.0

    @property
    def cache(self) -> Cache[Any, Any]:
        cache = self._cache()
        assert cache is not None, "whoever loads holds the cache"
        return cache

    # ---- flights ---------------------------------------------------------------------------------

    def board(self, key: Hashable, task: object = None) -> tuple[Flight, bool]:
        """The key's flight, and whether it was opened by this call."""
        fresh = Flight(task)
        with self.lock:
            flight = self.flights.setdefault(key, fresh)
        return flight, flight is fresh

    def land(self, key: Hashable, flight: Flight, how: str) -> None:
        with self.lock:
            flight.landed = how
            if self.flights.get(key) is flight:
                del self.flights[key]
            callbacks, flight.callbacks = flight.callbacks, []
        for wake in callbacks:
            wake()

    def fail(self, key: Hashable, flight: Flight, error: BaseException, options: LoadOptions) -> None:
        if not is_outcome(error):
            self.land(key, flight, "abandoned")
            return
        self.failures += 1
        if options.error_ttl:
            self.remember_error(key, error, options.error_ttl)
        flight.error = error
        self.land(key, flight, "error")

    def finish(self, key: Hashable, flight: Flight, value: Any, seconds: float, options: LoadOptions) -> None:
        self.loads += 1
        self.seconds += seconds
        try:
            self.keep(key, value, seconds, options)
        finally:
            flight.value = value
            self.land(key, flight, "value")

    def keep(self, key: Hashable, value: Any, seconds: float, options: LoadOptions) -> None:
        """Store what was loaded, if it is to be stored."""
        if value is None and not options.cache_none or options.condition is not None and not options.condition(value):
            return
        ttl = options.ttl(value) if callable(options.ttl) else options.ttl
        if not options.goes_stale:
            self.cache.set(key, value, ttl, tti=options.tti, weight=options.weight, tags=options.tags)
            return
        whole = self.cache._options["ttl"] if ttl is UNSET else ttl
        soft = options.refresh_after if options.refresh_after is not None else whole
        hard = whole + (options.stale_ttl or 0.0) if whole is not None else None
        if options.early and soft is not None:
            soft = max(0.0, soft + seconds * options.early * math.log(1.0 - random.random()))
        self.cache.set(key, value, hard, tti=options.tti, weight=options.weight, tags=options.tags)
        if soft is not None:
            self.cache._stale_after(key, soft)

    # ---- errors that are remembered --------------------------------------------------------------

    def remember_error(self, key: Hashable, error: BaseException, ttl: float) -> None:
        from kvd.doors.cache import Cache as Plain

        if self.errors is None:
            self.errors = Plain(1024, clock=self.cache._options["clock"])
        self.errors.set(key, error, ttl)

    def raise_remembered(self, key: Hashable) -> None:
        if self.errors is not None:
            error = self.errors.get(key)
            if error is not None:
                raise error

    def forget(self, key: Hashable) -> None:
        if self.errors is not None:
            self.errors.delete(key)

    # ---- threads ---------------------------------------------------------------------------------

    def load(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> Any:
        """The value of a key that is missing."""
        while True:
            self.raise_remembered(key)
            flight, mine = self.board(key)
            if mine:
                return self.fly(key, flight, factory, options)
            if flight.owner == threading.get_ident():
                # the load under way waits for this call, or is a task of this thread's event loop: to wait is to hang
                if flight.task is None:
                    raise RuntimeError(f"loading {key!r} asks for {key!r}")
                return factory()
            flight.wait(self.lock)
            if flight.landed != "abandoned":
                return flight.outcome()
            found = self.cache._fetch_fresh(key)
            if found is not None:
                return found[0]

    def fly(self, key: Hashable, flight: Flight, factory: Callable[[], Any], options: LoadOptions) -> Any:
        try:
            found = self.cache.peek(key, UNSET)
            if found is not UNSET:  # another flight landed between our look and ours
                flight.value = found
                self.land(key, flight, "value")
                return found
            begun = time.perf_counter()
            value = factory()
        except BaseException as error:
            self.fail(key, flight, error, options)
            raise
        self.finish(key, flight, value, time.perf_counter() - begun, options)
        return value

    def refresh(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> None:
        """Load a stale key again, in the background, unless that is under way."""
        flight, mine = self.board(key)
        if not mine:
            return
        cache = self.cache

        def run() -> None:
            flight.owner = threading.get_ident()
            begun = time.perf_counter()
            try:
                value = factory()
            except BaseException as error:
                cache._stale_after(key, options.error_ttl or RETRY)
                self.fail(key, flight, error, options_without_errors(options))
                return
            self.finish(key, flight, value, time.perf_counter() - begun, options)

        try:
            threading.Thread(target=run, name="kvd-refresh", daemon=True).start()
        except RuntimeError:
            self.land(key, flight, "abandoned")

    # ---- tasks -----------------------------------------------------------------------------------

    async def load_async(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> Any:
        import asyncio

        task = asyncio.current_task()
        while True:
            self.raise_remembered(key)
            flight, mine = self.board(key, task)
            if mine:
                return await self.fly_async(key, flight, factory, options)
            if flight.task is task and task is not None:
                raise RuntimeError(f"loading {key!r} asks for {key!r}")
            await flight.wait_async(self.lock)
            if flight.landed != "abandoned":
                return flight.outcome()
            found = self.cache._fetch_fresh(key)
            if found is not None:
                return found[0]

    async def fly_async(self, key: Hashable, flight: Flight, factory: Callable[[], Any], options: LoadOptions) -> Any:
        try:
            found = self.cache.peek(key, UNSET)
            if found is not UNSET:
                flight.value = found
                self.land(key, flight, "value")
                return found
            begun = time.perf_counter()
            value = await finished(factory())
        except BaseException as error:
            self.fail(key, flight, error, options)
            raise
        self.finish(key, flight, value, time.perf_counter() - begun, options)
        return value

    def refresh_async(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> None:
        import asyncio

        flight, mine = self.board(key, object())
        if not mine:
            return
        cache = self.cache

        async def run() -> None:
            begun = time.perf_counter()
            try:
                value = await finished(factory())
            except BaseException as error:
                cache._stale_after(key, options.error_ttl or RETRY)
                self.fail(key, flight, error, options_without_errors(options))
                if not is_outcome(error):
                    raise
                return
            self.finish(key, flight, value, time.perf_counter() - begun, options)

        task = asyncio.get_running_loop().create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        # a task that is cancelled before its first step never runs: its flight must land all the same
        task.add_done_callback(lambda _: None if flight.landed else self.land(key, flight, "abandoned"))

    # ---- several keys ----------------------------------------------------------------------------

    def load_many(
        self, keys: Iterable[Hashable], loader: Callable[[list[Any]], Mapping[Any, Any]], options: LoadOptions
    ) -> dict[Any, Any]:
        mine: dict[Hashable, Flight] = {}
        others: dict[Hashable, Flight] = {}
        for key in keys:
            if key in mine or key in others:
                continue
            flight, opened = self.board(key)
            (mine if opened else others)[key] = flight
        values: dict[Any, Any] = {}
        if mine:
            begun = time.perf_counter()
            try:
                loaded = loader(list(mine))
            except BaseException as error:
                for key, flight in mine.items():
                    self.fail(key, flight, error, options)
                raise
            seconds = (time.perf_counter() - begun) / len(mine)
            try:
                for key, flight in mine.items():
                    if key in loaded:
                        values[key] = loaded[key]
                        self.finish(key, flight, loaded[key], seconds, options)
            finally:
                for key, flight in mine.items():
                    if not flight.landed:
                        self.land(key, flight, "abandoned")
        for key, flight in others.items():
            if flight.owner != threading.get_ident():
                flight.wait(self.lock)
            if flight.landed == "value":
                values[key] = flight.value
            elif flight.landed == "error":
                raise flight.error or RuntimeError("a load failed")
            else:
                values.update(loader([key]))
        return values


def options_without_errors(options: LoadOptions) -> LoadOptions:
    """A refresh that failed leaves the stale value, which is better than the error."""
    from dataclasses import replace

    return replace(options, error_ttl=None)


async def finished(value: Any) -> Any:
    """A coroutine's result, or the value itself."""
    if isinstance(value, Awaitable) or inspect.isawaitable(value):
        return await value
    return value
