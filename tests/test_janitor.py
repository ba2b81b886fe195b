"""The janitor: one thread for all caches and stores, there only while something is due, quiet at exit and forks."""

import os
import subprocess
import sys
import weakref

import pytest

import kvd
from kvd.janitor import Janitor, Plan, now_us

from .waiting import eventually


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="counts threads in /proc")
def test_the_janitor_ends_when_nothing_has_a_deadline():
    """In a process of its own: the thread serves all stores, and other tests have some."""
    script = """
import os, time, kvd
def janitors():
    return len(os.listdir("/proc/self/task")) - 1
def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
store, other = kvd.Store(), kvd.Store()
store.set("a", "b")
assert janitors() == 0
store.set("k", "v", px=30)
other.set("k", "v", px=60)
assert janitors() == 1
wait_until(lambda: janitors() == 0)
assert store.dbsize() == 1 and other.dbsize() == 0
store.set("k", "v", px=30)
wait_until(lambda: store.dbsize() == 1 and janitors() == 0)
store.set("k", "v", ex=1000)
del store
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "fine\n" and done.stderr == ""


def test_interpreter_exit_and_fork_with_a_janitor_are_quiet():
    script = """
import kvd, os, sys, threading, time
c = kvd.Cache(ttl=0.05)
c["a"] = 1
assert threading.active_count() == 1
def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
expired = lambda: c._figures()[3]["expired"]
wait_until(lambda: expired() == 1)
assert c.nbytes and c.stats().evictions["expired"] == 1
c["b"] = 1
pid = os.fork()
if pid == 0:
    c["c"] = 1
    wait_until(lambda: expired() == 3)     # "b" and "c" left without a call
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
wait_until(lambda: expired() == 2)         # and "b" here
c.set("d", 1, ttl=1000)
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "ignore:This process:DeprecationWarning", "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_cache_without_deadlines_starts_no_thread():
    script = "import kvd, os; c = kvd.Cache(5); c[1] = 1; assert len(os.listdir('/proc/self/task')) == 1"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_expired_entries_leave_without_traffic_and_one_janitor_serves_all():
    heard = []
    before = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0
    caches = [kvd.Cache(on_evict=lambda *event: heard.append(event)) for _ in range(50)]
    for n, cache in enumerate(caches):
        cache.set("k", n, ttl=0.05 + n / 1000)
    eventually(lambda: len(heard) == 50)
    assert sorted(heard) == [("k", n, "expired") for n in range(50)]
    if before:
        assert len(os.listdir("/proc/self/task")) <= before + 1


class Owner:
    """What a plan visits: says when it wants the next visit."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.visits = 0

    def _expire(self, slice_us):
        self.visits += 1
        return self.answers.pop(0) if self.answers else None


@pytest.fixture
def janitor():
    one = Janitor()
    yield one
    one.stop()
    assert one.ended.acquire(timeout=60)


def test_it_visits_until_nothing_is_left_to_do(janitor):
    owner = Owner(0, 0, now_us())
    janitor.plan(now_us(), Plan(owner))
    eventually(lambda: owner.visits == 4)


def test_the_sooner_of_two_plans_counts(janitor):
    owner = Owner()
    plan = Plan(owner)
    janitor.plan(now_us() + 1_000_000_000, plan)
    janitor.plan(now_us(), plan)
    eventually(lambda: owner.visits == 1)
    assert janitor.started


def test_an_owner_that_is_gone_is_not_visited(janitor):
    heard = []
    owner, last = Owner(), Owner()
    owner._expire = lambda slice_us: heard.append("gone")
    gone = weakref.ref(owner)
    plan = Plan(owner)
    del owner
    assert gone() is None                                     # a plan keeps nothing alive
    janitor.plan(now_us(), plan)
    janitor.plan(now_us(), Plan(last))
    eventually(lambda: last.visits == 1)
    assert heard == []


def test_it_pauses_and_resumes(janitor):
    owner = Owner()
    janitor.plan(now_us() + 1_000_000_000, Plan(owner))
    eventually(lambda: janitor.visits)
    janitor.pause()
    assert not janitor.started
    janitor.plan(now_us(), Plan(owner))
    janitor.resume()
    eventually(lambda: owner.visits == 1)
