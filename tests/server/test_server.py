"""Connections, limits and CLIENT, with real clients on real sockets."""

import re
import socket
import subprocess
import sys
import threading
import time

import pytest
import redis

import kvd
from tests.compat.wire import Wire
from tests.waiting import eventually


def connect(server):
    return Wire(("127.0.0.1", server.port))


def closed(wire):
    try:
        wire.read()
    except (ConnectionError, OSError):
        return True
    return False


def test_redis_py_both_protocols(server):
    for protocol in (2, 3):
        client = redis.Redis(port=server.port, protocol=protocol)
        assert client.set("k", "v", ex=10) and client.get("k") == b"v" and 8 < client.ttl("k") <= 10
        pipe = client.pipeline()
        pipe.incr("n").get("k")
        assert pipe.execute()[1] == b"v"
        assert client.client_id() > 0 and client.info()["role"] == "master"
        assert len(client.command()) > 60


def test_unix_socket(tmp_path):
    path = tmp_path / "s"
    with kvd.Store(unixsocketperm=700).serve(unix_path=path) as server:
        client = redis.Redis(unix_socket_path=str(path))
        assert client.set("k", "v") and client.get("k") == b"v"
        assert path.stat().st_mode & 0o777 == 0o700
        assert server.url == f"unix://{path}" and server.port == 0
        assert redis.from_url(server.url).ping()
    assert not path.exists()


@pytest.mark.parametrize("port", [1.5, "6379", b"1"])
def test_a_port_is_an_int(port):
    with pytest.raises(TypeError, match="port must be an int"):
        kvd.Store().serve(port)


def test_a_log_file_or_folder_that_there_is_not(tmp_path):
    with pytest.raises(kvd.ConfigError, match="logfile: Can't open the log file"):
        kvd.Store(logfile=tmp_path / "no" / "log").serve(log=True)
    with pytest.raises(kvd.ConfigError, match="dir: Can't chdir to"):
        kvd.Store(dir=tmp_path / "no")


def test_taken_port(server):
    with pytest.raises(kvd.ServerError, match="Failed listening on port"):
        kvd.Store().serve(port=server.port)
    with pytest.raises(kvd.ServerError, match="already"):
        server.store.serve()


@pytest.mark.parametrize("threads", [1, 4])
def test_many_clients(threads):
    store = kvd.Store()
    with store.serve(threads=threads) as server:
        def work(n):
            wire = connect(server)
            for i in range(300):
                assert wire("INCR", "total") >= 1
                assert wire("SET", f"{n}:{i}", i) == b"OK"
            wire.close()

        workers = [threading.Thread(target=work, args=(n,)) for n in range(20)]
        for t in workers:
            t.start()
        for t in workers:
            t.join()
        assert store.get("total") == b"6000" and store.dbsize() == 6001
        assert store.execute("DEBUG", "CHECK") == b"OK"


def test_watch_between_clients(server):
    a, b = connect(server), connect(server)
    a("SET", "k", 1)
    for change in (("SET", "k", 2), ("DEL", "k"), ("EXPIRE", "k", 100), ("FLUSHALL",), ("SWAPDB", 0, 1), ("APPEND", "k", "x")):
        a("SET", "k", 1)
        a("WATCH", "k")
        b(*change)
        a("MULTI")
        a("INCR", "n")
        assert a("EXEC") is None, change
    a("WATCH", "k")
    b("GET", "k")
    a("MULTI")
    assert a("EXEC") == []


def test_watched_key_that_expires(server):
    server.store.clock.freeze(1_700_000_000)
    a = connect(server)
    a("SET", "k", 1, "PX", 30)
    a("WATCH", "k")
    server.store.clock.advance(1)
    a("MULTI")
    assert a("EXEC") is None


def test_password():
    store = kvd.Store(requirepass="secret")
    with store.serve() as server:
        wire = connect(server)
        assert str(wire("GET", "k")) == "NOAUTH Authentication required."
        assert str(wire("AUTH", "wrong")).startswith("WRONGPASS")
        assert str(wire("HELLO", "3")).startswith("NOAUTH HELLO must be called")
        assert wire("AUTH", "secret") == b"OK"
        assert wire("GET", "k") is None
        assert wire("RESET") == b"RESET"
        assert str(wire("GET", "k")) == "NOAUTH Authentication required."
        assert redis.Redis(port=server.port, password="secret", username="default").ping()
        assert store.get("k") is None


