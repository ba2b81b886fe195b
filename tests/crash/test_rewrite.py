"""Compaction of a store in a file while others use it."""

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
