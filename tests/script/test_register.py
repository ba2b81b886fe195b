"""redis.register_function: both forms of its arguments, all or none of a library's functions, and only while it is loaded."""

import pytest

import kvd


def load(peer, call, name="lib"):
    return peer("FUNCTION", "LOAD", "REPLACE", f"#!lua name={name}\n{call}")


@pytest.fixture
def empty(peer):
    peer("FUNCTION", "FLUSH")
    yield peer
    peer("FUNCTION", "FLUSH")


@pytest.mark.parametrize("call", ["redis.register_function('f', function() return 1 end)", "redis.register_function{function_name='f', callback=function() return 1 end}", "redis.register_function{callback=function() return 1 end, function_name='f', flags={}, description=''}"])
def test_both_forms(empty, call):
    assert load(empty, call) == b"lib" and empty("FCALL", "f", 0) == 1


@pytest.mark.parametrize(("call", "error"), [
    ("redis.register_function()", "wrong number of arguments to redis.register_function"), ("redis.register_function('f', function() end, 3)", "wrong number of arguments"), ("redis.register_function('f')", "only applicable to Lua table"),
    ("redis.register_function('f', 1)", "second argument to redis.register_function must be a function"), ("redis.register_function({}, function() end)", "first argument to redis.register_function must be a string"),
    ("redis.register_function{callback=function() end}", "must get a function name argument"), ("redis.register_function{function_name='f'}", "must get a callback argument"), ("redis.register_function{function_name='f', callback=1}", "callback argument given to redis.register_function must be a function"),
    ("redis.register_function{function_name='f', callback=function() end, flags=1}", "flags argument to redis.register_function must be a table"), ("redis.register_function{function_name='f', callback=function() end, flags={'no'}}", "unknown flag given"),
    ("redis.register_function{function_name='f', callback=function() end, more=1}", "unknown argument given to redis.register_function"), ("redis.register_function{function_name='f', callback=function() end, description={}}", "description argument given to redis.register_function must be a string"),
    ("redis.register_function('a-b', function() end)", "can only contain letters, numbers, or underscores"), ("redis.register_function('', function() end)", "at least one character long"),
    ("redis.register_function('f', function() end) redis.register_function('f', function() end)", "Function already exists in the library"),
])  # fmt: skip
def test_wrong_arguments_leave_no_library(empty, call, error):
    assert error in str(load(empty, call)).replace("server.register_function", "redis.register_function") and empty("FUNCTION", "LIST") == []


def test_flags_hold(empty):
    load(empty, "redis.register_function{function_name='look', callback=function(k) return redis.call('set', k[1], 1) end, flags={'no-writes'}} redis.register_function('write', function(k) return redis.call('set', k[1], 1) end)")
    assert "read-only scripts" in str(empty("FCALL", "look", 1, "k")) and isinstance(empty("FCALL_RO", "write", 1, "k"), Exception) and empty("EXISTS", "k") == 0 and empty("FCALL", "write", 1, "k") == b"OK"


def test_only_while_a_library_is_loaded(store):
    store.function_load("#!lua name=l\nredis.register_function('late', function() redis.register_function('g', function() end) end)")
    with pytest.raises(kvd.ResponseError, match="register_function"):
        store.fcall("late", 0)
    with pytest.raises(kvd.ResponseError):
        store.eval("redis.register_function('g', function() end)", 0)
    assert [row[b"library_name"] for row in store.function_list()] == [b"l"]
