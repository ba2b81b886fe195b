"""The end of a store: what could not be written is reported, and the sync of a file that is not appended to any more counts, too."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kvd

from .process import build_faults

ROOT = Path(__file__).parents[2]
BEGIN = """
import gc, os, sys, time, kvd
path, failing = sys.argv[1:3]
def fail(): open(failing, "w").close()
def mend(): os.unlink(failing)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    found = build_faults(tmp_path_factory.mktemp("faults"))
    if found is None:
        pytest.skip("needs gcc and LD_PRELOAD")
    return found


@pytest.fixture
def program(library, tmp_path):
    """Runs Python code whose calls of some names fail between fail() and mend()."""
    folder = tmp_path / "data"
    folder.mkdir()

    def run(code, calls, error=errno.ENOSPC, only=""):
        environ = {
            **os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "LD_PRELOAD": library, "KVDDEV_FAULT_FOLDER": str(folder / only), "KVDDEV_FAULT_AT": "1",
            "KVDDEV_FAULT_KIND": str(error), "KVDDEV_FAULT_WHILE": str(tmp_path / "failing"), "KVDDEV_FAULT_CALLS": f"{calls},",
        }  # fmt: skip
        done = subprocess.run([sys.executable, "-c", BEGIN + code, str(folder / "app.kvd"), str(tmp_path / "failing")], env=environ, capture_output=True, text=True, cwd=ROOT, timeout=60)
        return done

    run.path = folder / "app.kvd"
    return run


FAILURES = [("write", errno.ENOSPC), ("fsync", errno.EIO)]


@pytest.mark.parametrize(("calls", "error"), FAILURES)
@pytest.mark.parametrize("end", ["store.close()", "store.__exit__(None, None, None)"])
def test_close_raises_and_closes(program, calls, error, end):
    code = f"""
store = kvd.Store(path, synchronous="off")
store.set("before", "1")
store.sync()
fail()
store.set("last", "x" * 100)
try:
    {end}
except OSError as e:
    print("raised", e.errno, "could not be written" in str(e))
print("closed", store.closed)
mend()
again = kvd.Store(path)
print(again.get("before"))
"""
    done = program(code, calls, error)
    assert done.stdout.splitlines() == [f"raised {error} True", "closed True", "b'1'"], done.stderr


def test_sync_can_be_repeated_before_close(program):
    code = """
store = kvd.Store(path)
store.set("k", "1")
fail()
try:
    store.set("last", "1")
except OSError as e:
    print("in memory alone")
try:
    store.sync()
except OSError:
    print("not yet")
mend()
store.sync()
store.close()
print(kvd.Store(path).get("last"))
"""
    done = program(code, "write")
    assert done.stdout.splitlines() == ["in memory alone", "not yet", "b'1'"], done.stdout + done.stderr


@pytest.mark.parametrize("end", ["", "del store; gc.collect()"])
def test_an_end_without_close_reports_it(program, end):
    done = program(f"store = kvd.Store(path, synchronous='off')\nfail()\nstore.set('k', 'v')\n{end}", "write")
    assert "could not be written" in done.stderr and "No space left" in done.stderr or "Errno 28" in done.stderr, done.stderr


def test_the_other_stores_are_closed_at_the_end_of_the_program(program):
    code = """
stores = [kvd.Store(path + str(i), synchronous="off") for i in range(3)]
for store in stores:
    store.set("k", "v")
fail()
import atexit
atexit.register(lambda: None)
"""
    done = program(code, "ftruncate")
    assert done.returncode == 0
    for i in range(3):
        with kvd.Store(f"{program.path}{i}") as store:
            assert store.get("k") == b"v"


def test_a_failed_sync_of_the_increment_before_the_last_refuses_writes(program):
    """It is synced in the background when a rewrite has begun a new one. Until that succeeds writes are refused, unless the new base is complete."""
    code = """
folder = os.path.dirname(path)
store = kvd.Store(dir=folder, appendonly="yes")
store.set("k", "1")
os.makedirs(folder + "/appendonlydir/appendonly.aof.2.base.rdb/full")      # so that this rewrite fails
def info(name): return store.info("persistence")[name]
def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
fail()
print(store.execute("BGREWRITEAOF").decode())
until(lambda: info("aof_last_write_status") == "err" and info("aof_rewrite_in_progress") == 0)
for use in (lambda: store.set("k", "2"), store.sync):
    try:
        use()
    except (kvd.KvdError, OSError) as e:
        print(type(e).__name__)
print(info("aof_last_bgrewrite_status"))
mend()
until(lambda: info("aof_last_write_status") == "ok")
store.set("k", "3")
store.close()
print(kvd.Store(dir=folder, appendonly="yes").get("k"))
"""
    done = program(code, "fsync", errno.EIO, only="appendonlydir/appendonly.aof.1.incr.aof")
    assert done.stdout.splitlines() == ["Background append only file rewriting started", "ResponseError", "OSError", "err", "b'3'"], done.stdout + done.stderr
