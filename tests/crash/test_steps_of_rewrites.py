"""A rewrite is stopped at each call that waits for the disk: others use the store meanwhile, or end the log."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import kvd

from .conftest import LONG
from .process import build_faults

ROOT = Path(__file__).parents[2]
STEPS = {"folder": 8, "file": 4}      # a rewrite has at least so many
PROGRAM = """
import faulthandler, os, subprocess, sys, threading, time, kvd
faulthandler.dump_traceback_later(50, exit=True)
from kvd.doors.files import is_writing
folder, form, policy, stepping, at, action = sys.argv[1:]
held = stepping + ".held"

def make():
    if form == "folder":
        return kvd.Store(dir=folder, appendonly="yes", appendfsync=policy, enable_debug_command="yes")
    return kvd.Store(folder + "/app.kvd", dir=folder, synchronous={"always": "full", "everysec": "normal"}[policy], enable_debug_command="yes")

def work(n):
    assert store.get("k") == b"v"
    store.incr("n")
    store.rpush("l", n)
    store.execute("SELECT", n % 4)
    store.append("a", "x" * n)
    store.execute("SELECT", 0)

def begin():
    '''A rewrite that stops at each call.'''
    open(stepping, "w").close()
    assert store.execute("BGREWRITEAOF") == b"Background append only file rewriting started"

def go_on():
    os.unlink(stepping)
    while is_writing(store) or os.path.exists(held):
        try:
            os.unlink(held)
        except FileNotFoundError:
            time.sleep(0.001)

def go_on_soon():
    '''By another process: this one may wait for the thread that is held, and keep the GIL.'''
    free = f"sleep 0.1; rm -f '{stepping}'; for i in $(seq 300); do rm -f '{held}'; sleep 0.01; done"
    subprocess.Popen(["sh", "-c", free], env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL)

def next_step():
    while not os.path.exists(held):
        if not is_writing(store):
            return False
        time.sleep(0.0005)
    return True

store = make()
store.set("k", "v")
for i in range(100):
    work(i)
begin()
steps = 0
while next_step() and steps != int(at):
    steps += 1
    work(steps)
    if steps != int(at):
        os.unlink(held)
"""
ENDS = {
    "": "go_on()\n",
    "flushall": "store.flushall()\nstore.set('k', 'v')\ngo_on()\nwork(1)\n",
    "loadaof": "before = store.execute('DEBUG', 'DIGEST')\nassert store.execute('DEBUG', 'LOADAOF') == b'OK'\nassert store.execute('DEBUG', 'DIGEST') == before\ngo_on()\nwork(1)\n",
    "save": "store.execute('SAVE')\nwork(1)\ngo_on()\n",
    "off": """
digest = store.execute("DEBUG", "DIGEST")
go_on_soon()
store.config_set("appendonly", "no")
store.set("not logged", "1")
while is_writing(store):
    time.sleep(0.001)
""",
    "off and on": """
go_on_soon()
store.config_set("appendonly", "no")
store.set("between", "1")
store.config_set("appendonly", "yes")
while store.info("persistence")["aof_enabled"] != 1 or is_writing(store):
    time.sleep(0.001)
assert store.info("persistence")["aof_last_bgrewrite_status"] == "ok"
work(2)
""",
    "close": """
digest = store.execute("DEBUG", "DIGEST")
end = threading.Thread(target=store.close)
end.start()
end.join(0.05)
os.unlink(stepping)
while end.is_alive():
    try:
        os.unlink(held)
    except FileNotFoundError:
        time.sleep(0.001)
""",
    "fork": """
child = os.fork()
if child == 0:
    store.set("of the child", "1")
    store.clock.advance(1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
go_on()
work(2)
""",
    "kill": "digest = store.execute('DEBUG', 'DIGEST')\nprint(steps, digest.decode(), flush=True)\nos.kill(os.getpid(), 9)\n",
}
LAST = """
if not store.closed:
    digest = digest if "digest" in globals() else store.execute("DEBUG", "DIGEST")
    store.close()
print(steps, digest.decode())
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    found = build_faults(tmp_path_factory.mktemp("faults"))
    if found is None:
        pytest.skip("needs gcc and LD_PRELOAD")
    return found


class Run:
    """`steps` of a rewrite; the action is done while it waits at step `at`. -1: at none."""

    def __init__(self, library, folder, form, policy, at=-1, action="", calls="fsync,remove,"):
        folder.mkdir()
        stepping = f"{folder}.stepping"
        environ = {
            **os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "LD_PRELOAD": library, "KVDDEV_FAULT_FOLDER": str(folder), "KVDDEV_FAULT_AT": "1",
            "KVDDEV_FAULT_KIND": "step", "KVDDEV_FAULT_WHILE": stepping, "KVDDEV_FAULT_CALLS": calls,
        }  # fmt: skip
        code = PROGRAM + ENDS[action] + LAST
        done = subprocess.run([sys.executable, "-c", code, str(folder), form, policy, stepping, str(at), action], env=environ, capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert done.returncode == (-9 if action == "kill" else 0), done.stderr
        steps, self.digest = done.stdout.split()
        self.steps, self.folder, self.form = int(steps), folder, form

    def check(self, action=""):
        """What a store that opens the files holds."""
        store = kvd.Store(dir=str(self.folder), appendonly="yes", enable_debug_command="yes") if self.form == "folder" else kvd.Store(self.folder / "app.kvd", enable_debug_command="yes")
        with store:
            assert store.execute("DEBUG", "DIGEST").decode() == self.digest
            store.set("more", "1")
            store.compact()
        if action == "kill":
            return                     # it leaves what the next rewrite does not know
        left = [name for _, _, names in os.walk(self.folder) for name in names]
        assert sorted(name for name in left if name != "dump.rdb") == (["app.kvd"] if self.form == "file" else self.named())

    def named(self):
        manifest = self.folder / "appendonlydir" / "appendonly.aof.manifest"
        return sorted([manifest.name, *(line.split()[1] for line in manifest.read_text().splitlines())])


@pytest.mark.parametrize("policy", ["everysec", "always"])
@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_store_is_used_while_its_rewrite_waits_for_the_disk(library, tmp_path, form, policy):
    run = Run(library, tmp_path / "data", form, policy)
    assert run.steps >= STEPS[form], run.steps
    run.check()


CASES = [(form, action) for form in STEPS for action in ENDS if action and not (form == "file" and action.startswith("off"))]


@pytest.mark.timeout(0 if LONG else 120)
@pytest.mark.parametrize(("form", "action"), CASES)
@pytest.mark.parametrize("policy", ["everysec", "always"])
def test_what_happens_while_a_rewrite_waits_for_the_disk_is_right(library, tmp_path, form, action, policy):
    steps = range(1, STEPS[form] + 1)
    for at in steps if LONG else random.Random(f"{form}{action}{policy}").sample(steps, 2):
        run = Run(library, tmp_path / str(at), form, policy, at, action)
        try:
            assert run.steps == at
            run.check(action)
        except Exception as error:
            error.add_note(f"at step {at}")
            raise
