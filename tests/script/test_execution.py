"""Running scripts: errors with their position, time that is shared with others, and an end that can be forced."""

import os
import threading
import time

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import eventually


def refused(store, *command):
    """Whether the store answers that a script keeps it busy."""
    try:
        store.execute(*command)
    except kvd.ResponseError as error:
        return str(error).startswith("BUSY")
    return False


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

    store = kvd.Store(busy_reply_threshold=20)
    thread = threading.Thread(target=lambda: store.eval("local t = os.clock() while os.clock() - t < 2 do end redis.call('set', 'k', 'v')", 0))
    thread.start()
    eventually(lambda: refused(store, "GET", "k"))
    pid = os.fork()
    if pid == 0:
        os._exit(0 if store.get("k") == b"v" and store.eval("return 1", 0) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    thread.join()


def test_a_killed_script_cannot_hold_on():
    store = kvd.Store(busy_reply_threshold=20)
    import threading
    import time

    def kill():
        while True:
            time.sleep(0.01)
            try:
                store.script_kill()
                return
            except kvd.ResponseError:
                pass

    for code in ("while true do pcall(function() while true do end end) end", "local function f() return pcall(f) and f() end while true do f() end",
                 "while true do coroutine.wrap(function() while true do end end)() end", "while true do pcall(coroutine.wrap(function() pcall(function() while true do end end) end)) end",
                 "while true do xpcall(function() while true do end end, function() while true do end end) end"):  # fmt: skip
        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(kvd.ResponseError, match="Script killed by user"):
            store.eval(code, 0)
        thread.join()
    assert store.eval("return 1", 0) == 1


@pytest.mark.parametrize(("code", "line"), [("return nosuch.field", 1), ("\n\nerror('here')", 3), ("local t = nil\nreturn t.x", 2), ("return 1 + {}", 1)])
def test_errors_tell_their_line(peer, code, line):
    assert f"user_script:{line}: " in str(peer("EVAL", code, 0))


@pytest.mark.parametrize(("raised", "said"), [("error('plain')", "plain"), ("error({err='MY own'})", "MY own"), ("redis.call('incr', 'text')", "ERR value is not an integer"), ("error()", "")])
def test_whatever_is_raised_is_an_error_reply(peer, raised, said):
    peer("SET", "text", "v")
    reply = peer("EVAL", raised, 0)
    assert isinstance(reply, Exception) and said in str(reply) and peer("ECHO", "next") == b"next"


@pytest.mark.parametrize("raised", ["{}", "nil", "true", "redis", "function() end", "{err={}}", "{err='x', line={}}", "setmetatable({}, {__tostring = function() error('y') end})"])
def test_errors_that_are_no_texts(store, raised):
    """Real servers before 7.4 end with `error({})`."""
    with pytest.raises(kvd.ResponseError):
        store.eval(f"error({raised})", 0)
    assert store.eval("return 1", 0) == 1


def test_what_a_failed_script_has_written_stays(peer):
    assert isinstance(peer("EVAL", "redis.call('set', 'a', 1) error('x') redis.call('set', 'b', 1)", 0), Exception) and peer("EXISTS", "a", "b") == 1


@pytest.mark.parametrize("words", [("2", "k"), ("-1",), ("x",), ("1.0", "k"), ("9223372036854775807",)])
def test_a_wrong_number_of_keys_runs_nothing(peer, words):
    assert isinstance(peer("EVAL", "redis.call('set', 'a', 1)", *words), Exception) and peer("EXISTS", "a") == 0


def test_keys_and_arguments_are_bytes(peer):
    words = [bytes(range(256)), b"", b"\0", "x" * 10_000]
    assert peer("EVAL", "return {#KEYS, #ARGV, KEYS[1], KEYS[2], ARGV[1], ARGV[2]}", 2, *words) == [2, 2, *words[:3], words[3].encode()]
