"""Loading of missing keys: one load per key for any number of concurrent callers.

The first caller that misses a key opens a flight (kvd.doors.flight) and calls the loader; other callers wait for its
outcome. If the loader is cancelled or interrupted, one of them loads instead. `begin` returns a flight that has either landed
(its outcome is the result) or has to be finished by the caller. The caller calls the loader itself, which keeps the stack
short for loaders that load other keys.

Flights are stored in a dictionary that only `setdefault` adds to, and from which only its owner removes a flight. No lock is held
while user code runs, such as the comparison of keys.
"""

from __future__ import annotations

import inspect
import math
import random
import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any

from kvd.caching.errors import copied
from kvd.caching.flights import asks_for_itself, wait, wait_async
from kvd.doors.cache import UNSET
from kvd.doors.cache import Cache as Plain
from kvd.doors.flight import Flight, running
from kvd.doors.spans import number_of, seconds_of

if TYPE_CHECKING:
    from kvd.caching import Cache

Span = float | timedelta  # seconds, or a timedelta

RETRY = 1.0  # seconds until a failed refresh is retried
ERRORS = 1024  # maximum number of remembered exceptions per cache


@dataclass(slots=True)
class LoadOptions:
    """How a loaded value is stored; see Cache.get_or_set. Raises TypeError or ValueError for an invalid time."""

    ttl: Any = UNSET
    tti: Any = UNSET
    tags: Any = None
    weight: int | None = None
    refresh_after: Any = None
    stale_ttl: Any = None
    early: float = 0.0
    error_ttl: Any = None
    cache_none: bool = True
    condition: Callable[[Any], bool] | None = None

    def __post_init__(self) -> None:
        if self.ttl is not UNSET and not callable(self.ttl):
            self.ttl = seconds_of("ttl", self.ttl)
        if self.tti is not UNSET:
            self.tti = seconds_of("tti", self.tti)
        if self.tags is not None:
            self.tags = (self.tags,) if isinstance(self.tags, str) else tuple(self.tags)
        if self.refresh_after is not None:
            self.refresh_after = seconds_of("refresh_after", self.refresh_after, positive=False)
        if self.stale_ttl is not None:
            self.stale_ttl = seconds_of("stale_ttl", self.stale_ttl, positive=False)
        if self.error_ttl is not None:
            self.error_ttl = seconds_of("error_ttl", self.error_ttl, positive=False)

    @property
    def goes_stale(self) -> bool:
        return self.refresh_after is not None or self.stale_ttl is not None or self.early > 0


