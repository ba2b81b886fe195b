"""LCS: the longest common subsequence, its length, and where it is in both strings."""

import random

import pytest


@pytest.mark.parametrize(("a", "b", "common"), [("ohmytext", "mynewtext", "mytext"), ("", "abc", ""), ("abc", "abc", "abc"), ("abc", "xyz", ""), ("12", "312", "12"), ("abcabc", "cba", "ca")])
def test_the_longest(peer, a, b, common):
    peer("MSET", "a", a, "b", b)
    assert peer("LCS", "a", "b", "LEN") == len(common) == peer("LCS", "b", "a", "LEN") and len(peer("LCS", "a", "b")) == len(common)


def test_a_key_that_is_not_there_is_an_empty_string(peer):
    peer("SET", "a", "abc")
    assert (peer("LCS", "a", "none"), peer("LCS", "none", "a", "LEN"), peer("LCS", "a", "none", "IDX")) == (b"", 0, [b"matches", [], b"len", 0])


def test_where_it_is(peer):
    peer("MSET", "a", "ohmytext", "b", "mynewtext")
    matches = [[[4, 7], [5, 8]], [[2, 3], [0, 1]]]
    assert peer("LCS", "a", "b", "IDX") == [b"matches", matches, b"len", 6]
    assert peer("LCS", "a", "b", "IDX", "MINMATCHLEN", 3, "WITHMATCHLEN") == [b"matches", [[*matches[0], 4]], b"len", 6]
    assert peer.open(3)("LCS", "a", "b", "IDX", "MINMATCHLEN", 9) == {b"matches": [], b"len": 6}


def test_random_strings(peer):
    """Of every pair: a common subsequence, as long as the textbook's table says."""
    chance = random.Random(3)
    for _ in range(30):
        a, b = ("".join(chance.choices("abc", k=chance.randrange(40))) for _ in range(2))
        peer("MSET", "a", a, "b", b)
        found = peer("LCS", "a", "b").decode()
        assert len(found) == longest(a, b) == peer("LCS", "a", "b", "LEN") and within(found, a) and within(found, b)


def longest(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        before = row
        row = [0]
        for j, y in enumerate(b):
            row.append(before[j] + 1 if x == y else max(row[j], before[j + 1]))
    return row[-1]


def within(short, text):
    letters = iter(text)
    return all(c in letters for c in short)


@pytest.mark.parametrize("options", ["LEN IDX", "IDX MINMATCHLEN x", "WITHLEN", "IDX MINMATCHLEN"])
def test_wrong_forms(peer, options):
    assert isinstance(peer("LCS", "a", "b", *options.split()), Exception)


def test_other_types(peer):
    peer("RPUSH", "l", "a")
    assert str(peer("LCS", "l", "none")) == "ERR The specified keys must contain string values"


def test_lcs_of_long_strings_is_refused(peer):
    """Its memory is the product of both lengths."""
    peer("CONFIG", "SET", "proto-max-bulk-len", 1_048_576)
    peer("MSET", "a", "x" * 24_000, "b", "y" * 24_000)
    try:
        assert isinstance(peer("LCS", "a", "b"), Exception) and isinstance(peer("LCS", "a", "b", "LEN"), Exception) and isinstance(peer("LCS", "a", "b", "IDX"), Exception)
    finally:
        peer("CONFIG", "SET", "proto-max-bulk-len", 536_870_912)
    assert peer("PING") == b"PONG"
