"""Replay of the commands of append-only files: whole, torn, broken and hostile ones."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd

from ..compat.wire import Wire
from ..run.workload import content
from .served import FAR, LIBRARY, fill
from .stored import stored


def frame(*words):
    return Wire.frame(words)


def opened(path, data=None, **options):
    if data is not None:
        path.write_bytes(data)
    return kvd.Store(path, enable_debug_command="yes", **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log"


FIRST = frame("SELECT", "0") + frame("SET", "a", "1") + frame("RPUSH", "l", "x", "y")


def test_commands_of_every_type(path):
    with opened(path) as store:
        fill(store.execute, plain=False)
        digest = store.execute("DEBUG", "DIGEST")
    with opened(path) as store:
        assert store.execute("DEBUG", "DIGEST") == digest and store.execute("FCALL", "seven", 0) == 7
        assert store.execute("DEBUG", "CHECK") == b"OK"


def test_a_file_of_an_old_server(path):
    with opened(path, stored("rdb-preamble.aof")) as store:
        assert store.dbsize() > 0
        digest = store.execute("DEBUG", "DIGEST")
        store.set("more", "1")
        store.delete("more")
    assert opened(path).execute("DEBUG", "DIGEST") == digest


LAST = {
    "command": frame("SET", "b", "two\r\nlines"), "multi": frame("MULTI") + frame("SET", "b", "1") + frame("DEL", "a") + frame("EXEC"),
    "list": frame("RPUSH", "l", *["x" * n for n in range(12)]), "annotation": b"#TS:1700000000\r\n" + frame("SET", "b", "1"), "large": frame("SET", "b", "x" * 300),
}  # fmt: skip


@pytest.mark.parametrize("last", list(LAST))
def test_an_end_that_is_torn_anywhere_is_cut_off(path, last):
    with opened(path, FIRST) as store:
        before = content(store)
    for n in range(len(LAST[last])):
        with opened(path, FIRST + LAST[last][:n]) as store:
            assert content(store) == before, n
            store.set("later", "1")
        with opened(path) as store:
            assert content(store) == {**before, (0, b"later"): (b"string", b"1", -1)}, n
    with opened(path, FIRST + LAST[last]) as store:
        assert content(store) != before


@pytest.mark.parametrize("last", list(LAST))
def test_a_torn_end_is_refused_if_the_option_says_so(path, last):
    for n in range(1, len(LAST[last])):
        data = FIRST + LAST[last][:n]
        if data.endswith(b"#TS:1700000000\r\n"):
            continue                               # it ends with a whole line
        with pytest.raises(kvd.FileError, match=rf"Unexpected end of file .* at offset {len(FIRST)}") as caught:
            opened(path, data, aof_load_truncated="no")
        assert "kvd check --fix" in str(caught.value) and path.read_bytes() == data


@pytest.mark.parametrize(
    ("middle", "why"),
    [
        (b"hello\r\n", "not the begin of a command"), (b"*1\r\n:5\r\n", "expected '\\$', got ':'"), (b"*x\r\n", "multibulk"), (frame("NOSUCH", "k"), "NOSUCH"), (frame("SET", "k"), "SET"),
        (frame("SHUTDOWN"), "SHUTDOWN"), (frame("SAVE"), "SAVE"), (frame("CONFIG", "SET", "maxmemory", "1"), "CONFIG"), (frame("DEBUG", "SLEEP", "100"), "DEBUG"),
        (frame("MULTI") + frame("MULTI"), "MULTI within MULTI"), (b"\0\0\0\0\0\0", "not the begin of a command"), (b"*1\r\n$-5\r\n", "bulk"), (frame("BGREWRITEAOF"), "BGREWRITEAOF"),
        (frame("ACL", "SETUSER", "x", "on"), "ACL"), (frame("REPLICAOF", "10.0.0.1", "6379"), "REPLICAOF"), (frame("MULTI") + frame("CONFIG", "RESETSTAT") + frame("EXEC"), "CONFIG"),
        (b"*0\r\n", "empty"), (b"*-1\r\n", "empty"),
    ],
)  # fmt: skip
def test_what_no_log_contains_is_refused_with_its_offset(path, middle, why):
    data = FIRST + middle + frame("SET", "b", "1")
    with pytest.raises(kvd.FileError, match=rf"Bad file format reading the append only file .* at offset \d+: .*{why}") as caught:
        opened(path, data)
    offset = int(str(caught.value).split("at offset ")[1].split(":")[0])
    assert len(FIRST) <= offset < len(data) and path.read_bytes() == data


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_hostile_files_load_or_are_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("hostile") / "log"
    whole = bytearray(FIRST + b"".join(LAST.values()) + frame("EVAL", "return 1", "0"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        with opened(path, bytes(whole)) as store:
            assert store.execute("DEBUG", "CHECK") == b"OK"
    except kvd.FileError:
        pass


@pytest.mark.parametrize(
    "words",
    [("BLPOP", "none", "0"), ("XREAD", "BLOCK", "0", "STREAMS", "x", "$"), ("SUBSCRIBE", "c"), ("MONITOR",), ("QUIT",), ("WAITAOF", "1", "0", "0"), ("CLIENT", "PAUSE", "100000"),
     ("EVAL", "while true do end", "0"), ("WATCH", "a"), ("DISCARD",), ("EXEC",), ("RESET",), ("AUTH", "x"), ("CLIENT", "REPLY", "OFF"), ("PSUBSCRIBE", "*"), ("DEBUG", "SEGFAULT")],
    ids=lambda w: " ".join(w),
)  # fmt: skip
def test_commands_that_would_wait_or_end_the_session_do_no_harm(path, words):
    if words[0] == "EVAL":
        pytest.skip("a script that does not end loads for ever, in Redis, too")
    try:
        with opened(path, FIRST + frame(*words) + frame("SET", "b", "1")) as store:
            assert store.get("b") == b"1" and store.get("a") == b"1"
    except kvd.FileError as error:
        assert f"at offset {len(FIRST)}" in str(error)


def test_errors_of_commands_do_not_stop_it(path):
    """As Redis: what failed then fails now."""
    with opened(path, FIRST + frame("INCR", "l") + frame("SET", "b", "1")) as store:
        assert store.get("b") == b"1"


def test_several_databases(path):
    with opened(path, frame("SELECT", "3") + frame("SET", "a", "3") + frame("SELECT", "15") + frame("SET", "a", "15") + frame("SWAPDB", "3", "4")) as store:
        assert sorted(content(store)) == [(4, b"a"), (15, b"a")]


def test_a_database_that_does_not_exist_is_refused(path):
    with pytest.raises(kvd.FileError):
        opened(path, FIRST + frame("SELECT", "99") + frame("SET", "a", "in 99"))


def test_functions_survive(path):
    with opened(path) as store:
        store.execute("FUNCTION", "LOAD", LIBRARY)
    with opened(path) as store:
        assert store.execute("FCALL", "seven", 0) == 7
        store.compact()
    with opened(path) as store:
        assert store.execute("FCALL", "seven", 0) == 7
        store.execute("FUNCTION", "FLUSH")
    assert opened(path).execute("FUNCTION", "LIST") == []


def ms():
    return int(time.time() * 1000)


def test_deadlines_that_passed_meanwhile(path):
    """The keys are gone, and nothing that happened to them before is undone or done twice."""
    past = ms() - 1000
    data = (
        frame("SET", "gone", "1", "PXAT", past) + frame("SET", "n", "5") + frame("PEXPIREAT", "n", past) + frame("INCR", "n") + frame("PERSIST", "n")
        + frame("RPUSH", "l", "a") + frame("PEXPIREAT", "l", past) + frame("RPUSH", "l", "b") + frame("RENAME", "l", "l2") + frame("SET", "stays", "1", "PXAT", FAR)
        + frame("HSET", "h", "f", "1", "g", "2") + frame("HPEXPIREAT", "h", past, "FIELDS", "1", "f") + frame("COPY", "gone", "copied") + frame("PERSIST", "copied")
    )  # fmt: skip
    for _ in range(2):
        with opened(path, data) as store:
            assert store.get("gone") is None and store.get("n") == b"6" and store.exists("l", "l2") == 0 and store.get("stays") == b"1"
            assert store.hgetall("h") == {b"g": b"2"} and store.get("copied") == b"1"
            assert sorted(k for _, k in content(store)) == [b"copied", b"h", b"n", b"stays"]
        data = None


def test_what_expires_after_the_load_is_logged_as_a_deletion(path):
    with opened(path, frame("SELECT", "0") + frame("SET", "gone", "1", "PXAT", ms() - 1000)) as store:
        assert store.get("gone") is None
    assert frame("DEL", "gone") in path.read_bytes() or frame("UNLINK", "gone") in path.read_bytes()


def test_a_log_is_read_whatever_the_limits_are(path):
    with opened(path, FIRST + frame("SET", "big", "x" * 2_000_000), maxmemory="1mb", maxmemory_policy="noeviction", requirepass="x", proto_max_bulk_len="1mb") as store:
        assert store.dbsize() == 3


def test_ids_of_producers_with_those_that_a_server_has_chosen(path):
    """As Redis writes them; a client may not choose."""
    now = int(time.time() * 1000)
    log = frame("XADD", "s", "IDMP", "p", "a", f"{now}-0", "f", "v") + frame("XADD", "s", "MAXLEN", "9", "IDMPAUTO", "p", f"{now}-1", "f", "v") + frame("XADD", "s", "IDMP", "p", "a", f"{now}-2", "f", "v")
    with opened(path, log) as store:
        assert store.xlen("s") == 3 and store.xadd("s", {"f": "w"}, idmp=("p", "a")) == f"{now}-2".encode() and store.xadd("s", {"f": "v"}, idmpauto="p") == f"{now}-1".encode()
        with pytest.raises(kvd.ResponseError, match="only with auto-generated"):
            store.xadd("s", {"f": "w"}, idmp=("p", "b"), id=f"{now + 10**6}-0")
