"""The stream of a master: whole units, exact offsets, and what is not a command."""

import random
import threading
import time

import pytest

from ..compat.wire import Wire
from ..waiting import eventually
from .tap import Master, info, snapshot, up

ID = b"a" * 40
F = Wire.frame


def followed(follower, serve):
    master = Master(serve)
    follower.replicate_from(f"redis://127.0.0.1:{master.port}", wait=False)
    return master


def offset_of(follower):
    return int(info(follower)["slave_repl_offset"])


def test_offsets_count_what_was_run(follower):
    stream = F(("SELECT", 2)) + F(("SET", "a", "1")) + F(("PING",)) + F(("INCR", "a"))

    def serve(caller):
        caller.greet()
        caller.full(snapshot(), 1000)
        caller.send(stream + b"*2\r\n$3\r\nDEL\r\n")
        assert caller.acknowledged(1000 + len(stream)) == 1000 + len(stream)
        caller.hold()

    with followed(follower, serve):
        up(follower)
        eventually(lambda: offset_of(follower) == 1000 + len(stream))
        session = follower.session()
        session.execute("SELECT", 2)
        assert session.execute("GET", "a") == b"2"


def test_ids_of_producers_with_those_that_the_master_has_chosen(follower):
    now = int(time.time() * 1000)
    stream = F(("XADD", "s", "IDMP", "p", "a", f"{now}-0", "f", "v")) + F(("XNACK", "s", "none", "FAIL", "IDS", "1", "1-1")) + F(("XADD", "s", "IDMP", "p", "a", f"{now}-1", "f", "v"))

    def serve(caller):
        caller.greet()
        caller.full(snapshot(), 1000)
        caller.send(stream)
        caller.acknowledged(1000 + len(stream))
        caller.hold()

    with followed(follower, serve):
        up(follower)
        eventually(lambda: follower.xlen("s") == 2)
    follower.execute("REPLICAOF", "NO", "ONE")
    assert follower.xadd("s", {"f": "w"}, idmp=("p", "a")) == f"{now}-1".encode()


def test_half_a_transaction_is_not_applied_and_is_asked_for_again(follower):
    before = F(("SELECT", 0)) + F(("SET", "a", "1"))
    unit = F(("MULTI",)) + F(("SET", "a", "2")) + F(("SET", "b", "2")) + F(("EXEC",))
    asked = []

    def serve(caller):
        asked.append(caller.greet()[1:])
        if len(asked) == 1:
            caller.full(snapshot(), 0, ID)
            caller.send(before + unit[:-5])
            caller.acknowledged(len(before))
            return
        caller.send(b"+CONTINUE\r\n" + unit)
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: follower.get("a") == b"1" or asked[1:])
        eventually(lambda: follower.get("b") == b"2")
        assert asked == [[b"?", b"-1"], [ID, b"%d" % (len(before) + 1)]]
        assert offset_of(follower) == len(before) + len(unit)


def test_every_cut_of_a_stream_is_taken_up(follower):
    """The line breaks after each number of bytes; the master sends from where it is asked."""
    dice = random.Random(3)
    stream = F(("SELECT", 0))
    for i in range(30):
        stream += dice.choice([F(("INCR", "n")), F(("RPUSH", "l", i)), F(("MULTI",)) + F(("INCR", "n")) + F(("RPUSH", "l", "x")) + F(("EXEC",))])
    cuts = iter([*range(0, len(stream), 37), *[len(stream)] * 100])

    def serve(caller):
        words = caller.greet()
        cut = next(cuts)
        if words[1] == b"?":
            caller.full(snapshot(), 0, ID)
            return
        begin = int(words[2]) - 1
        assert words[1] == ID and begin <= len(stream)
        caller.send(b"+CONTINUE " + ID + b"\r\n" + stream[begin:cut])
        if cut == len(stream):
            caller.hold()

    follower.configure("repl-timeout", 60)
    with followed(follower, serve):
        eventually(lambda: offset_of(follower) == len(stream))
    assert int(follower.get("n")) == stream.count(b"INCR") and follower.llen("l") == stream.count(b"RPUSH")


