"""Random operations on a DiskCache and on a dict with deadlines and tags, under a clock that does not move by itself."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import kvd

KEYS = st.sampled_from(["a", "b", 1, 1.0, b"a", (1, "a"), None, True])
VALUES = st.integers(-5, 5) | st.text(max_size=3) | st.lists(st.integers(), max_size=3) | st.binary(max_size=600)
EXPIRES = st.none() | st.sampled_from([0, 1, 2, 5])
TAGS = st.none() | st.sampled_from(["t", "u", 1])


def key_of(key):
    return type(key), key


class Model(RuleBasedStateMachine):
    @initialize(bounded=st.booleans(), index=st.booleans())
    def begin(self, bounded, index):
        self.cache = kvd.DiskCache(size_limit=10**8 if bounded else None, tag_index=index)
        self.cache.store.clock.freeze(1_800_000_000)
        self.now = 1_800_000_000
        self.model = {}  # (type, key): (value, deadline, tag)
        self.saved = None
        self.block = None

    def alive(self):
        for key in [key for key, (_, deadline, _) in self.model.items() if deadline is not None and deadline <= self.now]:
            del self.model[key]
        return self.model

    def put(self, key, value, expire, tag):
        model = self.alive()
        if expire == 0:
            model.pop(key_of(key), None)
        else:
            model[key_of(key)] = value, None if expire is None else self.now + expire, tag

    @rule(key=KEYS, value=VALUES, expire=EXPIRES, tag=TAGS)
    def set(self, key, value, expire, tag):
        assert self.cache.set(key, value, expire, tag=tag) is True
        self.put(key, value, expire, tag)

    @rule(key=KEYS, value=VALUES, expire=EXPIRES, tag=TAGS)
    def add(self, key, value, expire, tag):
        missing = key_of(key) not in self.alive()
        assert self.cache.add(key, value, expire, tag=tag) is missing
        if missing:
            self.put(key, value, expire, tag)

    @rule(key=KEYS)
    def pop(self, key):
        expected = self.alive().pop(key_of(key), (None, None, None))
        assert self.cache.pop(key, expire_time=True, tag=True) == expected

    @rule(key=KEYS)
    def delete(self, key):
        assert self.cache.delete(key) is (self.alive().pop(key_of(key), None) is not None)

    @rule(key=KEYS, expire=EXPIRES)
    def touch(self, key, expire):
        found = self.alive().get(key_of(key))
        assert self.cache.touch(key, expire) is (found is not None)
        if found is not None:
            self.put(key, found[0], expire, found[2])

    @rule(key=KEYS, delta=st.integers(-3, 3))
    def incr(self, key, delta):
        value, deadline, tag = self.alive().get(key_of(key), (0, None, None))
        if type(value) is int:
            assert self.cache.incr(key, delta) == value + delta
            self.model[key_of(key)] = value + delta, deadline, tag

    @rule(tag=TAGS)
    def evict(self, tag):
        gone = [key for key, found in self.alive().items() if found[2] == tag and tag is not None]
        assert self.cache.evict(tag) == len(gone)
        for key in gone:
            del self.model[key]

    @rule()
    def clear(self):
        self.alive().clear()
        self.cache.clear()
        assert len(self.cache) == 0

    @rule(seconds=st.sampled_from([1, 2, 4]))
    def wait(self, seconds):
        self.cache.store.clock.advance(seconds)
        self.now += seconds

    @rule()
    def begin_block(self):
        if self.block is None:
            self.saved = dict(self.model)
            self.block = self.cache.transact()
            self.block.__enter__()

    @rule(fails=st.booleans())
    def end_block(self, fails):
        if self.block is not None:
            error = ValueError("the block fails")
            try:
                self.block.__exit__(*((ValueError, error, None) if fails else (None, None, None)))
            except ValueError:
                pass
            self.block = None
            if fails:
                self.model = self.saved

    @invariant()
    def same(self):
        model = self.alive()
        found = {key_of(key): self.cache.get(key, expire_time=True, tag=True) for key in self.cache}
        assert {key: value for key, value in found.items() if value[0] is not None or key in model} == model
        assert list(found) == list(model)
        if self.block is None:
            assert self.cache.check() == []

    def teardown(self):
        if getattr(self, "block", None) is not None:
            self.block.__exit__(None, None, None)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
