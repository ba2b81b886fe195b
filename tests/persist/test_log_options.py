"""aof-use-rdb-preamble no, aof-timestamp-enabled and aof-load-corrupt-tail-max-size."""

import os
import re
import shutil
import tempfile

import pytest

import kvd
from kvd import check

from ..compat.wire import RealServer, Wire
from ..conftest import REAL
from ..waiting import eventually
from .served import FAR, LIBRARY, LOG, Served, fill, increment, info_of, rewrite

COMMANDS = ("--aof-use-rdb-preamble", "no")


def base(folder):
    """The path of the base that the manifest names."""
    text = (folder / "appendonlydir" / "appendonly.aof.manifest").read_text()
    return folder / "appendonlydir" / re.search(r"file (\S+base\S+)", text)[1]


def logged(folder, **options):
    return kvd.Store(dir=str(folder), appendonly="yes", enable_debug_command="yes", **options)


def words(*items):
    """A command as the log contains it."""
    return b"*%d\r\n" % len(items) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, items))


# ---- a base of commands ------------------------------------------------------------------------------

def test_a_base_of_commands_is_loaded(tmp_path):
    with Served(tmp_path, *LOG, *COMMANDS) as server:
        fill(server, plain=False)
        rewrite(server)
        assert base(tmp_path).name == "appendonly.aof.2.base.aof" and base(tmp_path).read_bytes().startswith(b"*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n")
        server("SET", "later", "1")
        digest = server.digest()
        server("CONFIG", "SET", "aof-use-rdb-preamble", "yes")
        rewrite(server)
        assert base(tmp_path).name == "appendonly.aof.3.base.rdb" and base(tmp_path).read_bytes().startswith(b"REDIS")
        server("CONFIG", "SET", "aof-use-rdb-preamble", "no")
        rewrite(server)
        server.process.kill()
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest and server("FCALL", "seven", "0") == 7
        assert sorted(os.listdir(tmp_path / "appendonlydir")) == ["appendonly.aof.4.base.aof", "appendonly.aof.4.incr.aof", "appendonly.aof.manifest"]


def test_a_first_base_of_commands_of_an_empty_store_is_empty(tmp_path):
    with logged(tmp_path, aof_use_rdb_preamble="no") as store:
        assert base(tmp_path).name == "appendonly.aof.1.base.aof" and base(tmp_path).read_bytes() == b""
        store.set("k", "v")
    with logged(tmp_path) as store:
        assert store.get("k") == b"v"


def test_the_file_of_a_store_as_commands(tmp_path):
    with kvd.Store(tmp_path / "app.kvd", aof_use_rdb_preamble="no", enable_debug_command="yes") as store:
        fill(store.execute, plain=False)
        store.compact()
        digest = store.execute("DEBUG", "DIGEST")
        assert (tmp_path / "app.kvd").read_bytes().startswith(b"*")
    with kvd.Store(tmp_path / "app.kvd") as store:
        assert store.execute("DEBUG", "DIGEST") == digest


def test_commands_have_up_to_64_elements(tmp_path):
    with logged(tmp_path, aof_use_rdb_preamble="no") as store:
        store.rpush("l", *range(200))
        store.sadd("s", *range(200))
        store.hset("h", mapping={f"f{i}": i for i in range(200)})
        store.zadd("z", {f"m{i}": i for i in range(200)})
        store.compact()
        data = base(tmp_path).read_bytes()
        for name, per_element in (("RPUSH", 1), ("SADD", 1), ("HSET", 2), ("ZADD", 2)):
            counts = [int(n) for n in re.findall(rb"\*(\d+)\r\n\$\d+\r\n%s\r\n" % name.encode(), data)]
            assert counts == [2 + 64 * per_element] * 3 + [2 + 8 * per_element], name


def test_writes_during_the_rewrite_are_in_the_increment(tmp_path):
    with logged(tmp_path, aof_use_rdb_preamble="no") as store, store.serve():
        for i in range(3000):
            store.set(f"k{i}", "x" * 1000)
        store.execute("BGREWRITEAOF")
        for i in range(0, 3000, 7):
            store.append(f"k{i}", "y")
            store.delete(f"k{i + 1}")
        eventually(lambda: info_of(store.execute, "aof_rewrites") == "1")
        digest = store.execute("DEBUG", "DIGEST")
    with logged(tmp_path) as store:
        assert store.execute("DEBUG", "DIGEST") == digest


