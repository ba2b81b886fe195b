"""Which store a client gets: by name, address, URL, or one of its own."""

import pytest

import kvd
from kvd.clients import stores


@pytest.fixture(autouse=True)
def forgotten():
    stores.forget_stores()
    yield
    stores.forget_stores()


def shared(a, b):
    a.set("k", "v")
    return b.get("k") is not None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"store": "a"}, {"store": "a"}, True), ({"store": "a"}, {"store": "b"}, False), ({}, {}, False), ({"host": "h"}, {"host": "h"}, True), ({"host": "h"}, {"host": "h", "port": 6379}, True),
        ({"host": "h", "port": 1}, {"host": "h"}, False), ({"host": "h", "port": 1}, {"host": "h", "port": "1"}, True), ({"unix_socket_path": "/s"}, {"unix_socket_path": "/s"}, True), ({"store": "kvd://a"}, {"store": "a"}, True), ({"host": "h"}, {"store": "h"}, True),
    ],
)  # fmt: skip
def test_who_shares_data(one, other, same):
    assert shared(kvd.Redis(**one), kvd.Redis(**other)) is same


@pytest.mark.parametrize("url", ["kvd://name/3?decode_responses=yes", "memory://name/3?decode_responses=1"])
def test_urls(url):
    client = kvd.Redis.from_url(url)
    client.set("k", "v")
    with stores.named_store("name").session() as run:
        run.execute("SELECT", 3)
        assert run.execute("GET", "k") == b"v"
    assert client.get("k") == "v"


@pytest.mark.parametrize("store", [5, b"name", object()])
def test_no_stores(store):
    with pytest.raises(TypeError, match="store must be"):
        kvd.Redis(store)


def test_forgetting_leaves_clients_what_they_have():
    client = kvd.Redis(store="a")
    client.set("k", "v")
    stores.forget_stores()
    assert client.get("k") == b"v" and kvd.Redis(store="a").get("k") is None


def test_a_store_that_is_given_is_used():
    store = kvd.Store()
    kvd.Redis(store).set("k", "v")
    assert store.get("k") == b"v" and shared(kvd.Redis(store), kvd.Redis(store))


def test_the_url_of_a_server_is_no_store():
    for url in ("redis://localhost/3", "rediss://localhost", "unix:///tmp/socket"):
        with pytest.raises(ValueError, match="from_url"):
            kvd.Redis(url)
    assert shared(kvd.Redis("kvd://one"), kvd.Redis(store="one"))
