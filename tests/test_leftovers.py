"""Temporary files of processes that have ended are removed; others are not."""

import fcntl
import os
import subprocess
import sys

import pytest

import kvd
from kvd.leftovers import remove_leftovers

from .persist.served import Served


@pytest.fixture(scope="module")
def ended():
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def put(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"half")


def test_files_of_processes_that_have_ended_are_removed(tmp_path, ended):
    put(tmp_path, f"temp-{ended}-7f00ab.rdb", f"temp-{ended}.rdb", f"temp-rewriteaof-{ended}.aof", f"temp-rewriteaof-bg-{ended}.aof", "dump.rdb")
    assert remove_leftovers(tmp_path) == [f"temp-{ended}-7f00ab.rdb"]
    assert len(remove_leftovers(tmp_path, theirs=True)) == 3 and os.listdir(tmp_path) == ["dump.rdb"]


def test_files_of_running_processes_are_kept(tmp_path):
    """Of this one, those that are being written."""
    kept = [f"temp-{os.getppid()}-7f00ab.rdb", f"temp-{os.getppid()}.rdb", "temp-1-ab.rdb"]
    put(tmp_path, *kept, f"temp-{os.getpid()}-a.rdb", f"temp-{os.getpid()}-b.rdb")
    with (tmp_path / f"temp-{os.getpid()}-a.rdb").open("rb") as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        assert remove_leftovers(tmp_path, theirs=True) == [f"temp-{os.getpid()}-b.rdb"]


def test_files_of_other_names_are_kept(tmp_path, ended):
    names = [f"temp-{ended}-xyz.rdb", f"temp-{ended}-1.rdb.bak", f"my-temp-{ended}-1.rdb", "temp-.rdb", "temp-x.rdb", f"temp-{ended}.txt"]
    put(tmp_path, *names)
    (tmp_path / f"temp-{ended}-1.rdb").mkdir()
    (tmp_path / f"temp-{ended}-2.rdb").symlink_to(tmp_path / names[0])
    assert remove_leftovers(tmp_path, theirs=True) == [] and len(os.listdir(tmp_path)) == len(names) + 2


def test_a_folder_that_is_missing_is_passed_over(tmp_path):
    assert remove_leftovers(tmp_path / "none") == []


def test_a_number_that_is_no_process_id(tmp_path):
    put(tmp_path, f"temp-{'9' * 30}-1.rdb")
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_server_removes_them_when_it_starts(tmp_path, ended):
    (tmp_path / "appendonlydir").mkdir()
    put(tmp_path, f"temp-{ended}-1.rdb", f"temp-{ended}.rdb")
    put(tmp_path / "appendonlydir", f"temp-{ended}-2.rdb")
    with Served(tmp_path, "--appendonly", "yes") as server:
        assert f"Removed temp-{ended}-2.rdb" in server.said()
        assert sorted(os.listdir(tmp_path)) == ["appendonlydir"]
        assert sorted(os.listdir(tmp_path / "appendonlydir")) == ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"]


def test_a_store_removes_its_own(tmp_path, ended):
    put(tmp_path, f"temp-{ended}-1.rdb", f"temp-{ended}.rdb")
    with kvd.Store(tmp_path / "app.kvd"):
        assert sorted(os.listdir(tmp_path)) == ["app.kvd", f"temp-{ended}.rdb"]
