"""Strings, also as integers and floats.

`get` and `set` are compiled (kvd.doors.store); `set` with options uses `_set_with_options`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kvd.methods.common import (
    Key,
    Methods,
    Moment,
    Seconds,
    Text,
    Value,
    flat,
    in_milliseconds,
    in_seconds,
    ok,
    option,
    pairs,
    times,
    words,
)


class StringMethods(Methods):
    def _set_with_options(
        self, name: Key, value: Value, ex: Seconds | None, px: Seconds | None, nx: bool, xx: bool, keepttl: bool, get: bool,
        exat: Moment | None, pxat: Moment | None, *operands: Value | None,
    ) -> Any:  # fmt: skip
        """Run SET with options; see Store.set for the arguments. operands: ifeq, ifne, ifdeq, ifdne."""
        more = [*times(ex, px, exat, pxat), *words(keepttl=keepttl, nx=nx, xx=xx), *_comparison(*operands)]
        if get:
            return self.execute("SET", name, value, *more, "GET")
        return None if self.execute("SET", name, value, *more) is None else True

    def mget(self, keys: Key | Iterable[Key], *more: Key) -> list[Text | None]:
        """Return the values of keys, None for keys that hold no string. O(N)."""
        names = flat(keys, more)
        return self.execute("MGET", *names) if names else []

    def mset(self, mapping: Mapping[Any, Value]) -> bool:
        """Set several keys; returns True. O(N)."""
        return ok(self.execute("MSET", *pairs(mapping)))

    def msetnx(self, mapping: Mapping[Any, Value]) -> bool:
        """Set several keys if none of them exists; returns whether they were set. O(N)."""
        return self.execute("MSETNX", *pairs(mapping)) == 1

    def msetex(
        self,
        mapping: Mapping[Any, Value],
        *,
        ex: Seconds | None = None,
        px: Seconds | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        keepttl: bool = False,
        nx: bool = False,
        xx: bool = False,
    ) -> bool:
        """Set several keys with one time to live, all or none; returns whether they were set. O(N)."""
        more = [*times(ex, px, exat, pxat), *words(keepttl=keepttl, nx=nx, xx=xx)]
        return self.execute("MSETEX", len(mapping), *pairs(mapping), *more) == 1

    def getset(self, name: Key, value: Value) -> Text | None:
        """Set a key; returns its previous value, or None. O(1)."""
        return self.execute("GETSET", name, value)

    def getdel(self, name: Key) -> Text | None:
        """Return the value of a key and delete it. O(1)."""
        return self.execute("GETDEL", name)

    def getex(
        self,
        name: Key,
        ex: Seconds | None = None,
        px: Seconds | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Text | None:
        """Return the value of a key and set (or with persist remove) its time to live. O(1)."""
        return self.execute("GETEX", name, *times(ex, px, exat, pxat), *words(persist=persist))

    def setnx(self, name: Key, value: Value) -> bool:
        """Set a key if it does not exist; returns whether it was set. O(1)."""
        return self.execute("SETNX", name, value) == 1

    def setex(self, name: Key, time: Seconds, value: Value) -> bool:
        """Set a key with a time to live in seconds (int or timedelta); returns True. O(1)."""
        return ok(self.execute("SETEX", name, in_seconds(time), value))

    def psetex(self, name: Key, time_ms: Seconds, value: Value) -> bool:
        """Set a key with a time to live in milliseconds (int or timedelta); returns True. O(1)."""
        return ok(self.execute("PSETEX", name, in_milliseconds(time_ms), value))

    def append(self, key: Key, value: Value) -> int:
        """Append to a key; returns the new length in bytes. Amortised O(1)."""
        return self.execute("APPEND", key, value)

    def strlen(self, name: Key) -> int:
        """Return the length of a value in bytes, 0 if the key does not exist. O(1)."""
        return self.execute("STRLEN", name)

    def getrange(self, key: Key, start: int, end: int) -> Text:
        """Return bytes start to end, inclusive; negative positions count from the end. O(N) of the result."""
        return self.execute("GETRANGE", key, start, end)

    def substr(self, name: Key, start: int, end: int = -1) -> Text:
        """Older name of getrange."""
        return self.execute("SUBSTR", name, start, end)

    def setrange(self, name: Key, offset: int, value: Value) -> int:
        """Overwrite bytes from an offset, padding with zero bytes; returns the new length. O(1)."""
        return self.execute("SETRANGE", name, offset, value)

    def incr(self, name: Key, amount: int = 1) -> int:
        """Add an integer to a value (0 if missing); returns the result. O(1)."""
        return self.execute("INCRBY", name, amount)

    incrby = incr

    def decr(self, name: Key, amount: int = 1) -> int:
        """Subtract an integer from a value (0 if missing); returns the result. O(1)."""
        return self.execute("DECRBY", name, amount)

    decrby = decr

    def incrbyfloat(self, name: Key, amount: float = 1.0) -> float:
        """Add a float to a value (0 if missing); returns the result as float. O(1)."""
        return float(self.execute("INCRBYFLOAT", name, amount))

    def lcs(
        self, key1: Key, key2: Key, len: bool = False, idx: bool = False, minmatchlen: int = 0, withmatchlen: bool = False
    ) -> Any:
        """Return the longest common subsequence of two values, its length (len) or the matching ranges (idx). O(N*M)."""
        shape = [*words(len=len, idx=idx), *option("MINMATCHLEN", minmatchlen or None), *words(withmatchlen=withmatchlen)]
        return self.execute("LCS", key1, key2, *shape)

    def digest(self, name: Key) -> Text | None:
        """Return the XXH3 digest of a value as 16 hexadecimal digits, or None. O(N) of the value."""
        return self.execute("DIGEST", name)

    def delex(
        self,
        name: Key,
        ifeq: Value | None = None,
        ifne: Value | None = None,
        ifdeq: Value | None = None,
        ifdne: Value | None = None,
    ) -> int:
        """Delete a key if its value or digest equals, or differs from, the given one; returns the number deleted."""
        return self.execute("DELEX", name, *_comparison(ifeq, ifne, ifdeq, ifdne))


def _comparison(*operands: Value | None) -> list[Any]:
    """Return the words of the given conditions on a value or its digest."""
    return [
        word for pair in zip(("IFEQ", "IFNE", "IFDEQ", "IFDNE"), operands, strict=True) if pair[1] is not None for word in pair
    ]
