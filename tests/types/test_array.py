"""Arrays against a dict and a cursor."""

import pytest
from hypothesis import strategies as st

import kvd

from ..waiting import eventually
from .machine import MEMBERS, against

NOTHING = 2**64 - 1
PLACES = st.one_of(st.integers(0, 9), st.integers(0, 9), st.sampled_from([63, 64, 4095, 4096, 2**18, 2**40, 2**63, 2**64 - 2]))


class Model(dict):
    """last: the index of the last insertion, or -1."""

    last = -1

    def length(self):
        return max(self, default=-1) + 1

    def emptied(self, reply):
        if not self:
            self.last = -1
        return reply

    def arset(self, index, *words):
        return self.armset(*[w for i, word in enumerate(words) for w in (index + i, word)])

    def armset(self, *words):
        before = len(self)
        self.update(zip(words[::2], words[1::2], strict=True))
        return len(self) - before

    def arget(self, index):
        return self.get(index)

    def armget(self, *indexes):
        return [self.get(index) for index in indexes]

    def ardel(self, *indexes):
        return self.emptied(sum(self.pop(index, None) is not None for index in indexes))

    def ardelrange(self, *bounds):
        gone = {i for i in self for a, b in zip(bounds[::2], bounds[1::2], strict=True) if min(a, b) <= i <= max(a, b)}
        return self.ardel(*gone)

    def arlen(self):
        return self.length()

    def arcount(self):
        return len(self)

    def argetrange(self, first, last):
        step = 1 if first <= last else -1
        return [self.get(i) for i in range(first, last + step, step)]

    def arscan(self, first, last):
        found = [[i, self[i]] for i in sorted(self) if min(first, last) <= i <= max(first, last)]
        return found if first <= last else found[::-1]

    def arinsert(self, *words):
        self.arset(self.last + 1, *words)
        self.last += len(words)
        return self.last

    def arring(self, size, *words):
        span = self.length()
        if span and (size < span or size > span and -1 < self.last < span - 1):
            self.repack(span, min(size, span))
        for word in words:
            self.last = (self.last + 1) % size
            self[self.last] = word
        return self.last

    def repack(self, span, most):
        at, kept = (span - 1 if self.last == -1 else self.last % span), []
        while len(kept) < most and at in self:
            kept.append(self[at])
            at = (at or span) - 1
        self.clear()
        self.update(enumerate(reversed(kept)))
        self.last = len(kept) - 1

    def arnext(self):
        return self.last + 1

    def arseek(self, index):
        if self:
            self.last = index - 1
        return int(bool(self))

    def arlastitems(self, count, *rev):
        span = self.length()
        at = span - 1 if self.last == -1 else min(self.last, span - 1)
        found = []
        for _ in range(min(count, span)):
            found.append(self.get(at))
            at = (at or span) - 1
        return found if rev else found[::-1]


def words(most=4):
    return st.lists(MEMBERS, min_size=1, max_size=most)


NEAR = st.integers(0, 12)
test_an_array = against(Model, st.one_of(
    st.tuples(st.just("ARSET"), NEAR, MEMBERS), st.tuples(NEAR, words()).map(lambda t: ("ARSET", t[0], *t[1])), st.tuples(st.just("ARSET"), PLACES, MEMBERS),
    st.lists(st.tuples(PLACES, MEMBERS), min_size=1, max_size=4).map(lambda pairs: ("ARMSET", *[w for p in pairs for w in p])),
    st.tuples(st.just("ARGET"), PLACES), st.lists(PLACES, min_size=1, max_size=4).map(lambda p: ("ARMGET", *p)), st.lists(PLACES, min_size=1, max_size=3).map(lambda p: ("ARDEL", *p)),
    st.tuples(st.just("ARDELRANGE"), PLACES, PLACES), st.tuples(st.just("ARDELRANGE"), NEAR, NEAR, NEAR, NEAR), st.tuples(st.just("ARGETRANGE"), NEAR, NEAR), st.tuples(st.just("ARSCAN"), PLACES, PLACES),
    words().map(lambda w: ("ARINSERT", *w)), words().map(lambda w: ("ARINSERT", *w)),
    *[st.tuples(st.integers(1, 7), words()).map(lambda t: ("ARRING", t[0], *t[1]))] * 3, st.tuples(st.just("ARSEEK"), NEAR),
    st.tuples(st.just("ARLASTITEMS"), NEAR.filter(bool)), st.tuples(st.just("ARLASTITEMS"), NEAR.filter(bool), st.just("REV")),
    st.sampled_from([("ARLEN",), ("ARCOUNT",), ("ARNEXT",)]),
))  # fmt: skip


@pytest.fixture
def store():
    return kvd.Store(enable_debug_command="yes")


def test_a_large_array_is_freed_in_slices(store):
    with store.serve():
        for start in range(0, 300_000, 3000):
            store.execute("ARSET", "k", start, *[b"value of an element %d" % i for i in range(3000)])
        used = store.used_memory
        store.execute("UNLINK", "k")
        eventually(lambda: store.used_memory < used // 20)


def test_memory_is_counted_exactly(store):
    before = store.used_memory
    for i in range(200):
        store.execute("ARSET", "k", i * i * 1000, b"x" * i)
    assert store.used_memory - before == pytest.approx(store.execute("MEMORY", "USAGE", "k"), abs=200)
    store.execute("ARDELRANGE", "k", 0, NOTHING - 1)
    assert store.used_memory == before


def test_dense_numbers_take_little_memory(store):
    store.execute("ARSET", "k", 0, *range(20_000))
    assert store.execute("MEMORY", "USAGE", "k") / 20_000 < 8.6
