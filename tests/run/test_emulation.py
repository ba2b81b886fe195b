"""Emulation of older servers: beside the real ones, and what each release does not know yet."""

import os
import shutil

import pytest

import kvd
from kvd.config import OPTIONS
from kvd.run import spec
from kvd.run.registry import specs

from ..compat.wire import RealServer, Wire
from ..conftest import REAL
from .samples import SAMPLES


def emulation_of(real):
    """The choice for a real server of that release."""
    kind = "valkey" if real.valkey else "redis"
    return f"{kind}-{real.release[0]}.{real.release[1]}"


VALKEY_8 = shutil.which("valkey-server-8", path=os.environ.get("KVDDEV_SERVERS", ""))
PROGRAMS = [*REAL, pytest.param(VALKEY_8, marks=[pytest.mark.real_server, pytest.mark.skipif(not VALKEY_8, reason="there is no valkey-server-8 in KVDDEV_SERVERS")])]


@pytest.fixture(scope="module", params=PROGRAMS)
def both(request):
    """A real server and a kvd that emulates it, as wires."""
    real = RealServer(request.param)
    with kvd.Store(emulate=emulation_of(real), enable_debug_command="yes").serve() as server:
        yield real, Wire(real.address), Wire(("127.0.0.1", server.port))
    real.stop()


def names(wire):
    found = set()
    for entry in wire("COMMAND"):
        found.add(entry[0].decode())
        found |= {one[0].decode() for one in entry[9]}
    return found


def test_the_commands_are_those_of_the_server(both):
    """All that kvd has of them, and nothing else. COMMAND shows the subcommands of a container as they are without emulation."""
    real, theirs, ours = both
    known = {name.decode() for name in theirs("COMMAND", "LIST")}
    mine = {name.decode() for name in ours("COMMAND", "LIST")}
    assert mine - known - names(theirs) == set()
    everything = {name.decode() for name in kvd.Store().execute("COMMAND", "LIST")}
    assert everything & known - mine == set()
    assert ours("COMMAND", "COUNT") == sum("|" not in name for name in mine)
    assert {entry[0].decode() for entry in ours("COMMAND")} == {name for name in mine if "|" not in name}


def test_what_is_unknown_is_refused_as_there(both):
    real, theirs, ours = both
    unknown = [name for name in specs() if name.encode() not in theirs("COMMAND", "LIST")]
    assert len(unknown) > 5
    for name in unknown:
        words = [*name.upper().split("|"), "x", "y"]
        found = str(theirs(*words))
        assert found.startswith(("ERR unknown command", "ERR unknown subcommand")) and str(ours(*words)) == found


TOKENS = [
    ("SET", "k", "v", "IFEQ", "x"), ("SET", "k", "v", "IFNE", "x"), ("SET", "IFEQ", "IFEQ"), ("BITOP", "DIFF", "a", "b", "c"), ("BITOP", "AND", "diff", "one"), ("BGSAVE", "CANCEL"), ("ZSCAN", "z", "0", "NOSCORES"),
    ("HSCAN", "h", "0", "NOVALUES"), ("XADD", "s", "KEEPREF", "1-*", "a", "b"), ("XADD", "acked", "2-*", "acked", "keepref"), ("ZUNION", "1", "count", "AGGREGATE", "COUNT"), ("ZUNION", "2", "aggregate", "count"), ("CLIENT", "KILL", "NAME", "nobody"),
    ("CLIENT", "KILL", "MAXAGE", "1000000"), ("ZRANK", "z", "m", "WITHSCORE"), ("GEOSEARCH", "g", "FROMLONLAT", 0, 0, "BYPOLYGON", 3, 0, 0, 1, 0, 1, 1), ("CLIENT", "LIST", "USER", "default", "SKIPME", "maybe"),
    ("EVAL", "return redis.call('nosuch')", 0), ("EVALSHA", "x", 0), ("EVAL", "return redis.call('DEBUG', 'SLEEP', 0)", 0), ("EVAL", "return redis.call('get')", 0), ("EXPIRE", "k", 100, "NX"),
]  # fmt: skip


