"""A Store against a dict of strings and deadlines, over all ways a string is held."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import kvd

KEYS = st.one_of(st.sampled_from([b"a", b"b", b"c", b"", b"k" * 255, b"k" * 256, b"k" * 3000]), st.binary(max_size=20))
VALUES = st.one_of(
    st.binary(max_size=60), st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n),
    st.integers(0, 1200).map(lambda n: bytes(i % 251 for i in range(n))), st.sampled_from([b"x" * n for n in (44, 45, 255, 256, 511, 512, 513)]),
)  # fmt: skip
FAR = 10_000_000


class StoreMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.store = kvd.Store()
        self.values = {}
        self.timed = set()

    @rule(key=KEYS, value=VALUES, ttl=st.sampled_from([None, FAR]), keep=st.booleans())
    def set(self, key, value, ttl, keep):
        self.store.set(key, value, ex=ttl, keepttl=keep and ttl is None)
        self.values[key] = value
        if ttl:
            self.timed.add(key)
        elif not keep:
            self.timed.discard(key)

    @rule(key=KEYS, value=VALUES)
    def append(self, key, value):
        self.values[key] = self.values.get(key, b"") + value
        assert self.store.append(key, value) == len(self.values[key])

    @rule(key=KEYS, offset=st.integers(0, 700), value=st.binary(min_size=1, max_size=40))
    def setrange(self, key, offset, value):
        old = self.values.get(key, b"").ljust(offset, b"\0")
        self.values[key] = old[:offset] + value + old[offset + len(value) :]
        assert self.store.setrange(key, offset, value) == len(self.values[key])

    @rule(key=KEYS, amount=st.integers(-100, 100))
    def incr(self, key, amount):
        old = self.values.get(key, b"0")
        try:
            total = int(old) + amount
            canonical = b"%d" % int(old) == old and -(2**63) <= int(old) < 2**63 and -(2**63) <= total < 2**63
        except ValueError:
            canonical = False
        try:
            assert self.store.incr(key, amount) == total
            assert canonical
            self.values[key] = b"%d" % total
        except kvd.ResponseError:
            assert not canonical

    @rule(key=KEYS)
    def delete(self, key):
        assert self.store.delete(key) == (self.values.pop(key, None) is not None)
        self.timed.discard(key)

    @rule(key=KEYS)
    def expire(self, key):
        assert self.store.expire(key, FAR) == (key in self.values)
        if key in self.values:
            self.timed.add(key)

    @rule(key=KEYS)
    def persist(self, key):
        assert self.store.persist(key) == (key in self.timed)
        self.timed.discard(key)

    @rule(a=KEYS, b=KEYS)
    def rename(self, a, b):
        try:
            self.store.rename(a, b)
            assert a in self.values
        except kvd.ResponseError:
            assert a not in self.values
            return
        if a != b:
            self.values[b] = self.values.pop(a)
            self.timed.discard(b)
            if a in self.timed:
                self.timed.remove(a)
                self.timed.add(b)

    @rule(a=KEYS, b=KEYS, replace=st.booleans())
    def copy(self, a, b, replace):
        if a == b:
            return
        done = self.store.copy(a, b, replace=replace)
        assert done == (a in self.values and (replace or b not in self.values))
        if done:
            self.values[b] = self.values[a]
            (self.timed.add if a in self.timed else self.timed.discard)(b)

    @rule(key=KEYS)
    def move_and_back(self, key):
        assert self.store.move(key, 5) == (key in self.values)
        self.store.swapdb(0, 5)
        assert self.store.dbsize() == (key in self.values)
        self.store.swapdb(0, 5)
        if key in self.values:
            self.store.select(5)
            assert self.store.move(key, 0)
            self.store.select(0)

    @rule()
    def flush(self):
        self.store.flushdb()
        self.values.clear()
        self.timed.clear()

    @invariant()
    def same(self):
        assert self.store.execute("DEBUG", "CHECK") == b"OK"
        assert sorted(self.store.scan_iter()) == sorted(self.values)
        for key, value in self.values.items():
            assert self.store.get(key) == value
            assert (self.store.ttl(key) > 0) == (key in self.timed)
        assert self.store.info("keyspace").get("db0", {"expires": 0})["expires"] == len(self.timed)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
