"""Caches against models: each policy written the long way with dicts and lists, on a clock of the test's."""

from collections import OrderedDict
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sortedcontainers import SortedDict

import kvd

KEYS = st.one_of(st.integers(0, 12), st.sampled_from("abcdef"), st.tuples(st.integers(0, 2), st.integers(0, 2)))
SPANS = st.sampled_from([0.0005, 0.01, 0.5, 1, 1.5, 3, 60, 4000, None])
MAXSIZE = 8


class Lru:
    """Keys, the next to leave first."""

    def __init__(self):
        self.keys = OrderedDict()

    def add(self, key):
        self.keys[key] = None

    def use(self, key):
        self.keys.move_to_end(key)

    def remove(self, key):
        del self.keys[key]

    def victim(self):
        return next(iter(self.keys))

    def order(self):
        return list(self.keys)


class Fifo(Lru):
    def use(self, key):
        pass


class Lfu(Lru):
    def __init__(self):
        super().__init__()
        self.uses = {}
        self.turn = 0

    def add(self, key):
        self.keys[key] = None
        self.rank(key, 1)

    def use(self, key):
        self.rank(key, self.uses[key][0] + 1)

    def rank(self, key, uses):
        self.turn += 1
        self.uses[key] = (uses, self.turn)

    def victim(self):
        return min(self.keys, key=lambda k: self.uses[k])

    def order(self):
        return sorted(self.keys, key=lambda k: self.uses[k])


class Sieve(Lru):
    def __init__(self):
        super().__init__()
        self.visited = set()
        self.hand = None

    def add(self, key):
        self.keys[key] = None
        self.visited.discard(key)

    def use(self, key):
        self.visited.add(key)

    def after(self, key):
        keys = list(self.keys)
        at = keys.index(key) + 1
        return keys[at] if at < len(keys) else None

    def remove(self, key):
        if self.hand == key:
            self.hand = self.after(key)
        del self.keys[key]

    def victim(self):
        key = self.hand if self.hand is not None else next(iter(self.keys))
        while key in self.visited:
            self.visited.discard(key)
            key = self.after(key)
            if key is None:
                key = next(iter(self.keys))
        self.hand = key
        return key


