"""Both transports carry the same bytes."""

import random

import pytest
import redis

import kvd

from ..server.certificates import certificates, needs_openssl


@pytest.fixture(params=["plain", pytest.param("tls", marks=needs_openssl)])
def client(request):
    store = kvd.Store()
    certs = certificates() if request.param == "tls" else None
    with store.serve(tls=kvd.TLS(certs("server.crt"), certs("server.key")) if certs else None) as server:
        yield redis.Redis(port=server.tls_port, **certs.redis()) if certs else redis.Redis(port=server.port)


def test_replies_of_all_sizes_come_in_order_and_whole(client):
    dice = random.Random(1)
    sizes = [dice.choice([0, 1, 100, 16383, 16384, 16385, 65535, 65536, 65537, 300_000]) for _ in range(150)]
    pipe = client.pipeline(transaction=False)
    for i, size in enumerate(sizes):
        pipe.set("k", bytes([i % 256]) * size)
        pipe.get("k")
    assert pipe.execute()[1::2] == [bytes([i % 256]) * size for i, size in enumerate(sizes)]


def test_figures_count_what_is_carried_for_clients(client):
    client.config_resetstat()
    client.set("k", b"x" * 100_000)
    client.get("k")
    client.ping()                                             # what was sent is counted with the next command
    found = client.info("stats")
    assert 100_000 < found["total_net_input_bytes"] < 102_000 and 100_000 < found["total_net_output_bytes"] < 110_000


def test_a_client_is_closed_when_all_is_said(client):
    connection = client.connection_pool.get_connection()
    client.set("k", b"x" * 3_000_000)
    connection.send_packed_command([b"GET k\r\n" * 10 + b"QUIT\r\n"])
    assert [len(connection.read_response()) for _ in range(10)] == [3_000_000] * 10
    assert connection.read_response() == b"OK"
    with pytest.raises(redis.ConnectionError):
        connection.read_response()
