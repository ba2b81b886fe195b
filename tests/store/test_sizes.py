"""The histograms of sizes, as INFO keysizes shows them: counted anew here, from what the commands say of each value."""

import contextlib
import random
from collections import Counter

import pytest

import kvd

LENGTHS = {b"string": ("strings_sizes", "STRLEN"), b"list": ("lists_items", "LLEN"), b"set": ("sets_items", "SCARD"), b"zset": ("zsets_items", "ZCARD"),
           b"hash": ("hashes_items", "HLEN")}  # fmt: skip


@pytest.fixture
def store():
    store = kvd.Store(enable_debug_command="yes")
    store.clock.freeze(1_000_000)
    return store


def label(size):
    power = 1 << size.bit_length() - 1 if size else 0
    for unit in ("", "K", "M", "G"):
        if power < 1024:
            return f"{power}{unit}"
        power //= 1024
    raise AssertionError(size)


def shown(store):
    lines = store.execute("INFO", "keysizes").decode().splitlines()
    assert lines.pop(0) == "# Keysizes"
    return dict(line.split(":") for line in lines)


def counted(store, databases=16):
    """What expired goes while it is looked at, so count first."""
    found = {}
    for db in range(databases):
        session = store.session()
        session.execute("SELECT", db)
        kinds = {}
        for key in session.execute("KEYS", "*"):
            name, command = LENGTHS.get(session.execute("TYPE", key), (None, None))
            if name:
                kinds.setdefault(name, Counter())[session.execute(command, key)] += 1
        for name, _ in LENGTHS.values():
            bins = Counter()
            for size, n in kinds.get(name, {}).items():
                bins[size.bit_length()] += n
            if bins:
                found[f"db{db}_distrib_{name}"] = ",".join(f"{label(1 << b - 1 if b else 0)}={n}" for b, n in sorted(bins.items()))
    return found


def run(store, *lines):
    for line in lines:
        store.execute(*line.split())


def test_each_type_has_its_bins(store):
    run(store, "SET s1 x", "SET s2 xx", "SET n 12345", "SETRANGE k 1500 x", "SETRANGE m 2000000 x", "RPUSH l 1 2 3", "SADD t a", "ZADD z 1 a", "HSET h a 1", "XADD x * a 1")
    store.execute("SET", "empty", "")
    assert shown(store) == {
        "db0_distrib_strings_sizes": "0=1,1=1,2=1,4=1,1K=1,1M=1", "db0_distrib_lists_items": "2=1", "db0_distrib_sets_items": "1=1", "db0_distrib_zsets_items": "1=1",
        "db0_distrib_hashes_items": "1=1",
    }  # fmt: skip


def test_which_calls_show_the_section(store):
    store.set("a", "b")
    for words in ((), ("default",), ("all",), ("everything",), ("keysizes",), ("server", "KEYSIZES")):
        assert b"# Keysizes\r\ndb0_distrib_strings_sizes:1=1\r\n" in store.execute("INFO", *words)
    assert b"Keysizes" not in store.execute("INFO", "keyspace") and kvd.Store().execute("INFO", "keysizes") == b"# Keysizes\r\n"
    assert store.info("keysizes")["db0_distrib_strings_sizes"] == {"1": 1}


