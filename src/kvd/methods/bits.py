"""Bits of strings. Bit 0 is the highest bit of the first byte."""

from __future__ import annotations

from typing import Any

from kvd.methods.common import Key, Methods


class BitMethods(Methods):
    def setbit(self, name: Key, offset: int, value: int) -> int:
        """Set or clear a bit; returns its previous value. O(1)."""
        return self.execute("SETBIT", name, offset, int(bool(value)))

    def getbit(self, name: Key, offset: int) -> int:
        """Return a bit; 0 beyond the end. O(1)."""
        return self.execute("GETBIT", name, offset)

    def bitcount(self, key: Key, start: int | None = None, end: int | None = None, mode: str | None = None) -> int:
        """Return the number of set bits, in all or from start to end (bytes, or bits with mode="BIT"). O(N)."""
        if (start is None) != (end is None):
            raise ValueError("start and end must be given together")
        more: list[Any] = [] if start is None else [start, end]
        return self.execute("BITCOUNT", key, *more, *([] if mode is None else [mode]))

    def bitpos(self, key: Key, bit: int, start: int | None = None, end: int | None = None, mode: str | None = None) -> int:
        """Return the position of the first set or clear bit, -1 if there is none. O(N)."""
        if bit not in (0, 1):
            raise ValueError("bit must be 0 or 1")
        if start is None and end is not None:
            raise ValueError("end requires start")
        more = [n for n in (start, end, mode) if n is not None]
        return self.execute("BITPOS", key, bit, *more)

    def bitop(self, operation: str, dest: Key, *keys: Key) -> int:
        """Combine strings with AND, OR, XOR, NOT, DIFF, DIFF1, ANDOR or ONE and store the result; returns its length. O(N)."""
        return self.execute("BITOP", operation, dest, *keys)

    def bitfield(self, key: Key, default_overflow: str | None = None) -> BitField:
        """Collect operations on integers in a string: `store.bitfield("k").set("u8", 0, 5).execute()`."""
        return BitField(self, key, default_overflow)

    def bitfield_ro(
        self, key: Key, encoding: str, offset: int | str, items: list[tuple[str, int | str]] | None = None
    ) -> list[int]:
        """Read integers in a string. encoding: i8, u16 and so on; offset: bits, or "#N" for the N-th integer."""
        words: list[Any] = ["GET", encoding, offset]
        for one in items or []:
            words += ["GET", *one]
        return self.execute("BITFIELD_RO", key, *words)


class BitField:
    """The operations of one BITFIELD command, sent by execute(). overflow: WRAP, SAT or FAIL, for the following operations."""

    def __init__(self, store: Methods, key: Key, default_overflow: str | None = None) -> None:
        self._store = store
        self._key = key
        self._words: list[Any] = []
        if default_overflow:
            self.overflow(default_overflow)

    def overflow(self, overflow: str) -> BitField:
        self._words += ["OVERFLOW", overflow]
        return self

    def get(self, fmt: str, offset: int | str) -> BitField:
        self._words += ["GET", fmt, offset]
        return self

    def set(self, fmt: str, offset: int | str, value: int) -> BitField:
        self._words += ["SET", fmt, offset, value]
        return self

    def incrby(self, fmt: str, offset: int | str, increment: int, overflow: str | None = None) -> BitField:
        if overflow:
            self.overflow(overflow)
        self._words += ["INCRBY", fmt, offset, increment]
        return self

    def execute(self) -> list[int | None]:
        """Return the result of each operation; None for an overflow with FAIL."""
        return self._store.execute("BITFIELD", self._key, *self._words)
