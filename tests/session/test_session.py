"""What belongs to a session, and what RESET makes of it."""

import pytest

import kvd


def facts(wire):
    return dict(word.split("=", 1) for word in wire("CLIENT", "INFO").decode().split() if "=" in word)


def test_reset_makes_a_session_new(peer):
    wire, other = peer.open(3), peer.open()
    for line in ("CLIENT SETNAME me", "SELECT 3", "CLIENT TRACKING ON", "WATCH k", "SUBSCRIBE c", "CLIENT NO-TOUCH ON", "MULTI"):
        wire(*line.split())
    reply = wire("RESET")
    while reply != b"RESET":
        reply = wire.read()
    found = facts(wire)
    assert (found["name"], found["db"], found["sub"], found["resp"], found["flags"].strip("U")) in [("", "0", "0", "2", "N"), ("", "0", "0", "2", "")]
    assert other("PUBLISH", "c", "m") == 0 and wire("GET", "k") is None


@pytest.mark.parametrize("name", ["with space", "with\nbreak", "\x07", "ü"])
def test_names_are_plain_text(peer, name):
    for words in (("CLIENT", "SETNAME", name), ("HELLO", "2", "SETNAME", name), ("CLIENT", "SETINFO", "lib-name", name)):
        assert isinstance(peer(*words), Exception), words
    assert peer("CLIENT", "GETNAME") is None


def test_hello_is_all_or_nothing(peer):
    wire = peer.open(2)
    for words in (("HELLO", "4"), ("HELLO", "x"), ("HELLO", "3", "AUTH", "nobody", "x"), ("HELLO", "3", "SETNAME"), ("HELLO", "3", "NOPE")):
        assert isinstance(wire(*words), Exception), words
    assert facts(wire)["resp"] == "2" and facts(wire)["name"] == ""
    reply = wire("HELLO", "3", "SETNAME", "me")
    assert reply[b"proto"] == 3 and reply[b"role"] == b"master" and facts(wire)["name"] == "me"


def test_ids_are_given_once(peer):
    ids = [peer.open()("CLIENT", "ID") for _ in range(5)]
    assert ids == sorted(set(ids))


def test_flags_of_clients(peer):
    wire = peer.open(3)
    for line, flag in (("MULTI", "x"), ("DISCARD", "N"), ("SUBSCRIBE c", "P"), ("UNSUBSCRIBE c", "N"), ("CLIENT TRACKING ON", "t"), ("CLIENT TRACKING OFF", "N"), ("CLIENT NO-EVICT ON", "e"), ("CLIENT NO-EVICT OFF", "N")):
        wire(*line.split())
        listed = [one for one in peer("CLIENT", "LIST").decode().splitlines() if f"id={wire_id(peer, wire)} " in one]
        flags = listed[0].split("flags=")[1].split()[0].strip("U") or "N"      # U: of a unix socket
        assert flags == flag, line


def wire_id(peer, wire, known={}):  # noqa: B006  (asked before it queues or listens)
    return known.setdefault(id(wire), max(int(line.split()[0].split("=")[1]) for line in peer("CLIENT", "LIST").decode().splitlines()))


def test_clients_in_process_have_no_address(store):
    listed = store.execute("CLIENT", "LIST").decode()
    client = kvd.Redis(store, client_name="mine")
    client.ping()
    assert "name=mine" in store.execute("CLIENT", "LIST").decode() and "addr=" in listed
    client.close()
