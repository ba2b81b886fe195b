"""The plugin of pytest: fixtures, their options, and the examples of the guide."""

import re
from pathlib import Path

pytest_plugins = ["pytester"]


def test_fixtures(pytester):
    pytester.makepyfile(
        """
        import asyncio, pytest, redis

        @pytest.mark.parametrize("n", [1, 2])
        def test_each_has_its_own_data(redis_client, n):
            assert redis_client.incr("n") == 1 and isinstance(redis_client, redis.Redis)

        def test_async_and_sync_share_the_store(redis_client, async_redis_client, kvd_store):
            asyncio.run(async_redis_client.set("k", "v"))
            assert redis_client.get("k") == b"v" == kvd_store.get("k")

        def test_a_server(kvd_server, kvd_store):
            assert redis.from_url(kvd_server.url).set("k", "v") and kvd_store.get("k") == b"v"

        @pytest.mark.parametrize("n", [1, 2])
        def test_a_url(redis_url, n):
            assert redis.from_url(redis_url).incr("n") == 1

        @pytest.mark.kvd(config={"maxmemory": "10mb", "maxmemory-policy": "allkeys-lru"}, version="7.2")
        def test_options(redis_client):
            assert redis_client.config_get("maxmemory") == {"maxmemory": "10485760"}
        """
    )
    result = pytester.runpytest_subprocess("-q", "--strict-markers", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=7)


def test_the_guides_tests_run(pytester):
    """What docs/testing.md shows of pytest."""
    guide = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    pytester.makepyfile("\n".join(re.findall(r"```py\n(.*?)```", guide, re.S)))
    pytester.runpytest_subprocess("-q", "--strict-markers", "-p", "no:cacheprovider").assert_outcomes(passed=2)
