"""SLOWLOG, COMMANDLOG and LATENCY: what is recorded, in which order, and how much of it."""

import pytest


@pytest.fixture
def slow(peer):
    """Records every command."""
    peer("CONFIG", "SET", "slowlog-log-slower-than", 0)
    peer("SLOWLOG", "RESET")
    yield peer
    peer("CONFIG", "SET", "slowlog-log-slower-than", 10_000, "slowlog-max-len", 128)


def test_the_newest_comes_first_with_numbers_that_rise(slow):
    slow("CLIENT", "SETNAME", "me")
    for key in "abc":
        slow("SET", key, "v")
    rows = slow("SLOWLOG", "GET", 3)
    assert [row[3] for row in rows] == [[b"SET", b"c", b"v"], [b"SET", b"b", b"v"], [b"SET", b"a", b"v"]] and [row[0] - rows[2][0] for row in rows] == [2, 1, 0]
    assert all(row[1] > 1_600_000_000 and row[2] >= 0 and row[5] == b"me" for row in rows)


def test_length_and_limit(slow):
    for key in range(30):
        slow("GET", key)
    assert len(slow("SLOWLOG", "GET")) == 10 and len(slow("SLOWLOG", "GET", -1)) >= 30
    slow("CONFIG", "SET", "slowlog-max-len", 5)
    slow("GET", "k")
    assert slow("SLOWLOG", "LEN") == 5 and slow("SLOWLOG", "GET", 0) == [] and isinstance(slow("SLOWLOG", "GET", -2), Exception) and isinstance(slow("SLOWLOG", "GET", "x"), Exception)
    assert slow("SLOWLOG", "RESET") == b"OK" and slow("SLOWLOG", "LEN") <= 1


REQUESTS, REPLIES = "commandlog-request-larger-than", "commandlog-reply-larger-than"


@pytest.fixture
def large(peer):
    """Records requests and replies of 100 bytes or more."""
    if isinstance(peer("COMMANDLOG", "LEN", "slow"), Exception):
        pytest.skip("Redis has no COMMANDLOG")
    peer("CONFIG", "SET", REQUESTS, 100, REPLIES, 100)
    for kind in ("slow", "large-request", "large-reply"):
        assert peer("COMMANDLOG", "RESET", kind) == b"OK"
    yield peer
    peer("CONFIG", "SET", REQUESTS, 1048576, REPLIES, 1048576, "commandlog-large-request-max-len", 128, "commandlog-large-reply-max-len", 128)


def sizes(peer, kind):
    """The first word, and the size, of the entries of a log, oldest first, without those of this function."""
    entries = [(entry[3][0].decode().upper(), entry[2]) for entry in reversed(peer("COMMANDLOG", "GET", -1, kind))]
    return [entry for entry in entries if entry[0] != "COMMANDLOG"]


@pytest.mark.parametrize(("length", "size"), [(72, None), (73, 100), (99, 126), (100, 128), (1000, 1029)])
def test_a_large_request_is_logged_with_the_size_that_was_sent(large, length, size):
    large("SET", "k", "x" * length)
    assert sizes(large, "large-request") == ([("SET", size)] if size else []) and sizes(large, "large-reply") == []


@pytest.mark.parametrize(("length", "size"), [(92, None), (93, 100), (1000, 1009)])
def test_a_large_reply_is_logged_with_its_size(large, length, size):
    large("SET", "k", "x" * length)
    large("GET", "k")
    assert sizes(large, "large-reply") == ([("GET", size)] if size else [])


def test_an_entry_of_a_large_request(large):
    large("CLIENT", "SETNAME", "me")
    large("ECHO", "x" * 200)
    large("AUTH", "u" * 60, "p" * 60)
    [secret, [number, at, size, words, address, name]] = large("COMMANDLOG", "GET", 2, "large-request")
    assert secret[3] == [b"AUTH", b"(redacted)", b"(redacted)"] and secret[0] == number + 1
    assert at > 1_600_000_000 and size == 222 and words == [b"ECHO", b"x" * 128 + b"... (72 more bytes)"] and address and name == b"me"


