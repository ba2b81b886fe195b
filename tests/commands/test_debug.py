"""DEBUG: its gate, digests, what it shows of values, and switches that change what the store does."""

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import eventually


def test_debug(run):
    run("SET", "a", 1)
    one = run("DEBUG", "DIGEST")
    run("SET", "b", 2)
    two = run("DEBUG", "DIGEST")
    run("DEL", "b")
    assert run("DEBUG", "DIGEST") == one != two and len(one) == 40
    run("SET", "c", "1")
    assert len(set(run("DEBUG", "DIGEST-VALUE", "a", "c", "none"))) == 2
    assert b"encoding:int" in run("DEBUG", "OBJECT", "a")
    assert run("DEBUG", "OBJECT", "none") == "ERR no such key"
    assert run("DEBUG", "POPULATE", 100, "p", 50) == b"OK" and run("STRLEN", "p:7") == 50


def test_debug_is_gated():
    with kvd.Store().serve() as server:
        assert str(Wire(("127.0.0.1", server.port))("DEBUG", "SLEEP", "0")).startswith("ERR DEBUG command not allowed")
    with kvd.Store(enable_debug_command="local").serve() as server:
        assert Wire(("127.0.0.1", server.port))("DEBUG", "SLEEP", "0") == b"OK"


def test_digests_are_those_of_values_not_of_encodings(peer):
    peer("RPUSH", "a", *"abc")
    peer("RPUSH", "b", "x" * 9000, *"abc")
    peer("LPOP", "b")
    peer("SADD", "s", 1, 2)
    peer("SADD", "t", "x", 2, 1)
    peer("SREM", "t", "x")
    digests = peer("DEBUG", "DIGEST-VALUE", "a", "b", "s", "t")
    assert digests[0] == digests[1] != digests[2] == digests[3]


