"""Options have their effect as soon as they are set: by the constructor, CONFIG SET, or Store.configure."""

import pytest

import kvd

from ..compat.wire import Wire


def by_constructor(**options):
    return kvd.Store(**options)


def by_command(**options):
    store = kvd.Store()
    store.config_set(*[word for name, value in options.items() for word in (name.replace("_", "-"), value)])
    return store


def by_configure(**options):
    store = kvd.Store()
    for name, value in options.items():
        store.configure(name.replace("_", "-"), value)
    return store


@pytest.fixture(params=[by_constructor, by_command, by_configure])
def make(request):
    return request.param


def test_a_limit_of_memory(make):
    store = make(maxmemory="100kb", maxmemory_policy="noeviction")
    with pytest.raises(kvd.ResponseError, match="OOM"):
        for i in range(10_000):
            store.set(f"k{i}", "x" * 100)
    store.config_set("maxmemory", "0")
    assert store.set("k", "x" * 100_000)


def test_the_slow_log_of_the_fastest_commands(make):
    store = make(slowlog_log_slower_than="0")
    store.set("k", "v")
    assert store.execute("SLOWLOG", "GET", 1)[0][3] == [b"SET", b"k", b"v"]
    store.config_set("slowlog-log-slower-than", "-1")
    store.execute("SLOWLOG", "RESET")
    store.set("k", "v")
    assert store.execute("SLOWLOG", "LEN") == 0


def test_events(make):
    store = make(notify_keyspace_events="E$")
    link = store._link(kvd.ResponseError)
    link.call(("PSUBSCRIBE", "*"), True)
    while link.ready():
        link.next(True)
    store.set("k", "v")
    assert link.next(True)[1][-2:] == ["__keyevent@0__:set", "k"]
    store.config_set("notify-keyspace-events", "")
    store.set("k", "v")
    assert not link.ready()


def test_a_value_that_is_refused_has_no_effect():
    store = kvd.Store(maxmemory="100kb", maxmemory_policy="allkeys-lru")
    for i in range(50):
        store.set(f"k{i}", "x" * 100)
    with pytest.raises(kvd.ResponseError):
        store.config_set("maxmemory", "1kb", "hz", "none")
    assert store.dbsize() == 50


def test_a_shorter_table_of_tracked_keys_tells_those_it_forgets(peer):
    tracking = peer.open(3)
    tracking("CLIENT", "TRACKING", "ON")
    keys = [f"k{i}" for i in range(20)]
    for key in keys:
        tracking("GET", key)
    before = peer("CONFIG", "GET", "tracking-table-max-keys")
    peer("CONFIG", "SET", "tracking-table-max-keys", 5)
    tracking.send(Wire.frame(("PING",)))
    told = set()
    while len(told) < 15:
        reply = tracking.read()
        if isinstance(reply, list):
            told.update(reply[1])
    peer("CONFIG", "SET", *before)
    assert told < {key.encode() for key in keys}
