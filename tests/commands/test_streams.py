"""Entries of streams: ids that only rise, ranges, trimming, and deletions that mind consumer groups."""

import pytest

import kvd


@pytest.fixture
def stream():
    store = kvd.Store()
    for i in range(1, 6):
        store.execute("XADD", "s", f"{i}-0", "n", i)
    store.execute("XGROUP", "CREATE", "s", "g", "0")
    store.execute("XGROUP", "CREATE", "s", "h", "0")
    for group in "gh":
        store.execute("XREADGROUP", "GROUP", group, "c", "COUNT", 3, "STREAMS", "s", ">")
    return store


def pending(store, group):
    return [p[0] for p in store.execute("XPENDING", "s", group, "-", "+", 10)]


def test_xdelex(stream):
    assert stream.execute("XDELEX", "s", "IDS", 2, "1-0", "9-0") == [1, -1]
    assert pending(stream, "g") == [b"1-0", b"2-0", b"3-0"]                       # KEEPREF
    assert stream.execute("XDELEX", "s", "DELREF", "IDS", 1, "2-0") == [1]
    assert pending(stream, "g") == pending(stream, "h") == [b"1-0", b"3-0"]
    assert stream.execute("XDELEX", "s", "ACKED", "IDS", 2, "3-0", "4-0") == [2, 2]   # pending; not yet delivered
    stream.execute("XACK", "s", "g", "3-0")
    assert stream.execute("XDELEX", "s", "ACKED", "IDS", 1, "3-0") == [2]
    stream.execute("XACK", "s", "h", "3-0")
    assert stream.execute("XDELEX", "s", "ACKED", "IDS", 1, "3-0") == [1]
    assert stream.execute("XLEN", "s") == 2
    assert stream.execute("XDELEX", "missing", "IDS", 2, "1-0", "2-0") == [-1, -1]


def test_xackdel(stream):
    assert stream.execute("XACKDEL", "s", "g", "IDS", 2, "1-0", "5-0") == [1, -1]
    assert pending(stream, "g") == [b"2-0", b"3-0"] and pending(stream, "h") == [b"1-0", b"2-0", b"3-0"]
    assert stream.execute("XACKDEL", "s", "g", "ACKED", "IDS", 1, "2-0") == [2]       # h still has it
    assert stream.execute("XACKDEL", "s", "h", "ACKED", "IDS", 1, "2-0") == [1]
    assert stream.execute("XACKDEL", "s", "g", "DELREF", "IDS", 1, "3-0") == [1]
    assert pending(stream, "h") == [b"1-0"]
    assert stream.execute("XRANGE", "s", "-", "+")[0][0] == b"4-0"
    assert stream.execute("XACKDEL", "s", "nogroup", "IDS", 1, "4-0") == [-1]


@pytest.mark.parametrize("line, error", [
    (("XDELEX", "s", "IDS", 0, "1-0"), "ERR Number of IDs must be a positive integer"),
    (("XDELEX", "s", "IDS", 2, "1-0"), "ERR The `numids` parameter must match the number of arguments"),
    (("XDELEX", "s", "FOO", "IDS", 1, "1-0"), "ERR syntax error"),
    (("XACKDEL", "s", "g", "IDS", 1, "x"), "ERR Invalid stream ID specified as stream command argument"),
])  # fmt: skip
def test_errors_of_ids(run, line, error):
    assert run(*line) == error


@pytest.mark.parametrize("command", ["XADD", "XTRIM"])
def test_trimming_that_minds_groups(stream, command):
    line = (lambda *how: ("XADD", "s", *how, "*", "n", 1)) if command == "XADD" else (lambda *how: ("XTRIM", "s", *how))
    stream.execute("XACK", "s", "g", "1-0", "2-0", "3-0")
    stream.execute("XACK", "s", "h", "1-0")
    how = ("ACKED", "MAXLEN", 1) if command == "XADD" else ("MAXLEN", 1, "ACKED")
    stream.execute(*line(*how))
    assert [e[0] for e in stream.execute("XRANGE", "s", "-", "+")][:2] == [b"2-0", b"3-0"]   # h has not acknowledged them
    how = ("DELREF", "MAXLEN", 1) if command == "XADD" else ("MAXLEN", 1, "DELREF")
    stream.execute(*line(*how))
    assert stream.execute("XLEN", "s") == 1 and pending(stream, "h") == []


def test_xread_of_the_last_entry(stream):
    assert stream.execute("XREAD", "STREAMS", "s", "+") == {b"s": [[b"5-0", [b"n", b"5"]]]}
    assert stream.execute("XREAD", "STREAMS", "none", "+") is None



@pytest.fixture
def five(peer):
    for i in range(1, 6):
        peer("XADD", "x", f"{i}-{i}", "n", i)
    return peer


def ids(entries):
    return [entry[0].decode() for entry in entries]


@pytest.mark.parametrize("given", ["5-5", "5-4", "4-9", "0-0", "5", "x", "5-x", "-", "+", "18446744073709551616-0", "5-*x", "*-1"])
def test_ids_that_do_not_rise_or_are_none(five, given):
    assert isinstance(five("XADD", "x", given, "n", 1), Exception) and five("XLEN", "x") == 5


