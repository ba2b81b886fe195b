"""INCREX, as Redis 8.8 documents it; none of the servers that tests compare with has it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd

from .events import events_of

NOW = 1_700_000_000
LEAST, MOST = -(2**63), 2**63 - 1


@pytest.mark.parametrize(("value", "options", "reply", "left"), [
    (None, "", [1, 1], b"1"), ("10", "", [11, 1], b"11"), ("100", "BYINT 5", [105, 5], b"105"), ("100", "BYINT -10", [90, -10], b"90"), ("95", "BYINT 0", [95, 0], b"95"),
    ("99", "BYINT 5 UBOUND 100", [99, 0], b"99"), ("99", "BYINT 5 UBOUND 100 SATURATE", [100, 1], b"100"), ("10", "BYINT -100 LBOUND 0 SATURATE", [0, -10], b"0"),
    ("5", "BYINT 5 UBOUND 10", [10, 5], b"10"), ("50", "BYINT 5 UBOUND 30", [50, 0], b"50"), ("50", "BYINT 5 UBOUND 30 SATURATE", [30, -20], b"30"),
    ("50", "BYINT -25 UBOUND 30", [25, -25], b"25"), (None, "BYINT 5 LBOUND 10", [0, 0], None), (None, "BYINT 5 LBOUND 10 SATURATE", [10, 10], b"10"),
    (str(MOST), "", [MOST, 0], str(MOST).encode()), (str(MOST - 7), f"BYINT {MOST} SATURATE", [MOST, 7], str(MOST).encode()),
    (str(LEAST + 8), f"BYINT {LEAST} SATURATE", [LEAST, -8], str(LEAST).encode()), ("5", "LBOUND 0 BYINT 100 UBOUND 10 SATURATE", [10, 5], b"10"),
])  # fmt: skip
def test_integers_within_bounds(run, value, options, reply, left):
    if value is not None:
        run("SET", "k", value)
    assert run("INCREX", "k", *options.split()) == reply and run("GET", "k") == left
    if left is not None:
        assert run("OBJECT", "ENCODING", "k") == b"int"


@pytest.mark.parametrize(("value", "options", "reply", "left"), [
    ("1.5", "BYFLOAT 0.25", ["1.75", "0.25"], b"1.75"), (None, "BYFLOAT 5.5 UBOUND 10", ["5.5", "5.5"], b"5.5"), (None, "BYFLOAT -0.5 UBOUND -1.5", ["0", "0"], None),
    ("10", "BYFLOAT 100 UBOUND 42.5", ["10", "0"], b"10"), ("10", "BYFLOAT 100 UBOUND 42.5 SATURATE", ["42.5", "32.5"], b"42.5"), ("0", "BYFLOAT -100 LBOUND -5.5 SATURATE", ["-5.5", "-5.5"], b"-5.5"),
    ("50.5", "BYFLOAT 5.5 UBOUND 30 SATURATE", ["30", "-20.5"], b"30"), ("50", "BYFLOAT -25 UBOUND 30", ["25", "-25"], b"25"), ("1", "BYFLOAT 1 UBOUND +inf LBOUND -inf", ["2", "1"], b"2"),
])  # fmt: skip
def test_floats_within_bounds(run, value, options, reply, left):
    if value is not None:
        run("SET", "k", value)
    found = run("INCREX", "k", *options.split())
    assert [float(x) for x in found] == [float(x) for x in reply] and run("GET", "k") == left
    assert all(isinstance(x, bytes) for x in found) or all(isinstance(x, float) for x in found)      # RESP2, RESP3


@pytest.mark.parametrize(("value", "options", "error"), [
    ("1", "FOO", "ERR syntax error"), ("1", "BYINT", "ERR syntax error"), ("1", "BYINT 1 BYFLOAT 1.5", "ERR syntax error"), ("1", "BYINT 1 BYINT 2", "ERR syntax error"),
    ("1", "EX 10 PX 5000", "ERR syntax error"), ("1", "EX 10 EX 20", "ERR syntax error"), ("1", "EX 10 PERSIST", "ERR syntax error"), ("1", "PERSIST ENX", "ERR syntax error"),
    ("1", "ENX PERSIST", "ERR syntax error"), ("1", "ENX ENX EX 10", "ERR syntax error"), ("1", "SATURATE SATURATE", "ERR syntax error"), ("1", "UBOUND 9 UBOUND 8", "ERR syntax error"),
    ("1", "ENX", "ERR ENX flag requires an expiration"), ("1", "BYINT 1.5", "ERR Increment is not an integer or out of range"), ("1", "BYFLOAT abc", "ERR Increment is not a valid float"),
    ("1", "UBOUND abc", "ERR UBOUND is not an integer or out of range"), ("1", "BYFLOAT 1 LBOUND abc", "ERR LBOUND is not a valid float"), ("1", "UBOUND 1.5", "ERR UBOUND is not an integer or out of range"),
    ("1", "LBOUND 10 UBOUND 5", "ERR LBOUND can't be greater than UBOUND"), ("1", "BYFLOAT 1 LBOUND 1.5 UBOUND 1.25", "ERR LBOUND can't be greater than UBOUND"),
    ("1", "EX 0", "ERR invalid expire time in 'increx' command"), ("1", "PX -1", "ERR invalid expire time in 'increx' command"), ("1", "EX x", "ERR value is not an integer or out of range"),
    ("1", "BYFLOAT inf", "ERR BYFLOAT increment cannot be Infinity"), ("inf", "BYFLOAT 1", "ERR value cannot be Infinity"), ("hello", "", "ERR value is not an integer or out of range"),
    ("1.5", "", "ERR value is not an integer or out of range"), ("hello", "BYFLOAT 1", "ERR value is not a valid float"), (str(MOST), f"SATURATE UBOUND {LEAST}", "ERR applied increment would overflow"),
])  # fmt: skip
def test_errors_change_nothing(run, value, options, error):
    run("SET", "k", value, "EX", 1000)
    assert run("INCREX", "k", *options.split()).removeprefix("ERR ") == error.removeprefix("ERR ")
    assert run("GET", "k") == value.encode() and run("TTL", "k") > 900


def test_other_types(run):
    run("RPUSH", "l", "a")
    for options in ((), ("BYFLOAT", "1.5")):
        assert str(run("INCREX", "l", *options)).startswith("WRONGTYPE")


@pytest.mark.parametrize(("had", "options", "ttl"), [
    (-1, "EX 100", 100), (-1, "PX 5000", 5), (-1, f"EXAT {NOW + 7}", 7), (-1, f"PXAT {NOW * 1000 + 9000}", 9), (500, "", 500), (500, "PERSIST", -1), (-1, "PERSIST", -1),
    (500, "EX 10 ENX", 500), (-1, "EX 10 ENX", 10), (500, "EX 10", 10), (500, "EX 10 UBOUND 5", 500), (500, "EX 10 UBOUND 5 SATURATE", 10), (500, "EXAT 1 ENX", 500),
])  # fmt: skip
def test_the_time_to_live(store, had, options, ttl):
    store.clock.freeze(NOW)
    store.set("k", 5)
    if had > 0:
        store.expire("k", had)
    store.execute("INCREX", "k", *options.split())
    assert store.execute("TTL", "k") == ttl


def test_a_deadline_in_the_past_deletes(run):
    run("SET", "k", 10)
    assert run("INCREX", "k", "EXAT", 1) == [11, 1] and run("EXISTS", "k") == 0
    assert run("INCREX", "k", "PXAT", 1) == [1, 1] and run("EXISTS", "k") == 0


def test_events(store):
    lines = ("SET k 1", "INCREX k", "INCREX k BYFLOAT 0.5", "SET k 1 EX 100", "INCREX k PERSIST", "INCREX k EX 100", "INCREX k EX 200 ENX", "INCREX k UBOUND 0", "INCREX k EXAT 1")
    assert [name for name in events_of(store, *lines) if name != "new"] == [
        "set", "incrby", "incrbyfloat", "set", "expire", "incrby", "persist", "incrby", "expire", "incrby", "del"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.integers(LEAST, MOST), st.integers(LEAST, MOST), st.integers(LEAST, MOST), st.integers(LEAST, MOST), st.booleans())
def test_any_integers(had, by, one, other, saturate):
    """Against integers without limits."""
    low, high = sorted((one, other))
    store = kvd.Store()
    store.set("k", had)
    line = ("INCREX", "k", "BYINT", by, "LBOUND", low, "UBOUND", high, *(["SATURATE"] if saturate else []))
    wanted = had + by
    new = min(max(wanted, low), high)
    if new != wanted and not saturate:
        assert store.execute(*line) == [had, 0]
    elif not LEAST <= new - had <= MOST:
        with pytest.raises(kvd.ResponseError, match="would overflow"):
            store.execute(*line)
        new = had
    else:
        assert store.execute(*line) == [new, new - had]
    assert store.get("k") == str(had if new != wanted and not saturate else new).encode()
