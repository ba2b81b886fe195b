"""`kvd serve` as a person or a supervisor runs it: a real process, real files, real signals."""

import ctypes
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import redis

import kvd
from kvd.config import OPTIONS, ConfigFileError, from_environment

from .compat.wire import RealServer, Wire, free_port, stock_files

TGKILL = 234 if platform.machine() == "x86_64" else 131   # number of the system call
SOURCES = {"PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p)} if "PYTHONPATH" in os.environ else {}
KVD = [sys.executable, "-m", "kvd"]


class Process:
    def __init__(self, *args, stdin=None, env=None, files=None):
        """files: the soft and hard limit of its descriptors."""
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()        # where it keeps its snapshot
        self.process = subprocess.Popen(
            [*KVD, "serve", *args, "--port", str(self.port), "--bind", "127.0.0.1"], stdin=subprocess.PIPE if stdin is not None else None,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder.name, env={**os.environ, **SOURCES, **(env or {})},
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)) if files else None,
        )  # fmt: skip
        if stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if "Ready to accept connections" in line:
                break

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out = self.process.stdout.read()
        return self.process.wait(10), out

    def __del__(self):
        if self.process.poll() is None:      # its test failed
            self.process.kill()
            self.process.wait()

    def client(self):
        return redis.Redis(port=self.port)