def test_ids_that_are_completed(five):
    assert (five("XADD", "x", "5-*", "n", 1), five("XADD", "x", "7-*", "n", 1), five("XADD", "x", "8", "n", 1)) == (b"5-6", b"7-0", b"8-0")
    later = five("XADD", "x", "*", "n", 1)
    assert int(later.split(b"-")[0]) > 1_600_000_000_000 and five("XADD", "none", "NOMKSTREAM", "*", "n", 1) is None and five("EXISTS", "none") == 0
    top = "18446744073709551615-18446744073709551615"
    assert five("XADD", "full", top, "n", 1) == top.encode() and isinstance(five("XADD", "full", "*", "n", 1), Exception)


@pytest.mark.parametrize(("low", "high", "found"), [("-", "+", "12345"), ("2", "4", "234"), ("2-3", "4", "34"), ("(2-2", "(4-4", "3"), ("4", "2", ""), ("(5-5", "+", ""), ("5-5", "5-5", "5"), ("-", "2-1", "1")])
def test_ranges_both_ways(five, low, high, found):
    expected = [f"{c}-{c}" for c in found]
    assert ids(five("XRANGE", "x", low, high)) == expected and ids(five("XREVRANGE", "x", high, low)) == expected[::-1]
    assert ids(five("XRANGE", "x", low, high, "COUNT", 2)) == expected[:2] and not five("XRANGE", "x", low, high, "COUNT", 0)


@pytest.mark.parametrize(("how", "left"), [("MAXLEN 3", "345"), ("MAXLEN = 0", ""), ("MINID 3", "345"), ("MINID = 3-4", "45"), ("MAXLEN 9", "12345"), ("MAXLEN ~ 3", "12345"), ("MINID ~ 3", "12345")])
def test_trimming(five, how, left):
    """An approximate limit removes whole nodes only."""
    assert five("XTRIM", "x", *how.split()) == 5 - len(left) and ids(five("XRANGE", "x", "-", "+")) == [f"{c}-{c}" for c in left] and five("EXISTS", "x") == 1
    assert five("XADD", "x", *how.split(), "9-9", "n", 9) == b"9-9" and five("XINFO", "STREAM", "x")[five("XINFO", "STREAM", "x").index(b"last-generated-id") + 1] == b"9-9"


def test_deleted_entries_are_gone_and_their_ids_stay_used(five):
    assert five("XDEL", "x", "2-2", "5-5", "9-9", "2-2") == 2 and ids(five("XRANGE", "x", "-", "+")) == ["1-1", "3-3", "4-4"] and isinstance(five("XADD", "x", "5-5", "n", 1), Exception)
    assert five("XDEL", "x", "1-1", "3-3", "4-4") == 3 and five("XLEN", "x") == 0 and five("EXISTS", "x") == 1 and isinstance(five("XADD", "x", "5-5", "n", 1), Exception)


def test_setid(five):
    assert isinstance(five("XSETID", "x", "4-4"), Exception) and five("XSETID", "x", "9-9", "ENTRIESADDED", 100, "MAXDELETEDID", "2-2") == b"OK"
    assert isinstance(five("XSETID", "x", "9-9", "ENTRIESADDED", 1, "MAXDELETEDID", "2-2"), Exception) and isinstance(five("XADD", "x", "9-9", "n", 1), Exception)
    assert isinstance(five("XSETID", "none", "1-1"), Exception) and five("XADD", "x", "9-10", "n", 1) == b"9-10"


@pytest.mark.parametrize("line", ["XADD x * n", "XADD x MAXLEN x * n 1", "XADD x MAXLEN -1 * n 1", "XADD x MAXLEN 1 MINID 1 * n 1", "XTRIM x MAXLEN 1 LIMIT 1", "XTRIM x MAXLEN ~ 1 LIMIT -1", "XTRIM x", "XRANGE x 1", "XRANGE x 1 2 COUNT", "XDEL x a", "XRANGE x (- +"])
def test_wrong_forms_change_nothing(five, line):
    assert isinstance(five(*line.split()), Exception) and five("XLEN", "x") == 5


def test_many_entries_over_many_nodes(peer):
    for i in range(1, 1001):
        peer("XADD", "x", f"{i}-0", "field", i, "other", "x" * (i % 50))
    assert ids(peer("XRANGE", "x", "350", "649")) == [f"{i}-0" for i in range(350, 650)] and peer("XTRIM", "x", "MAXLEN", "~", 500, "LIMIT", 0) in (500, 400, 499)
    assert peer("XDEL", "x", *[f"{i}-0" for i in range(600, 1001, 2)]) == 201 and ids(peer("XREVRANGE", "x", "+", "700"))[:3] == ["999-0", "997-0", "995-0"]


def test_a_refused_entry_leaves_a_stream_that_is_as_good_as_new(peer):
    peer("XADD", "s", "1-0", "f", "v")
    peer("XDEL", "s", "1-0")
    peer("XSETID", "s", "2-0", "ENTRIESADDED", 0)
    assert "smaller than the target stream top item" in str(peer("XADD", "s", "2-0", "f", "v")) and peer("EXISTS", "s") == 1
