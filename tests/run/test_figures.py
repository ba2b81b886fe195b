"""What is counted and measured of calls that wait, of scripts, and of transactions; MONITOR's order."""

import re

import pytest

import kvd


def figures(peer, name):
    """(calls, rejected_calls, failed_calls) of a command."""
    for line in peer("INFO", "commandstats").decode().splitlines():
        if line.startswith(f"cmdstat_{name}:"):
            return tuple(int(re.search(rf"\b{part}=(\d+)", line)[1]) for part in ("calls", "rejected_calls", "failed_calls"))
    return 0, 0, 0


def errors(peer):
    return {line.split(":")[0]: int(line.split("=")[1]) for line in peer("INFO", "errorstats").decode().splitlines()[1:]}


def logged(peer, name):
    return [entry[3] for entry in peer("SLOWLOG", "GET", -1) if entry[3][0] == name.encode()]


@pytest.fixture
def waiting(peer):
    """Sends a command that waits, and returns its connection when it does."""

    def send(*words):
        wire = peer.open()
        wire.send(wire.frame(words))
        while b"blocked_clients:1\r\n" not in peer("INFO", "clients"):
            pass
        return wire

    peer("CONFIG", "SET", "slowlog-log-slower-than", 0)
    peer("SLOWLOG", "RESET")
    yield send
    peer("CONFIG", "SET", "slowlog-log-slower-than", 10_000)


def test_a_waiting_command_is_measured_when_it_answers(peer, waiting):
    if peer.version < (7, 4):
        pytest.skip("Redis 7.0 counts it when it begins to wait")
    wire = waiting("BLPOP", "l", 0)
    assert figures(peer, "blpop")[0] == 0 and logged(peer, "BLPOP") == []
    peer("RPUSH", "l", "a")
    assert wire.read() == [b"l", b"a"]
    assert figures(peer, "blpop") == (1, 0, 0) and logged(peer, "BLPOP") == [[b"BLPOP", b"l", b"0"]]


def test_a_wait_whose_time_is_over(peer, waiting):
    wire = waiting("BLPOP", "l", "0.2")
    assert wire.read() is None and figures(peer, "blpop") == (1, 0, 0)


def test_a_wait_that_is_ended_with_an_error(peer, waiting):
    wire = peer.open()
    name = wire("CLIENT", "ID")
    wire.send(wire.frame(("BLPOP", "l", 0)))
    while peer("CLIENT", "UNBLOCK", name, "ERROR") == 0:
        pass
    assert str(wire.read()).startswith("UNBLOCKED") and errors(peer) == {"errorstat_UNBLOCKED": 1}
    assert figures(peer, "blpop") == (1, 0, 1) or peer.version < (99, 0)      # of Valkey 9: (1, 1, 0)


