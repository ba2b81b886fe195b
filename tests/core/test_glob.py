"""Redis patterns."""

import random
import re
import time

import pytest

from kvd.core import _probe

CASES = [
    ("*", "", True), ("*", "abc", True), ("a*c", "abbc", True), ("a*c", "abbd", False), ("?", "", False),
    ("h?llo", "hello", True), ("h[ae]llo", "hallo", True), ("h[ae]llo", "hillo", False), ("h[^e]llo", "hallo", True),
    ("h[^e]llo", "hello", False), ("h[a-c]llo", "hbllo", True), ("h[c-a]llo", "hbllo", True), ("h\\*llo", "h*llo", True),
    ("h\\*llo", "hello", False), ("a[", "a", False), ("a[b", "ab", True), ("a\\", "a\\", True), ("[]]", "]", False),
    ("[\\]]", "]", True), ("**a**", "xxaxx", True), ("a*b*c", "a1b2c3c", True), ("a*b*c", "a1b2c3", False), ("", "", True),
    ("", "a", False), ("[^]", "a", True),
]


@pytest.mark.parametrize(("pattern", "text", "matches"), CASES)
def test_patterns(pattern, text, matches):
    assert _probe.glob(pattern.encode(), text.encode()) is matches


def test_without_case():
    assert _probe.glob(b"HE[A-M]lo*", b"hello", True)
    assert not _probe.glob(b"HELLO", b"hello")


def test_many_stars_take_no_exponential_time():
    start = time.process_time()
    assert not _probe.glob(b"a*" * 50 + b"b", b"a" * 2000)
    assert time.process_time() - start < 1


def plainly(pattern, text):
    """The same by a regular expression, which backtracks."""
    return re.fullmatch(re.sub(rb"\\(.)|(\*)|(\?)|(\[[^]]*\])|(.)", lambda m: re.escape(m[1] or m[5]) if m[1] or m[5] else b".*" if m[2] else b"." if m[3] else m[4], pattern), text) is not None


def test_random_patterns():
    draw = random.Random(3)
    found = 0
    for _ in range(30000):
        pattern = b"".join(draw.choices([b"a", b"b", b"ab", b"aab", b"?", b"[ab]", b"[^a]", b"\\a", b"\\*", b"*", b"**"], k=draw.randrange(1, 9)))
        text = b"".join(draw.choices([b"a", b"b", b"*"], k=draw.randrange(14)))
        found += plainly(pattern, text)
        assert _probe.glob(pattern, text) is plainly(pattern, text), (pattern, text)
        assert _probe.glob(pattern.swapcase(), text, True) is plainly(pattern, text), (pattern, text)
    assert found > 2000


@pytest.mark.parametrize("pattern", [b"*" + b"a" * 300_000 + b"b*", b"*" + b"a" * 300_000 + b"b", b"*" + b"a?[ab]" * 100_000 + b"b", b"a*" * 300_000 + b"b"], ids=["middle", "end", "wildcards", "stars"])
@pytest.mark.parametrize("nocase", [False, True])
def test_hostile_segments_take_linear_time(pattern, nocase):
    start = time.process_time()
    assert not _probe.glob(pattern, b"a" * 1_000_000, nocase)
    assert time.process_time() - start < 1
