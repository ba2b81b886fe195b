"""What `inspect` tells of an RDB file; `load` is tested in tests/persist/test_load.py."""

import os
import signal
import threading

import pytest

import kvd
from kvd.doors.files import inspect, load

from ..persist.stored import aux, database, deadline, library, rdb, stored, string


@pytest.fixture
def store():
    return kvd.Store()


def test_what_a_file_contains(store):
    assert inspect(store, stored("small-valkey-9.1.rdb")) == {
        "version": 80, "valkey": True, "keys": 26, "expires": 3, "expired": 0, "empty": 0, "libraries": 1, "checksum": True, "end": 1546, "error": None, "offset": 0,
        "types": {"string": 12, "list": 3, "set": 4, "zset": 2, "hash": 4, "stream": 2} | inspect(store, stored("small-valkey-9.1.rdb"))["types"],
        "aux": inspect(store, stored("small-valkey-9.1.rdb"))["aux"],
    }  # fmt: skip
    assert inspect(store, stored("small-valkey-9.1.rdb"))["aux"]["valkey-ver"] == "9.1.2"
    assert store.keys() == []


def test_the_first_error(store):
    data = rdb(aux("a", b"\xff"), database(0), string("a", 1), deadline(5), string("b", 1), library("no code"), b"\x08")
    found = inspect(store, data)
    assert found["error"] == f"at offset {found['offset']}: unknown type or opcode 8" and found["offset"] == len(data) - 10
    assert found["keys"] == 1 and found["expired"] == 1 and found["libraries"] == 1 and found["aux"] == {"a": "\\xff"}


def test_what_follows_the_end(store):
    assert inspect(store, rdb(string("a", 1)) + b"more")["end"] == len(rdb(string("a", 1)))


def test_a_signal_ends_it(store, tmp_path):
    class Stop(Exception):
        pass

    def stop(number, frame):
        raise Stop

    os.mkfifo(tmp_path / "pipe")
    old = signal.signal(signal.SIGUSR1, stop)

    def write():
        with open(tmp_path / "pipe", "wb") as file:
            file.write(rdb(*(string(f"k{i}", "x" * 100) for i in range(20_000)))[:-1000])
            file.flush()
            os.kill(os.getpid(), signal.SIGUSR1)
            while True:
                try:
                    file.write(b"\0" * 65536)
                    file.flush()
                except BrokenPipeError:
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(Stop):
            load(store, tmp_path / "pipe")
    finally:
        writer.join()
        signal.signal(signal.SIGUSR1, old)
    assert store.keys() == [] and store.execute("DEBUG", "CHECK") == b"OK"
