"""MIGRATE, with kvd and with real servers at both ends: what is expected of kvd is shown to hold for them."""

import contextlib
import os
import signal
import socket
import threading
import time

import pytest

import kvd
from kvd.doors import _probe_changes as probes

from ..compat.wire import Wire, free_port
from ..migrate.conftest import KINDS, Server, digests
from ..persist.served import FAR, fill
from ..waiting import eventually

READING = "IOERR error or timeout reading to target instance"
CONNECTING = "IOERR error or timeout connecting to the client"
WRITING = "IOERR error or timeout writing to target instance"


class Interrupted(Exception):
    pass


def interrupt(number, frame):
    raise Interrupted


@pytest.fixture
def start():
    with contextlib.ExitStack() as stack:

        def make(program="kvd", **options):
            server = Server(program, **options)
            stack.callback(server.stop)
            return server

        yield make


@pytest.fixture(params=KINDS)
def source(request, start):
    return start(request.param)


@pytest.fixture
def target(start):
    return start()


def to(target, *words, host="127.0.0.1", timeout=30_000, db=0):
    """The words of MIGRATE: words[0] is the key, options follow."""
    return ("MIGRATE", host, getattr(target, "port", target), words[0], db, timeout, *words[1:])


def keys(server, db=0):
    server("SELECT", db)
    found = sorted(server("KEYS", "*"))
    server("SELECT", 0)
    return found


# -- what is moved


@pytest.mark.parametrize("program", KINDS)
def test_every_type_is_moved_with_its_deadlines(source, start, program):
    target = start(program)
    if "kvd" not in (source.program, program):
        pytest.skip("these are not ours")
    fill(source.run, source.plain or target.plain or program != "kvd" and "valkey" in program)
    before, names = digests(source), keys(source)
    moved = [name for name in names if source(*to(target, name)) == b"OK"]
    assert moved == names and keys(source) == []
    after = digests(target)
    source("SELECT", 0)
    assert [key for key in after if before[key] != after[key]] == [] and {key for _, key in after} == set(names)
    assert abs(target("PEXPIRETIME", "timed") - FAR) < 5000 and target("TTL", "s") == -1


def test_deadlines_of_fields_are_moved(start, target):
    source = start()
    source("HSET", "h", "f", "1", "g", "2")
    source("HPEXPIREAT", "h", FAR, "FIELDS", 1, "f")
    assert source(*to(target, "h")) == b"OK" and target("HPEXPIRETIME", "h", "FIELDS", 2, "f", "g") == [FAR, -1]


def test_several_keys_into_another_database(source, target):
    source("MSET", "a", "1", "b", "2", "c", "3")
    assert source(*to(target, "", "KEYS", "a", "none", "b", db=3)) == b"OK"
    assert keys(source) == [b"c"] and keys(target, 3) == [b"a", b"b"] and keys(target) == []


def test_a_copy_stays_and_what_is_there_is_replaced_only_on_demand(source, target):
    source("SET", "k", "new")
    target("SET", "k", "old")
    busy = source(*to(target, "k", "COPY"))
    assert str(busy) == "ERR Target instance replied with error: BUSYKEY Target key name already exists." and target("GET", "k") == b"old"
    assert source(*to(target, "k", "copy", "replace")) == b"OK"
    assert source("GET", "k") == target("GET", "k") == b"new"
    assert source(*to(target, "k", "REPLACE")) == b"OK" and keys(source) == []


def test_only_keys_that_were_acknowledged_are_deleted(source, target):
    source("MSET", "a", "1", "b", "2", "c", "3")
    target("SET", "b", "there")
    assert "BUSYKEY" in str(source(*to(target, "", "KEYS", "a", "b", "c")))
    assert keys(source) == [b"b"] and keys(target) == [b"a", b"b", b"c"] and target("GET", "b") == b"there"


def test_no_key(source, target):
    for words in (to(target, "none"), to(target, "", "KEYS", "none", "nor this"), to(target, ""), to(1, "none"), to(target, "", "KEYS")):
        assert source(*words) == b"NOKEY", words


