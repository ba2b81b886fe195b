"""`kvd migrate` as a whole: both ways, between all kinds of servers, while the source is written to."""

import os
import signal
import subprocess
import sys

import pytest

import kvd
from kvd.migrate.moving import DIFFERENT, FAILED, INTERRUPTED, OK, UNVERIFIED, USAGE

from ..persist.served import LIBRARY, fill
from ..waiting import eventually
from .conftest import KINDS, Moved, Writers, digests


@pytest.fixture(params=KINDS)
def source(request, start):
    return start(request.param)


@pytest.fixture(params=KINDS)
def target(request, start):
    return start(request.param)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=["from kvd", "to kvd"])
def pair(request, kind, start):
    """kvd at one end."""
    return (start(), start(kind)) if request.param == "from kvd" else (start(kind), start())


def newest(server):
    """The RDB version that a real server writes."""
    if server.running.valkey:
        return 80 if server.running.release >= (9, 0) else 11
    return 10 if server.running.release < (7, 2) else 11 if server.running.release < (7, 4) else 12


def follows(source, target):
    """Whether a target can read the snapshots of a source: kvd reads all, and writes what the other side reads."""
    if "kvd" in (source.program, target.program):
        return True
    return newest(source) <= newest(target) and (newest(source), newest(target)) != (12, 80)


@pytest.mark.parametrize("way", ["auto", "scan"])
def test_all_is_moved_while_the_source_is_written_to(source, target, way):
    plain = source.plain or target.plain
    fill(source.run, plain)
    with Writers(source) as writers:
        eventually(lambda: writers.rounds > 20)
        moved = Moved(source, target, way=way, verify="full", pause=30_000, out=writers)
    assert moved.code == OK, moved.text
    assert ("by replication" in moved.text) == (way == "auto" and follows(source, target)), moved.text
    assert digests(source, writers.pending, not plain) == digests(target, writers.pending, not plain)
    assert target("ROLE")[0] == b"master"
    assert source("CONFIG", "GET", "notify-keyspace-events")[1] == b""
    assert source("SET", "after", "1") == b"OK" and target("EXISTS", "after") == 0


def test_an_idle_source_gives_equal_digests(source, target):
    fill(source.run, True)
    moved = Moved(source, target)
    assert moved.code == OK, moved.text
    assert source("DEBUG", "DIGEST") == target("DEBUG", "DIGEST")
    assert "the digests of all keys are the same" in moved.text


def test_function_libraries_are_moved(pair):
    source, target = pair
    source("FUNCTION", "LOAD", LIBRARY)
    moved = Moved(source, target)
    assert moved.code == OK, moved.text
    assert target("FCALL", "seven", 0) == 7


def test_passwords_are_used_and_not_shown(start):
    source, target = start(password="secret-one"), start(password="secret-two")
    source("SET", "k", "v")
    moved = Moved(source, target)
    assert moved.code == OK and target("GET", "k") == b"v"
    for url in (f"redis://:secret-no@{source.address}", f"redis://{source.address}"):
        moved = Moved(url, target, replace=True)
        assert moved.code == FAILED and "password" in moved.text and "secret" not in moved.text


@pytest.mark.parametrize("program", KINDS)
def test_a_target_logs_in_to_the_source_and_forgets_the_password(program, start):
    source, target = start(program, password="secret-one"), start(program, "--masterauth", "of before")
    source("SET", "k", "v")
    moved = Moved(source, target, way="replication")
    assert moved.code == OK, moved.text
    assert target("GET", "k") == b"v" and target("CONFIG", "GET", "masterauth")[1] == b"of before" and "secret" not in moved.text


@pytest.mark.parametrize("url", ["http://host", "redis://:secret@host:port", "redis://:sec/ret@host", "kvd://", "kvd:///a?nonsense=1", "app.kvd"])
def test_a_wrong_url_is_told_without_its_password(url, start):
    moved = Moved(url, start())
    assert moved.code == USAGE and "the source" in moved.text and "sec" not in moved.text


def test_an_end_that_cannot_be_reached(start):
    moved = Moved("redis://127.0.0.1:1", start())
    assert moved.code == FAILED and "the source 127.0.0.1:1 cannot be reached" in moved.text and "refused" in moved.text


def test_source_and_target_must_differ(start):
    server = start()
    assert "are the same" in Moved(server, server.url.replace("127.0.0.1", "localhost")).text
    assert Moved(server, f"{server.url}/3").code == FAILED


def test_a_target_that_has_keys_is_refused_unless_they_are_to_be_replaced(pair):
    source, target = pair
    source("SET", "k", "v")
    target("SET", "old", "1")
    moved = Moved(source, target)
    assert moved.code == FAILED and "has 1 keys" in moved.text and target("GET", "old") == b"1"
    assert Moved(source, target, replace=True).code == OK
    assert target("EXISTS", "old") == 0 and target("GET", "k") == b"v"


def test_a_target_with_fewer_databases_is_refused(start):
    source, target = start(), start("kvd", "--databases", "2")
    source("SELECT", 5)
    source("SET", "k", "v")
    moved = Moved(source, target)
    assert moved.code == FAILED and f"{target.address} has no database 5" in moved.text


