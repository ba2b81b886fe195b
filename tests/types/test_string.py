"""Strings against bytes, through their three encodings."""

from hypothesis import strategies as st

from .machine import against

WORDS = st.sampled_from([b"", b"x", b"12", b"-9", b"9223372036854775807", b"a" * 44, b"a" * 45, b"\x00\xff"]) | st.binary(max_size=70)


class Model:
    value = None

    def __bool__(self):
        return self.value is not None

    def set(self, word):
        self.value = word
        return b"OK"

    def get(self):
        return self.value

    def append(self, word):
        self.value = (self.value or b"") + word
        return len(self.value)

    def strlen(self):
        return len(self.value or b"")

    def getrange(self, start, stop):
        """Both ends are moved into the string, also one that lies before its beginning."""
        value = self.value or b""
        if start < 0 and stop < 0 and start > stop:
            return b""
        start, stop = (max(end + len(value) if end < 0 else end, 0) for end in (start, stop))
        return value[start : stop + 1]

    def setrange(self, offset, word):
        value = self.value or b""
        if word:
            value = value.ljust(offset, b"\0")
            self.value = value = value[:offset] + word + value[offset + len(word) :]
        return len(value)

    def setbit(self, offset, bit):
        value = bytearray((self.value or b"").ljust(offset // 8 + 1, b"\0"))
        old, mask = value[offset // 8] >> (7 - offset % 8) & 1, 1 << (7 - offset % 8)
        value[offset // 8] = value[offset // 8] | mask if bit else value[offset // 8] & ~mask
        self.value = bytes(value)
        return old

    def bitcount(self):
        return sum(byte.bit_count() for byte in self.value or b"")

    def getdel(self):
        value, self.value = self.value, None
        return value


test_a_string = against(Model, st.one_of(
    st.tuples(st.just("SET"), WORDS), st.tuples(st.just("APPEND"), WORDS), st.tuples(st.just("SETRANGE"), st.integers(0, 90), WORDS), st.tuples(st.just("GETRANGE"), st.integers(-60, 60), st.integers(-60, 60)),
    st.tuples(st.just("SETBIT"), st.integers(0, 700), st.integers(0, 1)), st.sampled_from([("GET",), ("STRLEN",), ("BITCOUNT",), ("GETDEL",)]),
))  # fmt: skip