def test_many_keys_at_once(source, target):
    names = [f"key {i}" for i in range(20_000)]
    source("MSET", *[word for name in names for word in (name, "v" * 50)])
    assert source(*to(target, "", "KEYS", *names)) == b"OK"
    assert source("DBSIZE") == 0 and target("DBSIZE") == len(names)


def test_a_large_value(source, target):
    source("SET", "k", bytes(range(256)) * 40_000)
    assert source(*to(target, "k")) == b"OK" and target("STRLEN", "k") == 256 * 40_000


def test_a_key_that_is_empty_is_moved_by_its_name(source, target):
    source("SET", "", "v")
    assert source(*to(target, "")) == b"OK" and target("GET", "") == b"v"


def test_the_same_key_twice(source, target):
    source("SET", "k", "v")
    assert "BUSYKEY" in str(source(*to(target, "", "KEYS", "k", "k")))
    assert keys(source) == [] and target("GET", "k") == b"v"
    source("SET", "l", "v")
    assert source(*to(target, "", "REPLACE", "KEYS", "l", "l")) == b"OK" and keys(source) == []


# -- arguments


@pytest.mark.parametrize(
    ("words", "error"),
    [(("k", "NONSENSE"), "ERR syntax error"), (("k", "AUTH"), "ERR syntax error"), (("k", "AUTH2", "user"), "ERR syntax error"),
     (("k", "KEYS", "a"), "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"), (("k", "KEYS"), "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"),
     (("k", "COPY", "x", "REPLACE"), "ERR syntax error")],
)  # fmt: skip
def test_wrong_options(source, words, error):
    source("SET", "k", "v")
    assert str(source(*to(1, *words))) == error and source("GET", "k") == b"v"


def test_wrong_numbers(source, target):
    source("SET", "k", "v")
    assert str(source("MIGRATE", "127.0.0.1", target.port, "k", "x", 100)) == "ERR value is not an integer or out of range"
    assert str(source("MIGRATE", "127.0.0.1", target.port, "k", 0, "x")) == "ERR value is not an integer or out of range"
    assert source(*to(target, "k", timeout=0)) == b"OK"
    source("SET", "k", "v")
    assert "BUSYKEY" in str(source(*to(target, "k", timeout=-5)))


def test_a_database_that_the_target_does_not_have(source, target):
    source("SET", "k", "v")
    assert str(source(*to(target, "k", db=99))) == "ERR Target instance replied with error: ERR DB index is out of range"
    assert source("GET", "k") == b"v"


def test_a_negative_database_is_none(start, target):
    """Redis takes -1 for what its connection has selected."""
    source = start()
    source("SET", "k", "v")
    assert str(source(*to(target, "k", db=-1))) == "ERR Target instance replied with error: ERR DB index is out of range"


def test_where_its_keys_are(source):
    for words, found in (
        (("", "KEYS", "a", "b"), [b"a", b"b"]), (("a",), [b"a"]), (("a", "COPY", "REPLACE"), [b"a"]), (("", "COPY", "KEYS", "a", "keys"), [b"a", b"keys"]),
    ):  # fmt: skip
        assert source("COMMAND", "GETKEYS", *to(1, *words)) == found


@pytest.mark.parametrize("name", ["migrate", "restore-asking"])
def test_it_is_declared_as_real_servers_declare_it(source, name):
    mine = kvd.Store().serve()
    wire = Wire(("127.0.0.1", mine.port))
    ours, theirs = wire("COMMAND", "INFO", name)[0], source("COMMAND", "INFO", name)[0]
    wire.close()
    mine.stop()
    for part in (0, 1, 3, 4, 5):
        assert ours[part] == theirs[part]
    for part in (2, 6, 7):
        assert sorted(ours[part]) == sorted(theirs[part])
    spec = [dict(zip(row[::2], row[1::2], strict=True)) for row in ours[8]]
    other = [dict(zip(row[::2], row[1::2], strict=True)) for row in theirs[8]]
    assert [sorted(row[b"flags"]) for row in spec] == [sorted(row[b"flags"]) for row in other]
    assert [(row[b"begin_search"], row[b"find_keys"]) for row in spec] == [(row[b"begin_search"], row[b"find_keys"]) for row in other]


