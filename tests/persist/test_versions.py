"""The version that is asked for is written, read by the servers it is for, and refused if it cannot hold the data."""

import io

import pytest

import kvd
from kvd.core import _probe_packed as packed

from ..compat.wire import RealServer, Wire, programs
from ..waiting import eventually
from .served import FAR, LIBRARY, Served, files, fill

VERSIONS = [9, 10, 11, 12, 13, 14, 80]
FIELD = ("HPEXPIREAT", "h", FAR, "FIELDS", "1", "f")
LATER = [("XGROUP", "CREATECONSUMER", "x", "g", "alice")]        # seen, and never active


def made(tmp_path, *more, plain=True, **options):
    store = kvd.Store(dir=str(tmp_path), enable_debug_command="yes", **options)
    fill(store.execute, plain)
    for words in more:
        store.execute(*words)
    return store


def digest(store):
    return store.execute("DEBUG", "DIGEST")


def head(version):
    return b"VALKEY080" if version == 80 else b"REDIS%04d" % version


def simple(store):
    """Without what version 9 cannot hold."""
    store.delete("x")
    for i in range(1, 200):
        store.execute("XADD", "x", f"{i}-1", "f", i, "g", "v" * i)
    store.execute("XGROUP", "CREATE", "x", "g", "0")
    store.execute("XGROUP", "CREATE", "x", "at the end", "$")
    return store


@pytest.mark.parametrize("version", VERSIONS)
def test_the_file_has_the_version_and_is_the_same_data(tmp_path, version):
    with simple(made(tmp_path, rdb_version=str(version))) as store:
        store.execute("SAVE")
        data = (tmp_path / "dump.rdb").read_bytes()
        assert data[:9] == head(version) and int.from_bytes(data[-8:], "little") == packed.crc(data[:-8])
        for target in (tmp_path / "copy.rdb", io.BytesIO()):
            copy = kvd.Store()
            store.snapshot(target, version=version)
            content = target.getvalue() if isinstance(target, io.BytesIO) else target.read_bytes()
            assert content[:9] == head(version) and int.from_bytes(content[-8:], "little") == packed.crc(content[:-8])
            assert copy.load(content) > 20 and digest(copy) == digest(store)
            assert copy.execute("DEBUG", "CHECK") == b"OK"
            assert groups(copy, version) == groups(store, version) and copy.xinfo_stream("x")["entries-added"] == 199


def groups(store, version):
    """Version 9 has no counters of groups; readers compute them."""
    return [{k: v for k, v in group.items() if version > 9 or k not in ("entries-read", "lag")} for group in store.xinfo_groups("x")]


