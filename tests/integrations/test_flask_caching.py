"""The backend for Flask-Caching, in that framework."""

import time


def test_flask():
    from flask import Flask
    from flask_caching import Cache

    app = Flask("test")
    cache = Cache(app, config={"CACHE_TYPE": "kvd.integrations.flask_caching.KvdCache", "CACHE_DEFAULT_TIMEOUT": 100, "CACHE_THRESHOLD": 3,
                               "CACHE_OPTIONS": {"policy": "sieve"}})  # fmt: skip
    calls = []

    @app.route("/")
    @cache.cached(timeout=50)
    def index():
        calls.append(1)
        return str(len(calls))

    @cache.memoize(50)
    def f(x):
        calls.append(x)
        return x

    with app.app_context():
        client = app.test_client()
        assert client.get("/").data == client.get("/").data == b"1"
        f(1), f(1)
        assert calls == [1, 1]
        cache.delete_memoized(f)
        f(1)
        assert calls == [1, 1, 1]
        cache.clear()
        assert cache.set("a", 1) and not cache.add("a", 2) and cache.has("a") and cache.get_many("a", "b") == [1, None]
        assert cache.set("short", 1, timeout=0.02) and cache.cache.inc("n") == 1 and cache.cache.dec("n") == 0
        time.sleep(0.04)
        assert cache.get("short") is None and cache.delete("a") and cache.get("a") is None
        cache.set_many({str(i): i for i in range(10)})
        assert len(cache.cache._kvd) == 3 and cache.cache._kvd.policy == "sieve"