# -- passwords


def test_it_logs_in(source, start):
    target = start(password="secret")
    source("SET", "k", "v")
    assert str(source(*to(target, "k"))) == "ERR Target instance replied with error: NOAUTH Authentication required."
    wrong = "ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled."
    assert str(source(*to(target, "k", "AUTH", "no"))) == wrong and str(source(*to(target, "k", "AUTH2", "other", "secret"))) == wrong
    assert source("GET", "k") == b"v" and source(*to(target, "k", "AUTH", "secret")) == b"OK"
    source("SET", "l", "v")
    assert source(*to(target, "", "AUTH2", "default", "secret", "KEYS", "l")) == b"OK" and keys(target) == [b"k", b"l"]


def test_a_login_that_is_refused_leaves_the_key(source, target):
    """Although the target, which has no password, has it too."""
    source("SET", "k", "v")
    reply = str(source(*to(target, "k", "AUTH", "needless")))
    assert reply.startswith("ERR Target instance replied with error: ERR AUTH <password> called without any password configured")
    assert keys(source) == keys(target) == [b"k"]


def test_passwords_are_not_shown(source, target):
    source("CONFIG", "SET", "slowlog-log-slower-than", 0)
    source("SET", "k", "v")
    shown = source.open()
    shown("MONITOR")
    source(*to(target, "k", "AUTH", "secret one"))
    source(*to(target, "k", "AUTH2", "some user", "secret two"))
    source("ECHO", "the end")
    seen = []
    while not seen or b"the end" not in seen[-1]:
        seen.append(str(shown.read()).encode())
    log = str(source("SLOWLOG", "GET", 10))
    assert b"secret" not in b"".join(seen) and "secret" not in log and "MIGRATE" in log and "some user" not in log and "redacted" in log


# -- other sides that fail


class Other:
    """A server that takes a connection, and replies with bytes, each piece when the one before was sent. None: it closes."""

    def __init__(self, *pieces, reads=True):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.pieces, self.reads = self.listener.getsockname()[1], pieces, reads
        self.received = b""
        self.made = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                made, _ = self.listener.accept()
                self.made.append(made)
                if self.reads:
                    self.received += made.recv(1 << 20)
                for piece in self.pieces:
                    if piece is None:
                        made.close()
                    else:
                        made.sendall(piece)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.listener.close()
        for made in self.made:
            made.close()


def test_nothing_listens(source):
    source("SET", "k", "v")
    for host, port, text in (
        ("127.0.0.1", free_port(), WRITING), ("localhost", free_port(), WRITING), ("no.such.host.invalid", 1, CONNECTING), ("", 1, CONNECTING),
        ("127.0.0.1", "x", WRITING), ("127.0.0.1", 0, WRITING), ("127.0.0.1", 70_000, WRITING),
    ):  # fmt: skip
        assert str(source("MIGRATE", host, port, "k", 0, 1000)) == text, (host, port)
    assert source("GET", "k") == b"v"


@pytest.mark.parametrize("host", [b"/tmp/some.sock", b"127.0.0.1\0x", b"h" * 500])
def test_names_that_are_no_hosts(start, host):
    source = start()
    source("SET", "k", "v")
    assert str(source("MIGRATE", host, 1, "k", 0, 100)) == CONNECTING


@pytest.mark.parametrize("pieces", [(), (b"+OK\r\n",), (b"+OK\r\n+O",), (None,), (b"+OK\r\n", None), (b"+OK\r\n+OK", None)])
def test_no_reply(source, pieces):
    source("SET", "k", "v")
    with Other(*pieces) as other:
        assert str(source(*to(other, "k", timeout=150))) == READING
    assert source("GET", "k") == b"v"


