"""SHA-1, which names scripts, against hashlib (lengths around the block size are in tests/script/test_eval.py)."""

import hashlib

import pytest

import kvd


@pytest.mark.parametrize("data", [b"", b"abc", b"a" * 1_000_000, bytes(range(256)) * 300])
def test_digests(data):
    assert kvd.Store().eval("return redis.sha1hex(ARGV[1])", 0, data) == hashlib.sha1(data).hexdigest().encode()
