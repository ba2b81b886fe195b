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
