"""Each call of BGSAVE and SAVE kills the process or fails: dump.rdb is the old one or the new one, whole."""

import random
import shutil

import pytest

import kvd

from .conftest import LONG
from .test_faults import FAILURES, KILLS, NEVER, SEED, Run, chosen, environ
from .workload import Model

LEFT = "temp-999999-7f00.rdb"          # of a process that died


def steps_of(path, model):
    """The number of steps whose state the file holds; 0: there is no file."""
    if not path.exists():
        return 0
    copy = kvd.Store(enable_debug_command="yes")
    copy.load(path)
    assert copy.execute("DEBUG", "CHECK") == b"OK"
    digest = copy.execute("DEBUG", "DIGEST")
    return next(n for n in (20, 40, 60) if model.digests.get(n) == digest)


@pytest.mark.timeout(0 if LONG else 120)
@pytest.mark.parametrize("command", ["SAVE", "BGSAVE"])
@pytest.mark.parametrize("kind", [*KILLS, *FAILURES])
def test_a_snapshot_file_is_the_old_one_or_the_new_one(faulty_workers, tmp_path, kind, command):
    def run(kind, at, name):
        folder = tmp_path / name
        folder.mkdir()
        (folder / LEFT).write_bytes(b"REDIS0010 torn")
        return folder, Run(faulty_workers, None, 0, kind="dump", folder=str(folder), seed=SEED, command=command, environ=environ(folder, kind, at))

    model = Model(SEED, 60)
    folder, whole = run("before", NEVER, "whole")
    assert whole.status == 0 and steps_of(folder / "dump.rdb", model) == 60
    for at in chosen(whole.calls, f"{kind}{command}", 4):
        folder, told = run(kind, at, f"at{at}")
        where = f"{kind} at call {at}: {told.troubles}"
        assert not told.bad, (where, told.bad)
        found = steps_of(folder / "dump.rdb", model)
        if told.done is None:
            assert told.status == -9 and kind in KILLS, where
            assert found in (told.acked, told.acked + 20), (where, told.acked, found)
        else:
            assert told.status == 0 and found >= told.acked, where
            assert bool(told.troubles) == (kind not in KILLS and at <= told.calls), where
        shutil.rmtree(folder)


def test_temporary_files_of_dead_processes_do_not_disturb(faulty_workers, tmp_path):
    """Snapshots that were interrupted leave files behind; the next ones are written beside them."""
    dice = random.Random(7)
    for at in dice.sample(range(2, 8), 4):
        Run(faulty_workers, None, 0, kind="dump", folder=str(tmp_path), seed=SEED, command="BGSAVE", environ=environ(tmp_path, "half", at))
    assert list(tmp_path.glob("temp-*.rdb"))
    told = Run(faulty_workers, None, 0, kind="dump", folder=str(tmp_path), seed=SEED, command="BGSAVE", environ=environ(tmp_path, "before", NEVER))
    assert told.status == 0 and not told.troubles
    model = Model(SEED, 60)
    assert steps_of(tmp_path / "dump.rdb", model) == 60