@pytest.mark.parametrize("words", TOKENS, ids=lambda words: "_".join(map(str, words))[:60])
def test_tokens_that_came_later_are_refused_as_there(both, words):
    real, theirs, ours = both

    def reply(wire):
        wire("FLUSHALL")
        for line in (("SET", "k", "x"), ("HSET", "h", "f", "v"), ("ZADD", "z", 1, "m")):
            wire(*line)
        found = wire(*words)
        return str(found).split(" script:")[0] if isinstance(found, Exception) else found

    assert reply(ours) == reply(theirs)


REPLIES = [
    ("XINFO", "STREAM", "x"), ("XINFO", "STREAM", "x", "FULL"), ("XINFO", "GROUPS", "x"), ("XINFO", "CONSUMERS", "x", "g"), ("XAUTOCLAIM", "x", "g", "bob", 0, 0), ("GEOPOS", "geo", "Palermo"),
    *[("OBJECT", "ENCODING", key) for key in ("list", "set", "ints", "h", "z", "k")], ("ACL", "LIST"), ("ACL", "GETUSER", "default"), ("ACL", "CAT"), ("ACL", "SAVE"), ("BITCOUNT", "k", 0), ("BITCOUNT", "k", -2), ("nosuch", "a", "b"), ("CONFIG", "nosuch"),
]  # fmt: skip
WHEN = {b"seen-time", b"active-time", b"idle", b"inactive"}


def without_times(reply):
    """Moments and times since are 0, those of pending entries too."""
    if isinstance(reply, (list, dict)):
        items = [part for pair in reply.items() for part in pair] if isinstance(reply, dict) else reply
        return [0 if isinstance(item, int) and (item > 10**9 or (i and isinstance(items[i - 1], bytes) and items[i - 1] in WHEN)) else without_times(item) for i, item in enumerate(items)]
    return str(reply) if isinstance(reply, Exception) else reply


