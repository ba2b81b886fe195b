"""Lists against Python's list, in both encodings and with compressed nodes."""

from hypothesis import strategies as st

from .machine import INDEXES, MEMBERS, against


def bounds(start, stop, n):
    start, stop = start + n if start < 0 else start, stop + n if stop < 0 else stop
    return max(start, 0), stop + 1 if stop >= 0 else 0


class Model(list):
    def rpush(self, *words):
        self.extend(words)
        return len(self)

    def lpush(self, *words):
        self[:0] = reversed(words)
        return len(self)

    def lpop(self):
        return list.pop(self, 0) if self else None

    def rpop(self):
        return list.pop(self) if self else None

    def llen(self):
        return len(self)

    def lrange(self, start, stop):
        a, b = bounds(start, stop, len(self))
        return self[a:b]

    def lindex(self, i):
        return self[i] if -len(self) <= i < len(self) else None

    def ltrim(self, start, stop):
        a, b = bounds(start, stop, len(self))
        self[:] = self[a:b]
        return b"OK"

    def linsert(self, where, pivot, word):
        if not self or pivot not in self:
            return -1 if self else 0
        self.insert(self.index(pivot) + (where == "AFTER"), word)
        return len(self)

    def lrem(self, count, word):
        places = [i for i, w in enumerate(self) if w == word]
        places = places[:count] if count > 0 else places[count:] if count < 0 else places
        for i in reversed(places):
            del self[i]
        return len(places)

    def lpos(self, word):
        return self.index(word) if word in self else None


MANY = st.lists(MEMBERS, min_size=1, max_size=9)
test_a_list = against(Model, st.one_of(
    MANY.map(lambda words: ("RPUSH", *words)), MANY.map(lambda words: ("LPUSH", *words)), st.sampled_from([("LPOP",), ("RPOP",), ("LLEN",)]), st.tuples(st.just("LRANGE"), INDEXES, INDEXES),
    st.tuples(st.just("LINDEX"), INDEXES), st.tuples(st.just("LTRIM"), st.integers(-9, 3), st.integers(-3, 9)), st.tuples(st.just("LINSERT"), st.sampled_from(["BEFORE", "AFTER"]), MEMBERS, MEMBERS),
    st.tuples(st.just("LREM"), st.integers(-3, 3), MEMBERS), st.tuples(st.just("LPOS"), MEMBERS),
))  # fmt: skip
