"""The checksum of snapshots."""

from hypothesis import given
from hypothesis import strategies as st

from kvd.core import _probe_packed as probe


def bitwise(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def test_check_value():
    assert probe.crc(b"123456789") == 0xE9C6D914C4B8D9CA


@given(st.binary(max_size=100), st.binary(max_size=30))
def test_as_bit_by_bit_and_in_pieces(a, b):
    assert probe.crc(a + b) == bitwise(a + b) == probe.crc(b, probe.crc(a))
