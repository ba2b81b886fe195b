"""Numbers at the limits of 64 bits, wherever a command takes a count, an offset, a cursor, a length, a time or an id.

Each call answers soon, with an error or a reply, and the store is sound afterwards. A reply without end meets the output limit,
which closes the connection.
"""

import pytest

import kvd

from ..compat.wire import Wire
from ..run.samples import SAMPLES, SETUP

NUMBERS = [
    "9223372036854775807", "-9223372036854775808", "-9223372036854775807", "4611686018427387904", "-4611686018427387904", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "4294967296", "2147483648", "-2147483649", "-1", "0",
]  # fmt: skip
OPTIONAL = """
    LINSERT l BEFORE # x | LPOS l a RANK # | LPOS l a COUNT # | LPOS l a MAXLEN # | LPOP l # | RPOP l # | LMPOP 1 l LEFT COUNT # | BLMPOP 0 1 l LEFT COUNT #
    BITCOUNT s # # | BITCOUNT s # # BIT | BITPOS s 1 # # | BITPOS s 0 # # BIT | BITFIELD s GET u8 # | BITFIELD s SET u8 # 1 | BITFIELD s SET u8 0 #
    BITFIELD s OVERFLOW SAT INCRBY i64 0 # | BITFIELD s OVERFLOW FAIL INCRBY u63 0 # | BITFIELD_RO s GET u8 ## | SET s v EX # | SET s v PX # | SET s v EXAT #
    SET s v PXAT # | GETEX s PX # | GETEX s EXAT # | GETEX s PXAT # | HGETEX h PX # FIELDS 1 a | HGETEX h EXAT # FIELDS 1 a | HSETEX h PXAT # FIELDS 1 a 1
    HRANDFIELD h # | HRANDFIELD h # WITHVALUES | HSCAN h 0 COUNT # | SRANDMEMBER t # | SPOP t # | SSCAN t 0 COUNT # | SINTERCARD 1 t LIMIT #
    ZRANGE z 0 10 BYSCORE LIMIT # # | ZRANGEBYSCORE z 0 10 LIMIT # # | ZREVRANGEBYSCORE z 10 0 LIMIT # # | ZRANGEBYLEX z - + LIMIT # # | ZPOPMIN z # | ZPOPMAX z #
    ZRANGESTORE new z 0 10 BYSCORE LIMIT # # | ZMPOP 1 z MIN COUNT # | ZRANDMEMBER z # | ZRANDMEMBER z # WITHSCORES | ZSCAN z 0 COUNT # | ZUNION 1 z WEIGHTS #
    ZINTERCARD 1 z LIMIT # | SCAN 0 COUNT # | XADD x MAXLEN # * a 1 | XADD x MINID # * a 1 | XADD x #-# a 1 | XADD x #-* a 1 | XTRIM x MAXLEN ~ 1 LIMIT #
    XRANGE x - + COUNT # | XRANGE x # # | XREVRANGE x # # | XREVRANGE x + - COUNT # | XREAD COUNT # STREAMS x # | XREADGROUP GROUP g c COUNT # STREAMS x >
    XCLAIM x g c 0 1-1 IDLE # | XCLAIM x g c 0 1-1 TIME # | XCLAIM x g c 0 1-1 RETRYCOUNT # | XAUTOCLAIM x g c 0 # COUNT # | XPENDING x g - + #
    XPENDING x g IDLE # - + 10 | XSETID x #-# | XSETID x 9-1 ENTRIESADDED # MAXDELETEDID 1-1 | XGROUP CREATE x new 0 ENTRIESREAD # | XGROUP SETID x g # ENTRIESREAD #
    XINFO STREAM x FULL COUNT # | GEORADIUS geo 0 0 10 km COUNT # | GEOSEARCH geo FROMLONLAT 0 0 BYRADIUS # m COUNT # | GEOSEARCH geo FROMLONLAT # # BYBOX # # km
    ARSET ar # a b c | ARMSET ar # a # b | ARGETRANGE ar # # | ARSCAN ar # # LIMIT 3 | ARSCAN ar 0 9 LIMIT # | ARDELRANGE ar # # # 0 | ARGREP ar # # MATCH a | ARGREP ar - + MATCH a LIMIT #
    ARRING ring # a b c | ARSEEK ring # | ARLASTITEMS ring # | ARLASTITEMS ar # REV | AROP ar # # SUM | AROP ar # # USED | ARGREP ar - + RE a{#} | ARGREP ar - + RE a{0,#}
    COPY s new DB # | RESTORE new # x | RESTORE new 1 x IDLETIME # | RESTORE new 1 x FREQ # | SORT l LIMIT # # ALPHA | SORT_RO l LIMIT # # ALPHA
    SLOWLOG GET # | CLIENT KILL ID # | CLIENT LIST ID # | MEMORY USAGE s SAMPLES # | HELLO # | LOLWUT VERSION # | LCS s s MINMATCHLEN # IDX | WAIT # 1 | EVAL return # s
    CONFIG SET maxmemory-samples # | CONFIG SET hz # | CONFIG SET slowlog-max-len # | CONFIG SET list-max-listpack-size # | CONFIG SET hash-max-listpack-entries #
    CONFIG SET lfu-decay-time # | CONFIG SET stream-node-max-bytes # | CONFIG SET tracking-table-max-keys # | CONFIG SET latency-monitor-threshold #
    CONFIG SET active-expire-effort # | CONFIG SET tcp-keepalive # | CONFIG SET slowlog-log-slower-than # | DEBUG SET-ACTIVE-EXPIRE # | DEBUG JMAP #
"""
ELSEWHERE = {"client|pause", "client|reply", "shutdown", "monitor", "quit"}     # they change what the test stands on