def test_serve_logs_and_ends_cleanly():
    p = Process("--maxmemory", "100mb", "--save", "")
    text = "\n".join(p.lines)
    assert text.index(f" PID: {p.process.pid}") < text.index("Server initialized") < text.index("Ready to accept connections")
    assert p.lines[-1].split(":")[0] == str(p.process.pid) and ":M " in p.lines[-1] and " * " in p.lines[-1]
    assert p.client().set("k", "v")
    assert Wire(("127.0.0.1", p.port))("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"104857600"]
    os.kill(p.process.pid, signal.SIGHUP)
    assert p.client().ping()
    code, out = p.end()
    assert code == 0 and "Received SIGTERM" in out and "bye bye" in out


@pytest.mark.parametrize("variable", ["KVD_LOADMODULE=x.so", "KVD_RENAME_COMMAND=FLUSHALL", "KVD_RENAME_COMMAND='x"])
def test_the_environment_is_refused_what_a_file_is_refused(variable):
    with pytest.raises(ConfigFileError) as caught:
        list(from_environment(dict([variable.split("=")])))
    assert variable.partition("=")[0] in caught.value.report


def test_the_environment_protects_as_a_file_does():
    given = {"KVD_REQUIREPASS": "tcp://1.2.3.4:6379", "KVD_RENAME_COMMAND": "FLUSHALL ''", "KVD_PORT": "tcp://10.0.0.1:6379"}
    assert [(s.name, s.words) for s in from_environment(given)] == [("rename-command", ("FLUSHALL", "")), ("requirepass", ("tcp://1.2.3.4:6379",))]


def test_sigint_and_shutdown():
    assert Process().end(signal.SIGINT)[0] == 0
    p = Process()
    Wire(("127.0.0.1", p.port)).send(Wire.frame(("SHUTDOWN", "NOSAVE")))
    assert p.process.wait(10) == 0
    assert "User requested shutdown" in p.process.stdout.read()


def test_file_environment_and_flags(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text("hz 20\nmaxmemory 1mb\nmaxclients 77\nsave ""\nappendonly no\n")
    p = Process(str(path), "--hz", "40", env={"KVD_HZ": "30", "KVD_MAXMEMORY": "2mb"})
    wire = Wire(("127.0.0.1", p.port), 3)
    assert wire("CONFIG", "GET", "hz", "maxmemory", "maxclients") == {b"hz": b"40", b"maxmemory": b"2097152", b"maxclients": b"77"}
    wire("CONFIG", "SET", "maxclients", "99")
    assert wire("CONFIG", "REWRITE") == b"OK"
    assert "maxclients 99" in path.read_text()
    assert p.end()[0] == 0


def test_config_on_standard_input():
    p = Process("-", stdin="maxmemory 3mb\n")
    assert Wire(("127.0.0.1", p.port))("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"3145728"]
    assert p.end()[0] == 0


@pytest.mark.parametrize(
    ("args", "stdin", "said"),
    [(["--prot", "1"], None, "did you mean 'port'?"), (["--maxmemory", "lots"], None, "argument must be a memory value"),
     (["-"], "hz 10\nmaxmemory lots\n", "at line 2"), (["-"], "nonsense 1\n", ">>> 'nonsense 1'"), (["/no/such/file"], None, "can't open config file"),
     (["--databases", "0"], None, "between 1 and 16384")],
)  # fmt: skip
def test_bad_settings(args, stdin, said):
    r = subprocess.run([*KVD, "serve", *args], input=stdin, capture_output=True, text=True, timeout=30)
    assert r.returncode == 1
    assert "*** FATAL CONFIG FILE ERROR" in r.stderr and said in r.stderr


def test_unknown_variables_are_one_warning_and_empty_ones_are_none():
    env = {"KVD_MAXMEMROY": "1", "KVD_SERVICE_HOST": "10.0.0.1", "KVD_HZ": "", "KVD_SAVE": "", "KVD_MAXCLIENTS": "50"}
    p = Process(env=env)
    (line,) = [line for line in p.lines if "environment" in line]
    assert line.endswith("Unknown environment variables, ignored: KVD_MAXMEMROY (did you mean KVD_MAXMEMORY?), KVD_SERVICE_HOST")
    assert Wire(("127.0.0.1", p.port))("CONFIG", "GET", "hz", "maxclients") == [b"hz", b"10", b"maxclients", b"50"]
    assert p.end()[0] == 0


def test_variables_that_kubernetes_sets_for_a_service_called_kvd_are_no_settings():
    port = free_port()
    env = {
        "KVD_PORT": f"tcp://10.0.0.1:{port}", "KVD_PORT_6379_TCP": "tcp://10.0.0.1:6379", "KVD_PORT_6379_TCP_PROTO": "tcp",
        "KVD_SERVICE_HOST": "10.0.0.1", "KVD_SERVICE_PORT": "6379",
    }  # fmt: skip
    p = Process(env=env)
    assert p.client().ping() and len([line for line in p.lines if "KVD_SERVICE_PORT" in line]) == 1
    assert p.end()[0] == 0


def test_variables_of_tests_and_builds_have_another_prefix():
    root = Path(__file__).parent.parent
    used = [root / "setup.py", root / "Makefile", root / ".ci" / "run", root / "README.md", *(root / "tests").rglob("*.py")]
    for path in used:
        for variable in re.findall(r"\bKVD_(?:BUILD|PROBES|LONG|COMPAT|FUZZ|TEST|BULLMQ)\w*", path.read_text()):
            assert path.name in ("setup.py", "test_cli.py"), (path, variable)


def refused(*args, stdin=None, env=None):
    """The report of a start that is refused."""
    r = subprocess.run(
        [*KVD, "serve", *args], input=stdin, capture_output=True, text=True, timeout=30, env={**os.environ, **(env or {})}
    )
    assert r.returncode == 1 and r.stdout == ""
    assert r.stderr.startswith("\n*** FATAL CONFIG FILE ERROR (kvd) ***\n")
    return r.stderr


PROTECTS = [
    "tls-auth-clients-user cn", "tls-cluster yes",
    "unixsocketgroup redis",
]  # fmt: skip


@pytest.mark.parametrize("line", [*PROTECTS, "loadmodule /usr/lib/x.so"])
def test_a_directive_that_protects_and_is_not_implemented_stops_the_start(line):
    name, value = line.split(" ", 1)
    reports = [refused("-", stdin=f"hz 10\n{line}\n"), refused(f"--{name}", *value.split())]
    if name != "loadmodule":
        reports.append(refused(env={"KVD_" + name.upper().replace("-", "_"): value}))
        assert "from the environment variable KVD_" in reports[2]
    assert "at line 2" in reports[0]
    for report in reports:
        assert report.count("is not implemented") == 1 and name in report
        assert "secret" not in report or name == "user"


def test_all_defaults_written_out_start(tmp_path):
    path = tmp_path / "all.conf"
    taken = ("port", "bind", "unixsocket", "logfile", "dir")
    lines = [f'{o.name} {o.default if "words" in o.marks and o.default else chr(34) + o.default + chr(34)}' for o in OPTIONS.values() if o.name not in taken]
    path.write_text("\n".join([*lines, "save", "replicaof no one", "include nothing/*.conf"]) + "\n")
    p = Process(str(path))
    assert not [line for line in p.lines if "without effect" in line]
    assert p.client().config_get("save") == {"save": ""} and p.client().config_get("appendonly") == {"appendonly": "no"}
    assert p.end()[0] == 0


@pytest.mark.compat
@pytest.mark.real_server
@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
def test_every_setting_of_a_real_server_starts(tmp_path):
    real = RealServer("redis-server")
    try:
        reply = Wire(real.address)("CONFIG", "GET", "*")
    finally:
        real.stop()
    path = tmp_path / "real.conf"
    skip = (b"port", b"bind", b"unixsocket", b"logfile", b"dir", b"pidfile", b"daemonize")
    settings = {k: v for k, v in zip(reply[::2], reply[1::2], strict=True) if k not in skip}
    several = {name.encode() for name, o in OPTIONS.items() if "words" in o.marks}
    path.write_bytes(b"".join(b"%s %s\n" % (k, v if k in several and v else b'"' + v + b'"') for k, v in settings.items()))
    assert Process(str(path)).end()[0] == 0


STOCK = stock_files() or [pytest.param("", marks=pytest.mark.skip(reason="no configuration file of a real server here"))]


@pytest.mark.parametrize("path", STOCK)
def test_stock_configuration_files_start(path, tmp_path):
    p = Process(
        path, "--daemonize", "no", "--logfile", "", "--dir", str(tmp_path), "--pidfile", f"{tmp_path}/pid", "--supervised", "no"
    )
    assert p.client().config_get("save") == {"save": "3600 1 300 100 60 10000"} and p.client().config_get("databases") == {"databases": "16"}
    assert p.end()[0] == 0


def test_harmless_directives_are_listed_once():
    p = Process("--activedefrag", "yes", "--rdbcompression", "yes", "--repl-disable-tcp-nodelay", "yes", "--hz", "20")
    listed = [line for line in p.lines if "without effect" in line]
    assert len(listed) == 1 and listed[0].endswith("of kvd: activedefrag, repl-disable-tcp-nodelay")
    assert p.end()[0] == 0


def test_a_log_that_cannot_be_written_stops_the_start(tmp_path):
    report = refused("--logfile", f"{tmp_path}/none/log")
    assert "Can't open the log file: No such file or directory" in report and "--logfile" in report
    assert "Can't open the log file: Is a directory" in refused("--logfile", str(tmp_path))
    assert "Can't chdir to '/nonexistent': No such file" in refused("--dir", "/nonexistent")


def test_a_bad_unix_socket_is_reported_as_such(tmp_path):
    kept = tmp_path / "file"
    kept.write_text("not a socket")
    for path, why in ((f"{tmp_path}/none/sock", "No such file or directory"), (str(kept), "Address already in use"),
                      (f"{tmp_path}/{'x' * 200}", "File name too long")):  # fmt: skip
        r = subprocess.run(
            [*KVD, "serve", "--port", str(free_port()), "--unixsocket", path], capture_output=True, text=True, timeout=30
        )
        assert r.returncode == 1 and f"Failed opening Unix socket: bind: {why}: {path}" in r.stdout and "tcp" not in r.stdout.lower()
    assert kept.read_text() == "not a socket"


@pytest.mark.parametrize("args", [["-v"], ["--version"]])
def test_versions(args):
    for command in (["serve", *args], args):
        r = subprocess.run([*KVD, *command], capture_output=True, text=True, timeout=30)
        assert (r.returncode, r.stdout) == (0, f"kvd, version {kvd.__version__}\n")


def test_flags_in_other_forms():
    p = Process("--maxmemory 700mb", "--save", "--hz=20", '--proc-title-template "a b"', "--notify-keyspace-events=")
    got = p.client().config_get("maxmemory", "save", "hz", "proc-title-template")
    assert got == {"maxmemory": "734003200", "save": "", "hz": "20", "proc-title-template": "a b"}
    assert p.end()[0] == 0


def test_short_port():
    port = free_port()
    p = subprocess.Popen([*KVD, "serve", "-p", str(port), "--bind", "127.0.0.1"], stdout=subprocess.PIPE, text=True)
    try:
        assert any("Ready to accept" in line for line in p.stdout)
        assert redis.Redis(port=port).ping()
    finally:
        p.terminate()
        p.communicate(timeout=30)


def test_a_shutdown_saves_what_the_next_start_loads(tmp_path):
    for end in ("SHUTDOWN", "SHUTDOWN SAVE", "TERM", "INT"):
        p = Process("--dir", str(tmp_path))
        wire = Wire(("127.0.0.1", p.port))
        assert wire("INCR", "starts") == ("SHUTDOWN", "SHUTDOWN SAVE", "TERM", "INT").index(end) + 1
        if end.startswith("SHUTDOWN"):
            wire.send(Wire.frame(end.split()))
            assert p.process.wait(30) == 0
        else:
            assert p.end(signal.SIGTERM if end == "TERM" else signal.SIGINT)[0] == 0
    p = Process("--dir", str(tmp_path), "--save", "")
    assert p.client().incr("starts") == 5 and p.client().config_set("shutdown-on-sigterm", "nosave") and p.end()[0] == 0
    p = Process("--dir", str(tmp_path), "--shutdown-on-sigterm", "nosave")
    assert p.client().incr("starts") == 5 and p.end()[0] == 0


def test_a_shutdown_that_cannot_save_is_given_up(tmp_path):
    p = Process("--dir", str(tmp_path))
    (tmp_path / "dump.rdb").mkdir()
    wire = Wire(("127.0.0.1", p.port))
    wire("SET", "k", "v")
    assert str(wire("SHUTDOWN")) == "ERR Errors trying to SHUTDOWN. Check logs." and wire("GET", "k") == b"v"
    p.process.send_signal(signal.SIGTERM)
    while "the server goes on" not in p.process.stdout.readline():
        pass
    assert wire("GET", "k") == b"v"
    wire.send(Wire.frame(("SHUTDOWN", "FORCE")))
    assert p.process.wait(30) == 0


def test_renamed_commands_from_a_file(tmp_path):
    path = tmp_path / "kvd.conf"
    path.write_text('rename-command FLUSHALL ""\nrename-command CONFIG secret-config\n')
    p = Process(str(path), "--rename-command", "KEYS", "")
    wire = Wire(("127.0.0.1", p.port))
    for words in (("FLUSHALL",), ("CONFIG", "GET", "hz"), ("keys", "*")):
        assert str(wire(*words)).startswith(f"ERR unknown command '{words[0]}'")
    assert wire("secret-config", "GET", "hz") == [b"hz", b"10"]
    assert wire("SECRET-CONFIG", "REWRITE") == b"OK"
    assert path.read_text().splitlines()[:2] == ['rename-command FLUSHALL ""', "rename-command CONFIG secret-config"]
    assert p.end()[0] == 0
    assert "No such command in rename-command" in refused("--rename-command", "NOPE", "x")
    assert "Target command name already exists" in refused("--rename-command", "GET", "set")
    assert "wrong number of arguments" in refused("--rename-command", "GET")


def test_listening_elsewhere_at_run_time():
    p = Process()
    first = Wire(("127.0.0.1", p.port))
    port = free_port()
    assert first("CONFIG", "SET", "port", str(port)) == b"OK" and first("PING") == b"PONG"
    second = Wire(("127.0.0.1", port))
    assert second("CONFIG", "GET", "port", "bind") == [b"bind", b"127.0.0.1", b"port", str(port).encode()] or second("PING") == b"PONG"
    with pytest.raises(ConnectionRefusedError):
        Wire(("127.0.0.1", p.port))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        why = second("CONFIG", "SET", "port", str(taken.getsockname()[1]))
        assert "Unable to listen on this port. Check server logs." in str(why)
    assert "Failed to bind to specified addresses." in str(second("CONFIG", "SET", "bind", "127.0.0.1 203.0.113.9"))
    assert Wire(("127.0.0.1", port))("PING") == b"PONG"
    assert second("CONFIG", "GET", "bind") == [b"bind", b"127.0.0.1"]
    assert second("CONFIG", "SET", "bind", "127.0.0.1 -203.0.113.9 127.0.0.2") == b"OK"
    assert Wire(("127.0.0.2", port))("PING") == b"PONG" and Wire(("127.0.0.1", port))("PING") == b"PONG"
    assert second("CONFIG", "SET", "port", "0") == b"OK"
    with pytest.raises(ConnectionRefusedError):
        Wire(("127.0.0.1", port))
    assert second("CONFIG", "SET", "port", str(port), "bind", "127.0.0.1") == b"OK"
    assert Wire(("127.0.0.1", port))("PING") == b"PONG"
    assert p.end()[0] == 0


def test_docs_are_for_maintainers(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(kvd.__file__).parent.parent)}
    r = subprocess.run([*KVD, "docs"], capture_output=True, text=True, timeout=30, cwd=tmp_path, env=env)
    assert r.returncode == 2 and "Missing argument" in r.stderr and not list(tmp_path.iterdir())
    assert "docs" not in subprocess.run([*KVD, "--help"], capture_output=True, text=True, timeout=30).stdout


def test_port_taken():
    p = Process()
    r = subprocess.run([*KVD, "serve", "--port", str(p.port), "--bind", "127.0.0.1"], capture_output=True, text=True, timeout=30)
    assert r.returncode == 1 and f"Failed listening on port {p.port}" in r.stdout
    p.end()


def test_daemon_with_pidfile_logfile_and_unix_socket(tmp_path):
    port = free_port()
    subprocess.run(
        [*KVD, "serve", "--port", str(port), "--daemonize", "yes", "--pidfile", f"{tmp_path}/pid", "--logfile", f"{tmp_path}/log",
         "--unixsocket", f"{tmp_path}/sock", "--dir", str(tmp_path)],
        timeout=30, check=True,
    )  # fmt: skip
    for _ in range(100):
        if (tmp_path / "pid").exists():
            break
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    try:
        check_daemon(tmp_path, port, pid)
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def check_daemon(tmp_path, port, pid):
    assert redis.Redis(unix_socket_path=f"{tmp_path}/sock").ping()
    assert redis.Redis(port=port).info("server")["process_id"] == pid
    os.kill(pid, signal.SIGTERM)
    for _ in range(100):
        if not (tmp_path / "pid").exists():
            break
        time.sleep(0.05)
    log = (tmp_path / "log").read_text()
    assert "Server initialized" in log and "bye bye" in log and not (tmp_path / "sock").exists()


def test_systemd_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"{tmp_path}/notify")
        channel.settimeout(10)
        p = Process("--supervised", "systemd", env={"NOTIFY_SOCKET": f"{tmp_path}/notify"})
        assert b"READY=1" in channel.recv(1000)
    p.end()


@pytest.mark.real_server
def test_redis_cli():
    if not shutil.which("redis-cli"):
        pytest.skip("needs redis-cli")
    p = Process()
    cli = ["redis-cli", "-p", str(p.port)]
    assert subprocess.run([*cli, "set", "k", "v"], capture_output=True, text=True).stdout == "OK\n"
    assert subprocess.run([*cli, "-3", "get", "k"], capture_output=True, text=True).stdout == "v\n"
    assert "k" in subprocess.run([*cli, "--scan"], capture_output=True, text=True).stdout
    assert "redis_version" in subprocess.run([*cli, "info"], capture_output=True, text=True).stdout
    pipe = subprocess.run([*cli, "--pipe"], input=b"SET a 1\r\nSET b 2\r\n", capture_output=True)
    assert b"errors: 0" in pipe.stdout
    assert b"replies: 2" in pipe.stdout
    p.end()


def test_help_names_every_directive():
    text = subprocess.run([*KVD, "serve", "--help"], capture_output=True, text=True, timeout=30).stdout
    assert all(f"--{name}" in text for name in OPTIONS)
    explained = subprocess.run([*KVD, "help", "SET"], capture_output=True, text=True, timeout=30).stdout
    assert "SET key value" in explained


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="finds threads in /proc")
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT], ids=lambda n: n.name)
def test_a_crash_of_a_network_thread_is_reported(number):
    """Network threads block signals that are for the main thread, but not these."""
    p = Process()
    resource.prlimit(p.process.pid, resource.RLIMIT_CORE, (0, 0))
    threads = [int(name) for name in os.listdir(f"/proc/{p.process.pid}/task") if int(name) != p.process.pid]
    assert threads
    assert ctypes.CDLL(None).syscall(TGKILL, p.process.pid, threads[0], number) == 0
    out, err = p.process.communicate(timeout=60)
    assert p.process.returncode == -number and "Fatal Python error" in err


