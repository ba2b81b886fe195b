"""Keyspace events of the source."""

import pytest

from kvd.migrate.events import Events, events_to_enable, flushes, set_events

from ..waiting import eventually
from .conftest import KINDS


@pytest.fixture(params=KINDS)
def server(request, start):
    one = start(request.param)
    one("CONFIG", "SET", "notify-keyspace-events", "KA")
    return one


@pytest.fixture
def follow(ends):
    opened = []

    def make(server, db=None):
        opened.append(Events(ends(server), db))
        return opened[-1]

    yield make
    for events in opened:
        events.close()


def test_changed_keys_are_collected_once(server, follow):
    events = follow(server)
    server("SET", "a", "1")
    server("SET", "a", "2")
    server("SELECT", 3)
    server("RPUSH", b"b\n\xff", "1")
    server("DEL", b"b\n\xff")
    assert events.barrier(30) and len(events) == 2
    assert events.take() == {0: [b"a"], 3: [b"b\n\xff"]} and events.take() == {}
    events.add(0, [b"again"])
    assert events.take() == {0: [b"again"]}


def test_one_database_alone(server, follow):
    events = follow(server, 3)
    server("SET", "a", "1")
    server("SELECT", 3)
    server("SET", "b", "1")
    assert events.barrier(30) and events.take() == {3: [b"b"]}


def test_a_lost_connection_is_a_gap_and_made_again(server, follow):
    events = follow(server)
    server("CLIENT", "KILL", "TYPE", "pubsub")
    eventually(lambda: events.gap)
    assert not events.barrier(30)
    eventually(lambda: b"pubsub_clients:1" in server("INFO", "clients") or server("PUBSUB", "NUMPAT") == 1)
    events.gap = False
    server("SET", "a", "1")
    eventually(lambda: events.take())
    assert events.barrier(30)


def test_what_a_source_notifies_of_is_extended(server, ends):
    end = ends(server)
    assert events_to_enable(end) is None
    server("CONFIG", "SET", "notify-keyspace-events", "Ex")
    before, after = events_to_enable(end)
    assert set(before) == {"E", "x"} and {"K", "A", "E"} <= set(after)
    set_events(end, after)
    assert events_to_enable(end) is None
    set_events(end, before)
    assert set(server("CONFIG", "GET", "notify-keyspace-events")[1]) == set(b"xE")


@pytest.mark.parametrize("words", [("FLUSHALL",), ("FLUSHDB", "ASYNC"), ("SWAPDB", 0, 1)])
def test_commands_without_events_are_counted(server, ends, words):
    end = ends(server)
    before = flushes(end)
    server("SET", "k", "v")
    assert flushes(end) == before
    server(*words)
    assert flushes(end) != before
