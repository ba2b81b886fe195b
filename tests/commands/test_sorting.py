"""SORT: what is refused, what is ordered, and what a cluster allows."""

import pytest

import kvd

REFUSED = "denied in Cluster mode when keys formed by the pattern may be in different slots"


def test_elements_that_are_no_numbers(peer):
    peer("RPUSH", "b", "1", "  ")
    assert "can't be converted into double" in str(peer("SORT", "b"))
    assert peer("SORT", "b", "ALPHA") == [b"  ", b"1"]


@pytest.mark.parametrize("element", ["1x", "nan", "--1"])
def test_other_elements_that_are_no_numbers(peer, element):
    peer("RPUSH", "b", "1", element)
    assert isinstance(peer("SORT", "b"), Exception)


def test_sort_by_a_constant_in_a_script_is_ordered(peer):
    """So that replicas, which run the same script, see the same order; a client gets the order of the set."""
    peer("CONFIG", "SET", "set-max-listpack-entries", 0) if peer.version >= (7, 4) else None
    members = [f"m{i:03}" for i in range(200)]
    peer("SADD", "s", *reversed(members))
    reply = peer("EVAL", "return redis.call('sort', KEYS[1], 'by', 'nosort', 'get', '#')", 1, "s")
    peer("CONFIG", "SET", "set-max-listpack-entries", 128) if peer.version >= (7, 4) else None
    assert reply == [m.encode() for m in members]


@pytest.fixture
def cluster():
    store = kvd.Store(cluster_enabled=True)
    store.execute("RPUSH", "{a}l", 2, 1)
    store.execute("MSET", "{a}w_1", 5, "{a}w_2", 4)
    return store


@pytest.mark.parametrize("pattern", ["w_*", "{b}_*", "{a*}", "w_*{b}", "[a]{b}*", "{}{a}*"])
def test_patterns_of_other_slots_are_refused_in_a_cluster(cluster, pattern):
    for option in ("BY", "GET"):
        for command in ("SORT", "SORT_RO"):
            with pytest.raises(kvd.ResponseError, match=REFUSED):
                cluster.execute(command, "{a}l", option, pattern)


def test_patterns_of_the_keys_slot_are_allowed_in_a_cluster(cluster):
    assert cluster.execute("SORT", "{a}l", "BY", "{a}w_*", "GET", "#", "GET", "{a}w_*") == [b"2", b"4", b"1", b"5"]
    assert cluster.execute("SORT", "{a}l", "BY", "nosort") == [b"2", b"1"]