@pytest.mark.parametrize("n", [0, 1, 9, 10, 99, 100, 999, 1000, 9999999, 10**7, 10**14, 10**15, 10**18, 2**63 - 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_count_by_their_digits(store, n, sign):
    store.set("n", n * sign)
    assert counted(store, 1) == shown(store)
    store.execute("INCRBY", "n", -sign)                    # in place
    assert counted(store, 1) == shown(store)


@pytest.mark.parametrize("line", [
    "SET s longer", "SET s x KEEPTTL", "APPEND s abcdef", "SETRANGE s 40 x", "SETBIT s 9000 1", "SETBIT new 9 1", "APPEND s " + "x" * 3000, "GETSET s longer", "GETDEL s", "MSET s a t b",
    "INCR n", "DECRBY n 100", "INCRBYFLOAT n 0.001", "BITFIELD s SET u8 #20 1", "BITOP NOT s s", "PFADD p a b c", "PFMERGE q p", "RPUSH l a b c d e f", "LPOP l 2", "LPOP l 3", "LINSERT l BEFORE b x",
    "LTRIM l 0 0", "LREM l 0 a", "LMOVE l m LEFT RIGHT", "LMOVE l l LEFT RIGHT", "SMOVE t u 1", "SMOVE t v 1", "SADD t 3 4 5 6", "SREM t 1 2", "SPOP t 1", "SUNIONSTORE t t u", "SINTERSTORE t t v",
    "ZADD z 1 a 2 b 3 c 4 d", "ZREM z a", "ZPOPMIN z 2", "ZREMRANGEBYRANK z 0 -1", "ZUNIONSTORE z 2 z y", "ZRANGESTORE z y 0 0", "ZMPOP 2 none z MIN", "LMPOP 2 none l LEFT COUNT 2", "GEOADD z 1 1 p",
    "HSET h a 1 b 2 c 3", "HDEL h f", "HDEL h f g", "HINCRBY h k 1", "HEXPIRE h 100 FIELDS 1 f", "HGETDEL h FIELDS 1 f", "RENAME l t", "RENAME s l", "COPY l t REPLACE", "COPY h l REPLACE",
    "COPY h h DB 3", "MOVE l 1", "SWAPDB 0 1", "SWAPDB 0 0", "DEL s l t", "UNLINK h", "EXPIRE l 100", "PERSIST d", "FLUSHDB", "FLUSHALL", "SORT t STORE l", "DEBUG RELOAD", "DEBUG LOADAOF",
])  # fmt: skip
def test_a_change_is_counted(store, line):
    run(store, "SET s abc", "SET d dd EX 100", "SET n 99", "RPUSH l a b c", "RPUSH m x", "SADD t 1 2", "SADD u 1", "ZADD z 1 a 2 b", "ZADD y 1 c", "HSET h f v g w", "XADD x 1-1 f v")
    with contextlib.suppress(kvd.ResponseError):           # LOADAOF without a log
        store.execute(*line.split())
    assert counted(store) == shown(store) and store.execute("DEBUG", "CHECK") == b"OK"
    store.clock.advance(1000)
    store.execute("TOUCH", *"sdnlmtuzyh")
    assert counted(store) == shown(store) and store.execute("DEBUG", "CHECK") == b"OK"


def test_what_expires_leaves_its_bin(store):
    run(store, "SET a bb PX 10", "HSET h f 1 g 2 i 3", "HPEXPIRE h 10 FIELDS 2 f g", "RPUSH l 1 2 3", "PEXPIRE l 10")
    assert shown(store) == {"db0_distrib_strings_sizes": "2=1", "db0_distrib_lists_items": "2=1", "db0_distrib_hashes_items": "2=1"}
    store.clock.advance(1)
    assert store.execute("EXISTS", "a", "l") == 0 and store.execute("HLEN", "h") == 1
    assert shown(store) == {"db0_distrib_hashes_items": "1=1"}


def test_what_is_evicted_leaves_its_bin():
    store = kvd.Store(enable_debug_command="yes", maxmemory="1mb", maxmemory_policy="allkeys-lru")
    for i in range(3000):
        store.execute("RPUSH", i, "x" * 1000, "y")
    store.execute("CONFIG", "SET", "maxmemory", 0)         # counting needs memory too
    assert counted(store) == shown(store) and store.dbsize() < 2000


def test_collections_are_counted_when_many_have_been_opened(store):
    """Later than their change; no more than a few notes are kept."""
    for i in range(100):
        store.execute("RPUSH", f"l{i}", *range(i % 9 + 1))
        store.execute("SADD", f"s{i}", *range(i % 5 + 1))
        store.execute("RPUSH", f"l{i // 2}", "more")
    assert counted(store) == shown(store)


def test_a_collection_that_was_opened_before_is_not_counted_too_early(store):
    """It is the oldest of those that are noted, and opened again before another one in the same command."""
    run(store, "RPUSH a 0 1 2 3 4 5 6 7", "SADD s 1", "SADD t 1", "SADD u 1", "LMOVE a b LEFT RIGHT")
    assert counted(store, 1) == shown(store)
    run(store, "DEL b", "SADD a2 1 2", "SADD s 2", "SADD t 2", "SADD u 2", "SMOVE a2 w 1")
    assert counted(store, 1) == shown(store)


def test_a_transaction_and_a_script(store):
    session = store.session()
    for line in ("MULTI", "RPUSH a 1 2 3", "RPUSH b 1", "RENAME a c", "LMOVE c b LEFT LEFT", "DEL b", "SADD b 1 2", "SET c text", "EXEC"):
        session.execute(*line.split())
    assert counted(store) == shown(store)
    store.execute("EVAL", "for i = 1, 20 do redis.call('rpush', 'l' .. i % 7, i); redis.call('append', 's', i); redis.call('lpop', 'l3') end", 0)
    assert counted(store) == shown(store)


def test_a_store_from_a_file_is_counted(tmp_path):
    path = tmp_path / "a.kvd"
    with kvd.Store(path) as store:
        run(store, "SET a bcd", "RPUSH l 1 2 3 4", "HSET h f v", "RPUSH l 5")
    with kvd.Store(path) as store:
        assert counted(store, 1) == shown(store)
        store.execute("RPUSH", "l", *range(20))
        assert counted(store, 1) == shown(store)
        snapshot = tmp_path / "dump.rdb"
        store.snapshot(snapshot)
        store.execute("FLUSHALL")
        assert shown(store) == {}
        store.load(snapshot)
        assert counted(store, 1) == shown(store) != {}


def test_a_random_life(store):
    chance = random.Random(7)
    names = "abcdefghijklmnopqrstuvwxyz"
    for i in range(12000):
        one, other = chance.choice(names), chance.choice(names)
        line = chance.choice([
            f"SET {one} {'x' * chance.randrange(70)}y", f"APPEND {one} {'z' * chance.randrange(1, 300)}", f"INCRBY {one} {chance.randrange(10 ** 6)}", f"RPUSH {one} 1 2 3", f"LPOP {one} 2",
            f"SADD {one} {i} {i + 1}", f"SPOP {one} 3", f"ZADD {one} 1 {i}", f"ZPOPMAX {one} 2", f"HSET {one} {i} 1", f"HEXPIRE {one} 5 FIELDS 1 {i}", f"LMOVE {one} {other} LEFT RIGHT",
            f"SMOVE {one} {other} {i}", f"COPY {one} {other} REPLACE", f"RENAME {one} {other}", f"DEL {one}", f"EXPIRE {one} 20", f"PERSIST {one}", f"MOVE {one} 1", f"SWAPDB 0 {chance.randrange(2)}",
            f"SETRANGE {one} {chance.randrange(3000)} x", f"ZUNIONSTORE {one} 2 {one} {other}", f"SUNIONSTORE {other} {one} {other}",
        ])  # fmt: skip
        with contextlib.suppress(kvd.ResponseError):       # another type
            store.execute(*line.split())
        if i % 10 == 0:
            store.clock.advance(1)
        if i % 500 == 0:
            assert store.execute("DEBUG", "CHECK") == b"OK"        # rarely: it counts what has been opened
    assert counted(store, 2) == shown(store)
