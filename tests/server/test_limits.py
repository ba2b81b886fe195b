"""Limits of what a client may be sent and may send, and what CLIENT LIST says of it."""

import re
import socket

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import PATIENCE, eventually


def client_facts(admin, name):
    """The fields of a named client in CLIENT LIST, or None."""
    for line in admin("CLIENT", "LIST").decode().splitlines():
        if f" name={name} " in line:
            return dict(word.split("=", 1) for word in line.split())
    return None


def not_reading(address, name, *commands):
    """A connection whose socket holds little, on which commands were sent and no reply is read."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    one = socket.socket(family)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(PATIENCE)
    one.connect(address)
    one.sendall(Wire.frame(("CLIENT", "SETNAME", name)) + b"".join(map(Wire.frame, commands)))
    return one


ENDLESS = {
    "HRANDFIELD h -20000000": 4, "HRANDFIELD h -20000000 WITHVALUES": 4, "SRANDMEMBER t -20000000": 4, "ZRANDMEMBER z -20000000": 4, "ZRANDMEMBER z -20000000 WITHSCORES": 4,
    "MGET " + "big " * 500: 50, "SORT t BY nosort " + "GET big* " * 500: 50, "HMGET large " + "f " * 500: 50, "LRANGE bigs 0 -1": 50,
}  # fmt: skip


@pytest.mark.parametrize("line", ENDLESS, ids=lambda line: line[:40])
def test_a_reply_longer_than_its_data_stops_at_the_limit(line):
    """Built whole, each of these would be a reply of 40 MB or more."""
    big = "x" * 100_000
    with kvd.Store(client_output_buffer_limit="normal 1000000 0 0", set_max_listpack_entries=4).serve() as server:
        store = server.store
        store.mset({"big": big, "big1": big})
        for words in (("HSET", "h", "f", "v"), ("SADD", "t", "1"), ("ZADD", "z", 1, "m"), ("HSET", "large", "f", big), ("RPUSH", "bigs", *[big] * 400)):
            store.execute(*words)
        wire = Wire(("127.0.0.1", server.port))
        with pytest.raises((ConnectionError, OSError)):
            wire(*line.split())
        assert store.info("stats")["client_output_buffer_limit_disconnections"] == 1
        assert store.info("memory")["used_memory_peak"] < 48_000_000
        assert Wire(("127.0.0.1", server.port))("PING") == b"PONG"


def test_the_reply_buffer_is_free(peer):
    """A limit of 10 bytes closes no client that reads: the fixed buffer of 16 kB does not count."""
    peer("SET", "k", "x" * 5000)
    assert peer("CONFIG", "SET", "client-output-buffer-limit", "normal 10 0 0") == b"OK"
    assert peer("GET", "k") == b"x" * 5000
    facts = peer("CLIENT", "INFO").decode()
    assert peer("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0") == b"OK"
    assert " obl=0 oll=0 omem=0 " in facts


def test_output_that_is_not_read_is_shown(peer):
    peer("SET", "big", "x" * 6_000_000)
    one = not_reading(peer.address, "slow", ("GET", "big"))
    facts = eventually(lambda: (f := client_facts(peer, "slow")) and int(f["omem"]) > 100_000 and f)
    assert int(facts["oll"]) > 0 and int(facts["tot-mem"]) > int(facts["omem"]) and (facts["events"] == "rw" or peer.version < (99, 0))
    one.close()


def test_a_soft_limit_is_a_matter_of_time():
    """Nothing is written meanwhile: the time alone closes the client. The clock is the store's."""
    with kvd.Store(client_output_buffer_limit="normal 0 100000 10").serve() as server:
        store, address = server.store, ("127.0.0.1", server.port)
        store.clock.freeze(1_700_000_000)
        store.set("big", "x" * 6_000_000)
        admin = Wire(address)
        one = not_reading(address, "slow", ("GET", "big"))
        eventually(lambda: (f := client_facts(admin, "slow")) and int(f["omem"]) > 100_000)
        store.clock.advance(9)
        assert client_facts(admin, "slow")
        store.clock.advance(3)
        eventually(lambda: client_facts(admin, "slow") is None)
        assert store.info("stats")["client_output_buffer_limit_disconnections"] == 1
        one.close()


def test_a_client_that_reads_in_time_is_not_closed():
    with kvd.Store(client_output_buffer_limit="normal 0 100000 10").serve() as server:
        store, wire = server.store, Wire(("127.0.0.1", server.port))
        store.clock.freeze(1_700_000_000)
        store.set("big", "x" * 6_000_000)
        for _ in range(3):
            assert len(wire("GET", "big")) == 6_000_000
            store.clock.advance(20)
        assert wire("PING") == b"PONG"


def test_half_received_arguments_count(peer):
    before = int(re.search(rb"mem_clients_normal:(\d+)", peer("INFO", "memory"))[1])
    one = not_reading(peer.address, "half")
    one.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000\r\n" + b"x" * 250_000)
    facts = eventually(lambda: (f := client_facts(peer, "half")) and int(f["qbuf"]) >= 250_000 and f)
    assert int(facts["tot-mem"]) >= 250_000
    assert eventually(lambda: int(re.search(rb"mem_clients_normal:(\d+)", peer("INFO", "memory"))[1]) > before + 250_000)
    one.close()
