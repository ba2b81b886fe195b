"""Pauses of the source."""

import threading

import pytest

from kvd.migrate.pausing import FOREVER, Pause

from ..waiting import eventually
from .conftest import KINDS


@pytest.fixture(params=KINDS)
def server(request, start):
    return start(request.param)


def test_writes_wait_until_the_end(server, ends):
    pause = Pause(ends(server), 1_000_000, pytest.fail)
    pause.begin()
    assert pause.holds and not pause.written() and 0 < pause.left() < 1000
    done, run = [], server.open()
    writer = threading.Thread(target=lambda: done.append(run("SET", "k", "v")))
    writer.start()
    eventually(lambda: b"cmd=set" in server("CLIENT", "LIST") or b"blocked_clients:1" in server("INFO", "clients"))
    assert server("EXISTS", "k") == 0 and not done
    pause.end()
    writer.join(60)
    assert done == [b"OK"] and not pause.holds and pause.left() == FOREVER and pause.written()
    pause.end()


def test_no_pause_is_made_if_none_is_asked_for(server, ends):
    pause = Pause(ends(server), 0, pytest.fail)
    pause.begin()
    assert not pause.holds and pause.left() == FOREVER and not pause.written()
    assert server("SET", "k", "v") == b"OK" and pause.written()


@pytest.mark.parametrize("program", KINDS[1:])
def test_a_source_that_refuses_is_told(start, ends, program):
    server, said = start(program), []
    server("ACL", "SETUSER", "some", "on", ">pass", "+@all", "~*", "&*", "-client|pause")
    pause = Pause(ends(f"redis://some:pass@{server.address}"), 1000, said.append)
    pause.begin()
    assert not pause.ms and not pause.holds and "cannot be paused" in said[0]
