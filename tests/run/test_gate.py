"""Which calls are refused, from whom, and with which error; and that a refused call spoils the transaction it is queued in."""

import pytest

import kvd

from ..compat.wire import Wire

READ_ONLY = ("PUBLISH c m", "SPUBLISH c m", "SET k v", "PFCOUNT k", "SORT l STORE x", "GEORADIUS g 0 0 1 m STORE x", "GETEX k EX 5", "BITFIELD k SET u8 0 1", "EXPIRE k 1", "FLUSHALL", "SPOP t")


@pytest.mark.parametrize("line", READ_ONLY)
def test_read_only_scripts_may_not_write(peer, line):
    peer("SET", "k", "v")
    refused = "Write commands are not allowed from read-only scripts"
    for call in (("EVAL_RO", "return redis.call(unpack(ARGV))", 0, *line.split()), ("EVAL", "#!lua flags=no-writes\nreturn redis.call(unpack(ARGV))", 0, *line.split())):
        assert refused in str(peer(*call)), call
    assert peer("GET", "k") == b"v"


@pytest.mark.parametrize("line", ["BITFIELD k GET u8 0", "SORT l", "GEORADIUS g 0 0 1 m", "GET k"])
def test_what_only_reads_may_run_in_read_only_scripts(peer, line):
    """BITFIELD and SORT are declared as writes; a call that reads is allowed only where real servers allow it."""
    reply = peer("EVAL_RO", "return redis.pcall(unpack(ARGV))", 0, *line.split())
    assert isinstance(reply, Exception) == (not line.startswith("GET"))


def test_without_memory_writes_are_refused_when_queued(peer):
    if peer.version < (7, 4):
        pytest.skip("Redis 7.0 queues nothing at all then")
    wire = peer.open()
    peer("SET", "k", "v")
    peer("CONFIG", "SET", "maxmemory", 1)
    try:
        for words in (("SET", "a", "b"), ("EVAL", "#!lua\nreturn 1", 0), ("LPUSH", "l", "a")):
            assert wire("MULTI") == b"OK"
            assert wire("GET", "k") == b"QUEUED"
            assert str(wire(*words)).startswith("OOM"), words
            assert str(wire("EXEC")).startswith("EXECABORT")
        for words in (("GET", "k"), ("DEL", "none"), ("EVAL", "#!lua flags=allow-oom\nreturn 1", 0), ("EVAL", "#!lua flags=no-writes\nreturn 1", 0)):
            assert not isinstance(wire(*words), Exception), words
        assert wire("EVAL", "return redis.pcall('get', 'k')", 0) == b"v"
        assert "OOM" in str(wire("EVAL", "return redis.call('set', 'a', 'b')", 0))
    finally:
        peer("CONFIG", "SET", "maxmemory", 0)


def test_a_transaction_queued_before_memory_ran_out(peer):
    wire = peer.open()
    wire("MULTI")
    wire("SET", "a", "b")
    peer("CONFIG", "SET", "maxmemory", 1)
    reply = wire("EXEC")
    peer("CONFIG", "SET", "maxmemory", 0)
    assert str(reply).startswith("EXECABORT Transaction discarded because of: ") and "maxmemory" in str(reply) or str(reply).startswith("OOM")
    assert peer("EXISTS", "a") == 0 and wire("GET", "a") is None


@pytest.mark.parametrize("words", [("NOSUCH",), ("GET",), ("CONFIG", "NOSUCH"), ("SHUTDOWN", "NOSAVE"), ("EVAL",)])
def test_a_refused_command_aborts_the_transaction(peer, words):
    wire = peer.open()
    wire("MULTI")
    assert isinstance(wire(*words), Exception)
    assert wire("SET", "a", "b") == b"QUEUED"
    assert str(wire("EXEC")) == "EXECABORT Transaction discarded because of previous errors." and peer("EXISTS", "a") == 0
    assert wire("PING") == b"PONG"


@pytest.mark.parametrize("words", [("MULTI",), ("WATCH", "k")])
def test_what_is_refused_inside_a_transaction_without_ending_it(peer, words):
    wire = peer.open()
    wire("MULTI")
    wire("SET", "a", "b")
    assert isinstance(wire(*words), Exception)
    reply = wire("EXEC")
    assert reply == [b"OK"] or str(reply).startswith("EXECABORT")
    assert (reply == [b"OK"]) == (peer("EXISTS", "a") == 1)


def test_before_auth_nothing_but_auth():
    with kvd.Store(requirepass="p").serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        for words in (("GET", "k"), ("EVAL", "return 1", 0), ("MULTI",), ("CONFIG", "GET", "requirepass"), ("COMMAND",), ("PING",), ("SUBSCRIBE", "c")):
            assert str(wire(*words)).startswith("NOAUTH"), words
        assert str(wire("NOSUCH")).startswith("ERR unknown command") and str(wire("GET")).startswith("ERR wrong number")
        assert wire("AUTH", "p") == b"OK" and wire("GET", "k") is None


def test_a_listening_client_of_resp2_may_only_listen(peer):
    two, three = peer.open(2), peer.open(3)
    two("SUBSCRIBE", "c")
    assert "Can't execute 'get'" in str(two("GET", "k"))
    assert two("PING") == [b"pong", b""]
    three("SUBSCRIBE", "c")
    assert three("GET", "k") is None


def test_refusals_are_counted_as_rejected(peer):
    wire = peer.open()
    wire("GET")
    wire("EVAL", "return redis.pcall('auth', 'x')", 0)
    wire("EVAL", "return redis.pcall('get')", 0)
    text = peer("INFO", "commandstats")
    line = next(line for line in text.splitlines() if line.startswith(b"cmdstat_get:"))
    assert b"calls=0" in line and b"rejected_calls=2" in line and b"failed_calls=0" in line
