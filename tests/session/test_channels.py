"""Publish and subscribe, and keyspace notifications, on kvd and on the real servers."""

import pytest

import kvd
from tests.compat.wire import RealServer, Wire
from tests.conftest import REAL


@pytest.fixture(scope="module", params=["kvd", *REAL])
def address(request):
    if request.param != "kvd":
        server = RealServer(request.param)
        yield server.address
        server.stop()
        return
    with kvd.Server(kvd.Store()) as server:
        yield ("127.0.0.1", server.port)


@pytest.fixture
def open_wire(address):
    wires = []

    def make(proto=2):
        wires.append(Wire(address, proto))
        return wires[-1]

    make()("FLUSHALL")
    yield make
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("proto", [2, 3])
def test_channels_and_patterns(open_wire, proto):
    listener, other = open_wire(proto), open_wire()
    assert listener("SUBSCRIBE", "news", "sport") == [b"subscribe", b"news", 1]
    assert listener.read() == [b"subscribe", b"sport", 2]
    assert listener("PSUBSCRIBE", "n?ws") == [b"psubscribe", b"n?ws", 3]
    assert other("PUBLISH", "news", "hello") == 2
    assert [listener.read(), listener.read()] == [[b"message", b"news", b"hello"], [b"pmessage", b"n?ws", b"news", b"hello"]]
    assert other("PUBSUB", "CHANNELS") == other("PUBSUB", "CHANNELS", "*") and sorted(other("PUBSUB", "CHANNELS")) == [b"news", b"sport"]
    assert other("PUBSUB", "NUMSUB", "news", "nobody") == [b"news", 1, b"nobody", 0]
    assert other("PUBSUB", "NUMPAT") == 1
    assert listener("UNSUBSCRIBE", "news") == [b"unsubscribe", b"news", 2]
    assert listener("UNSUBSCRIBE") == [b"unsubscribe", b"sport", 1]
    assert listener("PUNSUBSCRIBE") == [b"punsubscribe", b"n?ws", 0]
    if b"valkey" not in other("INFO", "server"):  # which refuses it with NOSUB
        assert listener("UNSUBSCRIBE") == [b"unsubscribe", None, 0]
    assert other("PUBLISH", "news", "again") == 0


def test_shard_channels(open_wire):
    listener, other = open_wire(), open_wire()
    assert listener("SSUBSCRIBE", "s") == [b"ssubscribe", b"s", 1]
    assert other("PUBLISH", "s", "x") == 0
    assert other("SPUBLISH", "s", "x") == 1
    assert listener.read() == [b"smessage", b"s", b"x"]
    assert other("PUBSUB", "SHARDCHANNELS") == [b"s"]
    assert other("PUBSUB", "SHARDNUMSUB", "s") == [b"s", 1]
    assert listener("SUNSUBSCRIBE") == [b"sunsubscribe", b"s", 0]


def test_what_a_listener_may_say(open_wire):
    listener = open_wire()
    listener("SUBSCRIBE", "c")
    assert "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed" in str(listener("GET", "k"))
    assert listener("PING") == [b"pong", b""]
    assert listener("PING", "x") == [b"pong", b"x"]
    free = open_wire(3)
    free("SUBSCRIBE", "c")
    assert free("SET", "k", "v") == b"OK" and free("GET", "k") == b"v"
    assert listener("RESET") == b"RESET"
    assert listener("GET", "k") == b"v"


def test_own_messages_come_behind_the_reply(open_wire):
    wire = open_wire(3)
    wire("SUBSCRIBE", "c")
    wire.send(Wire.frame(("PUBLISH", "c", "x")))
    assert sorted([wire.read(), wire.read()], key=repr) == sorted([1, [b"message", b"c", b"x"]], key=repr)


EVENTS = [
    (("SET", "k", "v"), ["set"]), (("SET", "k", "v", "EX", 100), ["set", "expire"]), (("APPEND", "k", "x"), ["append"]), (("DEL", "k"), ["del"]),
    (("RPUSH", "l", "a", "b"), ["rpush"]), (("LPOP", "l"), ["lpop"]), (("RPOP", "l"), ["rpop", "del"]),
    (("HSET", "h", "f", "v"), ["hset"]), (("HINCRBY", "h", "n", 1), ["hincrby"]), (("HDEL", "h", "f", "n"), ["hdel", "del"]),
    (("SADD", "s", "a", "b"), ["sadd"]), (("SREM", "s", "a"), ["srem"]), (("SPOP", "s"), ["spop", "del"]),
    (("ZADD", "z", 1, "a"), ["zadd"]), (("ZINCRBY", "z", 1, "a"), ["zincr"]), (("ZREM", "z", "a"), ["zrem", "del"]),
    (("XADD", "x", "1-1", "f", "v"), ["xadd"]), (("XGROUP", "CREATE", "x", "g", "0"), ["xgroup-create"]), (("XDEL", "x", "1-1"), ["xdel"]),
    (("SETBIT", "b", 1, 1), ["setbit"]), (("PFADD", "p", "a"), ["pfadd"]), (("GEOADD", "g", 1, 1, "a"), ["zadd"]), (("RENAME", "g", "g2"), ["rename_to"]),
    (("SORT", "g2", "BY", "nosort", "STORE", "out"), ["sortstore"]), (("PEXPIRE", "out", 100000), ["expire"]), (("PERSIST", "out"), ["persist"]),
]  # fmt: skip


