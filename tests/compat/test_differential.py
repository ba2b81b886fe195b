"""The same random command sequences on kvd and on real servers: equal replies, equal state.

KVDDEV_COMPAT_EXAMPLES bounds the number of sequences (`make compat` sets it high).
"""

import os
import re

import hiredis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvd

from .commands import FAMILIES, command_lines
from .wire import RealServer, Wire, plain, programs

EXAMPLES = int(os.environ.get("KVDDEV_COMPAT_EXAMPLES", "150"))
SLOWER = {"hyperloglog": 4}      # families whose commands take that much longer (16 KB a key)
TIMED = {"ttl": 2, "pttl": 2000, "expiretime": 2, "pexpiretime": 2000, "httl": 2, "hpttl": 2000, "hexpiretime": 2, "hpexpiretime": 2000}
DATABASES = (0, 1, 2, 3)
FIELD_DEADLINES = {
    "HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT", "HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HPERSIST", "HGETEX", "HSETEX", "HGETDEL",
}  # fmt: skip

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module", params=programs())
def real(request):
    server = RealServer(request.param)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ours():
    with kvd.Server(kvd.Store(enable_debug_command="yes")) as server:
        yield server


# options that put a few elements on either side of every threshold; servers that lack one ignore it
SMALL = {
    "hash-max-listpack-entries": 3, "hash-max-listpack-value": 20, "list-max-listpack-size": 3, "set-max-intset-entries": 3,
    "set-max-listpack-entries": 3, "set-max-listpack-value": 20, "zset-max-listpack-entries": 3, "zset-max-listpack-value": 20,
    "stream-node-max-entries": 3, "hll-sparse-max-bytes": 60, "list-compress-depth": 1,
}  # fmt: skip
USUAL = {
    "hash-max-listpack-entries": 128, "hash-max-listpack-value": 64, "list-max-listpack-size": -2, "set-max-intset-entries": 512,
    "set-max-listpack-entries": 128, "set-max-listpack-value": 64, "zset-max-listpack-entries": 128, "zset-max-listpack-value": 64,
    "stream-node-max-entries": 100, "hll-sparse-max-bytes": 3000, "list-compress-depth": 0,
}  # fmt: skip
UNORDERED = {"smembers", "sinter", "sunion", "sdiff", "hkeys", "hvals", "keys"}
SCANS = {"sscan": 1, "hscan": 2, "zscan": 2}


def known_difference(server, words, in_transaction):
    """Command lines that are left out with one server, each with its reason."""
    name = words[0]
    if name.lower() not in server.commands:
        return "unknown there"
    if name == "DBSIZE" and (server.valkey or server.release < (8, 0)):
        return "a key that is set with a deadline in the past is counted until it is freed"
    if server.valkey and name in FIELD_DEADLINES:
        return "Valkey checks and words the arguments in its own way"
    if server.valkey and name == "GETEX" and not {"0", "-1", "x", "9223372036854775807"}.isdisjoint(words):
        return "Valkey checks the time before the key"
    if server.valkey and in_transaction and name in ("MULTI", "WATCH"):
        return "Valkey 8 refuses these inside MULTI and aborts the transaction; Redis refuses them and goes on"
    if name in ("ZRANK", "ZREVRANK") and len(words) > 3 and server.release < (7, 2):
        return "WITHSCORE came with 7.2"
    if name in ("BITCOUNT", "BITPOS") and len(words) > (3 if name == "BITPOS" else 2):
        return "arguments are checked before the key since 7.4, and BITCOUNT with a start alone is Valkey's own"
    if name in ("XREAD", "XREADGROUP") and "+" in words:
        return "the id + came with 7.4"
    if name == "PFDEBUG" and words[1:2] and words[1].lower() == "decode":
        return "a run that APPEND has cut in two is shown with the byte behind the string"
    if name == "HSCAN" and "NOVALUES" in [w.upper() for w in words] and server.release < (7, 4):
        return "NOVALUES came with 7.4"
    upper = {w.upper() for w in words}
    if "BYPOLYGON" in upper and not (server.valkey and server.release >= (9, 0)):
        return "polygons came with Valkey 9"
    if name == "BITFIELD" and {"SAT", "SET", "-9223372036854775808"} <= upper:
        return "the check overflows there, and the smallest integer becomes the largest value"
    if name in ("SORT", "SORT_RO") and "ALPHA" not in upper and server.valkey and server.release >= (9, 0):
        return "Valkey 9 does not take an empty element for 0"
    if name == "ZSCAN" and "NOSCORES" in upper:
        return "NOSCORES came with Valkey 9.1"
    if name == "HSETEX" and not upper.isdisjoint({"NX", "XX"}):
        return "conditions on the key came with Valkey 9.1 and Redis 8.8"
    if "AGGREGATE COUNT" in " ".join(words).upper():
        return "AGGREGATE COUNT came with Redis 8.8"
    if name == "XSETID" and server.release < (7, 2):
        return "checks of XSETID came in another order"
    return ""