TYPES = {
    "string": (b"$11\r\nHello World\r\n",) * 2, "integer": (b":12345\r\n",) * 2, "double": (b"$5\r\n3.141\r\n", b",3.141\r\n"), "null": (b"$-1\r\n", b"_\r\n"), "array": (b"*3\r\n:0\r\n:1\r\n:2\r\n",) * 2,
    "set": (b"*3\r\n:0\r\n:1\r\n:2\r\n", b"~3\r\n:0\r\n:1\r\n:2\r\n"), "map": (b"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"), "true": (b":1\r\n", b"#t\r\n"), "false": (b":0\r\n", b"#f\r\n"),
    "attrib": (b"$39\r\nSome real reply following the attribute\r\n", b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n"),
    "push": (b"-ERR RESP2 is not supported by this command\r\n", b"$40\r\nSome real reply following the push reply\r\n>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"),
    "verbatim": (b"$25\r\nThis is a verbatim\nstring\r\n", b"=29\r\ntxt:This is a verbatim\nstring\r\n"), "bignum": (b"$37\r\n1234567999999999999999999999999999999\r\n", b"(1234567999999999999999999999999999999\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("proto", [2, 3])
def test_every_type_of_the_protocol(peer, proto, name):
    if name == "push" and peer.version < (7, 2):
        pytest.skip("7.0 sends a push before the reply")
    wire = peer.open(proto)
    wire.send(Wire.frame(("DEBUG", "PROTOCOL", name)))
    expected, data = TYPES[name][proto - 2], b""
    while len(data) < len(expected):
        data += wire.socket.recv(4096)
    assert data == expected and wire("ECHO", "next") == b"next"


def test_an_unknown_type_of_the_protocol_is_answered_with_those_there_are():
    store = kvd.Store(enable_debug_command="yes")
    with pytest.raises(kvd.ResponseError) as raised:
        store.execute("DEBUG", "PROTOCOL", "nosuch")
    assert set(str(raised.value).rsplit(" ", 1)[1].split("|")) == set(TYPES)


@pytest.mark.parametrize("line", ["NOSUCH", "OBJECT", "OBJECT none", "POPULATE x", "PROTOCOL nosuch"])
def test_wrong_forms_of_debug(peer, line):
    assert isinstance(peer("DEBUG", *line.split()), Exception) and peer("PING") == b"PONG"


def test_help_names_every_subcommand(store):
    lines = [line.decode() for line in store.execute("DEBUG", "HELP")]
    names = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert len(names) == len(set(names)) == (len(lines) - 1) // 2 and {"RELOAD", "LOADAOF", "DIGEST", "PAUSE-CRON"} <= set(names)
    for name in names:
        with pytest.raises(kvd.ResponseError, match="^unknown subcommand or wrong number of arguments"):
            store.execute("DEBUG", name, *["x"] * 30) if name not in ("DIGEST-VALUE", "RELOAD", "LOADAOF") else store.execute("DEBUG", name + "x")


@pytest.mark.parametrize(("line", "reply"), [
    ("SET-DISABLE-DENY-SCRIPTS 0", "OK"), ("PAUSE-CRON x", "OK"), ("QUICKLIST-PACKED-THRESHOLD 100B", "OK"), ("QUICKLIST-PACKED-THRESHOLD 0", "OK"),
    ("QUICKLIST-PACKED-THRESHOLD 5gb", "ERR argument must be a memory value bigger than 1 and smaller than 4gb"), ("QUICKLIST-PACKED-THRESHOLD x", "ERR argument must be a memory value bigger than 1 and smaller than 4gb"),
    ("REPLYBUFFER PEAK-RESET-TIME NEVER", "OK"), ("REPLYBUFFER PEAK-RESET-TIME 100", "OK"), ("REPLYBUFFER PEAK-RESET-TIME RESET", "OK"), ("REPLYBUFFER PEAK-RESET-TIME x", "ERR value is not an integer or out of range"),
    ("REPLYBUFFER RESIZING 1", "OK"), ("REPLYBUFFER NOSUCH 1", "ERR unknown subcommand or wrong number of arguments for 'REPLYBUFFER'. Try DEBUG HELP."), ("SET-SKIP-CHECKSUM-VALIDATION 0", "OK"), ("SET-ACTIVE-EXPIRE 1", "OK"),
    ("LISTPACK h", "Listpack structure printed on stdout"), ("LISTPACK k", "ERR Not a listpack encoded object."), ("LISTPACK none", "ERR no such key"), ("HTSTATS-KEY none", "ERR no such key"),
    ("HTSTATS-KEY h", "ERR The value stored at the specified key is not represented using an hash table"), ("HTSTATS 99", "ERR Out of range database"), ("OBJECT none", "ERR no such key"), ("SLEEP -1", "OK"),
])  # fmt: skip
def test_answers_are_those_of_real_servers(peer, line, reply):
    peer("SET", "k", "v")
    peer("HSET", "h", "a", "b")
    found = peer("DEBUG", *line.split())
    assert (str(found) if isinstance(found, Exception) else found.decode()) == reply


def test_nodes_of_a_list_are_described(peer):
    peer("RPUSH", "short", *range(5))
    peer("RPUSH", "long", *["x" * 100] * 5000)
    text = peer("DEBUG", "OBJECT", "long").decode()
    fields = dict(word.split(":", 1) for word in text.split() if ":" in word)
    assert fields["encoding"] == "quicklist" and fields["ql_listpack_max"] == "-2" and fields["ql_compressed"] == "0"
    assert 50 <= int(fields["ql_nodes"]) <= 80 and abs(float(fields["ql_avg_node"]) - 5000 / int(fields["ql_nodes"])) < 0.01 and 500_000 < int(fields["ql_uncompressed_size"]) < 560_000
    if peer.version >= (7, 2):
        assert b"ql_" not in peer("DEBUG", "OBJECT", "short")


def test_tables_of_values(run):
    run("HSET", "h", *range(3000))
    run("SADD", "s", *[f"m{i}" for i in range(1000)])
    assert b"entries: 1500" in run("DEBUG", "HTSTATS-KEY", "h") and b"entries: 1000" in run("DEBUG", "HTSTATS-KEY", "s", "full")


def test_scripts_may_call_everything(peer):
    script = "return redis.call('DEBUG', 'SLEEP', 0)"
    assert "not allowed from script" in str(peer("EVAL", script, 0))
    peer("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1)
    assert peer("EVAL", script, 0) == b"OK"
    peer("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 0)
    assert "not allowed from script" in str(peer("EVAL", script, 0))


def test_checksums_are_skipped(peer):
    peer("SET", "k", "v")
    payload = bytearray(peer("DUMP", "k"))
    payload[-1] ^= 1
    assert "checksum" in str(peer("RESTORE", "r", 0, bytes(payload)))
    peer("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1)
    assert peer("RESTORE", "r", 0, bytes(payload)) == b"OK" and peer("GET", "r") == b"v"
    peer("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 0)
    assert "checksum" in str(peer("RESTORE", "r", 0, bytes(payload), "REPLACE"))


def test_a_file_with_a_wrong_checksum_is_read_if_they_are_skipped(tmp_path):
    store = kvd.Store(dir=str(tmp_path))
    store.set("k", "v")
    store.execute("SAVE")
    data = bytearray((tmp_path / "dump.rdb").read_bytes())
    data[-1] ^= 1
    (tmp_path / "dump.rdb").write_bytes(data)
    with pytest.raises(kvd.ResponseError):
        store.execute("DEBUG", "RELOAD", "NOSAVE")
    store.execute("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1")
    store.execute("DEL", "k")
    assert store.execute("DEBUG", "RELOAD", "NOSAVE") == b"OK" and store.get("k") == b"v"


@pytest.mark.parametrize(("stop", "go_on"), [(("PAUSE-CRON", 1), ("PAUSE-CRON", 0)), (("SET-ACTIVE-EXPIRE", 0), ("SET-ACTIVE-EXPIRE", 1))])
def test_expiry_in_the_background_stops_and_goes_on(store, stop, go_on):
    store.clock.freeze(1_700_000_000)
    for i in range(100):
        store.set(f"k{i}", "v", ex=5)
    store.execute("DEBUG", *stop)
    store.clock.advance(10)
    store._expire(10_000)
    assert store.dbsize() == 100
    store.execute("DEBUG", *go_on)
    eventually(lambda: store.dbsize() == 0)


def test_the_matcher_of_patterns_stands_what_chance_and_malice_give_it(peer):
    assert peer("DEBUG", "STRINGMATCH-TEST").endswith(b" did not crash: test passed")      # Redis, or the server
    assert "unknown subcommand or wrong number of arguments for 'stringmatch-test'" in str(peer("DEBUG", "stringmatch-test", "x"))
