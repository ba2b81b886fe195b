"""WATCH: which changes of whom make the next EXEC fail."""

import pytest

CHANGES = ["SET k v", "DEL k", "EXPIRE k 100", "EXPIRE k -1", "RENAME k other", "RENAME x k", "APPEND k y", "MOVE k 1", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "COPY x k REPLACE", "GETDEL k", "PERSIST e", "INCRBYFLOAT n 1", "RESTORE", "EVAL"]
NO_CHANGES = ["GET k", "SET x y", "SET k v NX", "DEL none", "EXPIRE none 1", "TOUCH k", "SELECT 0", "PERSIST k", "OBJECT ENCODING k", "SETNX k v", "APPEND x y"]


@pytest.fixture
def watching(peer):
    peer("MSET", "k", "v", "x", "w", "n", "1")
    peer("SET", "e", "v", "EX", 1000)
    wire = peer.open()
    assert wire("WATCH", "k", "e", "n") == b"OK"
    return wire


def outcome(wire):
    wire("MULTI")
    wire("PING")
    return wire("EXEC")


@pytest.mark.parametrize("line", CHANGES)
def test_changes(peer, watching, line):
    if line == "RESTORE":
        peer("RESTORE", "k", 0, peer("DUMP", "x"), "REPLACE")
    elif line == "EVAL":
        peer("EVAL", "return redis.call('set', KEYS[1], 'v')", 1, "k")
    else:
        assert not isinstance(peer(*line.split()), Exception)
    assert outcome(watching) is None
    assert outcome(watching) == [b"PONG"]        # EXEC has ended the watch


@pytest.mark.parametrize("line", NO_CHANGES)
def test_what_changes_nothing(peer, watching, line):
    peer(*line.split())
    assert outcome(watching) == [b"PONG"]


@pytest.mark.parametrize("end", ["UNWATCH", "DISCARD", "RESET"])
def test_what_ends_a_watch(peer, watching, end):
    if end == "DISCARD":
        watching("MULTI")
    watching(end)
    peer("SET", "k", "new")
    assert outcome(watching) == [b"PONG"]


def test_ones_own_change_counts(watching):
    watching("SET", "k", "mine")
    assert outcome(watching) is None


def test_a_change_inside_exec_is_none_for_itself(watching):
    watching("MULTI")
    watching("SET", "k", "mine")
    watching("GET", "k")
    assert watching("EXEC") == [b"OK", b"mine"]


def test_a_key_of_another_database(peer, watching):
    other = peer.open()
    other("SELECT", 1)
    other("SET", "k", "elsewhere")
    assert outcome(watching) == [b"PONG"]
    other("FLUSHDB")


def test_a_key_that_was_expired_when_it_was_watched(store):
    store.clock.freeze(1_700_000_000)
    store.set("k", "v", px=1000)
    with store.session() as run:
        run.execute("WATCH", "k")
        store.clock.advance(2)
        run.execute("MULTI")
        assert run.execute("EXEC") is None


def test_memory_of_watchers_goes_back(store):
    before = store.used_memory
    sessions = [store.session() for _ in range(20)]
    for session in sessions:
        for i in range(200):
            session.execute("WATCH", f"key:{i}")
    assert store.used_memory > before and store.info("clients")["watching_clients"] == 20 and store.info("clients")["total_watched_keys"] == 200
    for session in sessions:
        session.close()
    assert store.info("clients")["total_watched_keys"] == 0 and store.used_memory < before + 5000
