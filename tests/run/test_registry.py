"""What a declaration says of a command: secrets, keys, arity, the flags of a single call."""

import pytest

import kvd
from kvd.run import registry

from ..compat.wire import Wire

SECRETS = [
    (("AUTH", "x1"), b"AUTH (redacted)"), (("AUTH", "user", "x1"), b"AUTH (redacted) (redacted)"), (("HELLO", "3", "AUTH", "user", "x1"), b"HELLO 3 AUTH (redacted) (redacted)"),
    (("hello", "2", "auth", "user", "x1", "SETNAME", "me"), b"hello 2 auth (redacted) (redacted) SETNAME me"),
    (("CONFIG", "SET", "requirepass", "x1"), b"CONFIG SET requirepass (redacted)"), (("config", "set", "MASTERAUTH", "x1"), b"config set MASTERAUTH (redacted)"),
    (("CONFIG", "SET", "maxmemory", "1gb", "RequirePass", "x1", "hz", "10"), b"CONFIG SET maxmemory 1gb RequirePass (redacted) hz 10"),
    (("CONFIG", "SET", "tls-key-file-pass", "x1"), b"CONFIG SET tls-key-file-pass (redacted)"), (("CONFIG", "SET", "hz", "10"), b"CONFIG SET hz 10"),
]  # fmt: skip


def logged(admin):
    return [b" ".join(entry[3]) for entry in admin("SLOWLOG", "GET", -1)]


@pytest.mark.parametrize(("words", "shown"), SECRETS, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_secrets_are_not_in_the_slow_log(words, shown):
    store = kvd.Store(requirepass="x1", slowlog_log_slower_than=0)
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        wire("AUTH", "x1")
        wire(*words)
        entries = [b" ".join(entry[3]) for entry in store.execute("SLOWLOG", "GET", -1)]
        assert shown in entries and not any(b"x1" in entry for entry in entries)


@pytest.mark.parametrize("where", ["EXEC", "a script"])
def test_secrets_are_not_shown_when_others_run_the_command(where):
    store = kvd.Store(slowlog_log_slower_than=0)
    with store.serve() as server:
        admin, watcher = Wire(("127.0.0.1", server.port)), Wire(("127.0.0.1", server.port))
        watcher("MONITOR")
        if where == "EXEC":
            for line in ("MULTI", "CONFIG SET masterauth x1", "AUTH x1", "HELLO 2 AUTH me x1", "EXEC"):
                admin(*line.split())
        else:
            admin("EVAL", "return {pcall(redis.call, 'config', 'set', 'masterauth', KEYS[1]), pcall(redis.call, 'auth', KEYS[1])}", 1, "no-secret")
        admin("PING")
        lines = []
        while not lines or b'"PING"' not in lines[-1]:
            lines.append(watcher.read())
        assert not any(b"x1" in line for line in lines)
        assert not any(b"x1" in b" ".join(entry[3]) for entry in admin("SLOWLOG", "GET", -1))


def test_secrets_are_not_in_monitor(peer):
    """Commands of administrators and AUTH are not shown at all, HELLO without its secret."""
    watcher = peer.open()
    peer.open()
    watcher("MONITOR")
    wire = peer.open()
    for line in ("AUTH user pass-word", "HELLO 2 AUTH user pass-word", "CONFIG SET masterauth pass-word", "CONFIG SET masterauth ''", "PING"):
        wire(*line.replace("''", "\x00").split(" ")) if "''" not in line else wire("CONFIG", "SET", "masterauth", "")
    lines = []
    while not lines or b'"PING"' not in lines[-1]:
        lines.append(watcher.read())
    assert not any(b"pass-word" in line for line in lines)


def test_errors_do_not_repeat_a_password(peer):
    replies = [peer("AUTH", "user", "pass-word"), peer("HELLO", "3", "AUTH", "user", "pass-word"), peer("CONFIG", "SET", "masterauth", "pass-word", "hz", "pass-word")]
    peer("CONFIG", "SET", "masterauth", "")
    assert all(isinstance(reply, Exception) for reply in replies) and "pass-word" not in str(replies[:2])


def test_every_secret_option_is_redacted(store):
    """Options that hold passwords, whatever they are called."""
    store.configure("slowlog-log-slower-than", 0)
    names = [name.decode() for name in store.execute("CONFIG", "GET", "*") if name.decode().endswith(("pass", "auth"))]
    assert {"requirepass", "masterauth"} <= set(names)
    for name in names:
        try:
            store.execute("CONFIG", "SET", name, "x1")
        except kvd.ResponseError:
            pass
        store.configure("requirepass", "")
    shown = [entry[3] for entry in store.execute("SLOWLOG", "GET", -1) if entry[3][:2] == [b"CONFIG", b"SET"]]
    assert len(shown) == len(names) and not any(b"x1" in words for words in shown)


# ---- keys and flags ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("ZUNIONSTORE out 2 a b", "out a b"), ("ZINTERSTORE out 2 a b", "out a b"), ("ZDIFFSTORE out 2 a b", "out a b"), ("ZRANGESTORE out a 0 1", "out a"),
        ("SORT a STORE out", "a out"), ("GEORADIUS a 0 0 1 m STORE out", "a out"), ("EVAL s 2 a b c", "a b"), ("XREAD COUNT 1 STREAMS a b 0 0", "a b"),
        ("XREADGROUP GROUP g c STREAMS a b > >", "a b"), ("MSETEX 2 a 1 b 2", "a b"), ("LMPOP 2 a b LEFT", "a b"), ("BLMPOP 0 2 a b LEFT", "a b"),
        ("BITOP AND out a b", "out a b"), ("OBJECT ENCODING a", "a"), ("MEMORY USAGE a", "a"), ("XINFO STREAM a", "a"), ("COPY a b", "a b"),
    ],
)  # fmt: skip
def test_keys_of_a_call(store, line, keys):
    assert b" ".join(store.execute("COMMAND", "GETKEYS", *line.split())).decode() == keys


