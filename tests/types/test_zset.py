"""Sorted sets against a dict that is sorted anew for each answer, in both encodings."""

from hypothesis import strategies as st

from .machine import INDEXES, MEMBERS, against
from .test_list import bounds

SCORES = st.sampled_from([0.0, 1.0, 1.5, -2.0, 3.0, float("inf"), float("-inf"), 1e17])


class Model(dict):
    def ranked(self):
        return sorted(self, key=lambda member: (self[member], member))

    def zadd(self, *words):
        before = len(self)
        self.update({member: score for score, member in zip(words[::2], words[1::2], strict=True)})
        return len(self) - before

    def zrem(self, *words):
        return sum(self.pop(word, None) is not None for word in words)

    def zscore(self, word):
        return self.get(word)

    def zrank(self, word):
        return self.ranked().index(word) if word in self else None

    def zrevrank(self, word):
        return len(self) - 1 - self.ranked().index(word) if word in self else None

    def zrange(self, start, stop):
        a, b = bounds(start, stop, len(self))
        return self.ranked()[a:b]

    def zrangebyscore(self, low, high):
        return [member for member in self.ranked() if low <= self[member] <= high]

    def zcount(self, low, high):
        return len(self.zrangebyscore(low, high))

    def zcard(self):
        return len(self)

    def zpopmin(self):
        return [[m, self.pop(m)] for m in self.ranked()[:1]][0] if self else []

    def zpopmax(self):
        return [[m, self.pop(m)] for m in self.ranked()[-1:]][0] if self else []

    def zremrangebyrank(self, start, stop):
        return self.zrem(*self.zrange(start, stop))

    def zremrangebyscore(self, low, high):
        return self.zrem(*self.zrangebyscore(low, high))


ADDED = st.lists(st.tuples(SCORES, MEMBERS), min_size=1, max_size=6, unique_by=lambda p: p[1]).map(lambda pairs: ("ZADD", *[w for p in pairs for w in p]))
test_a_zset = against(Model, st.one_of(
    ADDED, ADDED, ADDED, st.lists(MEMBERS, min_size=1, max_size=3, unique=True).map(lambda words: ("ZREM", *words)), *[st.tuples(st.just(name), MEMBERS) for name in ("ZSCORE", "ZRANK", "ZREVRANK")],
    *[st.tuples(st.just(name), SCORES, SCORES) for name in ("ZRANGEBYSCORE", "ZCOUNT", "ZREMRANGEBYSCORE")], *[st.tuples(st.just(name), INDEXES, INDEXES) for name in ("ZRANGE", "ZREMRANGEBYRANK")],
    st.sampled_from([("ZCARD",), ("ZPOPMIN",), ("ZPOPMAX",)]),
))  # fmt: skip
