"""EVAL and SCRIPT as a program uses them: the cache, transactions, time, memory, the missing package."""

import threading

import pytest

import kvd
from tests.compat.wire import Wire
from tests.waiting import blocked


def test_scripts_are_atomic_and_see_one_moment(store):
    store.set("k", "v", px=1500)
    assert store.eval("local a = redis.call('get', KEYS[1]) local t = os.clock() while os.clock() - t < 2 do end return {a, redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1]) > 0}", 1, "k") == [b"v", b"v", 1]
    assert store.get("k") is None


def test_select_inside_a_script_stays_inside(store):
    store.eval("redis.call('select', 3) redis.call('set', 'k', 'v')", 0)
    assert store.get("k") is None
    with store.session() as s:
        s.execute("SELECT", 3)
        assert s.execute("GET", "k") == b"v"


def test_a_script_within_a_transaction(store):
    with store.session() as s:
        s.execute("WATCH", "w")
        s.execute("MULTI")
        assert s.execute("EVAL", "return redis.call('incr', KEYS[1])", 1, "n") == b"QUEUED"
        assert s.execute("EVALSHA", "0" * 40, 0) == b"QUEUED"
        replies = s.execute("EXEC")
        assert replies[0] == 1 and isinstance(replies[1], kvd.NoScriptError)
        s.execute("WATCH", "n")
        store.eval("redis.call('incr', KEYS[1])", 1, "n")
        s.execute("MULTI")
        s.execute("PING")
        assert s.execute("EXEC") is None


def test_effects_reach_those_who_wait_listen_and_track(store):
    got = []
    waiter = threading.Thread(target=lambda: got.append(store.blpop("l", timeout=10)))
    waiter.start()
    blocked(store)
    store.config_set("notify-keyspace-events", "KEA")
    with store.pubsub() as listener:
        listener.psubscribe("__keyevent@0__:*")
        listener.get_message(timeout=1)
        store.eval("redis.call('rpush', KEYS[1], 'a') redis.call('publish', 'c', 'm')", 1, "l")
        assert listener.get_message(timeout=5)["channel"] == b"__keyevent@0__:rpush"
    waiter.join(5)
    assert got == [(b"l", b"a")]


def test_monitor_and_figures_show_commands_of_scripts():
    with kvd.Store().serve() as server:
        wire, other = (Wire(("127.0.0.1", server.port)) for _ in range(2))
        wire("MONITOR")
        other("EVAL", "return redis.call('set', 'k', 'v')", "0")
        assert wire.read().endswith(b'"EVAL" "return redis.call(\'set\', \'k\', \'v\')" "0"')
        assert wire.read().endswith(b' [0 lua] "set" "k" "v"')
        store = server.store
        assert store.info("commandstats")["cmdstat_set"]["calls"] == 1
        other("EVAL", "return redis.pcall('get')", "0")
        assert store.info("commandstats")["cmdstat_get"]["rejected_calls"] == 1
        with pytest.raises(kvd.ResponseError):
            store.eval("return redis.call('incr', 'k')", 0)
        assert store.info("errorstats")["errorstat_ERR"]["count"] == 2


def test_slow_scripts_and_their_commands_are_logged(store):
    store.config_set("slowlog-log-slower-than", 0)
    store.eval("redis.call('set', 'a', 1) redis.call('set', 'b', 1)", 0)
    commands = [entry[3][0] for entry in store.execute("SLOWLOG", "GET", 3)]
    assert commands == [b"EVAL", b"set", b"set"]


def test_sha1_of_every_length_is_that_of_hashlib(store):
    from hashlib import sha1

    texts = [bytes(range(256)) * 5, *(b"x" * n for n in range(200)), b"\xff" * 100_003]
    for text in texts:
        assert store.eval("return redis.sha1hex(ARGV[1])", 0, text) == sha1(text).hexdigest().encode(), len(text)
