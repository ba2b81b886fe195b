"""FUNCTION and FCALL beside real servers, and what only kvd can be asked: names, rollback, dumps of others."""

import pytest

import kvd
from tests.compat.wire import RealServer, Wire, plain
from tests.conftest import REAL

LIB = "#!lua name=lib\n"
REGISTER = LIB + "redis.register_function"
MANY = LIB + """local x = 5
redis.register_function('boom', function(k, a) error('boom') end)
redis.register_function('arity', function(k, a) return redis.call('incr', k[1], 'x', 'y') end)
redis.register_function('writes', function(k, a) foo = 1 end)
redis.register_function('reads', function(k, a) return foo end)
redis.register_function('keys', function(k, a) return KEYS end)
redis.register_function('late', function(k, a) redis.register_function('zz', function() end) end)
redis.register_function('count', function(k, a) x = x + 1 return x end)
redis.register_function('rw', function(k, a) return redis.call('set', 'x', 'y') end)
redis.register_function{function_name = 'ro', callback = function(k, a) return redis.call('set', 'x', 'y') end, flags = {'no-writes'}}
redis.register_function('loads', function() return loadstring('return foo')() end)
redis.register_function('args', function(k, a) return {k, a} end)
redis.register_function('lib', function() local t = {} for n in pairs(redis) do t[#t + 1] = n end return redis.call ~= nil and redis.register_function end)
redis.register_function('json', function(k, a) return cjson.encode(a) end)
"""
LINES = [
    *[("FUNCTION", "LOAD", code) for code in (
        "return 1", "#!lua", "#!lua\nreturn 1", "#!js name=x\nreturn 1", "#!lua name=x y=z\nreturn 1", "#!lua name=x name=z\nreturn 1", "#! name=x\nreturn 1", "#!lua name=a-b\nreturn 1", "#!lua name=\nreturn 1",
        LIB + "return 1", LIB + "return (", LIB + "error('x')", LIB + "return redis.call('ping')", LIB + "return foo", LIB + "foo = 1", LIB + "redis.foo = 1", LIB + "string.format('x')", LIB + "while true do end",
        REGISTER + "()", REGISTER + "(1)", REGISTER + "({})", REGISTER + "('a')", REGISTER + "('a', 1)", REGISTER + "({}, function() end)", REGISTER + "('a-b', function() end)", REGISTER + "('a', function() end, 3)",
        REGISTER + "('a', function() end) redis.register_function('a', function() end)", REGISTER + "{function_name='a'}", REGISTER + "{callback=function() end}", REGISTER + "{function_name={}, callback=function() end}",
        REGISTER + "{function_name='a', callback=1}", REGISTER + "{function_name='a', callback=function() end, foo=1}", REGISTER + "{function_name='a', callback=function() end, [1]=1}", REGISTER + "{function_name='a', callback=function() end, flags=1}",
        REGISTER + "{function_name='a', callback=function() end, flags={'bad'}}", REGISTER + "{function_name='a', callback=function() end, flags={1}}", REGISTER + "{function_name='a', callback=function() end, description={}}",
    )],
    ("FUNCTION", "LIST"), ("FUNCTION", "LOAD", MANY), ("FUNCTION", "LOAD", MANY), ("FUNCTION", "LOAD", "REPLACE", LIB + "return 1"), ("FUNCTION", "LOAD", "FOO", MANY), ("FUNCTION", "STATS"),
    *[("FCALL", name, "1", "k", "a") for name in ("boom", "arity", "writes", "reads", "keys", "late", "count", "count", "rw", "ro", "loads", "args", "ARGS", "lib", "json", "nosuch")],
    ("FCALL_RO", "rw", "0"), ("FCALL_RO", "ro", "0"), ("FCALL", "args", "x"), ("FCALL", "args", "5", "k"), ("FCALL", "args", "-1"), ("FCALL", "args", "0"), ("FCALL", "args"), ("EVAL", "return redis.register_function", "0"),
    ("FUNCTION", "LOAD", "#!lua name=other\nredis.register_function('args', function() end)"), ("FUNCTION", "LIST", "LIBRARYNAME", "nosuch*"), ("FUNCTION", "LIST", "LIBRARYNAME"), ("FUNCTION", "LIST", "FOO"), ("FUNCTION", "LIST", "WITHCODE", "WITHCODE"),
    ("FUNCTION", "DELETE", "nosuch"), ("FUNCTION", "DELETE", "lib"), ("FUNCTION", "LOAD", REGISTER + "{function_name='a', callback=function() return 1 end, description='d', flags={'no-writes', 'allow-oom'}}"), ("FUNCTION", "LIST", "WITHCODE"),
    ("FCALL_RO", "a", "0"), ("FUNCTION", "KILL"), ("SCRIPT", "KILL"), ("FUNCTION", "RESTORE", "xx"), ("FUNCTION", "RESTORE", "xx", "FOO"), ("FUNCTION", "FLUSH", "FOO"), ("FUNCTION", "FLUSH", "ASYNC"), ("FUNCTION", "LIST"), ("FUNCTION", "NOSUCH"),
    ("EVALSHA", "x", "0"), ("EVAL", "return 1", "x"), ("EVAL", "return 1", "5"), ("EVAL", "return 1", "-1"), ("SCRIPT", "LOAD", "return 1"), ("SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "x"), ("EVALSHA", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "0"),
    ("SCRIPT", "LOAD", "return ("), ("SCRIPT", "FLUSH", "FOO"), ("SCRIPT", "FLUSH", "SYNC"), ("SCRIPT", "DEBUG", "FOO"), ("SCRIPT", "DEBUG", "NO"), ("EVAL_RO", "return redis.call('set', 'x', 'y')", "0"), ("EVAL_RO", "#!lua\nreturn 5", "0"), ("EVAL_RO", "#!lua flags=no-writes\nreturn 5", "0"),
    ("COMMAND", "GETKEYS", "EVAL", "x", "0"), ("COMMAND", "GETKEYS", "EVAL", "x", "1", "k"), ("COMMAND", "GETKEYS", "EVAL", "x", "2", "k"), ("COMMAND", "GETKEYS", "FCALL", "x", "1", "k", "a"),
    ("EVAL", "#!lua", "0"), ("EVAL", "#!", "0"), ("EVAL", "#!\nreturn 1", "0"), ("EVAL", "#!lua flags=\nreturn 1", "0"), ("EVAL", "#!lua flags=no-writes,\nreturn 1", "0"), ("EVAL", "#!lua   flags=no-writes\nreturn 1", "0"), ("EVAL", "#!lua foo\nreturn 1", "0"),
    ("MULTI",), ("EVAL", "return redis.call('incr', KEYS[1])", "1", "n"), ("EVAL", "return redis.call('nosuch')", "0"), ("GET", "n"), ("EXEC",), ("CONFIG", "SET", "maxmemory", "1"),
    ("EVAL", "return redis.call('set', 'x', 1)", "0"), ("EVAL", "#!lua\nreturn redis.call('set', 'x', 1)", "0"), ("EVAL", "#!lua flags=allow-oom\nreturn redis.call('set', 'x', 1)", "0"), ("EVAL", "#!lua flags=no-writes\nreturn redis.call('get', 'x')", "0"),
    ("EVAL", "return redis.call('get', 'x')", "0"), ("EVAL", "redis.call('del', 'x') return redis.call('set', 'x', 1)", "0"), ("EVAL_RO", "return redis.call('get', 'x')", "0"), ("CONFIG", "SET", "maxmemory", "0"),
]  # fmt: skip


@pytest.mark.compat
@pytest.mark.parametrize("proto", [2, 3])
@pytest.mark.parametrize("program", REAL)
def test_answers_are_those_of_a_real_server(program, proto):
    real = RealServer(program)
    try:
        theirs = Wire(real.address, proto)
        with kvd.Store().serve() as server:
            ours = Wire(("127.0.0.1", server.port), proto)
            for line in LINES:
                mine, their = ours(*line), theirs(*line)
                assert repr(plain(mine, real.reworded)) == repr(plain(their, real.reworded)), line
            ours.close()
    finally:
        real.stop()


@pytest.mark.compat
@pytest.mark.parametrize("program", REAL)
def test_dumps_go_both_ways(program):
    real = RealServer(program)
    try:
        theirs = Wire(real.address)
        store = kvd.Store()
        store.function_load("#!lua name=short\nredis.register_function('s', function() return 1 end)")
        store.function_load(MANY)
        assert theirs("FUNCTION", "RESTORE", store.function_dump()) == b"OK"
        assert theirs("FCALL", "count", "0") == 6 and theirs("FCALL", "s", "0") == 1
        other = kvd.Store()
        assert other.function_restore(theirs("FUNCTION", "DUMP")) and other.fcall("count", 0) == 6
        assert [lib[b"library_name"] for lib in other.function_list("l*")] == [b"lib"]
    finally:
        real.stop()
