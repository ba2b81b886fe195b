"""Redis patterns."""

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
