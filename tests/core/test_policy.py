"""Policies without a cache: order, sparing of what just came, queues that divide the room, windows that adapt."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.core import _probe_policy

NAMES = _probe_policy.names()


def make(name, limit=10, **options):
    return _probe_policy.Policy(NAMES.index(name), limit, **options)


def fill(policy, keys):
    for key in keys:
        policy.add(key)


def test_names():
    assert NAMES == ["lru", "lfu", "fifo", "tinylfu", "s3fifo", "sieve", "random"]


STEPS = st.lists(st.tuples(st.sampled_from("aaaurvw"), st.integers(0, 60)), max_size=120)


@settings(deadline=None)
@given(steps=STEPS, weighing=st.booleans(), limit=st.integers(1, 40))
@pytest.mark.parametrize("name", NAMES)
def test_any_steps_leave_the_queues_whole(name, steps, weighing, limit):
    policy, there = make(name, limit, weighing=weighing), set()
    for step, key in steps:
        if step == "a" and key not in there:
            policy.add(key, key % 5)
            there.add(key)
        elif step == "u" and key in there:
            policy.use(key)
        elif step == "r" and key in there:
            policy.remove(key)
            there.discard(key)
        elif step == "w" and key in there:
            policy.weigh(key, key % 3)
        elif step == "v":
            victim = policy.victim()
            assert (victim in there) if there else victim is None
            if there:
                policy.remove(victim)
                there.discard(victim)
        policy.check()
        assert sorted(policy.order()) == sorted(there)


@pytest.mark.parametrize("name", NAMES)
def test_what_just_came_is_spared_if_anyone_else_is_there(name):
    policy = make(name, 5)
    fill(policy, [1])
    assert policy.victim(newest=1) == 1
    for round_ in range(30):
        key = 100 + round_
        for other in policy.order():
            policy.use(other)
            policy.use(other)
        policy.add(key)
        victim = policy.victim(newest=key)
        assert victim != key
        policy.remove(victim)
        if len(policy.order()) < 3:
            fill(policy, [1000 + round_])


def test_lru_and_fifo():
    lru, fifo = make("lru"), make("fifo")
    for policy in (lru, fifo):
        fill(policy, range(4))
        policy.use(0)
    assert (lru.order(), lru.victim()) == ([1, 2, 3, 0], 1) and (fifo.order(), fifo.victim()) == ([0, 1, 2, 3], 0)


def test_lfu_breaks_ties_by_age():
    policy = make("lfu")
    fill(policy, range(4))
    for key in (0, 0, 1, 3):
        policy.use(key)
    assert policy.order() == [2, 1, 3, 0] and policy.victim() == 2


def test_sieve_keeps_its_hand():
    policy = make("sieve")
    fill(policy, range(5))
    policy.use(0)
    policy.use(1)
    assert policy.victim() == 2
    policy.remove(2)
    policy.use(3)
    assert policy.victim() == 4


def test_s3fifo_lets_the_ghosts_of_its_small_queue_into_main():
    policy = make("s3fifo", 10)
    fill(policy, range(10))
    for key in range(10):
        victim = policy.victim()
        assert victim == key
        policy.remove(victim)
        policy.add(100 + key)
    policy.remove(policy.victim())
    policy.add(5)  # left not long ago
    assert policy.order()[-1] == 5
    while 108 in policy.order():
        policy.remove(policy.victim())
    assert policy.order() == [109, 5]


def test_random_is_uniform():
    policy, counts = make("random"), [0] * 10
    fill(policy, range(10))
    for _ in range(5000):
        counts[policy.victim()] += 1
    assert min(counts) > 350 and max(counts) < 650


def run(policy, trace, size):
    """A cache of `size` names over the policy; hits."""
    there, hits = set(), 0
    for key in trace:
        if key in there:
            hits += 1
            policy.use(key)
        else:
            policy.miss(key)
            policy.add(key)
            there.add(key)
            if len(there) > size:
                victim = policy.victim(newest=key)
                policy.remove(victim)
                there.discard(victim)
    policy.check()
    return hits


def test_tinylfu_widens_its_window_for_bursts_and_not_for_popularity():
    rng = random.Random(3)
    bursts = [key for i in range(6000) for key in rng.sample([i, i, i, i - 3, i - 9], 5) if key >= 0]
    popular = [int(rng.paretovariate(0.8)) % 3000 for _ in range(60_000)]
    policy = make("tinylfu", 100)
    assert policy.window == 1
    run(policy, [k * 2654435761 % 2**32 for k in bursts], 100)
    wide = policy.window
    assert wide >= 10
    policy = make("tinylfu", 100)
    run(policy, [k * 2654435761 % 2**32 for k in popular], 100)
    assert policy.window < wide
