"""What follows a command: waiting clients are served, in their order, also inside and after transactions and scripts."""

import pytest

import kvd


def link(store, *words):
    one = store._link(kvd.ResponseError)
    one.call(tuple(str(w) for w in words), False)
    return one


def test_waiters_are_served_after_the_whole_transaction(store):
    waiter = link(store, "BLPOP", "l", 0)
    with store.session() as run:
        for line in ("MULTI", "RPUSH l a", "LPOP l", "RPUSH l b", "EXEC"):
            reply = run.execute(*line.split())
    assert reply == [1, b"a", 1] and waiter.next(False) == (False, [b"l", b"b"]) and store.llen("l") == 0


def test_and_after_the_whole_script(store):
    waiter = link(store, "BLPOP", "l", 0)
    assert store.eval("redis.call('rpush', 'l', 'a') return redis.call('lpop', 'l')", 0) == b"a"
    assert waiter.waits()
    store.eval("redis.call('rpush', 'l', 'b') redis.call('rpush', 'l', 'c')", 0)
    assert waiter.next(False) == (False, [b"l", b"b"]) and store.lrange("l", 0, -1) == [b"c"]


def test_one_push_serves_as_many_as_it_has_elements(store):
    waiters = [link(store, "BLPOP", "l", 0) for _ in range(5)]
    store.rpush("l", *"abc")
    assert [one.next(False)[1][1] for one in waiters[:3]] == [b"a", b"b", b"c"] and all(one.waits() for one in waiters[3:])


def test_a_chain_of_moves(store):
    first, second, third = link(store, "BLMOVE", "a", "b", "LEFT", "LEFT", 0), link(store, "BLMOVE", "b", "c", "LEFT", "LEFT", 0), link(store, "BLPOP", "c", 0)
    store.rpush("a", "x")
    assert [one.next(False)[1] for one in (first, second, third)] == [b"x", b"x", [b"c", b"x"]] and store.dbsize() == 0


def test_a_wait_takes_real_time(store):
    """The store's clock is for deadlines of data: a client that waits is not woken when a test moves it."""
    store.clock.freeze(1_000_000)
    waiter = link(store, "BLPOP", "l", 50)
    store.clock.advance(100)
    assert waiter.waits() and not waiter.ready()
    store.rpush("l", "a")
    assert waiter.next(False) == (False, [b"l", b"a"]) and store.info("commandstats")["cmdstat_blpop"]["calls"] == 1


def test_a_value_of_another_type_does_not_end_a_wait(store):
    waiter = link(store, "BZPOPMIN", "k", 0)
    store.rpush("k", "a")
    assert waiter.waits()
    store.delete("k")
    store.zadd("k", {"m": 1})
    assert waiter.next(False)[1][1] == b"m"


def test_receiving_what_is_not_there_is_an_error(store):
    waiter = link(store, "BLPOP", "l", 0)
    with pytest.raises(RuntimeError, match="nothing to receive"):
        waiter.next(False)
    store.rpush("l", "a")
    assert waiter.next(False)[1] == [b"l", b"a"]
