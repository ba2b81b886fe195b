"""LZF: round trips, and what the decompressor makes of broken data."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.core import _probe_packed as probe

TEXTS = st.one_of(
    st.binary(max_size=400), st.lists(st.sampled_from([b"abc", b"the quick brown fox ", b"\0" * 50, b"x", b"1234567890"]), max_size=300).map(b"".join),
    st.integers(0, 20000).map(lambda n: b"a" * n), st.integers(0, 3000).map(lambda n: bytes(i * i % 251 for i in range(n))),
)  # fmt: skip


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_round_trip(data):
    squeezed = probe.compress(data, len(data) * 2 + 64)
    assert squeezed is not None or len(data) < 4
    if squeezed is not None:
        assert probe.decompress(squeezed, len(data)) == data
        assert probe.decompress(squeezed, len(data) + 1) is None
        assert probe.decompress(squeezed[:-1], len(data)) is None


@given(TEXTS, st.integers(0, 100))
@settings(max_examples=300, deadline=None)
def test_what_does_not_fit_is_not_written(data, room):
    squeezed = probe.compress(data, room)
    assert squeezed is None or (len(squeezed) <= room and probe.decompress(squeezed, len(data)) == data)


@given(st.binary(max_size=200), st.integers(0, 600))
@settings(max_examples=1500, deadline=None)
def test_any_bytes_are_refused_or_fill_exactly(data, size):
    out = probe.decompress(data, size)
    assert out is None or len(out) == size


def test_repetition_shrinks():
    assert len(probe.compress(b"a" * 10_000, 10_000)) < 200
