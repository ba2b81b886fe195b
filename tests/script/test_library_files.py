"""Function libraries in RDB files: compiled while the file is read, admitted with its keys."""

import pytest

import kvd

from ..persist.stored import library, rdb, string

CODE = "#!lua name=%s\nredis.register_function('%s', function() return '%s' end)"


def code(name, function=None, result="x"):
    return CODE % (name, function or name, result)


@pytest.fixture
def store():
    return kvd.Store()


def names(store):
    return sorted(one[b"library_name"] for one in store.execute("FUNCTION", "LIST"))


def test_libraries_of_the_file_replace_those_of_the_store(store):
    store.execute("FUNCTION", "LOAD", code("a", result="old"))
    store.execute("FUNCTION", "LOAD", code("b"))
    store.load(rdb(library(code("a", result="new")), library(code("c"))))
    assert names(store) == [b"a", b"c"] and store.execute("FCALL", "a", 0) == b"new"
    store.load(rdb(string("k", "v")))
    assert names(store) == []


def test_libraries_are_merged(store):
    store.execute("FUNCTION", "LOAD", code("a", result="old"))
    store.execute("FUNCTION", "LOAD", code("b"))
    store.load(rdb(library(code("a", result="new"))), replace=False)
    assert names(store) == [b"a", b"b"] and store.execute("FCALL", "a", 0) == b"new"


def test_a_function_of_another_library_is_in_the_way(store):
    store.execute("FUNCTION", "LOAD", code("a", "f", "old"))
    store.set("k", "old")
    with pytest.raises(kvd.FileError, match="libraries of functions cannot be installed: Function f already exists"):
        store.load(rdb(library(code("b", "f")), string("k", "new")), replace=False)
    assert names(store) == [b"a"] and store.execute("FCALL", "f", 0) == b"old" and store.get("k") == b"old"


def test_after_an_error_nothing_is_kept_of_them(store):
    store.execute("FUNCTION", "LOAD", code("a", result="old"))
    before = store.used_memory
    for _ in range(200):
        with pytest.raises(kvd.FileError):
            store.load(rdb(library(code("a", result="new")), library(code("b")), b"\x08"))
    assert names(store) == [b"a"] and store.execute("FCALL", "a", 0) == b"old"
    store.execute("FUNCTION", "LOAD", code("c"))
    assert store.used_memory < before + 200_000


def test_code_that_does_not_end_is_stopped(store):
    with pytest.raises(kvd.FileError, match="timeout"):
        store.load(rdb(library("#!lua name=x\nwhile true do end")))
