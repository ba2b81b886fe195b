"""Commands newer than the servers we can compare with, by what their documentation says."""


import pytest

import kvd


def bits(text):
    return int(text, 2).to_bytes(1, "big")


@pytest.mark.parametrize("op, expected", [
    ("DIFF", "10000000"),   # in the first and in no other
    ("DIFF1", "00001100"),  # in any other and not in the first
    ("ANDOR", "01110000"),  # in the first and in any other
    ("ONE", "10011100"),    # in exactly one
])  # fmt: skip
def test_bitop_of_8_2(run, op, expected):
    run("MSET", "x", bits("11110000"), "a", bits("01101000"), "b", bits("00110100") + b"\x01")
    assert run("BITOP", op, "d", "x", "a", "b") == 2
    value = run("GET", "d")
    assert value[:1] == bits(expected if op != "ONE" else one_of("11110000", "01101000", "00110100"))
    assert value[1:] == (b"\x01" if op in ("DIFF1", "ONE") else b"\x00")
    assert run("BITOP", op, "d", "none", "nothing") == 0 and run("EXISTS", "d") == 0


def one_of(*rows):
    return "".join("1" if sum(c == "1" for c in column) == 1 else "0" for column in zip(*rows, strict=True))


@pytest.mark.parametrize("op", ["DIFF", "DIFF1", "ANDOR"])
def test_bitop_that_needs_two(run, op):
    assert run("BITOP", op, "d", "x").endswith(f"BITOP {op} must be called with at least two source keys.")


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


# ---- deadlines of hash fields -----------------------------------------------------------------------

def test_setting_and_reading_deadlines(run):
    run("HSET", "h", "a", 1, "b", 2, "c", 3)
    assert run("HEXPIRE", "h", 100, "FIELDS", 2, "a", "no") == [1, -2]
    assert run("HTTL", "h", "FIELDS", 3, "a", "b", "no") == [100, -1, -2]
    assert 99_000 < run("HPTTL", "h", "FIELDS", 1, "a")[0] <= 100_000
    assert run("HEXPIRE", "h", 50, "NX", "FIELDS", 2, "a", "b") == [0, 1]
    assert run("HEXPIRE", "h", 70, "GT", "FIELDS", 2, "a", "b") == [0, 1]
    assert run("HEXPIRE", "h", 70, "LT", "FIELDS", 1, "a") == [1]
    assert run("HEXPIRE", "h", 70, "XX", "FIELDS", 1, "c") == [0]
    assert run("HPEXPIREAT", "h", 4102444800123, "FIELDS", 1, "c") == [1]
    assert run("HPEXPIRETIME", "h", "FIELDS", 1, "c") == [4102444800123] and run("HEXPIRETIME", "h", "FIELDS", 1, "c") == [4102444801]   # up
    assert run("HPERSIST", "h", "FIELDS", 2, "c", "no") == [1, -2] and run("HPERSIST", "h", "FIELDS", 1, "c") == [-1]
    assert run("HTTL", "none", "FIELDS", 1, "a") == [-2]
    assert run("OBJECT", "ENCODING", "h") == b"listpackex"


def test_a_deadline_that_has_passed_removes_at_once(run):
    run("HSET", "h", "a", 1, "b", 2)
    assert run("HEXPIRE", "h", 0, "FIELDS", 1, "a") == [2]
    assert run("HEXPIREAT", "h", 1, "FIELDS", 1, "b") == [2]
    assert run("EXISTS", "h") == 0


def test_fields_leave_on_time_and_the_key_with_the_last(run):
    run.store.clock.freeze(1_700_000_000)
    run("HSET", "h", "a", 1, "b", 2)
    run("HPEXPIRE", "h", 40, "FIELDS", 1, "a")
    run("HPEXPIRE", "h", 80, "FIELDS", 1, "b")
    run.store.clock.advance(0.055)
    assert run("HMGET", "h", "a", "b") == [None, b"2"] and run("HLEN", "h") == 1 and run("HEXISTS", "h", "a") == 0
    run.store.clock.advance(0.06)
    assert run("EXISTS", "h") == 0 and run("DBSIZE") == 0


def test_a_write_ends_a_deadline(run):
    run("HSET", "h", "a", 1)
    run("HEXPIRE", "h", 100, "FIELDS", 1, "a")
    run("HSET", "h", "a", 2)
    assert run("HTTL", "h", "FIELDS", 1, "a") == [-1]


def test_hgetdel_hgetex_hsetex(run):
    assert run("HSETEX", "h", "EX", 100, "FIELDS", 2, "a", 1, "b", 2) == 1
    assert run("HTTL", "h", "FIELDS", 2, "a", "b") == [100, 100]
    assert run("HSETEX", "h", "FNX", "FIELDS", 1, "a", 9) == 0 and run("HSETEX", "h", "FXX", "KEEPTTL", "FIELDS", 1, "a", 9) == 1
    assert run("HTTL", "h", "FIELDS", 1, "a") == [100]
    assert run("HGETEX", "h", "PERSIST", "FIELDS", 2, "a", "no") == [b"9", None]
    assert run("HTTL", "h", "FIELDS", 1, "a") == [-1]
    assert run("HGETEX", "h", "PX", 50_000, "FIELDS", 1, "a") == [b"9"] and run("HTTL", "h", "FIELDS", 1, "a") == [50]
    assert run("HGETDEL", "h", "FIELDS", 2, "a", "no") == [b"9", None]
    assert run("HGETDEL", "h", "FIELDS", 1, "b") == [b"2"] and run("EXISTS", "h") == 0


@pytest.mark.parametrize("line", [
    ("HEXPIRE", "h", 10, "a"), ("HEXPIRE", "h", 10, "FIELDS", 2, "a"), ("HEXPIRE", "h", "x", "FIELDS", 1, "a"), ("HEXPIRE", "h", -1, "FIELDS", 1, "a"),
    ("HEXPIRE", "h", 10, "NX", "XX", "FIELDS", 1, "a"), ("HTTL", "h", "FIELDS", 0, "a"), ("HSETEX", "h", "EX", "x", "FIELDS", 1, "a", 1),
])  # fmt: skip
def test_bad_forms_change_nothing(run, line):
    run("HSET", "h", "a", 1)
    assert isinstance(run(*line), str)
    assert run("HGETALL", "h") in ({b"a": b"1"}, [b"a", b"1"]) and run("HTTL", "h", "FIELDS", 1, "a") == [-1]
