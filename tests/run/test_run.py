"""What surrounds a handler: lines of MONITOR, keys that a reading command registers, and one measurement per call."""

import re

import pytest

from ..compat.wire import Wire

LINE = re.compile(rb"\d{10}\.\d{6} \[(\d+) ([^\]]+)\] (.*)")


@pytest.fixture
def watched(peer):
    """Runs a command and returns the parts of the lines that MONITOR shows until a marker: database, client, words."""
    monitor = peer.open()
    assert monitor("MONITOR") in (b"OK", "OK")

    def lines(*calls):
        for words in (*calls, ("ECHO", "marker")):
            peer(*words)
        found = []
        while True:
            parts = LINE.fullmatch(monitor.read()).groups()
            if parts[2] == b'"ECHO" "marker"':
                return found
            found.append(parts)

    return lines


def test_bytes_that_are_no_text_are_quoted(watched):
    [(db, client, words)] = watched(("SET", "k", b'a"\\\n\r\t\a\b\0\x1f\x7f\xff b'))
    assert words == rb'"SET" "k" "a\"\\\n\r\t\a\b\x00\x1f\x7f\xff b"' and db == b"0" and client not in (b"lua", b"")


def test_the_database_is_that_of_the_call(watched):
    assert [(db, words) for db, _, words in watched(("SELECT", "3"), ("SET", "k", ""), ("SELECT", "0"))][1] == (b"3", b'"SET" "k" ""')


def test_commands_of_scripts_are_shown_as_the_scripts(watched):
    lines = watched(("EVAL", "return redis.call('set', KEYS[1], 'v')", 1, "k"))
    assert [(client if client == b"lua" else b"", words.lower()) for _, client, words in lines] == [
        (b"", b'"eval" "return redis.call(\'set\', keys[1], \'v\')" "1" "k"'), (b"lua", b'"set" "k" "v"'),
    ]  # fmt: skip


def test_administration_is_not_shown(watched):
    assert watched(("CONFIG", "GET", "hz"), ("DEBUG", "JMAP"), ("SLOWLOG", "LEN")) == []


def test_a_waiting_command_is_shown_once(peer, watched):
    waiter = peer.open()
    waiter.send(Wire.frame(("BLPOP", "l", "0")))
    while b"blocked_clients:1" not in peer("INFO", "clients"):
        pass
    shown = [words for _, _, words in watched(("RPUSH", "l", "a")) if b"INFO" not in words]
    assert shown == [b'"BLPOP" "l" "0"', b'"RPUSH" "l" "a"'] and waiter.read() == [b"l", b"a"]


def test_only_keys_that_were_read_are_tracked(peer):
    tracking = peer.open(3)
    tracking("CLIENT", "TRACKING", "ON")
    tracking("SET", "written", "v")
    tracking("GET", "read")
    tracking("EVAL", "return redis.call('get', KEYS[1])", 1, "by a script")
    for key in ("written", "read", "by a script"):
        peer("SET", key, "w")
    assert [tracking.read() for _ in range(2)] == [[b"invalidate", [b"read"]], [b"invalidate", [b"by a script"]]]
    assert tracking("PING") in (b"PONG", "PONG")


def test_each_call_is_counted_by_its_own_name_and_failure(peer):
    peer("SET", "k", "v")
    peer("CONFIG", "RESETSTAT")
    peer("LPUSH", "k", "a")
    peer("GET", "k")
    peer("EVAL", "return redis.pcall('lpush', 'k', 'a')['err'] and 1", 0)
    calls = dict(re.findall(rb"cmdstat_(\w+):calls=(\d+)", peer("INFO", "commandstats")))
    failed = dict(re.findall(rb"cmdstat_(\w+):.*failed_calls=(\d+)", peer("INFO", "commandstats")))
    assert (calls[b"lpush"], calls[b"get"], calls[b"eval"]) == (b"2", b"1", b"1")
    assert (failed[b"lpush"], failed[b"get"], failed[b"eval"]) == (b"2", b"0", b"0")
