"""A store's clock under the control of a test."""

import time
from datetime import datetime, timedelta, timezone

import pytest

import kvd


def test_time_stands_and_moves_on(store):
    store.set("k", "v", ex=60)
    store.hset("h", mapping={"f": 1, "g": 2})
    store.hexpire("h", 30, "f")
    with store.clock.frozen() as clock:
        before = store.execute("TIME")
        time.sleep(0.01)
        assert store.execute("TIME") == before and store.pttl("k") > 59_900
        clock.advance(31)
        assert store.hkeys("h") == [b"g"] and store.ttl("k") in (28, 29)
        clock.advance(timedelta(seconds=30))
        assert store.get("k") is None and store.dbsize() == 1
        assert store.info("stats")["expired_keys"] == 1
    assert abs(int(store.execute("TIME")[0]) - time.time()) < 2


def test_shifted_time_goes_on(store):
    store.set("k", "v", px=3_600_050)
    store.clock.advance(3600)
    assert store.get("k") == b"v" and 0 < store.pttl("k") <= 50
    time.sleep(0.06)
    assert store.get("k") is None
    store.clock.resume()


def test_a_moment_can_be_set(store):
    moment = datetime(2030, 1, 1, tzinfo=timezone.utc)
    store.clock.freeze(moment)
    assert store.execute("TIME") == [b"1893456000", b"0"] and store.xadd("x", {"a": 1}) == b"1893456000000-0"
    store.clock.set(moment + timedelta(days=1))
    assert store.clock.now == moment.timestamp() + 86400 and "frozen" in repr(store.clock)
    store.clock.resume()
    store.clock.set(moment)
    assert 0 <= store.clock.now - moment.timestamp() < 5


def test_waiting_takes_real_time(store):
    with store.clock.frozen(at=1000):
        begun = time.monotonic()
        assert store.blpop("none", timeout=0.05) is None
        assert time.monotonic() - begun > 0.04


def test_a_served_store(store):
    import redis

    with store.serve() as server:
        client = redis.from_url(server.url)
        client.set("k", "v", ex=100)
        with store.clock.frozen() as clock:
            clock.advance(101)
            assert client.get("k") is None
            assert client.blpop("none", timeout=0.1) is None
        client.close()


def test_it_follows_another_clock(store):
    now = [5000.0]
    store.clock.follow(lambda: now[0])
    store.set("k", "v", ex=10)
    now[0] += 9
    assert store.get("k") == b"v" and store.ttl("k") == 1
    now[0] += 2
    assert store.get("k") is None
    store.clock.resume()


def test_freezegun(store):
    freezegun = pytest.importorskip("freezegun")

    store.clock.follow()
    with freezegun.freeze_time("2026-01-01") as frozen:
        store.set("k", "v", ex=60)
        frozen.tick(61)
        assert store.get("k") is None
    store.clock.resume()


def test_a_wait_of_many_stores_is_not_shared():
    one, other = kvd.Store(), kvd.Store()
    for store in (one, other):
        store.set("k", "v", ex=10)
    one.clock.advance(11)
    assert one.get("k") is None and other.get("k") == b"v"