def test_keyspace_events(open_wire):
    listener, other = open_wire(), open_wire()
    assert other("CONFIG", "SET", "notify-keyspace-events", "KEA") == b"OK"
    listener("PSUBSCRIBE", "__key*__:*")
    for line, events in EVENTS:
        other(*line)
        for event in events:
            key = line[2] if line[0] in ("XGROUP", "RENAME") else line[-1] if line[0] == "SORT" else line[1]
            assert listener.read()[2:] == [f"__keyspace@0__:{key}".encode(), event.encode()] or line[0] == "RENAME", line
            listener.read()
        if line[0] == "RENAME":  # rename_from came first
            assert listener.read()[3] == b"rename_to" and listener.read()[3] == b"g2"
    other("CONFIG", "SET", "notify-keyspace-events", "")
    other("SET", "k", "v")
    other("PUBLISH", "__keyspace@0__:end", "x")
    assert listener.read()[3] == b"x"


def test_events_of_misses_and_new_keys(open_wire):
    listener, other = open_wire(), open_wire()
    other("CONFIG", "SET", "notify-keyspace-events", "Enm")
    listener("PSUBSCRIBE", "__keyevent@0__:*")
    other("GET", "missing")
    assert listener.read()[2:] == [b"__keyevent@0__:keymiss", b"missing"]
    other("RPUSH", "fresh", "x")
    assert listener.read()[2:] == [b"__keyevent@0__:new", b"fresh"]
    other("CONFIG", "SET", "notify-keyspace-events", "")


@pytest.fixture
def events():
    """Runs lines on a kvd with that option, and returns the messages of each: (channel, message)."""
    store = kvd.Store()
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        wire("PSUBSCRIBE", "__*")

        def told(wanted, *lines):
            store.config_set("notify-keyspace-events", wanted)
            found = []
            for line in lines:
                store.execute(*line)
                store.publish("__end", "")
                while (message := wire.read()[2:]) != [b"__end", b""]:
                    found.append((message[0].decode(), message[1].decode()))
            return found

        told.store = store
        yield told
        wire.close()


@pytest.mark.parametrize(("old", "line", "retyped"), [   # Redis 8.2; the servers to compare with are older
    (("SET", "k", "a"), ("SET", "k", "b"), False), (("SET", "k", "a"), ("SET", "k", "b", "EX", 9), False), (("SADD", "k", "a"), ("SET", "k", "b"), True), (("SET", "k", "a"), ("GETSET", "k", "b"), False),
    (("SET", "k", "a"), ("MSET", "k", "b", "other", "c"), False), (("SET", "k", "a"), ("SETEX", "k", 9, "b"), False), (("LPUSH", "k", "a"), ("RENAME", "src", "k"), True),
    (("SET", "k", "a"), ("COPY", "src", "k", "REPLACE"), False), (("SET", "k", "a"), ("SUNIONSTORE", "k", "set"), True), (("SADD", "k", "a"), ("SUNIONSTORE", "k", "set"), False),
    (("SADD", "k", "a"), ("ZUNIONSTORE", "k", 1, "set"), True), (("SADD", "k", "a"), ("SORT", "set", "STORE", "k"), True), (("SET", "k", "a"), ("BITOP", "NOT", "k", "src"), False),
])  # fmt: skip
def test_events_of_overwritten_keys(events, old, line, retyped):
    events.store.execute("SADD", "set", 1)
    events.store.execute("SET", "src", "x")
    events.store.execute(*old)
    expected = [("__keyevent@0__:overwritten", "k")] + [("__keyevent@0__:type_changed", "k")] * retyped
    assert events("Eoc", line) == expected


def test_what_overwrites_nothing(events):
    assert events("Eoc", ("SET", "k", 1), ("INCR", "k"), ("APPEND", "k", "x"), ("SETRANGE", "k", 0, "y"), ("SET", "k", "z", "NX"), ("DEL", "k"), ("SET", "k", "a"), ("EXPIRE", "k", 9), ("INCREX", "n"), ("INCREX", "n")) == []
    assert events("E", ("SET", "k", "b")) == []


