"""version= and server_type= of the testing tools."""

import pytest
import redis

from kvd.testing import fakeredis, patch
from kvd.testing.versions import emulated


@pytest.mark.parametrize(("version", "kind", "choice"), [
    (None, "redis", "no"), ((7,), "redis", "redis-7.4"), (7, "redis", "redis-7.4"), ("7.0", "redis", "redis-7.0"), ((7, 2, 4), "redis", "redis-7.2"), (6, "redis", "redis-6.2"), ([8, 0], "redis", "redis-8.0"), (8, "redis", "redis-8.8"), (7.2, "redis", "redis-7.2"),
    (None, "valkey", "valkey-9.1"), ("8.1", "valkey", "valkey-8.1"), ((8,), "valkey", "valkey-8.1"), ((7, 2), "valkey", "valkey-7.2"),
])  # fmt: skip
def test_the_newest_of_those_named(version, kind, choice):
    assert emulated(version, kind) == choice


@pytest.mark.parametrize(("version", "kind"), [((5,), "redis"), ((7, 1), "redis"), (99, "redis"), ((9,), "redis"), ((7,), "dragonfly"), (None, "dragonfly")])
def test_a_server_that_is_not_emulated(version, kind):
    with pytest.raises(ValueError, match="kvd does not emulate"):
        emulated(version, kind)


def test_clients_of_fakeredis():
    old, new = fakeredis.FakeRedis(version=(7, 0)), fakeredis.FakeRedis()
    new.hset("h", "f", 1)
    assert new.hexpire("h", 10, "f") == [1]
    with pytest.raises(redis.ResponseError, match="unknown command 'HEXPIRE'"):
        old.hexpire("h", 10, "f")
    valkey = fakeredis.FakeRedis(version=(8, 1), server_type="valkey")
    assert valkey.info("server")["valkey_version"].startswith("8.1") and valkey.execute_command("COMMANDLOG", "LEN", "SLOW") == 0
    for version, name in (((8, 1), "Redis"), ((9, 0), "Valkey")):          # it kept this text until 9
        with pytest.raises(redis.ResponseError, match=f"This {name} command is not allowed from script"):
            fakeredis.FakeRedis(version=version, server_type="valkey").eval("return redis.call('MONITOR')", 0)


def test_patched_clients():
    with patch(version="7.2"):
        client = redis.Redis()
        assert client.info("server")["redis_version"].startswith("7.2.")
        with pytest.raises(redis.ResponseError, match="unknown command"):
            client.hexpire("h", 10, "f")

    @patch(version=6)
    async def run():
        import redis.asyncio

        async with redis.asyncio.Redis() as client:
            return (await client.info("server"))["redis_version"]

    import asyncio

    assert asyncio.run(run()).startswith("6.2.")
