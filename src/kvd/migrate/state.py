"""The state file of a scan: with it an interrupted move goes on where it was.

It is written by replacing it, after the keys it counts as copied were acknowledged. It contains no secret.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kvd.migrate.ends import MigrateError

FORMAT = 1


@dataclass
class State:
    """How far a scan is. cursors: where to go on, by database, "0" for the beginning; done: databases that were scanned to the end;
    events: what notify-keyspace-events of the source was before, None while it is as it was; gap: keys that were copied may have changed unseen."""

    source: str = ""
    target: str = ""
    source_run: str = ""
    target_run: str = ""
    db: int | None = None
    copied: int = 0
    cursors: dict[str, str] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)
    events: str | None = None
    gap: bool = False

    def restart(self) -> None:
        """Forget how far the scan is."""
        self.cursors.clear()
        self.done.clear()
        self.gap = True


class StateFile:
    """The file. path: None if nothing is to be kept."""

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path else None

    def load(self) -> State | None:
        """The state in the file, or None if there is no file. Raises MigrateError if it is something else."""
        if self.path is None or not self.path.exists():
            return None
        try:
            found = json.loads(self.path.read_text("utf-8"))
            if found.pop("format") != FORMAT:
                raise ValueError("another format")
            return State(**found)
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            raise MigrateError(f"{self.path} is not a state file of kvd migrate, or is damaged: {error}") from None

    def save(self, state: State) -> None:
        """Write it. Raises MigrateError if it cannot be written."""
        if self.path is None:
            return
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            beside.write_text(json.dumps({"format": FORMAT, **asdict(state)}), "utf-8")
            os.replace(beside, self.path)
        except OSError as error:
            raise MigrateError(f"the state file {self.path} cannot be written: {error.strerror}") from None

    def remove(self) -> None:
        """Remove it, after the move."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
