"""The stream: which commands, in which database, as which units; and the ids of its history."""

import pytest

import kvd

from ..waiting import eventually
from .tap import Tap, info, offset_of, up

SEL = (b"SELECT", b"0")


def stream_of(origin, *lines):
    tap = Tap(origin.port)
    session = origin.session()
    for words in lines:
        session.execute(*words)
    found = tap.commands(offset_of(origin))
    tap.close()
    return found


@pytest.mark.parametrize(("lines", "stream"), [
    ([("SET", "a", "1"), ("INCR", "a")], [SEL, (b"SET", b"a", b"1"), (b"INCR", b"a")]),
    ([("GET", "a"), ("DEL", "none")], []),
    ([("SELECT", "3"), ("SET", "a", "1"), ("SELECT", "0"), ("SET", "a", "1")], [(b"SELECT", b"3"), (b"SET", b"a", b"1"), SEL, (b"SET", b"a", b"1")]),
    ([("MULTI",), ("SET", "a", "1"), ("GET", "a"), ("INCR", "a"), ("EXEC",)], [(b"MULTI",), SEL, (b"SET", b"a", b"1"), (b"INCR", b"a"), (b"EXEC",)]),
    ([("EVAL", "redis.call('set', 'a', 1) redis.call('get', 'a') return redis.call('incr', 'a')", 0)], [(b"MULTI",), SEL, (b"set", b"a", b"1"), (b"incr", b"a"), (b"EXEC",)]),
    ([("EVAL", "redis.set_repl(redis.REPL_AOF) redis.call('set', 'a', 1) redis.set_repl(redis.REPL_REPLICA) redis.call('set', 'b', 1)", 0)], [SEL, (b"set", b"b", b"1")]),
    ([("PUBLISH", "c", "m")], [SEL, (b"PUBLISH", b"c", b"m")]),
    ([("SADD", "s", "x"), ("SPOP", "s")], [SEL, (b"SADD", b"s", b"x"), (b"SREM", b"s", b"x")]),
    ([("FLUSHALL",)], [SEL, (b"FLUSHALL",)]),
])  # fmt: skip
def test_a_stream(origin, lines, stream):
    assert stream_of(origin, *lines) == stream


def test_expired_keys_are_deletions(origin):
    tap = Tap(origin.port)
    origin.clock.freeze()
    origin.set("a", "1", px=10)
    origin.clock.advance(1)
    assert origin.get("a") is None
    assert tap.commands(offset_of(origin))[2:] == [(b"DEL", b"a")]
    tap.close()


def test_nothing_is_kept_before_the_first_replica(origin):
    origin.set("a", "1")
    assert (info(origin)["repl_backlog_active"], offset_of(origin)) == ("0", 0)
    tap = Tap(origin.port)
    assert info(origin)["repl_backlog_active"] == "1"
    tap.close()


def test_the_backlog_ends_some_time_after_the_last_replica(origin):
    origin.config_set("repl-backlog-ttl", 1)
    tap = Tap(origin.port)
    before = info(origin)["master_replid"]
    tap.close()
    eventually(lambda: info(origin)["repl_backlog_active"] == "0")
    assert info(origin)["master_replid"] != before


def test_a_promoted_replica_continues_its_history_under_a_new_id(origin):
    follower = kvd.Store(repl_diskless_sync_delay=0)
    with follower.serve() as server:
        follower.replicate_from(f"redis://127.0.0.1:{origin.port}", timeout=60)
        origin.set("a", "1")
        eventually(lambda: offset_of(follower) == offset_of(origin))
        old, end = info(origin)["master_replid"], offset_of(origin)
        assert info(follower)["master_replid"] == old
        follower.promote()
        found = info(follower)
        assert found["master_replid"] != old and (found["master_replid2"], found["second_repl_offset"], found["master_repl_offset"]) == (old, str(end + 1), str(end))
        follower.set("a", "2")
        tap = Tap(server.port, "PSYNC", old, end + 1, acks=False)          # of the old history: what it has in common goes on
        assert tap.answer == b"+CONTINUE " + found["master_replid"].encode()
        assert tap.read(10) == b"*2\r\n$6\r\nSE"
        tap.close()
        tap = Tap(server.port, "PSYNC", old, end + 2, acks=False)          # and what it has not does not
        assert tap.answer.startswith(b"+FULLRESYNC")
        tap.close()


def test_a_history_of_another_is_not_continued(origin):
    first = Tap(origin.port)
    tap = Tap(origin.port, "PSYNC", "f" * 40, 1)
    assert tap.answer.startswith(b"+FULLRESYNC") and tap.id == first.id
    assert info(origin, "stats")["sync_partial_err"] == "1"
    first.close()
    tap.close()


def test_commands_of_a_replica_are_not_in_its_stream(origin):
    """What it relays is its master's, byte by byte."""
    follower = kvd.Store(replica_read_only="no", repl_diskless_sync_delay=0)
    with follower.serve() as server:
        follower.replicate_from(f"redis://127.0.0.1:{origin.port}", timeout=60)
        first, second = Tap(origin.port), Tap(server.port)
        follower.set("mine", "1")
        origin.set("yours", "1")
        end = offset_of(origin)
        eventually(lambda: offset_of(follower) == end)
        assert second.commands(end)[-1] == (b"SET", b"yours", b"1") and (b"SET", b"mine", b"1") not in second.commands(end)
        first.close()
        second.close()
    up(follower)