def test_the_limit_of_descriptors_is_raised_for_maxclients():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    server = Process("--maxclients", "1000", files=(300, limit))
    assert any("Increased maximum number of open files to 1032 (it was originally set to 300)." in line for line in server.lines)
    client = server.client()
    assert client.config_get("maxclients") == {"maxclients": "1000"}
    if limit != resource.RLIM_INFINITY:
        with pytest.raises(redis.ResponseError, match=f"possibly related to argument 'maxclients'.*The operating system is not able to handle the specified number of clients, try with {limit - 32}"):
            client.config_set("maxclients", limit * 2)
    client.config_set("maxclients", 1200)
    assert client.config_get("maxclients") == {"maxclients": "1200"}
    assert server.end()[0] == 0


def test_maxclients_is_reduced_to_the_limit_of_descriptors():
    server = Process("--maxclients", "1000", files=(200, 200))
    said = "\n".join(server.lines)
    if "Increased maximum number of open files" in said:       # the process has the right to
        pytest.skip("limits of this process do not bind it")
    assert "You requested maxclients of 1000 requiring at least 1032 max file descriptors." in said
    assert "maxclients has been reduced to 168" in said
    held = [Wire(("127.0.0.1", server.port)) for _ in range(168)]
    refused = Wire(("127.0.0.1", server.port))
    assert str(refused.read()) == "ERR max number of clients reached"
    assert held[0]("PING") == b"PONG"
    assert server.end()[0] == 0


FEW = """
import resource, sys, kvd
from kvd.doors.server import log_on
with kvd.Store().serve() as server:
    log_on(server.store)
    resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
    print(server.port, flush=True)
    sys.stdin.read()
    print(server.store.info("stats")["eventloop_cycles"], flush=True)
"""


def test_a_program_without_descriptors_accepts_clients_when_it_has_some_again():
    program = subprocess.Popen([sys.executable, "-c", FEW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **SOURCES})
    address = ("127.0.0.1", int(program.stdout.readline()))
    wires = [Wire(address) for _ in range(60)]
    assert "Accepting client connection: Too many open files" in program.stdout.readline()
    assert wires[0]("PING") == b"PONG"
    for wire in wires[:30]:
        wire.close()
    assert wires[-1]("PING") == b"PONG"
    program.stdin.close()
    assert int(program.stdout.read().split()[-1]) < 100_000   # it did not poll in vain
    assert program.wait() == 0
