"""Access clocks of keys: idle time and frequency, what touches them and what does not."""

import pytest

import kvd


@pytest.fixture
def lfu():
    store = kvd.Store(maxmemory_policy="allkeys-lfu", lfu_log_factor=0, lfu_decay_time=1)
    store.clock.freeze(1_700_000_000)
    return store


def idle(store, key="k"):
    return store.execute("OBJECT", "IDLETIME", key)


@pytest.mark.parametrize("line", ["GET k", "STRLEN k", "TOUCH k", "MGET k", "APPEND k x", "EXPIRE k 100"])
def test_what_touches(store, line):
    store.clock.freeze(1_700_000_000)
    store.set("k", "v")
    store.clock.advance(50)
    assert idle(store) == 50
    store.execute(*line.split())
    assert idle(store) == 0


@pytest.mark.parametrize("line", ["EXISTS k", "TYPE k", "TTL k", "OBJECT ENCODING k", "DUMP none", "SCAN 0", "DEBUG OBJECT k", "RANDOMKEY", "EXPIRETIME k"])
def test_what_does_not(store, line):
    store.configure("enable-debug-command", "yes")
    store.clock.freeze(1_700_000_000)
    store.set("k", "v")
    store.clock.advance(50)
    store.execute(*line.split())
    assert idle(store) == 50


@pytest.mark.parametrize("policy", ["allkeys-lrm", "volatile-lrm"])
def test_with_lrm_only_writes_touch(policy):
    store = kvd.Store(maxmemory_policy=policy)
    store.clock.freeze(1_700_000_000)
    for key in ("read", "written"):
        store.set(key, "1")
    store.clock.advance(50)
    for line in ("GET read", "TOUCH read", "MGET read", "STRLEN read", "INCR written"):
        store.execute(*line.split())
    store.get("read")
    assert (idle(store, "read"), idle(store, "written")) == (50, 0)


def test_frequency_grows_with_use_and_decays_with_time(lfu):
    lfu.set("k", "v")
    first = lfu.execute("OBJECT", "FREQ", "k")
    for _ in range(40):
        lfu.get("k")
    used = lfu.execute("OBJECT", "FREQ", "k")
    assert used == first + 40
    lfu.clock.advance(10 * 60)
    assert lfu.execute("OBJECT", "FREQ", "k") == used - 10
    lfu.clock.advance(60 * 60 * 24)
    assert lfu.execute("OBJECT", "FREQ", "k") == 0


def test_idletime_and_freq_belong_to_their_policies(store, lfu):
    store.set("k", "v")
    lfu.set("k", "v")
    with pytest.raises(kvd.ResponseError, match="LFU maxmemory policy is not selected"):
        store.execute("OBJECT", "FREQ", "k")
    with pytest.raises(kvd.ResponseError, match="LFU maxmemory policy is selected"):
        idle(lfu)


def test_they_go_along_with_restore_and_rename(store):
    store.clock.freeze(1_700_000_000)
    store.set("k", "v")
    store.execute("RESTORE", "r", 0, store.execute("DUMP", "k"), "IDLETIME", 500)
    assert idle(store, "r") == 500
    store.clock.advance(10)
    store.rename("r", "s")
    assert idle(store, "s") in (510, 0)