def without_deadlines(folder):
    """The digest of what a log holds, if the fields of `h` had none."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder / "appendonlydir", f"{copy}/appendonlydir")
        with logged(copy) as store:
            store.execute("HPERSIST", "h", "FIELDS", 1, "f")
            return store.execute("DEBUG", "DIGEST")


@pytest.mark.parametrize("program", REAL)
def test_real_servers_load_a_base_of_commands_and_back(tmp_path, program):
    probe = RealServer(program)
    newest = "hpexpireat" in probe.commands
    probe.stop()
    with Served(tmp_path, *LOG, *COMMANDS) as server:
        fill(server, plain=not newest)
        if newest:
            server("XGROUP", "CREATECONSUMER", "x", "g", "idle")
            server("XDEL", "x", "62-1")
            server("XGROUP", "CREATE", "x", "second", "$", "ENTRIESREAD", "3")
        server("SET", "deadline", "v", "PXAT", FAR)
        server("FUNCTION", "LOAD", "REPLACE", LIBRARY)
        rewrite(server)
        server("SET", "later", "1")
        digest = server.digest()
        server.stop()
    theirs = RealServer(program, "--dir", str(tmp_path), *LOG, *COMMANDS)
    try:
        wire = Wire(theirs.address)
        if newest:
            assert wire("HPEXPIRETIME", "h", "FIELDS", "1", "f") == [FAR]
        if newest and theirs.valkey:               # its digest does not tell which fields have deadlines
            wire("DEL", "h")
            wire("HSET", "h", "f", "5", "g", "2")
            digest = without_deadlines(tmp_path)
        assert wire("DEBUG", "DIGEST") == digest and wire("FCALL", "seven", "0") == 7 and wire("PEXPIRETIME", "deadline") == FAR
        wire("RPUSH", "theirs", "a", "b")
        rewrite(wire)
        wire("SET", "later", "2")
        digest = wire("DEBUG", "DIGEST")
    finally:
        theirs.stop()
    assert base(tmp_path).suffix == ".aof"
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest and server("FCALL", "seven", "0") == 7


# ---- timestamps --------------------------------------------------------------------------------------

def test_the_time_is_noted_once_a_second(tmp_path):
    with logged(tmp_path, aof_timestamp_enabled="yes") as store:
        store.clock.freeze(1000)
        store.set("a", "1")
        store.set("b", "1")
        store.get("a")
        store.clock.freeze(1007)
        with store.pipeline() as p:
            p.multi()
            p.set("c", "1")
            p.set("d", "1")
            p.execute()
        store.configure("aof-timestamp-enabled", "no")
        store.clock.freeze(1009)
        store.set("e", "1")
        data = increment(tmp_path).read_bytes()
        assert re.findall(rb"#TS:(\d+)\r\n", data) == [b"1000", b"1007"]
        assert data.startswith(b"#TS:1000\r\n*2\r\n$6\r\nSELECT") and b"#TS:1007\r\n*1\r\n$5\r\nMULTI\r\n" in data
    with logged(tmp_path) as store:
        assert store.dbsize() == 5


def test_a_base_of_commands_and_a_new_increment_tell_the_time(tmp_path):
    with logged(tmp_path, aof_timestamp_enabled="yes", aof_use_rdb_preamble="no") as store:
        store.set("a", "1")
        store.compact()
        store.set("b", "1")
        assert base(tmp_path).read_bytes().startswith(b"#TS:") and increment(tmp_path).read_bytes().startswith(b"#TS:")
        before = store.execute("DEBUG", "DIGEST")
        assert store.execute("DEBUG", "LOADAOF") == b"OK" and store.execute("DEBUG", "DIGEST") == before


def test_a_torn_annotation_is_cut_off(tmp_path):
    with logged(tmp_path) as store:
        store.set("a", "1")
    with increment(tmp_path).open("ab") as file:
        file.write(b"#TS:17")
    with logged(tmp_path) as store:
        assert store.get("a") == b"1" and not increment(tmp_path).read_bytes().endswith(b"#TS:17")


def test_check_cuts_at_a_time(tmp_path):
    with logged(tmp_path, aof_timestamp_enabled="yes") as store:
        for second in (1000, 1010, 1020):
            store.clock.freeze(second)
            store.set(f"at {second}", "v")
    part = check.check(tmp_path / "appendonlydir", until=1010)[-1]
    assert "later than 1010" in part.error
    check.cut(part)
    assert check.check(tmp_path / "appendonlydir", until=1010)[-1].error is None
    with logged(tmp_path) as store:
        assert sorted(store.keys("*")) == [b"at 1000", b"at 1010"]


@pytest.mark.parametrize("program", REAL)
def test_real_servers_load_timestamps_and_back(tmp_path, program):
    options = (*LOG, *COMMANDS, "--aof-timestamp-enabled", "yes")
    with Served(tmp_path, *options) as server:
        fill(server)
        rewrite(server)
        server("SET", "later", "1")
        digest = server.digest()
        server.stop()
    theirs = RealServer(program, "--dir", str(tmp_path), *options)
    try:
        wire = Wire(theirs.address)
        assert wire("DEBUG", "DIGEST") == digest
        rewrite(wire)
        wire("SET", "later", "2")
        digest = wire("DEBUG", "DIGEST")
    finally:
        theirs.stop()
    assert b"#TS:" in increment(tmp_path).read_bytes()
    with Served(tmp_path, *LOG) as server:
        assert server.digest() == digest


# ---- a broken end ------------------------------------------------------------------------------------

BROKEN = [b"\0" * 100, b"garbage", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n\0\0\0\0\r\n", words("MULTI") + words("SET", "k", "2") + b"\0" * 50]


@pytest.mark.parametrize("tail", BROKEN)
def test_a_broken_end_is_cut_off_if_it_is_short_enough(tmp_path, tail):
    with logged(tmp_path) as store:
        store.set("k", "1")
    log = increment(tmp_path)
    whole = log.read_bytes()
    log.write_bytes(whole + tail)
    for most in (0, len(tail) - 1):
        with pytest.raises(kvd.FileError, match="Bad file format reading the append only file"):
            logged(tmp_path, aof_load_corrupt_tail_max_size=most)
        assert log.read_bytes() == whole + tail
    with logged(tmp_path, aof_load_corrupt_tail_max_size=len(tail)) as store:
        assert store.get("k") == b"1" and log.read_bytes() == whole
        store.set("k", "3")
    with logged(tmp_path) as store:
        assert store.get("k") == b"3"


def test_what_follows_in_whole_commands_counts(tmp_path):
    """The size is that of all that would be lost."""
    with logged(tmp_path) as store:
        store.set("k", "1")
    log = increment(tmp_path)
    log.write_bytes(log.read_bytes() + b"\0" * 10 + words("SET", "k", "x" * 10_000_000))
    with pytest.raises(kvd.FileError):
        logged(tmp_path, aof_load_corrupt_tail_max_size="1mb")


@pytest.mark.parametrize("command", [("NOPE", "k"), ("SET", "k"), ("SHUTDOWN",), ("SELECT", "99")])
def test_a_command_that_cannot_be_run_is_not_a_broken_end(tmp_path, command):
    with logged(tmp_path) as store:
        store.set("k", "1")
    log = increment(tmp_path)
    log.write_bytes(log.read_bytes() + words(*command))
    before = log.read_bytes()
    with pytest.raises(kvd.FileError):
        logged(tmp_path, aof_load_corrupt_tail_max_size="1mb")
    assert log.read_bytes() == before


def test_only_the_last_file_may_be_broken(tmp_path):
    with logged(tmp_path) as store:
        store.set("k", "1")
    log = increment(tmp_path)
    log.write_bytes(log.read_bytes() + b"\0" * 10)
    with (tmp_path / "appendonlydir" / "appendonly.aof.manifest").open("a") as manifest:
        manifest.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
    (tmp_path / "appendonlydir" / "appendonly.aof.2.incr.aof").write_bytes(words("SET", "l", "1"))
    with pytest.raises(kvd.FileError):
        logged(tmp_path, aof_load_corrupt_tail_max_size="1mb")


def test_the_file_of_a_store_may_have_a_broken_end(tmp_path):
    with kvd.Store(tmp_path / "app.kvd") as store:
        store.set("k", "1")
    with (tmp_path / "app.kvd").open("ab") as file:
        file.write(b"\0" * 512)
    with pytest.raises(kvd.FileError):
        kvd.Store(tmp_path / "app.kvd")
    with kvd.Store(tmp_path / "app.kvd", aof_load_corrupt_tail_max_size=512) as store:
        assert store.get("k") == b"1"


def test_an_empty_data_set_with_a_timestamp_loads_again(tmp_path):
    for _ in range(2):
        with logged(tmp_path, aof_use_rdb_preamble="no", aof_timestamp_enabled="yes") as store:
            assert store.dbsize() == 0
    with logged(tmp_path, aof_use_rdb_preamble="no", aof_timestamp_enabled="yes") as store:
        store.set("k", "v")
        store.flushall()
        store.compact()
    assert logged(tmp_path).dbsize() == 0
