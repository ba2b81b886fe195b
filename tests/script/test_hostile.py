"""Scripts that want to crash the process, leave their sandbox, or reach what another script does.

Each class of weakness that was published for Lua inside Redis has a case here, by its CVE number."""

import pytest

import kvd

CRASHES = {
    "CVE-2015-4335 bytecode by loadstring": "local f = loadstring(string.dump(function() return 1 end)) return tostring(f)",
    "CVE-2015-4335 bytecode by load": "local d = string.dump(function() return 1 end) local n = 0 return tostring(load(function() n = n + 1 if n == 1 then return d end end))",
    "CVE-2018-11218 cmsgpack deep": "local d = string.rep('\\x91', 100000) return pcall(cmsgpack.unpack, d)",
    "CVE-2018-11218 cmsgpack huge array": "return pcall(cmsgpack.unpack, '\\xdd\\xff\\xff\\xff\\xff')",
    "CVE-2018-11218 cmsgpack many values": "return pcall(cmsgpack.unpack, string.rep('\\1', 1000000))",
    "CVE-2018-11219 struct integer overflow": "return pcall(struct.unpack, 'c2147483647c2147483647', 'x')",
    "CVE-2018-11219 struct offset": "return pcall(struct.unpack, 'I', 'xxxx', 4294967295)",
    "CVE-2020-14147 struct sizes": "return pcall(struct.pack, '>I2147483648', '10')",
    "CVE-2020-14147 struct size wrap": "return pcall(struct.size, string.rep('c2147483647', 10))",
    "CVE-2021-32626 many arguments": "return pcall(redis.call, unpack({}, 1, 7900))",
    "CVE-2021-32626 deep reply": "local t = {} for i = 1, 100000 do t = {t} end return t",
    "CVE-2022-24834 cjson long": "local t = {} for i = 1, 2000 do t[i] = string.rep('\\0', 1000) end return #cjson.encode(t)",
    "CVE-2022-24834 cjson deep": "return pcall(cjson.decode, string.rep('[', 100000))",
    "CVE-2022-24834 cmsgpack long": "local t = {} for i = 1, 2000 do t[i] = string.rep('x', 1000) end return #cmsgpack.pack(t)",
    "CVE-2024-31449 bit.tohex": "return {bit.tohex(65535, -2147483648), bit.tohex(65535, 2147483647)}",
    "CVE-2024-46981 garbage of a dropped state": "local t = setmetatable({}, {__gc = function() error('x') end, __mode = 'kv'}) t = nil collectgarbage() collectgarbage() return 1",
    "CVE-2025-46817 unpack": "return {pcall(unpack, {'toto'}, 0, 2147483647), pcall(unpack, {}, -2147483648, 2147483647), pcall(unpack, {}, 1, 1e308)}",
    "CVE-2025-46819 long brackets": "return {pcall(loadstring, '[' .. string.rep('=', 200000)), pcall(loadstring, '[' .. string.rep('=', 200000) .. '[x')}",
    "CVE-2025-49844 parser and collector": "for i = 1, 200 do loadstring('return ' .. string.rep('{', 150) .. string.rep('}', 150), '@name' .. i .. string.rep('x', 5000)) collectgarbage() end return 1",
    "deep recursion": "local function f() return 1 + f() end return pcall(f)",
    "endless tail with metatables": "local t = {} setmetatable(t, {__index = function(t, k) return t[k .. 'x'] end}) return pcall(function() return t.a end)",
    "index loops": "local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return pcall(function() return a.x end)",
    "nested coroutines": "local function f() return coroutine.wrap(f)() end return pcall(f)",
    "coroutines within pcall": "local function f() return coroutine.wrap(function() return pcall(f) end)() end return pcall(f)",
    "nested pcall": "local function f() return pcall(f) end return pcall(f)",
    "tostring loops": "local t = setmetatable({}, {__tostring = function(t) return tostring(t) end}) return pcall(tostring, t)",
    "concat loops": "local t = setmetatable({}, {__concat = function(a, b) return a .. b end}) return pcall(function() return t .. t end)",
    "sort with a liar": "local t = {} for i = 1, 1000 do t[i] = i end return pcall(table.sort, t, function(a, b) return true end)",
    "pattern recursion": "return pcall(string.find, string.rep('a', 100000), string.rep('a?', 100000))",
    "pattern recursion below the bound": "return pcall(string.find, string.rep('a', 100000), string.rep('a?', 4000))",
    "malformed patterns": "local r = {} for _, p in ipairs{'%', '[', '[a', '(', '%b', '%f', '(()', '%9', '[%', '[]'} do r[#r + 1] = tostring(pcall(string.find, 'abc', p)) end return r",
    "gsub replacement": "return pcall(string.gsub, 'abc', '.', '%9')",
    "string.rep bomb": "return pcall(string.rep, 'x', 2 ^ 31)",
    "string.rep of nothing": "return #string.rep('', 2 ^ 31)",
    "string bomb by doubling": "return pcall(function() local s = 'x' while true do s = s .. s end end)",
    "table bomb": "return pcall(function() local t = {} while true do t[#t + 1] = string.rep('x', 1000000) .. #t end end)",
    "table.concat bomb": "local t = {} local s = string.rep('x', 1000000) for i = 1, 2000 do t[i] = s end return pcall(table.concat, t)",
    "format bomb": "return pcall(string.format, '%99999d', 1)",
    "deep source": "return tostring(loadstring(string.rep('(', 100000)))",
    "deep blocks": "return tostring(loadstring(string.rep('do ', 100000)))",
    "many locals": "return tostring(loadstring('local ' .. string.rep('a,', 10000) .. 'a'))",
    "many constants": "local t = {} for i = 1, 300000 do t[i] = 'x' .. i end return tostring(loadstring('return {' .. table.concat(t, ',') .. '}'))",
    "self reference": "local t = {} t[1] = t return t",
    "self reference in a map": "local t = {} t.map = {x = t} return t",
    "reply bomb": "local t = {} for i = 1, 40 do t = {t, t} end return t",
    "json of itself": "local t = {} t.t = t return pcall(cjson.encode, t)",
    "msgpack of itself": "local t = {} t.t = t return #cmsgpack.pack(t)",
    "error with odd values": "error({})",
    "error with a function": "error(function() end)",
    "error in an error handler": "return xpcall(function() error('x') end, function() error('y') end)",
    "huge numbers as arguments": "return redis.pcall('set', 'k', 1e308, 'ex', 1/0)",
    "nothing to call": "return redis.pcall('')",
    "NUL in a name": "return redis.pcall('get\\0x', 'k')",
    "select": "return pcall(select, -2 ^ 31, 1)",
    "string.char": "return pcall(string.char, -1, 256)",
    "byte range": "return pcall(string.byte, string.rep('x', 100000), 1, -1)",
    "collector stopped": "collectgarbage('stop') collectgarbage('setpause', 1000000) for i = 1, 100000 do local s = 'x' .. i end return 1",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CRASHES)
def test_a_hostile_script_ends_and_harms_nobody(name):
    store = kvd.Store(lua_memory_limit="100mb")
    for _ in range(2):
        try:
            store.eval(CRASHES[name], 0)
        except (kvd.ResponseError, RecursionError):
            pass
    assert store.eval("return {1, KEYS[1], redis.call('set', KEYS[1], 'v').ok}", 1, "k") == [1, b"k", b"OK"]
    assert store.get("k") == b"v"


def test_memory_is_bounded_and_comes_back():
    store = kvd.Store(lua_memory_limit="20mb")
    store.eval("return 1", 0)
    before = store.used_memory
    for _ in range(3):
        with pytest.raises(kvd.ResponseError, match="not enough memory"):
            store.eval("local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end", 0)
    assert store.used_memory < before + 2_000_000
    assert store.eval("return #string.rep('x', 1000000)", 0) == 1000000
