"""Hashes, including field expiry."""

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
        """Set fields, by key and value, mapping, or a flat list of items; returns the number of new fields. O(1) each."""
        if value is None and isinstance(key, Mapping):
            from kvd.errors import DataError

            raise DataError("hset takes a dict of fields as mapping=: hset(name, mapping={...})")
        fields: list[Any] = list(items or [])
        if key is not None:
            fields += [key, value]
        if mapping:
            fields += pairs(mapping)
        if not fields:
            raise ValueError("hset requires key and value, mapping or items")
        return self.execute("HSET", name, *fields)

    def hsetnx(self, name: Key, key: Value, value: Value) -> bool:
        """Set a field if it does not exist; returns whether it was set. O(1)."""
        return self.execute("HSETNX", name, key, value) == 1

    def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> bool:
        """Set fields; returns True. Older form of hset."""
        return ok(self.execute("HMSET", name, *pairs(mapping)))

    def hget(self, name: Key, key: Value) -> Text | None:
        """Return the value of a field, or None. O(1)."""
        return self.execute("HGET", name, key)

    def hmget(self, name: Key, keys: Value | list[Value], *args: Value) -> list[Text | None]:
        """Return the values of fields, None for missing ones. O(N)."""
        return self.execute("HMGET", name, *flat(keys, args))

    def hgetall(self, name: Key) -> dict[Text, Text]:
        """Return all fields and values; empty if the key does not exist. O(N)."""
        return self.execute("HGETALL", name)

    def hkeys(self, name: Key) -> list[Text]:
        """Return all fields. O(N)."""
        return self.execute("HKEYS", name)

    def hvals(self, name: Key) -> list[Text]:
        """Return all values. O(N)."""
        return self.execute("HVALS", name)

    def hlen(self, name: Key) -> int:
        """Return the number of fields. O(1)."""
        return self.execute("HLEN", name)

    def hstrlen(self, name: Key, key: Value) -> int:
        """Return the length of a field's value in bytes, 0 if it does not exist. O(1)."""
        return self.execute("HSTRLEN", name, key)

    def hexists(self, name: Key, key: Value) -> bool:
        """Return whether a field exists. O(1)."""
        return self.execute("HEXISTS", name, key) == 1

    def hdel(self, name: Key, *keys: Value) -> int:
        """Delete fields; returns the number deleted. The key is deleted with its last field. O(N)."""
        return self.execute("HDEL", name, *keys)

    def hincrby(self, name: Key, key: Value, amount: int = 1) -> int:
        """Add an integer to a field (0 if missing); returns the result. O(1)."""
        return self.execute("HINCRBY", name, key, amount)

    def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> float:
        """Add a float to a field (0 if missing); returns the result. O(1)."""
        return float(self.execute("HINCRBYFLOAT", name, key, amount))

    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Any:
        """Return a random field; with count a list of distinct fields, with a negative count with repetitions.

        withvalues: pairs of field and value."""
        reply = self.execute("HRANDFIELD", key, *([] if count is None else [count]), *words(withvalues=withvalues))
        return reply

    def hscan(
        self, name: Key, cursor: int = 0, match: Value | None = None, count: int | None = None, no_values: bool = False
    ) -> tuple[int, Any]:
        """Iterate incrementally: returns (next cursor, dict of fields); the cursor is 0 at the end. no_values: a list of fields."""
        at, found = self.execute("HSCAN", name, *scanning(cursor, match, count), *words(novalues=no_values))
        return int(at), found if no_values else dict(zip(found[::2], found[1::2], strict=True))

    def hscan_iter(
        self, name: Key, match: Value | None = None, count: int | None = None, no_values: bool = False
    ) -> Iterator[Any]:
        """Iterate over (field, value), or with no_values over fields. Fields present throughout are returned at least once."""
        cursor = -1
        while cursor:
            cursor, found = self.hscan(name, max(cursor, 0), match, count, no_values)
            yield from found if no_values else found.items()

    # -- times to live of fields. Each returns a list, a number for each field: -2 no such field.

    def hexpire(
        self, name: Key, seconds: Seconds, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> list[int]:
        """Set the time to live of fields, in seconds. Returns for each 1: set, 0: condition not met, 2: deleted. O(N)."""
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
        """Set the deadline of fields (seconds since 1970, or datetime)."""
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
        """Return the remaining seconds of fields; -1 if one has no deadline. O(N)."""
        return self.execute("HTTL", key, "FIELDS", len(fields), *fields)

    def hpttl(self, key: Key, *fields: Value) -> list[int]:
        """Return the remaining milliseconds of fields; -1 if one has no deadline. O(N)."""
        return self.execute("HPTTL", key, "FIELDS", len(fields), *fields)

    def hexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """Return the deadlines of fields in seconds since 1970; -1 if one has none. O(N)."""
        return self.execute("HEXPIRETIME", key, "FIELDS", len(fields), *fields)

    def hpexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """Return the deadlines of fields in milliseconds since 1970; -1 if one has none. O(N)."""
        return self.execute("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)

    def hpersist(self, name: Key, *fields: Value) -> list[int]:
        """Remove the deadlines of fields. Returns for each 1: removed, -1: it had none. O(N)."""
        return self.execute("HPERSIST", name, "FIELDS", len(fields), *fields)

    def hgetdel(self, name: Key, *keys: Value) -> list[Text | None]:
        """Return the values of fields, and delete the fields. O(N)."""
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
        """Set fields with a time to live; returns 1 if they were set. data_persist_option: FNX or FXX, only if none or all exist. O(N)."""
        fields: list[Any] = [*(items or []), *([] if key is None else [key, value]), *pairs(mapping or {})]
        how = [*([] if data_persist_option is None else [str(getattr(data_persist_option, "value", data_persist_option))])]
        how += [*times(ex, px, exat, pxat), *words(keepttl=keepttl)]
        return self.execute("HSETEX", name, *how, "FIELDS", len(fields) // 2, *fields)
