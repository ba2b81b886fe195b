"""Hash slots of a cluster: CRC-16 of a key, or of what stands between its first braces."""

import binascii

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd

STORE = kvd.Store(cluster_enabled=True)


def slot(key):
    return STORE.execute("CLUSTER", "KEYSLOT", key)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=40).filter(lambda key: b"{" not in key))
def test_of_whole_keys(key):
    assert slot(key) == binascii.crc_hqx(key, 0) % 16384


@pytest.mark.parametrize(("key", "tag"), [("{user}.a", "user"), ("a{user}b", "user"), ("{}a", "{}a"), ("a{", "a{"), ("{a}{b}", "a"), ("{{a}}", "{a"), ("a}b{c}", "c"), ("{a", "{a")])
def test_of_tags(key, tag):
    assert slot(key) == binascii.crc_hqx(tag.encode(), 0) % 16384
