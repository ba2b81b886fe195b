"""Snapshot files appear whole or not at all, with a version and a checksum that belong to them."""

import os

import pytest

import kvd
from kvd.core import _probe_packed as packed

from .served import FAR, Served, files, fill


def saved(folder, **options):
    with kvd.Store(dir=str(folder), enable_debug_command="yes", **options) as store:
        fill(store.execute)
        store.execute("SAVE")
        return store.execute("DEBUG", "DIGEST")


def digest_of(path):
    store = kvd.Store()
    store.load(path)
    return store.execute("DEBUG", "DIGEST")


@pytest.mark.parametrize("compression", ["yes", "no"])
@pytest.mark.parametrize("checksum", ["yes", "no"])
@pytest.mark.parametrize("steps", ["yes", "no"])
def test_options_of_the_file(tmp_path, compression, checksum, steps):
    digest = saved(tmp_path, rdbcompression=compression, rdbchecksum=checksum, rdb_save_incremental_fsync=steps)
    data = (tmp_path / "dump.rdb").read_bytes()
    assert digest_of(tmp_path / "dump.rdb") == digest and files(tmp_path) == ["dump.rdb"]
    assert int.from_bytes(data[-8:], "little") == (packed.crc(data[:-8]) if checksum == "yes" else 0)
    assert (b"x" * 3000 in data) == (compression == "no")


def test_the_version_is_the_lowest_that_loses_nothing(tmp_path):
    with kvd.Store(dir=str(tmp_path)) as store:
        fill(store.execute)
        for version, words in [(10, ("PING",)), (12, ("HPEXPIREAT", "h", FAR, "FIELDS", "1", "f")), (10, ("DEL", "h"))]:
            store.execute(*words)
            store.execute("SAVE")
            data = (tmp_path / "dump.rdb").read_bytes()
            assert data[:9] == b"REDIS%04d" % version and int.from_bytes(data[-8:], "little") == packed.crc(data[:-8])


def test_the_name_of_the_file(tmp_path):
    saved(tmp_path, dbfilename="other.rdb")
    assert files(tmp_path) == ["other.rdb"]


def test_a_dir_that_does_not_exist(tmp_path):
    with pytest.raises(kvd.ConfigError, match="Can't chdir"):
        kvd.Store(dir=str(tmp_path / "none"))
    (tmp_path / "folder").mkdir()
    store = kvd.Store(dir=str(tmp_path / "folder"))
    (tmp_path / "folder").rmdir()
    with pytest.raises(kvd.KvdError):
        store.execute("SAVE")


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    saved(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_text("x")
    before = (tmp_path / "dump.rdb").read_bytes()
    with kvd.Store(dir=str(tmp_path), dbfilename="folder") as store:
        store.set("k", "v")
        for words in [("SAVE",), ("SAVE",)]:
            with pytest.raises(kvd.KvdError):
                store.execute(*words)
    assert files(tmp_path) == ["dump.rdb", "folder/x"] and (tmp_path / "dump.rdb").read_bytes() == before


def test_a_new_file_replaces_the_old_one_whole(tmp_path):
    """Who has the old one open still reads the old content."""
    saved(tmp_path)
    old = (tmp_path / "dump.rdb").read_bytes()
    with open(tmp_path / "dump.rdb", "rb") as file, kvd.Store(dir=str(tmp_path)) as store:
        store.execute("SAVE")
        assert file.read() == old and (tmp_path / "dump.rdb").read_bytes() != old


def test_files_are_for_their_owner_and_readers(tmp_path):
    """As Redis creates them: 0644 without the bits of the umask."""
    saved(tmp_path)
    mask = os.umask(0)
    os.umask(mask)
    assert os.stat(tmp_path / "dump.rdb").st_mode & 0o777 == 0o644 & ~mask


@pytest.mark.parametrize("broken", ["cut", "flipped", "text", "empty"])
def test_a_broken_file_stops_the_start(tmp_path, broken):
    saved(tmp_path)
    path = tmp_path / "dump.rdb"
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-40], "flipped": data[:500] + bytes([data[500] ^ 1]) + data[501:], "text": b"hello, this is text", "empty": b""}[broken])
    kept = path.read_bytes()
    with Served(tmp_path) as server:
        assert server.ended() == 1 and "Fatal error loading the DB, check server logs. Exiting." in server.said()
    assert path.read_bytes() == kept


def test_a_wrong_checksum_is_ignored_on_request(tmp_path):
    digest = saved(tmp_path)
    path = tmp_path / "dump.rdb"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    with Served(tmp_path) as server:
        assert server.ended() == 1
    with Served(tmp_path, "--rdbchecksum", "no") as server:
        assert server.digest() == digest


# ---- relative folders --------------------------------------------------------------------------------

def test_a_relative_dir_of_a_server(tmp_path):
    (tmp_path / "srv" / "other").mkdir(parents=True)
    srv = os.path.relpath(tmp_path / "srv")
    with Served(srv, "--appendonly", "yes", "--enable-protected-configs", "yes") as server:
        assert server("CONFIG", "GET", "dir") == [b"dir", os.fsencode(tmp_path / "srv")]
        server("SET", "k", "v")
        assert server("SAVE") == b"OK" and {"dump.rdb", "appendonlydir/appendonly.aof.manifest"} <= set(files(srv))
        assert server("CONFIG", "SET", "dir", "other") == b"OK" and server("CONFIG", "GET", "dir") == [b"dir", os.fsencode(tmp_path / "srv" / "other")]
        assert server("SAVE") == b"OK" and (tmp_path / "srv" / "other" / "dump.rdb").exists()
        assert "No such file or directory" in str(server("CONFIG", "SET", "dir", "none")) and "Not a directory" in str(server("CONFIG", "SET", "dir", "dump.rdb"))


def test_the_dir_of_a_store_is_relative_to_the_working_directory_at_its_begin(tmp_path, monkeypatch):
    (tmp_path / "data" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with kvd.Store(dir="data", enable_protected_configs="yes") as store:
        monkeypatch.chdir("/")
        store.execute("SAVE")
        assert files(tmp_path) == ["data/dump.rdb"]
        store.config_set("dir", str(tmp_path / "data" / "sub"))
        assert os.getcwd() == "/"                  # it is the program's
        store.execute("SAVE")
        assert files(tmp_path) == ["data/dump.rdb", "data/sub/dump.rdb"]
