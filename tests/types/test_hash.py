"""Hashes against Python's dict, in both encodings, with deadlines of fields."""

from hypothesis import strategies as st

from .machine import MEMBERS, against


class Model(dict):
    def hset(self, *words):
        before = len(self)
        self.update(zip(words[::2], words[1::2], strict=True))
        return len(self) - before

    def hdel(self, *words):
        return sum(self.pop(word, None) is not None for word in words)

    def hget(self, word):
        return self.get(word)

    def hmget(self, *words):
        return [self.get(word) for word in words]

    def hgetall(self):
        return dict(self)

    def hlen(self):
        return len(self)

    def hexists(self, word):
        return int(word in self)

    def hsetnx(self, word, value):
        new = word not in self
        self.setdefault(word, value)
        return int(new)

    def hstrlen(self, word):
        return len(self.get(word, b""))

    def hpexpireat(self, when, _fields, _one, word):
        return [1 if word in self else -2]

    def hpexpire(self, _ms, _fields, _one, word):
        return [2] if self.pop(word, None) is not None else [-2]


FAR = 40_000_000_000_000
PAIRS = st.lists(st.tuples(MEMBERS, MEMBERS), min_size=1, max_size=5, unique_by=lambda p: p[0]).map(lambda pairs: ("HSET", *[w for p in pairs for w in p]))
test_a_hash = against(Model, st.one_of(
    PAIRS, PAIRS, st.lists(MEMBERS, min_size=1, max_size=4, unique=True).map(lambda words: ("HDEL", *words)), st.lists(MEMBERS, min_size=1, max_size=4).map(lambda words: ("HMGET", *words)),
    *[st.tuples(st.just(name), MEMBERS) for name in ("HGET", "HEXISTS", "HSTRLEN")], st.sampled_from([("HLEN",), ("HGETALL",)]), st.tuples(st.just("HSETNX"), MEMBERS, MEMBERS),
    st.tuples(st.just("HPEXPIREAT"), st.just(FAR), st.just("FIELDS"), st.just(1), MEMBERS), st.tuples(st.just("HPEXPIRE"), st.just(0), st.just("FIELDS"), st.just(1), MEMBERS),
))  # fmt: skip
