"""A store that is served, as a master without delay; and one that follows."""

import pytest

import kvd


@pytest.fixture
def origin():
    """A store; `origin.port` is its server's."""
    store = kvd.Store(repl_diskless_sync_delay=0, enable_debug_command="yes", repl_ping_replica_period=1000)
    with store.serve() as server:
        store.port = server.port
        yield store


@pytest.fixture
def follower():
    store = kvd.Store(enable_debug_command="yes", repl_diskless_sync_delay=0)
    yield store
    store.close()
