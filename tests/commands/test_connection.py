"""The connection: protocol, password, names, and what clients do to each other."""

import re

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import eventually


def ident(wire):
    return wire("CLIENT", "ID")


def pairs(reply):
    return dict(zip(reply[::2], reply[1::2], strict=True))


@pytest.mark.parametrize(("words", "reply"), [(("PING",), b"PONG"), (("PING", "a\r\nb"), b"a\r\nb"), (("ECHO", ""), b""), (("SELECT", 15), b"OK"), (("SELECT", 0), b"OK")])
def test_simple_ones(peer, words, reply):
    assert peer(*words) == reply


@pytest.mark.parametrize("db", [-1, 16, "x", "1.0", 9223372036854775807])
def test_a_database_that_there_is_not(peer, db):
    peer("SELECT", 3)
    assert isinstance(peer("SELECT", db), Exception) and peer("SET", "k", 1) == b"OK" and b"db3:keys=1" in peer("INFO", "keyspace")


def test_hello_chooses_the_protocol(peer):
    found = pairs(peer("HELLO", 2))
    assert (found[b"proto"], found[b"mode"], found[b"role"], found[b"id"]) == (2, b"standalone", b"master", ident(peer))
    assert peer("HELLO", 3)[b"proto"] == 3 and peer("HGETALL", "none") == {} and peer("HELLO")[b"proto"] == 3 and pairs(peer("HELLO", 2))[b"proto"] == 2
    assert str(peer("HELLO", 4)) == "NOPROTO unsupported protocol version" and isinstance(peer("HELLO", "x"), Exception) and peer("HGETALL", "none") == []
    assert peer("HELLO", 3, "SETNAME", "me")[b"proto"] == 3 and peer("CLIENT", "GETNAME") == b"me"


def test_the_password():
    with kvd.Store(requirepass="secret").serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        assert str(wire("GET", "k")) == "NOAUTH Authentication required." and str(wire("HELLO", 3)).startswith("NOAUTH HELLO must be called with the client already authenticated")
        for words in (("AUTH", "wrong"), ("AUTH", "default", "Secret"), ("AUTH", "other", "secret"), ("HELLO", 3, "AUTH", "default", "secre")):
            assert str(wire(*words)).startswith("WRONGPASS"), words
        assert str(wire("GET", "k")).startswith("NOAUTH") and wire("AUTH", "secret") == b"OK" and wire("GET", "k") is None
        assert Wire(("127.0.0.1", server.port))("HELLO", 3, "AUTH", "default", "secret")[b"proto"] == 3


def test_a_password_where_none_is_set(peer):
    assert str(peer("AUTH", "x")).startswith("ERR AUTH <password> called without any password configured") and peer("AUTH", "default", "anything") == b"OK"


def test_what_a_client_tells_of_itself(peer):
    peer("CLIENT", "SETNAME", "me")
    peer("CLIENT", "SETINFO", "LIB-NAME", "lib")
    peer("CLIENT", "SETINFO", "lib-ver", "1.2")
    assert peer("CLIENT", "GETNAME") == b"me" and isinstance(peer("CLIENT", "SETINFO", "LIB-NAME", "a b"), Exception) and isinstance(peer("CLIENT", "SETINFO", "NOSUCH", "x"), Exception)
    line = peer("CLIENT", "INFO").decode()
    assert f"id={ident(peer)} " in line and " name=me " in line and " db=0 " in line and " cmd=client|info " in line and (peer.version < (7, 2) or " lib-name=lib lib-ver=1.2" in line)
    assert peer("CLIENT", "SETNAME", "") == b"OK" and peer("CLIENT", "GETNAME") is None


def test_lists_by_id_and_type(peer):
    other = peer.open()
    subscriber = peer.open()
    subscriber("SUBSCRIBE", "c")
    listed = peer("CLIENT", "LIST", "ID", ident(other), ident(peer), 999999).decode().splitlines()
    assert {int(re.match(r"id=(\d+) ", line)[1]) for line in listed} == {ident(other), ident(peer)}
    assert len(peer("CLIENT", "LIST", "TYPE", "pubsub").splitlines()) == 1 and peer("CLIENT", "LIST", "TYPE", "replica") == b""
    for wrong in (("ID",), ("ID", "x"), ("TYPE", "nosuch"), ("HOW", "x")):
        assert isinstance(peer("CLIENT", "LIST", *wrong), Exception)


