"""The test's side of worker.py: starts jobs, reads what they tell, kills them."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

F_SETPIPE_SZ = 1031                    # of Linux
LIMIT = 60.0                           # seconds after which a worker counts as hanging


def build_faults(folder: Path) -> str | None:
    """Compiles fault.c. Returns the path of the library, or None: there is no compiler, or it cannot be preloaded here."""
    target = folder / "fault.so"
    if sys.platform != "linux" or shutil.which("gcc") is None:
        return None
    source = Path(__file__).with_name("fault.c")
    built = subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(target), str(source), "-ldl"], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    probe = subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL(None).kvddev_fault_seen"], env={**os.environ, "LD_PRELOAD": str(target)}, capture_output=True)
    return str(target) if probe.returncode == 0 else None


class Workers:
    """One process that forks workers, one after the other."""

    def __init__(self, folder: Path, preload: str | None = None) -> None:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        if preload:
            environ["LD_PRELOAD"] = preload
        self.log = folder / "worker.log"
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.worker", str(self.log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=root, bufsize=0)  # fmt: skip
        assert self.process.stdin and self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        fcntl.fcntl(self.output, F_SETPIPE_SZ, 4096)     # so that it does not run far ahead of the test
        self.data = b""
        self.running: int | None = None

    def tell(self, text: str) -> None:
        self.input.write(text.encode() + b"\n")

    def lines(self, seconds: float = LIMIT) -> Iterator[tuple[str, str]]:
        """What it tells, until its end; ("end", status) is the last."""
        until = time.monotonic() + seconds
        while True:
            line = self.line(max(until - time.monotonic(), 0))
            assert line is not None, "the worker hangs"
            yield line
            if line[0] == "end":
                return

    def line(self, seconds: float) -> tuple[str, str] | None:
        """The next line, or None: there is none yet."""
        while b"\n" not in self.data:
            if not select.select([self.output], [], [], seconds)[0]:
                return None
            data = os.read(self.output.fileno(), 65536)
            assert data, "the parent of the workers has ended"
            self.data += data
        line, self.data = self.data.split(b"\n", 1)
        kind, _, rest = line.decode().partition(" ")
        if kind == "end":
            self.running = None
        return kind, rest

    def start(self, **job: Any) -> int:
        """Starts a worker. Returns its process id."""
        if self.running is not None:               # its test has failed
            self.kill(self.running)
            while self.running is not None:
                assert self.line(LIMIT)
        self.tell(json.dumps(job))
        line = self.line(LIMIT)
        assert line and line[0] == "pid", line
        self.running = int(line[1])
        return self.running

    @staticmethod
    def kill(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self.input.close()
        assert self.process.wait(LIMIT) == 0
        self.output.close()
