"""EVAL and SCRIPT as a program uses them: the cache, transactions, time, memory, the missing package."""

import sys
import threading
import time

import pytest

import kvd
from tests.compat.wire import Wire
from tests.waiting import blocked, eventually


def refused(store, *command):
    """Whether the store answers that a script keeps it busy."""
    try:
        store.execute(*command)
    except kvd.ResponseError as error:
        return str(error).startswith("BUSY")
    return False


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


def test_scripts_are_atomic_and_see_one_moment(store):
    store.set("k", "v", px=1500)
    assert store.eval("local a = redis.call('get', KEYS[1]) local t = os.clock() while os.clock() - t < 2 do end return {a, redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1]) > 0}", 1, "k") == [b"v", b"v", 1]
    assert store.get("k") is None


def test_select_inside_a_script_stays_inside(store):
    store.eval("redis.call('select', 3) redis.call('set', 'k', 'v')", 0)
    assert store.get("k") is None
    with store.session() as s:
        s.execute("SELECT", 3)
        assert s.execute("GET", "k") == b"v"


def test_a_script_within_a_transaction(store):
    with store.session() as s:
        s.execute("WATCH", "w")
        s.execute("MULTI")
        assert s.execute("EVAL", "return redis.call('incr', KEYS[1])", 1, "n") == b"QUEUED"
        assert s.execute("EVALSHA", "0" * 40, 0) == b"QUEUED"
        replies = s.execute("EXEC")
        assert replies[0] == 1 and isinstance(replies[1], kvd.NoScriptError)
        s.execute("WATCH", "n")
        store.eval("redis.call('incr', KEYS[1])", 1, "n")
        s.execute("MULTI")
        s.execute("PING")
        assert s.execute("EXEC") is None


def test_effects_reach_those_who_wait_listen_and_track(store):
    got = []
    waiter = threading.Thread(target=lambda: got.append(store.blpop("l", timeout=10)))
    waiter.start()
    blocked(store)
    store.config_set("notify-keyspace-events", "KEA")
    with store.pubsub() as listener:
        listener.psubscribe("__keyevent@0__:*")
        listener.get_message(timeout=1)
        store.eval("redis.call('rpush', KEYS[1], 'a') redis.call('publish', 'c', 'm')", 1, "l")
        assert listener.get_message(timeout=5)["channel"] == b"__keyevent@0__:rpush"
    waiter.join(5)
    assert got == [(b"l", b"a")]


def test_monitor_and_figures_show_commands_of_scripts():
    with kvd.Store().serve() as server:
        wire, other = (Wire(("127.0.0.1", server.port)) for _ in range(2))
        wire("MONITOR")
        other("EVAL", "return redis.call('set', 'k', 'v')", "0")
        assert wire.read().endswith(b'"EVAL" "return redis.call(\'set\', \'k\', \'v\')" "0"')
        assert wire.read().endswith(b' [0 lua] "set" "k" "v"')
        store = server.store
        assert store.info("commandstats")["cmdstat_set"]["calls"] == 1
        other("EVAL", "return redis.pcall('get')", "0")
        assert store.info("commandstats")["cmdstat_get"]["rejected_calls"] == 1
        with pytest.raises(kvd.ResponseError):
            store.eval("return redis.call('incr', 'k')", 0)
        assert store.info("errorstats")["errorstat_ERR"]["count"] == 2


def test_slow_scripts_and_their_commands_are_logged(store):
    store.config_set("slowlog-log-slower-than", 0)
    store.eval("redis.call('set', 'a', 1) redis.call('set', 'b', 1)", 0)
    commands = [entry[3][0] for entry in store.execute("SLOWLOG", "GET", 3)]
    assert commands == [b"EVAL", b"set", b"set"]


def test_registered_scripts_survive_a_flush(store):
    script = store.register_script("return {KEYS[1], ARGV[1]}")
    assert script(keys=["k"], args=[1]) == [b"k", b"1"]
    store.script_flush()
    assert script(["k"], [2]) == [b"k", b"2"] and store.script_exists(script.sha) == [True]


def test_other_python_threads_go_on_while_a_script_runs(store):
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    store.eval("local t = os.clock() while os.clock() - t < 2 do end", 0)
    stop.set()
    thread.join()
    assert len(ticks) > 3


