"""The move by replication."""

import pytest

from kvd.migrate.ends import MigrateError
from kvd.migrate.following import Following, NotFollowingError
from kvd.migrate.moving import FAILED, OK
from kvd.migrate.pausing import Pause

from .conftest import KINDS, Hook, Moved

real = pytest.mark.parametrize("program", KINDS)


def following(ends, source, target, progress=None, address=None):
    here, there = ends(source), ends(target, "target")
    return Following(here, there, address or here.address, progress or Hook("none", None), Pause(here, 30_000, pytest.fail))


@real
def test_the_target_has_all_and_is_a_master(start, ends, program):
    source, target = start(program), start(program, "--masterauth", "kept")
    for i in range(1000):
        source("SET", f"k{i}", i)
    move = following(ends, source, target)
    move.begin()
    move.run()
    assert move.pause.holds and target("ROLE")[0] == b"master" and target("DBSIZE") == 1000
    move.pause.end()
    move.stop()
    assert target("CONFIG", "GET", "masterauth")[1] == b"kept" and "told" not in move.progress.out.getvalue()


@real
def test_it_is_promoted_after_an_error(start, ends, program):
    source, target = start(program), start(program)
    source("SET", "k", "v")

    def fail():
        raise KeyboardInterrupt

    move = following(ends, source, target, Hook("sync", fail))
    move.begin()
    with pytest.raises(KeyboardInterrupt):
        move.run()
        fail()
    move.stop()
    assert target("ROLE")[0] == b"master"


@real
def test_a_source_that_cannot_be_connected_to(start, ends, program, monkeypatch):
    monkeypatch.setattr("kvd.migrate.following.STALL", 0.3)
    source, target = start(program), start(program)
    move = following(ends, source, target, address=("127.0.0.1", 1))
    move.begin()
    with pytest.raises(NotFollowingError, match="cannot synchronize with 127.0.0.1:1"):
        move.run()
    move.stop()
    assert target("ROLE")[0] == b"master" and "REPLICAOF NO ONE" in move.progress.out.getvalue()


@real
def test_scanning_is_tried_when_following_fails(start, program, monkeypatch):
    monkeypatch.setattr("kvd.migrate.following.STALL", 0.3)
    source, target = start(program), start(program)
    source("SET", "k", "v")
    assert Moved(source, target, address="127.0.0.1:1", way="replication").code == FAILED
    moved = Moved(source, target, address="127.0.0.1:1")
    assert moved.code == OK and "by scanning: " in moved.text and target("GET", "k") == b"v" and target("ROLE")[0] == b"master"


@real
def test_another_client_takes_the_target_away(start, ends, program):
    source, target = start(program), start(program)
    move = following(ends, source, target)
    move.begin()
    target("REPLICAOF", "NO", "ONE")
    with pytest.raises(MigrateError, match="another client has changed that"):
        move.run()


def test_a_target_that_refuses(start, ends):
    source, target = start(), start()
    target_end = ends(target, "target")
    if target_end.knows("REPLICAOF"):
        pytest.skip("it does not refuse")
    move = following(ends, source, target)
    with pytest.raises(NotFollowingError, match="refuses REPLICAOF"):
        move.begin()
    move.stop()
    assert target("SET", "k", "v") == b"OK"