@pytest.mark.parametrize("words", REPLIES, ids=lambda words: "_".join(map(str, words)))
def test_replies_have_the_form_of_the_server(both, words):
    real, theirs, ours = both

    def reply(wire):
        for line in (("FLUSHALL",), ("SET", "k", "x"), ("RPUSH", "list", "a"), ("SADD", "set", "a"), ("SADD", "ints", 1), ("HSET", "h", "f", "v"), ("ZADD", "z", 1, "m"), ("GEOADD", "geo", 13.361389, 38.115556, "Palermo"),
                     ("XADD", "x", "1-1", "f", "v"), ("XGROUP", "CREATE", "x", "g", 0), ("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "x", ">")):  # fmt: skip
            wire(*line)
        found = without_times(wire(*words))
        return sorted(map(str, found)) if words[:2] == ("ACL", "CAT") else found

    assert reply(ours) == reply(theirs)


def test_the_commands_of_a_category_are_those_of_the_server(both):
    real, theirs, ours = both
    for category in ("read", "geo", "stream", "connection"):
        assert set(ours("ACL", "CAT", category)) - set(theirs("ACL", "CAT", category)) == set()


def test_fields_of_client_list(both):
    real, theirs, ours = both

    def fields(wire):
        return [word.partition("=")[0] for word in wire("CLIENT", "INFO").decode().split()]

    assert [field for field in fields(theirs) if not field.startswith("tot-")] == [field for field in fields(ours) if not field.startswith("tot-")]


def test_redis_6_2_from_its_documentation():
    """No server of it is started here: what later versions replaced."""
    store = kvd.Store(emulate="redis-6.2")
    for line in (("HSET", "h", "f", "v"), ("ZADD", "z", 1, "m"), ("XADD", "x", "1-1", "f", "v"), ("XGROUP", "CREATE", "x", "g", 0)):
        store.execute(*line)
    assert store.execute("OBJECT", "ENCODING", "h") == store.execute("OBJECT", "ENCODING", "z") == b"ziplist"
    assert list(store.execute("XINFO", "GROUPS", "x")[0]) == [b"name", b"consumers", b"pending", b"last-delivered-id"]
    assert store.execute("XAUTOCLAIM", "x", "g", "bob", 0, 0) == [b"0-0", []]
    with pytest.raises(kvd.ResponseError, match="unknown command `nosuch`, with args beginning with: `a`, `b`, "):
        store.execute("nosuch", "a", "b")
    with pytest.raises(kvd.ResponseError, match=r"Unknown subcommand or wrong number of arguments for 'nosuch'. Try CONFIG HELP."):
        store.execute("CONFIG", "nosuch")


def test_in_a_transaction_the_error_comes_with_exec(both):
    real, theirs, ours = both
    for wire in (theirs, ours):
        wire("MULTI")
        wire("SET", "k", 1)
        assert wire("SET", "k", 1, "IFNOSUCH", 2) == b"QUEUED" and wire("XADD", "s", "ACKED", "*", "a", "b") == b"QUEUED"
        replies = wire("EXEC")
        assert replies[0] == b"OK" and str(replies[1]) == "ERR syntax error" and isinstance(replies[2], Exception)


def test_versions_are_told(both):
    real, theirs, ours = both

    def told(wire):
        info = dict(line.split(":", 1) for line in wire("INFO", "server").decode().splitlines() if ":" in line)
        hello = wire("HELLO")
        return [info["redis_version"].split(".")[:2], info.get("valkey_version", "").split(".")[:2], info.get("server_name", "") if real.valkey else "", hello[1], hello[3].split(b".")[:2],
                wire("EVAL", "return redis.REDIS_VERSION", 0).split(b".")[:2], wire("EVAL", "return math.floor(redis.REDIS_VERSION_NUM / 256)", 0)]  # fmt: skip

    assert told(ours) == told(theirs)


@pytest.mark.parametrize("emulate", OPTIONS["emulate"].values)
def test_every_sample_answers(emulate):
    """Nothing crashes, and a command is refused exactly if its release is later."""
    store = kvd.Store(emulate=emulate, enable_debug_command="yes")
    kind, _, version = emulate.partition("-")
    limit = spec.NEVER if emulate == "no" else spec.release(f"{version}.99")
    declared = specs()
    for name in SAMPLES:
        if name.endswith("|help") or name in ("shutdown", "quit"):
            continue
        since = declared[name].releases[kind == "valkey"] if name in declared else 0
        try:
            store.execute(*name.upper().split("|"))
            text = ""
        except kvd.KvdError as error:
            text = str(error)
        except Exception:
            text = ""
        assert text.lower().startswith("unknown") == (since > limit), (name, text)


def test_a_store_without_emulation_knows_everything(store):
    store.execute("SET", "k", "v")
    assert store.execute("SET", "k", "w", "IFEQ", "v") == b"OK" and store.info("server")["redis_version"] == kvd.Store(emulate="no").info("server")["redis_version"]
    with pytest.raises(kvd.ConfigError, match="emulate"):
        kvd.Store(emulate="redis-5.0")
    with pytest.raises(kvd.ResponseError, match="immutable"):
        store.config_set("emulate", "redis-7.0")


def test_releases_are_read_from_declarations():
    one = spec.parse("""
        FOO key [NEW | OLD]
        write | string | 7.4.0 | O(1)
        Do something.
        valkey: 9.0.0
        newer: NEW OLD 8.0.0/9.1.0; COUNT after AGGREGATE 8.8.0; NOT at 1 -/9.0.0
    """)
    assert one.releases == (70400, 90000) and one.options_at == 2
    assert [(n.word, n.since, n.after, n.at) for n in one.newer] == [("NEW", (80000, 90100), "", 0), ("OLD", (80000, 90100), "", 0), ("COUNT", (80800, spec.NEVER), "AGGREGATE", 0), ("NOT", (spec.NEVER, 90000), "", 1)]
    kinds = spec.parse("BAZ key\nwrite | string | 1.0.0 | O(1)\nDo.\nnewer: A as arity 8.0.0; B after C as other 8.2.0").newer
    assert [(n.word, n.kind, n.after) for n in kinds] == [("A", "arity", ""), ("B", "other", "C")]
    assert spec.parse("BAR\nwrite | string | 7.2.0 | O(1)\nDo.").releases == (70200, 70200)
    assert spec.parse("BAR\nwrite | string | 8.2.0 | O(1)\nDo.").releases == (80200, spec.NEVER)
    assert spec.parse("BAR\nwrite | string | 8.1.0 | O(1)\nDo.\nvalkey: only").releases == (spec.NEVER, 80100)