@pytest.mark.parametrize(("here", "there", "into"), [("/3", "", 3), ("/3", "/7", 7), ("", "/3", 3)])
def test_one_database_alone(start, here, there, into):
    source, target = start(), start()
    fill(source.run, False)
    target("SET", "other", "1")
    moved = Moved(source.url + here, target.url + there, verify="full")
    assert moved.code == OK, moved.text
    assert {key for _, key in digests(target)} == {b"other", b"t"} and target("GET", "other") == b"1"
    target("SELECT", into)
    assert target("GET", "t") == b"of 3"
    assert Moved(source.url + here, target.url + there).code == FAILED
    assert Moved(source.url + here, target.url + there, replace=True).code == OK and target("GET", "t") == b"of 3"


def test_into_a_file_and_out_of_it(start, tmp_path):
    source, target = start(), start()
    fill(source.run, False)
    url = f"kvd://{tmp_path}/app.kvd"
    moved = Moved(source, url, verify="full")
    assert moved.code == OK, moved.text
    assert Moved(url, url).code == FAILED
    moved = Moved(url, target, verify="full")
    assert moved.code == OK, moved.text
    assert source("DEBUG", "DIGEST") == target("DEBUG", "DIGEST")
    with kvd.Store(str(tmp_path / "app.kvd")) as store:
        assert store.execute("DBSIZE") == source("DBSIZE")


@pytest.mark.parametrize("program", KINDS)
def test_a_replica_is_no_target(start, program):
    master, target = start(program), start(program)
    target("REPLICAOF", "127.0.0.1", master.port)
    moved = Moved(start(), target)
    assert moved.code == FAILED and f"is a replica of 127.0.0.1:{master.port}" in moved.text
    assert b"slave" in target("INFO", "replication")


def test_replication_is_not_used_where_it_cannot_be(start):
    source, target = start(), start("kvd")
    moved = Moved(f"{source.url}/1", target, way="replication")
    assert moved.code == FAILED and "replication is not possible" in moved.text


def test_differences_have_their_own_exit_code(start, monkeypatch):
    from kvd.migrate.copying import Copier

    source, target = start(), start()
    source("MSET", "a", "1", "b", "2")
    copy = Copier.copy
    monkeypatch.setattr(Copier, "copy", lambda self, db, keys: copy(self, db, [k for k in keys if k != b"b"]))
    moved = Moved(source, target, way="scan")
    assert moved.code == DIFFERENT and "1 keys are missing on the target: 'b'" in moved.text
    assert {OK, FAILED, USAGE, DIFFERENT, UNVERIFIED, INTERRUPTED} == {0, 1, 2, 3, 4, 130}


def test_a_key_that_the_target_does_not_read_is_told(start):
    program = next((kind.values[0] for kind in KINDS[1:] if "redis" in kind.values[0]), "")
    if not program:
        pytest.skip("there is no real server")
    source, target = start(), start(program)
    if not target.plain:
        pytest.skip("it knows deadlines of fields")
    source("HSET", "h", "f", "v", "g", "w")
    source("HEXPIRE", "h", "10000", "FIELDS", "1", "f")
    source("SET", "k", "v")
    moved = Moved(source, target)
    assert moved.code == DIFFERENT and "NOT COPIED: database 0, key 'h': its fields have deadlines" in moved.text and target("GET", "k") == b"v"


class Process:
    """The command in a process of its own."""

    def __init__(self, *args):
        self.process = subprocess.Popen([sys.executable, "-m", "kvd", "migrate", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.wait()


def test_the_command_line(start):
    source, target = start(), start()
    source("SET", "k", "v")
    with Process(source.url, target.url, "--no-pause", "--verify", "full") as run:
        assert "moved, in" in run.process.stdout.read() and run.process.wait() == OK
    assert target("GET", "k") == b"v"
    with Process(source.url, target.url, "--source-address", "nonsense") as run:
        assert run.process.wait() == USAGE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", KINDS)
def test_an_interruption_leaves_no_replica_no_pause_and_no_events(program, start, number):
    source, target = start(program), start(program)
    source("SET", "k", "v")
    with Writers(source, count=1), Process(source.url, target.url, "--pause", "100000000") as run:
        eventually(lambda: target("DBSIZE") != 0 or run.process.poll() is not None)  # an error, LOADING, as well
        os.kill(run.process.pid, number)
        said = run.process.stdout.read()
        code = run.process.wait()
    assert code == OK or (code == INTERRUPTED and "interrupted" in said), said
    assert b"role:master" in target("INFO", "replication") and source("SET", "k", "w") == b"OK" and target("SET", "k", "w") == b"OK"
    assert source("CONFIG", "GET", "notify-keyspace-events")[1] == b""


def test_without_a_pause_the_source_is_never_stopped(pair):
    source, target = pair
    fill(source.run, True)
    with Writers(source) as writers:
        eventually(lambda: writers.rounds > 20)
        moved = Moved(source, target, pause=0, verify="none", out=writers)
    assert moved.code in (OK, UNVERIFIED), moved.text
    assert target("GET", "s") == source("GET", "s") and b"role:master" in target("INFO", "replication")
