"""All sessions of a store: listed, killed, counted."""

import pytest

import kvd


@pytest.mark.parametrize("how", ["ID", "ADDR", "LADDR", "USER", "TYPE", "MAXAGE"])
def test_filters_of_client_kill(peer, how):
    admin, victim = peer.open(), peer.open()
    found = dict(word.split("=", 1) for word in victim("CLIENT", "INFO").decode().split() if "=" in word)
    if how == "MAXAGE" and peer.version < (7, 4) or how in ("ADDR", "LADDR") and isinstance(peer.address, str):
        pytest.skip("not in this server, or all clients share the address of a unix socket")
    value = {"ID": found["id"], "ADDR": found.get("addr"), "LADDR": found.get("laddr"), "USER": "default", "TYPE": "pubsub", "MAXAGE": "0"}[how]
    if how == "TYPE":
        victim("SUBSCRIBE", "c")
    if how == "MAXAGE":
        assert admin("CLIENT", "KILL", "MAXAGE", "100000") == 0
        return
    assert admin("CLIENT", "KILL", how, value, "SKIPME", "yes") >= 1
    with pytest.raises((ConnectionError, OSError)):
        victim("PING") if how != "TYPE" else victim.read()
    peer.wires = [admin]


@pytest.mark.parametrize("line", ["CLIENT KILL", "CLIENT KILL ID", "CLIENT KILL ID x", "CLIENT KILL ID 0", "CLIENT KILL TYPE nope", "CLIENT KILL ID 1 SKIPME maybe", "CLIENT KILL NOPE 1", "CLIENT KILL 1.2.3.4:5", "CLIENT LIST TYPE nope", "CLIENT LIST ID", "CLIENT LIST ID x", "CLIENT NO-EVICT maybe", "CLIENT UNBLOCK x", "CLIENT REPLY maybe", "CLIENT PAUSE x", "CLIENT PAUSE -1"])
def test_errors(peer, line):
    assert isinstance(peer(*line.split()), Exception) and peer("PING") == b"PONG"


def test_lists_of_ids_and_types(peer):
    wire = peer.open(3)
    ident = wire("CLIENT", "ID")
    assert peer("CLIENT", "LIST", "ID", ident, 99_999_999).decode().count("\n") == 1
    assert peer("CLIENT", "LIST", "ID", 99_999_999) == b""
    wire("SUBSCRIBE", "c")
    assert f"id={ident} " in peer("CLIENT", "LIST", "TYPE", "pubsub").decode() and f"id={ident} " not in peer("CLIENT", "LIST", "TYPE", "normal").decode()


def test_a_client_that_kills_itself_gets_its_reply(peer):
    wire = peer.open()
    ident = wire("CLIENT", "ID")
    assert wire("CLIENT", "KILL", "ID", ident, "SKIPME", "no") == 1
    with pytest.raises((ConnectionError, OSError)):
        wire("PING")


def test_sessions_are_counted_and_their_memory(store):
    before = len(store.execute("CLIENT", "LIST").splitlines()), store.info("memory")["mem_clients_normal"]
    sessions = [store._link(kvd.ResponseError) for _ in range(10)]
    assert len(store.execute("CLIENT", "LIST").splitlines()) == before[0] + 10 and store.info("memory")["mem_clients_normal"] > before[1]
    for one in sessions:
        one.close()
    assert (len(store.execute("CLIENT", "LIST").splitlines()), store.info("memory")["mem_clients_normal"]) == before


def test_clients_in_this_process_have_an_address_each(store):
    one, other, third = (kvd.Redis(store) for _ in range(3))
    for client in (one, other, third):
        client.client_setname("x")
    addresses = [line["addr"] for line in one.client_list() if line["name"] == "x"]
    assert len(set(addresses)) == 3 and all(address.startswith("in-process:") for address in addresses)
    assert third.client_kill_filter(addr=one.client_info()["addr"]) == 1
    assert other.client_info()["name"] == "x"
