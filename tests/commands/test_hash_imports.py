"""HIMPORT of Redis 8.10: what the documentation shows, and what a fieldset is not."""

import asyncio
import inspect

import pytest

import kvd
import kvd.asyncio

from ..compat.wire import Wire


@pytest.fixture
def wires():
    with kvd.Store().serve() as server:
        found = [Wire(("127.0.0.1", server.port)) for _ in range(2)]
        yield found
        for wire in found:
            wire.close()


def test_what_the_documentation_shows(run):
    assert run("HIMPORT", "PREPARE", "u", "name", "email", "age") == b"OK"
    assert run("HIMPORT", "SET", "user:1", "u", "alice", "a@example.com", "30") == b"OK" and run("HIMPORT", "SET", "user:2", "u", "bob", "b@example.com", "25") == b"OK"
    assert [run("HGET", "user:1", field) for field in ("name", "email", "age")] == [b"alice", b"a@example.com", b"30"] and run("HGET", "user:2", "name") == b"bob"
    assert run("HIMPORT", "DISCARD", "u") == 1 and run("HIMPORT", "DISCARD", "u") == 0
    assert run("HIMPORT", "SET", "user:3", "u", "x", "y", "z") == "ERR no such fieldset" and run("HGET", "user:2", "age") == b"25"
    run("HIMPORT", "PREPARE", "a", "f")
    run("HIMPORT", "PREPARE", "b", "f")
    run("HIMPORT", "PREPARE", "a", "g")                # replaces the first
    assert run("HIMPORT", "SET", "k", "a", "v") == b"OK" and run("HGET", "k", "g") == b"v"
    assert run("HIMPORT", "DISCARDALL") == 2 and run("HIMPORT", "DISCARDALL") == 0


def test_what_is_refused_changes_nothing(run):
    run("HIMPORT", "PREPARE", "u", "a", "b")
    assert run("HIMPORT", "PREPARE", "twice", "a", "b", "a") == "ERR duplicate field name in fieldset" and run("HIMPORT", "DISCARD", "twice") == 0
    assert run("HIMPORT", "PREPARE", "u", "x", "x") == "ERR duplicate field name in fieldset"
    run("SET", "k", "kept")
    for values in (("1",), ("1", "2", "3")):
        assert run("HIMPORT", "SET", "k", "u", *values) == "ERR value count does not match fieldset field count"
    assert run("GET", "k") == b"kept"
    for line in (("PREPARE", "u"), ("SET", "k", "u"), ("DISCARD",), ("DISCARDALL", "x"), ("NOSUCH",)):
        assert str(run("HIMPORT", *line)).startswith("ERR ")


def test_a_key_is_overwritten_with_its_deadline(run):
    run("HIMPORT", "PREPARE", "u", "a", "")
    run("SET", "k", "v", "EX", 100)
    assert run("HIMPORT", "SET", "k", "u", "1", "2") == b"OK" and run("TYPE", "k") in (b"hash", "hash") and run("TTL", "k") == -1 and run("HGET", "k", "") == b"2"
    run("HSET", "k", "more", "x")
    run("HIMPORT", "SET", "k", "u", "3", "4")
    assert run("HLEN", "k") == 2 and run("HGET", "k", "a") == b"3"


def test_fields_come_by_length_and_bytes(store):
    store.execute("HIMPORT", "PREPARE", "u", "name", "email", "b", "age", "a", "")
    store.execute("HIMPORT", "SET", "k", "u", *range(6))
    assert store.execute("HKEYS", "k") == [b"", b"a", b"b", b"age", b"name", b"email"]


def test_a_fieldset_is_the_connections_own(wires):
    one, other = wires
    one("HIMPORT", "PREPARE", "u", "a")
    assert str(other("HIMPORT", "SET", "k", "u", "v")) == "ERR no such fieldset"
    one("MULTI")
    one("HIMPORT", "SET", "k", "u", "v")
    assert one("EXEC") == [b"OK"] and other("HGET", "k", "a") == b"v"
    assert one("EVAL", "return redis.call('HIMPORT', 'SET', KEYS[1], 'u', 'w')", 1, "k") == b"OK" and other("HGET", "k", "a") == b"w"
    one("RESET")
    assert str(one("HIMPORT", "SET", "k", "u", "v")) == "ERR no such fieldset"


def test_its_memory_is_the_clients(wires):
    one, other = wires

    def used():
        line = next(line for line in other("CLIENT", "LIST").decode().splitlines() if f"id={ident}" in line)
        return int(dict(word.split("=", 1) for word in line.split())["tot-mem"])

    ident = one("CLIENT", "ID")
    before = used()
    one("HIMPORT", "PREPARE", "u", *[f"{i:0100}" for i in range(1000)])
    assert used() - before > 100_000
    full = used()
    one("HIMPORT", "DISCARDALL")
    assert full - used() > 100_000


def test_large_fieldsets_and_values(store):
    fields = [f"field:{i}" for i in range(5000)]
    store.execute("HIMPORT", "PREPARE", "u", *fields)
    store.execute("HIMPORT", "SET", "k", "u", *range(5000))
    assert store.hgetall("k") == {f.encode(): str(i).encode() for i, f in enumerate(fields)} and store.execute("DEBUG", "CHECK") == b"OK"


def test_client_of_redis_py():
    """Its executor prepares a fieldset on each connection when that is needed."""
    client = kvd.Redis(kvd.Store())
    client.himport_prepare("u", ["name", "age"])
    assert client.himport_set("k", "u", ["ann", 30]) and client.hgetall("k") == {b"name": b"ann", b"age": b"30"}
    with client.pipeline() as p:
        assert p.himport_set("a", "u", ["bob", 25]).hget("a", "name").execute()[1] == b"bob"
    assert client.himport_discard("u") == 1

    async def run():
        one = kvd.asyncio.Redis(kvd.Store())
        await one.himport_prepare("u", ["name"]) if inspect.iscoroutinefunction(one.himport_prepare) else one.himport_prepare("u", ["name"])
        return await one.himport_set("k", "u", ["ann"]) and await one.hget("k", "name")

    assert asyncio.run(run()) == b"ann"


def test_out_of_memory_refuses(run):
    run("HIMPORT", "PREPARE", "u", "a")
    run("CONFIG", "SET", "maxmemory", 1)
    assert str(run("HIMPORT", "SET", "k", "u", "v")).startswith("OOM") and str(run("HIMPORT", "PREPARE", "w", "a")).startswith("OOM")
    run("CONFIG", "SET", "maxmemory", 0)
