"""@cached: caching of function results.

The compiled `Memo` (kvd.doors.memo) computes keys and returns hits. `Plan` holds the options of one function. `CachedFunction` and
`AsyncCachedFunction` are the callables; `BoundCall` is a cached method accessed through an instance.
"""

from __future__ import annotations

import copy
import functools
import inspect
import weakref
from collections.abc import Callable, Collection, Hashable
from dataclasses import replace
from functools import _CacheInfo as CacheInfo
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from kvd.caching import Cache
from kvd.caching.loading import LoadOptions, Span, single_use
from kvd.doors.cache import UNSET
from kvd.doors.flight import Flight, landed_with
from kvd.doors.memo import Memo, Owner, give_call

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")

MAXSIZE = 1024


class Plan:
    """How calls of `function` are cached: cache, keys, options, and the entries of each instance."""

    def __init__(
        self,
        function: Callable[..., Any],
        make_cache: Callable[[], Cache[Any, Any]],
        options: LoadOptions,
        *,
        key: Callable[..., Hashable] | None,
        typed: bool,
        ignore: Collection[str],
        per_instance: bool,
        shared: bool,
        single_flight: bool,
    ) -> None:
        self.function, self.make_cache, self.typed = function, make_cache, typed
        self.per_instance, self.single_flight = per_instance, single_flight
        self.cache = make_cache()
        self.owner = object() if shared else None  # distinguishes this function's entries in a shared cache
        self.options = options if self.owner is None else tagged(options, self.owner)
        self.own_key = key if key is not None else ignoring(function, ignore) if ignore else None

    def equip(self, memo: Memo) -> None:
        """Set the Python callbacks of the compiled part."""
        memo.adopt = lambda instance: self.adopt(memo, instance)
        if self.own_key is not None or self.owner is not None:
            memo.key_of = lambda args, kwargs: self.key_of(memo, args, kwargs)

    def key_of(self, memo: Memo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        if self.own_key is not None:
            key = self.own_key(*args, **kwargs)
        else:
            key = (args[1:] if memo.owners is not None else args, tuple(kwargs.items()))
            if self.typed:
                key = (key, tuple(map(type, (*args, *kwargs.values()))))
        return key if self.owner is None else (self.owner, key)

    def adopt(self, memo: Memo, instance: Any) -> Owner:
        owners, address = memo.owners, id(instance)
        cache = self.cache

        def died(ref: weakref.ref[Any]) -> None:
            owner = owners.pop(address, None)
            if owner is not None and owner.cache is None:
                cache.invalidate_tag(owner.token)

        try:
            ref = weakref.ref(instance, died)
        except TypeError:
            return Owner(None, instance)
        owner = Owner(ref, None, self.make_cache()) if self.per_instance else Owner(ref, object())
        owners[address] = owner
        return owner

    def options_for(self, owner: Owner | None) -> LoadOptions:
        """The options for an instance: its entries have its token as a tag, and are removed with the instance."""
        if owner is None or owner.cache is not None:
            return self.options
        if owner.options is None:
            owner.options = tagged(self.options, owner.token)
        return owner.options


def tagged(options: LoadOptions, tag: Hashable) -> LoadOptions:
    return replace(options, tags=(tag, *tags_in(options.tags)))


def tags_in(tags: Any) -> tuple[Any, ...]:
    return () if tags is None else (tags,) if isinstance(tags, str) else tuple(tags)


def ignoring(function: Callable[..., Any], ignore: Collection[str]) -> Callable[..., Hashable]:
    """Return a key function that omits these parameters and does not depend on how arguments are passed."""
    signature = inspect.signature(function)
    unknown = set(ignore) - set(signature.parameters)
    if unknown:
        raise ValueError(f"{function.__qualname__} has no parameter {', '.join(sorted(unknown))}")

    def key(*args: Any, **kwargs: Any) -> Hashable:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parts: list[Any] = []
        for name, value in bound.arguments.items():
            if name not in ignore and name not in ("self", "cls"):
                parts += [
                    name,
                    tuple(sorted(value.items())) if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD else value,
                ]
        return tuple(parts)

    return key


class _Controls(Generic[P, R]):
    """Methods of cached functions besides calls."""

    plan: Plan
    memo: Memo

    def caches(self) -> list[Cache[Any, Any]]:
        """Return the caches of the results: one, or one per instance."""
        if self.plan.per_instance and self.memo.owners is not None:
            return [owner.cache for owner in list(self.memo.owners.values())]
        return [self.plan.cache]

    def cache_info(self) -> CacheInfo:
        """Return (hits, misses, maxsize, currsize), as functools."""
        stats = [cache.stats() for cache in self.caches()]
        return CacheInfo(
            sum(s.hits for s in stats), sum(s.misses for s in stats), self.plan.cache.maxsize, sum(s.size for s in stats)
        )

    def cache_parameters(self) -> dict[str, Any]:
        """Return {"maxsize": ..., "typed": ...}, as functools."""
        return {"maxsize": self.plan.cache.maxsize, "typed": self.plan.typed}

    def cache_clear(self) -> None:
        """Remove all results and, unless the cache is shared, reset the statistics."""
        if self.plan.owner is not None:
            self.plan.cache.invalidate_tag(self.plan.owner)
            return
        for cache in self.caches():
            cache.clear()
            cache.reset_stats()

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> Hashable:
        """Return the key of the result of this call."""
        return self.memo.place(args, kwargs)[1]

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Remove the result of this call. Returns whether there was one."""
        cache, key, _ = self.memo.place(args, kwargs)
        cache.loading.forget(key)
        return cache.delete(key)

    def _keep(self, args: Any, kwargs: Any, value: Any) -> None:
        cache, key, owner = self.memo.place(args, kwargs)
        if (spent := single_use(key, value)) is not None:
            raise spent
        cache.loading.forget(key)
        cache.loading.keep(key, value, 0.0, self.plan.options_for(owner))

    def __set_name__(self, owner: type, name: str) -> None:
        """Called when the function is an attribute of a class: its first argument is the instance."""
        self.memo.become_method()

    def __reduce__(self) -> str:
        """Pickle by name, as functions do; a copy is the function itself."""
        return self.__qualname__  # type: ignore[attr-defined]

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class CachedFunction(_Controls[P, R], Memo):
    """A function with a cache: the function is called once for the same arguments."""

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.function, plan.cache, typed=plan.typed)
        functools.update_wrapper(self, plan.function)
        self.plan = plan
        self.watched = plan.options.goes_stale
        plan.equip(self)
        if plan.single_flight:
            self.missed = self._missed

    @property
    def memo(self) -> Memo:  # type: ignore[override]
        return self

    def _missed(self, cache: Any, key: Hashable, owner: Owner | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Flight:
        found = cache._fetch_fresh(key) if self.watched else None
        options = self.plan.options_for(owner)
        if found is None:
            return cache.loading.begin(key, options)
        if found[1]:
            cache.loading.refresh(key, functools.partial(self.plan.function, *args, **kwargs), options)
        return landed_with(found[0])

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function and store its result."""
        value = self.plan.function(*args, **kwargs)
        self._keep(args, kwargs, value)
        return value

    def bypass(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function without using the cache."""
        return self.plan.function(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> CachedFunction[P, R]: ...
    @overload
    def __get__(self: CachedFunction[Concatenate[Any, Q], R], instance: object, owner: type | None = None) -> BoundCall[Q, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else BoundCall(self, instance)


give_call(CachedFunction)

if TYPE_CHECKING:

    class CachedClassFunction(CachedFunction[Concatenate[type[T], P], R], Generic[T, P, R]):
        """For type checkers: a cached function whose first parameter is a class, which @classmethod fills in."""

        def __call__(self, cls: type[T], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
        def __get__(self, instance: object, owner: type | None = None) -> BoundCall[P, R]: ...  # type: ignore[override]

    class Decorator(Protocol):
        """The result of cached(...)."""

        @overload
        def __call__(self, function: Callable[Concatenate[type[T], P], R], /) -> CachedClassFunction[T, P, R]: ...
        @overload
        def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


class AsyncCachedFunction(_Controls[P, R]):
    """A coroutine function with a cache. Concurrent calls with the same arguments run it once, in all event loops."""

    def __init__(self, plan: Plan) -> None:
        functools.update_wrapper(self, plan.function)
        self.plan = plan
        self.memo = Memo(plan.function, plan.cache, typed=plan.typed)  # computes the keys; never called
        plan.equip(self.memo)
        if hasattr(inspect, "markcoroutinefunction"):
            inspect.markcoroutinefunction(self)
        else:  # before 3.12, inspect looks for attributes of functions and asyncio for its own mark
            import asyncio.coroutines

            self._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
            function = inspect.unwrap(plan.function)
            while isinstance(function, functools.partial):
                function = function.func
            for name in ("__code__", "__defaults__", "__kwdefaults__", "__name__"):
                if hasattr(function, name):
                    setattr(self, name, getattr(function, name))

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        cache, key, owner = self.memo.place(args, kwargs)
        found = cache._fetch_fresh(key)
        if found is not None and not found[1]:
            return found[0]
        function, options = self.plan.function, self.plan.options_for(owner)
        if found is not None:
            cache.loading.refresh_async(key, functools.partial(function, *args, **kwargs), options)
            return found[0]
        flight = await cache.loading.begin_async(key, options)
        if flight.landed:
            return flight.outcome()
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            flight.fail(error)
            raise
        flight.finish(value)
        return value

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function and store its result."""
        value = await self.plan.function(*args, **kwargs)
        self._keep(args, kwargs, value)
        return value

    async def bypass(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function without using the cache."""
        return await self.plan.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else BoundCall(self, instance)


class BoundCall(Generic[P, R]):
    """A cached method bound to an instance. Its other methods are those of the function, with the instance filled in."""

    __slots__ = ("__self__", "__func__")

    def __init__(self, function: Any, instance: object) -> None:
        self.__func__, self.__self__ = function, instance

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.__func__(self.__self__, *args, **kwargs)

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> Hashable:
        return self.__func__.cache_key(self.__self__, *args, **kwargs)

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        return self.__func__.invalidate(self.__self__, *args, **kwargs)

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.__func__.refresh(self.__self__, *args, **kwargs)

    def bypass(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.__func__.bypass(self.__self__, *args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature of the function without the instance."""
        whole = inspect.signature(self.__func__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the instance and the name, as bound methods do."""
        return getattr, (self.__self__, self.__func__.__name__)

    def __copy__(self) -> BoundCall[P, R]:
        return BoundCall(self.__func__, self.__self__)

    def __deepcopy__(self, memo: dict[int, Any]) -> BoundCall[P, R]:
        return BoundCall(self.__func__, copy.deepcopy(self.__self__, memo))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundCall) and self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__func__), id(self.__self__)))

    def __repr__(self) -> str:
        return f"<cached method {self.__func__.__qualname__} of {self.__self__!r}>"


@overload
def cached(function: Callable[Concatenate[type[T], P], R], /) -> CachedClassFunction[T, P, R]: ...
@overload
def cached(function: Callable[P, R], /) -> CachedFunction[P, R]: ...
@overload
def cached(
    *,
    cache: Cache[Any, Any] | None = None,
    maxsize: int | None = MAXSIZE,
    ttl: Span | Callable[[Any], Span | None] | None = None,
    tti: Span | None = None,
    policy: str = "lru",
    key: Callable[..., Hashable] | None = None,
    typed: bool = False,
    ignore: Collection[str] = (),
    condition: Callable[[Any], bool] | None = None,
    cache_none: bool = True,
    refresh_after: Span | None = None,
    stale_ttl: Span | None = None,
    early: float = 0.0,
    error_ttl: Span | None = None,
    jitter: float = 0.0,
    tags: Any = None,
    per_instance: bool = False,
    single_flight: bool = True,
    clock: Callable[[], float] | None = None,
    name: str | None = None,
) -> Decorator: ...
def cached(
    function: Any = None,
    /,
    *,
    cache: Cache[Any, Any] | None = None,
    maxsize: int | None = MAXSIZE,
    ttl: Span | Callable[[Any], Span | None] | None = None,
    tti: Span | None = None,
    policy: str = "lru",
    key: Callable[..., Hashable] | None = None,
    typed: bool = False,
    ignore: Collection[str] = (),
    condition: Callable[[Any], bool] | None = None,
    cache_none: bool = True,
    refresh_after: Span | None = None,
    stale_ttl: Span | None = None,
    early: float = 0.0,
    error_ttl: Span | None = None,
    jitter: float = 0.0,
    tags: Any = None,
    per_instance: bool = False,
    single_flight: bool = True,
    clock: Callable[[], float] | None = None,
    name: str | None = None,
) -> Any:
    """Decorator that caches the results of a function by its arguments, which must be hashable. Parentheses are optional.

    Works for functions, coroutine functions, methods, classmethods, staticmethods and properties (below or above their
    decorator). Results of methods are stored per instance, without keeping instances alive.

    cache: the Cache for the results, which several functions may share. By default one is created with maxsize, ttl, tti,
        policy, jitter, clock and name.
    ttl: time to live, or a function of the result that returns one or None.
    key: key(*args, **kwargs) computes the key. ignore: names of parameters that are not part of the key.
    typed: 3 and 3.0 are different arguments.
    condition: condition(result) returns whether the result is stored. cache_none: whether None is stored.
    refresh_after, stale_ttl, early, error_ttl: as in Cache.get_or_set.
    tags: for Cache.invalidate_tag.
    per_instance: each instance has its own cache of maxsize entries.
    single_flight: concurrent calls with the same arguments call the function once; False saves about 2 us per miss.

    The decorated function has cache_info(), cache_parameters() and cache_clear(), as in functools, and invalidate(*args),
    refresh(*args), cache_key(*args) and bypass(*args). Raises TypeError for generator functions, and for a function that returns
    a coroutine or generator.

    >>> @cached(ttl=60)
    ... def square(x):
    ...     print("squaring", x)
    ...     return x * x
    >>> square(3)
    squaring 3
    9
    >>> square(3)
    9
    >>> square.invalidate(3)
    True
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, classmethod | staticmethod):
            return type(target)(decorate(target.__func__))
        if isinstance(target, property):
            get = decorate(target.fget)
            return property(get, target.fset, target.fdel, target.__doc__)
        if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
            raise TypeError(f"{target.__qualname__} is a generator function; a generator can be used only once")
        if not callable(target):
            raise TypeError(f"cached needs a function, not {type(target).__name__}")
        ttl_of_results = callable(ttl) or cache is not None and ttl is not None

        def make() -> Cache[Any, Any]:
            if cache is not None and not per_instance:
                return cache
            return Cache(
                maxsize, ttl=None if callable(ttl) else ttl, tti=tti, policy=policy, jitter=jitter, clock=clock, name=name
            )

        options = LoadOptions(
            ttl=ttl if ttl_of_results else UNSET, tti=UNSET if cache is None or tti is None else tti, tags=tags, refresh_after=refresh_after, stale_ttl=stale_ttl,
            early=early, error_ttl=error_ttl, cache_none=cache_none, condition=condition,
        )  # fmt: skip
        loads = ttl_of_results or tags or condition or not cache_none or error_ttl or options.goes_stale or cache is not None
        plan = Plan(
            target, make, options, key=key, typed=typed, ignore=ignore, per_instance=per_instance, shared=cache is not None,
            single_flight=single_flight or bool(loads),
        )  # fmt: skip
        made: Any = AsyncCachedFunction(plan) if inspect.iscoroutinefunction(target) else CachedFunction(plan)
        if first_parameter(target) in ("self", "cls"):  # below @property or @classmethod, __set_name__ is not called
            made.memo.become_method()
        return made

    return decorate if function is None else decorate(function)


def first_parameter(function: Callable[..., Any]) -> str | None:
    try:
        return next(iter(inspect.signature(function).parameters), None)
    except (TypeError, ValueError):  # a builtin without a signature
        return None


@overload
def lru_cache(maxsize: Callable[Concatenate[type[T], P], R], typed: bool = False) -> CachedClassFunction[T, P, R]: ...
@overload
def lru_cache(maxsize: Callable[P, R], typed: bool = False) -> CachedFunction[P, R]: ...
@overload
def lru_cache(maxsize: int | None = 128, typed: bool = False) -> Decorator: ...
def lru_cache(maxsize: Any = 128, typed: bool = False) -> Any:
    """A replacement for functools.lru_cache with the same arguments, results and methods.

    As in functools, concurrent calls with the same arguments each call the function; with @cached they do not. Unlike in
    functools, the cache of a method does not keep instances alive.
    """
    if callable(maxsize):
        return lru_cache()(maxsize)
    if maxsize is not None:
        maxsize = max(0, maxsize)
    return cached(maxsize=maxsize, typed=typed, single_flight=False)


__all__ = ["AsyncCachedFunction", "BoundCall", "CachedFunction", "cached", "lru_cache"]
