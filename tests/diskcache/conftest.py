"""A cache in memory, and a clock that only a test moves."""

import pytest

import kvd


@pytest.fixture
def cache():
    return kvd.DiskCache()


@pytest.fixture
def clock(cache):
    with cache.store.clock.frozen() as frozen:
        yield frozen


@pytest.fixture
def broken(cache, monkeypatch):
    """A function that lets the next commit fail before it takes effect."""

    def arm():
        def commit(commands):
            monkeypatch.undo()
            raise kvd.OutOfMemoryError("full")

        monkeypatch.setattr(cache._space, "commit", commit, raising=True)

    return arm
