"""Replies as Python values, in process."""

import pytest

import kvd


def test_shapes(store):
    store.execute("HSET", "h", "f", "v")
    store.execute("ZADD", "z", 1.5, "m")
    store.execute("SADD", "s", "m")
    assert store.execute("HGETALL", "h") == {b"f": b"v"} and store.execute("ZRANGE", "z", 0, -1, "WITHSCORES") == [[b"m", 1.5]]
    assert store.execute("SMEMBERS", "s") == {b"m"} and store.execute("GET", "none") is None and store.execute("INCR", "n") == 1


def test_members_and_names_that_are_no_keys_of_a_dict(store):
    """A script may make maps and sets of anything."""
    assert store.eval("redis.setresp(3) return {map={[1]='a', x={1, 2}}}", 0) == {1: b"a", b"x": [1, 2]}
    reply = store.eval("redis.setresp(3) return {set={a=true, b=true}}", 0)
    assert reply == {b"a", b"b"}


@pytest.mark.parametrize("depth", [1, 50, 150])
def test_nested_replies(store, depth):
    reply = store.eval(f"local t = {{}} for i = 1, {depth} do t = {{t}} end return t", 0)
    for _ in range(depth):
        (reply,) = reply
    assert reply == []


def test_errors_inside_lists_are_values(store):
    reply = store.eval("return {1, redis.error_reply('MY fault')}", 0)
    assert reply[0] == 1 and isinstance(reply[1], kvd.ResponseError) and str(reply[1]) == "MY fault"


@pytest.mark.parametrize("size", [0, 1, 4096, 65_535, 65_536, 10_000_000])
def test_sizes(store, size):
    store.set("k", b"x" * size)
    assert store.get("k") == store.execute("GET", "k") == b"x" * size == kvd.Redis(store).get("k")


def test_decoding():
    store = kvd.Store(decode_responses=True)
    store.execute("HSET", "h", "ä", "ö")
    assert store.execute("HGETALL", "h") == {"ä": "ö"} and store.execute("PING") == "PONG"
    store.execute("SET", "bad", b"\xff")
    with pytest.raises(UnicodeDecodeError):
        store.execute("GET", "bad")
    assert store.execute("GET", "none") is None and store.ping()
