"""Save points, and what happens when a save in the background fails."""

import pytest
from redis.exceptions import ResponseError

import kvd

from ..waiting import eventually
from .served import Served, files, fill, info_of

MISCONF = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, "
    "because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the "
    "Redis logs for details about the RDB error."
)


def test_a_save_point_saves_a_server(tmp_path):
    with Served(tmp_path, "--save", "1 3") as server:
        server("MSET", "a", "1", "b", "2", "c", "3")
        eventually(lambda: files(tmp_path) == ["dump.rdb"] and server.info("rdb_changes_since_last_save") == "0")
        assert "3 changes in 1 seconds. Saving..." in server.said() and "Background saving terminated with success" in server.said()
        digest = server.digest()
        server.process.kill()
    with Served(tmp_path) as server:
        assert server.digest() == digest and "DB loaded from disk" in server.said()


def test_a_save_point_saves_a_store_that_is_served(tmp_path):
    with kvd.Store(dir=str(tmp_path), save="1 1") as store, store.serve():
        store.set("k", "v")
        eventually(lambda: files(tmp_path) == ["dump.rdb"])


def test_a_save_point_saves_a_store_without_a_server(tmp_path):
    with kvd.Store(dir=str(tmp_path), save="1 1") as store:
        store.set("k", "v")
        eventually(lambda: files(tmp_path) == ["dump.rdb"])


def test_a_save_point_saves_a_store_whose_clock_stands_still(tmp_path):
    with kvd.Store(dir=str(tmp_path)) as store:
        store.clock.freeze(1000)
        store.config_set("save", "1 1")
        store.set("k", "v")
        eventually(lambda: files(tmp_path) == ["dump.rdb"])


def test_a_scheduled_save_runs_without_a_server(tmp_path):
    with kvd.Store(dir=str(tmp_path)) as store:
        with store.session() as session:
            session.execute("MULTI")
            session.execute("BGSAVE")
            assert session.execute("EXEC") == [b"Background saving scheduled"]
        eventually(lambda: files(tmp_path) == ["dump.rdb"])


def test_one_of_several_points_is_enough(tmp_path):
    with Served(tmp_path, "--save", "3600 1 1 2") as server:
        server("MSET", "a", "1", "b", "2")
        eventually(lambda: files(tmp_path) == ["dump.rdb"])
        assert "2 changes in 1 seconds. Saving..." in server.said()


def test_too_few_changes_and_none_save_nothing(tmp_path):
    with Served(tmp_path, "--save", "1 2") as server:
        server("SET", "k", "v")
        server("GET", "k")
        eventually(lambda: int(server("LASTSAVE")) + 2 <= int(server("TIME")[0]))
        assert files(tmp_path) == [] and server.info("rdb_saves") == "0"


def test_save_points_can_be_set_and_removed_at_run_time(tmp_path):
    with Served(tmp_path, "--save", "") as server:
        assert server("CONFIG", "GET", "save") == [b"save", b""]
        server("SET", "k", "v")
        assert server("CONFIG", "SET", "save", "1 1") == b"OK"
        eventually(lambda: server.info("rdb_saves") == "1")
        assert server("CONFIG", "SET", "save", "") == b"OK" and server("CONFIG", "GET", "save") == [b"save", b""]
        assert "Invalid save parameters" in str(server("CONFIG", "SET", "save", "1"))


@pytest.mark.parametrize("value", ["0 1", "1 -1", "x 1", "1 x"])
def test_bad_save_points_are_refused(value):
    with pytest.raises(kvd.ConfigError, match="save"):
        kvd.Store(save=value)


def test_a_server_has_the_points_of_redis_unless_told_otherwise(tmp_path):
    with Served(tmp_path) as server:
        assert server("CONFIG", "GET", "save") == [b"save", b"3600 1 300 100 60 10000"]
    assert kvd.Store(decode_responses=True).config_get("save") == {"save": ""}


