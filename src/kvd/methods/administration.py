"""Methods of the store as a whole: databases, options, statistics."""

from __future__ import annotations

from typing import Any

from kvd.methods.common import Methods, Text, Value, ok


class AdministrationMethods(Methods):
    def ping(self) -> bool:
        """Return True."""
        return self.execute("PING") is not None

    def select(self, index: int) -> bool:
        """Change the database of the store's own session; returns True."""
        return ok(self.execute("SELECT", index))

    def swapdb(self, first: int, second: int) -> bool:
        """Exchange the contents of two databases; returns True. O(1)."""
        return ok(self.execute("SWAPDB", first, second))

    def dbsize(self) -> int:
        """Return the number of keys of the database. O(1)."""
        return self.execute("DBSIZE")

    def flushdb(self, asynchronous: bool = False) -> bool:
        """Remove all keys of the database; returns True."""
        return ok(self.execute("FLUSHDB", "ASYNC" if asynchronous else "SYNC"))

    def flushall(self, asynchronous: bool = False) -> bool:
        """Remove all keys of all databases; returns True."""
        return ok(self.execute("FLUSHALL", "ASYNC" if asynchronous else "SYNC"))

    def config_get(self, *patterns: str) -> dict[Text, Text]:
        """Return the options whose names match a pattern, as a dict."""
        return self.execute("CONFIG", "GET", *(patterns or ("*",)))

    def config_set(self, name: str, value: Value, *more: Value) -> bool:
        """Change options at run time; returns True."""
        return ok(self.execute("CONFIG", "SET", name, value, *more))

    def info(self, *sections: str) -> dict[str, Any]:
        """Return INFO as a dict: numbers as int or float, `a=1,b=2` values as dicts."""
        from kvd.config import parse_info

        text = self.execute("INFO", *sections)
        return parse_info(text if isinstance(text, str) else text.decode())
