"""One load in progress: it lands however its loader ends, stores only what was returned, and tells all who wait."""

import contextvars

import pytest

import kvd
from kvd.caching.loading import LoadOptions
from kvd.doors.flight import Flight, landed_with, running


@pytest.fixture
def cache():
    return kvd.Cache()


def opened(cache, key="k"):
    """A flight of the cache as the first caller opens it, in a context of its own."""
    cache.get_or_set("warm", 1)
    flight = Flight(cache._loading, key, LoadOptions())
    assert cache._loading.board(flight) is flight
    return cache._loading.open(flight)


def in_context(function):
    return contextvars.copy_context().run(function)


def test_a_value_is_stored_and_told(cache):
    def check():
        flight = opened(cache)
        told = []
        flight.callbacks.append(lambda: told.append(flight.landed))
        assert running() is flight and flight.landed is None
        flight.finish(5)
        assert (flight.landed, flight.value, flight.outcome(), told, running()) == ("value", 5, 5, ["value"], None)

    in_context(check)
    assert cache["k"] == 5 and cache._loading.flights == {}


def test_an_error_is_raised_for_each_and_not_stored(cache):
    def check():
        flight = opened(cache)
        flight.fail(ValueError("why"))
        assert flight.landed == "error" and running() is None
        errors = []
        for _ in range(2):
            with pytest.raises(ValueError, match="why") as raised:
                flight.outcome()
            errors.append(raised.value)

    in_context(check)
    assert "k" not in cache and cache._loading.flights == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), RecursionError()])
def test_an_error_that_is_not_about_the_key_abandons_it(cache, error):
    def check():
        flight = opened(cache)
        flight.fail(error)
        assert flight.landed == "abandoned" and flight.error is None

    in_context(check)
    assert cache.get_or_set("k", lambda: 7) == 7


def test_a_value_that_cannot_be_stored_lands_all_the_same():
    def weigh(key, value):
        if key == "k":
            raise RuntimeError("no weight")
        return 1

    cache = kvd.Cache(maxweight=100, weigher=weigh)

    def check():
        flight = opened(cache)
        with pytest.raises(RuntimeError, match="no weight"):
            flight.finish(5)
        assert flight.landed == "value" and flight.value == 5 and cache._loading.flights == {}

    in_context(check)


def test_a_load_within_a_load(cache):
    """The inner one is the current one until it lands, and the outer one waits for it meanwhile."""
    seen = []

    def inner():
        seen.append((running().key, running().parent.key))
        return 1

    def outer():
        outer_flight = running()
        value = cache.get_or_set("inner", inner)
        seen.append((running().key, running().parent, list(outer_flight.waits)))
        return value + 1

    assert cache.get_or_set("outer", outer) == 2 and seen == [("inner", "outer"), ("outer", None, [])] and running() is None


def test_a_context_that_outlives_its_load_belongs_to_the_enclosing_one(cache):
    kept = []

    def inner():
        kept.append(contextvars.copy_context())
        return 1

    def outer():
        cache.get_or_set("inner", inner)
        return kept[0].run(running).key

    assert cache.get_or_set("outer", outer) == "outer" and kept[0].run(running) is None


def test_a_flight_that_has_landed_already():
    flight = landed_with(5)
    assert flight.landed == "value" and flight.outcome() == 5
