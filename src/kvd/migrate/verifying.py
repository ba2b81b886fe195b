"""Is the target what the source is? Counts of keys, then digests or values.

Counts may differ by keys that have expired and are not removed yet; then all keys are looked up. Equal digests (DEBUG DIGEST) prove that all is
equal; ends that may not be asked for it, or that differ, are compared by values: of a random sample, or of all keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from redis import ResponseError

from kvd.migrate.copying import Copier
from kvd.migrate.ends import End
from kvd.migrate.values import ending

SAMPLE = 2000  # keys
LARGEST_DIGEST = 1_000_000  # keys; DEBUG DIGEST stops a server for about a second per million
SCAN_COUNT = 500
NAMED = 5  # differing keys that are named
OFF = 0.05  # seconds


@dataclass
class Verdict:
    """What was found. lines: for the report; wrong: keys that are missing, left over or different; complete: whether all was compared that was asked for;
    problems: other things that were not moved; written: the source may have been written to since the switch."""

    lines: list[str] = field(default_factory=list)
    wrong: int = 0
    complete: bool = True
    problems: list[str] = field(default_factory=list)
    written: bool = False


def scan(end: End, db: int) -> Iterator[list[bytes]]:
    """All keys of a database, in batches; a key may come twice."""
    cursor = b"0"
    while True:
        cursor, keys = end.one("SCAN", cursor, "COUNT", SCAN_COUNT, db=db)
        if keys:
            yield keys
        if cursor == b"0":
            return


class Verifier:
    """Compares the ends of a copier. dbs: the databases of the source to compare. go_on: false when it has to stop, because the source is written again."""

    def __init__(self, copier: Copier, dbs: list[int], go_on: Callable[[], bool] = lambda: True) -> None:
        self.copier, self.dbs, self.go_on = copier, dbs, go_on
        self.source, self.target = copier.source, copier.target
        self.verdict = Verdict()

    def run(self, depth: str) -> Verdict:
        """depth: auto, full or none (counts alone)."""
        total = self._counts()
        if depth == "none" or not total:
            return self.verdict
        if depth == "auto" and total <= LARGEST_DIGEST and self._digests():
            return self.verdict
        if depth == "full" or total <= SAMPLE:
            self._all()
        else:
            self._sample(total)
        return self.verdict

    def _counts(self) -> int:
        """Returns the number of keys of the source."""
        here, there = self.source.databases(), self.target.databases()
        for db in self.dbs:
            ours, theirs = here.get(db, 0), there.get(self.copier.target_db(db), 0)
            self.verdict.lines.append(f"database {db}: {ours} keys on the source, {theirs} on the target")
            if ours != theirs:
                self._look_up(db)
        return sum(here.get(db, 0) for db in self.dbs)

    def _look_up(self, db: int) -> None:
        missing = self._absent(self.source, db, self.target, self.copier.target_db(db))
        extra = self._absent(self.target, self.copier.target_db(db), self.source, db)
        for keys, text in ((missing, "are missing on the target"), (extra, "are only on the target")):
            if keys:
                self._tell(f"database {db}: {len(keys)} keys {text}", keys)
        if not missing and not extra and self.verdict.complete:
            self.verdict.lines[-1] += "; the difference has expired: no key is missing"

    def _absent(self, here: End, db: int, there: End, their_db: int) -> list[bytes]:
        """The keys of one end that are not at the other."""
        found: list[bytes] = []
        for keys in scan(here, db):
            if not self._goes_on():
                break
            replies = there.ask([("EXISTS", key) for key in keys], their_db)
            found += [key for key, reply in zip(keys, replies, strict=True) if not reply]
        return self._still_there(here, db, found)

    def _still_there(self, end: End, db: int, keys: list[bytes]) -> list[bytes]:
        """Those that have not expired meanwhile. A deadline that was read as a rest of time is some milliseconds off."""
        if keys:
            time.sleep(OFF)
        replies = end.ask([("EXISTS", key) for key in keys], db) if keys else []
        return [key for key, reply in zip(keys, replies, strict=True) if reply]

    def _digests(self) -> bool:
        """Whether the digests could be compared and are the same. They are of all databases, so all of them must be in the move."""
        if self.copier.dbs or not self.source.databases().keys() <= set(self.dbs):
            return False
        found = []
        for end in (self.source, self.target):
            reply = end.ask([("DEBUG", "DIGEST")])[0]
            if isinstance(reply, ResponseError):
                return False
            found.append(reply)
        if found[0] != found[1]:
            return False
        self.verdict.lines.append(f"the digests of all keys are the same: {found[0].decode()}")
        return True

    def _sample(self, total: int) -> None:
        compared, wrong = 0, 0
        for db, count in sorted(self.source.databases().items()):
            if db not in self.dbs or not self._goes_on():
                continue
            wanted = min(max(1, SAMPLE * count // total), 2 * count)
            keys = {key for key in self.source.ask([("RANDOMKEY",)] * wanted, db) if isinstance(key, bytes)}
            compared += len(keys)
            wrong += self._compare(db, list(keys))
        self.verdict.lines.append(f"{compared} keys of a random sample were compared: {_result(wrong)}")

    def _all(self) -> None:
        compared, wrong = 0, 0
        for db in self.dbs:
            for keys in scan(self.source, db):
                if not self._goes_on():
                    break
                compared += len(keys)
                wrong += self._compare(db, keys)
        self.verdict.lines.append(f"all {compared} keys were compared: {_result(wrong)}")

    def _compare(self, db: int, keys: list[bytes]) -> int:
        """Returns how many differ; those that are about to expire do not count."""
        wrong = self.copier.differing(db, keys)
        gone = ending(self.source, db, wrong) & ending(self.target, self.copier.target_db(db), wrong)
        wrong = [key for key in wrong if key not in gone]
        if wrong:
            self._tell(f"database {db}: {len(wrong)} keys differ", wrong)
        return len(wrong)

    def _tell(self, text: str, keys: list[bytes]) -> None:
        self.verdict.wrong += len(keys)
        self.verdict.lines.append(
            f"{text}: {', '.join(repr(key)[1:] for key in keys[:NAMED])}{', ...' if len(keys) > NAMED else ''}"
        )

    def _goes_on(self) -> bool:
        if self.verdict.complete and not self.go_on():
            self.verdict.complete = False
            self.verdict.lines.append("the comparison was stopped: the pause of the source has ended")
        return self.verdict.complete


def _result(wrong: int) -> str:
    return f"{wrong} differ" if wrong else "the same"
