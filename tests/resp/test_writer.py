"""Every kind of reply in both protocols, to the byte."""

import socket

import pytest

import kvd

KINDS = {
    "string": (b"$11\r\nHello World\r\n", b"$11\r\nHello World\r\n"), "integer": (b":12345\r\n", b":12345\r\n"), "double": (b"$5\r\n3.141\r\n", b",3.141\r\n"), "null": (b"$-1\r\n", b"_\r\n"),
    "array": (b"*3\r\n:0\r\n:1\r\n:2\r\n", b"*3\r\n:0\r\n:1\r\n:2\r\n"), "set": (b"*3\r\n:0\r\n:1\r\n:2\r\n", b"~3\r\n:0\r\n:1\r\n:2\r\n"),
    "map": (b"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"), "true": (b":1\r\n", b"#t\r\n"), "false": (b":0\r\n", b"#f\r\n"),
    "verbatim": (b"$25\r\nThis is a verbatim\nstring\r\n", b"=29\r\ntxt:This is a verbatim\nstring\r\n"),
    "bignum": (b"$37\r\n1234567999999999999999999999999999999\r\n", b"(1234567999999999999999999999999999999\r\n"),
}  # fmt: skip


def bytes_of(peer, proto, *words):
    """What comes for the command before the reply of the PING behind it."""
    wire = peer.open(proto)
    wire.send(wire.frame(words) + b"PING\r\n")
    data = b""
    while not data.endswith(b"+PONG\r\n"):
        more = wire.socket.recv(65536)
        assert more
        data += more
    return data[: -len(b"+PONG\r\n")]


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_replies(peer, kind):
    assert (bytes_of(peer, 2, "DEBUG", "PROTOCOL", kind), bytes_of(peer, 3, "DEBUG", "PROTOCOL", kind)) == KINDS[kind]


@pytest.mark.parametrize(
    ("words", "two", "three"),
    [
        (("GET", "none"), b"$-1\r\n", b"_\r\n"), (("LPOP", "none", 5), b"*-1\r\n", b"_\r\n"), (("HGETALL", "none"), b"*0\r\n", b"%0\r\n"), (("SMEMBERS", "none"), b"*0\r\n", b"~0\r\n"),
        (("ZADD", "z", "1.5", "m"), b":1\r\n", b":1\r\n"), (("HGETALL", "h"), b"*2\r\n$1\r\nf\r\n$1\r\nv\r\n", b"%1\r\n$1\r\nf\r\n$1\r\nv\r\n"), (("SMEMBERS", "s"), b"*1\r\n$1\r\nm\r\n", b"~1\r\n$1\r\nm\r\n"),
        (("ZRANGE", "y", 0, -1, "WITHSCORES"), b"*2\r\n$1\r\nm\r\n$3\r\n1.5\r\n", b"*1\r\n*2\r\n$1\r\nm\r\n,1.5\r\n"), (("ZSCORE", "y", "m"), b"$3\r\n1.5\r\n", b",1.5\r\n"), (("EXEC",), b"-ERR EXEC without MULTI\r\n", b"-ERR EXEC without MULTI\r\n"),
        (("BLPOP", "none", "0.01"), b"*-1\r\n", b"_\r\n"), (("BLMOVE", "none", "k", "LEFT", "LEFT", "0.01"), b"*-1\r\n", b"_\r\n"), (("GEOPOS", "none", "m"), b"*1\r\n*-1\r\n", b"*1\r\n_\r\n"),
        (("ZRANDMEMBER", "none"), b"$-1\r\n", b"_\r\n"), (("MGET", "none"), b"*1\r\n$-1\r\n", b"*1\r\n_\r\n"), (("CONFIG", "GET", "hz"), b"*2\r\n$2\r\nhz\r\n$2\r\n10\r\n", b"%1\r\n$2\r\nhz\r\n$2\r\n10\r\n"),
        (("XREAD", "STREAMS", "none", "0"), b"*-1\r\n", b"_\r\n"), (("ZINCRBY", "y", 0, "m"), b"$3\r\n1.5\r\n", b",1.5\r\n"), (("SUBSCRIBE", "c"), b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
    ],
)  # fmt: skip
def test_replies_of_commands(peer, words, two, three):
    for line in ("HSET h f v", "SADD s m", "ZADD y 1.5 m"):
        peer(*line.split())
    if words[0] == "SUBSCRIBE":
        wire = peer.open(2)
        wire.send(wire.frame(words))
        assert wire.socket.recv(len(two), socket.MSG_WAITALL) == two
    else:
        assert bytes_of(peer, 2, *words) == two
    peer("DEL", "z")
    assert bytes_of(peer, 3, *words) == three


@pytest.mark.parametrize("text", ["a\r\nb", "a\nb\r"])
def test_an_error_is_one_line(peer, text):
    """A line break in what a client sent cannot end an error early and fake another reply."""
    reply = bytes_of(peer, 2, "EVAL", "return redis.error_reply(ARGV[1])", 0, "MY " + text)
    assert reply.count(b"\r\n") == 1 and reply.count(b"\n") == 1 and reply.startswith(b"-MY a")
    reply = bytes_of(peer, 2, "no" + text, text)
    assert reply.count(b"\n") == 1 and reply.startswith(b"-ERR unknown command")


def test_in_process_replies_are_the_same_values(store):
    assert [store.execute("DEBUG", "PROTOCOL", kind) for kind in ("double", "null", "true", "map", "integer")] == [3.141, None, True, {0: False, 1: True, 2: False}, 12345]
    assert kvd.Store(decode_responses=True).execute("DEBUG", "PROTOCOL", "verbatim") == "This is a verbatim\nstring"
