"""kvd check: what it says of whole and broken files, and what it cuts."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from kvd.check import CheckError, check, read_manifest
from kvd.cli import main

from .compat.wire import Wire
from .persist.stored import database, expected, rdb, stored, string

SET = Wire.frame(("SET", "k", "v"))
MANIFEST = b"file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n"


def command(*words, given=None):
    done = CliRunner().invoke(main, ["check", *map(str, words)], input=given)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


@pytest.fixture
def log(tmp_path):
    """The folder of an append-only log of valkey-server 8.1."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    for name in ("appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"):
        (folder / name).write_bytes(stored(name))
    (folder / "appendonly.aof.manifest").write_bytes(MANIFEST)
    return folder


def write(path, data):
    path.write_bytes(data)
    return path


# ---- whole files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [row[0] for row in expected()])
def test_rdb_files_of_real_servers(tmp_path, name):
    code, output = command(write(tmp_path / "dump.rdb", stored(name)))
    assert code == 0 and output.endswith("    OK\n") and f"RDB version {int(stored(name)[5:9].strip(b'Y'))}" in output


def test_what_it_tells_of_an_rdb_file(tmp_path):
    _, output = command(write(tmp_path / "dump.rdb", stored("small-valkey-9.1.rdb")))
    for line in ("dump.rdb: 1546 bytes", "    RDB version 80 of Valkey, written by valkey 9.1.2", "    26 keys, 3 with a deadline; 0 have expired", "        list: 3",
                 "    1 function libraries", "    the checksum is right", "    redis-bits: 64"):  # fmt: skip
        assert line in output.splitlines()
    assert "there is no checksum" in command(write(tmp_path / "dump.rdb", rdb(checksum=False)))[1]
    code, output = command(write(tmp_path / "dump.rdb", rdb() + b"\0\0\0"))
    assert code == 0 and "3 bytes follow the end" in output


def test_an_append_only_log(log):
    for path in (log, log / "appendonly.aof.manifest"):
        code, output = command(path)
        assert code == 0 and "57 keys" in output and "14 commands" in output and output.count("    OK\n") == 2


def test_a_single_append_only_file(tmp_path):
    code, output = command(write(tmp_path / "appendonly.aof", SET * 5))
    assert code == 0 and "5 commands" in output
    code, output = command(write(tmp_path / "appendonly.aof", stored("rdb-preamble.aof")))
    assert code == 0 and "2 keys" in output and "2 commands" in output


def test_an_increment_may_be_empty(log):
    write(log / "appendonly.aof.2.incr.aof", b"")
    assert command(log)[0] == 0


# ---- broken files --------------------------------------------------------------------------------


def test_a_broken_rdb_file(tmp_path):
    path = write(tmp_path / "dump.rdb", rdb(database(0), string("a", 1))[:-11])
    for words in ((path,), (path, "--fix", "--yes")):
        code, output = command(*words)
        assert code == 1 and "at offset 14: the value of key 'a' in database 0 is incomplete" in output
        assert "cannot be repaired: an RDB file is loaded as a whole or not at all" in output
    assert path.read_bytes() == rdb(database(0), string("a", 1))[:-11]


def test_other_files(tmp_path):
    assert "a command has to begin with *" in command(write(tmp_path / "x", b"hello world"))[1]
    code, output = command(write(tmp_path / "x", b""))
    assert code == 1 and "the file is empty" in output
    assert command(tmp_path / "missing")[0] == 2


def test_a_torn_end_is_cut_after_asking(tmp_path):
    path = write(tmp_path / "appendonly.aof", SET * 3 + SET[:-2])
    code, output = command(path)
    assert code == 1 and f"at offset {4 * len(SET) - 2}: the file ends in the middle of a command" in output
    assert f"is whole up to byte {3 * len(SET)}; {len(SET) - 2} bytes follow" in output and "kvd check --fix" in output
    assert command(path, "--fix", given="n\n")[0] == 1 and len(path.read_bytes()) == 4 * len(SET) - 2
    code, output = command(path, "--fix", given="y\n")
    assert code == 0 and f"losing {len(SET) - 2}?" in output and path.read_bytes() == SET * 3
    assert command(path)[0] == 0


def test_no_question_with_yes(tmp_path):
    path = write(tmp_path / "appendonly.aof", SET + b"*3\r\n$3")
    code, output = command(path, "--fix", "--yes")
    assert code == 0 and path.read_bytes() == SET and "?" not in output


def test_an_unfinished_transaction_is_cut_as_a_whole(tmp_path):
    path = write(tmp_path / "appendonly.aof", SET + Wire.frame(("MULTI",)) + SET * 2)
    code, output = command(path, "--fix", "--yes")
    assert code == 0 and path.read_bytes() == SET and "before the EXEC" in output


def test_an_error_in_the_middle_is_called_so(tmp_path):
    path = write(tmp_path / "appendonly.aof", SET + b"junk" + SET * 100)
    _, output = command(path)
    assert f"at offset {len(SET)}: " in output and "may contain complete commands" in output


