"""Streams in RDB files: entries, counters, groups and what is pending, which group and consumer have to agree on."""

import pytest

import kvd

from .payloads import refused, seal


@pytest.fixture
def grouped(ours):
    for i in range(1, 301):
        ours("XADD", "x", f"{i}-0", "n", i)
    ours("XDEL", "x", "5-0", "300-0")
    ours("XGROUP", "CREATE", "x", "g", 0)
    ours("XGROUP", "CREATE", "x", "idle", "$", "ENTRIESREAD", 7)
    ours("XREADGROUP", "GROUP", "g", "alice", "COUNT", 3, "STREAMS", "x", ">")
    ours("XREADGROUP", "GROUP", "g", "bob", "COUNT", 2, "STREAMS", "x", ">")
    ours("XGROUP", "CREATECONSUMER", "x", "idle", "nothing")
    return ours


def all_of(ours, key):
    """What can be asked of a stream, without the times that pass."""
    rows = ours.store.execute("XINFO", "STREAM", key, "FULL", "COUNT", 0)
    for group in rows[b"groups"]:
        for consumer in group[b"consumers"]:
            consumer.pop(b"seen-time"), consumer.pop(b"active-time")
    rows.pop(b"radix-tree-keys", None), rows.pop(b"radix-tree-nodes", None)
    return rows


def test_everything_comes_back(grouped):
    assert grouped("RESTORE", "z", 0, grouped("DUMP", "x")) == b"OK" and all_of(grouped, "z") == all_of(grouped, "x")
    assert grouped("XREADGROUP", "GROUP", "g", "bob", "COUNT", 1, "STREAMS", "z", ">") == [[b"z", [[b"7-0", [b"n", b"7"]]]]]
    assert grouped("DEBUG", "CHECK") == b"OK" and isinstance(grouped("XADD", "z", "300-0", "n", 1), Exception)


def test_times_of_pending_entries_and_consumers_come_along(grouped):
    grouped("XCLAIM", "x", "g", "bob", 0, "1-0", "TIME", 1_600_000_000_000, "RETRYCOUNT", 9)
    grouped("RESTORE", "z", 0, grouped("DUMP", "x"))
    assert grouped("XPENDING", "z", "g", "1-0", "1-0", 1)[0][3] == 9 and grouped("XPENDING", "z", "g", "IDLE", 1_000_000_000, "-", "+", 5)[0][0] == b"1-0"


def test_an_empty_stream_is_a_stream(ours):
    ours("XGROUP", "CREATE", "x", "g", "$", "MKSTREAM")
    assert ours("RESTORE", "z", 0, ours("DUMP", "x")) == b"OK" and ours("XLEN", "z") == 0 and len(ours("XINFO", "GROUPS", "z")) == 1


def test_a_pending_entry_of_a_group_or_a_consumer_alone_is_refused(grouped):
    """A consumer's list names an id that its group does not have, and the other way round."""
    grouped("DEL", "x")
    grouped("XADD", "x", "1-1", "f", "v")
    grouped("XGROUP", "CREATE", "x", "g", 0)
    grouped("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")
    body = grouped("DUMP", "x")[:-10]
    number = (1).to_bytes(8, "big") * 2
    first, last = body.index(number, body.index(b"\x01g")), body.rindex(number)
    assert first < last
    for at in (first, last):
        wrong = body[:at] + (2).to_bytes(8, "big") * 2 + body[at + 16 :]
        assert refused(grouped("RESTORE", "z", 0, seal(wrong))) and grouped("EXISTS", "z") == 0


@pytest.mark.parametrize("cut", range(1, 12))
def test_one_that_ends_early_is_refused(grouped, cut):
    body = grouped("DUMP", "x")[:-10]
    assert refused(grouped("RESTORE", "z", 0, seal(body[:-cut]))) and refused(grouped("RESTORE", "z", 0, seal(body[: len(body) * cut // 12]))) and grouped("EXISTS", "z") == 0


def test_a_stream_without_producers_gets_no_settings_of_its_own():
    with kvd.Store(stream_idmp_duration=7, stream_idmp_maxsize=8, enable_debug_command="yes") as store:
        store.xadd("s", {"f": "v"})
        store.xgroup_create("s", "g", "0")
        store.xreadgroup("g", "c", {"s": ">"})
        store.execute("XNACK", "s", "g", "FAIL", "IDS", 1, store.xrange("s")[0][0])
        store.restore("copy", 0, store.dump("s"))
        store.execute("DEBUG", "RELOAD")
        store.config_set("stream-idmp-duration", 9)
        assert [store.xinfo_stream(key)[name] for key in ("s", "copy") for name in ("idmp-duration", "idmp-maxsize")] == [9, 8] * 2
