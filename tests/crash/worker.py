"""The process that is killed: `python -m tests.crash.worker`.

It reads jobs from its input, a JSON object a line, and forks a child for each, so that a kill does not cost the start of an
interpreter. It and its children write what happens to its output, a line each:

    pid N       a child has begun
    d DIGEST    it has loaded its file; it waits for a line "go N", the number of steps that are done
    a N         N steps are executed and acknowledged
    u N         N steps are executed, and the last one was reported not to be in the log
    s N         N steps are synced
    x TEXT      something failed, as it may
    bad TEXT    something happened that must not
    done N      the store was closed after N steps; the first N calls were counted (fault.c)
    end STATUS  the child has ended: minus the number of the signal, or its exit code
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

import kvd
import kvd.cli
from kvd.doors.files import is_writing

from .workload import RefusedError, digest, run_step, step, steps

Job = dict[str, Any]
OUT = os.dup(1)
PATIENCE = 10.0                        # seconds, after which what was repaired must work


def say(kind: str, what: object = "") -> None:
    os.write(OUT, f"{kind} {str(what)[:300]}".replace("\n", " ").encode() + b"\n")


def heard() -> str:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        line += byte
    return line.decode().strip()


def open_store(job: Job) -> kvd.Store:
    options: Job = {"dir": job["folder"], "enable_debug_command": "yes", "auto_aof_rewrite_min_size": "1mb"}
    store: kvd.Store = kvd.Store(job["path"], synchronous=job["synchronous"], **options)
    return store


def begin(session: kvd.Session) -> int:
    """Tells what was loaded. Returns the number of steps that it is, as the test says."""
    state = session.execute("DEBUG", "CHECK")
    if state != b"OK":
        say("bad", f"DEBUG CHECK: {state!r}")
    say("d", digest(session).decode())
    return int(heard().split()[1])


# ---- until it is killed


def library(job: Job) -> None:
    store = open_store(job)
    session = store.session()
    for n, work in steps(job["seed"], begin(session)):
        run_step(session, work)
        say("a", f"{n + 1:<40}")                   # so long that few fit into the pipe: it waits for the test
        do_chore(store, job, n)


def do_chore(store: kvd.Store, job: Job, n: int) -> None:
    """Now and then the file is written anew, or a snapshot is made, while the work goes on."""
    dice = random.Random(job["seed"] + n * 7)
    if dice.random() > 0.04:
        return
    chore = dice.choice(["BGREWRITEAOF", "BGREWRITEAOF", "BGSAVE", "compact", "snapshot", "sync"])
    if chore == "sync":
        store.sync()
        say("s", n + 1)
    elif chore == "compact":
        store.compact()
    elif chore == "snapshot":
        with suppress(RuntimeError):               # another one is being taken
            store.snapshot(f"{job['folder']}/copy.rdb")
    else:
        with suppress(kvd.ResponseError):          # a file is being written
            store.execute(chore)


def server(job: Job) -> None:
    kvd.cli.main(
        ["serve", "--port", "0", "--unixsocket", job["socket"], "--dir", job["folder"], "--appendonly", job.get("appendonly", "yes"), "--appendfsync", job["appendfsync"],
         "--enable-debug-command", "yes", "--save", "", "--auto-aof-rewrite-min-size", "1mb"], standalone_mode=False,
    )  # fmt: skip


# ---- with calls that fail


class Faulty:
    """A short piece of work with everything in it that writes files, which goes on whatever fails."""

    def __init__(self, job: Job) -> None:
        self.job, self.n, self.troubles = job, 0, 0
        self.limit = time.monotonic() + PATIENCE

    def trouble(self, error: BaseException) -> None:
        """After the third one there is space again; then all must work soon."""
        say("x", f"{type(error).__name__}: {error}")
        self.troubles += 1
        if self.troubles == 3:
            with suppress(OSError):
                os.unlink(f"{self.job['folder']}.full")
            self.limit = time.monotonic() + PATIENCE
        if time.monotonic() > self.limit:
            say("bad", f"it does not work again: {error}")
            os._exit(1)
        time.sleep(0.002)

    def try_until(self, action: Any) -> Any:
        while True:
            try:
                return action()
            except (OSError, kvd.KvdError, RefusedError) as error:
                self.trouble(error)

    def run(self) -> None:
        store = self.try_until(lambda: open_store(self.job))
        session = store.session()
        self.n = begin(session)
        last = self.n + 14
        while self.n < last:
            self.try_until(lambda: self.step(session))
            if self.n in (last - 9, last - 3):
                self.try_until(store.compact)
            elif self.n == last - 6:
                self.try_until(lambda: self.save(store))
            elif self.n == last - 1:
                self.try_until(store.sync)
                say("s", self.n)
        self.try_until(store.sync)
        try:
            store.close()                          # everything is on the disk already
        except OSError as error:
            say("x", f"close: {error}")
        say("done", f"{self.n} {ctypes.CDLL(None).kvddev_fault_seen()}")

    def step(self, session: kvd.Session) -> None:
        try:
            run_step(session, step(self.job["seed"], self.n))
        except OSError as error:
            self.n += 1
            say("u", self.n)
            self.trouble(error)
        else:
            self.n += 1
            say("a", self.n)

    def save(self, store: kvd.Store) -> None:
        if not save(store, "BGSAVE"):
            raise RefusedError("BGSAVE failed")


def faulty(job: Job) -> None:
    Faulty(job).run()


def dump(job: Job) -> None:
    """Snapshots of three states. "a N": that of N steps is complete."""
    options: Job = {"dir": job["folder"], "save": "", "enable_debug_command": "yes", "stop_writes_on_bgsave_error": "no"}
    store: kvd.Store = kvd.Store(**options)
    session = store.session()
    for n, work in steps(job["seed"], 0):
        if n and n % 20 == 0:
            saved = save(store, job["command"])
            say("a" if saved else "x", n if saved else "not saved")
        if n == 60:
            break
        run_step(session, work)
    say("done", f"60 {ctypes.CDLL(None).kvddev_fault_seen()}")


def save(store: kvd.Store, command: str) -> bool:
    try:
        store.execute(command)
    except kvd.ResponseError:
        return False
    while is_writing(store):
        time.sleep(0.0005)
    return bool(store.info("persistence")["rdb_last_bgsave_status"] == "ok")


# ---- the parent


def child(job: Job) -> None:
    try:
        os.environ.update(job.get("environ", {}))
        say("pid", os.getpid())
        {"library": library, "server": server, "faulty": faulty, "dump": dump}[job["kind"]](job)
    except BaseException as error:
        if isinstance(error, SystemExit):
            os._exit(int(error.code or 0))
        say("bad", traceback.format_exc()[-290:])
    os._exit(0)


def main() -> None:
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        line = heard()
        if not line.startswith("{"):               # for a child that was killed before it had read this, or all of it
            continue
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        say("end", status)


if __name__ == "__main__":
    main()
