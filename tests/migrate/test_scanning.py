"""The move by scanning: interruptions, lost connections, and changes that have no events."""

import pytest

from kvd.migrate.copying import Copier
from kvd.migrate.ends import MigrateError
from kvd.migrate.moving import FAILED, OK, UNVERIFIED
from kvd.migrate.pausing import Pause
from kvd.migrate.progress import Progress
from kvd.migrate.scanning import Scanning
from kvd.migrate.state import State, StateFile

from ..persist.served import LIBRARY, fill
from .conftest import KINDS, Hook, Moved, digests

KEYS = 3000


@pytest.fixture(params=KINDS)
def pair(request, start):
    source, target = start(request.param), start()
    fill(source.run, True)
    for i in range(KEYS):
        source("SET", f"k{i}", i)
    return source, target


def scanning(ends, pair, progress, path=None, state=None, ms=30_000):
    here, there = ends(pair[0]), ends(pair[1], "target")
    state = state or State(here.name, there.name, here.run_id, there.run_id)
    return Scanning(Copier(here, there), progress, Pause(here, ms, pytest.fail), StateFile(path), state, None, False)


def same(pair):
    return digests(pair[0]) == digests(pair[1])


def test_what_changes_during_the_scan_is_copied_again(pair, ends):
    def change():
        for i in range(0, KEYS, 7):
            pair[0]("SET", f"k{i}", "changed") if i % 2 else pair[0]("DEL", f"k{i}")
        pair[0]("SELECT", 9)
        pair[0]("SET", "in a new database", "1")
        pair[0]("SELECT", 0)

    verdict = scanning(ends, pair, Hook("sync", change)).run("full")
    assert not verdict.wrong and same(pair)
    assert pair[0]("CONFIG", "GET", "notify-keyspace-events")[1] == b""


@pytest.mark.parametrize("words", [("FLUSHALL",), ("FLUSHDB",), ("SWAPDB", 0, 3)])
@pytest.mark.parametrize("phase", ["sync", "catch-up"])
def test_commands_without_events_make_both_ends_compared(pair, ends, words, phase):
    progress = Hook(phase, lambda: pair[0](*words))
    verdict = scanning(ends, pair, progress).run("full")
    assert not verdict.wrong and same(pair)
    assert progress.call is not None or "both ends are compared" in progress.out.getvalue()


def test_acknowledged_entries_and_functions_are_copied_at_the_switch(pair, ends):
    source, target = pair
    source("XREADGROUP", "GROUP", "g", "alice", "COUNT", "5", "STREAMS", "x", ">")

    def change():
        source("XACK", "x", "g", "61-1", "62-1")
        source("XREADGROUP", "GROUP", "g", "bob", "COUNT", "9", "STREAMS", "x", ">")
        source("FUNCTION", "LOAD", LIBRARY)

    assert not scanning(ends, pair, Hook("sync", change)).run("full").wrong
    assert source("XPENDING", "x", "g") == target("XPENDING", "x", "g") and target("FCALL", "seven", 0) == 7


def test_lost_connections_are_made_again(pair, ends):
    def cut():
        for kind in ("normal", "pubsub"):
            for server in pair:
                server("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        pair[0]("SET", "k1", "while there were no events")

    progress = Hook("sync", cut)
    verdict = scanning(ends, pair, progress).run("full")
    assert not verdict.wrong and same(pair) and "both ends are compared" in progress.out.getvalue()


class Stop(BaseException):
    pass


def test_an_interrupted_scan_goes_on(pair, ends, tmp_path):
    path = str(tmp_path / "state")

    def stop():
        raise Stop

    first = scanning(ends, pair, Hook("sync", stop), path)
    with pytest.raises(Stop):
        first.run("full")
    state = StateFile(path).load()
    assert state.gap and state.events is None and 0 < state.copied < KEYS and pair[0]("CONFIG", "GET", "notify-keyspace-events")[1] == b""
    pair[0]("SET", "k5", "meanwhile")
    pair[0]("DEL", "k6")
    again = scanning(ends, pair, Progress(open("/dev/null", "w")), path, state)  # noqa: SIM115
    assert not again.run("full").wrong and same(pair)
    assert again.copier.copied < KEYS


def test_the_command_goes_on_with_its_state(pair, tmp_path):
    path = tmp_path / "state"
    source, target = pair
    StateFile(str(path)).save(State(source.address, target.address, "another process", "another process", None, 5, {"0": "123"}, [], "E", True))
    source("CONFIG", "SET", "notify-keyspace-events", "KEA")
    target("SET", "of the first run", "1")
    moved = Moved(source, target, state=str(path), verify="full")
    assert moved.code == OK and same(pair) and not path.exists(), moved.text
    assert "restarted since" in moved.text and source("CONFIG", "GET", "notify-keyspace-events")[1] == b"E"
    StateFile(str(path)).save(State("other:1", target.address))
    moved = Moved(source, target, state=str(path))
    assert moved.code == FAILED and "the state of another move" in moved.text


def test_without_events_both_ends_are_compared(pair, ends, monkeypatch):
    def refuse(source):
        raise MigrateError("not allowed")

    monkeypatch.setattr("kvd.migrate.scanning.events_to_enable", refuse)

    def change():
        pair[0]("SET", "k7", "changed")
        pair[0]("DEL", "k8")

    progress = Hook("sync", change)
    assert not scanning(ends, pair, progress).run("full").wrong and same(pair)
    assert "keyspace events cannot be used (not allowed)" in progress.out.getvalue()


def test_a_pause_that_is_too_short_is_told_and_nothing_remains(start, ends):
    source, target = start(), start()
    for i in range(100):
        source("SET", f"k{i}", i)
    with pytest.raises(MigrateError, match="1 ms are too short"):
        scanning(ends, (source, target), Hook("none", None), ms=1).run("full")
    assert source("CONFIG", "GET", "notify-keyspace-events")[1] == b"" and source("SET", "k", "v") == b"OK"
    assert Moved(source, target, pause=1, replace=True).code == FAILED
    assert Moved(source, target, pause=0, replace=True).code in (OK, UNVERIFIED)
