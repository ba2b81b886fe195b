"""The append-only log: what was written is there after a restart, a kill, or with a real server."""

import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvd
from kvd.doors.files import close_files, start_persistence

from ..compat.wire import RealServer, Wire
from ..conftest import REAL
from ..run.workload import STEPS, Work, content
from .served import LOG, Served, fill, restarted


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_everything_is_there_after_a_restart(tmp_path, policy, number):
    """Also after a kill: what has been answered has been written."""
    with Served(tmp_path, *LOG, "--appendfsync", policy) as server:
        fill(server, plain=False)
        digest = server.digest()
        server.stop(number)
    restarted(tmp_path, digest)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=1, max_size=40))
def test_random_work_is_there_after_reopening(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("log")
    work = Work()
    work.store.configure("dir", str(path))
    work.store.configure("appendonly", "yes")
    start_persistence(work.store)
    for step in steps:
        work.step(*step)
    work.store.execute("PING")
    before = content(work.store)
    close_files(work.store)
    again = kvd.Store(dir=str(path))
    again.clock.freeze(1)
    again.configure("appendonly", "yes")
    start_persistence(again)
    assert content(again) == before
    with pytest.raises(kvd.FileError, match="has a log already"):
        start_persistence(again)


@pytest.mark.parametrize("program", REAL)
def test_a_real_server_loads_the_snapshot_and_back(tmp_path, program):
    with Served(tmp_path, "--save", "") as server:
        fill(server)
        server("SAVE")
        digest = server.digest()
        server.stop()
    theirs = RealServer(program, "--dir", str(tmp_path))
    try:
        wire = Wire(theirs.address)
        assert wire("DEBUG", "DIGEST") == digest
        wire("RPUSH", "theirs", "a", "b")
        wire("SAVE")
        digest = wire("DEBUG", "DIGEST")
    finally:
        theirs.stop()
    with Served(tmp_path) as server:
        assert server.digest() == digest


@pytest.mark.parametrize("program", REAL)
def test_a_real_server_loads_the_file_of_a_store(tmp_path, program):
    """As its base, if it knows the single form no more."""
    with kvd.Store(tmp_path / "appendonly.aof", enable_debug_command="yes") as store:
        fill(store.execute)
        store.compact()
        store.set("later", "1")
        digest = store.execute("DEBUG", "DIGEST")
    theirs = RealServer(program, "--dir", str(tmp_path), *LOG)
    try:
        assert Wire(theirs.address)("DEBUG", "DIGEST") == digest
    finally:
        theirs.stop()
