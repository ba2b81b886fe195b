"""Sockets of the link: an address that never answers does not hold anything up."""

import time

import kvd

from ..waiting import eventually
from .tap import info, is_up


def test_a_connection_that_is_never_accepted(follower):
    """192.0.2.0/24 is for documentation: nothing is there."""
    follower.configure("repl-timeout", 1)
    follower.execute("REPLICAOF", "192.0.2.1", 6379)
    assert not is_up(follower)
    begun = time.monotonic()
    follower.promote()
    follower.close()
    assert time.monotonic() - begun < 20


def test_the_second_address_of_a_name_is_tried(origin):
    """localhost is ::1, too, where nothing listens."""
    store = kvd.Store()
    store.execute("REPLICAOF", "localhost", origin.port)
    eventually(lambda: is_up(store))
    assert info(store)["master_host"] == "localhost"
    store.close()
