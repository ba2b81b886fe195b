"""How much CPU do get and set of a DiskCache need, beside other stores in a file?

Each subject is called in turn in one run, several rounds, and the round with the least CPU (user and system, of the whole process,
with its threads) counts. What is not installed is left out. DiskCache, diskcache and rocksdict store Python objects; sqlite3 and
lmdb store bytes as they are, pickled for objects. Nothing waits for the disk: synchronous=normal and what resembles it.

    PYTHONPATH=$(ls -d build/release/lib.*) python benchmarks/vs_diskcache.py [--memory] [--markdown]

--memory: the DiskCache is in memory; also used where kvd has no store in a file.
"""

from __future__ import annotations

import pickle
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kvd

KEYS = [f"user:{n}" for n in range(1000)]
VALUES: dict[str, Any] = {
    "int": 12345,
    "text of 20": "x" * 20,
    "bytes of 1 KB": bytes(1024),
    "dict of 10": {f"field{n}": n * 1000 for n in range(10)},
}
ROUNDS = 5

Calls = tuple[Callable[[str], Any], Callable[[str, Any], Any], Callable[[], Any]]  # get, set, close


def kvd_cache(folder: Path) -> Calls:
    try:
        cache = kvd.DiskCache(None if "--memory" in sys.argv else folder / "app.kvd")
    except kvd.ConfigError:
        cache = kvd.DiskCache()
    return cache.get, cache.set, cache.close


def disk_cache(folder: Path) -> Calls:
    import diskcache  # type: ignore[import-not-found,unused-ignore]

    cache = diskcache.Cache(str(folder))
    return cache.get, cache.set, cache.close


def encoded(value: Any) -> bytes:
    return value if type(value) is bytes else pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def decoded(data: bytes) -> Any:
    return pickle.loads(data) if data.startswith(b"\x80") else data


def sqlite(folder: Path) -> Calls:
    db = sqlite3.connect(folder / "db", isolation_level=None)
    for pragma in ("journal_mode=wal", "synchronous=normal", "mmap_size=67108864"):
        db.execute(f"pragma {pragma}")
    db.execute("create table t (k text primary key, v blob) without rowid")

    def get(key: str) -> Any:
        return decoded(db.execute("select v from t where k = ?", (key,)).fetchone()[0])

    def put(key: str, value: Any) -> None:
        db.execute("insert or replace into t values (?, ?)", (key, encoded(value)))

    return get, put, db.close


def lmdb(folder: Path) -> Calls:
    import lmdb as package  # type: ignore[import-not-found,unused-ignore]

    env = package.open(str(folder), map_size=2**30, sync=False)

    def get(key: str) -> Any:
        with env.begin() as reading:
            return decoded(reading.get(key.encode()))

    def put(key: str, value: Any) -> None:
        with env.begin(write=True) as writing:
            writing.put(key.encode(), encoded(value))

    return get, put, env.close


def rocksdict(folder: Path) -> Calls:
    from rocksdict import Rdict  # type: ignore[import-not-found,unused-ignore]

    db = Rdict(str(folder))
    return db.__getitem__, db.__setitem__, db.close


SUBJECTS: dict[str, tuple[str, Callable[[Path], Calls]]] = {  # name: (package, opening)
    "kvd.DiskCache": ("kvd", kvd_cache),
    "diskcache": ("diskcache", disk_cache),
    "sqlite3 WAL": ("sqlite3", sqlite),
    "lmdb": ("lmdb", lmdb),
    "rocksdict": ("rocksdict", rocksdict),
}


def spent(work: Callable[[], None]) -> float:
    """CPU microseconds for each key."""
    before = time.process_time()
    work()
    return (time.process_time() - before) / len(KEYS) * 1e6


def measure(subjects: dict[str, Calls], value: Any) -> Iterator[tuple[str, dict[str, float]]]:
    """("set" or "get", CPU of each subject), of subjects called in turn."""
    best: dict[str, dict[str, float]] = {what: dict.fromkeys(subjects, float("inf")) for what in ("set", "get")}
    for _ in range(ROUNDS):
        for name, (get, put, _) in subjects.items():

            def write(put: Callable[[str, Any], Any] = put) -> None:
                for key in KEYS:
                    put(key, value)

            def read(get: Callable[[str], Any] = get) -> None:
                for key in KEYS:
                    get(key)

            best["set"][name] = min(best["set"][name], spent(write))
            best["get"][name] = min(best["get"][name], spent(read))
            assert get(KEYS[0]) == value, name
    yield from best.items()


def row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |" if "--markdown" in sys.argv else "  ".join(cell.ljust(16) for cell in cells))


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="kvd-bench-"))
    found = {name: opening for name, (package, opening) in SUBJECTS.items() if find_spec(package)}
    subjects = {}
    for at, (name, opening) in enumerate(found.items()):
        (folder / str(at)).mkdir()
        subjects[name] = opening(folder / str(at))
    row(["CPU us per call", *subjects])
    if "--markdown" in sys.argv:
        print("|" + "---|" * (len(subjects) + 1))
    for label, value in VALUES.items():
        for what, figures in measure(subjects, value):
            row([f"{what} {label}", *[f"{figures[name]:.2f}" for name in subjects]])
    for _, _, close in subjects.values():
        close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