class CacheMachine(RuleBasedStateMachine):
    """Everything but who is evicted is the same for all policies; `model_of` names the ones whose order is known."""

    policy = "lru"
    model_of = Lru
    options: dict = {}

    def __init__(self):
        super().__init__()
        self.now = 50.0
        self.events = []
        with mock.patch("os.urandom", bytes):  # the same chance in every run, or hypothesis cannot repeat what it found
            self.cache = kvd.Cache(
                MAXSIZE, policy=self.policy, clock=lambda: self.now,
                on_evict=lambda key, value, cause: self.events.append((key, value, cause)), **self.options,
            )  # fmt: skip
        self.values = {}
        self.deadlines = {}
        self.idle = {}
        self.tags = {}
        self.order = self.model_of() if self.model_of else None

    # ---- the model ---------------------------------------------------------------------------------

    def deadline(self, key):
        last = self.deadlines.get(key)
        return last if key not in self.idle else min(x for x in (last, self.idle[key][1]) if x is not None)

    def bury(self):
        for key in [k for k in self.values if self.deadline(k) is not None and self.deadline(k) <= self.now]:
            self.drop(key)

    def drop(self, key):
        del self.values[key]
        self.deadlines.pop(key, None)
        self.idle.pop(key, None)
        self.tags.pop(key, None)
        if self.order:
            self.order.remove(key)

    def used(self, key):
        if key in self.idle:
            self.idle[key] = (self.idle[key][0], self.now + self.idle[key][0])
        if self.order:
            self.order.use(key)

    def put(self, key, value, ttl, tti, tags=frozenset()):
        new = key not in self.values
        if new and self.order and len(self.values) == MAXSIZE:
            self.drop(self.order.victim())
        self.values[key] = value
        self.deadlines[key] = None if ttl is None else self.now + ttl
        self.idle.pop(key, None)
        if tti is not None:
            self.idle[key] = (tti, self.now + tti)
        self.tags[key] = frozenset(tags)
        if self.order:
            if new:
                self.order.add(key)
            else:
                self.order.use(key)
        if len(self.values) > MAXSIZE:
            gone = [k for k in self.values if self.cache.peek(k, self) is self]
            assert len(gone) == 1
            self.drop(gone[0])

    # ---- steps -------------------------------------------------------------------------------------

    @rule(key=KEYS, value=st.integers(), ttl=SPANS, tti=st.sampled_from([None, None, 1, 2.5]),
          tags=st.sets(st.sampled_from("xyz")))  # fmt: skip
    def set(self, key, value, ttl, tti, tags):
        self.bury()
        assert self.cache.set(key, value, ttl, tti=tti, tags=tags)
        self.put(key, value, ttl, tti, tags)

    @rule(key=KEYS, value=st.none())
    def setitem(self, key, value):
        self.bury()
        self.cache[key] = value
        self.put(key, value, self.options.get("ttl"), self.options.get("tti"))

    @rule(key=KEYS)
    def get(self, key):
        self.bury()
        assert self.cache.get(key, self) == self.values.get(key, self)
        if key in self.values:
            self.used(key)

    @rule(key=KEYS)
    def getitem(self, key):
        self.bury()
        if key in self.values:
            assert self.cache[key] == self.values[key]
            self.used(key)
        else:
            with pytest.raises(KeyError):
                self.cache[key]

    @rule(key=KEYS)
    def look(self, key):
        self.bury()
        assert (key in self.cache) == (key in self.values)
        assert self.cache.peek(key, self) == self.values.get(key, self)
        assert self.cache.tags_of(key) == self.tags.get(key, frozenset())

    @rule(key=KEYS)
    def ttl(self, key):
        self.bury()
        if key not in self.values:
            with pytest.raises(KeyError):
                self.cache.ttl(key)
        elif self.deadline(key) is None:
            assert self.cache.ttl(key) is None
        else:
            assert self.cache.ttl(key) == pytest.approx(self.deadline(key) - self.now, abs=2e-6)

    @rule(key=KEYS, value=st.integers(), ttl=SPANS)
    def add(self, key, value, ttl):
        self.bury()
        assert self.cache.add(key, value, ttl) == (key not in self.values)
        if key not in self.values:
            self.put(key, value, ttl, self.options.get("tti"))

    @rule(key=KEYS, value=st.integers(), ttl=SPANS)
    def replace(self, key, value, ttl):
        self.bury()
        assert self.cache.replace(key, value, ttl) == (key in self.values)
        if key in self.values:
            self.put(key, value, ttl, self.options.get("tti"))

    @rule(key=KEYS, expected=st.integers(0, 3), value=st.integers(0, 3))
    def cas(self, key, expected, value):
        self.bury()
        same = key in self.values and self.values[key] == expected
        assert self.cache.cas(key, expected, value) == same
        if same:
            self.values[key] = value
            if self.order:
                self.order.use(key)

    @rule(key=KEYS, ttl=SPANS)
    def touch(self, key, ttl):
        self.bury()
        assert self.cache.touch(key, ttl) == (key in self.values)
        if key in self.values:
            self.deadlines[key] = None if ttl is None else self.now + ttl
            self.used(key)

    @rule(key=KEYS)
    def pop(self, key):
        self.bury()
        assert self.cache.pop(key, self) == self.values.get(key, self)
        if key in self.values:
            self.drop(key)

    @rule(key=KEYS)
    def delete(self, key):
        self.bury()
        assert self.cache.delete(key) == (key in self.values)
        if key in self.values:
            self.drop(key)

    @rule()
    def popitem(self):
        self.bury()
        if not self.values:
            with pytest.raises(KeyError):
                self.cache.popitem()
            return
        if self.order:
            assert self.cache.popitem()[0] == (key := self.order.victim())
        else:
            key, value = self.cache.popitem()
            assert self.values[key] == value
        self.drop(key)

    @rule(tag=st.sampled_from("xyz"))
    def invalidate_tag(self, tag):
        self.bury()
        tagged = [key for key, tags in self.tags.items() if tag in tags]
        assert self.cache.invalidate_tag(tag) == len(tagged)
        for key in tagged:
            self.drop(key)

    @rule(seconds=st.sampled_from([0.0001, 0.009, 0.4, 1.0, 2.0, 100.0, 5000.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def clear(self):
        self.cache.clear()
        for key in list(self.values):
            self.drop(key)

    @rule()
    def pop_expired(self):
        for key, value in self.cache.pop_expired():
            assert (key, value) in [event[:2] for event in self.events if event[2] in ("expired", "idle")]
        self.bury()

    # ---- always ------------------------------------------------------------------------------------

    @invariant()
    def same(self):
        self.bury()
        assert dict(self.cache.items()) == self.values
        assert len(self.cache) == len(self.values)
        if self.order:
            assert list(self.cache) == self.order.order()
        self.cache._check()

    @invariant()
    def listener_heard_of_all_that_left(self):
        left = self.cache._figures()[3]
        for cause in left:
            assert left[cause] == sum(1 for event in self.events if event[2] == cause)


MODELS = {"lru": Lru, "fifo": Fifo, "lfu": Lfu, "sieve": Sieve, "s3fifo": None, "tinylfu": None, "random": None}


@pytest.mark.parametrize("options", [{}, {"ttl": 1.0}, {"ttl": 3.0, "tti": 0.5}], ids=["plain", "ttl", "tti"])
@pytest.mark.parametrize("policy", MODELS)
def test_policies(policy, options):
    made = type(f"{policy}_machine", (CacheMachine,), {"policy": policy, "model_of": MODELS[policy], "options": options})
    run_state_machine_as_test(made, settings=settings(max_examples=25, stateful_step_count=40, deadline=None))


@given(steps=st.lists(st.tuples(st.sampled_from(["set", "delete", "get"]), st.integers(0, 40))), low=st.integers(0, 40),
       high=st.integers(0, 40), reverse=st.booleans(), inclusive=st.tuples(st.booleans(), st.booleans()))  # fmt: skip
def test_an_ordered_cache_against_a_sorted_dict(steps, low, high, reverse, inclusive):
    cache, model = kvd.Cache(ordered=True), SortedDict()
    for step, key in steps:
        if step == "set":
            cache[key] = model[key] = -key
        elif step == "delete":
            assert cache.delete(key) == (model.pop(key, None) is not None)
        else:
            assert cache.get(key) == model.get(key)
    assert cache.irange(low, high, inclusive, reverse) == list(model.irange(low, high, inclusive, reverse))
    assert cache.irange() == list(model)


@given(steps=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 12), st.booleans()), max_size=60), limit=st.integers(1, 40))
@pytest.mark.parametrize("policy", MODELS)
def test_weights(policy, steps, limit):
    with mock.patch("os.urandom", bytes):
        cache, weights = kvd.Cache(maxweight=limit, weigher=lambda key, value: value, policy=policy), {}
    for key, weight, plain in steps:
        before = dict(cache.items())
        stored = cache.set(key, weight) if plain else cache.set(key, weight + 1, weight=weight)
        assert stored == (weight <= limit)
        if not stored:
            before.pop(key, None)
            assert dict(cache.items()) == before
            continue
        weights[key] = weight
        assert cache.weight == sum(weights[k] for k in cache) <= limit
        cache._check()
