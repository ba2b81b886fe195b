"""Sleeping until a session is woken: no signal is missed, no time is spent, and no lock is held."""

import os
import resource
import signal
import threading

import pytest

import kvd

from ..waiting import blocked, eventually
from .conftest import Interruption


@pytest.mark.parametrize("_", range(10))
def test_a_signal_ends_a_wait_whenever_it_comes(store, interrupt, _):
    interrupt(lambda: blocked(store))
    with pytest.raises(Interruption):
        store.blpop("l", timeout=0)
    assert store.info("clients")["blocked_clients"] == 0 and store.rpush("l", "a") == 1 and store.llen("l") == 1


def test_a_handler_that_returns_does_not_end_a_wait(store):
    handled = []
    usual = signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
    main = threading.main_thread().ident

    def send():
        blocked(store)
        signal.pthread_kill(main, signal.SIGUSR1)
        eventually(lambda: handled)
        store.rpush("l", "a")

    thread = threading.Thread(target=send)
    thread.start()
    try:
        assert store.blpop("l", timeout=0) == (b"l", b"a")
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, usual)


def test_a_wait_takes_no_time_of_the_processor(store):
    before = resource.getrusage(resource.RUSAGE_THREAD)
    assert store.blpop("l", timeout=1.5) is None
    after = resource.getrusage(resource.RUSAGE_THREAD)
    assert after.ru_utime - before.ru_utime < 0.5 and after.ru_nvcsw - before.ru_nvcsw < 100


def test_others_use_the_store_meanwhile(store):
    results = []
    threads = [threading.Thread(target=lambda i=i: results.append(store.blpop(f"l{i}", timeout=60))) for i in range(5)]
    for thread in threads:
        thread.start()
    blocked(store, 5)
    for i in range(5):
        assert store.set("k", i)
        store.rpush(f"l{i}", i)
    for thread in threads:
        thread.join(60)
    assert sorted(results) == [(b"l%d" % i, b"%d" % i) for i in range(5)]


def test_descriptors_are_given_back():
    if not os.path.exists("/proc/self/fd"):
        pytest.skip("counts descriptors in /proc")
    store = kvd.Store()
    store.rpush("l", "a")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        link = store._link(kvd.ResponseError)
        link.fileno()
        link.close()
        del link
    assert len(os.listdir("/proc/self/fd")) <= before + 2