@pytest.mark.parametrize("how", ["ID", "LADDR", "TYPE", "old"])
def test_killing(peer, how):
    other = peer.open()
    other("SUBSCRIBE", "c")
    line = next(line for line in peer("CLIENT", "LIST").decode().splitlines() if " sub=1 " in line)
    found = dict(part.split("=", 1) for part in line.split())
    if how == "old":
        if found["addr"].endswith(":0"):
            pytest.skip("clients of a unix socket share an address")
        assert peer("CLIENT", "KILL", found["addr"]) == b"OK" and str(peer("CLIENT", "KILL", "1.2.3.4:5")) == "ERR No such client"
    elif how == "TYPE":
        assert peer("CLIENT", "KILL", "TYPE", "pubsub") == 1 and peer("CLIENT", "KILL", "TYPE", "pubsub") == 0
    elif how == "LADDR":
        assert peer("CLIENT", "KILL", "LADDR", found["laddr"], "ID", found["id"]) == 1
    else:
        assert peer("CLIENT", "KILL", "ID", found["id"]) == 1 and peer("CLIENT", "KILL", "ID", found["id"]) == 0
    with pytest.raises(ConnectionError):
        other.read()
    assert peer("CLIENT", "KILL", "ID", ident(peer)) == 0 and peer("PING") == b"PONG"


def test_unblocking(peer):
    waiting = peer.open()
    number = ident(waiting)
    for how, reply in ((("TIMEOUT",), "None"), (("ERROR",), "UNBLOCKED client unblocked via CLIENT UNBLOCK"), ((), "None")):
        waiting.send(Wire.frame(("BLPOP", "l", "0")))
        eventually(lambda: b"blocked_clients:1\r" in peer("INFO", "clients"))
        assert peer("CLIENT", "UNBLOCK", number, *how) == 1 and str(waiting.read()) == reply
    assert peer("CLIENT", "UNBLOCK", number) == 0 and waiting("PING") == b"PONG" and isinstance(peer("CLIENT", "UNBLOCK", number, "NOW"), Exception)


def test_a_pause_of_writes_lets_reads_pass(peer):
    writer = peer.open()
    assert peer("CLIENT", "PAUSE", 100_000, "WRITE") == b"OK" and peer("GET", "k") is None
    writer.send(Wire.frame(("SET", "k", "v")))
    assert peer("GET", "k") is None and peer("CLIENT", "UNPAUSE") == b"OK" and writer.read() == b"OK"
    assert isinstance(peer("CLIENT", "PAUSE", "x"), Exception) and isinstance(peer("CLIENT", "PAUSE", 1, "SOME"), Exception) and isinstance(peer("CLIENT", "PAUSE", -1), Exception)


def test_quit_replies_first(peer):
    wire = peer.open()
    wire.send(Wire.frame(("QUIT",)) + Wire.frame(("SET", "k", "v")))
    assert wire.read() == b"OK"
    with pytest.raises(ConnectionError):
        wire.read()
    assert peer("EXISTS", "k") == 0


@pytest.fixture
def importing(peer):
    """A server in import mode."""
    if isinstance(peer("CONFIG", "SET", "import-mode", "yes"), Exception):
        pytest.skip("Redis has no import mode")
    yield peer
    peer("CONFIG", "SET", "import-mode", "no")


def test_the_source_of_an_import_sees_what_has_expired_and_others_do_not(importing):
    source = importing.open()
    assert str(source("CLIENT", "IMPORT-SOURCE", "maybe")) == "ERR syntax error" and source("CLIENT", "IMPORT-SOURCE", "ON") == b"OK"
    source("SET", "k", "v", "PXAT", 1)
    source("SET", "n", 1)
    source("PEXPIRE", "n", -5)
    source("HSET", "h", "f", "v", "g", "w")
    source("HPEXPIRE", "h", 1, "FIELDS", 1, "f")
    eventually(lambda: importing("HGETALL", "h") == [b"g", b"w"])
    assert source("GET", "k") == b"v" and source("PTTL", "k") == 0 and source("INCR", "n") == 2 and source("HGETALL", "h") == [b"f", b"v", b"g", b"w"]
    assert source("EVAL", "return {redis.call('get', KEYS[1]), redis.call('exists', KEYS[1])}", 1, "n") == [b"2", 1]
    for line in ("MULTI", "GET k", "GET n"):
        source(*line.split())
    assert source("EXEC") == [b"v", b"2"]
    assert importing("GET", "k") is None and importing("EXISTS", "n") == 0 and importing("HGET", "h", "f") is None and importing("KEYS", "*") == [b"h"] and importing("DBSIZE") == 3
    assert source("CLIENT", "IMPORT-SOURCE", "OFF") == b"OK" and source("GET", "k") is None


