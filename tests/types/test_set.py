"""Sets against Python's set, through their three encodings."""

from hypothesis import strategies as st

from .machine import MEMBERS, against


class Model(set):
    def sadd(self, *words):
        before = len(self)
        self.update(words)
        return len(self) - before

    def srem(self, *words):
        before = len(self)
        self.difference_update(words)
        return before - len(self)

    def sismember(self, word):
        return int(word in self)

    def smismember(self, *words):
        return [int(word in self) for word in words]

    def scard(self):
        return len(self)

    def smembers(self):
        return set(self)

    def srandmember(self, count):
        return Few(self, count)


class Few(list):
    """Equal to any answer of so many different members."""

    def __init__(self, members, count):
        self.members, self.count = members, count

    def __eq__(self, other):
        return len(other) == len(set(other)) == min(self.count, len(self.members)) and set(other) <= self.members

    __hash__ = None


MANY = st.lists(MEMBERS | st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n) | st.integers(-300, 70_000).map(lambda n: b"%d" % n), min_size=1, max_size=6)
test_a_set = against(Model, st.one_of(
    st.tuples(st.sampled_from(["SADD", "SADD", "SREM", "SMISMEMBER"]), MANY).map(lambda drawn: (drawn[0], *drawn[1])), st.tuples(st.just("SISMEMBER"), MEMBERS), st.sampled_from([("SCARD",), ("SMEMBERS",)]),
    st.tuples(st.just("SRANDMEMBER"), st.integers(1, 9)),
))  # fmt: skip
