"""One snapshot is taken at a time: the library waits for the one that runs, BGSAVE is refused, save points and rewrites wait. SAVE,
which stops all others anyway, finishes the one that runs first."""

import io
import os
import threading

import pytest
from redis.exceptions import ResponseError

import kvd

from ..waiting import eventually
from .served import files, info_of

BUSY = "Background save already in progress"


class Gate(io.RawIOBase):
    """A file whose first write waits until it is opened."""

    def __init__(self):
        self.entered, self.opened, self.data = threading.Event(), threading.Event(), b""

    def writable(self):
        return True

    def seekable(self):
        return False

    def write(self, data):
        self.entered.set()
        assert self.opened.wait(60)
        self.data += bytes(data)
        return len(data)


class Taking:
    """Store.snapshot in another thread, which stays in the middle until the end of the block."""

    def __init__(self, store):
        self.gate = Gate()
        self.thread = threading.Thread(target=store.snapshot, args=(self.gate,))

    def __enter__(self):
        self.thread.start()
        assert self.gate.entered.wait(60)
        return self

    def __exit__(self, *what):
        self.gate.opened.set()
        self.thread.join(60)
        copy = kvd.Store()
        copy.load(self.gate.data)
        assert copy.get("k") == b"at the begin"


def fill(store):
    """More than a slice, so that a snapshot is not over when its first bytes are written."""
    store.mset({f"k{i}": os.urandom(1000) for i in range(300)})
    store.set("k", "at the begin")


@pytest.fixture
def store(tmp_path):
    with kvd.Store(tmp_path / "app.kvd", dir=str(tmp_path)) as store:
        fill(store)
        yield store


def test_bgsave_is_refused_while_the_library_takes_one(store, tmp_path):
    with Taking(store):
        with pytest.raises(ResponseError, match=BUSY):
            store.execute("BGSAVE")
        assert info_of(store.execute, "rdb_last_bgsave_status") == "ok" and store.set("k", "v") is True
    assert files(tmp_path) == ["app.kvd"]
    assert store.execute("BGSAVE") == b"Background saving started"


def test_save_finishes_what_the_library_takes(store, tmp_path):
    """Each file is the state of its own instant."""
    with Taking(store):
        store.set("k", "v")
        assert store.execute("SAVE") == b"OK"
        store.set("k", "later")
    copy = kvd.Store()
    copy.load(tmp_path / "dump.rdb")
    assert copy.get("k") == b"v" and copy.dbsize() == store.dbsize()


def test_a_scheduled_save_comes_after_it(store, tmp_path):
    with Taking(store):
        assert store.execute("BGSAVE", "SCHEDULE") == b"Background saving scheduled"
        assert files(tmp_path) == ["app.kvd"]
    eventually(lambda: files(tmp_path) == ["app.kvd", "dump.rdb"])


def test_a_save_in_a_transaction_comes_after_it(store, tmp_path):
    with Taking(store), store.session() as session:
        session.execute("MULTI")
        session.execute("BGSAVE")
        assert session.execute("EXEC") == [b"Background saving scheduled"]
    eventually(lambda: files(tmp_path) == ["app.kvd", "dump.rdb"])


def test_save_points_come_after_it(tmp_path):
    with kvd.Store(dir=str(tmp_path)) as store:
        fill(store)
        with Taking(store):
            store.config_set("save", "1 1")
            store.set("n", 1)
            eventually(lambda: store.execute("LASTSAVE") + 3 <= int(store.execute("TIME")[0]))
            assert files(tmp_path) == [] and info_of(store.execute, "rdb_last_bgsave_status") == "ok"
        eventually(lambda: files(tmp_path) == ["dump.rdb"])


def test_a_rewrite_comes_after_it(store):
    with Taking(store):
        assert store.execute("BGREWRITEAOF") == b"Background append only file rewriting scheduled"
    eventually(lambda: info_of(store.execute, "aof_rewrites") == "1")


def test_a_log_that_is_switched_on_begins_after_it(tmp_path):
    with kvd.Store(dir=str(tmp_path)) as store:
        fill(store)
        with Taking(store):
            store.config_set("appendonly", "yes")
        eventually(lambda: info_of(store.execute, "aof_rewrites") == "1")
        store.set("k", "v")
    with kvd.Store(dir=str(tmp_path), appendonly="yes") as store:
        assert store.get("k") == b"v"


@pytest.mark.parametrize("second", ["snapshot", "compact"])
def test_the_library_waits_for_the_one_that_runs(store, tmp_path, second):
    copy, done = tmp_path / "copy.rdb", threading.Event()

    def other():
        store.snapshot(copy) if second == "snapshot" else store.compact()
        done.set()

    with Taking(store):
        thread = threading.Thread(target=other)
        thread.start()
        store.set("k", "later")
        assert not done.wait(0.2)
    thread.join(60)
    assert done.is_set()
    if second == "snapshot":
        found = kvd.Store()
        found.load(copy)
        assert found.get("k") == b"later"


def test_the_library_waits_for_saves_and_rewrites(store, tmp_path):
    for i in range(2000):
        store.set(f"k{i}", os.urandom(2000))
    for words in (("BGSAVE",), ("BGREWRITEAOF",)) * 3:
        store.execute(*words)
        assert store.snapshot(tmp_path / "copy.rdb") == 2001
        eventually(lambda: info_of(store.execute, "rdb_bgsave_in_progress") == info_of(store.execute, "aof_rewrite_in_progress") == "0")


def test_many_threads_take_theirs(store):
    found = []

    def take():
        file, copy = io.BytesIO(), kvd.Store()
        store.snapshot(file)
        copy.load(file.getvalue())
        found.append(copy.get("k"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [b"at the begin"] * 8


def test_a_snapshot_within_a_snapshot_of_the_thread_is_an_error(store, tmp_path):
    class Nested(io.BytesIO):
        def write(self, data):
            if self.tell():
                return super().write(data)
            for use in (lambda: store.snapshot(io.BytesIO()), store.compact):
                with pytest.raises(RuntimeError, match="this thread is taking a snapshot"):
                    use()
            assert store.execute("SAVE") == b"OK"
            return super().write(data)

    assert store.snapshot(Nested()) == 301
    assert store.snapshot(io.BytesIO()) == 301


def test_a_child_that_was_forked_meanwhile_takes_its_own(store):
    with Taking(store):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                file, copy = io.BytesIO(), kvd.Store()
                store.snapshot(file)
                copy.load(file.getvalue())
                code = 0 if copy.get("k") == b"at the begin" else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_store_is_closed_while_the_library_takes_one(tmp_path):
    store = kvd.Store(tmp_path / "app.kvd")
    fill(store)
    with Taking(store):
        store.close()
    with kvd.Store(tmp_path / "app.kvd") as again:
        assert again.get("k") == b"at the begin"