@pytest.mark.parametrize("line", ["ZUNION 0 a", "ZUNION 9223372036854775807 a", "ZUNION x a", "ZUNION -1 a", "LMPOP 5 a LEFT", "GET", "PING"])
def test_a_wrong_number_of_keys_is_an_error(store, line):
    with pytest.raises(kvd.ResponseError):
        store.execute("COMMAND", "GETKEYS", *line.split())


def test_flags_of_keys_depend_on_the_call(peer):
    if peer.version < (7, 4):
        pytest.skip("Redis 7.0 marks SET's key alike in all calls")
    flags = lambda *words: {key: set(found) for key, found in peer("COMMAND", "GETKEYSANDFLAGS", *words)}  # noqa: E731
    assert flags("SET", "k", "v") == {b"k": {b"OW", b"update"}}
    assert flags("SET", "k", "v", "GET") == {b"k": {b"RW", b"access", b"update"}}
    assert flags("BITFIELD", "k", "GET", "u8", "0") == {b"k": {b"RO", b"access"}}
    assert flags("BITFIELD", "k", "SET", "u8", "0", "1") == {b"k": {b"RW", b"access", b"update"}}


def test_a_subcommand_is_two_words(store):
    """`config|get` is how lists of commands call it, not what a client may send."""
    for words in (("CONFIG|GET", "hz"), ("client|id",), ("config|get|x",)):
        with pytest.raises(kvd.ResponseError, match="unknown command"):
            store.execute(*words)
    assert b"config|get" in store.execute("COMMAND", "LIST") and store.execute("COMMAND", "INFO", "config|get")[0][0] == b"config|get"


def test_arity_is_that_of_the_syntax(store):
    info = {entry[0].decode(): entry[1] for entry in store.execute("COMMAND")}
    assert {name: spec.arity for name, spec in registry.specs().items() if "|" not in name} == info
