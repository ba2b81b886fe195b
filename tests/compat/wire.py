"""A bare RESP client, and real servers to compare with."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import hiredis

NOTHING = object()              # False is a reply of RESP3


def reader():
    return hiredis.Reader(notEnoughData=NOTHING)


class Wire:
    """Sends words, returns replies as hiredis reads them; error replies are returned, not raised."""

    def __init__(self, address, proto=2):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(20)
        self.socket.connect(address)
        self.reader = reader()
        if proto == 3:
            self("HELLO", "3")

    @staticmethod
    def frame(words):
        encoded = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        while True:
            reply = self.reader.gets()
            if reply is not NOTHING:
                return reply
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self.reader.feed(data)

    def __call__(self, *words):
        self.send(self.frame(words))
        return self.read()

    def close(self):
        self.socket.close()


REWORDED_BY_VALKEY = (
    ("server.register_function", "redis.register_function"), ("Redis command", "command"), (r"(No matching script\.) Please use EVAL\.", r"\1"),
    ("^ERR Error registering functions: ", ""), ("(Library|Function) names can", "Names can"), (r" script: \w+, on", " script: on"),
    ("Unexpected engine in script shebang: #!", "Could not find scripting engine ''"),
    ("could not decode requested zset member", "member . does not exist"), ("member .* does not exist", "member . does not exist"),
)  # fmt: skip


def loaded(wire):
    """The wire, when its server has loaded its files."""
    while wire("PING") != b"PONG":
        time.sleep(0.002)
    return wire


def plain(reply, reworded=()):
    """A reply with the texts of errors reworded, and sets, whose order is free, sorted."""
    if isinstance(reply, list):
        return [plain(r, reworded) for r in reply]
    if isinstance(reply, set):
        return sorted(reply)
    if isinstance(reply, dict):
        return {k: plain(v, reworded) for k, v in reply.items()}
    if isinstance(reply, Exception):
        return type(reply)(functools.reduce(lambda text, pair: re.sub(*pair, text), reworded, str(reply)))
    return reply


def free_port():
    """A TCP port that is not in use now, below those that the system gives to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class RealServer:
    """A redis-server or valkey-server of this machine on a unix socket, stopped by its own process id.

    `release` is its version, as (major, minor); `commands` are the names of what it knows, in lower case; `reworded` are the
    error texts that are Valkey's own, for plain().
    """

    def __init__(self, program, *options):
        self.folder = tempfile.mkdtemp(prefix="kvd-compat-")
        self.address = f"{self.folder}/s"
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", self.address, "--dir", self.folder, "--save", "", "--appendonly", "no",
             "--enable-debug-command", "yes", *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"},   # the sanitizer is for us, not for it
        )  # fmt: skip
        info = self.wait_for_info()
        wire = Wire(self.address)
        self.commands = {name.decode() for name in wire("COMMAND", "LIST")}
        wire.close()
        self.valkey = "valkey_version" in info
        self.reworded = REWORDED_BY_VALKEY if self.valkey else ()
        version = info["valkey_version" if self.valkey else "redis_version"]
        self.release = tuple(map(int, version.split(".")[:2]))
        self.name = f"{Path(program).name} {version}"

    def wait_for_info(self):
        limit = time.monotonic() + 60
        while True:
            try:
                info = self.info("server") | self.info("persistence")
                if info["loading"] == "0":
                    return info
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > limit or self.process.poll() is not None:
                    raise
            time.sleep(0.05)

    def info(self, section):
        wire = Wire(self.address)
        text = wire("INFO", section).decode()
        wire.close()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def stock_files():
    """Configuration files that come with the real servers, wherever these are."""
    folders = [Path("/etc")]
    if os.environ.get("KVDDEV_SERVERS"):
        folders.append(Path(os.environ["KVDDEV_SERVERS"]).parent / "root/etc")
    found = [folder / name / f"{name}.conf" for folder in folders for name in ("redis", "valkey")]
    return [str(path) for path in found if os.access(path, os.R_OK)]


def programs():
    """The real servers there are: those on PATH, and those in the folder that KVDDEV_SERVERS names."""
    found = [shutil.which(p) for p in ("redis-server", "valkey-server")]
    folder = os.environ.get("KVDDEV_SERVERS")
    if folder:
        found += [shutil.which(p, path=folder) for p in ("redis-server", "valkey-server")]
    return [p for p in found if p]