def numbers_equal(a, b):
    """One number, though one of them is printed with 17 digits."""
    try:
        return max(len(a), len(b)) > 16 and float(a) == float(b)
    except (TypeError, ValueError):
        return False


def same(a, b):
    """Equal, scores compared as numbers: older servers print 17 digits."""
    if isinstance(a, hiredis.ReplyError) or isinstance(b, hiredis.ReplyError):
        return type(a) is type(b) and (str(a) == str(b) or version_only(str(a)) == version_only(str(b)))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if k != b"radix-tree-nodes")
    return a == b or (isinstance(a, bytes) and isinstance(b, bytes) and numbers_equal(a, b))


def version_only(text):
    """Error texts that were reworded between versions."""
    return text[:14] if text.startswith("ERR Unbalanced") else text


def sortable(reply):
    return sorted(reply, key=repr) if isinstance(reply, (list, set)) else reply


def pairs_of(reply):
    return dict(zip(reply[::2], reply[1::2], strict=True)) if isinstance(reply, list) else reply


def same_time(name, mine, theirs):
    return abs(mine - theirs) <= TIMED[name] if mine > 0 else mine == theirs


def same_reply(words, mine, theirs):
    name = words[0].lower()
    if isinstance(mine, hiredis.ReplyError) or isinstance(theirs, hiredis.ReplyError):
        return same(mine, theirs)
    if name in TIMED and isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(same_time(name, a, b) for a, b in zip(mine, theirs, strict=True))
    if name in TIMED and isinstance(mine, int) and isinstance(theirs, int):
        return same_time(name, mine, theirs)
    if name in UNORDERED or (name in ("sort", "sort_ro") and "BY" in [w.upper() for w in words]):
        return sortable(mine) == sortable(theirs)
    if name == "hgetall":
        return pairs_of(mine) == pairs_of(theirs)
    if name in SCANS and isinstance(mine, list):
        if mine[0] != b"0" or theirs[0] != b"0" or words[2] != "0":
            return len(mine) == len(theirs) == 2
        chunk = 1 if "NOVALUES" in [w.upper() for w in words] else SCANS[name]
        a, b = ([r[1][i : i + chunk] for i in range(0, len(r[1]), chunk)] for r in (mine, theirs))
        return same(sortable(a), sortable(b))
    if words[:2] == ("XINFO", "STREAM") and isinstance(mine, (list, dict)):
        return same_xinfo(words, mine, theirs)
    if words[:2] == ("OBJECT", "IDLETIME"):
        return type(mine) is type(theirs)
    if words[:2] == ("OBJECT", "REFCOUNT") and isinstance(theirs, int):
        return isinstance(mine, int)        # small integers are shared objects there
    if words[:2] == ("OBJECT", "ENCODING"):
        return same_encoding(mine, theirs)
    return same(mine, theirs)


def same_xinfo(words, mine, theirs):
    """The fields that are there; Redis 8.6 has more. FULL holds times."""
    mine, theirs = pairs_of(mine), pairs_of(theirs)
    if len(words) > 3:
        return theirs.keys() <= mine.keys()
    return same({k: v for k, v in mine.items() if k in theirs}, theirs)


def same_encoding(mine, theirs):
    """Redis 7.0 has one encoding of lists, and no packed sets; SORT, and members that ZADD XX refuses, unpack a sorted set.

    Redis 8 keeps room for deadlines in a hash whose fields no longer have any; Valkey 9 embeds a short string that APPEND has made.
    """
    allowed = {(b"listpack", other) for other in (b"quicklist", b"hashtable", b"skiplist", b"listpackex")} | {(b"raw", b"embstr")}
    return mine == theirs or (mine, theirs) in allowed


def same_batch(queued, mine, theirs):
    """Replies of EXEC, each by the rules of its command."""
    if not isinstance(mine, list) or not isinstance(theirs, list) or len(mine) != len(theirs):
        return mine == theirs or (isinstance(mine, hiredis.ReplyError) and str(mine) == str(theirs))
    return all(same_reply(w, a, b) for w, a, b in zip(queued, mine, theirs, strict=False))


def ends(words, reply):
    """Is the transaction over?"""
    return words[0] in ("EXEC", "DISCARD") and "wrong number" not in str(reply)


def keys_of(wire):
    """The number of keys, those that have expired included."""
    total = 0
    for db in DATABASES:
        wire("SELECT", db)
        total += wire("DBSIZE")
    return total