def test_client_list_and_kill(server):
    a, b = connect(server), connect(server)
    a("CLIENT", "SETNAME", "first")
    b("CLIENT", "SETINFO", "LIB-NAME", "mine")
    text = b("CLIENT", "LIST").decode()
    assert "name=first" in text and "lib-name=mine" in text
    assert str(a("CLIENT", "SETNAME", "with space")).startswith("ERR Client names cannot contain")
    ident = a("CLIENT", "ID")
    assert f"id={ident} " in b("CLIENT", "LIST", "ID", ident).decode()
    assert b("CLIENT", "KILL", "ID", ident) == 1
    assert closed(a)
    assert b("CLIENT", "KILL", "ID", ident) == 0
    c = connect(server)
    c("PING")
    address = next(line.split("addr=")[1].split()[0] for line in b("CLIENT", "LIST").decode().splitlines() if f"id={c('CLIENT', 'ID')} " in line)
    assert b("CLIENT", "KILL", address) == b"OK"
    assert closed(c)
    assert b("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") >= 1
    assert closed(b)


def test_client_pause(server):
    a, b = connect(server), connect(server)
    start = time.monotonic()
    a("CLIENT", "PAUSE", 1500, "WRITE")
    assert b("GET", "k") is None
    assert b("SET", "k", 1) == b"OK"
    assert time.monotonic() - start > 1.4
    a("CLIENT", "PAUSE", 100_000, "WRITE")
    b.send(Wire.frame(("GET", "k")) + Wire.frame(("SET", "k", 2)) + Wire.frame(("GET", "k")))
    assert b.read() == b"1"
    assert eventually(lambda: server.store.info("clients")["blocked_clients"] == 1)
    assert a("GET", "k") == b"1"
    a("CLIENT", "UNPAUSE")
    assert [b.read(), b.read()] == [b"OK", b"2"]
    start = time.monotonic()
    a("CLIENT", "PAUSE", 1500)
    assert b("PING") == b"PONG"
    assert time.monotonic() - start > 1.4


def test_client_reply(server):
    wire = connect(server)
    wire.send(b"".join(Wire.frame(w) for w in [("CLIENT", "REPLY", "OFF"), ("SET", "a", 1), ("CLIENT", "REPLY", "ON"),
                                               ("CLIENT", "REPLY", "SKIP"), ("SET", "b", 1), ("GET", "a")]))
    assert [wire.read(), wire.read()] == [b"OK", b"1"]


