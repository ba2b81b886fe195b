"""Compaction of a store in a file while others use it."""

import io
import os
import time

import pytest

import kvd
from kvd.doors.files import is_writing


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.kvd"


def wait(store):
    while is_writing(store):
        time.sleep(0.001)


def test_a_write_during_a_rewrite_stays_in_its_database(path):
    with kvd.Store(path) as store:
        store.execute("SELECT", 3)
        for i in range(2000):
            store.execute("SET", f"k{i}", b"v" * 3000)
        store.execute("BGREWRITEAOF")
        store.execute("SET", "during", 1)
        assert is_writing(store)
        wait(store)
        store.execute("SET", "after", 1)
    with kvd.Store(path) as store:
        assert store.dbsize() == 0
        store.execute("SELECT", 3)
        assert store.mget("during", "after") == [b"1", b"1"]


class Slow(io.BytesIO):
    """A file into which a snapshot is written; between two of its writes others run."""

    def __init__(self, between):
        super().__init__()
        self.between = between

    def write(self, data):
        self.between()
        return super().write(data)


def test_a_rewrite_refused_during_a_snapshot_is_possible_after_it(path):
    refused = []

    def between():
        if refused:
            return                                 # the last piece is written when the snapshot has ended
        with pytest.raises(kvd.ResponseError, match="Can't execute an AOF background rewriting"):
            store.execute("BGREWRITEAOF")
        refused.append(store.info("persistence")["aof_rewrite_in_progress"])

    with kvd.Store(path) as store:
        for i in range(1000):
            store.set(f"k{i}", os.urandom(400))         # more than one piece
        store.snapshot(Slow(between))
        assert refused == [0]
        store.compact()
        assert store.info("persistence")["aof_rewrites"] == 1
