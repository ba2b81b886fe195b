"""Values that are written by commands are the same values."""

import pytest

from kvd.migrate import values
from kvd.migrate.values import Value

from ..persist.served import FAR, fill
from .conftest import KINDS, digests


@pytest.fixture(params=KINDS)
def source(request, start):
    return start(request.param)


@pytest.fixture(params=KINDS)
def target(request, start):
    return start(request.param)


def test_each_type_is_written_as_it_was_read(source, target, ends):
    plain = source.plain or target.plain
    fill(source.run, plain)
    source("XGROUP", "CREATE", "x", "others", "0")
    source("XREADGROUP", "GROUP", "others", "bob", "COUNT", "3", "STREAMS", "x", ">")
    source("XGROUP", "CREATE", "empty stream", "g", "$", "MKSTREAM")
    source("XADD", "was filled", "5-5", "f", "v")
    source("XDEL", "was filled", "5-5")
    here, there = ends(source), ends(target, "target")
    target("SET", "l", "of another type")
    keys = source("KEYS", "*")
    found = values.read(here, 0, keys)
    for key, value in zip(keys, found, strict=True):
        replies = there.ask(values.lines_to_write(key, value, there))
        assert not [reply for reply in replies if isinstance(reply, Exception)], (key, replies)
    again = values.read(there, 0, keys)
    assert [key for key, a, b in zip(keys, found, again, strict=True) if not values.same(a, b)] == []
    mine, theirs = (digests(server, timed=not plain) for server in (source, target))
    assert {key for key in theirs if mine[key] != theirs[key]} <= {(0, b"x")}  # the times of its consumers


def test_a_deadline_of_a_field_that_the_target_does_not_know_is_an_error(start, ends, monkeypatch):
    end = ends(start())
    monkeypatch.setattr(end, "knows", lambda name: False)
    with pytest.raises(ValueError, match="deadlines"):
        values.lines_to_write(b"h", Value(b"hash", {b"f": b"v"}, 0, {b"f": FAR}), end)
    with pytest.raises(ValueError, match="ReJSON-RL"):
        values.lines_to_write(b"j", Value(b"ReJSON-RL", None), end)


@pytest.mark.parametrize("last", [("ARSEEK", "a", 7), ("ARSEEK", "a", 0), ("ARSEEK", "a", 2**64 - 1)])
def test_arrays_are_written_with_their_cursor(start, ends, monkeypatch, last):
    source, target = start(), start()
    here, there = ends(source), ends(target, "target")
    source("ARMSET", "a", 0, "x", 5, "7", 2**64 - 2, "far")
    source(*last)
    (value,) = values.read(here, 0, [b"a"])
    there.ask(values.lines_to_write(b"a", value, there))
    assert values.same(value, values.read(there, 0, [b"a"])[0]) and target("DEBUG", "DIGEST") == source("DEBUG", "DIGEST")
    monkeypatch.setattr(there, "knows", lambda name: False)
    with pytest.raises(ValueError, match="no arrays"):
        values.lines_to_write(b"a", value, there)


def test_what_is_gone_is_none(start, ends):
    end = ends(start())
    assert values.read(end, 0, [b"missing"]) == [None] and values.read(end, 0, []) == []


def test_deadlines_without_pexpiretime(start, ends, monkeypatch):
    server = start()
    end = ends(server)
    server("SET", "timed", "v", "PXAT", FAR)
    server("SET", "plain", "v")
    exact = values.read_deadlines(end, 0, [b"timed", b"plain", b"missing"])
    monkeypatch.setattr(end, "knows", lambda name: False)
    assert exact == [FAR, 0, -2] and values.read_deadlines(end, 0, [b"plain", b"missing"]) == [0, -2]
    assert abs(values.read_deadlines(end, 0, [b"timed"])[0] - FAR) < 1000


def test_what_ends_soon_is_no_difference(start, ends):
    server = start()
    end = ends(server)
    now = int(server("TIME")[0]) * 1000
    server("SET", "soon", "v", "PXAT", now + 1200)
    server("SET", "late", "v", "PXAT", now + 100_000)
    server("SET", "plain", "v")
    assert values.ending(end, 0, [b"late", b"plain", b"missing"]) == {b"missing"} and values.ending(end, 0, []) == set()


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [(None, None, True), (None, Value(b"string", b"v"), False), (Value(b"string", b"v"), Value(b"string", b"w"), False), (Value(b"string", b"v", 5000), Value(b"string", b"v", 5900), True),
     (Value(b"string", b"v", 5000), Value(b"string", b"v", 6100), False), (Value(b"string", b"v", 500), Value(b"string", b"v"), False), (Value(b"set", {b"a"}), Value(b"list", [b"a"]), False),
     (Value(b"hash", {b"f": b"v"}, 0, {b"f": 9}), Value(b"hash", {b"f": b"v"}), False)],
)  # fmt: skip
def test_sameness(a, b, equal):
    assert values.same(a, b) is equal
