"""Libraries and their functions: listed, found by name, with state of their own, and gone with their memory."""

import pytest


def test_memory_of_libraries_comes_back(store):
    store.function_load("#!lua name=warm\nredis.register_function('w', function() end)")
    store.function_flush()
    store.eval("return collectgarbage()", 0)
    before = store.used_memory
    for i in range(300):
        store.function_load(f"#!lua name=l{i % 3}\nredis.register_function('f{i % 3}', function() return '{'x' * 1000}' end)", replace=True)
    store.function_flush()
    store.eval("return collectgarbage()", 0)
    assert store.used_memory < before + 20_000


def library(name, body):
    return f"#!lua name={name}\n{body}"


def rows(peer, *options):
    """FUNCTION LIST as name -> (names of functions, code)."""
    found = {}
    for row in peer("FUNCTION", "LIST", *options):
        fields = dict(zip(row[::2], row[1::2], strict=True))
        names = sorted(dict(zip(f[::2], f[1::2], strict=True))[b"name"].decode() for f in fields[b"functions"])
        found[fields[b"library_name"].decode()] = (names, fields.get(b"library_code"))
    return found


@pytest.fixture
def two(peer):
    peer("FUNCTION", "FLUSH")
    peer("FUNCTION", "LOAD", library("one", "local n = 0 redis.register_function('count', function() n = n + 1 return n end) redis.register_function('Two', function() return 2 end)"))
    peer("FUNCTION", "LOAD", library("other", "redis.register_function{function_name='look', callback=function(k) return redis.call('get', k[1]) end, flags={'no-writes'}, description='looks'}"))
    yield peer
    peer("FUNCTION", "FLUSH")


def test_what_is_loaded_is_listed(two):
    assert rows(two) == {"one": (["Two", "count"], None), "other": (["look"], None)} and list(rows(two, "LIBRARYNAME", "o?e")) == ["one"]
    assert rows(two, "WITHCODE")["other"][1].startswith(b"#!lua name=other\n") and rows(two, "LIBRARYNAME", "none*") == {}


def test_state_is_of_the_library_and_lasts(two):
    assert [two("FCALL", "count", 0) for _ in range(3)] == [1, 2, 3]


def test_names_of_functions_may_be_given_in_any_case(two):
    assert two("FCALL", "two", 0) == two("FCALL", "TWO", 0) == 2 and str(two("FCALL", "nosuch", 0)) == "ERR Function not found"


def test_a_deleted_library_takes_its_functions_along(two):
    assert two("FUNCTION", "DELETE", "one") == b"OK" and str(two("FCALL", "count", 0)) == "ERR Function not found" and list(rows(two)) == ["other"]
    assert str(two("FUNCTION", "DELETE", "one")) == "ERR Library not found" and two("FCALL_RO", "look", 1, "none") is None


def test_a_replaced_library_starts_anew(two):
    two("FCALL", "count", 0)
    assert str(two("FUNCTION", "LOAD", library("one", "redis.register_function('f', function() end)"))) == "ERR Library 'one' already exists"
    assert two("FUNCTION", "LOAD", "REPLACE", library("one", "redis.register_function('count', function() return 'new' end)")) == b"one"
    assert two("FCALL", "count", 0) == b"new" and rows(two)["one"][0] == ["count"]


def test_a_name_of_another_library_is_taken(two):
    assert str(two("FUNCTION", "LOAD", library("third", "redis.register_function('look', function() end)"))) == "ERR Function look already exists" and len(rows(two)) == 2