def test_a_reader_whose_group_is_destroyed(peer, waiting):
    peer("XGROUP", "CREATE", "x", "g", "$", "MKSTREAM")
    wire = waiting("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "x", ">")
    peer("XGROUP", "DESTROY", "x", "g")
    assert "NOGROUP" in str(wire.read()) and figures(peer, "xreadgroup") == (1, 0, 1) and errors(peer) == {"errorstat_NOGROUP": 1}


@pytest.mark.parametrize("script", ["return redis.error_reply('MY fault')", "return {err='MY fault'}", "error('x')", "return redis.call('incr', KEYS[1])"])
def test_a_script_that_answers_an_error_has_failed(peer, script):
    peer("SET", "k", "v")
    assert isinstance(peer("EVAL", script, 1, "k"), Exception) and figures(peer, "eval") == (1, 0, 1)


def test_commands_of_scripts_are_logged_and_counted(peer, waiting):
    peer("EVAL", "redis.call('set', KEYS[1], 'v') return redis.call('get', KEYS[1])", 1, "k")
    assert figures(peer, "set") == figures(peer, "get") == (1, 0, 0)
    assert logged(peer, "set") == [[b"set", b"k", b"v"]] or peer.version < (99, 0)


def test_monitor_shows_a_transaction_before_its_exec(peer):
    watcher, wire = peer.open(), peer.open()
    watcher("MONITOR")
    for line in ("MULTI", "SET a 1", "GET a", "EXEC"):
        wire(*line.split())
    wire("EVAL", "return redis.call('get', KEYS[1])", 1, "a")
    wire("SELECT", 1)
    wire("ECHO", "end")
    lines = []
    while not lines or '"end"' not in lines[-1]:
        lines.append(watcher.read().decode())
    shown = [re.sub(r"^[\d.]+ \[(\d+) (lua)?[^]]*\]", r"\1\2", line) for line in lines]
    assert shown == ['0 "MULTI"', '0 "SET" "a" "1"', '0 "GET" "a"', '0 "EXEC"', """0 "EVAL" "return redis.call('get', KEYS[1])" "1" "a\"""", '0lua "get" "a"', '1 "SELECT" "1"', '1 "ECHO" "end"']


def test_fast_calls_are_all_counted(store):
    """Only some of them are measured, and stand for the others."""
    for _ in range(1000):
        store.set("k", "v")
        store.get("k")
    found = store.info("commandstats")
    assert found["cmdstat_set"]["calls"] == found["cmdstat_get"]["calls"] == 1000 and found["cmdstat_get"]["usec_per_call"] < 100_000


def test_slow_log_is_bounded_and_cuts_what_is_long(peer):
    peer("CONFIG", "SET", "slowlog-log-slower-than", 0, "slowlog-max-len", 5)
    for i in range(20):
        peer("SET", f"k{i}", "x" * 500)
    peer("RPUSH", "l", *range(100))
    entry = logged(peer, "RPUSH")[0]
    assert peer("SLOWLOG", "LEN") == 5 and len(entry) == 32 and entry[-1] == b"... (71 more arguments)"
    assert logged(peer, "SET")[0][2] == b"x" * 128 + b"... (372 more bytes)"
    ids = [one[0] for one in peer("SLOWLOG", "GET", -1)]
    assert ids == sorted(ids, reverse=True)
    peer("CONFIG", "SET", "slowlog-log-slower-than", 10_000, "slowlog-max-len", 128)


def test_what_is_kept_of_a_command_is_an_option(store):
    """Redis 8.8: slowlog-entry-max-*, and how many words the command had as a seventh element."""
    store.config_set("slowlog-log-slower-than", 0)
    store.config_set("slowlog-entry-max-argc", 3, "slowlog-entry-max-string-len", 5)
    store.execute("RPUSH", "list of a long name", *range(10))
    entry = store.execute("SLOWLOG", "GET", 1)[0]
    assert entry[3] == [b"RPUSH", b"list ... (14 more bytes)", b"... (10 more arguments)"] and len(entry) == 7 and entry[6] == 12
    store.config_set("slowlog-entry-max-argc", 1000, "slowlog-entry-max-string-len", 10**6)
    store.execute("RPUSH", "l", *["x" * 5000] * 500)
    entry = store.execute("SLOWLOG", "GET", 1)[0]
    assert len(entry[3]) == 502 and entry[3][-1] == b"x" * 5000
    for name, value in (("slowlog-entry-max-argc", 1), ("slowlog-entry-max-string-len", 0)):
        with pytest.raises(kvd.ResponseError, match="argument must be between"):
            store.config_set(name, value)
    assert len(store.execute("COMMANDLOG", "GET", 1, "SLOW")[0]) == 7


def test_percentiles_of_a_command(store):
    store.execute("CONFIG", "SET", "latency-tracking", "yes")
    for _ in range(100):
        store.execute("SET", "k", "v")
    found = store.info("latencystats")["latency_percentiles_usec_set"]
    assert 0 <= found["p50"] <= found["p99"] <= found["p99.9"]
    histogram = store.execute("LATENCY", "HISTOGRAM", "set")[b"set"]
    assert histogram[b"calls"] == 100 and max(histogram[b"histogram_usec"].values()) == 100


def test_errors_of_many_kinds_are_counted_together(store):
    """A client must not be able to fill memory with words that it calls errors."""
    before = store.used_memory
    for i in range(2000):
        with pytest.raises(kvd.ResponseError):
            store.eval(f"return redis.error_reply('E{i} x')", 0)
    kinds = [line for line in store.execute("INFO", "errorstats").splitlines() if line.startswith(b"errorstat_")]
    assert len(kinds) <= 130 and store.info("stats")["total_error_replies"] == 2000 and store.used_memory - before < 2_000_000
