"""The debugger of scripts: what it answers, compared with real servers, and that it never keeps the server from anything."""

import re
import subprocess
from pathlib import Path

import pytest

import kvd

from ..compat.wire import RealServer, Wire, programs
from ..conftest import REAL
from ..server.certificates import certificates
from ..waiting import eventually

SCRIPT = """local a = 5
local function f(x, ...)
  local y = x + 1
  local z = {1, 2, {k = 'v'}}
  return y + 0
end
local b = f(a, 7)
redis.call('set', KEYS[1], 'a\\nb')
redis.pcall('incr', KEYS[1])
redis.breakpoint()
redis.debug(ARGV, {x = 1.5}, nil, true)
for i = 1, 2 do
  b = b + i
end
redis.call('mget', KEYS[1], 'none')
redis.setresp(3)
redis.call('hset', 'h', 'f', 'v')
redis.call('hgetall', 'h')
return {b, redis.call('get', KEYS[1])}"""

TALKS = {
    "stepping": (SCRIPT, ["s", "n", "step", "next", "p", "t", "p x", "p a", "p arg", "s", "s", "p z", "p none", "s", "s", "s", "c", "s", "c"]),
    "breakpoints": (SCRIPT, ["b", "b 5", "b 13 3", "b 99", "b -3", "b", "c", "t", "c", "s", "b -5", "b 0", "b", "c", "s", "c", "c"]),
    "listing": (SCRIPT, ["l", "l 9", "l 9 1", "list 0 2", "w", "s", "l 1 1", "whole"]),
    "variables": (SCRIPT, ["p", "p KEYS", "print ARGV", "p redis", "b 13", "c", "c", "p", "p b", "p i", "c", "p i", "c"]),
    "commands": (SCRIPT, ["r set x 1", "r get x", "redis lrange none 0 -1", "r hset hash f v", "r hgetall hash", "r get none", "r exists x", "c", "s", "s", "s", "s", "s", "s", "s", "s", "s", "s", "s", "s"]),
    "code": (SCRIPT, ["e 1 + 1", "e return 'x'", "eval {1, {2}, a = false}", "e error('wrong')", "e x x", "e a", "e local q = 1", "e redis.call('get', 'none')", "e redis.sha1hex('')"]),
    "length": ("local s = string.rep('x', 300)\nreturn redis.call('set', KEYS[1], s)", ["m", "s", "m 100", "maxlen 0", "p s", "s"]),
    "abort": (SCRIPT, ["s", "s", "a"]),
    "error": ("local a\nerror('boom')", ["s"]),
    "error of a command": ("local a\nreturn redis.call('nosuch')", ["c"]),
    "does not compile": ("x x", []),
    "shebang": ("#!lua flags=no-writes\nlocal a = 1\nreturn a", ["w", "s", "p a", "s"]),
    "one statement": ("return 1", ["w", "c"]),
}  # fmt: skip


@pytest.fixture
def served():
    with kvd.Store() as store, store.serve() as server:
        store.address = ("127.0.0.1", server.port)
        yield store


class Talk:
    """A debugging session: calls are the debugger's commands."""

    mode = "SYNC"

    def __init__(self, address, script, *words):
        """address: or a wire."""
        self.wire = address if isinstance(address, Wire) else Wire(address)
        assert self.wire("SCRIPT", "DEBUG", self.mode) == b"OK"
        self.wire.send(Wire.frame(("EVAL", script, *(words or (1, "key", "arg")))))
        self.said = self.next()

    def next(self):
        """Lines; at the end of the session, they and the reply of EVAL."""
        lines = self.wire.read()
        if lines[-1] != b"<endsession>":
            return lines
        return [*lines, self.wire.read()]

    def __call__(self, words):
        self.wire.send(Wire.frame(words.split(" ")))
        self.said = self.next()
        return self.said

    def is_closed(self):
        with pytest.raises(ConnectionError):
            self.wire.read()
        return True


def conversation(address, script, commands):
    wire = Wire(address)
    wire("FLUSHALL")
    wire.close()
    talk = Talk(address, script)
    said = [talk.said] + [talk(words) for words in commands if talk.said[:-1][-1:] != [b"<endsession>"]]
    talk.wire.close()
    return said


def alike(line):
    """Without what may differ: addresses, an error that is shown twice, numbers of digits, and the wording."""
    text = repr(line)
    for pattern, text_of_both in ((r"0x[0-9a-f]+", "0x"), (r"No local variables in the current context", "No local variables here"), (r"The above reply was trimmed. Use 'maxlen 0' to disable trimming", "A value was cut off; maxlen 0 shows all of it"), (r"script: \w+, on", "script: on")):
        text = re.sub(pattern, text_of_both, text)
    return text


