"""redis-sentinel watches kvd servers, and fails over; redis-py's Sentinel client goes on."""

import os
import shutil
import subprocess

import pytest
import redis
from redis.sentinel import Sentinel

from ..compat.wire import free_port
from ..conftest import REAL
from ..waiting import eventually
from .node import KVD, Node, agree, is_up

pytestmark = pytest.mark.real_server
PAIRS = [pytest.param(KVD, KVD, id="kvd-kvd"), pytest.param(KVD, REAL[0].values[0], id="kvd-redis", marks=REAL[0].marks), pytest.param(REAL[0].values[0], KVD, id="redis-kvd", marks=REAL[0].marks)]


@pytest.fixture
def sentinel(tmp_path):
    program = shutil.which("redis-sentinel") or shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-sentinel")
    started = []

    def start(master):
        port = free_port()
        path = tmp_path / "sentinel.conf"
        path.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor mine 127.0.0.1 {master.port} 1\nsentinel down-after-milliseconds mine 500\nsentinel failover-timeout mine 2000\n")
        started.append(subprocess.Popen([program, str(path), *(["--sentinel"] if program.endswith("server") else [])], stdout=subprocess.DEVNULL, env={**os.environ, "LD_PRELOAD": ""}))
        client = redis.Redis(port=port)

        def listening():
            try:
                return client.ping()
            except redis.ConnectionError:
                return False

        eventually(listening)
        return port, client

    yield start
    for process in started:
        process.kill()
        process.wait()


def comes_true(node, condition):
    """Waits for that, with another connection each time: sentinel closes those of clients, so that they look for the master."""

    def holds():
        node.wire.close()
        try:
            node.wire = eventually(node.connected)
            return condition(node)
        except (OSError, ConnectionError):
            return False

    eventually(holds)


@pytest.mark.parametrize(("first", "standby"), PAIRS if os.environ.get("KVDDEV_LONG") else PAIRS[:2])
def test_a_master_that_is_killed_is_replaced(sentinel, first, standby):
    with Node(first) as master, Node(standby) as replica, Node(KVD) as third:
        replica.follow(master.port)
        third.follow(master.port)
        agree(master, replica, third)
        third("CONFIG", "SET", "replica-priority", "0")        # not to be promoted
        port, watching = sentinel(master)
        eventually(lambda: len(watching.sentinel_slaves("mine")) == 2)
        client = Sentinel([("127.0.0.1", port)], socket_timeout=5).master_for("mine")
        client.set("a", "1")
        agree(master, replica, third)
        master.kill()

        def written():
            try:
                return client.set("b", "2")
            except (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, redis.sentinel.MasterNotFoundError):
                return False

        eventually(written)
        assert client.get("a") == b"1"
        comes_true(replica, lambda node: node.info()["role"] == "master")
        comes_true(third, lambda node: node.info()["master_port"] == str(replica.port) and is_up(node))
        agree(replica, third)
        master.start()                         # sentinel makes it a replica
        comes_true(master, lambda node: node.info()["role"] == "slave" and is_up(node))
        agree(replica, master, third)
        client.close()
        watching.close()
