"""A store's interpreter: opened by the first script, its own, and closed with the store."""

import subprocess
import sys

import kvd


def test_without_lupa_the_error_names_the_package():
    code = """
import sys
sys.modules["lupa"] = sys.modules["lupa.lua51"] = None
import kvd
store = kvd.Store()
for call in (lambda: store.eval("return 1", 0), lambda: store.script_load("return 1"), lambda: store.function_load("#!lua name=x\\nreturn 1")):
    try:
        call()
    except kvd.ResponseError as error:
        assert 'pip install lupa' in str(error), error
    else:
        raise AssertionError
assert store.script_exists("x") == [False] and store.function_list() == []
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_store_without_scripts_imports_no_interpreter():
    code = "import kvd, sys; kvd.Store().set('a', 1); assert 'lupa' not in sys.modules and 'lupa.lua51' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_many_stores_have_their_own_scripts():
    stores = [kvd.Store() for _ in range(50)]
    for i, one in enumerate(stores):
        one.eval("redis.call('set', 'k', ARGV[1])", 0, i)
    assert [int(one.get("k")) for one in stores] == list(range(50))
    del stores
