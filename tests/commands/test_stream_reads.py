"""XREAD and XREADGROUP: what comes after an id, of several streams, now or when it comes."""

import pytest

from ..compat.wire import Wire
from ..waiting import eventually


@pytest.fixture
def two(peer):
    for i in range(1, 4):
        peer("XADD", "a", f"{i}-0", "n", i)
        peer("XADD", "b", f"{i}-0", "n", i)
    peer("XGROUP", "CREATE", "a", "g", 0)
    return peer


def ids(reply):
    return {stream.decode(): [entry[0].decode() for entry in entries] for stream, entries in reply or ()}


def test_after_an_id(two):
    assert ids(two("XREAD", "STREAMS", "a", "none", "b", "2", "0", "1-1")) == {"a": ["3-0"], "b": ["2-0", "3-0"]} and two("XREAD", "STREAMS", "a", "b", "$", "3-0") is None
    assert ids(two("XREAD", "COUNT", 1, "STREAMS", "a", "b", "0", "0")) == {"a": ["1-0"], "b": ["1-0"]} and two("XREAD", "BLOCK", 1, "STREAMS", "a", "$") is None


def test_resp3_replies_with_a_map(two):
    assert two.open(3)("XREAD", "STREAMS", "a", "2") == {b"a": [[b"3-0", [b"n", b"3"]]]}


def test_new_entries_go_to_one_consumer_and_history_is_ones_own(two):
    assert ids(two("XREADGROUP", "GROUP", "g", "alice", "COUNT", 2, "STREAMS", "a", ">")) == {"a": ["1-0", "2-0"]}
    assert ids(two("XREADGROUP", "GROUP", "g", "bob", "STREAMS", "a", ">")) == {"a": ["3-0"]} and two("XREADGROUP", "GROUP", "g", "bob", "STREAMS", "a", ">") is None
    assert ids(two("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "a", "0")) == {"a": ["1-0", "2-0"]} and ids(two("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "a", "1")) == {"a": ["2-0"]}
    two("XACK", "a", "g", "1-0")
    two("XDEL", "a", "2-0")
    assert two("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "a", "0") == [[b"a", [[b"2-0", None]]]]


def test_noack_leaves_nothing_pending(two):
    two("XREADGROUP", "GROUP", "g", "c", "NOACK", "STREAMS", "a", ">")
    assert two("XPENDING", "a", "g")[0] == 0 and two("XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", ">") is None


def test_waiting_for_several_streams(two):
    reader, grouped = two.open(), two.open()
    reader.send(Wire.frame(("XREAD", "BLOCK", "0", "STREAMS", "a", "b", "none", "$", "$", "$")))
    eventually(lambda: b"blocked_clients:1\r" in two("INFO", "clients"))
    two("XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", ">")
    grouped.send(Wire.frame(("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", ">")))
    eventually(lambda: b"blocked_clients:2\r" in two("INFO", "clients"))
    two("XADD", "none", "5-0", "n", 5)
    assert ids(reader.read()) == {"none": ["5-0"]}
    two("XADD", "a", "6-0", "n", 6)
    assert ids(grouped.read()) == {"a": ["6-0"]} and two("XPENDING", "a", "g")[0] == 4


def test_all_that_waits_for_a_stream_gets_each_entry(two):
    readers = [two.open() for _ in range(3)]
    for n, wire in enumerate(readers, 1):
        wire.send(Wire.frame(("XREAD", "BLOCK", "0", "STREAMS", "a", "$")))
        eventually(lambda n=n: b"blocked_clients:%d\r" % n in two("INFO", "clients"))
    two("XADD", "a", "9-0", "n", 9)
    assert [ids(wire.read()) for wire in readers] == [{"a": ["9-0"]}] * 3


@pytest.mark.parametrize("line", [
    "XREAD STREAMS a", "XREAD STREAMS a b 0", "XREAD COUNT x STREAMS a 0", "XREAD BLOCK -1 STREAMS a 0", "XREAD STREAMS a >", "XREAD STREAMS a x", "XREADGROUP GROUP g STREAMS a >", "XREADGROUP GROUP none c STREAMS a >",
    "XREADGROUP GROUP g c STREAMS none >", "XREADGROUP GROUP g c STREAMS a $", "XREAD GROUP g c STREAMS a 0", "XREAD NOACK STREAMS a 0", "XREADGROUP STREAMS a >", "XREAD STREAMS text 0",
])  # fmt: skip
def test_wrong_forms_deliver_nothing(two, line):
    two("SET", "text", "v")
    assert isinstance(two(*line.split()), Exception) and two("XPENDING", "a", "g")[0] == 0
