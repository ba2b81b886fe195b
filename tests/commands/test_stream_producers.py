"""XADD IDMP and IDMPAUTO, XCFGSET, XIDMPRECORD, as Redis 8.6 and 8.8 document them; none of the servers that tests compare with has them."""

import pytest

import kvd

from ..waiting import eventually

NOW = 1_700_000_000
FIGURES = ("idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates")


@pytest.fixture
def at(run):
    """A door whose clock stands still."""
    run.store.clock.freeze(NOW)
    yield run
    assert run("DEBUG", "CHECK") in (b"OK", "OK")


def figures(run, key="s", *more):
    found = run("XINFO", "STREAM", key, *more)
    named = {k.decode(): v for k, v in (found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))).items()}
    assert list(named)[7:13] == list(FIGURES)
    return [named[name] for name in FIGURES]


def add(run, pid, iid, value=b"v", *more):
    return run("XADD", "s", *more, "IDMP", pid, iid, "*", "f", value)


def test_an_entry_that_was_added_before_is_not_added_again(at):
    first = add(at, "p", "a", "one")
    assert add(at, "p", "a", "two", "MAXLEN", 0) == first == b"1700000000000-0" and at("XRANGE", "s", "-", "+") == [[first, [b"f", b"one"]]]
    assert add(at, "p", "b") == b"1700000000000-1" and add(at, "q", "a") == b"1700000000000-2" and add(at, "q", b"\x00\xff") == b"1700000000000-3"
    assert add(at, "q", b"\x00\xff") == b"1700000000000-3" and at("XLEN", "s") == 4 and figures(at) == figures(at, "s", "FULL") == [100, 100, 2, 4, 4, 2]


@pytest.mark.parametrize("iid", ["*", "-", "+", "1", "IDMP", "123-456", "MAXLEN", "x" * 70_000, "9223372036854775807"])
def test_any_bytes_are_ids(at, iid):
    first = add(at, iid, iid)
    assert add(at, iid, iid, b"other") == first and at("XLEN", "s") == 1 and isinstance(first, bytes)