def test_requests_in_one_pipeline_are_weighed_one_by_one(large):
    wire = large.open()
    wire.send(wire.frame(("PING",)) * 50 + wire.frame(("ECHO", "x" * 200)) + wire.frame(("PING",)) * 50)
    assert [wire.read() for _ in range(101)].count(b"PONG") == 100
    assert sizes(large, "large-request") == [("ECHO", 222)] and sizes(large, "large-reply") == [("ECHO", 208)]


def test_a_script_is_a_large_request_and_its_commands_are_not(large):
    large("SET", "k", "x" * 60)
    large("EVAL", "redis.call('set', KEYS[2], string.rep('y', 200)) return 'a comment that makes this long' and redis.call('get', KEYS[1])", 2, "k", "other")
    assert [name for name, _ in sizes(large, "large-request")] == ["EVAL"] and sizes(large, "large-reply") == []


def test_commands_of_a_transaction_are_logged_and_not_exec(large):
    large("SET", "k", "x" * 60)
    large("SET", "other", "x" * 99)
    large("COMMANDLOG", "RESET", "large-request")
    for line in ("MULTI", "GET k", "GET other", "EXEC"):
        large(*line.split())
    assert [name for name, _ in sizes(large, "large-reply")][:1] == ["GET"] and sizes(large, "large-request") == []


def test_a_request_that_waits_is_logged_once(large):
    wire = large.open()
    wire.send(wire.frame(("BLPOP", "l" * 200, 0)))
    while b"blocked_clients:1" not in large("INFO", "clients"):
        pass
    large("RPUSH", "l" * 200, "v")
    assert wire.read() == [b"l" * 200, b"v"] and sorted(name for name, _ in sizes(large, "large-request")) == ["BLPOP", "RPUSH"]


def test_a_reply_that_is_not_sent_is_not_logged(large):
    wire = large.open()
    large("SET", "k", "x" * 200)
    wire.send(wire.frame(("CLIENT", "REPLY", "OFF")) + wire.frame(("GET", "k")) + wire.frame(("CLIENT", "REPLY", "ON")))
    assert wire.read() == b"OK" and sizes(large, "large-reply") == []


def test_limits_of_the_logs(large):
    large("CONFIG", "SET", "commandlog-large-request-max-len", 2)
    for i in range(5):
        large("ECHO", f"{i}" + "x" * 200)
    assert large("COMMANDLOG", "LEN", "large-request") == 2 and [e[3][1][:1] for e in large("COMMANDLOG", "GET", -1, "large-request")] == [b"4", b"3"]
    large("CONFIG", "SET", "commandlog-large-request-max-len", 0)
    large("ECHO", "x" * 200)
    assert large("COMMANDLOG", "LEN", "LARGE-REQUEST") == 2 and large("COMMANDLOG", "RESET", "large-request") == b"OK" and large("COMMANDLOG", "LEN", "large-request") == 0
    large("CONFIG", "SET", "commandlog-large-request-max-len", 10, REQUESTS, -1, REPLIES, -1)
    large("COMMANDLOG", "RESET", "large-reply")
    large("ECHO", "x" * 200)
    assert large("COMMANDLOG", "LEN", "large-request") == large("COMMANDLOG", "LEN", "large-reply") == 0


