"""What sync and asyncio connections share: arguments to the engine, replies to values, errors of redis-py's classes."""

import asyncio

import pytest
import redis
import redis.asyncio
import redis.backoff
import redis.retry

import kvd
import kvd.asyncio
from kvd.clients.links import put_back


def test_they_are_redis_pys_own():
    assert isinstance(kvd.Redis(), redis.Redis) and isinstance(kvd.asyncio.Redis(), redis.asyncio.Redis)
    assert isinstance(kvd.Redis().connection_pool, redis.ConnectionPool) and issubclass(kvd.StrictRedis, redis.Redis)
    plain = redis.Redis(connection_pool=kvd.ConnectionPool(kvd.Store()))
    assert plain.set("k", "v") and plain.get("k") == b"v"


@pytest.mark.parametrize("client", [kvd.Redis, kvd.asyncio.Redis])
def test_what_makes_no_sense_in_process_is_refused_at_once(client):
    with pytest.raises(TypeError, match="store must be a kvd.Store"):
        client(6379)
    with pytest.raises(ValueError, match="no socket to encrypt"):
        client(ssl=True)
    with pytest.raises(TypeError, match="without their names"):
        client("localhost", 6379, 0, None, 5)


def test_commands_that_would_send_nothing():
    assert kvd.Redis().mget([]) == [] and asyncio.run(kvd.asyncio.Redis().mget([])) == []
    client = kvd.Redis()
    client.set("k", "v")
    assert client.mget(["k"]) == [b"v"]
    with pytest.raises(redis.ResponseError):
        client.execute_command("MGET")


@pytest.mark.parametrize("options", [{}, {"max_connections": 3}])
def test_client_reply_does_not_poison_the_pool(options):
    client = kvd.Redis(**options)
    client.set("k", "v")
    for mode in ("OFF", "SKIP"):
        assert client.client_reply(mode) is None
        assert client.get("k") == b"v"

    async def run():
        client = kvd.asyncio.Redis(**options)
        await client.set("k", "v")
        for mode in ("OFF", "SKIP"):
            assert await client.client_reply(mode) is None
            assert await client.get("k") == b"v"

    asyncio.run(run())


@pytest.mark.parametrize(("encoding", "errors"), [("utf-8", "strict"), ("latin-1", "strict"), ("utf-8", "replace"), ("iso8859-15", "ignore")])
def test_text_in_any_encoding(encoding, errors):
    store = kvd.Store()
    client = kvd.Redis(store, encoding=encoding, encoding_errors=errors, decode_responses=True)
    client.set("ké", "ü")
    client.hset("h", mapping={"fé": "v"})
    client.rpush("l", "a", "ö")
    assert store.get("ké".encode(encoding)) == "ü".encode(encoding) and client.get("ké") == "ü" and client.hgetall("h") == {"fé": "v"} and client.lrange("l", 0, -1) == ["a", "ö"]


def test_values_of_other_types_do_not_change_the_encoding_of_text():
    store = kvd.Store()
    kvd.Redis(store, encoding="latin-1").mset({"é": memoryview(b"x"), "ü": "ö"})
    assert set(store) == {b"\xe9", b"\xfc"} and store.get(b"\xfc") == b"\xf6"


def test_bytes_that_are_no_text():
    store = kvd.Store()
    store.set("k", b"\xff")
    with pytest.raises(UnicodeDecodeError):
        kvd.Redis(store, decode_responses=True).get("k")
    assert kvd.Redis(store, decode_responses=True, encoding_errors="replace").get("k") == "\ufffd" and kvd.Redis(store).get("k") == b"\xff"


@pytest.mark.parametrize("value", [None, True, [], {}, object()])
def test_what_cannot_be_stored(value):
    client = kvd.Redis()
    for use in (lambda: client.set("k", value), lambda: client.execute_command("SET", "k", value), lambda: client.rpush("l", "a", value)):
        with pytest.raises(redis.DataError):
            use()
    assert client.dbsize() == 0


@pytest.mark.parametrize(("value", "held"), [(5, b"5"), (1.5, b"1.5"), (memoryview(b"y"), b"y"), ("é", "é".encode()), (-(2**70), b"-%d" % 2**70)])
def test_values_are_encoded_as_redis_py_does(value, held):
    client = kvd.Redis()
    client.set("k", value)
    assert client.get("k") == held == redis.connection.Encoder("utf-8", "strict", False).encode(value)


@pytest.mark.parametrize(("words", "error"), [
    (("NOSUCH",), redis.ResponseError), (("EVALSHA", "0" * 40, 0), redis.exceptions.NoScriptError), (("EXEC",), redis.ResponseError), (("XGROUP", "CREATE", "none", "g", 0), redis.ResponseError), (("RPUSH", "text", "a"), redis.ResponseError),
    (("AUTH", "wrong"), redis.AuthenticationError), (("EXECABORT",), redis.ResponseError),
])  # fmt: skip
def test_errors_are_of_redis_pys_classes(words, error):
    client = kvd.Redis()
    client.set("text", "v")
    with pytest.raises(error):
        client.execute_command(*words)
    assert client.ping()


def test_a_name_of_several_words():
    client = kvd.Redis()
    assert client.execute_command("CONFIG GET", "hz") and client.execute_command("OBJECT HELP") and client.execute_command("CLIENT SETNAME", "me") and client.client_getname() == "me"


def test_what_a_cancelled_pop_has_taken_is_put_back_where_it_was(store):
    link = store._link(redis.ResponseError)
    for push, command, reply, expected in (
        (("RPUSH", "k", *"bcd"), ("BLPOP", "k", 0), [b"k", b"a"], [b"a", b"b", b"c", b"d"]), (("RPUSH", "k", *"abc"), ("brpop", "k", 0), [b"k", b"d"], [b"a", b"b", b"c", b"d"]),
        (("RPUSH", "k", *"cd"), ("BLMPOP", 0, 1, "k", "LEFT", "COUNT", 2), [b"k", [b"a", b"b"]], [b"a", b"b", b"c", b"d"]), (("RPUSH", "k", *"ab"), (b"BLMPOP", 0, 1, "k", b"right", "COUNT", 2), [b"k", [b"d", b"c"]], [b"a", b"b", b"c", b"d"]),
    ):  # fmt: skip
        store.delete("k")
        store.execute(*push)
        put_back(link, command, reply)
        assert store.lrange("k", 0, -1) == expected
    put_back(link, ("BZPOPMIN", "z", 0), [b"z", b"m", b"1.5"])
    put_back(link, ("BZMPOP", 0, 1, "z", "MIN"), [b"z", [[b"n", b"2"], [b"o", b"3"]]])
    assert store.execute("ZCARD", "z") == 3 and store.zscore("z", "m") == 1.5
    put_back(link, ("BLPOP", "k", 0), None)
    put_back(link, ("GET", "k"), b"v")
