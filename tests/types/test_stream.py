"""Streams against a dict of entries, with nodes of three entries and of the usual size."""

from hypothesis import strategies as st

from .machine import against

IDS = st.tuples(st.integers(0, 9), st.integers(0, 3))


def text(entry):
    return b"%d-%d" % entry


class Model:
    def __init__(self):
        self.entries, self.last, self.exists = {}, (0, 0), False

    def __bool__(self):
        return self.exists

    def xadd(self, _auto, field, value):
        self.exists = True
        self.last = (10, self.last[1] + 1 if self.last[0] == 10 else 0)
        self.entries[self.last] = [field, value]
        return text(self.last)

    def xdel(self, *ids):
        return sum(self.entries.pop(tuple(map(int, one.split(b"-"))), None) is not None for one in ids)

    def xlen(self):
        return len(self.entries)

    def between(self, low, high):
        return [[text(entry), self.entries[entry]] for entry in sorted(self.entries) if low <= entry <= high]

    def xrange(self, low, high):
        return self.between(*(tuple(map(int, one.split(b"-"))) for one in (low, high)))

    def xrevrange(self, high, low):
        return self.xrange(low, high)[::-1]

    def xtrim(self, _maxlen, n):
        gone = sorted(self.entries)[: max(len(self.entries) - n, 0)]
        for entry in gone:
            del self.entries[entry]
        return len(gone)


NEAR = st.tuples(st.just(10), st.integers(0, 12)).map(text) | IDS.map(text)
test_a_stream = against(Model, st.one_of(
    *[st.tuples(st.just("XADD"), st.just("10-*"), st.sampled_from([b"f", b"g"]), st.binary(max_size=8))] * 3, st.lists(NEAR, min_size=1, max_size=3, unique=True).map(lambda ids: ("XDEL", *ids)), st.just(("XLEN",)),
    st.tuples(st.just("XRANGE"), NEAR, NEAR), st.tuples(st.just("XREVRANGE"), NEAR, NEAR), st.tuples(st.just("XTRIM"), st.just("MAXLEN"), st.integers(0, 8)),
))  # fmt: skip
