"""What a master does with its replicas: states, acknowledgements, limits."""

import shutil
import subprocess
import time

import pytest

import kvd

from ..compat.wire import Wire, programs
from ..waiting import eventually
from .tap import Tap, info, offset_of


def test_info_role_and_clients_show_a_replica(origin):
    wire = Wire(("127.0.0.1", origin.port))
    tap = Tap(origin.port, options=(("capa", "eof"), ("capa", "psync2"), ("ip-address", "10.1.2.3")))
    origin.set("a", "1")
    end = offset_of(origin)
    tap.acknowledge(end)
    eventually(lambda: info(origin)["slave0"] == f"ip=10.1.2.3,port=1,state=online,offset={end},lag=0")
    assert wire("ROLE") == [b"master", end, [[b"10.1.2.3", b"1", str(end).encode()]]]
    assert b" flags=S " in wire("CLIENT", "LIST", "TYPE", "replica") and wire("CLIENT", "LIST", "TYPE", "slave").count(b"id=") == 1
    assert b" flags=S " not in wire("CLIENT", "LIST", "TYPE", "normal")
    assert wire("CLIENT", "KILL", "TYPE", "replica") == 1
    eventually(lambda: info(origin)["connected_slaves"] == "0")
    with pytest.raises(ConnectionError):
        tap.read(10**6)
    tap.close()
    wire.close()


def test_the_stream_waits_for_the_acknowledgement_of_the_snapshot(origin):
    tap = Tap(origin.port, acks=False)
    origin.set("a", "1")
    assert "state=send_bulk" in info(origin)["slave0"] and tap.data == b""
    tap.acknowledge(tap.offset)
    assert tap.commands(offset_of(origin))[-1] == (b"SET", b"a", b"1")
    tap.close()


def test_a_replica_gets_no_replies(origin):
    tap = Tap(origin.port)
    tap.say("PING")
    tap.say("GET", "a")
    tap.say("NOSUCH")
    origin.set("a", "1")
    assert tap.read(10) == b"*2\r\n$6\r\nSE"
    tap.close()


def test_wait_counts_the_replicas_that_have_the_writes(origin):
    one, two = Tap(origin.port), Tap(origin.port)
    wire = Wire(("127.0.0.1", origin.port))
    wire("SET", "a", "1")
    end = offset_of(origin)
    assert wire("WAIT", 1, 10) == 0                # asks them
    assert one.commands(offset_of(origin))[-1] == (b"REPLCONF", b"GETACK", b"*")
    wire.send(Wire.frame(("WAIT", 2, 0)))
    eventually(lambda: info(origin, "clients")["blocked_clients"] == "1")
    one.acknowledge(end)
    two.acknowledge(end - 1)
    eventually(lambda: f"offset={end}" in info(origin)["slave0"] + info(origin)["slave1"])
    assert info(origin, "clients")["blocked_clients"] == "1"
    two.acknowledge(end)
    assert wire.read() == 2
    assert wire("WAIT", 3, 10) == 2 and wire("WAIT", 0, 0) == 2
    assert wire("MULTI") == b"OK" and wire("WAIT", 3, 0) == b"QUEUED" and wire("EXEC") == [2]
    assert str(wire("WAIT", 1, -1)) == "ERR timeout is negative"
    for each in (one, two, wire):
        each.close()


def test_waitaof_counts_the_disks_of_replicas(origin):
    tap, wire = Tap(origin.port), Wire(("127.0.0.1", origin.port))
    wire("SET", "a", "1")
    end = offset_of(origin)
    tap.acknowledge(end)
    assert wire("WAITAOF", 0, 1, 10) == [0, 0]
    tap.say("REPLCONF", "ACK", end, "FACK", end)
    assert wire("WAITAOF", 0, 1, 0) == [0, 1]
    tap.close()
    wire.close()


def test_unblocking_a_client_that_waits_for_replicas(origin):
    tap, wire = Tap(origin.port), Wire(("127.0.0.1", origin.port))
    number = wire("CLIENT", "ID")
    wire("SET", "a", "1")
    wire.send(Wire.frame(("WAIT", 1, 0)))
    eventually(lambda: info(origin, "clients")["blocked_clients"] == "1")
    assert origin.execute("CLIENT", "UNBLOCK", number) == 1
    assert wire.read() == 0
    tap.close()
    wire.close()


def test_writes_need_enough_replicas(origin):
    origin.config_set("min-replicas-to-write", 1)
    with pytest.raises(kvd.ResponseError, match="NOREPLICAS Not enough good replicas to write."):
        origin.set("a", "1")
    with pytest.raises(kvd.ResponseError, match="NOREPLICAS"):
        origin.eval("return redis.call('set', 'a', 1)", 0)
    assert origin.get("a") is None
    tap = Tap(origin.port)
    eventually(lambda: info(origin)["min_slaves_good_slaves"] == "1")
    assert origin.set("a", "1")
    tap.close()
    eventually(lambda: info(origin)["min_slaves_good_slaves"] == "0")
    with pytest.raises(kvd.ResponseError, match="NOREPLICAS"):
        origin.set("a", "1")
    origin.config_set("min-replicas-to-write", 0)
    assert origin.set("a", "1")