def test_what_an_import_has_kept_expires_when_it_ends(importing):
    importing("CLIENT", "IMPORT-SOURCE", "ON")
    importing("SET", "k", "v", "PXAT", 1)
    importing("SET", "l", "v", "PXAT", 1)
    assert importing("DBSIZE") == 2 and b"flags=" in importing("CLIENT", "INFO") and b"I" in importing("CLIENT", "INFO").split(b"flags=")[1].split(b" ")[0]
    importing("CONFIG", "SET", "import-mode", "no")
    assert importing("GET", "k") is None
    eventually(lambda: importing("DBSIZE") == 0)
    assert str(importing("CLIENT", "IMPORT-SOURCE", "ON")) == "ERR Server is not in import mode"


def test_a_write_of_another_client_ends_an_expired_key(importing):
    source = importing.open()
    source("CLIENT", "IMPORT-SOURCE", "ON")
    source("SET", "k", "old", "PXAT", 1)
    assert importing("APPEND", "k", "new") == 3 and source("GET", "k") == b"new" and source("TTL", "k") == -1


def test_nothing_is_evicted_during_an_import(importing):
    used = int(re.search(rb"used_memory:(\d+)", importing("INFO", "memory"))[1])
    importing("SET", "k", "x" * 100_000)
    importing("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", used + 1_000_000)
    try:
        replies = [str(importing("SET", f"k{i}", "x" * 100_000)) for i in range(20)]
        assert "OOM command not allowed when used memory > 'maxmemory'." in replies and importing("EXISTS", "k", "k0") == 2
        importing("CONFIG", "SET", "import-mode", "no")
        assert importing("SET", "other", "x" * 100_000) == b"OK"
    finally:
        importing("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")


def test_a_store_expires_what_an_import_has_kept(store):
    store.configure("import-mode", "yes")
    store.execute("CLIENT", "IMPORT-SOURCE", "ON")
    store.execute("SET", "k", "v", "PXAT", 1)
    assert store.get("k") == b"v"
    store.configure("import-mode", "no")
    eventually(lambda: store.execute("DBSIZE") == 0)


@pytest.fixture
def replica(peer):
    """A replica whose master cannot be reached; Valkey and kvd."""
    if isinstance(peer("CLIENT", "CAPA", "other"), Exception):
        pytest.skip("Redis has no CLIENT CAPA")
    peer("SET", "k", "v")
    peer("REPLICAOF", "127.0.0.1", 1)
    yield peer
    peer("REPLICAOF", "NO", "ONE")


def test_a_replica_sends_a_client_that_can_be_sent_to_its_master(replica):
    wire = replica.open()
    assert wire("GET", "k") == b"v" and wire("CLIENT", "CAPA", "REDIRECT") == b"OK"
    for line in ("GET k", "SET k w", "KEYS *", "DBSIZE", "FLUSHALL", "PFCOUNT k"):
        assert str(wire(*line.split())) == "REDIRECT 127.0.0.1:1", line
    assert wire("PING") == b"PONG" and wire("EVAL", "return 1", 0) == 1 and wire("PUBLISH", "c", "m") == 0
    assert wire("READONLY") == b"OK" and wire("GET", "k") == b"v" and str(wire("SET", "k", "w")) == "REDIRECT 127.0.0.1:1"
    assert wire("READWRITE") == b"OK" and str(wire("GET", "k")) == "REDIRECT 127.0.0.1:1" and replica("GET", "k") == b"v"
    assert wire("MULTI") == b"OK" and str(wire("GET", "k")) == "REDIRECT 127.0.0.1:1" and str(wire("EXEC")).startswith("EXECABORT")
    assert b" capa=r " in wire("CLIENT", "INFO") or b" capa=" not in replica("CLIENT", "INFO")      # not of Valkey 8


def test_a_transaction_begun_before_it_was_a_replica_is_redirected(replica):
    wire = replica.open()
    wire("CLIENT", "CAPA", "redirect")
    replica("REPLICAOF", "NO", "ONE")
    assert wire("MULTI") == b"OK" and wire("GET", "k") == b"QUEUED"
    replica("REPLICAOF", "127.0.0.1", 1)
    assert str(wire("EXEC")) == "REDIRECT 127.0.0.1:1" and str(wire("GET", "k")) == "REDIRECT 127.0.0.1:1" and str(wire("EXEC")) == "ERR EXEC without MULTI"


def test_reset_keeps_what_a_client_is_capable_of(peer):
    if isinstance(peer("CLIENT", "CAPA", "redirect", "other"), Exception):
        pytest.skip("Redis has no CLIENT CAPA")
    shown = b" capa=r " in peer("CLIENT", "INFO")      # not of Valkey 8
    assert peer("RESET") == b"RESET" and (b" capa=r " in peer("CLIENT", "INFO")) == shown
