"""Hashes: fields with values, and times to live of fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    moment,
    ok,
    pairs,
    scanning,
    times,
    words,
)


class HashMethods(Methods):
    def hset(
        self,
        name: Key,
        key: Value | None = None,
        value: Value | None = None,
        mapping: Mapping[Any, Value] | None = None,
        items: list[Any] | None = None,
    ) -> int:
        """Set fields, by key and value, mapping, or a flat list of items; returns how many are new. O(1) each."""
        fields: list[Any] = list(items or [])
        if key is not None:
            fields += [key, value]
        if mapping:
            fields += pairs(mapping)
        if not fields:
            raise ValueError("hset needs a field: key and value, mapping or items")
        return self.execute("HSET", name, *fields)

    def hsetnx(self, name: Key, key: Value, value: Value) -> bool:
        """Set a field that does not exist; returns whether it did. O(1)."""
        return self.execute("HSETNX", name, key, value) == 1

    def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> bool:
        """Set fields; True. The older form of hset."""
        return ok(self.execute("HMSET", name, *pairs(mapping)))

    def hget(self, name: Key, key: Value) -> Text | None:
        """The value of a field, or None. O(1)."""
        return self.execute("HGET", name, key)

    def hmget(self, name: Key, keys: Value | list[Value], *args: Value) -> list[Text | None]:
        """The values of fields, None for those missing. O(N)."""
        return self.execute("HMGET", name, *flat(keys, args))

    def hgetall(self, name: Key) -> dict[Text, Text]:
        """All fields and values; empty without a hash. O(N)."""
        return self.execute("HGETALL", name)

    def hkeys(self, name: Key) -> list[Text]:
        """All fields. O(N)."""
        return self.execute("HKEYS", name)

    def hvals(self, name: Key) -> list[Text]:
        """All values. O(N)."""
        return self.execute("HVALS", name)

    def hlen(self, name: Key) -> int:
        """Number of fields. O(1)."""
        return self.execute("HLEN", name)

    def hstrlen(self, name: Key, key: Value) -> int:
        """Length in bytes of a field's value, 0 without one. O(1)."""
        return self.execute("HSTRLEN", name, key)

    def hexists(self, name: Key, key: Value) -> bool:
        """Whether there is such a field. O(1)."""
        return self.execute("HEXISTS", name, key) == 1

    def hdel(self, name: Key, *keys: Value) -> int:
        """Remove fields; returns how many existed. The key goes with its last field. O(N)."""
        return self.execute("HDEL", name, *keys)

    def hincrby(self, name: Key, key: Value, amount: int = 1) -> int:
        """Add an integer to a field (0 if missing); returns the sum. O(1)."""
        return self.execute("HINCRBY", name, key, amount)

    def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> float:
        """Add a float to a field (0 if missing); returns the sum. O(1)."""
        return float(self.execute("HINCRBYFLOAT", name, key, amount))

    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Any:
        """A random field; with count a list of different ones, with a negative count perhaps repeated ones.

        withvalues: pairs of field and value."""
        reply = self.execute("HRANDFIELD", key, *([] if count is None else [count]), *words(withvalues=withvalues))
        return reply

    def hscan(
        self, name: Key, cursor: int = 0, match: Value | None = None, count: int | None = None, no_values: bool = False
    ) -> tuple[int, Any]:
        """A step of an iteration: (next cursor, dict of fields); the cursor is 0 at the end. no_values: a list of fields."""
        at, found = self.execute("HSCAN", name, *scanning(cursor, match, count), *words(novalues=no_values))
        return int(at), found if no_values else dict(zip(found[::2], found[1::2], strict=True))

    def hscan_iter(
        self, name: Key, match: Value | None = None, count: int | None = None, no_values: bool = False
    ) -> Iterator[Any]:
        """Iterate over (field, value), or with no_values over fields; one that stays is seen, perhaps twice."""
        cursor = -1
        while cursor:
            cursor, found = self.hscan(name, max(cursor, 0), match, count, no_values)
            yield from found if no_values else found.items()

    # -- times to live of fields. Each returns a list, a number for each field: -2 no such field.

    def hexpire(
        self, name: Key, seconds: Seconds, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> list[int]:
        """Let fields live so many seconds: 1 done, 0 a condition did not hold, 2 gone at once. O(N)."""
        flags = words(nx=nx, xx=xx, gt=gt, lt=lt)
        return self.execute("HEXPIRE", name, in_seconds(seconds), *flags, "FIELDS", len(fields), *fields)

    def hpexpire(
        self,
        name: Key,
        milliseconds: Seconds,
        *fields: Value,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> list[int]:
        """The same in milliseconds."""
        flags = words(nx=nx, xx=xx, gt=gt, lt=lt)
        return self.execute("HPEXPIRE", name, in_milliseconds(milliseconds), *flags, "FIELDS", len(fields), *fields)

    def hexpireat(
        self,
        name: Key,
        unix_time_seconds: Moment,
        *fields: Value,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> list[int]:
        """Let fields live until a moment (seconds since 1970, or datetime)."""
        flags = words(nx=nx, xx=xx, gt=gt, lt=lt)
        return self.execute("HEXPIREAT", name, moment(unix_time_seconds, 1), *flags, "FIELDS", len(fields), *fields)

    def hpexpireat(
        self,
        name: Key,
        unix_time_milliseconds: Moment,
        *fields: Value,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> list[int]:
        """The same in milliseconds since 1970."""
        flags = words(nx=nx, xx=xx, gt=gt, lt=lt)
        return self.execute("HPEXPIREAT", name, moment(unix_time_milliseconds, 1000), *flags, "FIELDS", len(fields), *fields)

    def httl(self, key: Key, *fields: Value) -> list[int]:
        """Seconds that fields still live; -1 without a deadline. O(N)."""
        return self.execute("HTTL", key, "FIELDS", len(fields), *fields)

    def hpttl(self, key: Key, *fields: Value) -> list[int]:
        """Milliseconds that fields still live; -1 without a deadline. O(N)."""
        return self.execute("HPTTL", key, "FIELDS", len(fields), *fields)

    def hexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """When fields expire, in seconds since 1970; -1 without a deadline. O(N)."""
        return self.execute("HEXPIRETIME", key, "FIELDS", len(fields), *fields)

    def hpexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """When fields expire, in milliseconds since 1970; -1 without a deadline. O(N)."""
        return self.execute("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)

    def hpersist(self, name: Key, *fields: Value) -> list[int]:
        """Remove the deadlines of fields: 1 removed, -1 it had none. O(N)."""
        return self.execute("HPERSIST", name, "FIELDS", len(fields), *fields)

    def hgetdel(self, name: Key, *keys: Value) -> list[Text | None]:
        """Return the values of fields and remove them. O(N)."""
        return self.execute("HGETDEL", name, "FIELDS", len(keys), *keys)

    def hgetex(
        self,
        name: Key,
        *keys: Value,
        ex: Seconds | None = None,
        px: Seconds | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> list[Text | None]:
        """Return the values of fields and set (or with persist remove) their time to live. O(N)."""
        how = [*times(ex, px, exat, pxat), *words(persist=persist)]
        return self.execute("HGETEX", name, *how, "FIELDS", len(keys), *keys)

    def hsetex(
        self,
        name: Key,
        key: Value | None = None,
        value: Value | None = None,
        mapping: Mapping[Any, Value] | None = None,
        items: list[Any] | None = None,
        ex: Seconds | None = None,
        px: Seconds | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        data_persist_option: str | None = None,
        keepttl: bool = False,
    ) -> int:
        """Set fields with a time to live; 1 if it did. data_persist_option: FNX or FXX, only if none, all exist. O(N)."""
        fields: list[Any] = [*(items or []), *([] if key is None else [key, value]), *pairs(mapping or {})]
        how = [*([] if data_persist_option is None else [str(getattr(data_persist_option, "value", data_persist_option))])]
        how += [*times(ex, px, exat, pxat), *words(keepttl=keepttl)]
        return self.execute("HSETEX", name, *how, "FIELDS", len(fields) // 2, *fields)