@pytest.mark.parametrize("words", [
    "IDMP p a MAXLEN ~ 100", "MAXLEN = 100 IDMP p a", "NOMKSTREAM IDMP p a MINID ~ 5", "KEEPREF MAXLEN ~ 1000 LIMIT 10 idmp p a", "IDMP p a ACKED", "IDMPAUTO p MAXLEN 9", "DELREF idmpauto p NOMKSTREAM",
])  # fmt: skip
def test_options_in_any_order(at, words):
    assert at("XADD", "s", "NOMKSTREAM", "IDMP", "p", "x", "*", "f", "v") is None and at("EXISTS", "s") == 0
    at("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
    first = at("XADD", "s", *words.split(), "*", "f", "v")
    assert at("XADD", "s", *words.split(), "*", "f", "v") == first and at("XLEN", "s") == 1


def test_the_content_is_the_id_whatever_the_order_of_the_fields(at):
    def auto(pid, *pairs):
        return at("XADD", "s", "IDMPAUTO", pid, "*", *pairs)

    first = auto("p", "a", 1, "b", 2, "c", 3)
    assert auto("p", "c", 3, "a", 1, "b", 2) == first and auto("q", "a", 1, "b", 2, "c", 3) != first and at("XLEN", "s") == 2
    others = [("a", 1), ("a", 2), ("b", 1), ("1", "a"), ("a", ""), ("", "a"), ("a", 1, "a", 1), ("a", 1, "b", 2), ("a", 2, "b", 1), ("a1", "b", "c", "2"), ("a", "1b", "c", "2"), ("a", 1, "b", 2, "c", 3, "c", 3), ("a", b"\0"), ("a", "x" * 10_000)]
    ids = [auto("p", *pairs) for pairs in others]
    assert len({first, *ids}) == len(others) + 1 and [auto("p", *pairs) for pairs in others] == ids


def test_the_oldest_ids_of_a_producer_are_forgotten_beyond_maxsize(at):
    add(at, "p", "init")
    assert at("XCFGSET", "s", "IDMP-MAXSIZE", 8) in (b"OK", "OK") and figures(at) == [100, 8, 0, 0, 1, 0]
    ids = [add(at, "p", f"r{i}") for i in range(100)]
    other = add(at, "q", "r1")
    assert [add(at, "p", f"r{i}") for i in range(92, 100)] == ids[92:] and figures(at) == [100, 8, 2, 9, 102, 8]
    assert add(at, "p", "r91") not in ids and add(at, "p", "r92") not in ids and add(at, "p", "r94") == ids[94] and add(at, "q", "r1") == other


def test_ids_are_forgotten_after_the_duration(at):
    at("XADD", "s", "*", "f", "v")
    at("XCFGSET", "s", "IDMP-DURATION", 2)
    first = add(at, "p", "a")
    at.store.clock.advance(1.999)
    assert add(at, "p", "a") == first and figures(at) == [2, 100, 1, 1, 1, 1]
    at.store.clock.advance(0.001)
    assert figures(at) == [2, 100, 0, 0, 1, 1] and add(at, "p", "a") == b"1700000002000-0" and figures(at)[2:4] == [1, 1]


def test_producers_that_stop_do_not_pile_up(at):
    at("XADD", "s", "*", "f", "v")
    at("XCFGSET", "s", "IDMP-DURATION", 1)
    before = 0
    for n in range(3000):
        add(at, f"producer {n}", "a" * 50)
        at.store.clock.advance(0.01)
        at("XTRIM", "s", "MAXLEN", 0)
        if n == 500:
            before = at.store.used_memory
    assert figures(at)[2] == 99 and at.store.used_memory < 2 * before


def test_ids_outlive_their_entries_and_are_those_of_the_clock(at):
    first = add(at, "p", "a")
    at("XDEL", "s", first)
    assert add(at, "p", "a") == first and at("XLEN", "s") == 0
    at("XADD", "s", f"{NOW * 1000 + 99_999}-0", "f", "v")
    assert add(at, "p", "a") == first
    at("XADD", "s", f"{NOW * 1000 + 100_000}-0", "f", "v")
    assert add(at, "p", "a") != first                            # the stream is ahead of the clock


def test_settings(at):
    at("CONFIG", "SET", "stream-idmp-duration", 7, "stream-idmp-maxsize", 8)
    at("XADD", "s", "*", "f", "v")
    assert figures(at) == [7, 8, 0, 0, 0, 0]
    first = add(at, "p", "a")
    for words in ("IDMP-DURATION 7", "IDMP-MAXSIZE 8", "idmp-maxsize 8 idmp-duration 7", "IDMP-DURATION 9 IDMP-DURATION 7"):
        assert at("XCFGSET", "s", *words.split()) in (b"OK", "OK") and add(at, "p", "a") == first
    at("CONFIG", "SET", "stream-idmp-duration", 100, "stream-idmp-maxsize", 100)
    assert figures(at) == [7, 8, 1, 1, 1, 4]
    assert at("XCFGSET", "s", "IDMP-MAXSIZE", 10000, "IDMP-DURATION", 86400) in (b"OK", "OK") and figures(at) == [86400, 10000, 0, 0, 1, 4] and add(at, "p", "a") != first
    at("DEL", "s")
    at("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
    assert at("XCFGSET", "s", "IDMP-DURATION", 100) in (b"OK", "OK") and figures(at) == [100, 100, 0, 0, 0, 0]


def test_recording_an_id(at):
    at("XADD", "s", "1-0", "f", "v")
    at("XADD", "s", "2-0", "f", "v")
    at("XADD", "s", "200000-0", "f", "v")
    for _ in range(2):
        assert at("XIDMPRECORD", "s", "p", "a", "1-0") in (b"OK", "OK") and at("XIDMPRECORD", "s", "p", "b", "1-0") in (b"OK", "OK")
    different = "ERR The specified IDMP producer-id/idempotent-id pair maps to a different stream ID"
    assert at("XIDMPRECORD", "s", "p", "a", "2-0") == different and at("XIDMPRECORD", "s", "q", "a", "2-0") in (b"OK", "OK")
    assert at("XIDMPRECORD", "s", "p", "a", "200000-0") in (b"OK", "OK") and at("XIDMPRECORD", "s", "p", "c", "2") in (b"OK", "OK")     # 1-0 was long before
    at("XDEL", "s", "2-0")
    gone = "ERR The specified stream ID was deleted or doesn't exist"
    assert at("XIDMPRECORD", "s", "p", "z", "2-0") == gone == at("XIDMPRECORD", "s", "p", "z", "9-9") and figures(at)[4] == 5


@pytest.mark.parametrize(("line", "error"), [
    ("XADD s IDMP p * f v", "ERR Invalid stream ID specified as stream command argument"), ("XADD s IDMP p a 1-1 f v", "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"), ("XADD s IDMPAUTO p 1-* f v", "ERR IDMP/IDMPAUTO can be used only"),
    *[(f"XADD s {words} * f v", "ERR IDMP/IDMPAUTO specified multiple times") for words in ("IDMP p a IDMP p b", "IDMPAUTO p IDMPAUTO q", "IDMPAUTO p IDMP q a", "IDMP p a IDMPAUTO q")],
    ("XADD s IDMP  a * f v", "ERR IDMP requires a non-empty producer ID"), ("XADD s IDMP p  * f v", "ERR IDMP requires a non-empty idempotent ID"), ("XADD s IDMPAUTO  * f v", "ERR IDMPAUTO requires a non-empty producer ID"),
    ("XADD s IDMP p a * f", "ERR wrong number of arguments for 'xadd' command"), ("XTRIM s IDMP p a MAXLEN 1", "ERR syntax error"), ("XADD text IDMP p a * f v", "WRONGTYPE"),
    ("XCFGSET s", "ERR At least one parameter"), *[(f"XCFGSET s {words}", "ERR syntax error") for words in ("IDMP-DURATION", "IDMP-MAXSIZE", "INVALID", "INVALID 5", "IDMP-MAXSIZE 5 IDMP-DURATION")],
    *[(f"XCFGSET s IDMP-{name} {value}", "ERR value is not an integer or out of range") for name in ("DURATION", "MAXSIZE") for value in ("A", "*", "-", "+", "120-5", "3.14", "000000000", "IDMP-MAXSIZE", "INVALID IDMP-MAXSIZE")],
    *[(f"XCFGSET s IDMP-DURATION {n}", "ERR IDMP-DURATION must be between 1 and 86400 seconds") for n in (0, -100, 86401)], *[(f"XCFGSET s IDMP-MAXSIZE {n}", "ERR IDMP-MAXSIZE must be between 1 and 10000") for n in (0, -50, 10001)],
    ("XCFGSET none IDMP-DURATION 5", "ERR no such key"), ("XCFGSET text IDMP-DURATION 5", "WRONGTYPE"), ("XIDMPRECORD none p a 1-0", "ERR no such key"), ("XIDMPRECORD text p a 1-0", "WRONGTYPE"),
    ("XIDMPRECORD s p a x", "ERR Invalid stream ID"), ("XIDMPRECORD s  a 1-0", "ERR XIDMPRECORD requires a non-empty producer ID"), ("XIDMPRECORD s p  1-0", "ERR XIDMPRECORD requires a non-empty idempotent ID"),
    ("CONFIG SET stream-idmp-duration 86401", "ERR CONFIG SET failed"), ("CONFIG SET stream-idmp-maxsize 0", "ERR CONFIG SET failed"),
])  # fmt: skip
def test_wrong_forms(at, line, error):
    at("SET", "text", "v")
    first = add(at, "known", "a")
    assert at(*line.split(" ")).removeprefix("ERR ").startswith(error.removeprefix("ERR ")) and add(at, "known", "a") == first and at("XLEN", "s") == 1


def test_a_wrong_entry_makes_no_stream(at):
    at("XADD", "new", "IDMP", "p", "a", "1-1", "f", "v")
    assert at("EXISTS", "new") == 0


def test_a_duplicate_wakes_nobody_and_touches_nothing(at):
    first = add(at, "p", "a")
    at("WATCH", "s")
    assert add(at, "p", "a") == first
    at("MULTI")
    add(at, "p", "a")
    add(at, "p", "b")
    add(at, "p", "b")
    one, two, three = at("EXEC")
    assert one == first and two == three != first and at("XLEN", "s") == 2


def test_what_is_known_goes_with_the_stream(at):
    ids = {(pid, iid): add(at, pid, iid) for pid in ("p", "q", "r") for iid in ("a", "b" * 300, b"\0", "17")}
    at("XDEL", "s", ids["q", "a"])
    at("XCFGSET", "s", "IDMP-DURATION", 100)
    before = figures(at)

    def same(key):
        assert figures(at, key) == before
        at("RENAME", key, "s")
        assert all(add(at, pid, iid) == id for (pid, iid), id in ids.items()) and at("DEBUG", "CHECK") in (b"OK", "OK")

    payload = at("DUMP", "s")
    at("COPY", "s", "copy")
    same("copy")
    at("RESTORE", "restored", 0, payload)
    same("restored")
    at("RESTORE", "s", 0, payload, "REPLACE")
    assert at("DEBUG", "RELOAD") in (b"OK", "OK")
    same("s")


def test_what_is_known_outlives_a_restart_with_a_log(tmp_path):
    for preamble in ("yes", "no"):
        options = {"dir": str(tmp_path / preamble), "appendonly": "yes", "aof_use_rdb_preamble": preamble, "enable_debug_command": "yes"}
        (tmp_path / preamble).mkdir()
        with kvd.Store(**options) as store:
            store.xadd("s", {"n": 1}, idmp=("p", "before"))
            store.xcfgset("s", idmp_duration=5000, idmp_maxsize=50)
            rewritten = store.xadd("s", {"n": 1}, idmp=("p", "rewritten"))
            gone = store.xadd("s", {"n": 1}, idmp=("q", "gone"))
            store.xdel("s", gone)
            store.execute("BGREWRITEAOF")
            eventually(lambda store=store: store.info("persistence")["aof_rewrite_in_progress"] == 0)
            logged, auto = store.xadd("s", {"n": 2}, idmp=("p", "logged"), maxlen=0, approximate=False), store.xadd("s", {"n": 3}, idmpauto="q")
        with kvd.Store(**options) as store:
            assert store.xlen("s") == 1 and [store.xadd("s", {"n": 9}, idmp=pair) for pair in (("p", "rewritten"), ("q", "gone"), ("p", "logged"))] == [rewritten, gone, logged]
            assert store.xadd("s", {"n": 3}, idmpauto="q") == auto and store.xinfo_stream("s")["idmp-duration"] == 5000 and store.xlen("s") == 1 and store.execute("DEBUG", "CHECK") == b"OK"


def test_a_replica_knows_what_its_master_knows():
    with kvd.Store(repl_diskless_sync_delay=0) as origin, origin.serve() as server, kvd.Store() as copy:
        early = origin.xadd("s", {"n": 1}, idmp=("p", "early"))
        copy.replicate_from(f"redis://127.0.0.1:{server.port}", timeout=60)
        late = origin.xadd("s", {"n": 1}, idmp=("p", "late"))
        eventually(lambda: copy.xlen("s") == 2)
        copy.execute("REPLICAOF", "NO", "ONE")
        assert [copy.xadd("s", {"n": 2}, idmp=("p", name)) for name in ("early", "late")] == [early, late] and copy.xlen("s") == 2
