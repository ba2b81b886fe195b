"""XXH3 against the reference implementation's Python binding."""

import random

import xxhash

from kvd.core import _probe


def test_equals_the_reference_at_every_length():
    rng = random.Random(1)
    for n in list(range(0, 600)) + [1023, 1024, 1025, 2048, 4096, 100_000]:
        data = rng.randbytes(n)
        assert _probe.xxh3(data) == xxhash.xxh3_64_intdigest(data), n
