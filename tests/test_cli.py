"""`kvd serve` as a person or a supervisor runs it: a real process, real files, real signals."""

import os
import signal
import subprocess
import sys
import time

import pytest
import redis

from .compat.wire import Wire

KVD = [sys.executable, "-m", "kvd"]


def free_port():
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    def __init__(self, *args, stdin=None, env=None):
        self.port = free_port()
        self.process = subprocess.Popen(
            [*KVD, "serve", *args, "--port", str(self.port), "--bind", "127.0.0.1"], stdin=subprocess.PIPE if stdin is not None else None,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
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


def test_sigint_and_shutdown():
    assert Process().end(signal.SIGINT)[0] == 0
    p = Process()
    Wire(("127.0.0.1", p.port)).send(Wire.frame(("SHUTDOWN", "NOSAVE")))
    assert p.process.wait(10) == 0
    assert "User requested shutdown" in p.process.stdout.read()


def test_file_environment_and_flags(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text("hz 20\nmaxmemory 1mb\nmaxclients 77\nsave 900 1\nappendonly no\n")
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


def test_bad_environment():
    r = subprocess.run([*KVD, "serve"], capture_output=True, text=True, timeout=30, env={**os.environ, "KVD_MAXMEMROY": "1"})
    assert r.returncode == 1 and "did you mean 'maxmemory'?" in r.stderr


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
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"{tmp_path}/notify")
        channel.settimeout(10)
        p = Process("--supervised", "systemd", env={"NOTIFY_SOCKET": f"{tmp_path}/notify"})
        assert b"READY=1" in channel.recv(1000)
    p.end()


def test_redis_cli():
    import shutil

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
    from kvd.config import OPTIONS

    assert all(f"--{name}" in text for name in OPTIONS)
    explained = subprocess.run([*KVD, "help", "SET"], capture_output=True, text=True, timeout=30).stdout
    assert "SET key value" in explained
