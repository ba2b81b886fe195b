"""A store that is served, as a master without delay; and one that follows."""

import os
import shutil

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


@pytest.fixture
def redis_6():
    """The program of a Redis 6.2."""
    return brought("redis-server-6.2")


@pytest.fixture
def valkey_8():
    return brought("valkey-server-8")


def brought(name):
    """A program that .ci/servers brings."""
    return shutil.which(name, path=os.environ.get("KVDDEV_SERVERS", "")) or pytest.skip(f"there is no {name} in KVDDEV_SERVERS")
