from collections.abc import Callable, Hashable
from typing import Any

from kvd.caching import Cache
from kvd.doors.flight import Flight

class Owner:
    token: Any
    cache: Cache[Any, Any]
    options: Any
    def __init__(self, ref: Any, token: Any, cache: Cache[Any, Any] | None = None) -> None: ...

class Memo:
    cache: Cache[Any, Any]
    owners: dict[int, Owner]
    adopt: Callable[[Any], Owner]
    key_of: Callable[[tuple[Any, ...], dict[str, Any]], Hashable] | None
    missed: Callable[[Any, Hashable, Owner | None, tuple[Any, ...], dict[str, Any]], Flight] | None
    typed: bool
    watched: bool
    def __init__(self, function: Callable[..., Any], cache: Cache[Any, Any], *, typed: bool = False) -> None: ...
    def become_method(self) -> None: ...
    def place(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Cache[Any, Any], Hashable, Owner | None]: ...

def give_call(memo: type) -> None: ...
