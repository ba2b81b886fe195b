"""Eviction: the limit holds under every policy, and the right keys stay."""

import random
import time

import pytest

import kvd

POLICIES = ["allkeys-lru", "allkeys-lfu", "allkeys-lrm", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-lrm", "volatile-random", "volatile-ttl"]
LIMIT = 1_000_000


@pytest.mark.parametrize("policy", POLICIES)
def test_the_limit_holds(policy):
    store = kvd.Store(maxmemory=LIMIT, maxmemory_policy=policy)
    for i in range(20_000):
        store.set(f"key:{i}", "x" * random.randint(1, 300), ex=1000 + i)
        assert store.used_memory <= LIMIT + 20_000
    stats = store.info("stats")
    assert stats["evicted_keys"] > 10_000
    assert store.dbsize() == 20_000 - stats["evicted_keys"]
    assert store.execute("DEBUG", "CHECK") == b"OK"


@pytest.mark.parametrize("policy", [p for p in POLICIES if p.startswith("volatile")])
def test_keys_without_a_deadline_are_safe(policy):
    store = kvd.Store(maxmemory=LIMIT, maxmemory_policy=policy)
    for i in range(500):
        store.set(f"safe:{i}", "x" * 100)
    for i in range(10_000):
        store.set(f"v:{i}", "x" * 100, ex=1000)
    assert sum(store.exists(f"safe:{i}") for i in range(500)) == 500


def test_noeviction_refuses_and_keeps_everything():
    store = kvd.Store(maxmemory=LIMIT)
    with pytest.raises(kvd.OutOfMemoryError):
        for i in range(100_000):
            store.set(f"k{i}", "x" * 100)
    n = store.dbsize()
    assert n > 1000
    assert store.get("k0") == b"x" * 100
    assert store.delete("k0") == 1
    assert store.dbsize() == n - 1


def test_volatile_without_candidates_refuses():
    store = kvd.Store(maxmemory=LIMIT, maxmemory_policy="volatile-lru")
    with pytest.raises(kvd.OutOfMemoryError):
        for i in range(100_000):
            store.set(f"k{i}", "x" * 100)


def test_lru_keeps_what_is_used():
    store = kvd.Store(maxmemory=LIMIT, maxmemory_policy="allkeys-lru", maxmemory_samples=10)
    for i in range(1000):
        store.set(f"hot:{i}", "x" * 100)
    for round_ in range(20):
        time.sleep(0.02)
        for i in range(1000):
            store.get(f"hot:{i}")
        for i in range(1000):
            store.set(f"cold:{round_}:{i}", "x" * 100)
    assert sum(store.exists(f"hot:{i}") for i in range(1000)) > 950


def test_lrm_keeps_what_is_written_and_evicts_what_is_only_read():
    store = kvd.Store(maxmemory=LIMIT, maxmemory_policy="allkeys-lrm", maxmemory_samples=10)
    store.clock.freeze(1_700_000_000)
    for i in range(1000):
        store.set(f"written:{i}", "x" * 100)
        store.set(f"read:{i}", "x" * 100)
    for round_ in range(20):
        store.clock.advance(1)
        for i in range(1000):
            store.append(f"written:{i}", "")
            store.set(f"written:{i}", "x" * 100)
            store.get(f"read:{i}")
        for i in range(1000):
            store.set(f"cold:{round_}:{i}", "x" * 100)
    assert sum(store.exists(f"written:{i}") for i in range(1000)) > 950
    assert sum(store.exists(f"read:{i}") for i in range(1000)) < 50


def test_lfu_keeps_what_is_used_often():
    store = kvd.Store(maxmemory=LIMIT, maxmemory_policy="allkeys-lfu", maxmemory_samples=10)
    for i in range(500):
        store.set(f"hot:{i}", "x" * 100)
        for _ in range(30):
            store.get(f"hot:{i}")
    for i in range(20_000):
        store.set(f"cold:{i}", "x" * 100)
    assert sum(store.exists(f"hot:{i}") for i in range(500)) > 475
    assert store.object("FREQ", "hot:1") > 5


def test_volatile_ttl_takes_what_ends_first():
    store = kvd.Store(maxmemory=LIMIT, maxmemory_policy="volatile-ttl")
    for i in range(3000):
        store.set(f"late:{i}", "x" * 100, ex=100_000 + i)
    for i in range(10_000):
        store.set(f"soon:{i}", "x" * 100, ex=1000 + i % 100)
    assert sum(store.exists(f"late:{i}") for i in range(3000)) > 2900


def test_lowering_the_limit_evicts_at_once():
    store = kvd.Store(maxmemory_policy="allkeys-random", maxmemory_eviction_tenacity=100)
    for i in range(10_000):
        store.set(f"k{i}", "x" * 100)
    store.config_set("maxmemory", LIMIT // 2)
    assert store.used_memory <= LIMIT // 2 + 4096   # and the reply to CONFIG SET