def lines():
    """Calls with one # or more in place of numbers: every number of every sample, and of options that samples do not have."""
    for name, sample in SAMPLES.items():
        words = [str(word) for word in sample.words] if all(isinstance(word, (str, int)) for word in sample.words) else []
        for i, word in enumerate(words):
            if i and word.lstrip("-").isdigit() and name not in ELSEWHERE:
                yield " ".join([*words[:i], "#", *words[i + 1 :]]) if " " not in "".join(words) else tuple([*words[:i], "#", *words[i + 1 :]])
    for text in OPTIONAL.replace("\n", "|").split("|"):
        if text.strip():
            yield text.strip()


def calls(line):
    words = line.split() if isinstance(line, str) else line
    holes = sum("#" in word for word in words)
    for number in NUMBERS:
        for other in (number, "0", "-1", NUMBERS[0]) if holes > 1 else (number,):
            filled = [w.replace("##", "#" + number).replace("#", number) if "#" in w else w for w in words]
            last = max(i for i, w in enumerate(words) if "#" in w)
            yield [*filled[:last], words[last].replace("#", other), *filled[last + 1 :]]


@pytest.fixture(scope="module")
def server():
    with kvd.Store(enable_debug_command="yes", client_output_buffer_limit="normal 300000 0 0", maxmemory="200mb", proto_max_bulk_len="1mb").serve() as running:
        yield running


@pytest.mark.parametrize("line", lines(), ids=str)
def test_a_call_with_a_number_at_a_limit_ends(server, line):
    address = ("127.0.0.1", server.port)
    admin, wire = Wire(address), Wire(address)
    for words in calls(line):
        admin("FLUSHALL")
        for setup in SETUP:
            admin(*setup)
        try:
            wire(*words)
        except ConnectionError:
            wire = Wire(address)
            assert words[0] in ("HRANDFIELD", "SRANDMEMBER", "ZRANDMEMBER"), words
        assert admin("DEBUG", "CHECK") == b"OK", words
    assert admin("PING") == b"PONG" and server.store.used_memory < 10_000_000
    wire.close()
    admin.close()


@pytest.mark.parametrize("command", ["HSCAN h", "SSCAN t", "ZSCAN z", "SCAN"])
def test_a_large_count_of_a_scan_leaves_nothing_out(store, command):
    for setup in SETUP:
        store.execute(*setup)
    for count in (4611686018427387904, 9223372036854775807):
        assert store.execute(*command.split(), 0, "COUNT", count) == store.execute(*command.split(), 0, "COUNT", 1000) != [b"0", []]


REPEATING = ["HRANDFIELD h", "HRANDFIELD h WITHVALUES", "ZRANDMEMBER z", "ZRANDMEMBER z WITHSCORES", "SRANDMEMBER t"]


@pytest.mark.parametrize("line", REPEATING)
def test_a_reply_without_end_is_refused_where_no_output_limit_is_set(line):
    """In this process, in a script and in EXEC: proto-max-bulk-len limits what the client alone makes long."""
    store = kvd.Store(proto_max_bulk_len="1mb")
    store.hset("h", "f" * 1000, "v")
    store.zadd("z", {"m" * 1000: 1})
    store.sadd("t", "m" * 1000)
    name, key, *option = line.split()
    for count in (-9223372036854775807 // 2, -1_000_000, -2000):
        with pytest.raises(kvd.ResponseError, match="out of range|reply exceeds maximum allowed size"):
            store.execute(name, key, count, *option)
        assert store.execute("EVAL", "return redis.pcall(unpack(ARGV)).err ~= nil", 0, name, key, count, *option) == 1
        store.execute("MULTI")
        store.execute(name, key, count, *option)
        store.execute("DBSIZE")
        replies = store.execute("EXEC")
        assert isinstance(replies[0], kvd.ResponseError) and replies[1] == 3
    assert len(store.execute(name, key, -100, *option)) == (200 if option and name != "SRANDMEMBER" and store.execute("HELLO")[b"proto"] < 3 else 100)
    assert store.execute(name, "none", -9223372036854775807 // 2) == []


def test_a_script_is_held_to_the_output_limit_of_its_client():
    with kvd.Store(client_output_buffer_limit="normal 1000000 0 0").serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        wire("ZADD", "z", 1, "a")
        reply = wire("EVAL", "return redis.call('ZRANDMEMBER', 'z', -20000000)", 0)
        assert str(reply).startswith("ERR reply exceeds client-output-buffer-limit script: ")
        assert wire("EVAL", "return #redis.call('ZRANDMEMBER', 'z', -2000)", 0) == 2000


def test_lrem_count(peer):
    peer("RPUSH", "l", "a", "a")
    if peer.version >= (7, 2):
        assert str(peer("LREM", "l", "-9223372036854775808", "a")).startswith("ERR value is out of range, value must between -9223372036854775807 and")
    assert peer("LREM", "l", "-9223372036854775807", "a") == 2