@pytest.mark.parametrize("program", REAL)
@pytest.mark.parametrize("name", TALKS)
def test_it_says_what_a_real_server_says(served, real_servers, program, name):
    if program not in real_servers:
        real_servers[program] = RealServer(program)
    if real_servers[program].valkey:
        pytest.skip("its debugger has other words")
    theirs, ours = (conversation(address, *TALKS[name]) for address in (real_servers[program].address, served.address))
    for command, their, our in zip(["EVAL", *TALKS[name][1]], theirs, ours, strict=False):
        assert [alike(line) for line in our] == [alike(line) for line in their if not is_left_out(line, their)], command
    assert len(theirs) == len(ours)


def is_left_out(line, lines):
    """Variables of Lua's own; an error of a command in front of its reply, which is the same."""
    if not isinstance(line, bytes):
        return False
    return line.startswith(b"<value> (") or (line.startswith(b"<error> -") and any(isinstance(other, bytes) and other.startswith(b'<reply> "-') for other in lines))


def test_a_session_without_a_real_server(served):
    talk = Talk(served.address, "local a = redis.call('incr', KEYS[1])\nreturn a", 1, "n")
    assert talk.said == [b"* Stopped at 1, stop reason = step over", b"-> 1   local a = redis.call('incr', KEYS[1])"]
    assert talk("s") == [b"<redis> incr n", b"<reply> 1", b"* Stopped at 2, stop reason = step over", b"-> 2   return a"]
    assert talk("e a") == [b"<error> ldb_eval:1: Script attempted to access nonexistent global variable 'a'"]
    assert talk("p a") == [b"<value> 1"]
    assert talk("nonsense") == talk("step 2") == talk("h x") == [b"<error> Unknown debugger command, or wrong number of arguments."]
    assert talk("H")[0].startswith(b"Commands") and len(talk("help")) > 20
    assert talk("s") == [b"<endsession>", 1] and talk.is_closed() and served.get("n") == b"1"


def test_what_is_sent_at_once_is_heard_in_order(served):
    wire = Wire(served.address)
    wire.send(b"".join(Wire.frame(words.split(" ")) for words in ("SET k 1", "SCRIPT DEBUG SYNC", "GET k", "EVAL local#a=1\nreturn#a 0".replace("#", "\t"), "s", "p a", "c", "GET k")))
    assert [wire.read() for _ in range(3)] == [b"OK", b"OK", b"1"]
    assert [line for _ in range(4) for line in wire.read()[:1]] == [b"* Stopped at 1, stop reason = step over", b"* Stopped at 2, stop reason = step over", b"<value> 1", b"<endsession>"]
    assert wire.read() == 1
    with pytest.raises(ConnectionError):
        wire.read()


def test_words_may_arrive_in_pieces(served):
    talk, other = Talk(served.address, "return 1"), Wire(served.address)
    for byte in Wire.frame(["list"]):
        talk.wire.send(bytes([byte]))
        assert busy(other)
    assert talk.next() == [b"-> 1   return 1"]
    talk.wire.close()


@pytest.mark.parametrize("garbage", [b"*0\r\n", b"*1\r\n:1\r\n", b"*1\r\n$2000000\r\n", b"*x\r\n"])
def test_what_is_no_command_ends_the_session(served, garbage):
    talk = Talk(served.address, "return 1")
    talk.wire.send(garbage)
    lines = talk.next()
    assert lines[0] == b"<endsession>" and str(lines[1]).startswith("ERR protocol error script: ") and talk.is_closed()


def test_only_the_next_script_is_debugged(served):
    wire = Wire(served.address)
    assert wire("SCRIPT", "DEBUG", "SYNC") == wire("SCRIPT", "DEBUG", "no") == b"OK"
    assert wire("EVAL", "return {redis.breakpoint(), redis.debug('x')}", 0) == [None]
    assert str(wire("SCRIPT", "DEBUG", "maybe")) == "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    wire("SCRIPT", "DEBUG", "SYNC")
    assert str(wire("EVALSHA", "0" * 40, 0)) == "ERR Please use EVAL instead of EVALSHA for debugging"
    assert str(wire("EVAL", "return 1", "x")) == "ERR value is not an integer or out of range"
    wire("MULTI")
    wire("EVAL", "return 1", 0)
    assert wire("EXEC") == [1]
    assert wire("EVAL_RO", "return 1", 0)[0] == b"* Stopped at 1, stop reason = step over"
    wire.close()


def test_a_program_has_no_debugger():
    with kvd.Store() as store, pytest.raises(kvd.ResponseError, match="needs a connection to a server"):
        store.execute("SCRIPT", "DEBUG", "SYNC")


# ---- the server goes on ------------------------------------------------------------------------------