def test_replies_that_break_off(source):
    source("MSET", "a", "1", "b", "2", "c", "3")
    with Other(b"+OK\r\n+OK\r\n") as other:
        assert str(source(*to(other, "", "KEYS", "a", "b", "c", timeout=150))) == READING
    assert keys(source) == [b"b", b"c"]
    source("SET", "a", "1")
    with Other(b"+OK\r\n-ERR no\r\n+OK\r\n", None) as other:
        assert str(source(*to(other, "", "KEYS", "a", "b", "c", timeout=150))) == "ERR Target instance replied with error: ERR no"
    assert keys(source) == [b"a", b"c"]


def test_errors_of_the_other_side_stay_in_one_line(start):
    source = start()
    source("SET", "k", "v")
    for said in (b"ERR a\rb\0c\x01d", b"x" * 5000, b"", b"ERR " + bytes(range(14, 256))):
        with Other(b"+OK\r\n-" + said + b"\r\n") as other:
            reply = str(source(*to(other, "k")))
            assert reply.startswith("ERR Target instance replied with error: ") and len(reply) < 1100 and "\r" not in reply and source("PING") == b"PONG"


@pytest.mark.parametrize("piece", [b"x" * 200_000, b"\n" * 10, b"\0" * 100 + b"\n", b"$5\r\nhello\r\n", b"*1\r\n"])
def test_replies_that_make_no_sense(start, piece):
    """As Redis, what does not begin with - is an acknowledgement."""
    source = start()
    source("SET", "k", "v")
    with Other(b"+OK\r\n" + piece) as other:
        reply = source(*to(other, "k", timeout=300))
    assert (reply == b"OK" and not source("EXISTS", "k")) or (str(reply) == READING and source("EXISTS", "k"))


def test_bytes_that_trickle_do_not_hold_it(start):
    source = start()
    source("SET", "k", "v")
    end = threading.Event()

    def trickle(other):
        with contextlib.suppress(OSError):
            eventually(lambda: other.made)
            while not end.wait(0.02):
                other.made[0].sendall(b"x")

    with Other() as other:
        thread = threading.Thread(target=trickle, args=(other,))
        thread.start()
        assert str(source(*to(other, "k", timeout=300))) == READING
        end.set()
        thread.join()


def test_the_other_side_does_not_read(start):
    source = start()
    source("CONFIG", "SET", "rdbcompression", "no")
    source("SET", "k", b"\xff" * 50_000_000)
    with Other(reads=False) as other:
        assert str(source(*to(other, "k", timeout=200))) == WRITING
    assert source("STRLEN", "k") == 50_000_000


def test_to_itself(source):
    source("SET", "k", "v")
    assert str(source(*to(source, "k", timeout=150))) == READING and source("GET", "k") == b"v"


# -- what others see


def test_a_deletion_is_propagated_as_del_and_nothing_else(target):
    store = kvd.Store(enable_debug_command="yes")
    store.mset({"a": 1, "b": 2, "c": 3})
    store.set("timed", "v", ex=1000)
    recorder = probes.Recorder(store)
    target("SET", "b", "there")
    with pytest.raises(kvd.ResponseError, match="BUSYKEY"):
        store.execute(*to(target, "", "KEYS", "a", "b", "none", "c"))
    store.execute(*to(target, "b", "COPY", "REPLACE"))
    store.execute(*to(target, "timed"))
    assert [words for unit in recorder.units() for _, _, words in unit] == [[b"DEL", b"a", b"c"], [b"DEL", b"timed"]]
    assert store.execute("DEBUG", "CHECK") == b"OK"


def test_it_is_an_event_and_a_change(source, target):
    source("CONFIG", "SET", "notify-keyspace-events", "KA")
    source("SET", "k", "v")
    heard, watcher = source.open(), source.open()
    heard("PSUBSCRIBE", "__keyspace@*")
    watcher("WATCH", "k")
    assert source(*to(target, "k")) == b"OK"
    assert heard.read() == [b"pmessage", b"__keyspace@*", b"__keyspace@0__:k", b"del"]
    watcher("MULTI")
    watcher("PING")
    assert watcher("EXEC") is None


