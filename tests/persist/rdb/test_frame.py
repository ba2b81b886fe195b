"""The footer of a payload: a version that may not be newer than ours, and a checksum of all that is before it."""

import pytest

from .payloads import seal

WRONG = "ERR DUMP payload version or checksum are wrong"


def said(reply):
    return str(reply) if str(reply).startswith("ERR") else f"ERR {reply}"


@pytest.mark.parametrize("version", [0, 1, 6, 9, 10, 11, 12])
def test_versions_up_to_ours(ours, version):
    assert ours("RESTORE", "k", 0, seal(b"\x00\x01v", version)) == b"OK" and ours("GET", "k") == b"v"


@pytest.mark.parametrize("version", [100, 255, 65535])
def test_newer_versions_are_refused(ours, version):
    assert said(ours("RESTORE", "k", 0, seal(b"\x00\x01v", version))) == WRONG


def test_every_bit_counts(ours):
    payload = ours("SET", "k", "value") and ours("DUMP", "k")
    for at in range(len(payload) * 8):
        wrong = bytearray(payload)
        wrong[at // 8] ^= 1 << at % 8
        assert said(ours("RESTORE", "z", 0, bytes(wrong))) == WRONG


@pytest.mark.parametrize("n", range(11))
def test_what_is_shorter_than_a_footer(ours, n):
    assert said(ours("RESTORE", "k", 0, b"x" * n)) == WRONG


def test_functions_have_the_same_footer(ours):
    ours("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)")
    payload = ours("FUNCTION", "DUMP")
    assert ours("FUNCTION", "RESTORE", payload, "FLUSH") == b"OK" and ours("FCALL", "f", 0) == 1
    assert said(ours("FUNCTION", "RESTORE", payload[:-1] + bytes([payload[-1] ^ 1]), "FLUSH")) == WRONG and ours("FCALL", "f", 0) == 1
