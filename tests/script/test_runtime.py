"""What scripts hold counts as memory at once, for INFO and for maxmemory."""

import kvd


def used(store):
    return store.info("memory")["used_memory"]


def test_scripts_that_are_loaded_count():
    store = kvd.Store()
    store.eval("return 1", 0)
    before = used(store)
    for i in range(200):
        store.execute("SCRIPT", "LOAD", f"return '{i}{'x' * 20_000}'")
    assert used(store) - before > 200 * 20_000
    store.execute("SCRIPT", "FLUSH")
    assert used(store) - before < 100_000


def test_functions_that_are_deleted_do_not_count():
    store = kvd.Store()
    store.eval("return 1", 0)
    before = used(store)
    for i in range(50):
        store.execute("FUNCTION", "LOAD", f"#!lua name=l{i}\nlocal held = '{i}{'x' * 20_000}' redis.register_function('f{i}', function() return held end)")
    assert used(store) - before > 50 * 20_000
    store.execute("FUNCTION", "FLUSH")
    assert used(store) - before < 100_000


def test_what_scripts_keep_is_compared_with_maxmemory():
    store = kvd.Store()
    store.eval("return 1", 0)
    store.execute("SET", "k", "v")
    store.config_set("maxmemory", used(store) + 1_000_000)
    assert store.execute("SET", "k", "w") == b"OK"
    for i in range(100):
        store.execute("SCRIPT", "LOAD", f"return '{i}{'x' * 20_000}'")
    try:
        store.execute("SET", "k", "x")
    except kvd.ResponseError as error:
        assert str(error).startswith("OOM") or "maxmemory" in str(error)
    else:
        raise AssertionError("not refused")


def test_figures_of_scripts(store):
    store.execute("SCRIPT", "LOAD", "return 1")
    store.execute("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
    found = store.info("memory")
    assert found["number_of_cached_scripts"] == 1 and found["number_of_functions"] == 1 and found["number_of_libraries"] == 1
    assert found["used_memory_vm_total"] > 0
