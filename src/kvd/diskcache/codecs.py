"""How values of a `DiskCache` become bytes: the safe codec, JSON, raw bytes, and pickle on request.

A codec has `dumps(value) -> bytes` and `loads(bytes) -> value`. The safe codec is compiled (kvd.doors.codec, whose head describes
its format); types beyond Python's basic ones are registered here by a name and two functions:

    to(object) -> a value that can be encoded           from_(value) -> the object

No codec but pickle executes what it reads. With a key, each value is preceded by an HMAC-SHA256 of its cache key and its bytes,
which is checked before decoding: a file that was modified without the key is refused. An old value of the same cache key is not.
"""

from __future__ import annotations

import dataclasses
import enum
import hmac
import json
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from kvd.doors import codec as compiled
from kvd.doors.codec import DecodeError, EncodeError, body_of, frame

OWN = ":"  # first character of the names of the types below
MAC = 32  # bytes of an HMAC-SHA256
SHORTEST_KEY = 16  # bytes

_DATE = struct.Struct(">HBB")
_TIME = struct.Struct(">BBBIB")  # hour, minute, second, microsecond, fold
_SPAN = struct.Struct(">iII")  # days, seconds, microseconds


class Codec(Protocol):
    """What `DiskCache(codec=...)` accepts besides names."""

    def dumps(self, value: Any, /) -> bytes:
        """Encode a value."""

    def loads(self, data: bytes, /) -> Any:
        """Decode what dumps returned."""


class SafeCodec(compiled.Codec):
    """Encodes None, bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset, datetime, date, time, timedelta,
    Decimal, UUID and registered types, nested up to 100 levels. Decoding never executes code from the input.

    Instances of subclasses are refused unless their class is registered. Raises kvd.diskcache.EncodeError for other values, and
    kvd.diskcache.DecodeError for bytes that are not a value.

    >>> codec = SafeCodec()
    >>> codec.loads(codec.dumps({"when": (1, 2.5, None), b"raw": {3}}))
    {'when': (1, 2.5, None), b'raw': {3}}
    """

    def __init__(self) -> None:
        for cls, name, to, from_ in _TYPES:
            self._add(cls, name.encode(), to, from_)

    def register(
        self,
        cls: type,
        name: str | None = None,
        to: Callable[[Any], Any] | None = None,
        from_: Callable[[Any], Any] | None = None,
    ) -> type:
        """Let the codec encode instances of a class (not of its subclasses), and return the class.

        name: written with each value; by default the qualified name of the class. It must not change while data is kept.
        to, from_: see the head of the module; from_ is called with whatever the file holds. A dataclass has defaults for both,
        its fields as a dict and its constructor, and an Enum too, its value and its constructor.

        Raises ValueError for a name in use, and TypeError if there is no default. O(1).

        >>> import enum
        >>> class Colour(enum.Enum):
        ...     RED = 1
        >>> codec = SafeCodec()
        >>> _ = codec.register(Colour, "colour")
        >>> codec.loads(codec.dumps([Colour.RED]))
        [<Colour.RED: 1>]
        """
        name = cls.__qualname__ if name is None else name
        known = self._registered()
        if not name or name.startswith(OWN) or name in [taken for other, taken in known.items() if other is not cls]:
            raise ValueError(f"the name {name!r} is empty, reserved or in use")
        if known.get(cls, name) != name:
            raise ValueError(f"{cls.__qualname__} is registered as {known[cls]!r}")
        if to is None or from_ is None:
            to, from_ = _defaults(cls)
        self._add(cls, name.encode(), to, from_)
        return cls


def _defaults(cls: type) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    if issubclass(cls, enum.Enum):
        return (lambda member: member.value), cls
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls.__qualname__} is neither a dataclass nor an Enum: give both to and from_")
    if not all(field.init for field in dataclasses.fields(cls)):
        raise TypeError(f"{cls.__qualname__} has fields that are not arguments of its constructor: give both to and from_")
    names = [field.name for field in dataclasses.fields(cls)]
    return (lambda one: {name: getattr(one, name) for name in names}), (lambda fields: cls(**fields))


# -- dates, times, numbers


def _zone_out(zone: tzinfo | None) -> Any:
    """None, the key of a ZoneInfo, or (offset, name or None) of a timezone."""
    if zone is None:
        return None
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        return zone.key
    if type(zone) is timezone:
        offset = zone.utcoffset(None)
        return (_span_out(offset), None if zone == timezone(offset) and str(zone) == str(timezone(offset)) else str(zone))
    raise EncodeError(f"the safe codec cannot encode the time zone {zone!r}: use datetime.timezone or a ZoneInfo with a key")


def _zone_in(zone: Any) -> tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        return ZoneInfo(zone)
    offset, name = zone
    return timezone(_span_in(offset)) if name is None else timezone(_span_in(offset), name)


def _date_out(value: date) -> bytes:
    return _DATE.pack(value.year, value.month, value.day)


def _time_out(value: datetime | time) -> bytes:
    return _TIME.pack(value.hour, value.minute, value.second, value.microsecond, value.fold)