def test_a_silent_replica_is_disconnected(origin):
    origin.config_set("repl-timeout", 1)
    tap = Tap(origin.port)
    eventually(lambda: info(origin)["connected_slaves"] == "0")
    tap.close()


def test_pings_keep_the_link_alive(origin):
    origin.config_set("repl-ping-replica-period", 1)
    tap = Tap(origin.port)
    assert tap.read(14) == b"*1\r\n$4\r\nPING\r\n"
    tap.close()


def test_replicas_of_old_protocols(origin):
    """SYNC, and no mark: a length, and the stream at once."""
    origin.set("a", "1")
    tap = Tap(origin.port, "SYNC", options=(), acks=False)
    assert tap.header == b"$%d" % len(tap.snapshot) and tap.snapshot[:5] == b"REDIS"
    origin.set("a", "2")
    assert b"SET" in tap.read(40)
    tap.close()


@pytest.mark.real_server
@pytest.mark.skipif(shutil.which("redis-cli") is None or not programs(), reason="there is no redis-cli")
@pytest.mark.parametrize("option", ["--rdb", "--functions-rdb"])
def test_redis_cli_fetches_a_snapshot(origin, tmp_path, option):
    origin.mset({f"k{i}": i for i in range(100)})
    origin.execute("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('seven', function() return 7 end)")
    path = tmp_path / "dump.rdb"
    done = subprocess.run(["redis-cli", "-p", str(origin.port), option, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    copy = kvd.Store()
    copy.load(path)
    assert copy.dbsize() == (100 if option == "--rdb" else 0) and copy.execute("FCALL", "seven", 0) == 7


def test_a_replica_that_announces_no_port_is_shown_by_its_address(origin):
    """redis-cli --replica is one."""
    tap = Tap(origin.port, "SYNC", options=None)
    eventually(lambda: info(origin)["slave0"].startswith("ip=127.0.0.1,port="))
    wire = Wire(("127.0.0.1", origin.port))
    assert wire("ROLE")[2][0][0] == b"127.0.0.1"
    tap.close()
    wire.close()


def test_a_line_break_is_a_sign_of_life(origin):
    """Of a replica that loads what it was sent, and acknowledges nothing meanwhile."""
    origin.config_set("repl-timeout", 2)
    tap = Tap(origin.port, acks=False)
    for _ in range(60):
        tap.socket.sendall(b"\n")
        time.sleep(0.1)
    assert "state=send_bulk" in info(origin)["slave0"]
    tap.close()


def test_waiting_for_what_replicas_have_acknowledged_asks_nothing(origin):
    tap, wire = Tap(origin.port), Wire(("127.0.0.1", origin.port))
    wire("SET", "a", "1")
    end = offset_of(origin)
    tap.acknowledge(end)
    eventually(lambda: f"offset={end}" in info(origin)["slave0"])
    assert wire("WAIT", 1, 0) == 1 and wire("WAITAOF", 0, 0, 0) == [0, 0] and offset_of(origin) == end
    tap.close()
    wire.close()


def test_what_expires_before_debug_reload_is_deleted_on_replicas(origin):
    """Redis drops it as it loads, and does not tell them."""
    origin.clock.freeze()
    tap = Tap(origin.port)
    origin.execute("SET", "k", "v", "PX", "100")
    origin.execute("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    origin.clock.advance(1000)
    assert origin.execute("DEBUG", "RELOAD") == b"OK"
    origin.execute("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    origin.clock.advance(1)
    eventually(lambda: origin.dbsize() == 0)
    assert (b"DEL", b"k") in [(words[0].upper(), *words[1:]) for words in tap.commands(offset_of(origin))]
    tap.close()


def test_the_time_limit_for_idle_clients_is_not_for_those_that_listen(origin):
    origin.config_set("timeout", 1)
    origin.config_set("repl-diskless-sync-delay", 4)
    origin.config_set("repl-diskless-sync-max-replicas", 2)
    wire, idle = Wire(("127.0.0.1", origin.port)), Wire(("127.0.0.1", origin.port))
    wire("SUBSCRIBE", "news")
    tap = Tap(origin.port)                     # waits for others, and says nothing meanwhile
    with pytest.raises((ConnectionError, EOFError, OSError)):
        idle.read()
    assert tap.snapshot
    origin.publish("news", "1")
    assert wire.read() == [b"message", b"news", b"1"]
    tap.close()
    wire.close()


def test_a_store_that_does_not_listen_announces_no_port(origin, follower):
    follower.replicate_from(f"redis://127.0.0.1:{origin.port}", timeout=60)
    assert info(origin)["slave0"].startswith("ip=127.0.0.1,port=0,state=")
    eventually(lambda: [each[:2] for each in origin.execute("ROLE")[2]] == [[b"127.0.0.1", b"0"]])