def test_a_master_with_a_new_id_is_followed_on(follower):
    asked = []

    def serve(caller):
        asked.append(caller.greet()[1:])
        if len(asked) == 1:
            caller.full(snapshot(), 7, ID)
            caller.acknowledged(7)
            return
        caller.send(b"+CONTINUE " + b"b" * 40 + b"\r\n")
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: info(follower)["master_replid"] == "b" * 40)
        found = info(follower)
        assert (found["master_replid2"], found["second_repl_offset"], found["slave_repl_offset"]) == ("a" * 40, "8", "7")


@pytest.mark.parametrize("strange", [("NOSUCH", "a"), ("SET", "a"), ("CONFIG", "SET", "maxmemory", "1"), ("SHUTDOWN",), ("LPUSH", "string", "x"), ("DEBUG", "SEGFAULT"), ("REPLICAOF", "NO", "ONE"),
                                     ("SUBSCRIBE", "c"), ("BLPOP", "none", "0"), ("MONITOR",), ("WAIT", "1", "0"), ("QUIT",), ("EXEC",), ("CLIENT", "REPLY", "OFF")])  # fmt: skip
def test_a_command_that_cannot_be_run_is_passed_over(follower, strange):
    stream = F(("SET", "string", "x")) + F(strange) + F(("SET", "after", "1"))

    def serve(caller):
        caller.greet()
        caller.full(snapshot())
        caller.send(stream)
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: offset_of(follower) == len(stream))
        assert follower.get("after") == b"1" and info(follower)["role"] == "slave"


@pytest.mark.parametrize("garbage", [b"\x00\x01", b"hello\r\n", b"$5\r\nhello\r\n", b"*1\r\n:5\r\n", b"*99999999999\r\n", b"*2\r\n$99999999999999\r\n", b"*-5\r\n", b"+OK\r\n"])
def test_a_broken_stream_is_not_continued(follower, garbage):
    """What came before it is kept until the snapshot that is asked for has arrived; then streams are continued again."""
    asked = []
    begin = F(("SET", "a", "1"))

    def serve(caller):
        asked.append(caller.greet()[1:])
        if len(asked) == 1:
            caller.full(snapshot(), 0, ID)
            caller.send(begin + garbage)
        elif len(asked) == 2:
            assert follower.get("a") == b"1"
            caller.full(snapshot(a="2"), 100, ID)
            caller.acknowledged(100)
            return
        else:
            caller.send(b"+CONTINUE\r\n")
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: len(asked) == 3)
        assert asked[1] == [b"?", b"-1"] and asked[2] == [ID, b"101"] and follower.get("a") == b"2"


def test_random_bytes_in_a_stream(follower):
    dice = random.Random(11)
    begin = F(("SELECT", 0)) + F(("SET", "a", "1"))

    def serve(caller):
        words = caller.greet()
        if words[1] == b"?":
            caller.full(snapshot(), 0, ID)
        else:
            caller.send(b"+CONTINUE\r\n")
        data = bytearray(b"".join(F(dice.choice([("INCR", "n"), ("LPUSH", "l", "x" * 50), ("MULTI",), ("EXEC",), ("PING",)])) for _ in range(20)))
        for _ in range(dice.randrange(5)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        caller.send(begin + bytes(data))
        caller.socket.shutdown(1)

    with followed(follower, serve) as master:
        eventually(lambda: len(master.requests) > 80)
    assert follower.execute("DEBUG", "CHECK") == b"OK"


def test_an_acknowledgement_is_sent_when_it_is_asked_for(follower):
    ask = F(("REPLCONF", "GETACK", "*"))
    seen = []

    def serve(caller):
        caller.greet()
        caller.full(snapshot(), 500)
        caller.acknowledged(500)
        caller.send(ask)
        seen.append(caller.acknowledged(500 + len(ask)))
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: seen)
        assert seen == [500 + len(ask)]


