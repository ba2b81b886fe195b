"""Stores: each with everything of its own, and nothing left of one that is gone."""

import gc

import pytest

import kvd


def test_each_has_an_identity_of_its_own():
    stores = [kvd.Store() for _ in range(5)]
    assert len({store.info("server")["run_id"] for store in stores}) == 5
    assert len({store.info("server")["run_id"] for _ in range(2) for store in stores[:1]}) == 1


def test_chance_differs_between_stores_that_are_made_at_once():
    stores = [kvd.Store() for _ in range(4)]
    draws = set()
    for store in stores:
        store.sadd("t", *range(1000))
        draws.add(tuple(store.srandmember("t", 10)))
    assert len(draws) == 4


@pytest.mark.parametrize("n", [1, 2, 16, 1000])
def test_it_has_the_databases_it_was_made_with(n):
    store = kvd.Store(databases=n)
    with store.session() as run:
        run.execute("SELECT", n - 1)
        run.execute("SET", "k", "v")
        with pytest.raises(kvd.ResponseError, match="DB index is out of range"):
            run.execute("SELECT", n)
        assert run.execute("GET", "k") == b"v"
    assert store.option("databases") == str(n) and list(store.info("keyspace")) == [f"db{n - 1}"]


def test_memory_of_keys_is_counted_and_comes_back(store):
    empty = store.used_memory
    for i in range(10_000):
        store.set(f"k{i}", "x" * 100)
    full = store.used_memory
    store.flushall()
    assert full - empty > 1_000_000 and store.used_memory - empty < 100_000


def test_options_are_of_one_store():
    one, other = kvd.Store(maxmemory="1mb"), kvd.Store()
    other.config_set("hz", "77")
    assert (one.option("hz"), other.option("hz"), one.option("maxmemory"), other.option("maxmemory")) == ("10", "77", "1048576", "0")


def test_a_closed_store_has_let_go_of_everything():
    store = kvd.Store()
    session = store.session()
    session.execute("SET", "k", "x" * 100_000)
    store.close()
    with pytest.raises(kvd.ClosedError):
        store.get("k")
    with pytest.raises(kvd.ClosedError):
        session.execute("GET", "k")
    del store, session
    gc.collect()