def test_in_transactions_and_scripts(source, target):
    source("MSET", "a", "1", "b", "2")
    for words in (("MULTI",), to(target, "a"), ("EXISTS", "a")):
        source(*words)
    assert source("EXEC") == [b"OK", 0]
    assert source("EVAL", "return redis.call('migrate', '127.0.0.1', ARGV[1], KEYS[1], 0, 5000)", 1, "b", target.port) == b"OK" and keys(target) == [b"a", b"b"]


def test_others_wait_until_it_has_ended(start):
    source = start()
    source("SET", "k", "v")
    with Other(b"+OK\r\n") as other:
        done = []
        mover = threading.Thread(target=lambda: done.append(source(*to(other, "k", timeout=60_000))))
        mover.start()
        eventually(lambda: b"RESTORE" in other.received)
        reader, seen = source.open(), []
        reading = threading.Thread(target=lambda: seen.append(reader("EXISTS", "k")))
        reading.start()
        reading.join(0.2)
        assert not seen
        other.made[0].sendall(b"+OK\r\n")
        mover.join(60)
        reading.join(60)
        assert done == [b"OK"] and seen == [0]


@pytest.mark.parametrize("script", [False, True])
@pytest.mark.parametrize("door", ["store", "client"])
def test_python_threads_go_on_while_a_program_waits_for_it(door, script):
    """The other side is one of them."""
    store = kvd.Store()
    store.set("k", "v")
    run = store.execute if door == "store" else kvd.Redis(store).execute_command
    with Other(b"+OK\r\n", b"+OK\r\n") as other:
        words = to(other, "k", timeout=60_000)
        if script:
            words = ("EVAL", "return redis.call(unpack(ARGV))", 0, *words)
        assert run(*words) in (b"OK", True)
    assert b"RESTORE" in other.received and store.get("k") is None and store.set("k", "w")


def test_a_signal_ends_the_wait():
    store = kvd.Store()
    store.set("k", "v")
    began = time.monotonic()
    before = signal.signal(signal.SIGUSR1, interrupt)
    with Other() as other:
        killer = threading.Thread(target=lambda: eventually(lambda: b"RESTORE" in other.received) and os.kill(os.getpid(), signal.SIGUSR1))
        killer.start()
        with pytest.raises(Interrupted):
            store.execute(*to(other, "k", timeout=100_000))
        killer.join()
    signal.signal(signal.SIGUSR1, before)
    assert store.get("k") == b"v" and time.monotonic() - began < 90


def test_expired_keys_are_not_moved(target):
    store = kvd.Store()
    store.clock.freeze()
    store.set("k", "v", px=100)
    store.clock.advance(1)
    assert store.execute(*to(target, "k")) == b"NOKEY" and keys(target) == []


def test_replies_of_writes_to_a_full_target(source, target):
    source("SET", "k", "v")
    target("CONFIG", "SET", "maxmemory", 1)
    assert str(source(*to(target, "k"))) == "ERR Target instance replied with error: OOM command not allowed when used memory > 'maxmemory'." and source("GET", "k") == b"v"


@pytest.mark.parametrize("kind", KINDS)
def test_restore_asking_restores(start, kind):
    server = start(kind)
    payload = kvd.Store()
    payload.set("k", "v")
    dump = payload.execute("DUMP", "k")
    assert server("RESTORE-ASKING", "k", 0, dump) == b"OK" and server("GET", "k") == b"v"
    assert str(server("RESTORE-ASKING", "k", 0, dump)).startswith("BUSYKEY") and server("RESTORE-ASKING", "k", FAR, dump, "REPLACE", "ABSTTL") == b"OK"
    assert server("PEXPIRETIME", "k") == FAR and "checksum" in str(server("RESTORE-ASKING", "l", 0, dump[:-1] + b"x"))