def test_the_end_of_a_preamble_is_kept(tmp_path):
    data = stored("rdb-preamble.aof")
    path = write(tmp_path / "appendonly.aof", data + b"*1\r\n")
    assert command(path, "--fix", "--yes")[0] == 0 and path.read_bytes() == data


def test_only_the_last_part_of_a_log_is_cut(log):
    incr = log / "appendonly.aof.2.incr.aof"
    data = incr.read_bytes()
    incr.write_bytes(data[:-5])
    code, output = command(log, "--fix", "--yes")
    assert code == 0 and incr.read_bytes() == data[:336]     # as redis-check-aof
    (log / "appendonly.aof.manifest").write_bytes(MANIFEST + b"file appendonly.aof.3.incr.aof seq 3 type i\n")
    write(log / "appendonly.aof.3.incr.aof", SET)
    incr.write_bytes(data[:-5])
    code, output = command(log, "--fix", "--yes")
    assert code == 1 and "it is not the last file of the log" in output and incr.read_bytes() == data[:-5]


def test_a_broken_base_is_not_cut(log):
    base = log / "appendonly.aof.2.base.rdb"
    data = base.read_bytes()
    base.write_bytes(data[:-9])
    code, output = command(log, "--fix", "--yes")
    assert code == 1 and "cannot be repaired" in output and base.read_bytes() == data[:-9]


def test_a_log_is_cut_at_a_time(log):
    incr = log / "appendonly.aof.2.incr.aof"
    incr.write_bytes(b"#TS:100\r\n" + SET + b"#TS:200\r\n" + SET)
    assert command(log, "--truncate-to-timestamp", 200)[0] == 0
    code, output = command(log, "--truncate-to-timestamp", 150, "--fix", "--yes")
    assert code == 0 and "later than 150" in output and incr.read_bytes() == b"#TS:100\r\n" + SET


# ---- manifests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "why"), [
    ("", "is empty"), ("\n", "expected 'file NAME"), ("file x seq 1\n", "expected"), ("file x seq one type i\n", "seq must be"), ("file ../x seq 1 type i\n", "must not contain a path"),
    ("file x seq 1 type z\n", "type b, i or h"), ("file a seq 1 type b\nfile b seq 2 type b\n", "several base files"), ("file a seq 2 type i\nfile b seq 1 type i\n", "do not ascend"),
    ("file 'a seq 1 type i\n", "expected"), ("file a seq 0 type i\n", "positive"),
])  # fmt: skip
def test_bad_manifests(tmp_path, text, why):
    path = tmp_path / "appendonly.aof.manifest"
    path.write_text(text)
    with pytest.raises(CheckError, match=why):
        check(path)
    code, output = command(path)
    assert code == 1 and str(path) in output


def test_manifests_are_read_as_servers_write_them(tmp_path):
    path = tmp_path / "m"
    path.write_text('# a note\nfile "a b.rdb" seq 1 type b\nfile old seq 1 type h\nfile c seq 4 type i startoffset 20\n')
    assert read_manifest(path) == [(tmp_path / "a b.rdb", True), (tmp_path / "c", False)]


def test_folders_without_a_manifest_and_missing_parts(tmp_path, log):
    assert "there is no manifest" in command(tmp_path)[1]
    (log / "appendonly.aof.2.incr.aof").unlink()
    code, output = command(log)
    assert code == 1 and "No such file" in output
    (log / "other.manifest").write_bytes(MANIFEST)
    assert "several manifests" in command(log)[1]


def test_an_increment_must_not_be_an_rdb_file(log):
    shutil.copy(log / "appendonly.aof.2.base.rdb", log / "appendonly.aof.2.incr.aof")
    code, output = command(log, "--fix", "--yes")
    assert code == 1 and "an increment must not be an RDB file" in output


# ---- beside redis-check-aof ----------------------------------------------------------------------


def checker():
    import os

    for program in ("redis-check-aof", os.path.join(os.environ.get("KVDDEV_SERVERS", ""), "redis-check-aof")):
        found = shutil.which(program)
        if found:
            return found
    return None


@pytest.mark.real_server
@pytest.mark.skipif(checker() is None, reason="there is no redis-check-aof")
@pytest.mark.parametrize("n", [0, 1, 30, 60, 120, 200, 336, 337, 400, 440, 456, 457])
def test_files_are_cut_as_redis_check_aof_cuts_them(tmp_path, n):
    data = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + stored("appendonly.aof.2.incr.aof")[: n]
    ours, theirs = write(tmp_path / "ours.aof", data), write(tmp_path / "theirs.aof", data)
    subprocess.run([checker(), "--fix", Path(theirs)], input=b"y\n", capture_output=True, check=False)
    command(ours, "--fix", "--yes")
    assert ours.read_bytes() == theirs.read_bytes()