def test_fields_of_hashes_have_channels_of_their_own(events):
    """Redis 8.8's four kinds."""
    assert events("hSTIV", ("HSET", "k", "name", 1, "b|c", 2)) == [
        ("__subkeyspace@0__:k", "hset|4:name,3:b|c"), ("__subkeyevent@0__:hset", "1:k|4:name,3:b|c"), ("__subkeyspaceitem@0__:k\nname", "hset"), ("__subkeyspaceitem@0__:k\nb|c", "hset"),
        ("__subkeyspaceevent@0__:hset|k", "4:name,3:b|c"),
    ]  # fmt: skip
    assert events("hI", ("HSET", "a\nb", "f", 1)) == []           # a line break in the key: not to be told from the field's
    assert events("KhS", ("HDEL", "k", "none", "name")) == [("__keyspace@0__:k", "hdel"), ("__subkeyspace@0__:k", "hdel|4:name")]
    assert events("gS", ("HSET", "k", "x", 1)) == [] == events("AKE", ("HLEN", "k"))


@pytest.mark.parametrize(("line", "expected"), [
    (("HSET", "k", "a", 1), ["hset|1:a"]), (("HMSET", "k", "a", 1, "a", 2), ["hset|1:a,1:a"]), (("HSETNX", "k", "new", 1), ["hset|3:new"]), (("HSETNX", "k", "a", 1), []), (("HINCRBY", "k", "n", 1), ["hincrby|1:n"]),
    (("HINCRBYFLOAT", "k", "n", 1), ["hincrbyfloat|1:n"]), (("HDEL", "k", "a", "none", "b"), ["hdel|1:a,1:b"]), (("HGETDEL", "k", "FIELDS", 2, "b", "none"), ["hdel|1:b"]),
    (("HEXPIRE", "k", 9, "FIELDS", 3, "a", "none", "b"), ["hexpire|1:a,1:b"]), (("HPEXPIREAT", "k", 1, "FIELDS", 1, "a"), ["hdel|1:a"]), (("HPERSIST", "k", "FIELDS", 2, "timed", "a"), ["hpersist|5:timed"]),
    (("HGETEX", "k", "PERSIST", "FIELDS", 1, "timed"), ["hpersist|5:timed"]), (("HGETEX", "k", "EX", 9, "FIELDS", 1, "a"), ["hexpire|1:a"]),
    (("HSETEX", "k", "EX", 9, "FIELDS", 2, "a", 1, "c", 2), ["hset|1:a,1:c", "hexpire|1:a,1:c"]), (("HSETEX", "k", "PXAT", 1, "FIELDS", 1, "c", 2), ["hset|1:c", "hdel|1:c"]), (("DEL", "k"), []),
])  # fmt: skip
def test_which_fields_an_event_names(events, line, expected):
    events.store.execute("HSET", "k", "a", 1, "b", 2, "n", 3, "timed", 4)
    events.store.execute("HEXPIRE", "k", 1000, "FIELDS", 1, "timed")
    assert [message for _, message in events("hxgS", line)] == expected
    assert [message for _, message in events("hS", ("HSET", "k", "later", 1))] == ["hset|5:later"]      # nothing is left over


def test_fields_that_expire_are_named(events):
    events.store.clock.freeze(1_700_000_000)
    events.store.execute("HSET", "k", "a", 1, "b", 2, "c", 3)
    events.store.execute("HEXPIRE", "k", 5, "FIELDS", 2, "a", "b")
    events.store.config_set("notify-keyspace-events", "hS")
    events.store.clock.advance(6)
    [(channel, message)] = events("hS", ("HGETALL", "k"))
    assert channel == "__subkeyspace@0__:k" and message in ("hexpired|1:a,1:b", "hexpired|1:b,1:a")


def test_event_of_an_expired_key(open_wire):
    listener, other = open_wire(), open_wire()
    other("CONFIG", "SET", "notify-keyspace-events", "Ex")
    listener("SUBSCRIBE", "__keyevent@0__:expired")
    other("SET", "k", "v", "PX", 20)
    assert listener.read() == [b"message", b"__keyevent@0__:expired", b"k"]
    other("CONFIG", "SET", "notify-keyspace-events", "")


def test_slow_subscriber_is_closed():
    with kvd.Server(kvd.Store(client_output_buffer_limit="pubsub 200kb 0 0")) as server:
        listener, other = Wire(("127.0.0.1", server.port)), Wire(("127.0.0.1", server.port))
        listener("SUBSCRIBE", "c")
        for _ in range(400):
            other("PUBLISH", "c", "x" * 50_000)
            if other("PUBSUB", "NUMSUB", "c") == [b"c", 0]:
                break
        assert other("PUBSUB", "NUMSUB", "c") == [b"c", 0]
        assert b"client_output_buffer_limit_disconnections:1" in other("INFO", "stats")
