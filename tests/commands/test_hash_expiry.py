"""Deadlines of a hash's fields: set, read, ended by writes, and the key that goes with the last field."""

import pytest


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


@pytest.fixture
def newer(peer):
    """A server that knows HEXPIRE: Redis 7.4, Valkey 9."""
    if peer("COMMAND", "INFO", "hexpire") == [None]:
        pytest.skip("it does not know HEXPIRE")
    return peer


@pytest.mark.parametrize(("condition", "seconds", "done"), [("NX", 10, 0), ("XX", 10, 1), ("GT", 10, 0), ("GT", 1000, 1), ("LT", 10, 1), ("LT", 1000, 0)])
def test_conditions_on_the_deadline_there_is(newer, condition, seconds, done):
    newer("HSET", "h", "a", 1)
    newer("HEXPIRE", "h", 100, "FIELDS", 1, "a")
    assert newer("HEXPIRE", "h", seconds, condition, "FIELDS", 1, "a") == [done] and newer("HTTL", "h", "FIELDS", 1, "a")[0] in ((seconds, seconds - 1) if done else (100, 99))


@pytest.mark.parametrize(("condition", "done"), [("NX", 1), ("XX", 0), ("GT", 0), ("LT", 1)])
def test_conditions_on_a_field_without_a_deadline(newer, condition, done):
    """No deadline is later than any."""
    newer("HSET", "h", "a", 1)
    assert newer("HEXPIRE", "h", 10, condition, "FIELDS", 1, "a") == [done]


def test_increments_keep_a_deadline_and_a_write_ends_it(newer):
    newer("HSET", "h", "a", 1, "b", 1.5)
    newer("HEXPIRE", "h", 100, "FIELDS", 2, "a", "b")
    assert newer("HINCRBY", "h", "a", 1) == 2 and newer("HINCRBYFLOAT", "h", "b", 1) == b"2.5" and min(newer("HTTL", "h", "FIELDS", 2, "a", "b")) > 90
    newer("HSETNX", "h", "a", 5)
    assert newer("HTTL", "h", "FIELDS", 1, "a")[0] > 90
    newer("HMSET", "h", "a", 5)
    assert newer("HTTL", "h", "FIELDS", 2, "a", "b") in ([-1, 100], [-1, 99])


def test_deadlines_go_with_a_copied_and_a_renamed_key(newer):
    newer("HSET", "h", "a", 1, "b", 2)
    newer("HPEXPIREAT", "h", 4102444800123, "FIELDS", 1, "a")
    newer("COPY", "h", "copy")
    newer("RENAME", "h", "renamed")
    for key in ("copy", "renamed"):
        assert newer("HPEXPIRETIME", key, "FIELDS", 2, "a", "b") == [4102444800123, -1]


def test_another_type(newer):
    newer("SET", "s", "v")
    for line in ("HEXPIRE s 1 FIELDS 1 a", "HTTL s FIELDS 1 a", "HPERSIST s FIELDS 1 a", "HEXPIRETIME s FIELDS 1 a"):
        assert str(newer(*line.split())).startswith("WRONGTYPE")