@pytest.fixture
def failed(tmp_path):
    """A store whose last save in the background has failed: there is a folder where the file would be."""
    (tmp_path / "dump.rdb").mkdir()
    store = kvd.Store(dir=str(tmp_path), save="3600 1", enable_debug_command="yes")
    store.set("k", "v")
    fail(store)
    return store


def fail(store):
    store.execute("BGSAVE")
    eventually(lambda: info_of(store.execute, "rdb_last_bgsave_status") == "err")


WRITES = [("SET", "k", "w"), ("DEL", "k"), ("FLUSHALL",), ("EXPIRE", "k", "1"), ("EVAL", "return redis.call('set', KEYS[1], 'w')", "1", "k")]


@pytest.mark.parametrize("words", WRITES, ids=lambda w: w[0])
def test_writes_are_refused_after_a_failure(failed, words):
    with pytest.raises(ResponseError, match="MISCONF") as caught:
        failed.execute(*words)
    assert str(caught.value).startswith(MISCONF) or words[0] == "EVAL"
    assert failed.execute("GET", "k") == b"v"
    with pytest.raises(ResponseError, match="MISCONF"):        # as Redis, for those who watch it
        failed.execute("PING")


def test_a_transaction_that_writes_is_refused(failed):
    with failed.session() as run:
        run.execute("MULTI")
        with pytest.raises(ResponseError, match="MISCONF"):
            run.execute("SET", "k", "w")
        with pytest.raises(ResponseError, match="EXECABORT"):
            run.execute("EXEC")


def test_writes_are_taken_if_the_option_says_so(failed):
    failed.config_set("stop-writes-on-bgsave-error", "no")
    assert failed.set("k", "w") is True
    failed.config_set("stop-writes-on-bgsave-error", "yes")
    failed.config_set("save", "")                  # there is nothing to be kept
    assert failed.set("k", "x") is True


def test_the_next_success_takes_writes_again(failed, tmp_path):
    (tmp_path / "dump.rdb").rmdir()
    assert failed.execute("SAVE") == b"OK" and failed.set("k", "w") is True
    assert info_of(failed.execute, "rdb_last_bgsave_status") == "ok"


def test_a_failure_at_once_is_one_too(tmp_path):
    (tmp_path / "folder").mkdir()
    store = kvd.Store(dir=str(tmp_path / "folder"), save="3600 1")
    (tmp_path / "folder").rmdir()
    store.set("k", "v")
    with pytest.raises(ResponseError):
        store.execute("BGSAVE")
    with pytest.raises(ResponseError, match="MISCONF"):
        store.set("k", "w")


def test_a_failure_is_logged_with_its_reason(tmp_path):
    with Served(tmp_path, "--save", "3600 1") as server:
        (tmp_path / "dump.rdb").mkdir()
        server("BGSAVE")
        eventually(lambda: "Background saving error" in server.said())
        assert "Write error while saving DB to the disk(rename)" in server.said()
        assert str(server("SET", "k", "w")).startswith("MISCONF")
    assert files(tmp_path) == []


def test_saves_follow_each_other(tmp_path):
    store = kvd.Store(dir=str(tmp_path), enable_debug_command="yes")
    fill(store.execute)
    for n in range(20):
        store.set("n", n)
        store.execute("BGSAVE")
        eventually(lambda: info_of(store.execute, "rdb_bgsave_in_progress") == "0")
        copy = kvd.Store()
        copy.load(tmp_path / "dump.rdb")
        assert copy.get("n") == str(n).encode()
    assert info_of(store.execute, "rdb_saves") == "20"


def test_a_store_can_be_closed_while_it_is_saved(tmp_path):
    for _ in range(5):
        store = kvd.Store(dir=str(tmp_path))
        for i in range(100):
            store.set(f"k{i}", bytes(50_000))
        store.execute("BGSAVE")
        store.close()
    assert set(files(tmp_path)) <= {"dump.rdb"}
