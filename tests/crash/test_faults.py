"""Each call that changes a file kills the process or fails, one after the other: nothing acknowledged is lost, and after a failure the
store goes on. All calls in the long run, some in the short one (conftest.py)."""

import errno
import random
import shutil
from pathlib import Path

import pytest

import kvd

from .conftest import LONG
from .workload import Model, run_step, step

SEED = 5
KILLS = ["before", "after", "half"]
FAILURES = [f"{name}-{how}" for name in ("ENOSPC", "EIO") for how in ("once", "while")]
NEVER = 10**9


def environ(folder, kind, at):
    """Of the worker; see fault.c."""
    name, _, how = kind.partition("-")
    made = {"KVDDEV_FAULT_FOLDER": str(folder), "KVDDEV_FAULT_AT": str(at), "KVDDEV_FAULT_KIND": str(getattr(errno, name, name))}
    if how == "while":
        full = Path(f"{folder}.full")
        full.touch()
        made["KVDDEV_FAULT_WHILE"] = str(full)
    return made


def chosen(count, seed, few):
    """The calls at which something happens, of count."""
    return range(1, count + 2) if LONG else sorted(random.Random(seed).sample(range(1, count + 1), min(few, count)))


class Run:
    """What a worker told: it holds between least and most steps."""

    def __init__(self, workers, model, begun, **job):
        self.least = self.most = begun
        self.acked = 0                             # of the last "a"
        self.troubles, self.bad, self.done, self.status = [], [], None, None
        workers.start(**job)
        for kind, rest in workers.lines():
            if kind == "d":
                n = model.match(rest.encode(), self.least, self.most)
                assert n is not None
                self.most = n + 1
                workers.tell(f"go {n}")
            elif kind in ("a", "s"):
                self.least = int(rest)
                self.most = max(self.most, self.least + 1)
                self.acked = self.least
            elif kind == "u":
                self.most = int(rest) + 1
            elif kind == "x":
                self.troubles.append(rest)
            elif kind == "bad":
                self.bad.append(rest)
            elif kind == "done":
                self.done, self.calls = map(int, rest.split())
        self.status = int(rest)
        if self.done is not None:
            self.least = self.most = self.done


def whole_and_usable(path, model, least, most):
    with kvd.Store(path, enable_debug_command="yes") as store:
        assert store.execute("DEBUG", "CHECK") == b"OK"
        n = model.match(store.execute("DEBUG", "DIGEST"), least, most)
        assert n is not None, f"neither of the states after {least} to {most} steps"
        with store.session() as session:
            run_step(session, step(SEED, n))
        store.compact()
        digest = store.execute("DEBUG", "DIGEST")
    assert model.match(digest, n + 1, n + 1) is not None
    with kvd.Store(path, enable_debug_command="yes") as store:
        assert store.execute("DEBUG", "DIGEST") == digest


@pytest.mark.timeout(0 if LONG else 120)
@pytest.mark.parametrize("begun", ["new", "old"])
@pytest.mark.parametrize("synchronous", ["normal", "full"])
@pytest.mark.parametrize("kind", [*KILLS, *FAILURES])
def test_a_store_in_a_file_survives_each_call(faulty_workers, tmp_path, kind, synchronous, begun):
    model = Model(SEED, 40)

    def run(kind, at, name, old=None):
        folder = tmp_path / name
        folder.mkdir()
        if old:
            shutil.copy(old, folder)
        return folder / "app.kvd", Run(
            faulty_workers, model, 14 if old else 0, kind="faulty", path=f"{folder}/app.kvd", folder=str(folder), synchronous=synchronous, seed=SEED,
            environ=environ(folder, kind, at))  # fmt: skip

    old, whole = run("before", NEVER, "whole")
    old = old if begun == "old" else None
    assert whole.status == 0 and not whole.bad
    for at in chosen(whole.calls, f"{kind}{synchronous}{begun}", 3):
        path, told = run(kind, at, f"at{at}", old)
        where = f"{kind} at call {at}: {told.troubles}"
        assert not told.bad, (where, told.bad)
        assert told.status == (0 if told.done is not None else -9), where
        assert kind in KILLS or told.done is not None, where
        try:
            whole_and_usable(path, model, told.least, told.most)
        except Exception as error:
            error.add_note(where)
            raise
        shutil.rmtree(path.parent)
