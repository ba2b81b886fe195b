"""Consumer groups: what their changes tell others, and the lag of a group (Redis 7.9's rules)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import kvd

from ..waiting import blocked


@pytest.fixture
def stream(peer):
    for i in range(1, 6):
        peer("XADD", "x", f"{i}-0", "f", "v")
    peer("XGROUP", "CREATE", "x", "g", 0)
    return peer


CHANGES = ["XGROUP CREATE x h 0", "XGROUP CREATECONSUMER x g bob", "XGROUP SETID x g 2", "XGROUP DELCONSUMER x g bob", "XGROUP DESTROY x g", "XSETID x 9-0", "XACK x g 1-0"]


@pytest.mark.parametrize("line", CHANGES)
def test_changes_of_groups_are_none_of_the_stream(stream, line):
    """Neither WATCH nor client-side caching is concerned, but keyspace events are."""
    stream("XGROUP", "CREATECONSUMER", "x", "g", "bob") if "DELCONSUMER" in line else None
    watching, caching, other = stream.open(), stream.open(3), stream.open()
    watching("WATCH", "x")
    caching("CLIENT", "TRACKING", "ON")
    caching("XLEN", "x")
    assert not isinstance(other(*line.split()), Exception)
    watching("MULTI")
    assert watching("EXEC") == []
    assert caching("PING") == b"PONG"


def test_a_stream_that_create_makes_is_a_change(peer):
    watching = peer.open()
    watching("WATCH", "new")
    peer("XGROUP", "CREATE", "new", "g", 0, "MKSTREAM")
    watching("MULTI")
    assert watching("EXEC") is None


def test_destroying_a_group_tells_its_readers(stream):
    reader = stream.open()
    stream("XGROUP", "SETID", "x", "g", "$")
    reader.send(reader.frame(("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "x", ">")))
    while b"blocked_clients:1\r\n" not in stream("INFO", "clients"):
        pass
    stream("XGROUP", "DESTROY", "x", "g")
    assert str(reader.read()).startswith(("NOGROUP", "-NOGROUP"))


def lag(peer):
    facts = peer("XINFO", "GROUPS", "x")[0]
    found = dict(zip(facts[::2], facts[1::2], strict=True))
    return found[b"entries-read"], found[b"lag"]


def test_setid_takes_the_lowest_and_the_highest_id(stream):
    if stream.version < (7, 4):
        pytest.skip("Redis 7.0 does not take + there")
    assert stream("XGROUP", "SETID", "x", "g", "-") == b"OK" and len(stream("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")[0][1]) == 5
    assert stream("XGROUP", "SETID", "x", "g", "+") == b"OK" and stream("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">") is None
    assert isinstance(stream("XGROUP", "SETID", "x", "g", "*"), Exception) and isinstance(stream("XGROUP", "CREATE", "x", "new", ">"), Exception)


def test_lag_counts_what_is_not_yet_read(stream):
    assert lag(stream) == (None, 5)
    stream("XREADGROUP", "GROUP", "g", "c", "COUNT", 2, "STREAMS", "x", ">")
    assert lag(stream) == (2, 3)
    stream("XADD", "x", "6-0", "f", "v")
    assert lag(stream) == (2, 4)


@pytest.mark.parametrize(
    ("read", "lines", "found"),
    [
        (2, ["XDEL x 1-0"], (2, 3)), (2, ["XDEL x 4-0"], (2, None)), (2, ["XTRIM x MAXLEN 2"], (2, 2)), (0, ["XTRIM x MAXLEN 2"], (None, 2)), (0, ["XDEL x 3-0"], (None, None)),
        (5, ["XDEL x 3-0"], (5, 0)), (2, ["XTRIM x MAXLEN 0"], (2, 0)), (2, ["XGROUP SETID x g 3-0 ENTRIESREAD 3"], (3, 2)), (2, ["XGROUP SETID x g 3-0"], (None, None)),
        (2, ["XDEL x 5-0", "XADD x 7-0 f v"], (2, None)),
    ],
)  # fmt: skip
def test_lag_after_entries_have_gone(stream, read, lines, found):
    if stream.version < (8, 0) or stream.version == (8, 9) and lines[0].startswith("XTRIM") and read:
        pytest.skip("Redis 7.0 has other rules, and so has Valkey after XTRIM")
    if read:
        stream("XREADGROUP", "GROUP", "g", "c", "COUNT", read, "STREAMS", "x", ">")
    for line in lines:
        assert not isinstance(stream(*line.split()), Exception)
    assert lag(stream) == found


# ---- XNACK, as Redis 8.8 documents it: none of the servers that tests compare with has it ------------

MOST = 2**63 - 1


@pytest.fixture
def held(run):
    """Entries 1-0 to 3-0, which alice has, and 4-0, which nobody has read; the clock stands still."""
    run.store.clock.freeze(1_700_000_000)
    run("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    for i in range(1, 5):
        run("XADD", "s", f"{i}-0", "n", i)
    run("XREADGROUP", "GROUP", "g", "alice", "COUNT", 3, "STREAMS", "s", ">")
    yield run
    assert run("DEBUG", "CHECK") in (b"OK", "OK")


def rows(run, *more):
    return [(id.decode(), owner.decode(), idle, deliveries) for id, owner, idle, deliveries in run("XPENDING", "s", "g", *(more or ("-", "+", 10)))]


def claimed(run, *words):
    reply = run("XREADGROUP", "GROUP", "g", "bob", "NOACK", *words, "STREAMS", "s", ">") or {}
    return [(entry[0].decode(), *entry[2:]) for entries in dict(reply).values() for entry in entries]


def test_released_entries_have_no_owner_and_no_time(held):
    assert held("XNACK", "s", "g", "FAIL", "IDS", 2, "1-0", "3-0") == 2
    assert rows(held) == [("1-0", "", -1, 1), ("2-0", "alice", 0, 1), ("3-0", "", -1, 1)] and rows(held, "-", "+", 10, "alice") == [("2-0", "alice", 0, 1)]
    assert held("XPENDING", "s", "g") == [3, b"1-0", b"3-0", [[b"alice", b"1"]]] and [row[0] for row in rows(held, "IDLE", 10**9, "-", "+", 10)] == ["1-0", "3-0"]
    assert held("XNACK", "s", "g", "FAIL", "IDS", 1, "2-0") == 1 and held("XPENDING", "s", "g") == [3, b"1-0", b"3-0", []]


@pytest.mark.parametrize(("words", "deliveries"), [
    ("SILENT", 4), ("FAIL", 5), ("FATAL", MOST), ("silent RETRYCOUNT 0", 0), ("FATAL RETRYCOUNT 42", 42), (f"FAIL RETRYCOUNT {MOST}", MOST), ("fail force retrycount 7", 7), ("FATAL FORCE", MOST),
])  # fmt: skip
@pytest.mark.parametrize("after", [False, True])
def test_modes_and_the_number_of_deliveries(held, words, deliveries, after):
    held("XCLAIM", "s", "g", "alice", 0, "1-0", "RETRYCOUNT", 5)
    mode, *more = words.split()
    line = (mode, "IDS", 1, "1-0", *more) if after else (mode, *more, "IDS", 1, "1-0")
    assert held("XNACK", "s", "g", *line) == 1 and rows(held)[0] == ("1-0", "", -1, deliveries)


def test_counts_do_not_pass_their_ends(held):
    for _ in range(3):
        assert held("XNACK", "s", "g", "SILENT", "IDS", 1, "1-0") == 1 and rows(held)[0][3] == 0
    held("XNACK", "s", "g", "FATAL", "IDS", 1, "1-0")
    assert held("XCLAIM", "s", "g", "bob", 0, "1-0", "JUSTID") == [b"1-0"] and rows(held)[0] == ("1-0", "bob", 0, MOST)
    held("XCLAIM", "s", "g", "bob", 0, "1-0")
    assert rows(held)[0] == ("1-0", "bob", 0, MOST) and claimed(held, "CLAIM", 0, "COUNT", 3)[2] == ("1-0", 0, MOST) and rows(held)[0][3] == MOST


def test_force_releases_entries_that_are_not_pending(held):
    held("XDEL", "s", "2-0")
    held("XACK", "s", "g", "1-0", "2-0")
    assert held("XNACK", "s", "g", "FAIL", "IDS", 4, "1-0", "2-0", "4-0", "9-9") == 0
    assert held("XNACK", "s", "g", "FAIL", "IDS", 4, "1-0", "2-0", "4-0", "9-9", "FORCE") == 2
    assert held("XNACK", "s", "g", "FATAL", "IDS", 1, "1-0", "FORCE") == 1 and held("XNACK", "s", "g", "SILENT", "FORCE", "RETRYCOUNT", 3, "IDS", 1, "4-0") == 1
    assert rows(held) == [("1-0", "", -1, MOST), ("3-0", "alice", 0, 1), ("4-0", "", -1, 3)] and held("XNACK", "s", "g", "FAIL", "IDS", 2, "3-0", "3-0") == 2


def test_released_entries_are_claimed_first_and_in_the_order_of_release(held):
    held("XCLAIM", "s", "g", "alice", 0, "2-0", "TIME", 0, "JUSTID")
    held("XNACK", "s", "g", "FAIL", "IDS", 2, "3-0", "1-0")
    held("XNACK", "s", "g", "SILENT", "IDS", 1, "3-0")
    now = 1_700_000_000_000
    assert claimed(held, "CLAIM", MOST, "COUNT", 1) == [("1-0", now, 1)]
    held("XNACK", "s", "g", "FAIL", "IDS", 1, "1-0")
    assert claimed(held, "CLAIM", 1) == [("3-0", now, 0), ("1-0", now, 2), ("2-0", now, 1), ("4-0", 0, 0)]
    assert rows(held) == [("1-0", "bob", 0, 3), ("2-0", "bob", 0, 2), ("3-0", "bob", 0, 1)]


def test_xclaim_and_xautoclaim_take_released_entries_at_any_idle_time(held):
    held("XNACK", "s", "g", "FAIL", "IDS", 2, "1-0", "3-0")
    assert held("XCLAIM", "s", "g", "bob", 99999, "1-0", "2-0", "JUSTID") == [b"1-0"] and rows(held)[0] == ("1-0", "bob", 0, 1)
    assert held("XAUTOCLAIM", "s", "g", "carol", 99999, "0", "JUSTID") == [b"0-0", [b"3-0"], []] and [row[1] for row in rows(held)] == ["bob", "alice", "carol"]


def test_released_entries_outlive_their_consumer_and_their_entry(held):
    held("XNACK", "s", "g", "FAIL", "IDS", 2, "1-0", "2-0")
    assert held("XGROUP", "DELCONSUMER", "s", "g", "alice") == 1 and [row[:2] for row in rows(held)] == [("1-0", ""), ("2-0", "")]
    held("XDEL", "s", "1-0")
    assert held("XCLAIM", "s", "g", "bob", 0, "1-0") == [] and rows(held) == [("2-0", "", -1, 1)]
    held("XTRIM", "s", "MAXLEN", 0)
    assert rows(held) == [("2-0", "", -1, 1)] and held("XAUTOCLAIM", "s", "g", "bob", 0, 0) == [b"0-0", [], [b"2-0"]] and rows(held) == []


def test_what_ends_a_released_entry(held):
    held("XNACK", "s", "g", "FAIL", "IDS", 3, "1-0", "2-0", "3-0")
    assert held("XACK", "s", "g", "1-0") == 1 and held("XACKDEL", "s", "g", "IDS", 1, "2-0") == [1] and [row[0] for row in rows(held)] == ["3-0"]
    assert held("XDELEX", "s", "ACKED", "IDS", 1, "3-0") == [2] and held("XDELEX", "s", "DELREF", "IDS", 1, "3-0") == [1] and rows(held) == []
    held("XNACK", "s", "g", "FAIL", "FORCE", "IDS", 2, "1-0", "4-0")
    assert held("XGROUP", "DESTROY", "s", "g") == 1 and held("XGROUP", "CREATE", "s", "g", 0) in (b"OK", "OK") and rows(held) == []


def test_releasing_is_no_change_of_the_stream(held):
    """As acknowledging: WATCH is not concerned, and no event tells it."""
    held("WATCH", "s")
    held("XNACK", "s", "g", "FAIL", "IDS", 1, "1-0")
    held("MULTI")
    held("XLEN", "s")
    assert held("EXEC") == [4]


def test_a_reader_that_waits_for_idle_entries_gets_released_ones_at_once():
    store = kvd.Store()
    store.xgroup_create("s", "g", 0, mkstream=True)
    store.xadd("s", {"n": 1}, id="1-0")
    store.xreadgroup("g", "alice", {"s": ">"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.xreadgroup, "g", "bob", {"s": ">"}, block=0, claim_min_idle_time=10**9)
        blocked(store)
        assert store.xnack("s", "g", "FAIL", "1-0") == 1
        ((_, [(name, fields, _, deliveries)]),) = waiting.result(60)
    assert (name, fields, deliveries) == (b"1-0", {b"n": b"1"}, 1) and store.xpending_range("s", "g", "-", "+", 1)[0]["consumer"] == b"bob"


@pytest.mark.parametrize(("line", "error"), [
    *[(f"XNACK s g {words}", "ERR Unrecognized XNACK option '") for words in (
        "FAIL BADOPT IDS 1 1-0", "FAIL IDS 1 1-0 BADOPT", "SILENT FORCE BADOPT IDS 1 1-0", "FAIL FATAL IDS 1 1-0", "SILENT NOTIDS 1 1-0", "FAIL IDS 1 1-0 RETRYCOUNT", "FAIL IDS 1 1-0 2-0", "FAIL IDS 1 1-0 IDS 1 2-0")],
    ("XNACK s g BADMODE IDS 1 1-0", "ERR mode must be SILENT, FAIL, or FATAL"), ("XNACK s g SILENT FORCE RETRYCOUNT 5", "ERR syntax error, expected IDS keyword"),
    *[(f"XNACK s g SILENT IDS {n} 1-0", "ERR numids must be a positive integer") for n in ("abc", "0", "-1")], ("XNACK s g SILENT IDS 2 1-0", "ERR number of IDs doesn't match numids"),
    ("XNACK s g SILENT IDS 99999999999 1-0", "ERR number of IDs doesn't match numids"), ("XNACK s g FAIL IDS 1 x", "ERR Invalid stream ID specified as stream command argument"),
    ("XNACK s g FAIL IDS 2 1-0 FORCE", "ERR Invalid stream ID"), *[(f"XNACK s g FAIL IDS 1 1-0 RETRYCOUNT {n}", "ERR value is not an integer or out of range") for n in ("abc", "99999999999999999999")],
    ("XNACK s g FAIL IDS 1 1-0 RETRYCOUNT -1", "ERR Invalid RETRYCOUNT value, must be >= 0"), ("XNACK none g FAIL IDS 1 1-0", "NOGROUP No such key 'none' or consumer group 'g'"),
    ("XNACK s none FAIL IDS 1 1-0", "NOGROUP No such key 's' or consumer group 'none'"), ("XNACK text g FAIL IDS 1 1-0", "WRONGTYPE "), ("XNACK s g FAIL IDS 1", "ERR wrong number of arguments for 'xnack' command"),
])  # fmt: skip
def test_wrong_forms_of_xnack(held, line, error):
    held("SET", "text", "v")
    before = rows(held)
    assert held(*line.split()).startswith(error) and rows(held) == before
