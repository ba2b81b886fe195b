"""Shared fixtures: a store, a server on it, and the same `run` through both doors."""

import pytest

import kvd

from .compat.wire import Wire


@pytest.fixture
def store():
    return kvd.Store()


@pytest.fixture
def server():
    with kvd.Server(kvd.Store(enable_debug_command="yes")) as running:
        yield running


class Door:
    """Runs command lines; error replies come back as text that starts with the error's first word."""

    def __init__(self, store, wire=None):
        self.store = store
        self.wire = wire

    def __call__(self, *words):
        if self.wire is not None:
            reply = self.wire(*words)
            return str(reply) if isinstance(reply, Exception) else reply
        try:
            return self.store.execute(*words)
        except kvd.KvdError as error:
            text = str(error)
            return text if text.split(" ", 1)[0].isupper() and len(text.split(" ", 1)[0]) > 2 else f"ERR {text}"


@pytest.fixture(params=["python", "resp2", "resp3"])
def run(request):
    store = kvd.Store(enable_debug_command="yes")
    if request.param == "python":
        yield Door(store)
        return
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port), 3 if request.param == "resp3" else 2)
        yield Door(store, wire)
        wire.close()
