"""Hostile clients: the server answers others all the time, and nothing is left of them. benchmarks/hostile.py measures how long the others wait."""

import threading

import pytest

import kvd

from ..compat.wire import Wire
from ..waiting import eventually
from . import attacks

VISITS = 2000                  # of connections, or connections made: then an attack ends
CONNECTIONS = 60
MAXCLIENTS = 50                # beside those that try in vain


def run(attack, port, visits=VISITS):
    """The attack in a thread, and an event that is set when it may end."""
    done = 0

    def over():
        nonlocal done
        done += 1
        return done > visits

    thread = threading.Thread(target=attack, args=(port, CONNECTIONS, over), daemon=True)
    thread.start()
    return thread


@pytest.fixture
def attacked():
    store = kvd.Store(requirepass=attacks.PASSWORD.decode(), maxclients=MAXCLIENTS, maxmemory_clients="30mb", client_output_buffer_limit="normal 20mb 0 0")
    with store.serve() as server:
        yield server


@pytest.mark.parametrize("attack", attacks.ATTACKS, ids=lambda attack: attack.__name__)
def test_others_are_answered(attacked, attack):
    store = attacked.store
    wire = Wire(("127.0.0.1", attacked.port))
    assert wire("AUTH", attacks.PASSWORD) == b"OK"
    wire("SET", attacks.BIG, b"x" * attacks.BIG_BYTES)
    wire("SET", "k", "v")
    attacker = run(attack, attacked.port)
    answers = 0
    while attacker.is_alive():
        assert wire("GET", "k") == b"v"
        answers += 1
    assert answers
    eventually(lambda: store.info("clients")["connected_clients"] == 1)
    assert wire("DBSIZE") == 2                 # nothing of theirs was run
    assert store.info("memory")["used_memory_peak"] < 100_000_000
    assert Wire(("127.0.0.1", attacked.port))("AUTH", attacks.PASSWORD) == b"OK"


def test_a_flood_of_connections_stays_below_maxclients(attacked):
    wire = Wire(("127.0.0.1", attacked.port))
    attacker = run(attacks.idle_connections, attacked.port)
    eventually(lambda: attacked.store.info("stats")["rejected_connections"] > 20)
    assert attacked.store.info("clients")["connected_clients"] <= MAXCLIENTS
    assert wire("AUTH", attacks.PASSWORD) == b"OK"      # who was there before is served
    attacker.join()
