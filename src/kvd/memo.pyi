from collections.abc import Callable, Hashable
from typing import Any

from kvd.cache import Cache

class Memo:
    cache: Cache[Any, Any]
    key_of: Callable[[tuple[Any, ...], dict[str, Any]], Hashable] | None
    missed: Callable[[Hashable, tuple[Any, ...], dict[str, Any]], Any] | None
    route: Callable[[tuple[Any, ...], dict[str, Any]], Any] | None
    typed: bool
    watched: bool
    def __init__(self, function: Callable[..., Any], cache: Cache[Any, Any], *, typed: bool = False) -> None: ...
    def key_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable: ...
