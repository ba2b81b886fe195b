"""GEOSEARCH BYPOLYGON beside Valkey 9, and HSETEX with a condition on the key."""

import random

import pytest

import kvd

from ..conftest import REAL
from .wire import RealServer, Wire


@pytest.fixture(params=REAL, scope="module")
def both(request):
    real = RealServer(request.param)
    if not real.valkey or real.release < (9, 0):
        real.stop()
        pytest.skip("it does not know polygons")
    with kvd.Store(emulate="valkey-9.1").serve() as server:          # for its digits of coordinates
        theirs, ours = Wire(real.address), Wire(("127.0.0.1", server.port))

        def run(*words):
            a, b = theirs(*words), ours(*words)
            assert str(a) == str(b) or (isinstance(a, Exception) and isinstance(b, Exception)), words
            return a

        run.real = real
        yield run
    real.stop()


def test_polygons(both):
    """Of the size of a continent: Valkey does not find all of what is in larger ones."""
    dice = random.Random(3)
    for i in range(300):
        both("GEOADD", "g", round(dice.uniform(-20, 40), 4), round(dice.uniform(0, 50), 4), f"m{i}")
    for _ in range(300):
        n = dice.choice((3, 4, 5, 8))
        corners = [x for _ in range(n) for x in (dice.uniform(-20, 40), dice.uniform(0, 50))]
        options = dice.choice((("ASC",), ("DESC", "COUNT", 3), ("ASC", "WITHDIST"), ("ASC", "WITHCOORD", "WITHHASH")))
        both("GEOSEARCH", "g", "BYPOLYGON", n, *corners, *options)
        both("GEOSEARCHSTORE", "to", "g", "BYPOLYGON", n, *corners, "STOREDIST")
        both("ZRANGE", "to", 0, -1, "WITHSCORES")


@pytest.mark.parametrize("words", [
    "BYPOLYGON 2 10 20 30 40", "BYPOLYGON 3 10 20 30 40", "BYPOLYGON x 10 20 30 40", "BYPOLYGON 3 10 20 30 40 15 200", "BYPOLYGON 3 10 20 30 20 15 40 km", "BYPOLYGON -3 10 20 30 40",
    "BYPOLYGON 9223372036854775807 10 20 30 40", "FROMLONLAT 1 1 BYPOLYGON 3 10 20 30 20 15 40", "BYRADIUS 1 km BYPOLYGON 3 10 20 30 20 15 40", "BYPOLYGON 3 10 20 30 20 15 40 BYRADIUS 1 km",
    "BYPOLYGON 3 10 20 30 20 15 40 FROMMEMBER a", "BYPOLYGON 3 10 20 30 20 15 40 BYPOLYGON 3 1 1 2 2 3 1 ASC", "BYPOLYGON 0", "BYPOLYGON",
])  # fmt: skip
def test_wrong_forms(both, words):
    both("GEOADD", "w", 20, 25, "a", 2, 1.5, "b")
    both("GEOSEARCH", "w", *words.split())


def test_conditions_on_the_key(both):
    if both.real.release < (9, 1):
        pytest.skip("it does not know them")
    for words in ("XX FIELDS 1 a b", "NX FIELDS 1 a b", "NX FIELDS 1 a b", "NX XX FIELDS 1 a b", "XX FXX EX 100 FIELDS 1 a b", "FXX XX FIELDS 1 zz b", "XX XX FNX FIELDS 1 c d", "NX KEEPTTL FIELDS 1 e f"):
        both("HSETEX", "h", *words.split())
        both("HGET", "h", "a")
