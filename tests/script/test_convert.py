"""Replies to Lua values and back, in both versions of the protocol."""

import pytest


@pytest.mark.parametrize(("value", "two", "three"), [
    ("nil", None, None), ("true", 1, 1), ("false", None, None), ("3.99", 3, 3), ("-3.99", -3, -3), ("'x'", b"x", b"x"), ("{}", [], []), ("{1, 'a', {2}}", [1, b"a", [2]], [1, b"a", [2]]), ("{1, nil, 3}", [1], [1]),
    ("{ok='fine'}", b"fine", b"fine"), ("{1, field='x'}", [1], [1]), ("{double=3.5}", b"3.5", 3.5), ("{map={a=1}}", [b"a", 1], {b"a": 1}), ("{big_number='123456789012345678901234567890'}", b"123456789012345678901234567890", 123456789012345678901234567890),
    ("{verbatim_string={format='txt', string='abc'}}", b"abc", b"abc"), ("function() end", None, None), ("{false, 1}", [None, 1], [None, 1]), ("{true}", [1], [1]),
])  # fmt: skip
def test_values_become_replies(peer, value, two, three):
    assert peer("EVAL", f"return {value}", 0) == two
    found = peer.open(3)("EVAL", f"return {value}", 0)
    assert (int(found) if "big_number" in value else found) == three


def test_booleans_of_resp3_are_the_scripts_choice(peer):
    three = peer.open(3)
    assert three("EVAL", "redis.setresp(3) return {true, false}", 0) == [True, False] and peer("EVAL", "redis.setresp(3) return {true, false}", 0) == [1, 0]


@pytest.mark.parametrize(("command", "proto", "shape"), [
    ("'get', 'none'", 2, "boolean false"), ("'get', 'none'", 3, "nil nil"), ("'incr', 'n'", 2, "number 1"), ("'get', 's'", 2, "string v"), ("'set', 's', 'v'", 2, "table ok OK"), ("'hgetall', 'h'", 2, "table 2"), ("'hgetall', 'h'", 3, "table map"),
    ("'smembers', 't'", 3, "table set"), ("'zscore', 'z', 'm'", 2, "string 1.5"), ("'zscore', 'z', 'm'", 3, "table double"), ("'lrange', 'none', 0, -1", 2, "table 0"),
])  # fmt: skip
def test_replies_become_values(peer, command, proto, shape):
    for line in ("SET s v", "HSET h f v", "SADD t a", "ZADD z 1.5 m"):
        peer(*line.split())
    script = f"""
        redis.setresp({proto})
        local r = redis.call({command})
        if type(r) ~= 'table' then return type(r) .. ' ' .. tostring(r) end
        if r.ok then return 'table ok ' .. r.ok end
        for _, kind in ipairs{{'map', 'set', 'double'}} do if r[kind] then return 'table ' .. kind end end
        return 'table ' .. #r"""
    assert peer("EVAL", script, 0) == shape.encode()


def test_an_error_that_is_caught_is_a_table(peer):
    peer("SET", "s", "v")
    assert peer("EVAL", "local r = redis.pcall('incr', 's') return {type(r), r.err}", 0) == [b"table", b"ERR value is not an integer or out of range"]
    assert str(peer("EVAL", "return redis.pcall('incr', 's')", 0)).startswith("ERR value is not an integer")


def test_fields_are_read_without_metamethods(peer):
    assert peer("EVAL", "return setmetatable({1, 2}, {__index = function() error('called') end, __len = function() return 9 end})", 0) == [1, 2]


def test_numbers_as_arguments_keep_all_their_digits(peer):
    assert peer("EVAL", "redis.call('set', 'k', 9007199254740991) return redis.call('get', 'k')", 0) == b"9007199254740991"
    assert peer("EVAL", "redis.call('set', 'k', 0.1) return redis.call('get', 'k')", 0) in (b"0.1", b"0.10000000000000001")


def test_nested_arrays(peer):
    assert peer("EVAL", "local t = {} local u = t for i = 1, 6 do u[1] = {} u = u[1] end return t", 0) == [[[[[[[]]]]]]]
