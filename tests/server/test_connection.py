"""What comes in on a socket and what goes out: requests of web browsers, CLIENT REPLY, paused commands."""

import pytest

import kvd

from ..compat.wire import Wire


def all_that_comes(wire):
    """The replies until the connection is closed."""
    found = []
    while True:
        try:
            found.append(wire.read())
        except (ConnectionError, OSError):
            return found


@pytest.mark.parametrize("request_line", ["POST / HTTP/1.1", "post /", "GET / HTTP/1.1"])
def test_a_web_browser_cannot_be_made_to_send_commands(peer, request_line):
    wire = peer.open()
    wire.send(f"{request_line}\r\nHost: x\r\n\r\nSET owned 1\r\n".encode())
    replies = all_that_comes(wire)
    assert not any(reply == b"OK" for reply in replies)
    assert peer.open()("EXISTS", "owned") == 0


@pytest.mark.parametrize("words", [("POST", "a"), ("Host:", "x"), ("host:",)])
def test_frames_of_http_words_close_the_connection_too(peer, words):
    wire = peer.open()
    wire.send(Wire.frame(words) + Wire.frame(("SET", "owned", 1)))
    assert all_that_comes(wire) == [] and peer.open()("EXISTS", "owned") == 0


def test_clients_in_process_may_have_such_commands():
    with pytest.raises(kvd.ResponseError, match="unknown command 'POST'"):
        kvd.Store().execute("POST", "/")


def test_confirmations_are_sent_although_replies_are_off(peer):
    wire = peer.open()
    for line in ("CLIENT REPLY OFF", "SUBSCRIBE a b", "UNSUBSCRIBE a", "PING", "PSUBSCRIBE p*", "PUNSUBSCRIBE", "UNSUBSCRIBE", "CLIENT REPLY ON",
                 "CLIENT REPLY SKIP", "SUBSCRIBE x"):  # fmt: skip
        wire.send(Wire.frame(line.split()))
    assert [wire.read()[:2] for _ in range(6)] == [
        [b"subscribe", b"a"], [b"subscribe", b"b"], [b"unsubscribe", b"a"], [b"psubscribe", b"p*"], [b"punsubscribe", b"p*"], [b"unsubscribe", b"b"],
    ]  # fmt: skip
    assert wire.read() == b"OK" and wire.read() == [b"subscribe", b"x", 1]


def test_messages_come_although_replies_are_off(peer):
    wire = peer.open()
    wire.send(Wire.frame(("SUBSCRIBE", "a")))
    wire.read()
    other = peer.open(3)
    for words in (("SUBSCRIBE", "a"), ("CLIENT", "REPLY", "OFF")):
        other.send(Wire.frame(words))
    assert other.read()[:2] == [b"subscribe", b"a"]
    admin = peer.open()
    while admin("PUBLISH", "a", "m") != 2:
        pass
    assert other.read() == [b"message", b"a", b"m"]


def test_a_paused_client_counts_as_blocked(peer):
    admin, wire = peer.open(), peer.open()
    admin("CLIENT", "PAUSE", 60_000, "WRITE")
    wire.send(Wire.frame(("SET", "k", "v")))
    while b"blocked_clients:1\r\n" not in admin("INFO", "clients"):
        pass
    admin("CLIENT", "UNPAUSE")
    assert wire.read() == b"OK" and b"blocked_clients:0\r\n" in admin("INFO", "clients")


def test_keys_do_not_expire_while_writes_are_paused():
    store = kvd.Store()
    with store.serve() as server:
        store.clock.freeze(1_700_000_000)
        admin = Wire(("127.0.0.1", server.port))
        admin("SET", "k", "v", "PX", 1000)
        admin("CLIENT", "PAUSE", 600_000, "WRITE")
        store.clock.advance(10)
        assert admin("GET", "k") is None and admin("DBSIZE") == 1     # hidden, and still there
        admin("CLIENT", "UNPAUSE")
        assert admin("GET", "k") is None and admin("DBSIZE") == 0
