"""Commands on arrays, as Redis 8.8 documents them; none of the servers that tests compare with has them. tests/types/test_array.py compares with a model."""

import time

import pytest

import kvd

from .events import events_of

TOP = 2**64 - 2


def runs(run, text):
    """Lines of a command, ` -> ` and its reply, as documentation shows it: null is nil, numbers are numbers, the rest are strings."""
    for line in text.strip().splitlines():
        words, _, reply = line.strip().partition(" -> ")
        found = run(*words.split())
        assert plain(found) == eval(reply, {"nil": None}), (words, found)


def plain(reply):
    if isinstance(reply, (list, tuple)):
        return [plain(item) for item in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


@pytest.mark.parametrize("examples", [
    """
    ARSET myarray 0 hello -> 1
    ARGET myarray 0 -> "hello"
    ARGET myarray 1 -> nil
    ARSET myarray 2 a b c -> 3
    ARGET myarray 2 -> "a"
    ARGET myarray 4 -> "c"
    TYPE myarray -> "array"
    OBJECT ENCODING myarray -> "sliced-array"
    """, """
    ARMSET metrics 0 10 5 20 100 30 -> 3
    ARMGET metrics 0 5 100 999 -> ["10", "20", "30", nil]
    ARMSET metrics 0 11 1 x -> 1
    ARLEN metrics -> 101
    ARCOUNT metrics -> 4
    """, """
    ARSET sparse 0 a -> 1
    ARSET sparse 1000000 b -> 1
    ARLEN sparse -> 1000001
    ARCOUNT sparse -> 2
    """, """
    ARMSET seq 0 a 1 b 3 d -> 3
    ARGETRANGE seq 0 3 -> ["a", "b", nil, "d"]
    ARGETRANGE seq 3 0 -> ["d", nil, "b", "a"]
    ARGETRANGE seq 5 6 -> [nil, nil]
    ARGETRANGE none 1 1 -> [nil]
    """, """
    ARINSERT log event1 -> 0
    ARINSERT log event2 -> 1
    ARNEXT log -> 2
    ARSEEK log 10 -> 1
    ARINSERT log event3 -> 10
    ARNEXT log -> 11
    ARINSERT log event4 event5 -> 12
    ARNEXT none -> 0
    ARSEEK none 5 -> 0
    EXISTS none -> 0
    """, """
    ARINSERT log first second third -> 2
    ARLASTITEMS log 2 -> ["second", "third"]
    ARLASTITEMS log 2 REV -> ["third", "second"]
    ARLASTITEMS log 10 rev -> ["third", "second", "first"]
    ARLASTITEMS log 0 -> []
    ARLASTITEMS log -1 -> []
    ARLASTITEMS none 3 -> []
    """, """
    ARRING readings 3 v0 -> 0
    ARRING readings 3 v1 -> 1
    ARRING readings 3 v2 -> 2
    ARRING readings 3 v3 -> 0
    ARGET readings 0 -> "v3"
    ARCOUNT readings -> 3
    ARLASTITEMS readings 3 -> ["v1", "v2", "v3"]
    """, """
    ARMSET scores 0 a 1 b 2 c 3 d 4 e -> 5
    ARDEL scores 1 9 1 -> 1
    ARDELRANGE scores 3 1 2 3 -> 2
    ARCOUNT scores -> 2
    ARDELRANGE scores 18446744073709551614 0 -> 2
    EXISTS scores -> 0
    ARDEL scores 0 -> 0
    ARDELRANGE scores 0 1 -> 0
    """,
])  # fmt: skip
def test_examples_of_the_documentation(run, examples):
    runs(run, examples)


@pytest.mark.parametrize("examples", [
    """
    ARRING k 5 v0 v1 v2 v3 v4 v5 v6 v7 -> 2
    ARRING k 8 grown -> 5
    ARGETRANGE k 0 5 -> ["v3", "v4", "v5", "v6", "v7", "grown"]
    """, """
    ARRING k 3 r0 r1 r2 r3 r4 -> 1
    ARSEEK k 0 -> 1
    ARRING k 8 grown -> 0
    ARGETRANGE k 0 2 -> ["grown", "r4", "r2"]
    ARNEXT k -> 1
    """, """
    ARRING k 5 v0 v1 v2 v3 v4 -> 4
    ARDEL k 3 -> 1
    ARRING k 3 new -> 1
    ARGETRANGE k 0 4 -> ["v4", "new", nil, nil, nil]
    """, """
    ARRING k 5 v0 v1 v2 v3 v4 v5 v6 v7 -> 2
    ARDEL k 1 -> 1
    ARRING k 8 grown -> 1
    ARGETRANGE k 0 2 -> ["v7", "grown", nil]
    """, """
    ARRING k 3 r0 r1 r2 r3 r4 -> 1
    ARSET k 100 outside -> 1
    ARRING k 3 r5 -> 0
    ARGETRANGE k 0 2 -> ["r5", "r3", "r4"]
    ARCOUNT k -> 3
    """, """
    ARINSERT k a b c -> 2
    ARSEEK k 10 -> 1
    ARRING k 5 x -> 0
    """, """
    ARINSERT k a b c d e -> 4
    ARDEL k 1 -> 1
    ARLASTITEMS k 10 -> ["a", nil, "c", "d", "e"]
    ARDEL k 4 -> 1
    ARLASTITEMS k 10 REV -> ["d", "c", nil, "a"]
    ARSEEK k 0 -> 1
    ARLASTITEMS k 2 -> ["c", "d"]
    ARSEEK k 99 -> 1
    ARLASTITEMS k 2 -> ["c", "d"]
    """, """
    ARSET k 0 a -> 1
    ARSET k 2000000 b -> 1
    ARLASTITEMS k 2 -> [nil, "b"]
    """,
])  # fmt: skip
def test_rings_that_change_and_insertions_beside_others(run, examples):
    runs(run, examples)


def test_values_come_back_as_they_were_set(run):
    values = [b"", b"a", b"7 bytes", b"8 bytes!", b"x" * 255, b"x" * 256, b"x" * 100_000, b"0", b"-1", b"9223372036854775807", b"-9223372036854775808", b"1.0", b"-0.0", b"1e5", b"007", b"\x00\xff"]
    assert run("ARSET", "k", 0, *values) == len(values)
    assert run("ARGETRANGE", "k", 0, len(values) - 1) == values and run("ARMGET", "k", *range(len(values))) == values
    assert run("ARSET", "k", 0, *values[::-1]) == 0 and run("ARGETRANGE", "k", len(values) - 1, 0) == values
    assert run("DEBUG", "CHECK") in (b"OK", "OK")


@pytest.mark.parametrize(("line", "error"), [
    ("ARGET k -1", "ERR invalid array index"), ("ARGET k x", "ERR invalid array index"), (f"ARGET k {TOP + 1}", "ERR invalid array index"), ("ARGET none x", "ERR invalid array index"),
    ("ARMGET k 0 x", "ERR invalid array index"), ("ARSET k x v", "ERR invalid array index"), ("ARSET k 1.5 v", "ERR invalid array index"), ("ARMSET k 0 v x v", "ERR invalid array index"),
    (f"ARSET k {2**64} v", "ERR invalid array index"), (f"ARSET k {TOP} v w", "ERR array index overflow"), (f"ARSET k {TOP - 1} v w x", "ERR array index overflow"),
    ("ARMSET k 0 a 1", "ERR wrong number of arguments for 'armset' command"), ("ARDELRANGE k 0 1 2", "ERR wrong number of arguments for 'ardelrange' command"),
    ("ARDEL k 0 x", "ERR invalid array index"), ("ARDELRANGE k 0 x", "ERR invalid array index"), ("ARGETRANGE k 0 1000000", "ERR range exceeds maximum of 1000000 items"),
    ("ARGETRANGE k 1000000 0", "ERR range exceeds maximum of 1000000 items"), (f"ARGETRANGE none 0 {TOP}", "ERR range exceeds maximum of 1000000 items"), ("ARGETRANGE k 0 -1", "ERR invalid array index"),
    ("ARRING k 0 v", "ERR size must be positive"), ("ARRING k -3 v", "ERR size must be positive"), ("ARRING k x v", "ERR invalid size"), (f"ARRING k {2**63} v", "ERR invalid size"),
    ("ARSEEK k x", "ERR invalid array index"), ("ARSEEK k -1", "ERR invalid array index"), (f"ARSEEK k {2**64}", "ERR invalid array index"), ("ARLASTITEMS k x", "ERR invalid COUNT"),
    ("ARLASTITEMS k 1 FOO", "ERR syntax error"), ("ARLASTITEMS k 1 REV REV", "ERR wrong number of arguments for 'arlastitems' command"), ("ARINFO none", "ERR no such key"),
    ("ARINFO k HALF", "ERR syntax error"), ("ARINFO k FULL FULL", "ERR syntax error"), ("ARLASTITEMS far 1000001", "ERR count exceeds maximum of 1000000 items"),
])  # fmt: skip
def test_errors_change_nothing(run, line, error):
    run("ARSET", "k", 0, "a", "b")
    run("ARSET", "far", 2_000_000, "a")
    before = run("DEBUG", "DIGEST")
    assert run(*line.split()).removeprefix("ERR ") == error.removeprefix("ERR ") and run("DEBUG", "DIGEST") == before


ALL = [
    "ARGET s 0", "ARMGET s 0", "ARSET s 0 v", "ARMSET s 0 v", "ARDEL s 0", "ARDELRANGE s 0 1", "ARLEN s", "ARCOUNT s", "ARGETRANGE s 0 1", "ARINSERT s v", "ARRING s 1 v", "ARNEXT s", "ARSEEK s 0",
    "ARLASTITEMS s 1", "ARINFO s", "ARSCAN s 0 1", "ARGREP s - + EXACT a", "AROP s 0 1 SUM",
]  # fmt: skip


@pytest.mark.parametrize("line", ALL)
def test_other_types_are_refused(run, line):
    run("SET", "s", "v")
    assert str(run(*line.split())).startswith("WRONGTYPE") and run("GET", "s") == b"v"


def test_the_cursor_ends_at_the_last_index(run):
    run("ARINSERT", "k", "a")
    assert run("ARSEEK", "k", TOP - 1) == 1 and run("ARINSERT", "k", "b", "c", "d") == "ERR insert index overflow"
    assert int(run("ARINSERT", "k", "b", "c")) == TOP and run("ARNEXT", "k") is None and int(run("ARLEN", "k")) == TOP + 1
    assert run("ARINSERT", "k", "e") == "ERR insert index overflow" and run("ARCOUNT", "k") == 3
    assert run("ARSEEK", "k", TOP + 1) == 1 and run("ARNEXT", "k") is None and run("ARRING", "k", 5, "f") == 2


def test_large_numbers_in_both_protocols(server):
    from ..compat.wire import Wire

    for proto, line in ((2, b"$20\r\n18446744073709551615\r\n"), (3, b"(18446744073709551615\r\n")):
        wire = Wire(("127.0.0.1", server.port), proto)
        wire("ARSET", "k", TOP, "v")
        wire.send(wire.frame(("ARLEN", "k")))
        assert wire.socket.recv(100) == line
        wire.close()


def test_figures(run):
    run("ARMSET", "k", 0, "a", 1, "b", 100, "c")
    info = pairs(run("ARINFO", "k"))
    assert list(info) == [b"count", b"len", b"next-insert-index", b"slices", b"directory-size", b"super-dir-entries", b"slice-size"]
    assert info[b"count"] == 3 and info[b"len"] == 101 and info[b"next-insert-index"] == 0 and info[b"slices"] == 1 and info[b"slice-size"] == 4096
    run("ARSET", "k", 5000, *range(50))
    full = pairs(run("ARINFO", "k", "full"))
    assert full[b"dense-slices"] == 1 and full[b"sparse-slices"] == 1 and float(full[b"avg-dense-size"]) >= 50 and 0.5 < float(full[b"avg-dense-fill"]) <= 1
    assert float(full[b"avg-sparse-size"]) >= 3 and len(full) == 12 and full[b"slices"] == 2 and full[b"directory-size"] >= 2


def pairs(reply):
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


@pytest.mark.parametrize(("line", "events"), [
    ("ARSET fresh 0 v", ["arset"]), ("ARSET k 0 v", ["arset"]), ("ARMSET k 0 v 5 w", ["armset"]), ("ARINSERT k v", ["arinsert"]), ("ARRING k 2 v", ["arring"]), ("ARSEEK k 7", ["arseek"]),
    ("ARSEEK none 7", []), ("ARDEL k 0", ["ardel"]), ("ARDEL k 9", []), ("ARDEL k 0 1", ["ardel", "del"]), ("ARDELRANGE k 0 9", ["ardelrange", "del"]), ("ARGET k 0", []),
])  # fmt: skip
def test_events(line, events):
    store = kvd.Store()
    store.execute("ARSET", "k", 0, "a", "b")
    assert events_of(store, line) == events


def test_the_class_of_their_events_is_a():
    store = kvd.Store()
    store.config_set("notify-keyspace-events", "Ka")
    assert store.execute("CONFIG", "GET", "notify-keyspace-events") in ([b"notify-keyspace-events", b"aK"], {b"notify-keyspace-events": b"aK"})
    store.config_set("notify-keyspace-events", "KEA")
    assert b"AKE" in str(store.execute("CONFIG", "GET", "notify-keyspace-events")).encode()


def test_scripts_transactions_and_watches(run):
    run("ARSET", "k", 0, "a")
    assert run("EVAL", "return redis.call('arget', KEYS[1], 0)", 1, "k") == b"a"
    assert run("EVAL", "return redis.call('arlen', KEYS[1])", 1, "k") == 1
    for line in ("WATCH k", "ARINSERT k b", "MULTI", "ARGET k 0"):
        run(*line.split())
    assert run("EXEC") is None
    for line in ("MULTI", "ARINSERT k c d", "ARLEN k"):
        run(*line.split())
    assert run("EXEC") == [2, 3]


def test_users_with_the_category(run):
    run("ACL", "SETUSER", "u", "on", "nopass", "~*", "-@all", "+@array")
    assert run("ACL", "DRYRUN", "u", "ARSET", "k", "0", "v") in (b"OK", "OK") and b"no permissions" in str(run("ACL", "DRYRUN", "u", "GET", "k")).encode()
    assert set(plain(run("ACL", "CAT", "array"))) == {line.split()[0].lower() for line in ALL}


def test_ranges_of_any_width_are_fast():
    store = kvd.Store()
    store.execute("ARMSET", "k", 0, "a", 2**40, "b", TOP, "c")
    start = time.monotonic()
    for _ in range(100):
        assert store.execute("ARSCAN", "k", 0, TOP) == [[0, b"a"], [2**40, b"b"], [TOP, b"c"]] and store.execute("AROP", "k", TOP, 0, "USED") == 3
        assert store.execute("ARGREP", "k", "+", "-", "EXACT", "b") == [2**40]
    assert time.monotonic() - start < 1
    assert store.execute("ARDELRANGE", "k", 1, TOP) == 2


def test_what_does_not_fit_into_memory_is_refused():
    store = kvd.Store(maxmemory="2mb", maxmemory_policy="noeviction")
    with pytest.raises(kvd.KvdError, match="OOM"):
        for i in range(10_000):
            store.execute("ARSET", "k", i * 1000, b"x" * 1000)
    assert store.execute("ARCOUNT", "k") > 500 and store.execute("ARDELRANGE", "k", 0, TOP) > 500


def test_a_large_value_is_taken_over(server):
    from ..compat.wire import Wire

    wire = Wire(("127.0.0.1", server.port))
    value = b"x" * 3_000_000
    assert wire("ARSET", "k", 5, value) == 1 and wire("ARGET", "k", 5) == value and wire("ARSET", "k", 5, value, value) == 1 and wire("ARMGET", "k", 5, 6) == [value, value]
    assert wire("DEBUG", "CHECK") == "OK" or wire("DEBUG", "CHECK") == b"OK"
    assert wire("ARDEL", "k", 5, 6) == 2
    wire.close()
