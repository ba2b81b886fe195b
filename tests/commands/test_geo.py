"""The edges of the map."""

import pytest

CORNERS = ["180 0", "-180 0", "180 85.05", "-180 -85.05", "0 85.05112878", "0 -85.05112878", "180 10", "179.9999 10"]


@pytest.mark.parametrize("place", CORNERS)
@pytest.mark.parametrize("shape", ["BYRADIUS 10 km", "BYBOX 20 20 km", "BYRADIUS 1 m"])
def test_a_place_at_the_edge_is_found_around_itself(peer, place, shape):
    if shape == "BYRADIUS 1 m" and "180" in place and peer.version < (8, 0):
        pytest.skip("older servers search other cells")
    assert peer("GEOADD", "g", *place.split(), "n") == 1
    assert peer("GEOSEARCH", "g", "FROMLONLAT", *place.split(), *shape.split()) == [b"n"]
    assert peer("GEOSEARCH", "g", "FROMMEMBER", "n", *shape.split()) == [b"n"]


def test_places_beyond_the_map_are_refused(peer):
    for place in ("180.0001 0", "-181 0", "0 85.06", "0 -86", "nan 0", "inf 0"):
        assert isinstance(peer("GEOADD", "g", *place.split(), "n"), Exception), place
    assert peer("EXISTS", "g") == 0


def test_a_member_that_there_is_not(peer):
    peer("GEOADD", "g", 1, 1, "a")
    assert isinstance(peer("GEOSEARCH", "g", "FROMMEMBER", "none", "BYRADIUS", 1, "m"), Exception)
    assert peer("GEODIST", "g", "a", "none") is None and peer("GEOPOS", "g", "none") == [None] and peer("GEOHASH", "g", "none") == [None]
