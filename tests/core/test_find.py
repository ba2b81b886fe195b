"""The place of a text in another."""

import itertools
import random
import time

import pytest

from kvd.core import _probe


def test_every_short_part_of_every_short_text():
    for length in range(1, 9):
        for text in map(bytes, itertools.product(b"ab", repeat=length)):
            for part in {text[i:j] for i in range(length) for j in range(i, length + 1)} | {b"abab"[:i] + b"bba" for i in range(4)}:
                assert _probe.find(text, part) == _probe.find(text.upper(), part, True) == text.find(part)


def test_random_parts():
    draw = random.Random(5)
    for _ in range(20000):
        alphabet = draw.choice([b"ab", b"aB", b"abc", bytes(range(256))])
        text = bytes(draw.choices(alphabet, k=draw.randrange(120)))
        part = bytes(draw.choices(alphabet, k=draw.randrange(1, 5))) * draw.randrange(1, 6) + bytes(draw.choices(alphabet, k=draw.randrange(3)))
        if draw.random() < 0.5 and text:
            at = draw.randrange(len(text))
            part = text[at : at + draw.randrange(1, 60)]
        assert _probe.find(text, part) == text.find(part)
        assert _probe.find(text, part, True) == text.lower().find(part.lower())


@pytest.mark.parametrize("part", [b"a" * 500_000 + b"b", b"b" + b"a" * 500_000, b"a" * 250_000 + b"b" + b"a" * 250_000, b"ab" * 250_000 + b"b"], ids=["end", "begin", "middle", "pairs"])
def test_hostile_parts_take_linear_time(part):
    text = b"ab" * 500_000 if part.startswith(b"ab") else b"a" * 1_000_000
    start = time.process_time()
    assert _probe.find(text, part, True) == _probe.find(text, part) == -1
    assert time.process_time() - start < 1
