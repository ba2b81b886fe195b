"""Listpacks against a list, and what lp_check makes of damaged ones."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kvd.core import _probe_packed as probe

SIZES = st.sampled_from([0, 1, 5, 63, 64, 127, 128, 4095, 4096, 5000, 16383, 16384])
INTS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([s * (2**b) + d for b in (7, 12, 13, 15, 16, 23, 24, 31, 32, 62) for d in (-1, 0, 1) for s in (1, -1)]),
)
VALUES = st.one_of(st.binary(max_size=40), SIZES.map(lambda n: b"x" * n), INTS.map(lambda n: b"%d" % n), st.sampled_from([b"-0", b"01", b"+1", b" 1", b""]))


class ListpackMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.lp = probe.Listpack()
        self.model = []

    def index(self, data):
        return data.draw(st.integers(-len(self.model), len(self.model) - 1))

    @rule(v=VALUES)
    def append(self, v):
        self.lp.append(v)
        self.model.append(v)

    @rule(n=INTS)
    def append_int(self, n):
        self.lp.append_int(n)
        self.model.append(b"%d" % n)
        assert self.lp.get_int(-1) == n

    @rule(vs=st.lists(VALUES, min_size=20, max_size=60))
    def append_many(self, vs):
        for v in vs:
            self.append(v)

    @precondition(lambda self: self.model)
    @rule(v=VALUES, data=st.data())
    def insert(self, v, data):
        i = self.index(data)
        self.lp.insert(i, v)
        self.model.insert(i, v)

    @precondition(lambda self: self.model)
    @rule(v=VALUES, data=st.data())
    def replace(self, v, data):
        i = self.index(data)
        self.lp.replace(i, v)
        self.model[i] = v

    @precondition(lambda self: self.model)
    @rule(n=INTS, data=st.data())
    def replace_int(self, n, data):
        i = self.index(data)
        self.lp.replace_int(i, n)
        self.model[i] = b"%d" % n

    @precondition(lambda self: self.model)
    @rule(data=st.data(), n=st.integers(1, 5))
    def delete(self, data, n):
        i = self.index(data) % len(self.model)
        behind = self.lp.delete(i, n)
        del self.model[i : i + n]
        assert behind == (self.model[i] if i < len(self.model) else None)

    @rule(v=VALUES, skip=st.integers(0, 2))
    def find(self, v, skip):
        assert self.lp.find(v, skip) == (v if v in self.model[:: skip + 1] else None)

    @rule(vs=st.lists(VALUES, max_size=4))
    def join(self, vs):
        other = probe.Listpack()
        for v in vs:
            other.append(v)
        self.lp.join(other)
        self.model += vs

    @invariant()
    def same(self):
        self.lp.check()
        assert self.lp.items() == self.model
        assert len(self.lp) == len(self.model)
        assert self.lp.get(len(self.model)) is None and self.lp.get(-len(self.model) - 1) is None

    def teardown(self):
        assert self.lp.release() == 0


TestListpackMachine = ListpackMachine.TestCase
TestListpackMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_more_elements_than_the_header_counts():
    lp = probe.Listpack()
    for i in range(66_000):
        lp.append_int(i & 7)
    assert len(lp) == 66_000
    assert lp.raw[4:6] == b"\xff\xff"
    for _ in range(1000):
        lp.delete(0, 1)
    assert len(lp) == 65_000
    lp.check()


def test_bytes_of_an_element():
    sizes = {b"5": 2, b"200": 3, b"1000": 3, b"30000": 4, b"8000000": 5, b"2000000000": 6, b"9000000000": 10, b"abc": 5, b"a" * 63: 65, b"a" * 64: 67}
    for value, size in sizes.items():
        lp = probe.Listpack()
        lp.append(value)
        assert len(lp.raw) == 7 + size, value


def example():
    lp = probe.Listpack()
    for v in (b"a", b"12", b"-5000", b"x" * 100, b"99999999999", b"", b"y" * 5000):
        lp.append(v)
    return lp.raw


@given(st.data())
@settings(max_examples=700, deadline=None)
def test_damaged_ones_are_refused_or_sound(data):
    damaged = bytearray(example())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.one_of(st.integers(0, 130), st.integers(0, len(damaged) - 1)))
        damaged[at % len(damaged)] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    probe.listpack_is_sound(bytes(damaged))     # walks it both ways when it is accepted; the sanitizer watches


@given(st.binary(max_size=64))
@settings(max_examples=600, deadline=None)
def test_any_bytes_are_refused_or_sound(data):
    probe.listpack_is_sound(data)
    probe.listpack_is_sound(len(data + b"123456").to_bytes(4, "little") + b"\x01\x00" + data)
