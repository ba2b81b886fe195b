"""What is propagated: replayed on an empty store, the effects of any work give the same data."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvd
from kvd.doors import _probe_changes as probes

from .workload import STEPS, Work, content

EXAMPLES = int(os.environ.get("KVDDEV_EFFECT_EXAMPLES", "150"))


def replayed(units):
    """A store that has run the effects at a time before all deadlines, so that nothing expires by itself."""
    store = kvd.Store()
    store.clock.freeze(1)
    session = store.session()
    for unit in units:
        for db, _, words in unit:
            session.execute("SELECT", db)
            session.execute(*words)
    return store


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize="CI" in os.environ)
@given(st.lists(STEPS, min_size=1, max_size=40))
def test_replaying_gives_the_same_data(steps):
    work = Work()
    recorder = probes.Recorder(work.store)
    for step in steps:
        work.step(*step)
    work.store.execute("PING")
    units = recorder.units()
    before = content(work.store)
    units += recorder.units()                # what expired when it was looked at
    assert content(replayed(units)) == before, units


@pytest.fixture
def recorded(store):
    recorder = probes.Recorder(store)
    store.clock.freeze(1_700_000_000)

    def run(*words):
        recorder.units()
        try:
            store.execute(*words)
        except kvd.ResponseError:
            pass
        return [[b" ".join(words).decode() for _, _, words in unit] for unit in recorder.units()]

    run.recorder = recorder
    return run


NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("line", "effects"),
    [
        ("SET k v EX 10", [f"SET k v PXAT {NOW + 10_000}"]), ("SET k v PX 10 NX GET", [f"SET k v PXAT {NOW + 10}"]), ("SETEX k 10 v", [f"SET k v PXAT {NOW + 10_000}"]),
        ("SET s v EXAT 1", ["DEL s"]), ("SET s v KEEPTTL", ["SET s v KEEPTTL"]), ("GETDEL s", ["DEL s"]), ("GETEX s EX 10", [f"PEXPIREAT s {NOW + 10_000}"]),
        ("GETEX s PERSIST", []), ("GETEX s EXAT 1", ["DEL s"]), ("EXPIRE s 10", [f"PEXPIREAT s {NOW + 10_000}"]), ("EXPIRE s -1", ["DEL s"]),
        ("INCRBYFLOAT n 0.1", ["SET n 5.1 KEEPTTL"]), ("MSETEX 2 a 1 b 2 PX 5", [f"SET a 1 PXAT {NOW + 5}", f"SET b 2 PXAT {NOW + 5}"]), ("MSET a 1 b 2", ["MSET a 1 b 2"]),
        ("DELEX s", ["DEL s"]), ("SPOP one", ["SREM one m"]), ("SPOP one 5", ["DEL one"]), ("HINCRBYFLOAT h f 0.5", ["HSET h f 1.5"]),
        ("HEXPIRE h 10 FIELDS 2 f none", [f"HPEXPIREAT h {NOW + 10_000} FIELDS 1 f"]), ("HEXPIRE h 0 FIELDS 1 f", ["HDEL h f"]), ("HGETDEL h FIELDS 1 f", ["HDEL h f"]),
        ("HSETEX h EX 1 FIELDS 1 f v", ["HSET h f v", f"HPEXPIREAT h {NOW + 1000} FIELDS 1 f"]), ("BLPOP none l 0", ["LPOP l 1"]), ("BRPOP l 0", ["RPOP l 1"]),
        ("BLMPOP 0 2 none l RIGHT COUNT 5", ["RPOP l 2"]), ("BLMOVE l m LEFT RIGHT 0", ["LMOVE l m LEFT RIGHT"]), ("BRPOPLPUSH l m 0", ["LMOVE l m RIGHT LEFT"]),
        ("LMOVEM l m LEFT LEFT COUNT 9 BULK", ["LPOP l 2", "LPUSH m b a"]), ("LMOVEM l m RIGHT RIGHT COUNT 2 BULK", ["RPOP l 2", "RPUSH m a b"]),
        ("LMOVEM l m LEFT RIGHT COUNT 2 BULK", ["LMOVE l m LEFT RIGHT"] * 2), ("BLMOVEM l m LEFT LEFT 0 EXACTLY 2 OBO", ["LMOVE l m LEFT LEFT"] * 2),
        ("LMOVEM l l LEFT LEFT COUNT 2 BULK", []), ("LMOVEM l m LEFT LEFT EXACTLY 3 BULK", []), ("INCREX n", ["SET n 6 KEEPTTL"]), ("INCREX n BYFLOAT 0.5 PERSIST", ["SET n 5.5"]),
        ("INCREX n EX 10", [f"SET n 6 PXAT {NOW + 10_000}"]), ("INCREX n EXAT 1", ["DEL n"]), ("INCREX none EXAT 1", []), ("INCREX n UBOUND 5 EX 5", []), ("INCREX n UBOUND 5 BYINT 9 SATURATE", ["SET n 5 KEEPTTL"]),
        ("BZPOPMAX z 0", ["ZPOPMAX z 1"]), ("ZMPOP 1 z MIN COUNT 9", ["ZPOPMIN z 1"]), ("ZINCRBY z 0.25 m", ["ZADD z 1.25 m"]), ("ZADD z INCR 1 m", ["ZADD z 2 m"]),
        ("XADD x * f v", [f"XADD x {NOW}-0 f v"]), ("XADD x MAXLEN 1 5-* f v", ["XADD x MAXLEN = 1 5-0 f v"]), ("XTRIM x MAXLEN ~ 0", ["XTRIM x MAXLEN = 0"]), ("XTRIM x MAXLEN ~ 1", []), ("XTRIM x MAXLEN 0", ["XTRIM x MAXLEN = 0"]),
        ("XGROUP CREATE x h $", ["XGROUP CREATE x h 1-1"]), ("XREADGROUP GROUP g c COUNT 1 STREAMS x >", [
            "XGROUP CREATECONSUMER x g c", f"XCLAIM x g c 0 1-1 TIME {NOW} RETRYCOUNT 1 FORCE JUSTID LASTID 1-1", "XGROUP SETID x g 1-1 ENTRIESREAD 1"]),
        ("XREADGROUP GROUP g c CLAIM 5 NOACK STREAMS x >", ["XGROUP CREATECONSUMER x g c", "XGROUP SETID x g 1-1 ENTRIESREAD 1"]),
        ("XNACK x g FAIL IDS 1 1-1", []), ("XNACK x g SILENT IDS 2 1-1 9-9 FORCE", ["XNACK x g SILENT IDS 2 1-1 9-9 FORCE"]),
        ("XADD x IDMP p i * f v", [f"XADD x {NOW}-0 f v", f"XIDMPRECORD x p i {NOW}-0"]), ("XADD x IDMP p i MAXLEN ~ 9 * f v", [f"XADD x {NOW}-0 f v", f"XIDMPRECORD x p i {NOW}-0"]),
        ("XADD x MAXLEN 0 IDMP p i * f v", [f"XADD x {NOW}-0 f v", f"XIDMPRECORD x p i {NOW}-0", "XTRIM x MAXLEN = 0"]),
        ("XADD x DELREF MINID ~ 5 LIMIT 3 IDMP p i * f v", [f"XADD x {NOW}-0 f v", f"XIDMPRECORD x p i {NOW}-0"]), ("XADD x DELREF MINID 5 IDMP p i * f v", [f"XADD x {NOW}-0 f v", f"XIDMPRECORD x p i {NOW}-0", "XTRIM x MINID = 5-0 DELREF"]),
        ("XCFGSET x IDMP-DURATION 5", ["XCFGSET x IDMP-DURATION 5"]), ("XIDMPRECORD x p i 1-1", ["XIDMPRECORD x p i 1-1"]), ("XADD x NOMKSTREAM IDMP p i 1-1 f v", []),
        ("SORT l ALPHA STORE sorted", ["DEL sorted", "RPUSH sorted a b"]), ("PUBLISH c m", ["PUBLISH c m"]), ("FLUSHALL", ["FLUSHALL"]), ("FLUSHDB ASYNC", ["FLUSHDB ASYNC"]),
        ("GET s", []), ("DEL none", []), ("LPUSHX none a", []), ("SET", []),
    ],
)  # fmt: skip
def test_effects_not_causes(recorded, line, effects):
    for setup in ("SET s v", "SET n 5", "SADD one m", "HSET h f 1", "RPUSH l a b", "ZADD z 1 m", "XADD x 1-1 f v", "XGROUP CREATE x g 0"):
        recorded(*setup.split())
    assert [e for unit in recorded(*line.split()) for e in unit] == effects


def test_claimed_entries_are_propagated_before_new_ones_and_lost_ones_are_acknowledged(recorded):
    for setup in ("XADD x 1-0 f v", "XADD x 2-0 f v", "XGROUP CREATE x g 0", "XREADGROUP GROUP g a STREAMS x >", "XADD x 3-0 f v", "XDEL x 1-0"):
        recorded(*setup.split())
    told = f"TIME {NOW} RETRYCOUNT"
    assert [e for unit in recorded("XREADGROUP", "GROUP", "g", "b", "CLAIM", 0, "STREAMS", "x", ">") for e in unit] == [
        "XGROUP CREATECONSUMER x g b", "XACK x g 1-0", f"XCLAIM x g b 0 2-0 {told} 2 FORCE JUSTID LASTID 2-0", f"XCLAIM x g b 0 3-0 {told} 1 FORCE JUSTID LASTID 3-0",
        "XGROUP SETID x g 3-0 ENTRIESREAD 3"]  # fmt: skip


def test_a_script_is_one_unit_of_its_effects(recorded):
    assert recorded("EVAL", "redis.call('set', 'a', 1) redis.call('incr', 'a') return redis.call('get', 'a')", 0) == [["set a 1", "incr a"]]
    assert recorded("EVAL", "redis.call('set', 'a', 1) error('x')", 0) == [["set a 1"]]
    assert recorded("EVAL", "return 1", 0) == []


def test_set_repl_chooses_the_targets(store):
    recorder = probes.Recorder(store)
    store.eval("redis.set_repl(redis.REPL_AOF) redis.call('set', 'a', 1) redis.set_repl(redis.REPL_NONE) redis.call('set', 'b', 1)", 0)
    store.set("c", 1)
    assert [(targets, words[1]) for unit in recorder.units() for _, targets, words in unit] == [(1, b"a"), (0, b"b"), (3, b"c")]


def test_a_fieldset_is_not_propagated_and_its_hash_is(recorded):
    assert recorded("HIMPORT", "PREPARE", "u", "name", "b") == []
    assert recorded("HIMPORT", "SET", "k", "u", "x", "y") == [["HSET k b y name x"]]
    assert recorded("HIMPORT", "SET", "k", "u", "x", "z") == [["DEL k", "HSET k b z name x"]]
    assert recorded("HIMPORT", "SET", "k", "u", "x") == [] == recorded("HIMPORT", "DISCARDALL")


def test_exec_is_one_unit(store):
    recorder = probes.Recorder(store)
    with store.session() as session:
        for line in ("MULTI", "SET a 1", "EXPIRE a 100", "SELECT 3", "SET b 2", "EXEC"):
            session.execute(*line.split())
    (unit,) = recorder.units()
    assert [(db, words[0]) for db, _, words in unit] == [(0, b"SET"), (0, b"PEXPIREAT"), (3, b"SET")]


def test_keys_that_expire_go_before_the_command_that_finds_them_gone(recorded, store):
    recorded("SET", "k", "v", "PX", 5)
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    store.clock.advance(1)
    assert recorded("INCR", "k") == [["DEL k", "INCR k"]]
    assert recorded("GET", "other") == []


def test_fields_that_expire(recorded, store):
    recorded("HSET", "h", "f", "v", "g", "v")
    recorded("HPEXPIRE", "h", 5, "FIELDS", 1, "f")
    store.clock.advance(1)
    assert [words[:3] for unit in recorded.recorder.units() for _, _, words in unit] == [[b"HDEL", b"h", b"f"]]


def test_a_served_waiter_is_a_unit_of_its_own(store):
    link = store._link(kvd.ResponseError)
    link.call(("BLMOVE", "l", "m", "LEFT", "LEFT", "0"), False)
    recorder = probes.Recorder(store)
    store.rpush("l", "a")
    assert [[b" ".join(words) for _, _, words in unit] for unit in recorder.units()] == [[b"RPUSH l a"], [b"LMOVE l m LEFT LEFT"]]


def test_evicted_keys(store):
    store.mset({f"k{i}": "x" * 100 for i in range(100)})
    recorder = probes.Recorder(store)
    store.config_set("maxmemory-policy", "allkeys-lru")
    store.config_set("maxmemory", store.used_memory - 2000)
    gone = [words for unit in recorder.units() for _, _, words in unit]
    assert gone and all(words[0] == b"DEL" for words in gone) and store.dbsize() == 100 - len(gone)


def test_publish_goes_to_replicas_alone(store):
    recorder = probes.Recorder(store)
    store.execute("PUBLISH", "c", "m")
    assert [(targets, words) for unit in recorder.units() for _, targets, words in unit] == [(2, [b"PUBLISH", b"c", b"m"])]
