"""Lists: both ends, positions from either side, moves, and the key that goes with the last element."""

import pytest

from ..compat.wire import Wire
from ..waiting import eventually

LONG = ["x" * 200, "y" * 9000, "1", "-7", ""]           # elements of an open list, too


@pytest.fixture(params=["packed", "open"])
def abc(peer, request):
    """The list a b c d e, in either encoding."""
    if request.param == "open":
        peer("RPUSH", "l", *["z" * 1000] * 20)
    peer("RPUSH", "l", *"abcde")
    if request.param == "open":
        peer("LTRIM", "l", -5, -1)
    return peer


@pytest.mark.parametrize(("range_", "found"), [("0 -1", "abcde"), ("-100 100", "abcde"), ("1 2", "bc"), ("-2 -1", "de"), ("3 1", ""), ("5 9", ""), ("-1 0", ""), ("0 -6", ""), ("4 4", "e")])
def test_ranges(abc, range_, found):
    assert abc("LRANGE", "l", *range_.split()) == [c.encode() for c in found]
    assert abc("LTRIM", "l", *range_.split()) == b"OK" and abc("LRANGE", "l", 0, -1) == [c.encode() for c in found]
    assert abc("EXISTS", "l") == bool(found)


@pytest.mark.parametrize("index", [-6, -5, -1, 0, 4, 5])
def test_positions(abc, index):
    inside = -5 <= index < 5
    assert abc("LINDEX", "l", index) == ("abcde"[index].encode() if inside else None)
    assert str(abc("LSET", "l", index, "n")) == ("b'OK'" if inside else "ERR index out of range")
    assert abc("LINDEX", "l", index) == (b"n" if inside else None) and abc("LLEN", "l") == 5


@pytest.mark.parametrize(("count", "gone", "left"), [(2, 2, "bcba"), (-2, 2, "abcb"), (0, 3, "bcb"), (9, 3, "bcb"), (-1, 1, "abcab")])
def test_elements_are_removed_from_the_side_that_is_asked_for(peer, count, gone, left):
    peer("RPUSH", "l", *"abcaba")
    assert peer("LREM", "l", count, "a") == gone and b"".join(peer("LRANGE", "l", 0, -1)) == left.encode()
    assert peer("LREM", "l", 0, "a") + peer("LREM", "l", 0, "b") + peer("LREM", "l", 0, "c") == len(left) and peer("EXISTS", "l") == 0


def test_pops_of_many(abc):
    assert abc("LPOP", "l", 2) == [b"a", b"b"] and abc("RPOP", "l", 2) == [b"e", b"d"] and abc("LPOP", "l", 0) == []
    assert abc("RPOP", "l", 9) == [b"c"] and abc("EXISTS", "l") == 0 and abc("LPOP", "l") is None and abc("LPOP", "l", 3) is None
    assert str(abc("LPOP", "l", -1)) == "ERR value is out of range, must be positive"


def test_moves_between_and_within_lists(abc):
    assert abc("LMOVE", "l", "l", "LEFT", "RIGHT") == b"a" and abc("RPOPLPUSH", "l", "l") == b"a" and abc("LMOVE", "l", "m", "RIGHT", "LEFT") == b"e"
    assert (abc("LRANGE", "l", 0, -1), abc("LRANGE", "m", 0, -1)) == ([b"a", b"b", b"c", b"d"], [b"e"])
    assert abc("LMOVE", "m", "n", "LEFT", "LEFT") == b"e" and abc("EXISTS", "m") == 0 and abc("LMOVE", "m", "n", "LEFT", "LEFT") is None
    abc("SET", "s", "v")
    assert str(abc("LMOVE", "l", "s", "LEFT", "LEFT")).startswith("WRONGTYPE") and abc("LLEN", "l") == 4


@pytest.mark.parametrize(("options", "found"), [
    ("", 1), ("RANK 2", 3), ("RANK -1", 5), ("COUNT 0", [1, 3, 5]), ("COUNT 2", [1, 3]), ("RANK -1 COUNT 2", [5, 3]), ("RANK 2 COUNT 0", [3, 5]), ("RANK 4", None),
    ("RANK 4 COUNT 0", []), ("COUNT 0 MAXLEN 4", [1, 3]), ("RANK -1 COUNT 0 MAXLEN 3", [5, 3]),
])  # fmt: skip
def test_lpos(peer, options, found):
    peer("RPUSH", "l", *"axbxcx")
    assert peer("LPOS", "l", "x", *options.split()) == found


@pytest.mark.parametrize("line", ["LPOS l x RANK 0", "LPOS l x COUNT -1", "LPOS l x MAXLEN -1", "LMPOP 0 l LEFT", "LMPOP 2 l LEFT", "LMPOP 1 l UP", "LMPOP 1 l LEFT COUNT 0",
                                  "LINSERT l BESIDE a b", "LMOVE l m UP LEFT", "BLPOP l -1", "BLPOP l x", "BLMPOP 0 1 l LEFT COUNT 0"])  # fmt: skip
def test_wrong_forms_change_nothing(abc, line):
    assert isinstance(abc(*line.split()), Exception) and b"".join(abc("LRANGE", "l", 0, -1)) == b"abcde"


def test_only_existing_lists(peer):
    assert peer("LPUSHX", "l", "a") == peer("RPUSHX", "l", "a", "b") == peer("LINSERT", "l", "BEFORE", "a", "b") == peer("EXISTS", "l") == 0
    peer("RPUSH", "l", *LONG)
    assert peer("RPUSHX", "l", "a", "b") == 7 and peer("LINSERT", "l", "AFTER", LONG[1], "n") == 8 and peer("LINSERT", "l", "AFTER", "none", "n") == -1
    assert peer("LRANGE", "l", 0, -1) == [e.encode() for e in (*LONG[:2], "n", *LONG[2:], "a", "b")]


def test_the_first_list_that_has_something(peer):
    peer("RPUSH", "second", *"abc")
    assert peer("LMPOP", 3, "first", "second", "third", "RIGHT", "COUNT", 2) == [b"second", [b"c", b"b"]]
    assert peer("BLPOP", "first", "second", 0) == [b"second", b"a"] and peer("LMPOP", 1, "second", "LEFT") is None and peer("BLPOP", "second", "0.001") is None


def test_waiters_are_served_in_the_order_they_came(peer):
    waiting = [peer.open(), peer.open()]
    for n, wire in enumerate(waiting, 1):
        wire.send(Wire.frame(("BLMOVE", "l", f"to{n}", "LEFT", "LEFT", "0")))
        eventually(lambda n=n: b"blocked_clients:%d\r" % n in peer("INFO", "clients"))
    peer("RPUSH", "l", "a", "b")
    assert [wire.read() for wire in waiting] == [b"a", b"b"] and peer("LRANGE", "to1", 0, -1) == [b"a"] and peer("EXISTS", "l") == 0