def test_other_threads_wait_for_a_script_and_are_told_when_it_is_long():
    store = kvd.Store(busy_reply_threshold=100)
    begun, done = threading.Event(), threading.Event()

    def run():
        begun.set()
        with pytest.raises(kvd.ResponseError, match="Script killed by user"):
            store.eval("while true do end", 0)
        done.set()

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait(60)
    eventually(lambda: refused(store, "GET", "k"))
    for command in (("GET", "k"), ("SET", "k", "v"), ("EVAL", "return 1", 0), ("FUNCTION", "KILL")):
        with pytest.raises(kvd.ResponseError, match="BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."):
            store.execute(*command)
    assert store.function_stats()[b"running_script"][b"command"] == [b"EVAL", b"while true do end", b"0"]
    assert store.script_kill()
    assert done.wait(60)
    thread.join()
    assert store.set("k", "v") and store.get("k") == b"v"
    with pytest.raises(kvd.ResponseError, match="NOTBUSY"):
        store.script_kill()


def test_a_script_that_has_written_is_not_killed():
    store = kvd.Store(busy_reply_threshold=50)
    thread = threading.Thread(target=lambda: store.eval("redis.call('set', 'k', 'v') local t = os.clock() while os.clock() - t < 3 do end", 0))
    thread.start()
    eventually(lambda: refused(store, "GET", "k"))
    with pytest.raises(kvd.ResponseError, match="UNKILLABLE"):
        store.script_kill()
    thread.join()
    assert store.get("k") == b"v"


@pytest.mark.parametrize("threads", [1, 3])
def test_a_server_answers_busy_and_stops(threads):
    store = kvd.Store(busy_reply_threshold=50)
    with store.serve(threads=threads) as server:
        wires = [Wire(("127.0.0.1", server.port)) for _ in range(5)]
        late = None
        for code, ends in (("while true do pcall(function() while true do end end) end", True), ("redis.call('set', 'k', 'v') while true do end", False)):
            wires[0].send(Wire.frame(["EVAL", code, "0"]) + Wire.frame(["PING"]))
            eventually(lambda: str(wires[1]("GET", "k")).startswith("BUSY"))
            for wire in wires[1:]:
                assert str(wire("GET", "k")).startswith("BUSY")
            late = Wire(("127.0.0.1", server.port))
            assert str(late("PING")).startswith("BUSY") and late("FUNCTION", "STATS")
            if ends:
                assert late("SCRIPT", "KILL") == b"OK"
                assert "Script killed" in str(wires[0].read()) and wires[0].read() == b"PONG"
                assert late("PING") == b"PONG"
            else:
                assert str(late("SCRIPT", "KILL")).startswith("UNKILLABLE") and str(late("SHUTDOWN")).startswith("BUSY")
    assert store.get("k") == b"v"


def test_keys_do_not_expire_under_a_long_script():
    store = kvd.Store(busy_reply_threshold=20)
    store.set("k", "v", px=1500)
    thread = threading.Thread(target=lambda: store.set("seen", store.eval("local t = os.clock() while os.clock() - t < 2 do end return redis.call('exists', KEYS[1])", 1, "k")))
    thread.start()
    thread.join()
    assert store.get("seen") == b"1" and store.get("k") is None


def test_fork_waits_for_a_script():
    import os

    store = kvd.Store(busy_reply_threshold=20)
    thread = threading.Thread(target=lambda: store.eval("local t = os.clock() while os.clock() - t < 2 do end redis.call('set', 'k', 'v')", 0))
    thread.start()
    eventually(lambda: refused(store, "GET", "k"))
    pid = os.fork()
    if pid == 0:
        os._exit(0 if store.get("k") == b"v" and store.eval("return 1", 0) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    thread.join()


def test_without_lupa_the_error_names_the_package():
    import subprocess

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
    import subprocess

    code = "import kvd, sys; kvd.Store().set('a', 1); assert 'lupa' not in sys.modules and 'lupa.lua51' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_the_interface_is_looked_up_in_the_order_of_the_header():
    import re
    from pathlib import Path

    from kvd.script import lua

    header = (Path(__file__).parents[2] / "ext/kvd/script/lua.pxd").read_text()
    members = re.findall(r"\(\*(\w+)\)\(", header.split("cdef struct lua_api")[1])
    prefixes = ("luaL_", "luaopen_", "lua_")
    assert len(members) == len(lua.names())
    for member, name in zip(members, lua.names(), strict=True):
        bare = next(name.removeprefix(p) for p in prefixes if name.startswith(p))
        assert member.removeprefix("open_") == bare, (member, name)


def test_many_stores_have_their_own_scripts():
    stores = [kvd.Store() for _ in range(50)]
    for i, one in enumerate(stores):
        one.eval("redis.call('set', 'k', ARGV[1])", 0, i)
    assert [int(one.get("k")) for one in stores] == list(range(50))
    del stores


def test_sha1_of_every_length_is_that_of_hashlib(store):
    from hashlib import sha1

    texts = [bytes(range(256)) * 5, *(b"x" * n for n in range(200)), b"\xff" * 100_003]
    for text in texts:
        assert store.eval("return redis.sha1hex(ARGV[1])", 0, text) == sha1(text).hexdigest().encode(), len(text)