def test_slowlog_is_the_slow_one_of_the_logs(large):
    large("CONFIG", "SET", "commandlog-execution-slower-than", 0)
    large("SET", "k", "v")
    large("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
    [entry] = [entry for entry in large("COMMANDLOG", "GET", -1, "slow") if entry[3][0] == b"SET"]
    assert entry in large("SLOWLOG", "GET", -1) and large("SLOWLOG", "LEN") == large("COMMANDLOG", "LEN", "slow")
    assert large("COMMANDLOG", "RESET", "slow") == b"OK" and large("SLOWLOG", "LEN") == 0


@pytest.mark.parametrize("words", [("GET", "x", "slow"), ("GET", -2, "slow"), ("GET", 1, "fast"), ("GET", 1), ("LEN",), ("LEN", "fast"), ("RESET", "fast"), ("NONE",)])
def test_errors_of_commandlog(large, words):
    reply = str(large("COMMANDLOG", *words))
    if words[-1] == "fast":
        assert reply == "ERR type should be one of the following: slow, large-request, large-reply"
    elif words[-1] == "slow":
        assert reply == "ERR count should be greater than or equal to -1"
    else:
        assert reply in (f"ERR wrong number of arguments for 'commandlog|{words[0].lower()}' command", "ERR unknown subcommand 'NONE'. Try COMMANDLOG HELP.")


def test_no_entry_is_added_to_a_slow_log_without_room(slow):
    if slow.version < (7, 2):
        pytest.skip("Redis 7.0 removes the others")
    slow("PING")
    slow("CONFIG", "SET", "slowlog-max-len", 0)
    before = slow("SLOWLOG", "LEN")
    slow("PING")
    assert slow("SLOWLOG", "LEN") == before > 0


def test_in_process_calls_are_weighed_too(store):
    store.configure(REPLIES, 2_000_000)
    value = "x" * 1_500_000
    store.set("k", value)
    assert [entry[2] for entry in store.execute("COMMANDLOG", "GET", -1, "large-request")] == [1_500_032] and store.get("k")
    assert store.execute("COMMANDLOG", "LEN", "large-reply") == 0
    store.configure(REPLIES, 1_500_000)
    assert store.get("k") == value.encode() and store.execute("GET", "k")
    assert [entry[2:4] for entry in store.execute("COMMANDLOG", "GET", -1, "large-reply")] == [[1_500_012, [b"GET", b"k"]]] * 2
    store.configure(REQUESTS, 50)
    store.set("k", "x" * 40)
    store.set("k" * 60, "")
    assert [entry[2] for entry in store.execute("COMMANDLOG", "GET", 2, "large-request")] == [86, 67]


@pytest.fixture
def late(peer):
    """Records commands that take a millisecond or more."""
    peer("CONFIG", "SET", "latency-monitor-threshold", 1)
    peer("LATENCY", "RESET")
    yield peer
    peer("CONFIG", "SET", "latency-monitor-threshold", 0)
    peer("LATENCY", "RESET")


def test_events_are_recorded_at_their_worst(late):
    late("DEBUG", "SLEEP", "0.03")
    [[name, at, last, worst, *_]] = late("LATENCY", "LATEST")
    assert name == b"command" and at > 1_600_000_000 and worst >= last >= 25
    [[when, took]] = late("LATENCY", "HISTORY", "command")
    assert when == at and took == worst and late("LATENCY", "HISTORY", "none") == []
    assert late("LATENCY", "GRAPH", "command").startswith(b"command - ") and isinstance(late("LATENCY", "GRAPH", "none"), Exception)
    assert late("LATENCY", "RESET", "none") == 0 and late("LATENCY", "RESET", "command") == 1 and late("LATENCY", "LATEST") == []


def test_without_a_threshold_nothing_is_recorded(peer):
    peer("CONFIG", "SET", "latency-monitor-threshold", 0)
    peer("DEBUG", "SLEEP", "0.01")
    assert peer("LATENCY", "LATEST") == [] and peer("LATENCY", "DOCTOR")


def test_histograms(peer):
    peer("CONFIG", "RESETSTAT")
    for _ in range(5):
        peer("SET", "k", "v")
    peer("GET", "k")
    wire = peer.open(3)
    found = wire("LATENCY", "HISTOGRAM", "set", "get", "nosuch", "lpush")
    assert {name: entry[b"calls"] for name, entry in found.items()} == {b"set": 5, b"get": 1}
    buckets = list(found[b"set"][b"histogram_usec"].items())
    assert [n for _, n in buckets] == sorted(n for _, n in buckets) and buckets[-1][1] == 5


def test_monitor_ends_with_reset(peer):
    monitor = peer.open()
    assert monitor("MONITOR") == b"OK"
    peer("SET", "k", "v")
    assert b'"SET" "k" "v"' in monitor.read()
    assert monitor("RESET") == b"RESET"
    peer("SET", "k", "w")
    assert monitor("PING") == b"PONG"
