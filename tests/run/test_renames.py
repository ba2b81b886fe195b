"""rename-command: a store's own names of commands."""

import pytest
import redis

import kvd
from kvd.doors.server import rename_command


@pytest.fixture
def errors_of(store):
    def text(*words):
        with pytest.raises(kvd.ResponseError) as raised:
            store.execute(*words)
        return str(raised.value)

    return text


def test_a_removed_command_is_unknown_everywhere(store, errors_of):
    store.set("k", "v")
    rename_command(store, "FLUSHALL", "")
    assert errors_of("FLUSHALL").startswith("unknown command 'FLUSHALL'")
    assert errors_of("flushall", "async").startswith("unknown command 'flushall'")
    with pytest.raises(kvd.ResponseError, match="Unknown Redis command called from script"):
        store.eval("return redis.call('FLUSHALL')", 0)
    with pytest.raises(kvd.ResponseError, match="Invalid command passed"):
        store.eval("return redis.acl_check_cmd('FLUSHALL')", 0)
    with pytest.raises(redis.ResponseError):
        kvd.Redis(store).flushall()
    assert store.get("k") == b"v"
    assert store.execute("COMMAND", "INFO", "flushall") == [None]
    assert b"flushall" not in store.execute("COMMAND", "LIST") and b"flushall" not in store.execute("COMMAND", "DOCS")
    assert store.execute("COMMAND", "COUNT") == kvd.Store().execute("COMMAND", "COUNT") - 1 == len(store.execute("COMMAND"))


def test_a_renamed_command_has_one_name(store, errors_of):
    rename_command(store, "set", "Put")
    assert store.execute("put", "k", "v") == store.execute("PUT", "k", "v") == b"OK"
    assert errors_of("SET", "k", "v").startswith("unknown command 'SET'")
    assert store.execute("COMMAND", "GETKEYS", "put", "k", "v") == [b"k"]
    assert store.eval("return redis.call('put', KEYS[1], 'w')", 1, "k") == b"OK" and store.execute("GET", "k") == b"w"
    assert store.info("commandstats")["cmdstat_set"]["calls"] == 3
    assert b"set" in store.execute("COMMAND", "LIST")


def test_fast_paths_obey(store):
    rename_command(store, "get", "fetch")
    store.set("k", "v")
    client = kvd.Redis(store)
    for call in (lambda: store.get("k"), lambda: client.get("k"), lambda: store.execute("get", "k")):
        with pytest.raises(redis.ResponseError, match="unknown command"):
            call()
    assert store.execute("FETCH", "k") == b"v"


def test_containers_take_their_subcommands_along(store, errors_of):
    rename_command(store, "CONFIG", "secret")
    assert store.execute("SECRET", "GET", "hz") == [b"hz", b"10"] or store.execute("SECRET", "GET", "hz") == {b"hz": b"10"}
    assert errors_of("CONFIG", "GET", "hz").startswith("unknown command 'CONFIG'")
    assert errors_of("SECRET", "NOPE").startswith("unknown subcommand 'NOPE'")
    rename_command(store, "DEBUG", "")
    assert b"config|get" in store.execute("COMMAND", "LIST")


def test_names_may_be_exchanged(store):
    rename_command(store, "get", "tmp")
    rename_command(store, "set", "get")
    rename_command(store, "tmp", "set")
    assert store.execute("GET", "k", "v") == b"OK" and store.execute("SET", "k") == b"v"


def test_wrong_names_are_errors(store):
    for old, new, why in (("nope", "x", "No such command"), ("get", "set", "already exists"), ("config|get", "x", "No such command"),
                          ("", "x", "No such command"), ("get", "x" * 200, "too long"), ("x" * 200, "y", "No such command")):  # fmt: skip
        with pytest.raises(kvd.ConfigError, match=why):
            rename_command(store, old, new)
    assert store.execute("GET", "k") is None


def test_other_stores_are_not_concerned(store):
    rename_command(store, "get", "")
    assert kvd.Store().execute("GET", "k") is None


def test_memory_goes_back():
    before = kvd.total_memory()
    for _ in range(50):
        store = kvd.Store()
        rename_command(store, "get", "fetch")
        rename_command(store, "fetch", "")
    del store
    assert kvd.total_memory() == before
