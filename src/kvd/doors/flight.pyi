from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any

from kvd.caching.loading import Loading, LoadOptions

RUNNING: ContextVar[Flight]

class Flight:
    loading: Loading
    key: Hashable
    options: LoadOptions
    parent: Flight | None
    thread: int
    tasked: bool
    landed: str | None
    value: Any
    error: BaseException | None
    callbacks: list[Callable[[], object]]
    waits: list[Flight]
    def __init__(
        self, loading: Loading, key: Hashable, options: LoadOptions, parent: Flight | None = None, tasked: bool = False
    ) -> None: ...
    def open(self) -> int: ...
    def finish(self, value: Any, seconds: float | None = None) -> int: ...
    def fail(self, error: BaseException) -> int: ...
    def land(self, how: str, value: Any = None) -> int: ...
    def outcome(self) -> Any: ...

def running() -> Flight | None: ...
def landed_with(value: Any) -> Flight: ...