def test_no_touch(server):
    wire = connect(server)
    wire("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    wire("SET", "k", 1)
    before = wire("OBJECT", "FREQ", "k")
    wire("CLIENT", "NO-TOUCH", "ON")
    for _ in range(50):
        wire("GET", "k")
    assert wire("OBJECT", "FREQ", "k") == before
    wire("CLIENT", "NO-TOUCH", "OFF")
    for _ in range(50):
        wire("GET", "k")
    assert wire("OBJECT", "FREQ", "k") > before


def test_monitor(server):
    watcher, worker = connect(server), connect(server)
    assert watcher("MONITOR") == b"OK"
    worker("SET", "k", b'a"b\x00\n')
    worker("CONFIG", "GET", "hz")
    server.store.get("k")
    line = watcher.read().decode()
    assert line.endswith('"SET" "k" "a\\"b\\x00\\n"') and "[0 127.0.0.1:" in line
    assert re.search(r'\[0 in-process:\d+\] "GET" "k"$', watcher.read().decode())


def test_maxclients():
    store = kvd.Store(maxclients=3)
    with store.serve() as server:
        wires = [connect(server) for _ in range(3)]
        assert all(w("PING") for w in wires)
        assert str(connect(server).read()) == "ERR max number of clients reached"
        wires.pop().close()
        assert eventually(lambda: store.info("clients")["connected_clients"] == 2)
        assert connect(server)("PING") == b"PONG"
        assert store.info("stats")["rejected_connections"] == 1


def test_idle_clients_are_closed():
    with kvd.Store(timeout=1).serve() as server:
        wire = connect(server)
        wire("PING")
        wire.socket.settimeout(60)
        start = time.monotonic()
        assert closed(wire)
        assert time.monotonic() - start > 0.9


def test_query_buffer_limit():
    with kvd.Store(client_query_buffer_limit="1mb").serve() as server:
        wire = connect(server)
        try:
            wire.send(b"*2\r\n$4\r\nECHO\r\n$3000000\r\n" + b"x" * 2_000_000)
        except OSError:
            pass
        assert closed(wire)
        assert server.store.info("stats")["client_query_buffer_limit_disconnections"] == 1


def test_output_buffer_limit():
    with kvd.Store(client_output_buffer_limit="normal 1000000 0 0").serve() as server:
        server.store.set("big", "x" * 300_000)
        wire = connect(server)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.send(Wire.frame(("GET", "big")) * 100)
        assert eventually(lambda: server.store.info("stats")["client_output_buffer_limit_disconnections"] == 1)
        with pytest.raises((ConnectionError, OSError)):
            while True:
                if not wire.socket.recv(1 << 20):
                    raise ConnectionError
        assert server.store.info("stats")["client_output_buffer_limit_disconnections"] == 1
        assert connect(server)("PING") == b"PONG"


def test_slow_reader_gets_everything(server):
    server.store.set("big", bytes(range(256)) * 4000)
    wire = connect(server)
    wire.send(Wire.frame(("GET", "big")) * 20)
    assert eventually(lambda: b" omem=0 " not in max(server.store.execute("CLIENT", "LIST").splitlines(), key=len))
    for _ in range(20):
        assert wire.read() == bytes(range(256)) * 4000
    assert wire("PING") == b"PONG"


def test_slowlog_and_latency(server):
    wire = connect(server)
    wire("CONFIG", "SET", "slowlog-log-slower-than", 10_000, "latency-monitor-threshold", 20)
    wire("CLIENT", "SETNAME", "me")
    wire("DEBUG", "SLEEP", "0.05")
    entry = wire("SLOWLOG", "GET")[0]
    assert entry[2] >= 50_000 and entry[3] == [b"DEBUG", b"SLEEP", b"0.05"] and entry[5] == b"me"
    assert wire("SLOWLOG", "LEN") == 1 and wire("SLOWLOG", "RESET") == b"OK" and wire("SLOWLOG", "LEN") == 0
    latest = wire("LATENCY", "LATEST")[0]
    assert latest[0] == b"command" and latest[2] >= 50
    assert wire("LATENCY", "HISTORY", "command")[0][1] >= 50
    assert wire("LATENCY", "RESET") == 1
    histogram = wire("LATENCY", "HISTOGRAM", "debug")
    assert histogram[0] == b"debug" and histogram[1][1] >= 1


def test_statistics_are_true(server):
    wire = connect(server)
    wire("CONFIG", "RESETSTAT")
    for _ in range(10):
        wire("SET", "k", 1)
    wire("GET", "k")
    wire("GET", "missing")
    wire("INCR")
    wire("NOPE")
    wire("SET", "s", "text")
    wire("INCR", "s")
    info = server.store.info("everything")
    assert info["cmdstat_set"]["calls"] == 11 and info["cmdstat_incr"] | {"usec": 0, "usec_per_call": 0} == {
        "calls": 1, "usec": 0, "usec_per_call": 0, "rejected_calls": 1, "failed_calls": 1}
    assert (info["keyspace_hits"], info["keyspace_misses"]) == (1, 1)
    assert info["errorstat_ERR"]["count"] == 3 and info["total_error_replies"] == 3
    assert info["total_net_input_bytes"] > 300 and info["connected_clients"] == 1


def test_flushing_a_large_database_delays_nobody(server):
    wire, other = connect(server), connect(server)
    wire("DEBUG", "POPULATE", 300_000, "k", 20)
    wire("FLUSHALL", "ASYNC")
    served = 0
    while server.store.info("memory")["lazyfree_pending_objects"]:
        assert other("DBSIZE") == 0
        served += 1
    assert served > 3
    assert wire("DEBUG", "CHECK") == b"OK"


def test_shutdown_ends_wait(server):
    wire = connect(server)
    threading.Timer(0.1, lambda: wire.send(Wire.frame(("SHUTDOWN", "NOSAVE")))).start()
    assert server.wait(60) is True


@pytest.mark.parametrize("_", range(20))
def test_stop_in_one_thread_ends_wait_and_stop_in_others(_):
    server = kvd.Store().serve()
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(server.wait(60))) for _ in range(3)]
    stopping = [threading.Thread(target=server.stop) for _ in range(2)]
    for thread in waiting + stopping:
        thread.start()
    for thread in waiting + stopping:
        thread.join(60)
    assert answers == [True] * 3 and server.port == 0 and server.store.set("a", 1)
    server.store.serve().stop()


PINGS = """
import select, socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    s.sendall(b"PING\\r\\n")
    s.recv(100)
    print(time.monotonic())
"""


def test_a_busy_host_program_does_not_hold_the_server_up(server):
    """The network threads never want the GIL: another process is served while Python computes and gives it to no one."""
    process = subprocess.Popen([sys.executable, "-c", PINGS, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    begun = time.monotonic()
    sum(range(20_000_000))                           # one call, which never gives the GIL away
    ended = time.monotonic()
    answered = [float(line) for line in process.communicate("stop")[0].split()]
    assert sum(begun < moment < ended for moment in answered) > 10
