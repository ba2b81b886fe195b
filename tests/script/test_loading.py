"""Loading of libraries: all or nothing, by LOAD as by RESTORE."""

import pytest

import kvd


def test_restore_is_all_or_nothing(store):
    one = "#!lua name=%s\nredis.register_function('%s', function() return '%s' end)"
    store.function_load(one % ("a", "fa", "old"))
    store.function_load(one % ("b", "fb", "b"))
    dump = store.function_dump()
    other = kvd.Store()
    other.function_load(one % ("c", "fb", "mine"))
    for policy in ("APPEND", "REPLACE"):
        with pytest.raises(kvd.ResponseError, match="Function fb already exists"):
            other.function_restore(dump, policy)
        assert [lib[b"library_name"] for lib in other.function_list()] == [b"c"]
    assert other.function_restore(dump, "FLUSH") and other.fcall("fa", 0) == b"old" and len(other.function_list()) == 2
    with pytest.raises(kvd.ResponseError, match="already exists"):
        other.function_restore(dump)
    other.function_load(one % ("a", "fa", "new"), replace=True)
    assert other.fcall("fa", 0) == b"new" and other.function_restore(dump, "REPLACE") and other.fcall("fa", 0) == b"old"
    for cut in range(len(dump)):
        with pytest.raises(kvd.ResponseError):
            kvd.Store().function_restore(dump[:cut])
    for i in range(0, len(dump), 7):
        with pytest.raises(kvd.ResponseError):
            kvd.Store().function_restore(dump[:i] + bytes([dump[i] ^ 1]) + dump[i + 1 :])


def test_a_library_that_fails_leaves_the_old_one(store):
    store.function_load("#!lua name=l\nredis.register_function('f', function() return 1 end)")
    with pytest.raises(kvd.ResponseError, match="Error registering"):
        store.function_load("#!lua name=l\nredis.register_function('f', function() return 2 end) nosuch()", replace=True)
    assert store.fcall("f", 0) == 1
    store.function_load("#!lua name=l\nredis.register_function('g', function() return 2 end)", replace=True)
    assert store.fcall("g", 0) == 2
    with pytest.raises(kvd.ResponseError, match="Function not found"):
        store.fcall("f", 0)


@pytest.mark.parametrize(("code", "error"), [
    ("return 1", "Missing library metadata"), ("#!lua name=x", "Invalid library metadata"), ("#!js name=x\n", "Engine 'js' not found"), ("#!lua\n", "Library name was not given"), ("#!lua name=a name=b\n", "given multiple times"),
    ("#!lua name=a-b\n", "Library names can only contain"), ("#!lua nom=a\n", "Invalid metadata value given: nom=a"), ("#!lua name=x\nreturn 1", "No functions registered"), ("#!lua name=x\nreturn (", "Error compiling function"),
    ("#!lua name=x\nerror('why')", "Error registering functions"), ("#!lua name=x\nreturn redis.call('ping')", "Error registering functions"), ("#!lua name=x\nsome = 1", "Error registering functions"),
])  # fmt: skip
def test_a_library_that_is_wrong_is_not_there(store, code, error):
    with pytest.raises(kvd.ResponseError, match=error):
        store.function_load(code)
    assert store.function_list() == [] and store.info("memory")["number_of_libraries"] == 0


def test_code_that_does_not_end_is_stopped(peer):
    assert "timeout" in str(peer("FUNCTION", "LOAD", "#!lua name=x\nwhile true do end")).lower() and peer("PING") == b"PONG"


def test_names_that_change_places_at_once(store):
    """What is replaced frees its names for what replaces it."""
    store.function_load("#!lua name=a\nredis.register_function('f', function() return 1 end)")
    other = kvd.Store()
    other.function_load("#!lua name=a\nredis.register_function('g', function() return 2 end)")
    other.function_load("#!lua name=b\nredis.register_function('f', function() return 3 end)")
    assert store.function_restore(other.function_dump(), "REPLACE") and store.fcall("g", 0) == 2 and store.fcall("f", 0) == 3
