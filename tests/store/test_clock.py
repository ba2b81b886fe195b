"""The clock that commands see; tests/test_clock.py has what tests of users do with it."""

import kvd


def test_a_command_sees_one_moment(store):
    """Also a long one: a script's TIME stands still."""
    script = "local a = redis.call('time') for i = 1, 1000000 do end local b = redis.call('time') return {a[1] .. a[2], b[1] .. b[2]}"
    a, b = store.eval(script, 0)
    assert a == b


def test_time_goes_on_between_commands(store):
    first = store.execute("TIME")
    while store.execute("TIME") == first:
        pass
    assert [int(part) for part in store.execute("TIME")] > [int(part) for part in first]


def test_frozen_time_moves_all_that_is_timed():
    store = kvd.Store(maxmemory_policy="allkeys-lru")
    store.clock.freeze(1_000_000)
    store.execute("SET", "k", "v")
    assert store.xadd("x", {"f": 1}) == b"1000000000-0"
    store.clock.advance(50)
    assert store.object("idletime", "k") == 50 and store.execute("TIME") == [b"1000050", b"0"] and store.xadd("x", {"f": 1}) == b"1000050000-0"


def test_time_that_goes_back_breaks_nothing(store):
    store.clock.freeze(2_000_000)
    store.set("k", "v", ex=100)
    store.xadd("x", {"f": 1})
    store.clock.set(1_000_000)
    assert store.get("k") == b"v" and store.ttl("k") == 1_000_100 and store.xadd("x", {"f": 2}) == b"2000000000-1"
    assert store.object("idletime", "k") >= 0


def test_the_far_future(store):
    store.clock.freeze(9_000_000_000)
    store.set("k", "v", ex=1)
    store.clock.advance(2)
    assert store.get("k") is None and store.execute("TIME")[0] == b"9000000002"