def busy(wire):
    return str(wire("GET", "k")).startswith("BUSY ")


@pytest.mark.parametrize("threads", [1, 3])
def test_others_get_errors_meanwhile_and_the_script_ends_with_its_client(threads):
    with kvd.Store() as store, store.serve(threads=threads) as server:
        address = ("127.0.0.1", server.port)
        talk = Talk(address, "redis.call('set', 'k', 1)\nlocal a\nreturn 1")
        others = [Wire(address) for _ in range(6)]
        assert all(map(busy, others))
        talk("s")
        assert all(map(busy, others)) and str(others[0]("SCRIPT", "KILL")).startswith("UNKILLABLE ")
        talk.wire.close()
        eventually(lambda: others[0]("GET", "k") == b"1")
        assert all(other("GET", "k") == b"1" for other in others)
        assert store.info("clients")["connected_clients"] == 6
        for other in others:
            other.close()


def test_script_kill_ends_it(served):
    talk, other = Talk(served.address, "return 1"), Wire(served.address)
    assert other("SCRIPT", "KILL") == b"OK"
    lines = talk.next()
    assert lines[0] == b"<endsession>" and "killed by user" in str(lines[1]) and talk.is_closed()
    assert other("GET", "k") is None
    other.close()


def test_the_server_stops_while_a_debugger_waits(served):
    with kvd.Store() as store:
        server = store.serve()
        talk = Talk(("127.0.0.1", server.port), "return 1")
        server.stop()
        assert talk.next()[0] == b"<endsession>" and talk.is_closed() and store.set("k", "v")


def test_shutdown_while_a_debugger_waits():
    from ..replica.node import Node

    with Node() as node:
        talk = Talk(("127.0.0.1", node.port), "return 1")
        assert str(node("SHUTDOWN")).startswith("BUSY ")
        node.wire.send(Wire.frame(("SHUTDOWN", "NOSAVE")))
        eventually(lambda: node.process.poll() is not None)
        assert node.process.returncode == 0 and talk.next()[0] == b"<endsession>" and talk.is_closed()


def test_an_endless_loop_stops_and_code_without_an_end_is_cut(served):
    served.config_set("busy-reply-threshold", 50)
    talk = Talk(served.address, "local a = 1\nwhile true do\n  a = a + 1\nend")
    assert talk("c") == [b"* Stopped at 3, stop reason = timeout reached, infinite loop?", b"-> 3     a = a + 1"]
    for code in ("while true do end", "pcall(function() while true do end end)", "(function() while true do pcall(error) end end)()", "string.rep('x', 10^9)"):
        assert talk(f"e {code}")[0].startswith(b"<error> "), code
    assert talk("e 1") == [b"<retval> 1"] and talk("p a")[0].startswith(b"<value> ")
    assert str(talk("a")[1]).startswith("ERR script aborted for user request script: ")


def test_a_client_that_leaves_during_an_endless_loop_ends_it(served):
    served.config_set("busy-reply-threshold", 50)
    talk, other = Talk(served.address, "while true do\n local a = 1\nend"), Wire(served.address)
    talk.wire.send(Wire.frame(("c",)))
    talk.wire.close()
    eventually(lambda: not busy(other))
    other.close()


def test_a_client_that_reads_nothing_is_cut(served):
    """Its lines wait, and count as any output does."""
    served.config_set("client-output-buffer-limit", "normal 1000000 0 0")
    talk, other = Talk(served.address, "local s = string.rep('x', 500000)\nreturn 1"), Wire(served.address)
    talk("s")
    talk("m 0")
    talk.wire.socket.settimeout(0.2)
    try:
        for _ in range(2000):
            talk.wire.send(Wire.frame(("p", "s")))
    except OSError:                            # nothing is read from it any more, or it is cut
        pass
    talk.wire.close()
    eventually(lambda: not busy(other))
    other.close()


def test_lines_are_limited(served):
    talk = Talk(served.address, "local s = string.rep('x', 10000000)\nfor i = 1, 20 do redis.debug(s) end\nredis.breakpoint()\nreturn 1")
    talk("m 0")
    assert talk("c")[0] == b"<hint> There were too many lines to show them."
    talk.wire.close()


def test_commands_of_many_words(served):
    talk = Talk(served.address, "return 1")
    assert talk("r rpush l " + "x " * 7000 + "x")[1] == b"<reply> 7001"
    assert talk("r rpush l " + "x " * 20000 + "x") == [b"<error> There are too many arguments."]
    assert talk("e #{" + "1, " * 7000 + "2}") == [b"<retval> 7001"]
    assert talk("c") == [b"<endsession>", 1]


