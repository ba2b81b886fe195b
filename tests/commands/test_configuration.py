"""CONFIG SET: values that are not what they seem."""

import pytest


@pytest.mark.parametrize("option", ["requirepass", "masterauth", "maxmemory-policy", "notify-keyspace-events", "hz"])
def test_a_nul_in_a_value_is_refused(store, option):
    """Real servers cut the value there: `requirepass abc\\0def` would let `abc` in."""
    before = store.execute("CONFIG", "GET", option)
    with pytest.raises(Exception, match="CONFIG SET failed"):
        store.execute("CONFIG", "SET", option, b"10\x00def")
    assert store.execute("CONFIG", "GET", option) == before
    with store.session() as other:
        assert other.execute("PING") == b"PONG"


def test_hz_is_clipped(peer):
    for given, held in (("1000", b"500"), ("0", b"1"), ("-5", b"1"), ("77", b"77"), ("10", b"10")):
        if peer("CONFIG", "SET", "hz", given) == b"OK":
            assert peer("CONFIG", "GET", "hz") == [b"hz", held], given
    assert peer("CONFIG", "GET", "hz") == [b"hz", b"10"]


def test_a_failing_pair_sets_none(peer):
    assert isinstance(peer("CONFIG", "SET", "maxmemory-samples", 7, "maxmemory-policy", "nope"), Exception)
    assert peer("CONFIG", "GET", "maxmemory-samples") == [b"maxmemory-samples", b"5"]
    assert "duplicate" in str(peer("CONFIG", "SET", "hz", 10, "hz", 11)).lower()


def test_databases_of_a_cluster_are_one():
    import kvd

    assert kvd.Store(cluster_enabled=True).execute("CONFIG", "GET", "databases") == {b"databases": b"1"}
