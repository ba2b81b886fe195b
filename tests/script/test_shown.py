"""Values as the debugger shows them."""

import pytest

import kvd

from .test_debugger import Talk


@pytest.fixture(scope="module")
def talk():
    with kvd.Store() as store, store.serve() as server:
        store.zadd("z", {"m": 1.5})
        store.hset("h", "f", "v")
        store.sadd("s", "a")
        store.rpush("l", "a", "b\n")
        one = Talk(("127.0.0.1", server.port), "redis.setresp(3)\nreturn 1")
        one("s")
        yield one
        one.wire.close()


@pytest.mark.parametrize(("code", "shown"), [
    ("nil", "nil"), ("true", "true"), ("1", "1"), ("-1.25", "-1.25"), ("2^53", "9.007199254741e+15"), ("1/0", "inf"), ("'a'", '"a"'), ("''", '""'), (r"'\0\1\n\t\"\\\200'", r'"\x00\x01\n\t\"\\\xc8"'),
    ("{}", "{}"), ("{1,'a',{true}}", '{1; "a"; {true}}'), ("{a=1}", '{["a"]=1}'), ("{[2]=1}", "{[2]=1}"), ("{[true]={}}", "{[true]={}}"), ("{1,nil,3}", "{[1]=1; [3]=3}"),
    ("(function() local t = {} t[1] = t return t end)()", "{" * 10 + "<a table, not shown: too many levels>" + "}" * 10),
    ("(function() local t = {} for i = 1, 9 do t[i] = t end return t end)()", "{" * 10 + ("<a table, not shown: too many levels>; " * 9)[: 256 - 10] + " ..."),
    ("'x'", '"x"'), ("string.rep('x', 255)", '"' + "x" * 255 + " ..."), ("string.rep('x', 254)", '"' + "x" * 254 + '"'), ("KEYS", '{"key"}'), ("redis.REPL_ALL", "3"),
])  # fmt: skip
def test_values_of_lua(talk, code, shown):
    assert talk(f"e {code}")[0].decode() == f"<retval> {shown}"


@pytest.mark.parametrize("code", ["tostring", "redis.call"])
def test_functions(talk, code):
    assert talk(f"e {code}")[0].startswith(b'<retval> "function@0x')


@pytest.mark.parametrize(("command", "shown"), [
    ("get none", "NULL"), ("set k v", '"+OK"'), ("get k", '"v"'), ("incr k", '"-ERR value is not an integer or out of range"'), ("incr n", "1"), ("lrange l 0 -1", r'["a","b\n"]'), ("lrange none 0 -1", "[]"),
    ("hgetall h", '{"f" => "v"}'), ("smembers s", '~("a")'), ("zscore z m", "(double) 1.5"), ("zrange z 0 -1 withscores", '[["m",(double) 1.5]]'),
])  # fmt: skip
def test_replies(talk, command, shown):
    assert [line.decode() for line in talk(f"r {command}")] == [f"<redis> {command}", f"<reply> {shown}"]
