"""The cache of scripts: found by SHA-1, kept when loaded, and of those that EVAL brought only the latest."""

from hashlib import sha1

import pytest

import kvd


def test_only_the_scripts_that_eval_brought_are_forgotten(store):
    kept = store.script_load("return 'kept'")
    for i in range(600):
        assert store.eval(f"return {i}", 0) == i
        store.evalsha(kept, 0)
    info = store.info("memory")
    assert info["number_of_cached_scripts"] == 501
    from hashlib import sha1

    shas = [sha1(f"return {i}".encode()).hexdigest() for i in range(600)]
    assert store.script_exists(*shas) == [False] * 100 + [True] * 500 and store.script_exists(kept) == [True]
    store.eval("return 100", 0)                            # used again: the youngest now
    store.eval("return 'one more'", 0)
    assert store.script_exists(shas[100], shas[101]) == [True, False]
    assert store.script_flush() and store.info("memory")["number_of_cached_scripts"] == 0
    with pytest.raises(kvd.NoScriptError):
        store.evalsha(kept, 0)


def test_many_different_scripts_leave_memory_flat(store):
    def round_of(n):
        for i in range(n):
            store.eval(f"local t = {{{i}}} return t[1] + {i % 7}", 0)
        return store.used_memory

    first = round_of(3000)
    assert round_of(10_000) < first * 1.2 + 100_000


def test_registered_scripts_survive_a_flush(store):
    script = store.register_script("return {KEYS[1], ARGV[1]}")
    assert script(keys=["k"], args=[1]) == [b"k", b"1"]
    store.script_flush()
    assert script(["k"], [2]) == [b"k", b"2"] and store.script_exists(script.sha) == [True]


def test_a_script_is_found_by_its_sha1_in_any_case(peer):
    text = "return {KEYS[1], ARGV[1], 'é'}"
    sha = sha1(text.encode()).hexdigest()
    assert str(peer("EVALSHA", sha, 1, "k", "a")).startswith("NOSCRIPT No matching script") and peer("SCRIPT", "LOAD", text) == sha.encode()
    assert peer("EVALSHA", sha.upper(), 1, "k", "a") == [b"k", b"a", "é".encode()] == peer("EVALSHA_RO", sha, 1, "k", "a")
    assert peer("SCRIPT", "EXISTS", sha.upper(), sha[:-1], "x", sha) == [1, 0, 0, 1]


def test_what_does_not_compile_is_not_cached(peer):
    text = "return ("
    assert "Error compiling script" in str(peer("EVAL", text, 0)) and "Error compiling script" in str(peer("SCRIPT", "LOAD", text))
    assert peer("SCRIPT", "EXISTS", sha1(text.encode()).hexdigest()) == [0]


def test_a_script_that_fails_is_cached(peer):
    text = "return redis.call('nosuch')"
    assert isinstance(peer("EVAL", text, 0), Exception) and peer("SCRIPT", "EXISTS", sha1(text.encode()).hexdigest()) == [1]


def test_a_loaded_script_that_eval_has_brought_stays(store):
    text = "return 'brought'"
    store.eval(text, 0)
    sha = store.script_load(text)
    for i in range(600):
        store.eval(f"return {i}", 0)
    assert store.evalsha(sha, 0) == b"brought"
