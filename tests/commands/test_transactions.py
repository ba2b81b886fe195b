"""Transactions: queued, run as one, dropped when a watched key changed, and errors that do or do not abort them."""

import pytest

import kvd

from ..waiting import eventually


def test_all_replies_in_order(peer):
    assert peer("MULTI") in (b"OK", "OK") and peer("SET", "k", 1) == b"QUEUED" and peer("INCR", "k") == b"QUEUED" and peer.open()("GET", "k") is None
    assert peer("EXEC") == [b"OK", 2] and peer("GET", "k") == b"2"


def test_an_error_when_queued_aborts_all(peer):
    peer("MULTI")
    peer("SET", "k", 1)
    assert isinstance(peer("GET"), Exception) and peer("SET", "k", 2) == b"QUEUED"
    assert str(peer("EXEC")) == "EXECABORT Transaction discarded because of previous errors." and peer("GET", "k") is None
    peer("MULTI")
    assert peer("EXEC") == []


def test_an_error_when_run_stops_nothing(peer):
    peer("SET", "k", "v")
    peer("MULTI")
    peer("LPUSH", "k", 1)
    peer("SET", "k", "w")
    first, second = peer("EXEC")
    assert str(first).startswith("WRONGTYPE") and second == b"OK" and peer("GET", "k") == b"w"


@pytest.mark.parametrize(("line", "changes"), [
    ("SET k w", True), ("SET k v", True), ("DEL k", True), ("EXPIRE k 100", True), ("RENAME k other", True), ("RENAME other k", True), ("FLUSHDB", True), ("SWAPDB 0 1", True), ("COPY other k REPLACE", True),
    ("GET k", False), ("SETNX k w", False), ("TOUCH k", False), ("DEL none", False), ("SET other w", False), ("PERSIST k", False), ("COPY other k", False), ("MOVE k 1", True),
])  # fmt: skip
def test_a_watched_key(peer, line, changes):
    peer("MSET", "k", "v", "other", "v")
    watcher = peer.open()
    watcher("WATCH", "k")
    peer(*line.split())
    watcher("MULTI")
    watcher("PING")
    assert watcher("EXEC") == (None if changes else [b"PONG"])
    watcher("MULTI")
    assert watcher("EXEC") == []                              # watched for one transaction


def test_a_key_that_is_watched_while_it_does_not_exist(peer):
    for line, reply in (("SET k 1", None), ("FLUSHDB", [])):
        watcher = peer.open()
        peer("DEL", "k")
        watcher("WATCH", "k")
        peer(*line.split())
        watcher("MULTI")
        assert watcher("EXEC") == reply


def test_ones_own_changes_count_as_others_do(peer):
    peer("WATCH", "k")
    peer("SET", "k", 1)
    peer("MULTI")
    assert peer("EXEC") is None


@pytest.mark.parametrize("end", ["UNWATCH", "DISCARD", "EXEC", "RESET"])
def test_what_ends_a_watch(peer, end):
    peer("WATCH", "k")
    if end in ("DISCARD", "EXEC"):
        peer("MULTI")
    peer(end)
    peer.open()("SET", "k", 1)
    peer("MULTI")
    assert peer("EXEC") == []


def test_a_watched_key_whose_time_is_over(peer):
    peer("SET", "k", "v", "PX", 1)
    peer("WATCH", "k")
    eventually(lambda: peer.open()("EXISTS", "k") == 0)
    peer("MULTI")
    assert peer("EXEC") in (None, [])                         # it may have been over when it was watched
    peer("SET", "k", "v", "PX", 10_000)
    peer("WATCH", "k")
    peer("PEXPIREAT", "k", 1)
    peer("MULTI")
    assert peer("EXEC") is None


@pytest.mark.parametrize(("lines", "error"), [
    (["EXEC"], "ERR EXEC without MULTI"), (["DISCARD"], "ERR DISCARD without MULTI"), (["MULTI", "MULTI"], "ERR MULTI calls can not be nested"),
    (["MULTI", "WATCH k"], "ERR WATCH inside MULTI is not allowed"),
])  # fmt: skip
def test_out_of_place(peer, lines, error):
    for line in lines:
        reply = peer(*line.split())
    assert str(reply) == error or peer.version == (8, 9) and "not allowed inside a transaction" in str(reply)     # Valkey


def test_blocking_commands_do_not_wait_inside(peer):
    peer("MULTI")
    peer("BLPOP", "l", 0)
    peer("XREAD", "BLOCK", 0, "STREAMS", "x", "$")
    peer("BZPOPMIN", "z", 0)
    assert peer("EXEC") == [None, None, None]


def test_errors_inside_exec_are_typed(store):
    with store.session() as s:
        s.execute("MULTI")
        s.execute("SET", "k", "v")
        s.execute("INCR", "k")
        replies = s.execute("EXEC")
    assert replies[0] == b"OK" and isinstance(replies[1], kvd.ResponseError)
