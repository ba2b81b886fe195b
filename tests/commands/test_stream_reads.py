"""XREAD and XREADGROUP: what comes after an id, of several streams, now or when it comes."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

import kvd

from ..compat.wire import Wire
from ..conftest import Peer
from ..waiting import blocked, eventually


@pytest.fixture
def two(peer):
    for i in range(1, 4):
        peer("XADD", "a", f"{i}-0", "n", i)
        peer("XADD", "b", f"{i}-0", "n", i)
    peer("XGROUP", "CREATE", "a", "g", 0)
    return peer


def ids(reply):
    return {stream.decode(): [entry[0].decode() for entry in entries] for stream, entries in reply or ()}


def test_after_an_id(two):
    assert ids(two("XREAD", "STREAMS", "a", "none", "b", "2", "0", "1-1")) == {"a": ["3-0"], "b": ["2-0", "3-0"]} and two("XREAD", "STREAMS", "a", "b", "$", "3-0") is None
    assert ids(two("XREAD", "COUNT", 1, "STREAMS", "a", "b", "0", "0")) == {"a": ["1-0"], "b": ["1-0"]} and two("XREAD", "BLOCK", 1, "STREAMS", "a", "$") is None


def test_resp3_replies_with_a_map(two):
    assert two.open(3)("XREAD", "STREAMS", "a", "2") == {b"a": [[b"3-0", [b"n", b"3"]]]}


def test_new_entries_go_to_one_consumer_and_history_is_ones_own(two):
    assert ids(two("XREADGROUP", "GROUP", "g", "alice", "COUNT", 2, "STREAMS", "a", ">")) == {"a": ["1-0", "2-0"]}
    assert ids(two("XREADGROUP", "GROUP", "g", "bob", "STREAMS", "a", ">")) == {"a": ["3-0"]} and two("XREADGROUP", "GROUP", "g", "bob", "STREAMS", "a", ">") is None
    assert ids(two("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "a", "0")) == {"a": ["1-0", "2-0"]} and ids(two("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "a", "1")) == {"a": ["2-0"]}
    two("XACK", "a", "g", "1-0")
    two("XDEL", "a", "2-0")
    assert two("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "a", "0") == [[b"a", [[b"2-0", None]]]]


def test_noack_leaves_nothing_pending(two):
    two("XREADGROUP", "GROUP", "g", "c", "NOACK", "STREAMS", "a", ">")
    assert two("XPENDING", "a", "g")[0] == 0 and two("XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", ">") is None


def test_waiting_for_several_streams(two):
    reader, grouped = two.open(), two.open()
    reader.send(Wire.frame(("XREAD", "BLOCK", "0", "STREAMS", "a", "b", "none", "$", "$", "$")))
    eventually(lambda: b"blocked_clients:1\r" in two("INFO", "clients"))
    two("XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", ">")
    grouped.send(Wire.frame(("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", ">")))
    eventually(lambda: b"blocked_clients:2\r" in two("INFO", "clients"))
    two("XADD", "none", "5-0", "n", 5)
    assert ids(reader.read()) == {"none": ["5-0"]}
    two("XADD", "a", "6-0", "n", 6)
    assert ids(grouped.read()) == {"a": ["6-0"]} and two("XPENDING", "a", "g")[0] == 4


def test_all_that_waits_for_a_stream_gets_each_entry(two):
    readers = [two.open() for _ in range(3)]
    for n, wire in enumerate(readers, 1):
        wire.send(Wire.frame(("XREAD", "BLOCK", "0", "STREAMS", "a", "$")))
        eventually(lambda n=n: b"blocked_clients:%d\r" % n in two("INFO", "clients"))
    two("XADD", "a", "9-0", "n", 9)
    assert [ids(wire.read()) for wire in readers] == [{"a": ["9-0"]}] * 3


@pytest.mark.parametrize("line", [
    "XREAD STREAMS a", "XREAD STREAMS a b 0", "XREAD COUNT x STREAMS a 0", "XREAD BLOCK -1 STREAMS a 0", "XREAD STREAMS a >", "XREAD STREAMS a x", "XREADGROUP GROUP g STREAMS a >", "XREADGROUP GROUP none c STREAMS a >",
    "XREADGROUP GROUP g c STREAMS none >", "XREADGROUP GROUP g c STREAMS a $", "XREAD GROUP g c STREAMS a 0", "XREAD NOACK STREAMS a 0", "XREADGROUP STREAMS a >", "XREAD STREAMS text 0",
])  # fmt: skip
def test_wrong_forms_deliver_nothing(two, line):
    two("SET", "text", "v")
    assert isinstance(two(*line.split()), Exception) and two("XPENDING", "a", "g")[0] == 0


# ---- CLAIM, as Redis 8.4 documents it: none of the servers that tests compare with has it ------------

READ = ("XREADGROUP", "GROUP", "g")


def rows(reply):
    """{stream: [(id, idle, deliveries), ...]} of a reply with CLAIM."""
    pairs = reply.items() if isinstance(reply, dict) else reply or ()
    return {name.decode(): [(entry[0].decode(), *entry[2:]) for entry in entries] for name, entries in pairs}


@pytest.fixture
def claims(run):
    """Three entries, 1-0 and 2-0 of which alice has had for 10 and 5 ms; the clock stands still."""
    run.store.clock.freeze(1_700_000_000)
    run("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    for i in (1, 2, 3):
        run("XADD", "s", f"{i}-0", "n", i)
    run(*READ, "alice", "COUNT", 1, "STREAMS", "s", ">")
    run.store.clock.advance(0.005)
    run(*READ, "alice", "COUNT", 1, "STREAMS", "s", ">")
    run.store.clock.advance(0.005)
    yield run
    assert run("DEBUG", "CHECK") in (b"OK", "OK")


def pending(run, name="s"):
    return [(id.decode(), owner.decode(), deliveries) for id, owner, _, deliveries in run("XPENDING", name, "g", "-", "+", 100)]


def test_claimed_entries_come_first_with_their_idle_time_and_deliveries(claims):
    reply = claims(*READ, "bob", "CLAIM", 10, "STREAMS", "s", ">")
    assert list(reply.items() if isinstance(reply, dict) else map(tuple, reply)) == [(b"s", [[b"1-0", [b"n", b"1"], 10, 1], [b"3-0", [b"n", b"3"], 0, 0]])]
    assert pending(claims) == [("1-0", "bob", 2), ("2-0", "alice", 1), ("3-0", "bob", 1)]
    assert rows(claims(*READ, "bob", "CLAIM", 5, "STREAMS", "s", ">")) == {"s": [("2-0", 5, 1)]}
    assert claims(*READ, "bob", "CLAIM", 1, "STREAMS", "s", ">") is None


def test_the_longest_idle_is_first_and_none_comes_twice(claims):
    claims("XCLAIM", "s", "g", "alice", 0, "1-0", "IDLE", 7, "JUSTID")
    claims("XCLAIM", "s", "g", "carol", 0, "3-0", "FORCE", "IDLE", 6, "JUSTID")
    assert rows(claims(*READ, "bob", "CLAIM", 0, "STREAMS", "s", ">")) == {"s": [("1-0", 7, 1), ("3-0", 6, 1), ("2-0", 5, 1), ("3-0", 0, 0)]}
    assert rows(claims(*READ, "bob", "CLAIM", 0, "STREAMS", "s", ">")) == {"s": [("1-0", 0, 2), ("2-0", 0, 2), ("3-0", 0, 1)]}


def test_count_is_shared_by_claimed_and_new_entries_of_a_stream(claims):
    claims("XGROUP", "CREATE", "t", "g", 0, "MKSTREAM")
    claims("XADD", "t", "9-0", "n", 9)
    claims("XADD", "t", "10-0", "n", 10)
    assert rows(claims(*READ, "bob", "COUNT", 1, "CLAIM", 1, "STREAMS", "s", "t", ">", ">")) == {"s": [("1-0", 10, 1)], "t": [("9-0", 0, 0)]}
    assert rows(claims("XREADGROUP", "CLAIM", 99, "CLAIM", 1, *READ[1:], "bob", "COUNT", 2, "STREAMS", "s", "t", ">", ">")) == {"s": [("2-0", 5, 1), ("3-0", 0, 0)], "t": [("10-0", 0, 0)]}


def test_noack_concerns_new_entries_only(claims):
    assert rows(claims(*READ, "bob", "NOACK", "CLAIM", 1, "STREAMS", "s", ">")) == {"s": [("1-0", 10, 1), ("2-0", 5, 1), ("3-0", 0, 0)]}
    assert pending(claims) == [("1-0", "bob", 2), ("2-0", "bob", 2)]


def test_claim_is_ignored_with_other_ids(claims):
    assert claims(*READ, "bob", "CLAIM", 0, "STREAMS", "s", "0") in ([[b"s", []]], {b"s": []}) and [len(e) for e in ids_of(claims(*READ, "alice", "CLAIM", 0, "STREAMS", "s", "0"))] == [2, 2]


def ids_of(reply):
    return (reply if isinstance(reply, dict) else dict(reply))[b"s"]


def test_pending_entries_that_were_deleted_are_dropped(claims):
    claims("XDEL", "s", "1-0")
    assert rows(claims(*READ, "bob", "CLAIM", 0, "COUNT", 1, "STREAMS", "s", ">")) == {"s": [("2-0", 5, 1)]} and pending(claims) == [("2-0", "bob", 2)]
    claims("XTRIM", "s", "MAXLEN", 0)
    assert claims(*READ, "bob", "CLAIM", 0, "STREAMS", "s", ">") is None and pending(claims) == []


def test_the_order_of_delivery_outlives_a_copy_and_a_reload(claims):
    claims("XCLAIM", "s", "g", "carol", 0, "1-0", "IDLE", 2, "JUSTID")
    claims("COPY", "s", "copy")
    for _ in range(2):
        assert rows(claims(*READ, "bob", "CLAIM", 2, "NOACK", "STREAMS", "copy", ">")) == {"copy": [("2-0", 5, 1), ("1-0", 2, 1), ("3-0", 0, 0)]}
        claims("DEL", "copy")
        claims("RESTORE", "copy", 0, claims("DUMP", "s"))
    assert claims("DEBUG", "RELOAD") in (b"OK", "OK") and claims(*READ, "bob", "CLAIM", 6, "COUNT", 1, "STREAMS", "s", ">")
    assert rows(claims(*READ, "bob", "CLAIM", 1, "STREAMS", "s", ">")) == {"s": [("2-0", 5, 1), ("1-0", 2, 1)]}


def test_the_order_follows_whatever_happens_to_entries(run):
    """Against a list of what was delivered, the oldest first."""
    rng, delivered, deliveries = random.Random(4), [], {}
    run.store.clock.freeze(1_700_000_000)
    run("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
    for i in range(1, 400):
        run("XADD", "s", f"{i}-0", "n", i)
        if rng.random() < 0.3:
            run.store.clock.advance(0.001)
        if rng.random() < 0.6:
            for name, *_ in rows(run(*READ, rng.choice("ab"), "STREAMS", "s", ">")).get("s", ()):
                delivered.append(name)
                deliveries[name] = 1
        for name in rng.sample(delivered, min(len(delivered), rng.choice((0, 0, 1, 5)))):
            delivered.remove(name)
            if rng.random() < 0.5:
                run("XACK", "s", "g", name)
            else:
                run("XCLAIM", "s", "g", rng.choice("abc"), 0, name, "JUSTID")
                delivered.append(name)
        if rng.random() < 0.2:
            n = rng.randint(1, 5)
            found = rows(run(*READ, "d", "NOACK", "CLAIM", 0, "COUNT", n, "STREAMS", "s", ">")).get("s", ())
            claimed = [row for row in found if row[2]]
            assert [row[0] for row in claimed] == delivered[:n] and all(row[2] == deliveries[row[0]] for row in claimed)
            delivered = delivered[n:] + delivered[:n]
            for row in claimed:
                deliveries[row[0]] += 1
    assert run("DEBUG", "CHECK") in (b"OK", "OK") and len(delivered) > 100


@pytest.mark.parametrize(("line", "error"), [
    *[(f"XREADGROUP GROUP g c CLAIM {word} STREAMS s >", "ERR min-idle-time is not an integer") for word in ("x", "5.5", "+10", "-0", "10e", "9223372036854775808", "")],
    ("XREADGROUP GROUP g c CLAIM -10 STREAMS s >", "ERR min-idle-time must be a positive integer"), ("XREADGROUP GROUP g c CLAIM STREAMS s >", "ERR min-idle-time is not an integer"),
    ("XREADGROUP GROUP g CLAIM 50 c STREAMS s >", "ERR syntax error"), ("XREADGROUP GROUP g c CLAIM 1 CLAIM", "ERR syntax error"),
    ("XREAD CLAIM 10 STREAMS s 0", "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead."),
    ("XREADGROUP GROUP none c CLAIM 1 STREAMS s >", "NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option"),
    ("XREADGROUP GROUP g c CLAIM 1 STREAMS text >", "WRONGTYPE Operation against a key holding the wrong kind of value"),
])  # fmt: skip
def test_wrong_forms_of_claim(claims, line, error):
    claims("SET", "text", "v")
    assert claims(*line.split(" ")) == error and claims(*READ, "c", "CLAIM", 2**63 - 1, "COUNT", 1, "STREAMS", "s", ">") is not None


def test_claims_in_transactions_and_scripts_do_not_wait(claims):
    assert claims("MULTI") in (b"OK", "OK")
    claims(*READ, "bob", "BLOCK", 0, "CLAIM", 1, "STREAMS", "s", ">")
    claims(*READ, "bob", "BLOCK", 0, "CLAIM", 1, "STREAMS", "s", ">")
    first, second = claims("EXEC")
    assert rows(first) == {"s": [("1-0", 10, 1), ("2-0", 5, 1), ("3-0", 0, 0)]} and second is None


# ---- waiting for entries that become idle -----------------------------------------------------------

@pytest.fixture
def served():
    with kvd.Store(enable_debug_command="yes").serve() as server:
        one = Peer(("127.0.0.1", server.port), (99, 0))
        one("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
        one("XGROUP", "CREATE", "t", "g", 0, "MKSTREAM")
        yield one
        one.close()


def waiting(peer, name, idle, *streams, block=0, n=1):
    wire = peer.open()
    wire.send(Wire.frame([str(word) for word in (*READ, name, "BLOCK", block, "CLAIM", idle, "STREAMS", *streams, *[">"] * len(streams))]))
    eventually(lambda: b"blocked_clients:%d\r" % n in peer("INFO", "clients"))
    return wire


def test_a_pending_entry_wakes_a_reader_when_it_is_idle_long_enough(served):
    served("XADD", "t", "1-0", "n", 1)
    served(*READ, "alice", "STREAMS", "t", ">")
    wire = waiting(served, "bob", 100, "s", "t")
    ((_, [[name, _, idle, deliveries]]),) = wire.read()
    assert (name, deliveries) == (b"1-0", 1) and idle >= 100 and served("XPENDING", "t", "g", "-", "+", 5)[0][1] == b"bob"


def test_entries_that_become_pending_later_count_too(served):
    """No entry was pending when the reader began to wait; each of the ways in which one becomes it."""
    for n, line in enumerate(("XREADGROUP GROUP g alice STREAMS s >", "XCLAIM s g alice 0 2-0 FORCE", "XCLAIM s g alice 0 3-0 FORCE IDLE 500"), 1):
        wire = waiting(served, "bob", 100, "s")
        served("MULTI")
        served("XADD", "s", f"{n}-0", "n", n)
        if n > 1:
            served("XGROUP", "SETID", "s", "g", f"{n}-0")
        served(*line.split())
        served("EXEC")
        assert wire.read()[0][1][0][0] == b"%d-0" % n
        served("XACK", "s", "g", f"{n}-0")


def test_readers_wait_for_different_times_and_new_entries_come_first(served):
    served("XADD", "s", "1-0", "n", 1)
    served(*READ, "alice", "STREAMS", "s", ">")
    patient, hasty = waiting(served, "patient", 10**9, "s"), waiting(served, "hasty", 50, "s", n=2)
    assert hasty.read()[0][1][0][0] == b"1-0"
    served("XADD", "s", "2-0", "n", 2)
    assert patient.read() == [[b"s", [[b"2-0", [b"n", b"2"], 0, 0]]]]


def test_a_wait_for_idle_entries_ends(served):
    served("XADD", "s", "1-0", "n", 1)
    served(*READ, "alice", "STREAMS", "s", ">")
    assert served(*READ, "bob", "BLOCK", 20, "CLAIM", 10**9, "STREAMS", "s", ">") is None
    assert served(*READ, "bob", "BLOCK", 20, "CLAIM", 2**63 - 1, "STREAMS", "s", ">") is None
    gone = waiting(served, "bob", 10**9, "s")
    served("XGROUP", "DESTROY", "s", "g")
    assert "NOGROUP" in str(gone.read())


def test_a_thread_waits_for_idle_entries_without_a_server():
    store = kvd.Store(enable_debug_command="yes")
    store.xgroup_create("s", "g", 0, mkstream=True)
    store.xadd("s", {"n": 1}, id="1-0")
    store.xreadgroup("g", "alice", {"s": ">"})
    ((_, [(name, _, idle, deliveries)]),) = store.xreadgroup("g", "bob", {"s": ">"}, block=60_000, claim_min_idle_time=80)
    assert (name, deliveries) == (b"1-0", 1) and idle >= 80
    assert store.xreadgroup("g", "bob", {"s": ">"}, block=20, claim_min_idle_time=10**9) == [] and store.execute("DEBUG", "CHECK") == b"OK"


def test_a_client_without_a_socket_waits_for_idle_entries():
    store = kvd.Store(enable_debug_command="yes")
    with kvd.Redis(store) as client:
        client.xgroup_create("s", "g", 0, mkstream=True)
        client.xadd("s", {"n": 1}, id="1-0")
        client.xreadgroup("g", "alice", {"s": ">"})
        ((_, [(name, _, idle, deliveries)]),) = client.xreadgroup("g", "bob", {"s": ">"}, block=60_000, claim_min_idle_time=80)
        assert (name, deliveries) == (b"1-0", 1) and idle >= 80


# ---- MAXCOUNT and MAXSIZE, of Redis 8.10 -------------------------------------------------------------

@pytest.fixture
def three(run):
    """Streams a, b and c of three entries each, 29 bytes in a reply."""
    for name in "abc":
        run("XGROUP", "CREATE", name, "g", 0, "MKSTREAM")
        for i in (1, 2, 3):
            run("XADD", name, f"{i}-0", "f", "v")
    return run


GROUPED, PLAIN = ("XREADGROUP", "GROUP", "g", "c"), ("XREAD",)


@pytest.mark.parametrize(("head", "id"), [(PLAIN, "0"), (GROUPED, ">")])
@pytest.mark.parametrize(("options", "counts"), [
    ("MAXCOUNT 4", "31"), ("COUNT 2 MAXCOUNT 3", "21"), ("MAXCOUNT 3 COUNT 1", "111"), ("maxcount 1", "1"), ("MAXCOUNT 3", "3"), ("MAXCOUNT 100", "333"), ("COUNT 2 MAXCOUNT 2", "2"), (f"COUNT 0 MAXCOUNT {2**63 - 1}", "333"),
    ("MAXSIZE 1", "1"), ("MAXSIZE 60", "2"), ("COUNT 1 MAXSIZE 60", "11"), ("MAXSIZE 100000", "333"), ("MAXSIZE 60 MAXCOUNT 1", "1"), ("MAXCOUNT 8 MAXSIZE 160", "32"),
])  # fmt: skip
def test_limits_of_the_whole_reply(three, head, id, options, counts):
    reply = three(*head, *options.split(), "STREAMS", "a", "b", "c", id, id, id)
    assert [(name, [e[0] for e in entries]) for name, entries in dict(reply).items()] == [
        (name.encode(), [b"1-0", b"2-0", b"3-0"][: int(n)]) for name, n in zip("abc", counts, strict=False)
    ]


def test_a_large_entry_is_replied_alone_and_what_is_left_out_is_not_delivered(three):
    three("XADD", "a", "9-0", "f", "v" * 1000)
    assert list(rows_of(three(*GROUPED, "MAXSIZE", 10, "STREAMS", "b", "a", ">", ">"))) == [(b"b", [b"1-0"])]
    assert list(rows_of(three(*GROUPED, "MAXSIZE", 500, "STREAMS", "a", "b", ">", ">"))) == [(b"a", [b"1-0", b"2-0", b"3-0", b"9-0"])]
    assert three("XPENDING", "b", "g")[0] == 1 and three("XPENDING", "a", "g")[0] == 4 and three("XINFO", "CONSUMERS", "c", "g") == []


def rows_of(reply):
    return [(name, [e[0] for e in entries]) for name, entries in dict(reply).items()]


def test_limits_of_history_and_of_claimed_entries(three):
    three(*GROUPED, "STREAMS", "a", "b", "c", ">", ">", ">")
    assert rows_of(three(*GROUPED, "MAXCOUNT", 4, "STREAMS", "a", "b", "c", "0", "1", "0")) == [(b"a", [b"1-0", b"2-0", b"3-0"]), (b"b", [b"2-0"])]
    assert rows_of(three(*GROUPED, "MAXSIZE", 45, "STREAMS", "c", "b", "0", "0")) == [(b"c", [b"1-0", b"2-0"])]
    assert rows_of(three(*GROUPED, "MAXCOUNT", 1, "STREAMS", "c", "b", "9", "0")) == [(b"c", []), (b"b", [b"1-0"])]
    three("XADD", "a", "4-0", "f", "v")
    assert rows_of(three("XREADGROUP", "GROUP", "g", "d", "MAXCOUNT", 4, "CLAIM", 0, "STREAMS", "a", "b", ">", ">")) == [(b"a", [b"1-0", b"2-0", b"3-0", b"4-0"])]
    assert rows_of(three("XREADGROUP", "GROUP", "g", "d", "CLAIM", 0, "MAXCOUNT", 5, "COUNT", 3, "STREAMS", "b", "c", ">", ">")) == [(b"b", [b"3-0", b"2-0", b"1-0"]), (b"c", [b"3-0", b"1-0"])]


def test_the_size_is_that_of_the_command_itself_in_a_transaction(three):
    three("SET", "large", "v" * 1000)
    three("MULTI")
    three("GET", "large")
    three("XREAD", "MAXSIZE", 60, "STREAMS", "a", 0)
    assert [len(entries) for _, entries in rows_of(three("EXEC")[1])] == [2]


def test_a_reader_that_waits_keeps_its_limits():
    store = kvd.Store()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.xread, {"a": "$", "b": "$"}, block=0, max_count=1, max_size=1)
        blocked(store)
        with store.pipeline() as pipe:
            pipe.xadd("b", {"n": 1}, id="1-0")
            pipe.xadd("a", {"n": 2}, id="1-0")
            pipe.execute()
        assert waiting.result(60) in ([[b"a", [(b"1-0", {b"n": b"2"})]]], [[b"b", [(b"1-0", {b"n": b"1"})]]])


@pytest.mark.parametrize("head", [PLAIN, GROUPED])
@pytest.mark.parametrize(("options", "error"), [
    ("MAXCOUNT 0", "ERR MAXCOUNT must be > 0"), ("MAXCOUNT -1", "ERR MAXCOUNT must be > 0"), ("MAXSIZE 0", "ERR MAXSIZE must be > 0"), ("MAXCOUNT x", "ERR value is not an integer or out of range"),
    ("MAXSIZE 1.5", "ERR value is not an integer or out of range"), ("COUNT 3 MAXCOUNT 2", "ERR MAXCOUNT must not be less than COUNT"), ("MAXCOUNT 2 COUNT 3", "ERR MAXCOUNT must not be less than COUNT"), ("MAXCOUNT", "ERR value is not an integer or out of range"),
])  # fmt: skip
def test_wrong_limits(three, head, options, error):
    assert three(*head, *options.split(), "STREAMS", "a", ">" if head == GROUPED else "0").removeprefix("ERR ") == error.removeprefix("ERR ") and three("XPENDING", "a", "g")[0] == 0
