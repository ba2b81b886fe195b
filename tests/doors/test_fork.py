"""Stores and os.fork: the parent is not affected, the child has a copy of its own whose lock is free."""

import os
import threading

import pytest
import redis

import kvd

from ..waiting import blocked, eventually


@pytest.mark.parametrize("served", [False, True])
def test_fork(served):
    store = kvd.Store()
    server = store.serve() if served else None
    store.set("k", "parent")
    store.set("t", "v", ex=100)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            ok = store.get("k") == b"parent"
            store.set("k", "child")
            store.set("gone", "x", px=20)
            ok = ok and eventually(lambda: store.dbsize() == 2) and store.execute("DEBUG", "CHECK") == b"OK"
            with store.serve() as own:
                ok = ok and redis.Redis(port=own.port).get("k") == b"child"
            os.write(write, b"1" if ok else b"0")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 1) == b"1"
    assert store.get("k") == b"parent"
    if server:
        assert redis.Redis(port=server.port).get("k") == b"parent"
        server.stop()
    os.close(read)
    os.close(write)


def in_child(check):
    """Whether check() is true in a forked child."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_lock_that_another_thread_holds_is_free_in_the_child():
    store = kvd.Store(enable_debug_command="yes")
    stop = threading.Event()

    def work():
        while not stop.is_set():
            store.incr("n")

    with store.serve():
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                assert in_child(lambda: store.incr("n") > 0 and store.execute("DEBUG", "CHECK") == b"OK")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert store.incr("n") > 0


def test_waits_of_the_parents_threads_are_not_the_childs(store):
    got = []
    waiter = threading.Thread(target=lambda: got.append(store.blpop("l", timeout=60)))
    waiter.start()
    blocked(store)
    assert in_child(lambda: store.rpush("l", "child") == 1 and store.llen("l") == 1 and store.info("clients")["blocked_clients"] == 0)
    assert store.info("clients")["blocked_clients"] == 1
    store.rpush("l", "parent")
    waiter.join(60)
    assert got == [(b"l", b"parent")]


def test_sessions_go_on_in_the_child(store):
    session = store.session()
    session.execute("SELECT", 3)
    session.execute("MULTI")
    assert in_child(lambda: session.execute("SET", "k", "child") == b"QUEUED" and session.execute("EXEC") == [b"OK"] and session.execute("GET", "k") == b"child")
    session.execute("SET", "k", "parent")
    assert session.execute("EXEC") == [b"OK"] and session.execute("GET", "k") == b"parent"


def test_a_child_of_a_child(store):
    store.set("k", 1)
    assert in_child(lambda: store.incr("k") == 2 and in_child(lambda: store.incr("k") == 3) and store.get("k") == b"2") and store.get("k") == b"1"
