"""Lists."""

from __future__ import annotations

from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, flat, ok, option


class ListMethods(Methods):
    def lpush(self, name: Key, *values: Value) -> int:
        """Prepend values one after the other; returns the new length. O(1) each."""
        return self.execute("LPUSH", name, *values)

    def rpush(self, name: Key, *values: Value) -> int:
        """Append values; returns the new length. O(1) each."""
        return self.execute("RPUSH", name, *values)

    def lpushx(self, name: Key, *values: Value) -> int:
        """As lpush if the list exists, else return 0."""
        return self.execute("LPUSHX", name, *values)

    def rpushx(self, name: Key, *values: Value) -> int:
        """As rpush if the list exists, else return 0."""
        return self.execute("RPUSHX", name, *values)

    def lpop(self, name: Key, count: int | None = None) -> Any:
        """Remove and return the first element, or None; with count a list of up to count elements. O(1) each."""
        return self.execute("LPOP", name, *([] if count is None else [count]))

    def rpop(self, name: Key, count: int | None = None) -> Any:
        """Remove and return the last element, or None; with count a list of up to count elements. O(1) each."""
        return self.execute("RPOP", name, *([] if count is None else [count]))

    def llen(self, name: Key) -> int:
        """Return the number of elements, 0 if the key does not exist. O(1)."""
        return self.execute("LLEN", name)

    def lrange(self, name: Key, start: int, end: int) -> list[Text]:
        """Return elements start to end, inclusive; negative positions count from the end. O(N) of the result."""
        return self.execute("LRANGE", name, start, end)

    def lindex(self, name: Key, index: int) -> Text | None:
        """Return the element at a position, or None. O(N) of the distance to the nearer end."""
        return self.execute("LINDEX", name, index)

    def linsert(self, name: Key, where: str, refvalue: Value, value: Value) -> int:
        """Insert value BEFORE or AFTER the first refvalue; returns the new length, -1 without refvalue, 0 without list. O(N)."""
        return self.execute("LINSERT", name, where, refvalue, value)

    def lset(self, name: Key, index: int, value: Value) -> bool:
        """Replace the element at a position; returns True. Raises ResponseError if there is none."""
        return ok(self.execute("LSET", name, index, value))

    def lrem(self, name: Key, count: int, value: Value) -> int:
        """Remove elements equal to value: all (0), the first count, or with a negative count the last; returns the number. O(N)."""
        return self.execute("LREM", name, count, value)

    def ltrim(self, name: Key, start: int, end: int) -> bool:
        """Remove all elements outside a range; returns True. O(N) of the removed elements."""
        return ok(self.execute("LTRIM", name, start, end))

    def lpos(self, name: Key, value: Value, rank: int | None = None, count: int | None = None, maxlen: int | None = None) -> Any:
        """Return the position of value, or None; with count a list of positions (0: all). rank: first match to return. O(N)."""
        return self.execute("LPOS", name, value, *option("RANK", rank), *option("COUNT", count), *option("MAXLEN", maxlen))

    def lmove(self, first_list: Key, second_list: Key, src: str = "LEFT", dest: str = "RIGHT") -> Text | None:
        """Move an element from an end of one list to an end of another; returns it, or None. O(1)."""
        return self.execute("LMOVE", first_list, second_list, src, dest)

    def rpoplpush(self, src: Key, dst: Key) -> Text | None:
        """Move the last element of one list to the front of another; returns it, or None. O(1)."""
        return self.execute("RPOPLPUSH", src, dst)

    def lmpop(self, num_keys: int, *args: Key, direction: str, count: int | None = 1) -> list[Any] | None:
        """Remove elements from the LEFT or RIGHT of the first non-empty list: returns [key, elements], or None."""
        return self.execute("LMPOP", num_keys, *args, direction, *option("COUNT", count))

    def blpop(self, keys: Key | list[Key], timeout: float | None = 0) -> tuple[Text, Text] | None:
        """As lpop of the first non-empty list, blocking until there is one: returns (key, element), or None after timeout.

        timeout: seconds; None and 0: no limit. Other threads run while it waits."""
        reply = self.execute("BLPOP", *flat(keys), timeout or 0)
        return None if reply is None else tuple(reply)

    def brpop(self, keys: Key | list[Key], timeout: float | None = 0) -> tuple[Text, Text] | None:
        """As rpop of the first non-empty list, blocking as blpop."""
        reply = self.execute("BRPOP", *flat(keys), timeout or 0)
        return None if reply is None else tuple(reply)

    def blmove(self, first_list: Key, second_list: Key, timeout: float, src: str = "LEFT", dest: str = "RIGHT") -> Text | None:
        """As lmove, blocking until there is an element; timeout in seconds, 0: no limit."""
        return self.execute("BLMOVE", first_list, second_list, src, dest, timeout)

    def brpoplpush(self, src: Key, dst: Key, timeout: float | None = 0) -> Text | None:
        """As rpoplpush, blocking until there is an element."""
        return self.execute("BRPOPLPUSH", src, dst, timeout or 0)

    def blmpop(self, timeout: float, numkeys: int, *args: Key, direction: str, count: int | None = 1) -> list[Any] | None:
        """As lmpop, blocking until there is an element; timeout in seconds, 0: no limit."""
        return self.execute("BLMPOP", timeout, numkeys, *args, direction, *option("COUNT", count))
