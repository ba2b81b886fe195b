"""A bare RESP client, and real servers to compare with."""

from __future__ import annotations

import os
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


def free_port():
    """A TCP port that is not in use now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RealServer:
    """A redis-server or valkey-server of this machine on a unix socket, stopped by its own process id."""

    def __init__(self, program, *options):
        self.folder = tempfile.mkdtemp(prefix="kvd-compat-")
        self.address = f"{self.folder}/s"
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", self.address, "--dir", self.folder, "--save", "", "--appendonly", "no",
             "--enable-debug-command", "yes", *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"},   # the sanitizer is for us, not for it
        )  # fmt: skip
        version = self.wait_for_version()
        self.name = f"{Path(program).name} {version}"

    def wait_for_version(self):
        limit = time.monotonic() + 60
        while True:
            try:
                return self.version()
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > limit or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def version(self):
        wire = Wire(self.address)
        text = wire("INFO", "server").decode()
        wire.close()
        return next(line.split(":")[1] for line in text.splitlines() if line.startswith("redis_version:"))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def programs():
    """The real servers there are: those on PATH, and those in the folder that KVDDEV_SERVERS names."""
    found = [shutil.which(p) for p in ("redis-server", "valkey-server")]
    folder = os.environ.get("KVDDEV_SERVERS")
    if folder:
        found += [shutil.which(p, path=folder) for p in ("redis-server", "valkey-server")]
    return [p for p in found if p]
