"""HyperLogLogs as strings: estimates, merging, the cached count, and strings that only look like one."""

import pytest


def test_adding_tells_whether_the_estimate_may_have_changed(peer):
    assert (peer("PFADD", "p"), peer("PFADD", "p"), peer("PFADD", "p", "a", "b"), peer("PFADD", "p", "a"), peer("PFCOUNT", "p", "none"), peer("PFCOUNT", "none")) == (1, 0, 1, 0, 2, 0)


@pytest.mark.parametrize(("n", "estimate"), [(10, 10), (1000, 997), (20_000, 19_986)])
def test_estimates_are_those_of_real_servers(peer, n, estimate):
    """The same hash and the same estimator: not only near, but equal."""
    for begin in range(0, n, 1000):
        peer("PFADD", "p", *[f"element:{i}" for i in range(begin, min(begin + 1000, n))])
    assert peer("PFCOUNT", "p") == estimate


def test_unions(peer):
    peer("PFADD", "p", *range(100))
    peer("PFADD", "q", *range(50, 150))
    both = peer("PFCOUNT", "p", "q")
    assert peer("PFMERGE", "d", "p", "q") == b"OK" and peer("PFCOUNT", "d") == both and abs(both - 150) <= 3 and peer("PFMERGE", "p", "q") == b"OK" and peer("PFCOUNT", "p") == both


def test_a_count_that_is_cached_is_forgotten_by_a_change(peer):
    peer("PFADD", "p", "a")
    assert (peer("PFCOUNT", "p"), peer("PFADD", "p", "b"), peer("PFCOUNT", "p"), peer("PFMERGE", "p", "none"), peer("PFCOUNT", "p")) == (1, 1, 2, b"OK", 2)
    peer("PFADD", "q", "c", "d")
    peer("PFMERGE", "p", "q")
    assert peer("PFCOUNT", "p") == 4


def test_encodings_hold_the_same(peer):
    peer("PFADD", "p", *range(200))
    before = peer("PFDEBUG", "GETREG", "p") if peer("PFDEBUG", "ENCODING", "p") == b"sparse" else None
    peer("PFDEBUG", "TODENSE", "p")
    assert before is not None and peer("PFDEBUG", "ENCODING", "p") == b"dense" and peer("PFDEBUG", "GETREG", "p") == before and peer("STRLEN", "p") == 12304
    assert peer("PFSELFTEST") == b"OK"


@pytest.mark.parametrize("value", [b"", b"text", b"HYLL", b"HYLL\x02" + b"\0" * 11, b"HYLL\x00" + b"\0" * 100, b"HYLX\x01" + b"\0" * 11, b"HYLL\x00" + b"\0" * 12_298, b"HYLL\x00" + b"\0" * 12_300])
def test_other_strings_are_refused_and_kept(peer, value):
    peer("SET", "p", value)
    peer("PFADD", "good", "a")
    for words in (("PFADD", "p", "a"), ("PFCOUNT", "p"), ("PFMERGE", "d", "p"), ("PFMERGE", "p", "good"), ("PFCOUNT", "good", "p")):
        assert str(peer(*words)).startswith("WRONGTYPE"), words
    assert peer("GET", "p") == value and peer("EXISTS", "d") == 0


@pytest.mark.parametrize("opcodes", [b"\x7f", b"\x80\xff", b"\x40", b"\xff" * 40, b"\x7f\xff\x00", b""])
def test_sparse_ones_that_are_broken_harm_nothing(peer, opcodes):
    peer("SET", "p", b"HYLL\x01\0\0\0" + b"\0" * 7 + b"\x80" + opcodes)
    for words in (("PFADD", "p", "a", "b"), ("PFCOUNT", "p"), ("PFMERGE", "d", "p")):
        peer(*words)
    assert peer("PING") == b"PONG" and isinstance(peer("PFCOUNT", "p"), Exception)


def test_another_type(peer):
    peer("RPUSH", "l", "a")
    assert all(str(peer(*words)).startswith("WRONGTYPE") for words in (("PFADD", "l", "a"), ("PFCOUNT", "l"), ("PFMERGE", "d", "l")))