def _clock_in(data: bytes, zone: Any) -> time:
    hour, minute, second, microsecond, fold = _TIME.unpack(data)
    return time(hour, minute, second, microsecond, _zone_in(zone), fold=fold)


def _datetime_in(value: tuple[bytes, Any]) -> datetime:
    data, zone = value
    clock = _clock_in(data[_DATE.size :], zone)
    return datetime.combine(date(*_DATE.unpack(data[: _DATE.size])), clock)


def _span_out(value: timedelta) -> bytes:
    return _SPAN.pack(value.days, value.seconds, value.microseconds)


def _span_in(data: bytes) -> timedelta:
    days, seconds, microseconds = _SPAN.unpack(data)
    return timedelta(days, seconds, microseconds)


def _uuid_in(data: bytes) -> UUID:
    if type(data) is not bytes:
        raise TypeError("a UUID is made from bytes")
    return UUID(bytes=data)


def _decimal_in(text: str) -> Decimal:
    if type(text) is not str:
        raise TypeError("a Decimal is made from text")
    return Decimal(text)


_TYPES: list[tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]]] = [
    (datetime, ":dt", lambda value: (_date_out(value) + _time_out(value), _zone_out(value.tzinfo)), _datetime_in),
    (date, ":d", _date_out, lambda data: date(*_DATE.unpack(data))),
    (time, ":t", lambda value: (_time_out(value), _zone_out(value.tzinfo)), lambda value: _clock_in(*value)),
    (timedelta, ":s", _span_out, _span_in),
    (Decimal, ":n", str, _decimal_in),
    (UUID, ":u", lambda value: value.bytes, _uuid_in),
]


# -- the other codecs


class PickleCodec:
    """Pickle: encodes almost anything. **Loading a pickle executes what it says**: use it only for files that no one else can
    write, or with a key."""

    def __init__(self) -> None:
        import pickle

        self.dumps: Callable[[Any], bytes] = partial(pickle.dumps, protocol=pickle.HIGHEST_PROTOCOL)
        self.loads: Callable[[bytes], Any] = pickle.loads


class JsonCodec:
    """JSON: readable by other programs. As in the module json, tuples become lists and keys of dicts become text."""

    def dumps(self, value: Any, /) -> bytes:
        """Encode as UTF-8 without spaces."""
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")

    def loads(self, data: bytes, /) -> Any:
        """Decode. Raises DecodeError."""
        try:
            return json.loads(data.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise DecodeError(f"the value is not JSON: {error}") from error


class RawCodec:
    """Bytes as they are; all other values are refused."""

    def dumps(self, value: Any, /) -> bytes:
        """Return the value. Raises EncodeError if it is not bytes-like."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise EncodeError(f"the codec raw stores bytes, not {type(value).__name__}")
        return bytes(value)

    def loads(self, data: bytes, /) -> bytes:
        """Return the bytes."""
        return data


CODECS: dict[str, Callable[[], Any]] = {"safe": SafeCodec, "pickle": PickleCodec, "json": JsonCodec, "raw": RawCodec}


def codec_named(codec: Any) -> Any:
    """Return the codec for a name, or an object with dumps and loads itself. Raises ValueError or TypeError."""
    if isinstance(codec, str):
        if codec not in CODECS:
            raise ValueError(f"codec must be one of {', '.join(CODECS)} or an object with dumps and loads, got {codec!r}")
        return CODECS[codec]()
    if not callable(getattr(codec, "dumps", None)) or not callable(getattr(codec, "loads", None)):
        raise TypeError(f"codec must be a name or an object with dumps and loads, not {type(codec).__name__}")
    return codec


class Framing:
    """Packs and unpacks entries (see kvd.doors.codec) with a codec that is not the safe one, or with a key for HMACs."""

    def __init__(self, codec: Any, key: bytes | None = None) -> None:
        if key is not None and (not isinstance(key, bytes) or len(key) < SHORTEST_KEY):
            raise ValueError(f"key must be at least {SHORTEST_KEY} bytes, as of secrets.token_bytes(32)")
        self.codec, self.key = codec, key

    def _mac(self, name: bytes, data: bytes) -> bytes:
        assert self.key is not None
        return hmac.digest(self.key, len(name).to_bytes(8, "little") + name + data, "sha256")

    def pack(self, value: Any, stamp: int, tag: bytes | None = None, name: bytes = b"") -> bytes:
        """An entry. name: the encoded cache key."""
        data = self.codec.dumps(value)
        if isinstance(data, str):
            data = data.encode()
        return frame(data if self.key is None else self._mac(name, data) + data, stamp, tag)

    def unpack(self, entry: bytes, name: bytes = b"") -> Any:
        """The value of an entry. Raises DecodeError, and what the codec raises."""
        data = body_of(entry)
        if self.key is not None:
            mac, data = data[:MAC], data[MAC:]
            if not hmac.compare_digest(mac, self._mac(name, data)):
                raise DecodeError("the value was not written with this key, or was modified")
        return self.codec.loads(data)