READERS = {
    b"string": [("GET",)], b"list": [("LRANGE", 0, -1)], b"set": [("SMEMBERS",)], b"hash": [("HGETALL",)], b"zset": [("ZRANGE", 0, -1, "WITHSCORES")],
    b"stream": [("XRANGE", "-", "+"), ("XLEN",)], b"none": [],
}  # fmt: skip


def content(wire, key):
    kind = wire("TYPE", key)
    found = [wire(name, key, *rest) for name, *rest in READERS[kind]]
    if kind == b"set":
        found = [sortable(found[0])]
    if kind == b"hash":
        found = [pairs_of(found[0])]
    if kind == b"stream":
        for group in wire("XINFO", "GROUPS", key):
            name = (group if isinstance(group, dict) else pairs_of(group))[b"name"]
            found.append([name, wire("XPENDING", key, name), [p[:2] + p[3:] for p in wire("XPENDING", key, name, "-", "+", 100)]])
    return kind, found


def state(wire):
    found = {}
    wire("DISCARD")
    for db in DATABASES:
        wire("SELECT", db)
        for key in sorted(wire("KEYS", "*")):
            ttl = wire("PTTL", key)
            found[db, key] = (*content(wire, key), wire("OBJECT", "ENCODING", key), ttl // 2000 if ttl > 0 else ttl)
    return found


def close_state(a, b):
    return a.keys() == b.keys() and all(
        x[0] == y[0] and same(x[1], y[1]) and same_encoding(x[2], y[2]) and abs(x[3] - y[3]) <= 1 for x, y in ((a[k], b[k]) for k in a)
    )


def same_digest_expected(server, wire, found):
    """Not where expired keys wait to be freed; Redis 7.0 digests scores as it prints them, Valkey the deadlines of fields in its own way."""
    kinds = {kind for kind, *_ in found.values()}
    if keys_of(wire) != len(found) or (server.release < (7, 2) and b"zset" in kinds):
        return False
    return not (server.valkey and b"hash" in kinds)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("proto", [2, 3])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_sequences(real, ours, proto, family):
    pairs = [(Wire(("127.0.0.1", ours.port), proto), Wire(real.address, proto)) for _ in range(2)]

    @settings(max_examples=EXAMPLES // SLOWER.get(family, 1), deadline=None, suppress_health_check=list(HealthCheck), derandomize="CI" in os.environ)
    @given(st.booleans(), st.lists(st.tuples(st.integers(0, 4), command_lines(family)), min_size=1, max_size=40))
    def run(small, lines):
        queued = {0: [], 1: []}
        in_transaction = {0: False, 1: False}
        for mine, theirs in pairs:
            for wire in (mine, theirs):
                wire("DISCARD")
                wire("UNWATCH")
                wire("SELECT", 0)
        for wire in pairs[0]:
            wire("FLUSHALL")
            for option, value in (SMALL if small else USUAL).items():
                wire("CONFIG", "SET", option, value)
        log = []
        for who, words in lines:
            who = 1 if who == 4 else 0
            if known_difference(real, words, in_transaction[who]):
                continue
            mine, theirs = pairs[who]
            a, b = plain(mine(*words), real.reworded), plain(theirs(*words), real.reworded)
            log.append((who, words, a, b))
            if words[0] == "EXEC":
                assert same_batch(queued[who], a, b), log
            else:
                assert same_reply(words, a, b), log
            in_transaction[who] = in_transaction[who] and not ends(words, a) or (words[0], a) == ("MULTI", b"OK")
            if a == b"QUEUED":
                queued[who].append(words)
            elif words[0] in ("EXEC", "DISCARD", "MULTI"):
                queued[who].clear()
            assert pairs[0][0]("DEBUG", "CHECK") == b"OK" if not in_transaction[0] else True, log
        for _, wire in ((0, pairs[1][0]), (1, pairs[1][1])):
            wire("DISCARD")
        left, right = state(pairs[0][0]), state(pairs[0][1])
        assert close_state(left, right), (log, left, right)
        if same_digest_expected(real, pairs[0][1], left):
            digests = [wire("DEBUG", "DIGEST") for wire in pairs[0]]
            assert digests[0] == digests[1], log
        assert pairs[0][0]("DEBUG", "CHECK") == b"OK"

    run()
    for pair in pairs:
        for wire in pair:
            wire.close()


GLOBS = st.text(alphabet="ab*?[]^-\\c", max_size=8)


def test_patterns_match_as_there(real, ours):
    mine, theirs = Wire(("127.0.0.1", ours.port)), Wire(real.address)
    texts = ["a", "b", "ab", "abc", "a-b", "[a]", "a*b", "\\", "-", "]", "^", "acb", "aabb", "c^", "b]a"]
    for wire in (mine, theirs):
        wire("FLUSHALL")
        for text in texts:
            wire("SET", text, 1)

    @settings(max_examples=EXAMPLES * 3, deadline=None)
    @given(GLOBS)
    def run(pattern):
        assert sorted(mine("KEYS", pattern)) == sorted(theirs("KEYS", pattern)), pattern

    run()


def test_longest_common_subsequences(real, ours):
    mine, theirs = Wire(("127.0.0.1", ours.port)), Wire(real.address)
    texts = st.text(alphabet="abc", max_size=12)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(texts, texts, st.sampled_from([(), ("LEN",), ("IDX",), ("IDX", "WITHMATCHLEN"), ("IDX", "MINMATCHLEN", "2")]))
    def run(a, b, options):
        for wire in (mine, theirs):
            wire("MSET", "a", a, "b", b)
        assert mine("LCS", "a", "b", *options) == theirs("LCS", "a", "b", *options)

    run()


RAW = [
    b"PING\r\n", b"\r\n", b"SET a b\r\nGET a\r\n", b'SET "a b" "x\\x41\\n"\r\nGET "a b"\r\n', b"SET 'it''s' 1\r\n", b"ECHO 'a\\'b'\r\n",
    b"*1\r\n$4\r\nPING\r\n", b"*0\r\n", b"*-1\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$-1\r\n", b"*abc\r\n", b"*1\r\n:3\r\n", b"*1\r\n$abc\r\n",
    b"*1\r\n$536870913\r\n", b"*2147483648\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\nx", b'"unbalanced\r\n', b"x" * 70000,
    b"*" + b"1" * 70000, b"*1\r\n$" + b"1" * 70000, b"PING\nPING\n", b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
]  # fmt: skip


OTHERWISE_ON_VALKEY = (b"SET 'it''s' 1\r\n", b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n")    # it takes '' for a quote, and checks the end of a bulk


def answer(address, data, patience):
    """Everything that comes back until the server closes or stays silent for `patience` seconds."""
    wire = Wire(address)
    wire.send(data)
    wire.socket.settimeout(patience)
    out = b""
    try:
        while chunk := wire.socket.recv(65536):
            out += chunk
    except TimeoutError:
        out += b"(open)"
    except ConnectionResetError:
        pass
    wire.close()
    return out


@pytest.mark.parametrize("data", RAW, ids=range(len(RAW)))
def test_broken_frames_are_answered_as_there(real, ours, data):
    if real.valkey and data in OTHERWISE_ON_VALKEY:
        pytest.skip("Valkey reads these otherwise")
    for patience in (0.3, 3, 20):
        mine, theirs = (answer(address, data, patience) for address in (("127.0.0.1", ours.port), real.address))
        if mine == theirs:
            break
    assert mine == theirs


def command_info(wire, names):
    return {i[0]: i for i in wire("COMMAND", "INFO", *names) if i}


def test_command_info_equals(real, ours):
    from .commands import SPECS

    names = [n for n in SPECS if "|" not in n or (not real.valkey and real.release >= (8, 0))]
    mine = command_info(Wire(("127.0.0.1", ours.port), 2), names)
    theirs = command_info(Wire(real.address, 2), names)
    wrong = []
    for name, entry in theirs.items():
        if name == b"wait" and real.release < (7, 2):
            continue                               # became a blocking command, which scripts may call
        got = mine[name]
        for what, a, b in (("arity", got[1], entry[1]), ("flags", set(got[2]), set(entry[2])), ("keys", got[3:6], entry[3:6]),
                           ("categories", sorted(got[6]), sorted(entry[6]))):  # fmt: skip
            if what == "flags":
                ignored = later_flags(real, b)
                a, b = a - ignored, b - ignored
            if a != b and not (what == "arity" and name in (b"zrank", b"zrevrank", b"script|debug")):  # WITHSCORE came with 7.2, engines with Valkey 9
                wrong.append((name, what, a, b))
    assert not wrong


def later_flags(server, flags):
    """Flags that other versions have dropped, added or renamed."""
    found = {b"no_multi", b"skip_monitor", b"module"} | ({b"noscript"} if b"blocking" in flags else set())
    if server.valkey:
        found |= {b"allow_busy", b"skip_slowlog", b"skip_commandlog"}
    return found


def test_names_in_errors_are_clean(ours):
    wire = Wire(("127.0.0.1", ours.port))
    reply = wire("no\r\nsuch", "arg\n")
    assert re.fullmatch(r"ERR unknown command 'no  such', with args beginning with: 'arg ' ?", str(reply))
