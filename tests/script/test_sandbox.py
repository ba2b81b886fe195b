"""The globals of scripts and of libraries: nothing that reaches outside, and nothing that one script leaves to another."""

import pytest

import kvd


@pytest.mark.parametrize("name", ["io", "debug", "package", "require", "dofile", "loadfile", "print", "module", "newproxy", "getfenv", "setfenv", "python", "lupa", "arg"])
def test_what_reaches_outside_is_not_there(store, name):
    """CVE-2022-0543 was `package` left in reach."""
    with pytest.raises(kvd.ResponseError, match="nonexistent global variable"):
        store.eval(f"return {name}", 0)


def test_os_is_a_clock(store):
    assert store.eval("local n = {} for k in pairs(os) do n[#n + 1] = k end return n", 0) == [b"clock"]


def test_scripts_do_not_reach_each_other(store):
    """CVE-2022-24735: one user's script changed what another's ran."""
    store.eval("KEYS.secret = 1 ARGV[9] = 'x' local t = KEYS return 1", 1, "k")
    assert store.eval("return {tostring(KEYS.secret), tostring(ARGV[9]), #KEYS}", 0) == [b"nil", b"nil", 0]


@pytest.mark.parametrize("name", ["redis.call", "redis.pcall", "cjson.encode", "cmsgpack.pack", "struct.pack", "bit.band", "string.format", "table.concat", "math.floor", "tonumber", "pcall", "unpack", "select", "loadstring"])
def test_what_scripts_use_is_there(peer, name):
    assert peer("EVAL", f"return type({name})", 0) == b"function"


def test_a_loading_library_sees_almost_nothing_and_its_functions_see_the_rest(peer):
    peer("FUNCTION", "FLUSH")
    for name in ("redis.call", "redis.pcall", "redis.setresp"):
        assert isinstance(peer("FUNCTION", "LOAD", f"#!lua name=x\n{name}('ping') redis.register_function('f', function() end)"), Exception), name
    assert peer("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('f', function() return {type(redis.call), type(cjson), type(redis.register_function)} end)") == b"x"
    assert peer("FCALL", "f", 0)[:2] == [b"function", b"table"]
    peer("FUNCTION", "FLUSH")


def test_functions_of_libraries_leave_no_globals(peer):
    peer("FUNCTION", "LOAD", "REPLACE", "#!lua name=x\nredis.register_function('f', function() intruder = 1 end)")
    assert isinstance(peer("FCALL", "f", 0), Exception) and "nonexistent global variable 'intruder'" in str(peer("EVAL", "return intruder", 0))
    peer("FUNCTION", "FLUSH")


def test_keys_of_a_script_are_not_those_of_a_function(store):
    store.function_load("#!lua name=x\nredis.register_function('f', function(keys, args) return {keys, args} end)")
    assert store.fcall("f", 1, "k", "a") == [[b"k"], [b"a"]]
    with pytest.raises(kvd.ResponseError, match="nonexistent global variable 'KEYS'"):
        store.function_load("#!lua name=y\nredis.register_function('g', function() return KEYS end)")
        store.fcall("g", 0)
