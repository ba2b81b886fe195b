"""What a move shows: a bar that is redrawn on a terminal, otherwise a line at each phase and every few seconds.

Every text passes `scrub`, so that no password of an end is shown, whatever a server has written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TextIO

from kvd.migrate.ends import End, scrub

WIDTH = 30  # characters of the bar
REDRAW, REPEAT = 0.1, 5.0  # seconds between updates on a terminal, and elsewhere


class Progress:
    """Shows phases and how far they are. out: a text file, standard output if None."""

    def __init__(self, out: TextIO | None = None, ends: Iterable[End] = ()) -> None:
        self.out = sys.stdout if out is None else out
        self.ends = list(ends)
        self.name = ""
        self._draws = self.out.isatty()
        self._last = 0.0
        self._drawn = 0

    def say(self, text: str) -> None:
        """Write a line."""
        self._clear()
        self._write(scrub(text, self.ends) + "\n")

    def phase(self, name: str) -> None:
        """Begin a phase."""
        self.name, self._last = name, 0.0
        if not self._draws:
            self.say(f"{name} ...")

    def update(self, text: str, done: float = 0, total: float = 0) -> None:
        """Tell how far the phase is. text: in words; done of total: for the bar, if total is known."""
        now = time.monotonic()
        if now - self._last < (REDRAW if self._draws else REPEAT) and self._last:
            return
        if not self._last and not self._draws:
            self._last = now  # the line of the phase is enough for the beginning
            return
        self._last = now
        line = self._line(text, done, total)
        if not self._draws:
            self.say(line)
            return
        self._clear()
        self._drawn = len(line)
        self._write(line)

    def end(self) -> None:
        """Remove the bar."""
        self._clear()

    def _line(self, text: str, done: float, total: float) -> str:
        part = min(done / total, 1.0) if total else 0.0
        share = f"{part * 100:3.0f}% " if total else ""
        if not self._draws or not total:
            return f"{self.name}: {share}{text}"
        filled = round(part * WIDTH)
        return f"{self.name:<12} [{'#' * filled}{'.' * (WIDTH - filled)}] {share}{text}"

    def _clear(self) -> None:
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()