def test_keys_do_not_expire_before_the_master_says_so(follower):
    def serve(caller):
        caller.greet()
        caller.full(snapshot())
        caller.send(F(("SET", "a", "1", "PX", 10)) + F(("SET", "b", "1")) + F(("HSET", "h", "f", "1", "g", "1")) + F(("HPEXPIRE", "h", 10, "FIELDS", 1, "f")))
        assert go.wait(60)
        caller.send(F(("SET", "a", "2", "KEEPTTL")) + F(("PERSIST", "a")) + F(("DEL", "b")))
        caller.hold()

    go = threading.Event()
    follower.clock.freeze()
    with followed(follower, serve):
        eventually(lambda: follower.exists("h"))
        follower.clock.advance(1)
        assert follower.get("a") is None and follower.exists("a") == 0 and follower.dbsize() == 3
        assert follower.hget("h", "f") is None and follower.hget("h", "g") == b"1"
        assert set(follower.keys("*")) == {b"b", b"h"}
        assert info(follower, "stats")["expired_keys"] == "0"
        go.set()
        eventually(lambda: not follower.exists("b"))
        assert follower.get("a") == b"2"           # for the master it had not expired


def test_a_full_master_is_not_helped_by_eviction(follower):
    follower.configure("maxmemory", 1)
    follower.configure("maxmemory-policy", "allkeys-lru")

    def serve(caller):
        caller.greet()
        caller.full(snapshot(x="1"))
        caller.send(F(("SET", "a", "1")) + F(("SET", "b", "1")))
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: follower.get("b") == b"1")
        assert follower.dbsize() == 3


def test_clients_see_the_changes(follower):
    """WATCH and messages: all that hangs on a change."""

    def serve(caller):
        caller.greet()
        caller.full(snapshot())
        assert go.wait(60)
        caller.send(F(("SET", "watched", "1")) + F(("PUBLISH", "news", "hello")))
        caller.hold()

    go = threading.Event()
    with followed(follower, serve), follower.serve() as server:
        up(follower)
        wire, listener = Wire(("127.0.0.1", server.port)), Wire(("127.0.0.1", server.port))
        listener("SUBSCRIBE", "news")
        wire("WATCH", "watched")
        wire("MULTI")
        wire("GET", "watched")
        go.set()
        assert listener.read() == [b"message", b"news", b"hello"]
        assert wire("EXEC") is None
        wire.close()
        listener.close()


def test_what_cannot_be_done_ends_the_link(follower):
    """A database that does not exist: what follows must not go to another one, and a transaction that selects it is not begun. MULTI within MULTI."""
    asked = []
    begin = F(("SET", "a", "1"))
    tails = [F(("SELECT", "16")) + F(("SET", "b", "1")), F(("MULTI",)) + F(("INCR", "a")) + F(("SELECT", "16")) + F(("SET", "b", "1")) + F(("EXEC",)), F(("MULTI",)) + F(("MULTI",))]

    def serve(caller):
        asked.append(caller.greet()[1:])
        if len(asked) == 1:
            caller.full(snapshot(), 0, ID)
            caller.send(begin + tails[0])
        else:
            caller.send(b"+CONTINUE\r\n" + tails[len(asked) % 3])
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: len(asked) > 4)
        assert follower.mget("a", "b") == [b"1", None] and {int(words[1]) for words in asked[1:]} == {len(begin) + 1}


def test_a_transaction_arrives_in_pieces(follower):
    lines = [F(("RPUSH", "l", i)) for i in range(20_000)]
    stream = F(("MULTI",)) + b"".join(lines) + F(("EXEC",)) + F(("SET", "after", "1"))

    def serve(caller):
        caller.greet()
        caller.full(snapshot())
        for at in range(0, len(stream), 997):
            caller.send(stream[at : at + 997])
        caller.hold()

    with followed(follower, serve):
        eventually(lambda: offset_of(follower) == len(stream))
        assert follower.lrange("l", 0, -1) == [b"%d" % i for i in range(20_000)] and follower.get("after") == b"1"


def test_nothing_is_applied_while_a_script_runs(follower):
    """A script that runs for long lends the lock; what it reads stays as it is."""
    follower.configure("busy-reply-threshold", 1)
    begun, sent = threading.Event(), threading.Event()

    def serve(caller):
        caller.greet()
        caller.full(snapshot(a="1"))
        begun.wait(30)
        caller.send(F(("SET", "a", "2")))
        sent.set()
        caller.hold()

    script = """
        for i = 1, 4000000 do
            if redis.call('GET', 'a') ~= '1' then return 'changed' end
        end
        return 'as it was'
    """
    with followed(follower, serve):
        up(follower)
        threading.Timer(0.2, begun.set).start()
        assert follower.eval(script, 0) == b"as it was"
        assert sent.is_set()
        eventually(lambda: follower.get("a") == b"2")
