"""Arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, option, pairs, words


def _word(choice: Any) -> Any:
    """A word, or what a member of redis-py's enumerations stands for."""
    return getattr(choice, "value", choice)


class ArrayMethods(Methods):
    def arset(self, name: Key, index: int, *values: Value) -> int:
        """Set elements at consecutive indexes from index on; returns the number of new ones. O(N)."""
        return self.execute("ARSET", name, index, *values)

    def armset(self, name: Key, mapping: Mapping[int, Value]) -> int:
        """Set elements, given as {index: value}; returns the number of new ones. O(N)."""
        return self.execute("ARMSET", name, *pairs(mapping))

    def arget(self, name: Key, index: int) -> Text | None:
        """Return the element at an index, or None. O(1)."""
        return self.execute("ARGET", name, index)

    def armget(self, name: Key, *indices: int) -> list[Text | None]:
        """Return the elements at indexes, None where there is none. O(N)."""
        return self.execute("ARMGET", name, *indices)

    def argetrange(self, name: Key, start: int, end: int) -> list[Text | None]:
        """Return the elements from start to end, inclusive, None where there is none; in reverse if start is above end. A million at most. O(N) of the range."""
        return self.execute("ARGETRANGE", name, start, end)

    def arscan(self, name: Key, start: int, end: int, limit: int | None = None) -> list[list[Any]]:
        """Return [index, element] of all elements from start to end, inclusive, or of the first `limit`; in reverse if start is above end. O(N) of the elements."""
        return self.execute("ARSCAN", name, start, end, *option("LIMIT", limit))

    def argrep(
        self,
        name: Key,
        start: int | str,
        end: int | str,
        predicates: Iterable[tuple[Any, Value]],
        combinator: Any = None,
        limit: int | None = None,
        withvalues: bool = False,
        nocase: bool = False,
    ) -> list[Any]:
        """Return the indexes of elements that match, or of the first `limit`; withvalues: [index, element]. O(N) of the elements.

        start, end: as those of arscan; "-" and "+" are the first and the last index. predicates: pairs of a kind and a text. EXACT: the
        element equals it, MATCH: contains it, GLOB: matches it as a pattern, RE: as a regular expression. combinator: "AND", if all of
        several have to hold. nocase: upper and lower case of ASCII letters are the same."""
        tests = [word for kind, text in predicates for word in (_word(kind), text)]
        flags = words(withvalues=withvalues, nocase=nocase)
        combined = [] if combinator is None else [_word(combinator)]
        return self.execute("ARGREP", name, start, end, *tests, *combined, *option("LIMIT", limit), *flags)

    def ardel(self, name: Key, *indices: int) -> int:
        """Delete elements; returns how many there were. O(N)."""
        return self.execute("ARDEL", name, *indices)

    def ardelrange(self, name: Key, *ranges: tuple[int, int]) -> int:
        """Delete the elements in ranges of indexes, given as (start, end), inclusive; returns how many there were. O(N) of the elements."""
        return self.execute("ARDELRANGE", name, *[index for bounds in ranges for index in bounds])

    def arcount(self, name: Key) -> int:
        """Return the number of elements, 0 if the key does not exist. O(1)."""
        return self.execute("ARCOUNT", name)

    def arlen(self, name: Key) -> int:
        """Return the highest index and 1, 0 if the key does not exist. O(1)."""
        return self.execute("ARLEN", name)

    def arinfo(self, name: Key, full: bool = False) -> dict[str, Any]:
        """Return figures of the array. O(1), with full O(N) of its slices. Raises kvd.ResponseError if the key does not exist."""
        info = self.execute("ARINFO", name, *words(full=full))
        return {k.decode() if isinstance(k, bytes) else k: v for k, v in info.items()} if isinstance(info, dict) else info

    def arnext(self, name: Key) -> int | None:
        """Return the index at which arinsert inserts next; None if there is none left. O(1)."""
        return self.execute("ARNEXT", name)

    def arseek(self, name: Key, index: int) -> int:
        """Set the index at which arinsert and arring insert next; returns 0 if the key does not exist, else 1. O(1)."""
        return self.execute("ARSEEK", name, index)

    def arinsert(self, name: Key, *values: Value) -> int:
        """Insert elements behind the last insertion, at first at index 0; returns the last index. O(N)."""
        return self.execute("ARINSERT", name, *values)

    def arring(self, name: Key, size: int, *values: Value) -> int:
        """Insert elements as arinsert, wrapping around at the size; returns the last index. O(N), also of the elements if the size has changed."""
        return self.execute("ARRING", name, size, *values)

    def arlastitems(self, name: Key, count: int, rev: bool = False) -> list[Text | None]:
        """Return the elements inserted last, in the order of their insertion, with rev the newest first. A million at most. O(N)."""
        return self.execute("ARLASTITEMS", name, count, *words(rev=rev))

    def arop(self, name: Key, start: int, end: int, operation: Any, value: Value | None = None) -> Any:
        """Return SUM, MIN or MAX of the numbers from start to end, inclusive, as text; AND, OR or XOR of them; how many elements equal
        the value (MATCH), or how many there are (USED). None if there are no numbers. O(N) of the elements."""
        return self.execute("AROP", name, start, end, _word(operation), *([] if value is None else [value]))
