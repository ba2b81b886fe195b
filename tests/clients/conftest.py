"""One suite, many doors: redis-py in process, over TCP to kvd, and to a real server; sync and asyncio; RESP2 and RESP3."""

from __future__ import annotations

import asyncio
import inspect
import shutil

import pytest
import redis
import redis.asyncio

import kvd
import kvd.asyncio

from ..compat.wire import RealServer


class Blocking:
    """An asyncio client, pipeline, pubsub or lock used as if it were redis-py's sync one."""

    def __init__(self, loop, target):
        self._loop, self._target = loop, target

    def _run(self, value):
        if inspect.isawaitable(value) and not isinstance(value, (redis.asyncio.Redis, redis.asyncio.client.Pipeline)):
            value = self._loop.run_until_complete(value)
        kinds = (redis.asyncio.client.Pipeline, redis.asyncio.client.PubSub, redis.asyncio.lock.Lock, redis.asyncio.client.Monitor)
        if isinstance(value, kinds) or inspect.isasyncgen(value):
            return Blocking(self._loop, value)
        if type(value).__name__ == "AsyncScript":
            return lambda keys=None, args=None: self._run(value(keys=keys, args=args))
        return value

    def __getattr__(self, name):
        found = getattr(self._target, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._run(found(*args, **kwargs))

    def __enter__(self):
        self._run(self._target.__aenter__())
        return self

    def __exit__(self, *exc):
        self._run(self._target.__aexit__(*exc))

    def __iter__(self):
        while True:
            try:
                yield self._run(self._target.__anext__())
            except StopAsyncIteration:
                return

    def __len__(self):
        return len(self._target)

    def close(self):
        close = getattr(self._target, "aclose", None) or self._target.close
        self._run(close())


@pytest.fixture(scope="session")
def real_server():
    if not shutil.which("redis-server"):
        pytest.skip("no redis-server here")
    server = RealServer("redis-server")
    yield server
    server.stop()


KINDS = [f"{kind}-resp{proto}" for kind in ("sync", "async") for proto in (2, 3)]
DOORS = [
    *[f"{door}-{kind}" for door in ("inprocess", "tcp") for kind in KINDS], *[pytest.param(f"real-{kind}", marks=pytest.mark.real_server) for kind in KINDS],
]  # fmt: skip


@pytest.fixture(params=DOORS)
def make(request):
    """Makes clients of one door that share their data."""
    door, kind, resp = request.param.split("-")
    loop = asyncio.new_event_loop() if kind == "async" else None
    made = []
    server = store = None
    if door == "inprocess":
        store = kvd.Store()
    elif door == "tcp":
        server = kvd.Store().serve()
    else:
        real = request.getfixturevalue("real_server")

    def client(**options):
        options.setdefault("decode_responses", True)
        options["protocol"] = int(resp[-1])
        if store is not None:
            one = (kvd.asyncio.Redis if loop else kvd.Redis)(store, **options)
        else:
            address = {"port": server.port} if server is not None else {"unix_socket_path": real.address}
            one = (redis.asyncio.Redis if loop else redis.Redis)(**address, **options)
        made.append(Blocking(loop, one) if loop else one)
        return made[-1]

    client.door, client.kind, client.proto, client.loop = door, kind, int(resp[-1]), loop
    client().flushall()
    yield client
    for one in made:
        one.close()
    if loop is not None:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    if server is not None:
        server.stop()


@pytest.fixture
def r(make):
    return make()