def test_coroutines(served):
    talk = Talk(served.address, "local f = coroutine.wrap(function(a)\n  local b = a\n  redis.breakpoint()\n  return b\nend)\nreturn f(5)")
    talk("c")
    assert talk.said[0] == b"* Stopped at 4, stop reason = redis.breakpoint() called" and talk("p b") == [b"<value> 5"] and talk("e 2") == [b"<retval> 2"]
    assert talk("s")[0].startswith(b"* Stopped at ") or talk.said == [b"<endsession>", 5]
    talk.wire.close()


def test_memory_runs_out(served):
    served.config_set("lua-memory-limit", "2mb")
    talk = Talk(served.address, "local s = string.rep('x', 100000)\nlocal t = {}\nfor i = 1, 100 do t[i] = s .. i end\nreturn 1")
    assert talk("e string.rep('x', 1900000)")[0].startswith(b"<")
    lines = talk("c")
    assert lines[0] == b"<endsession>" and "memory" in str(lines[1])
    assert served.ping() in (True, b"PONG")


def test_changes_are_propagated_as_of_any_script(tmp_path):
    with kvd.Store(dir=str(tmp_path), appendonly="yes", appendfsync="always") as store, store.serve() as server:
        talk = Talk(("127.0.0.1", server.port), "redis.call('set', 'k', 1)\nredis.call('incr', 'k')\nreturn 1")
        talk("s")
        talk("r incr k")
        assert talk("c") == [b"<endsession>", 1]
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        assert store.get("k") == b"3"


def test_over_tls():
    certs = certificates()
    with kvd.Store() as store, store.serve(tls=kvd.TLS(certs("server.crt"), certs("server.key"))) as server:
        wire = Wire(("127.0.0.1", server.tls_port))
        wire.socket = certs.context().wrap_socket(wire.socket, server_hostname="localhost")
        assert str(wire("SCRIPT", "DEBUG", "YES")).startswith("ERR SCRIPT DEBUG YES needs a connection to a server, without TLS")
        talk = Talk(wire, "local s = string.rep('x', 100000)\nreturn 1")
        talk("s")
        talk("maxlen 0")
        assert len(talk("p s")[0]) > 100000 and talk("c") == [b"<endsession>", 1]


@pytest.mark.parametrize(("words", "reply"), [
    (("NO", "LUA"), b"OK"), (("YES", "nosuch"), "ERR No scripting engine found with name 'nosuch' to enable debug"), (("maybe", "lua"), "ERR Use SCRIPT DEBUG YES/SYNC/NO"),
    (("NO", "lua", "x"), "ERR unknown subcommand or wrong number of arguments for 'DEBUG'. Try SCRIPT HELP."),
])  # fmt: skip
def test_the_engine_may_be_named_as_in_valkey_9(served, words, reply):
    found = Wire(served.address)("SCRIPT", "DEBUG", *words)
    assert (str(found) if isinstance(found, Exception) else found) == reply
    with kvd.Store(emulate="redis-8.0") as old, pytest.raises(kvd.ResponseError, match="wrong number of arguments for 'script|debug'"):
        old.execute("SCRIPT", "DEBUG", *words)


# ---- redis-cli ------------------------------------------------------------------------------------------


def cli(program, served, folder, *commands):
    Path(folder, "script.lua").write_text("local n = redis.call('incr', KEYS[1])\nredis.breakpoint()\nreturn {n, ARGV[1]}\n")
    done = subprocess.run(
        [program, "-p", str(served.address[1]), "--ldb-sync-mode", "--eval", "script.lua", "k", ",", "x y"],
        cwd=folder, input="".join(f"{one}\n" for one in commands), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


CLIENTS = [str(path) for program in programs() for path in [Path(program).parent / Path(program).name.replace("server", "cli")] if path.exists()]


@pytest.mark.real_server
@pytest.mark.parametrize("program", CLIENTS or [pytest.param("", marks=pytest.mark.skip("there is no redis-cli"))])
def test_redis_cli_debugs_a_script(served, tmp_path, program):
    text = cli(program, served, tmp_path, "s", "print n", "b 3", "c", "w", "e ARGV[1]", "r incr k", "c")
    for line in ("* Stopped at 1, stop reason = step over", "<redis> incr k", "<reply> 1", "<value> 1", "* Stopped at 3, stop reason = redis.breakpoint() called",
                 "->#3   return {n, ARGV[1]}", '<retval> "x y"', "<reply> 2", '1) (integer) 1', '2) "x y"', "(Lua debugging session ended)"):  # fmt: skip
        assert line in text, (line, text)
    assert served.get("k") == b"2"
    text = cli(program, served, tmp_path, "s", "restart", "s", "quit")
    assert text.count("<redis> incr k") == 2
    other = Wire(served.address)
    eventually(lambda: other("GET", "k") == b"4")      # the server learns that redis-cli has left
    other.close()