class Pipe(io.RawIOBase):
    """A file that cannot be sought."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def seekable(self):
        return False

    def write(self, data):
        self.data += bytes(data)
        return len(data)


@pytest.mark.parametrize(("version", "begin"), [(None, b"REDIS0012"), (0, b"REDIS0012"), (10, b"REDIS0010"), (80, b"VALKEY080")])
def test_a_stream_that_cannot_be_sought(version, begin):
    store, pipe, copy = kvd.Store(), Pipe(), kvd.Store()
    store.mset({"a": 1, "b": 2})
    assert store.snapshot(pipe, version=version) == 2
    assert pipe.data[:9] == begin and copy.load(pipe.data) == 2 and int.from_bytes(pipe.data[-8:], "little") == packed.crc(pipe.data[:-8])


UNFIT = [
    (9, FIELD, "field expiry"), (10, FIELD, "field expiry"), (11, FIELD, "field expiry"), (10, LATER[0], "consumers"), (9, LATER[0], "consumers"),
    (9, ("XDEL", "x", "7-1"), "deleted entries"), (9, ("XSETID", "x", "500-1", "ENTRIESADDED", "400"), "deleted entries"), (9, ("XGROUP", "CREATE", "x", "h", "5-1"), None),
    (9, ("FUNCTION", "LOAD", LIBRARY), "function libraries"),
    *[(version, ("XADD", "x", "IDMP", "p", "i", "*", "f", "v"), "ids of producers") for version in (10, 12, 80)], (13, ("XADD", "x", "IDMP", "p", "i", "*", "f", "v"), None),
    *[(version, ("XNACK", "x", "g", "FAIL", "IDS", "1", "3-1", "FORCE"), "released entries") for version in (10, 12, 13, 80)], (14, ("XNACK", "x", "g", "FAIL", "IDS", "1", "3-1", "FORCE"), None),
]  # fmt: skip


@pytest.mark.parametrize(("version", "words", "said"), UNFIT)
def test_what_a_version_cannot_hold_is_an_error_and_not_lost(tmp_path, version, words, said):
    with simple(made(tmp_path)) as store:
        store.execute("SAVE")
        before = (tmp_path / "dump.rdb").read_bytes()
        store.config_set("rdb-version", version)
        store.execute(*words)
        if said is None:
            assert store.snapshot(io.BytesIO(), version=version) > 20
            return
        text = rf"RDB version {version} .*cannot hold .*{said}"
        with pytest.raises(kvd.KvdError, match=text):
            store.execute("SAVE")
        with pytest.raises(kvd.FileError, match=text):
            store.snapshot(tmp_path / "copy.rdb")
        with pytest.raises(kvd.FileError, match=text):
            store.snapshot(io.BytesIO(), version=version)
        assert files(tmp_path) == ["dump.rdb"] and (tmp_path / "dump.rdb").read_bytes() == before
        store.config_set("rdb-version", "auto")
        assert store.execute("SAVE") == b"OK" and store.execute("DEBUG", "CHECK") == b"OK"
        copy = kvd.Store()
        copy.load(tmp_path / "dump.rdb")
        assert digest(copy) == digest(store)


def test_a_background_save_says_in_the_log_what_does_not_fit(tmp_path):
    with Served(tmp_path, "--rdb-version", "10", "--save", "3600 1") as server:
        server("HSET", "h", "f", "1")
        server(*FIELD)
        server("BGSAVE")
        eventually(lambda: "Background saving error" in server.said())
        assert "RDB version 10 (option rdb-version) cannot hold a hash with field expiry" in server.said()
        assert str(server("SET", "k", "v")).startswith("MISCONF")
        assert server("CONFIG", "SET", "rdb-version", "80") == b"OK" and server("SAVE") == b"OK"
        assert (tmp_path / "dump.rdb").read_bytes()[:9] == b"VALKEY080" and server("SET", "k", "v") == b"OK"


def test_a_refused_key_that_changes_during_the_snapshot(tmp_path):
    """A pre-image that does not fit ends the snapshot as the walk does."""
    with kvd.Store(dir=str(tmp_path), rdb_version="10", enable_debug_command="yes") as store:
        for i in range(3000):
            store.set(f"k{i}", bytes(500))
            store.hset(f"h{i}", mapping={"f": i})
        store.execute("HPEXPIREAT", "h2999", FAR, "FIELDS", 1, "f")
        store.execute("BGSAVE")
        for i in range(3000):
            store.hset(f"h{i}", "f", "new")
        eventually(lambda: store.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert store.execute("DEBUG", "CHECK") == b"OK" and files(tmp_path) == []
        store.hpersist("h2999", "f")
        assert store.execute("SAVE") == b"OK"


def test_the_base_of_a_log_has_the_version(tmp_path):
    path = tmp_path / "app.kvd"
    with kvd.Store(path, rdb_version="80", enable_debug_command="yes") as store:
        fill(store.execute, plain=False)
        store.compact()
        assert path.read_bytes()[:9] == b"VALKEY080"
        before = digest(store)
        store.config_set("rdb-version", "11")
        with pytest.raises(kvd.FileError, match=r"RDB version 11 .* cannot hold a hash with field expiry"):
            store.compact()
        store.set("later", "1")
        store.delete("later")
    with kvd.Store(path, enable_debug_command="yes") as store:
        assert digest(store) == before


def test_a_log_in_a_folder_has_it_too(tmp_path):
    with Served(tmp_path, "--appendonly", "yes", "--rdb-version", "80") as server:
        fill(server, plain=False)
        server("BGREWRITEAOF")
        eventually(lambda: server.info("aof_rewrites") == "1")
        before = server.digest()
        assert (tmp_path / "appendonlydir" / "appendonly.aof.2.base.rdb").read_bytes()[:9] == b"VALKEY080"
    with Served(tmp_path, "--appendonly", "yes") as server:
        assert server.digest() == before


@pytest.mark.parametrize("value", ["8", "15", "", "new", 8])
def test_other_versions_are_refused(value):
    with pytest.raises(kvd.ConfigError, match="rdb-version"):
        kvd.Store(rdb_version=value)
    with pytest.raises(ValueError, match="version must be one of"):
        kvd.Store().snapshot(io.BytesIO(), version=value)


def test_dump_does_not_depend_on_the_option():
    store = kvd.Store()
    fill(store.execute, plain=False)
    before = {key: store.dump(key) for key in store.keys("*")}
    for version in VERSIONS:
        store.config_set("rdb-version", version)
        assert {key: store.dump(key) for key in store.keys("*")} == before


def reads(server, version, timed):
    """Does a real server read a version? timed: with field expiry."""
    if server.valkey:
        return (version <= 11 and not timed) or (version == 80 and server.release >= (9, 0))
    newest = 12 if server.release >= (7, 4) else 11 if server.release >= (7, 2) else 10
    return version <= newest


@pytest.mark.parametrize("program", programs() or [pytest.param(None, marks=pytest.mark.skip("there is no server"))])
@pytest.mark.parametrize(("version", "timed"), [(9, False), (10, False), (11, False), (12, False), (80, False), (12, True), (80, True)])
def test_real_servers_load_it(tmp_path, program, version, timed):
    with simple(made(tmp_path, rdb_version=str(version))) as store:
        if timed:
            for words in (FIELD, ("HSET", "many", *range(2000)), ("HPEXPIREAT", "many", FAR + 5, "FIELDS", "2", "10", "12")):
                store.execute(*words)
        store.execute("SAVE")
        fields = store.execute("HPEXPIRETIME", "many", "FIELDS", 2, 10, 11) if timed else None
        known = RealServer(program)
        known.stop()
        if known.valkey and timed:                 # its digest does not tell deadlines of fields
            store.execute("HPERSIST", "many", "FIELDS", 2, 10, 12)
            store.execute("HPERSIST", "h", "FIELDS", 1, "f")
        before = digest(store)
    if not reads(known, version, timed):
        pytest.skip(f"{known.name} does not read it")
    server = RealServer(program, "--dir", str(tmp_path))
    try:
        wire = Wire(server.address)
        eventually(lambda: wire("PING") == "PONG" or wire("PING") == b"PONG")
        assert wire("DEBUG", "DIGEST") == before
        if timed:
            assert wire("HPEXPIRETIME", "many", "FIELDS", "2", "10", "11") == fields
        wire.close()
    finally:
        server.stop()
