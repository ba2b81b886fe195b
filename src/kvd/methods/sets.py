"""Sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, flat, scanning


class SetMethods(Methods):
    def sadd(self, name: Key, *values: Value) -> int:
        """Add members; returns the number added. O(1) each."""
        return self.execute("SADD", name, *values)

    def srem(self, name: Key, *values: Value) -> int:
        """Remove members; returns the number removed. O(1) each."""
        return self.execute("SREM", name, *values)

    def sismember(self, name: Key, value: Value) -> bool:
        """Return whether value is a member. O(1)."""
        return self.execute("SISMEMBER", name, value) == 1

    def smismember(self, name: Key, values: Value | list[Value], *args: Value) -> list[bool]:
        """Return for each value whether it is a member. O(N)."""
        return [bool(n) for n in self.execute("SMISMEMBER", name, *flat(values, args))]

    def smembers(self, name: Key) -> set[Text]:
        """Return all members. O(N)."""
        return set(self.execute("SMEMBERS", name))

    def scard(self, name: Key) -> int:
        """Return the number of members. O(1)."""
        return self.execute("SCARD", name)

    def spop(self, name: Key, count: int | None = None) -> Any:
        """Remove and return a random member, or None; with count a set of up to count members. O(N) of the count."""
        reply = self.execute("SPOP", name, *([] if count is None else [count]))
        return reply if count is None else set(reply)

    def srandmember(self, name: Key, number: int | None = None) -> Any:
        """Return a random member, or None; with number a list of distinct members, if negative with repetitions."""
        return self.execute("SRANDMEMBER", name, *([] if number is None else [number]))

    def smove(self, src: Key, dst: Key, value: Value) -> bool:
        """Move a member to another set; returns whether it existed. O(1)."""
        return self.execute("SMOVE", src, dst, value) == 1

    def sinter(self, keys: Key | list[Key], *args: Key) -> set[Text]:
        """Return the intersection of sets. O(N*M) of the smallest set and the number of sets."""
        return set(self.execute("SINTER", *flat(keys, args)))

    def sintercard(self, numkeys: int, keys: list[Key], limit: int = 0) -> int:
        """Return the size of the intersection of sets, counted up to limit (0: no limit)."""
        return self.execute("SINTERCARD", numkeys, *keys, "LIMIT", limit)

    def sinterstore(self, dest: Key, keys: Key | list[Key], *args: Key) -> int:
        """Store the intersection of sets; returns its size."""
        return self.execute("SINTERSTORE", dest, *flat(keys, args))

    def sunion(self, keys: Key | list[Key], *args: Key) -> set[Text]:
        """Return the union of sets. O(N) of all members."""
        return set(self.execute("SUNION", *flat(keys, args)))

    def sunionstore(self, dest: Key, keys: Key | list[Key], *args: Key) -> int:
        """Store the union of sets; returns its size."""
        return self.execute("SUNIONSTORE", dest, *flat(keys, args))

    def sdiff(self, keys: Key | list[Key], *args: Key) -> set[Text]:
        """Return the members of the first set that are in no other set. O(N) of all members."""
        return set(self.execute("SDIFF", *flat(keys, args)))

    def sdiffstore(self, dest: Key, keys: Key | list[Key], *args: Key) -> int:
        """Store the difference of sets; returns its size."""
        return self.execute("SDIFFSTORE", dest, *flat(keys, args))

    def sscan(self, name: Key, cursor: int = 0, match: Value | None = None, count: int | None = None) -> tuple[int, list[Text]]:
        """Iterate incrementally: returns (next cursor, members); the cursor is 0 at the end."""
        at, found = self.execute("SSCAN", name, *scanning(cursor, match, count))
        return int(at), found

    def sscan_iter(self, name: Key, match: Value | None = None, count: int | None = None) -> Iterator[Text]:
        """Iterate over members. Members present throughout are returned at least once."""
        cursor = -1
        while cursor:
            cursor, found = self.sscan(name, max(cursor, 0), match, count)
            yield from found
