"""Types and conversions of arguments, shared by all families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    Seconds = int | timedelta
    Moment = int | datetime
else:  # `import kvd` does not import datetime
    Seconds = Moment = Any

Value = bytes | str | int | float | bytearray | memoryview
Key = Value
Text = Any  # bytes, or str with decode_responses


class Methods:
    """Base class of the families. `execute` is a method of Store."""

    if TYPE_CHECKING:

        def execute(self, *args: Any) -> Any: ...


def flat(first: Value | Iterable[Value], more: tuple[Value, ...] = ()) -> list[Value]:
    """Return a list of one value, several values, or an iterable of values."""
    if isinstance(first, (bytes, str, int, float, bytearray, memoryview)):
        return [first, *more]
    return [*first, *more]


def pairs(mapping: Mapping[Any, Any]) -> list[Any]:
    """Return keys and values alternately."""
    return [word for item in mapping.items() for word in item]


def option(word: str, value: Any) -> list[Any]:
    """Return the word and the value, or an empty list for None."""
    return [] if value is None else [word, value]


def words(**flags: Any) -> list[str]:
    """Return the names of true arguments in upper case."""
    return [name.upper() for name, on in flags.items() if on]


def ok(reply: Any) -> bool:
    """Whether the reply is OK; it is not if MULTI has queued the command."""
    return reply in (b"OK", "OK")


def in_seconds(value: Seconds) -> int:
    return int(value.total_seconds()) if hasattr(value, "total_seconds") else value


def in_milliseconds(value: Seconds) -> int:
    return int(value.total_seconds() * 1000) if hasattr(value, "total_seconds") else value


def moment(value: Moment, scale: int) -> int:
    """Return seconds (scale 1) or milliseconds (scale 1000) since 1970."""
    return int(value.timestamp() * scale) if hasattr(value, "timestamp") else value


def times(
    ex: Seconds | None = None, px: Seconds | None = None, exat: Moment | None = None, pxat: Moment | None = None
) -> list[Any]:
    """Return the words EX, PX, EXAT and PXAT."""
    found: list[Any] = []
    if ex is not None:
        found += ["EX", in_seconds(ex)]
    if px is not None:
        found += ["PX", in_milliseconds(px)]
    if exat is not None:
        found += ["EXAT", moment(exat, 1)]
    if pxat is not None:
        found += ["PXAT", moment(pxat, 1000)]
    return found


def tuples(reply: Any) -> list[tuple[Any, ...]]:
    """Return pairs as a list of tuples."""
    return [tuple(pair) for pair in reply]


def scanning(cursor: int, match: Any, count: int | None) -> list[Any]:
    return [cursor, *option("MATCH", match), *option("COUNT", count)]
