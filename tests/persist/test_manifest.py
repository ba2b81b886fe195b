"""The list of the files of an append-only log: what is read, refused and written."""

import re

import pytest

import kvd
from kvd.doors.files import close_files

from .served import files

SET = b"*3\r\n$3\r\nSET\r\n$1\r\n%s\r\n$1\r\nv\r\n"
SELECT = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"


def opened(folder, **options):
    return kvd.Store(dir=str(folder), appendonly="yes", **options)


def keys(folder, **options):
    with opened(folder, **options) as store:
        return sorted(store.keys("*"))


@pytest.fixture
def logs(tmp_path):
    """A folder of a log with two increments without a base, that set the keys a and b."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    for n, key in ((1, b"a"), (2, b"b")):
        (folder / f"appendonly.aof.{n}.incr.aof").write_bytes(SELECT + SET % key)
    write(folder, "file appendonly.aof.1.incr.aof seq 1 type i", "file appendonly.aof.2.incr.aof seq 2 type i")
    return folder


def write(folder, *lines, end="\n"):
    (folder / "appendonly.aof.manifest").write_text("\n".join(lines) + end)


def test_files_are_loaded_in_their_order(logs, tmp_path):
    assert keys(tmp_path) == [b"a", b"b"]


@pytest.mark.parametrize(
    "lines",
    [
        ["# a comment", "file appendonly.aof.1.incr.aof seq 1 type i"], ["seq 1 type i file appendonly.aof.1.incr.aof"], ['file "appendonly.aof.1.incr.aof" seq 1 type i'],
        ["file appendonly.aof.1.incr.aof seq 1 type i startoffset 0 endoffset 9"], ["file appendonly.aof.1.incr.aof seq 1 type i\r"],
        ["file gone.rdb seq 1 type h", "file appendonly.aof.1.incr.aof seq 1 type i"], ["filename x file appendonly.aof.1.incr.aof seqs x seq 1 types h type i typed h"],
    ],
)  # fmt: skip
def test_lines_that_are_understood(logs, tmp_path, lines):
    write(logs, *lines)
    assert keys(tmp_path) == [b"a"]


def test_the_last_line_needs_no_end(logs, tmp_path):
    write(logs, "file appendonly.aof.1.incr.aof seq 1 type i", end="")
    assert keys(tmp_path) == [b"a"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([""], "names no file"), (["# only a comment"], "names no file"), (["hello"], "a word without a value"), (["hello world"], "not a name, a number and a type"),
        (["file a seq x type i"], "not one"), (["file a seq 0 type i"], "not a name"), (["file a seq -1 type i"], "not a name"), (["file a seq 1 type q"], "not a name"),
        (["file a seq 1"], "not a name"), (["seq 1 type i"], "not a name"), (["file ../a seq 1 type i"], "is a path"), (["file /etc/passwd seq 1 type i"], "is a path"),
        (["file a seq 2 type i", "file b seq 1 type i"], "do not grow"), (["file a seq 1 type i", "file b seq 1 type i"], "do not grow"),
        (["file a seq 1 type b", "file b seq 2 type b"], "base"), (["file a seq 1 type i", "file b seq 1 type b"], "base"),
        ([f"file {'a' * 5000} seq 1 type i"], "line 1"), (['file "a seq 1 type i'], "line 1"), (["file a seq 99999999999999999999 type i"], "not one"),
    ],
)  # fmt: skip
def test_lines_that_are_refused(logs, tmp_path, lines, why):
    write(logs, *lines)
    kept = files(logs)
    with pytest.raises(kvd.FileError, match="Invalid AOF manifest file") as caught:
        opened(tmp_path)
    assert why in str(caught.value) and re.search(r"line \d+", str(caught.value)) and files(logs) == kept


def test_a_file_that_is_missing_stops_the_start(logs, tmp_path):
    (logs / "appendonly.aof.1.incr.aof").unlink()
    with pytest.raises(kvd.FileError, match=r"appendonly\.aof\.1\.incr\.aof: No such file"):
        opened(tmp_path)
    assert files(logs) == ["appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]


def test_the_manifest_that_is_written(tmp_path):
    opened(tmp_path).close()
    folder = tmp_path / "appendonlydir"
    assert files(folder) == ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"]
    assert (folder / "appendonly.aof.manifest").read_text() == "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"


def test_names_with_blanks_and_quotes(tmp_path):
    name = 'my "log" \\ x'
    with opened(tmp_path, appendfilename=name, appenddirname="a folder") as store:
        store.set("k", "v")
        close_files(store)
    assert keys(tmp_path, appendfilename=name, appenddirname="a folder") == [b"k"]
    assert files(tmp_path / "a folder") == [f"{name}.1.base.rdb", f"{name}.1.incr.aof", f"{name}.manifest"]


def test_a_manifest_that_is_longer_than_any(logs, tmp_path):
    write(logs, *["# " + "x" * 98] * 1000)
    with pytest.raises(kvd.FileError, match="manifest"):
        opened(tmp_path)
