"""The scan of append-only files: where the first error is, and where the file could be cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvd.doors.files import scan

from ..compat.wire import Wire
from .stored import stored

SET = Wire.frame(("SET", "k", "v"))
MULTI, EXEC = Wire.frame(("MULTI",)), Wire.frame(("exec",))


def found(data, **options):
    result = scan(data, **options)
    return result["good"], result["commands"], result["offset"], result["error"]


def test_whole_files():
    assert found(b"") == (0, 0, 0, None)
    assert found(SET * 3) == (len(SET) * 3, 3, 0, None)
    assert found(SET + MULTI + SET + EXEC) == (len(SET + MULTI + SET + EXEC), 4, 0, None)
    assert scan(stored("appendonly.aof.2.incr.aof"))["commands"] == 14
    assert found(Wire.frame(("SET", "k", b"\r\n$3\r\n*1\r\n")))[3] is None
    assert found(Wire.frame(("SET", "", "")))[3] is None


@pytest.mark.parametrize(("broken", "at", "why"), [
    (b"SET k v\r\n", 0, "a command has to begin with *"), (b"*x\r\n", 1, "a number"), (b"*-1\r\n", 1, "a number"), (b"*03\r\n", 1, "a number"),
    (b"*0\r\n", 0, "without words"), (b"*1\n", 2, "end of a line"), (b"*1\r\n+OK\r\n", 4, "begin with $"), (b"*1\r\n$3\r\nSETX\r\n", 11, "end of a line"),
    (b"*99999999999999999999999\r\n", 1, "a number"), (b"*1\r\n$-5\r\n", 5, "a number"), (EXEC, 0, "EXEC without MULTI"), (MULTI + MULTI, len(MULTI), "MULTI within"),
    (b"\0\0\0\0", 0, "begin with *"),
])  # fmt: skip
def test_what_is_broken(broken, at, why):
    result = scan(SET + broken + SET)
    assert result["good"] == len(SET) and result["offset"] == len(SET) + at
    assert why in result["error"] and not result["torn"]


def test_the_end_may_be_missing_anywhere():
    data = SET + MULTI + SET + EXEC + SET
    ends = {0: 0, len(SET): 1, len(SET + MULTI + SET + EXEC): 4, len(data): 5}
    for n in range(len(data) + 1):
        result = scan(data[:n])
        good = max(end for end in ends if end <= n)
        assert (result["good"], result["commands"]) == (good, ends[good])
        assert (result["error"] is None) == (n in ends) == (not result["torn"])


def test_a_length_beyond_the_end_is_a_torn_end():
    result = scan(SET + b"*2\r\n$9223372036854775807\r\nx")
    assert result["torn"] and result["good"] == len(SET)
    assert scan(b"*9223372036854775807\r\n$1\r\nx\r\n")["torn"]


def test_annotations_of_time():
    data = b"#TS:100\r\n" + SET + b"#TS:200\r\n" + SET + b"# another note\r\n" + SET
    assert found(data) == (len(data), 3, 0, None) and scan(data)["time"] == 200
    result = scan(data, until=150)
    assert result["stopped"] and result["good"] == len(b"#TS:100\r\n" + SET) and result["commands"] == 1
    assert not scan(data, until=200)["stopped"]
    assert scan(SET + b"#TS:1")["torn"] and scan(b"#TS:x\r\n#TS:\r\n#\n")["error"] is None


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes(noise, at):
    data = SET * 4 + MULTI + SET + EXEC
    result = scan(data[:at] + noise + data[at:])
    assert 0 <= result["good"] <= len(data) + len(noise) and (result["error"] is None or result["offset"] <= len(data) + len(noise))
    assert scan((data[:at] + noise + data[at:])[: result["good"]])["error"] is None
