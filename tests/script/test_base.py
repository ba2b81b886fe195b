"""Lua's own functions in scripts: what ours replace does what Lua's did, within bounds that keep the process alive."""

import pytest

import kvd


@pytest.mark.parametrize(("expression", "value"), [
    ("select('#', unpack({1, 2, 3}))", 3), ("select(2, unpack({1, 2, 3}, 2, 3))", 3), ("select('#', unpack({}, 1, 3))", 3), ("#string.rep('ab', 3)", 6), ("string.rep('x', 0)", b""), ("string.rep('x', -1)", b""), ("string.rep('', 1000000)", b""),
    ("rawget({a=1}, 'a')", 1), ("rawset({}, 'a', 1).a", 1), ("(next({a=1}))", b"a"), ("#{table.insert({}, 1)}", 0), ("string.format('%5.1f|%s|%d', 1.25, 'x', 3)", b"  1.2|x|3"), ("('abc'):upper()", b"ABC"), ("('hello'):find('l+')", 3),
    ("(('a,b'):gsub(',', ';'))", b"a;b"), ("('x=1'):match('(%w)=(%d)')", b"x"), ("#table.concat({1, 2, 3}, ', ')", 7), ("tostring(nil)", b"nil"), ("tonumber('0x10')", 16), ("tonumber('z', 36)", 35), ("type(loadstring('return 1'))", b"function"),
    ("loadstring('return 5')()", 5), ("(loadstring('return ('))", None), ("math.max(1, 5, 3)", 5), ("select('#', pcall(error))", 2), ("#tostring({}) > 6", 1), ("type(getmetatable(''))", b"table"),
])  # fmt: skip
def test_values_are_those_of_lua(peer, expression, value):
    assert peer("EVAL", f"return {expression}", 0) == value


def test_a_seed_decides_what_is_drawn(peer):
    """The same numbers as on every real server."""
    draw = "math.randomseed(%d) return {math.random(1000000), math.random(1000000)}"
    assert peer("EVAL", draw % 7, 0) == peer("EVAL", draw % 7, 0) == [266445, 682036] and peer("EVAL", draw % 8, 0) == [137247, 386626]


@pytest.mark.parametrize("body", [
    "unpack({}, 1, 1e8)", "string.rep('x', 1e10)", "string.rep('xx', 2^62)", "string.find(string.rep('a', 1e6), string.rep('a?', 1e5))", "loadstring(string.dump(function() end))()", "load(function() return nil end, nil, 3)()()", "setmetatable(1, {})", "rawset(1, 2, 3)",
    "table.insert(nil, 1)", "next({}, 'none')", "unpack()", "string.rep()", "math.random(0)", "math.random(2, 1)", "('x'):rep({})",
])  # fmt: skip
def test_what_would_harm_is_an_error(store, body):
    with pytest.raises(kvd.ResponseError):
        store.eval(f"local a = {body} return 1", 0)
    assert store.eval("return 1", 0) == 1


def test_chunks_of_load_share_what_scripts_share(store):
    with pytest.raises(kvd.ResponseError, match="readonly|global"):
        store.eval("loadstring('intruder = 1')()", 0)
    assert store.eval("return loadstring('return #KEYS')()", 1, "k") == 1


def test_pairs_of_protected_tables_lead_to_no_real_table(store):
    assert store.eval("local n = 0 for name, value in pairs(redis) do n = n + 1 end return n > 5", 0) == 1
    assert store.eval("for name, value in pairs(_G) do if type(value) == 'table' and pcall(rawset, value, 'x', 1) and value ~= KEYS and value ~= ARGV then return name end end", 0) is None
