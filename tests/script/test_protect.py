"""Read-only tables: no function that writes reaches a table that scripts share."""

import pytest

import kvd

ESCAPES = {
    "a global": "x = 1",
    "a global by rawset": "rawset(_G, 'x', 1)",
    "a global by _G": "_G.x = 1",
    "a global by loadstring": "loadstring('x = 1')()",
    "a global from a coroutine": "coroutine.wrap(function() x = 1 end)()",
    "a library": "redis.call = nil",
    "a library by rawset": "rawset(redis, 'call', nil)",
    "a library by table.insert": "table.insert(redis, 1)",
    "a library's metatable": "setmetatable(redis, {})",
    "the metatable of globals": "setmetatable(_G, nil)",
    "what getmetatable gives": "getmetatable(_G).__index = nil",
    "CVE-2025-46818 the metatable of strings": "getmetatable('').__index = function() return 1 end",
    "CVE-2025-46818 by rawset": "rawset(getmetatable(''), '__index', {})",
    "what pairs gives": "local _, t = pairs(redis) rawset(t, 'call', 1)",
    "string functions": "string.format = nil",
    "the index of strings": "rawset(getmetatable('').__index, 'format', nil)",
    "cjson": "cjson.encode = nil",
    "KEYS": "KEYS = nil",
    "the loaders": "load = nil",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_what_scripts_share_cannot_be_written(store, name):
    with pytest.raises(kvd.ResponseError, match="readonly table"):
        store.eval(ESCAPES[name], 0)


def test_every_table_within_reach_is_protected(store):
    """Walks all that can be reached from the globals and tries to write to each table."""
    found = store.eval(
        """
        local seen, open, walked = {}, {}, 0
        local function walk(t, name)
          if type(t) ~= 'table' or seen[t] or t == KEYS or t == ARGV then return end
          seen[t] = true
          walked = walked + 1
          if pcall(function() t.intruder = 1 end) then open[#open + 1] = name end
          if pcall(rawset, t, 'intruder', 1) then open[#open + 1] = name .. ' raw' end
          if pcall(table.insert, t, 1) then open[#open + 1] = name .. ' insert' end
          for k, v in pairs(t) do walk(v, name .. '.' .. tostring(k)) end
          local m = getmetatable(t)
          if m then walk(m, name .. '!') if type(m.__index) == 'table' then walk(m.__index, name .. '!index') end end
        end
        walk(_G, '_G')
        walk(getmetatable(''), 'string')
        return {walked, table.concat(open, ' ')}
        """, 0)  # fmt: skip
    assert found[0] > 10 and found[1] == b""


def test_what_a_script_makes_itself_is_its_own(store):
    assert store.eval("local t = setmetatable({}, {__index = string}) t.x = 1 rawset(t, 'y', 2) table.insert(t, 3) return {t.x, t.y, t[1], t.format('%d', 4)}", 0) == [1, 2, 3, b"4"]


def test_protected_tables_can_be_read_by_every_reader(store):
    code = "local n = 0 for name, f in pairs(string) do n = n + 1 end return {n > 10, next(math) ~= nil, rawget(redis, 'call') == redis.call, type(string.format)}"
    assert store.eval(code, 0) == [1, 1, 1, b"function"]
