"""Pops from either end of sorted sets, of several keys, and waiting for one."""

import pytest

from ..compat.wire import Wire
from ..waiting import eventually


@pytest.fixture(params=["packed", "open"])
def z(peer, request):
    peer("ZADD", "z", 1, "a", 2, "b", 2, "c", 3, "d")
    if request.param == "open":
        peer("ZADD", "z", 0, "x" * 100)
        peer("ZREM", "z", "x" * 100)
    return peer


def test_lowest_and_highest(z):
    assert z("ZPOPMIN", "z") == [b"a", b"1"] and z("ZPOPMAX", "z", 2) == [b"d", b"3", b"c", b"2"] and z("ZPOPMIN", "z", 0) == []
    assert z("ZPOPMAX", "z", 100) == [b"b", b"2"] and z("EXISTS", "z") == 0 and z("ZPOPMIN", "z") == []


def test_resp3_nests_pairs_only_if_there_is_a_count(z):
    wire = z.open(3)
    assert wire("ZPOPMIN", "z") == [b"a", 1.0] and wire("ZPOPMIN", "z", 1) == [[b"b", 2.0]] and wire("ZMPOP", 1, "z", "MAX") == [b"z", [[b"d", 3.0]]]


def test_the_first_key_that_has_something(z):
    assert z("ZMPOP", 2, "none", "z", "MIN", "COUNT", 2) == [b"z", [[b"a", b"1"], [b"b", b"2"]]] and z("BZMPOP", 0, 2, "none", "z", "MAX") == [b"z", [[b"d", b"3"]]]
    assert z("BZPOPMIN", "none", "z", 0) == [b"z", b"c", b"2"] and z("ZMPOP", 2, "none", "z", "MIN") is None and z("BZPOPMAX", "none", "z", "0.001") is None


@pytest.mark.parametrize("line", ["ZPOPMIN z -1", "ZPOPMIN z x", "ZPOPMIN z 1 2", "ZMPOP 0 z MIN", "ZMPOP 1 z MIDDLE", "ZMPOP 1 z MIN COUNT 0", "ZMPOP 2 z MIN", "BZPOPMIN z -1", "BZPOPMIN z x", "BZMPOP x 1 z MIN", "BZMPOP 0 0 z MIN"])
def test_wrong_forms_pop_nothing(z, line):
    assert isinstance(z(*line.split()), Exception) and z("ZCARD", "z") == 4


def test_waiters_get_one_member_each_in_their_order(peer):
    waiting = [peer.open(), peer.open(), peer.open()]
    for n, (wire, words) in enumerate(zip(waiting, (("BZPOPMAX", "z", "0"), ("BZMPOP", "0", "1", "z", "MIN", "COUNT", "2"), ("BZPOPMIN", "z", "0")), strict=True), 1):
        wire.send(Wire.frame(words))
        eventually(lambda n=n: b"blocked_clients:%d\r" % n in peer("INFO", "clients"))
    peer("ZADD", "z", 1, "a", 2, "b", 3, "c")
    assert [wire.read() for wire in waiting[:2]] == [[b"z", b"c", b"3"], [b"z", [[b"a", b"1"], [b"b", b"2"]]]] and peer("EXISTS", "z") == 0
    peer("ZADD", "z", 5, "e")
    assert waiting[2].read() == [b"z", b"e", b"5"]