class Loading:
    """The loading part of a `Cache`, created on first use. It holds only a weak reference to the cache."""

    def __init__(self, cache: Cache[Any, Any]) -> None:
        self._cache = weakref.ref(cache)
        self.flights: dict[Hashable, Flight] = {}
        self.errors: Plain[Hashable, BaseException] | None = None
        self.tasks: set[Any] = set()
        self.loads = self.failures = 0
        self.seconds = 0.0

    @property
    def cache(self) -> Cache[Any, Any]:
        cache = self._cache()
        assert cache is not None, "callers hold a reference to the cache"
        return cache

    # ---- flights ---------------------------------------------------------------------------------

    def board(self, flight: Flight) -> Flight:
        """Register the flight, and return the key's flight: this one, or the one in progress."""
        first = self.flights.setdefault(flight.key, flight)
        if first.landed:  # it could not be removed, because __eq__ of a key raised
            self.flights[flight.key] = first = flight
        return first

    def open(self, flight: Flight) -> Flight:
        """Open a registered flight. It lands at once if the value was stored in the meantime."""
        flight.open()
        try:
            found = self.cache.peek(flight.key, UNSET)
        except BaseException:
            flight.land("abandoned")
            raise
        if found is not UNSET:
            flight.land("value", found)
        return flight

    def begin(self, key: Hashable, options: LoadOptions) -> Flight:
        """Return a flight for a missing key. If it has not landed, the caller loads and calls its `finish` or `fail`."""
        while True:
            self.raise_remembered(key)
            flight = Flight(self, key, options, running())
            first = self.board(flight)
            if first is flight:
                return self.open(flight)
            if asks_for_itself(self, key) or first.thread == flight.thread and not first.tasked:
                raise RuntimeError(f"the loader of {key!r} asks for {key!r}")
            if not wait(first):
                flight.open()
                return flight  # unregistered, so no other caller waits for it
            if first.landed != "abandoned":
                return first

    async def begin_async(self, key: Hashable, options: LoadOptions) -> Flight:
        """As begin, for a task."""
        while True:
            self.raise_remembered(key)
            flight = Flight(self, key, options, running(), tasked=True)
            first = self.board(flight)
            if first is flight:
                return self.open(flight)
            if asks_for_itself(self, key):
                raise RuntimeError(f"the loader of {key!r} asks for {key!r}")
            if not await wait_async(first):
                flight.open()
                return flight
            if first.landed != "abandoned":
                return first

    # ---- outcomes --------------------------------------------------------------------------------

    def loaded(self, flight: Flight, value: Any, seconds: float) -> None:
        error = single_use(flight.key, value)
        if error is not None:
            flight.fail(error)
            raise error
        self.loads += 1
        self.seconds += seconds
        self.keep(flight.key, value, seconds, flight.options)

    def failed(self, flight: Flight, error: BaseException) -> None:
        self.failures += 1
        flight.error = copied(error)
        if flight.options.error_ttl:
            self.remember_error(flight)

    def keep(self, key: Hashable, value: Any, seconds: float, options: LoadOptions) -> None:
        """Store a loaded value, subject to cache_none, condition and ttl."""
        if value is None and not options.cache_none or options.condition is not None and not options.condition(value):
            return
        ttl = options.ttl
        if callable(ttl):
            ttl = number_of("ttl", ttl(value))
            if ttl is not None and ttl <= 0:
                return
        if not options.goes_stale:
            self.cache.set(key, value, ttl, tti=options.tti, weight=options.weight, tags=options.tags)
            return
        whole = seconds_of("ttl", self.cache._options["ttl"]) if ttl is UNSET else ttl
        soft = options.refresh_after if options.refresh_after is not None else whole
        hard = whole + (options.stale_ttl or 0.0) if whole is not None else None
        if options.early and soft is not None:
            soft = max(0.0, soft + seconds * options.early * math.log(1.0 - random.random()))
        self.cache.set(key, value, hard, tti=options.tti, weight=options.weight, tags=options.tags)
        if soft is not None:
            self.cache._stale_after(key, soft)

    # ---- remembered exceptions -------------------------------------------------------------------

    def remember_error(self, flight: Flight) -> None:
        from kvd import janitor

        if self.errors is None:
            self.errors = Plain(ERRORS, clock=self.cache._options["clock"])
            self.errors._planner = janitor.Plan(self.errors)
        assert flight.error is not None
        self.errors.set(flight.key, flight.error, flight.options.error_ttl, tags=flight.options.tags)

    def raise_remembered(self, key: Hashable) -> None:
        if self.errors is not None:
            error = self.errors.get(key)
            if error is not None:
                raise self.again(error)

    @staticmethod
    def again(error: BaseException) -> BaseException:
        """A copy of a stored exception, to be raised."""
        return copied(error).with_traceback(None)

    def forget(self, key: Hashable) -> None:
        if self.errors is not None:
            self.errors.delete(key)

    # ---- one key ---------------------------------------------------------------------------------

    def load(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> Any:
        """Return the value of a missing key; see Cache.get_or_set."""
        flight = self.begin(key, options)
        if flight.landed:
            return flight.outcome()
        try:
            value = factory()
        except BaseException as error:
            flight.fail(error)
            raise
        flight.finish(value)
        return value

    async def load_async(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> Any:
        """As load, for a task; an awaitable result of the factory is awaited."""
        flight = await self.begin_async(key, options)
        if flight.landed:
            return flight.outcome()
        try:
            value = factory()
            if can_be_awaited(value):
                value = await value
        except BaseException as error:
            flight.fail(error)
            raise
        flight.finish(value)
        return value

    # ---- refreshing ------------------------------------------------------------------------------

    def refresh(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> None:
        """Reload a stale key in a new thread, unless a load is in progress."""
        flight = Flight(self, key, without_errors(options))
        flight.thread = 0  # it has none yet
        if self.board(flight) is not flight:
            return
        cache = self.cache

        def run() -> None:
            flight.thread = threading.get_ident()
            flight.open()
            try:
                value = factory()
            except BaseException as error:
                cache._stale_after(key, options.error_ttl or RETRY)
                flight.fail(error)
                return
            flight.finish(value)

        try:
            threading.Thread(target=run, name="kvd-refresh", daemon=True).start()
        except RuntimeError:  # no more threads
            flight.land("abandoned")

    def refresh_async(self, key: Hashable, factory: Callable[[], Any], options: LoadOptions) -> None:
        """As refresh, in a new task."""
        import asyncio

        flight = Flight(self, key, without_errors(options), tasked=True)
        if self.board(flight) is not flight:
            return
        cache = self.cache

        async def run() -> None:
            flight.open()
            try:
                value = factory()
                if can_be_awaited(value):
                    value = await value
            except BaseException as error:
                cache._stale_after(key, options.error_ttl or RETRY)
                flight.fail(error)
                if not isinstance(error, Exception):
                    raise
                return
            flight.finish(value)

        task = asyncio.get_running_loop().create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        # a task that is cancelled before its first step never runs; its flight must land nevertheless
        task.add_done_callback(lambda _: None if flight.landed else flight.land("abandoned"))

    # ---- several keys ----------------------------------------------------------------------------

    def load_many(
        self, keys: Iterable[Hashable], loader: Callable[[list[Any]], Mapping[Any, Any]], options: LoadOptions
    ) -> dict[Any, Any]:
        """Load missing keys with one call of the loader, and one more call for keys whose load in another thread was abandoned."""
        values: dict[Any, Any] = {}
        wanted = list(dict.fromkeys(keys))
        while wanted:
            mine, others = self.begin_many(wanted, options)
            values.update(self.load_mine(mine, loader))
            wanted, beside = [], []
            for flight, first in others:
                if asks_for_itself(self, flight.key) or first.thread == flight.thread and not first.tasked:
                    raise RuntimeError(f"the loader of {flight.key!r} asks for {flight.key!r}")
                if not wait(first):
                    beside.append(flight)
                elif first.landed == "abandoned":
                    wanted.append(flight.key)
                else:
                    values[flight.key] = first.outcome()
            values.update(self.load_mine(opened(beside), loader))
        return values

    def begin_many(self, keys: list[Hashable], options: LoadOptions) -> tuple[list[Flight], list[tuple[Flight, Flight]]]:
        """Return the opened flights, each the parent of the next, and pairs of an unused flight and the one in progress."""
        mine: list[Flight] = []
        others: list[tuple[Flight, Flight]] = []
        try:
            for key in keys:
                self.raise_remembered(key)
                flight = Flight(self, key, options, running())
                first = self.board(flight)
                if first is flight:
                    mine.append(flight)
                    self.open(flight)
                else:
                    others.append((flight, first))
        except BaseException:
            for flight in mine:
                if not flight.landed:
                    flight.land("abandoned")
            raise
        return mine, others

    def load_mine(self, flights: list[Flight], loader: Callable[[list[Any]], Mapping[Any, Any]]) -> dict[Any, Any]:
        """Call the loader once for all flights that have not landed. Keys that it does not return are abandoned."""
        values = {flight.key: flight.value for flight in flights if flight.landed == "value"}
        flights = [flight for flight in flights if not flight.landed]
        if not flights:
            return values
        begun = perf_counter()
        try:
            loaded = loader([flight.key for flight in flights])
            if (spent := single_use(flights[0].key, loaded)) is not None:
                raise spent
        except BaseException as error:
            for flight in flights:
                flight.fail(error)
            raise
        seconds = (perf_counter() - begun) / len(flights)
        try:
            for flight in flights:
                if flight.key in loaded:
                    values[flight.key] = loaded[flight.key]
                    flight.finish(loaded[flight.key], seconds)
        finally:
            for flight in flights:
                if not flight.landed:
                    flight.land("abandoned")
        return values


def opened(flights: list[Flight]) -> list[Flight]:
    """Open unregistered flights, each the parent of the next."""
    for flight in flights:
        flight.parent = running()
        flight.open()
    return flights


def without_errors(options: LoadOptions) -> LoadOptions:
    """Options of a refresh: if it fails, the stale value remains and the exception is not remembered."""
    return replace(options, error_ttl=None)


def single_use(key: Hashable, value: Any) -> TypeError | None:
    """The error for a coroutine or generator, which can be used only once; None for other values."""
    kind = type(value)
    if not (hasattr(kind, "throw") or hasattr(kind, "athrow")):
        return None
    if inspect.iscoroutine(value):
        value.close()
    return TypeError(
        f"the loader of {key!r} returned a {kind.__name__}, which can be used only once;"
        " coroutine functions need get_or_set_async or an async function under @cached"
    )


def can_be_awaited(value: Any) -> bool:
    return isinstance(value, Awaitable) or inspect.isawaitable(value)
