"""REPLICAOF: roles that change at once, from one master to another, and back."""

import os
import re
import sys
import time

import pytest

import kvd

from ..compat.wire import Wire, free_port
from ..waiting import blocked, eventually
from .node import KVD, Node
from .tap import Master, info, is_up, snapshot


def url(store):
    return f"redis://127.0.0.1:{store.port}"


def test_a_store_follows_and_is_promoted(origin, follower):
    origin.set("a", "1")
    seen = []
    follower.replicate_from(url(origin), timeout=60, progress=seen.append)
    assert follower.get("a") == b"1" and seen[-1]["master_link_status"] == "up"
    assert follower.execute("ROLE") == [b"slave", b"127.0.0.1", origin.port, b"connected", int(info(follower)["slave_repl_offset"])]
    assert follower.option("replicaof") == f"127.0.0.1 {origin.port}"
    for write in (lambda: follower.set("a", "2"), lambda: follower.eval("return redis.call('set', 'a', 2)", 0), follower.flushall, lambda: follower.incr("a")):
        with pytest.raises(kvd.ReadOnlyError, match="READONLY You can't write against a read only replica."):
            write()
    origin.set("a", "3")
    eventually(lambda: follower.get("a") == b"3")
    follower.promote()
    assert follower.set("a", "4") and follower.option("replicaof") == ""
    origin.set("a", "5")
    assert follower.get("a") == b"4" and follower.execute("ROLE")[0] == b"master"
    follower.promote()


def test_another_master_replaces_everything(origin, follower):
    other = kvd.Store(repl_diskless_sync_delay=0)
    with other.serve() as server:
        origin.set("a", "1")
        other.set("b", "1")
        follower.replicate_from(url(origin), timeout=60)
        follower.execute("REPLICAOF", "127.0.0.1", server.port)
        eventually(lambda: follower.get("b") == b"1" and follower.get("a") is None)
        assert follower.execute("REPLICAOF", "127.0.0.1", server.port) == b"OK Already connected to specified master"
        eventually(lambda: info(origin)["connected_slaves"] == "0")


def test_changing_masters_at_every_moment(origin, follower):
    other = kvd.Store(repl_diskless_sync_delay=0)
    with other.serve() as server:
        origin.mset({f"a{i}": "x" * 100 for i in range(2000)})
        other.mset({f"b{i}": "x" * 100 for i in range(2000)})
        for i in range(60):
            follower.execute("REPLICAOF", "127.0.0.1", (origin.port, server.port)[i % 2])
            time.sleep(i % 7 / 2000)
            if i % 5 == 0:
                follower.execute("REPLICAOF", "NO", "ONE")
        up_at = server.port if is_up(follower) else None
        eventually(lambda: is_up(follower))
        assert {key[:1] for key in follower.keys("*")} in ({b"a"}, {b"b"}) and up_at in (None, server.port)


def test_blocked_clients_are_told_that_the_role_changes(origin):
    store = kvd.Store()
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        wire.send(Wire.frame(("BLPOP", "l", "0")))
        blocked(store)
        store.execute("REPLICAOF", "127.0.0.1", origin.port)
        assert str(wire.read()) == "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
        wire.close()
    store.close()


def test_the_link_is_shown_among_the_clients_and_can_be_killed(origin, follower):
    follower.replicate_from(url(origin), timeout=60)
    listed = follower.execute("CLIENT", "LIST", "TYPE", "master").decode()
    assert f"addr=127.0.0.1:{origin.port} " in listed and " flags=M " in listed
    assert follower.execute("CLIENT", "KILL", "TYPE", "master") == 1
    origin.set("a", "1")
    eventually(lambda: follower.get("a") == b"1")
    assert info(origin, "stats")["sync_partial_ok"] == "1"


def test_without_a_master_reads_are_answered_or_refused(follower):
    follower.set("a", "1")
    follower.execute("REPLICAOF", "127.0.0.1", 1)
    assert follower.get("a") == b"1"
    follower.configure("replica-serve-stale-data", "no")
    with pytest.raises(kvd.ResponseError, match="MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."):
        follower.get("a")
    assert follower.execute("INFO") and follower.execute("ROLE")[3] in (b"connect", b"connecting")
    follower.promote()
    assert follower.get("a") == b"1"


def test_a_replica_that_may_be_written(origin, follower):
    follower.configure("replica-read-only", "no")
    follower.replicate_from(url(origin), timeout=60)
    assert follower.set("mine", "1")
    origin.set("yours", "1")
    eventually(lambda: follower.get("yours"))
    assert follower.get("mine") == b"1" and origin.get("mine") is None


def test_reconnecting_does_not_take_longer_and_longer(follower):
    times = []

    def serve(caller):
        times.append(time.monotonic())
        caller.greet()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
        eventually(lambda: len(times) >= 7)


def test_the_master_is_chosen_in_the_configuration(origin, tmp_path):
    origin.set("a", "1")
    with Node(KVD, "--replicaof", f"127.0.0.1 {origin.port}") as node:
        eventually(lambda: node.info()["master_link_status"] == "up")
        assert node("GET", "a") == b"1" and f"{node.process.pid}:S " in node.said()
        assert node.said().count("MASTER <-> REPLICA sync: Finished with success") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
def test_a_child_has_its_own_copy(origin, follower):
    origin.set("a", "1")
    follower.replicate_from(url(origin), timeout=60)
    pid = os.fork()
    if pid == 0:
        try:
            ok = follower.get("a") == b"1" and follower.set("a", "child") and follower.execute("ROLE")[0] == b"master"
            os._exit(0 if ok else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    origin.set("a", "2")
    eventually(lambda: follower.get("a") == b"2")


def test_a_replica_is_closed_while_it_synchronizes():
    data = snapshot(**{f"k{i}": "v" * 1000 for i in range(1000)})

    def serve(caller):
        caller.greet()
        caller.send(b"+FULLRESYNC " + b"a" * 40 + b" 0\r\n$%d\r\n" % len(data) + data[:5000])
        caller.hold()

    with Master(serve) as master:
        for moment in (0, 0.001, 0.05):
            store = kvd.Store()
            store.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
            time.sleep(moment)
            store.close()
            store = kvd.Store()
            store.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
            del store


def test_the_link_writes_to_the_log_while_options_are_set():
    """It does so without the lock: the path of the log must stay where it is."""
    with Node(KVD) as node:
        port = free_port()
        for i in range(300):
            node("REPLICAOF", "127.0.0.1", port) if i % 2 else node("REPLICAOF", "NO", "ONE")
            for _ in range(20):
                node.wire.send(Wire.frame(("CONFIG", "SET", "maxmemory", i)))
            assert all(node.wire.read() == b"OK" for _ in range(20))
        assert all(re.match(r"\d+:[MS] ", line) for line in node.said().splitlines() if line)
        assert node.said().count("Connecting to MASTER") > 10


def test_killing_the_client_of_a_silent_master(follower):
    asked = []

    def serve(caller):
        asked.append(caller.greet()[1:])
        if len(asked) == 1:
            caller.full(snapshot())
        else:
            caller.send(b"+CONTINUE\r\n")
        caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        assert follower.execute("CLIENT", "KILL", "TYPE", "master") == 1
        eventually(lambda: len(asked) == 2 and is_up(follower))
