"""Geohashes: known ones, and that a cover leaves nothing out."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kvd.core import _probe_packed as probe

LON = st.floats(-179.9, 179.9)   # at 180 itself the last step rounds up, as in Redis
LAT = st.floats(-85.05, 85.05)


@pytest.mark.parametrize(
    ("lon", "lat", "hash", "text"),
    [(13.361389, 38.115556, 3479099956230698, b"sqc8b49rny0"), (15.087269, 37.502669, 3479447370796909, b"sqdtr74hyu0"), (0, 0, 3377699720527872, b"s0000000000")],
)
def test_documented_places(lon, lat, hash, text):
    assert probe.geohash(lon, lat)[0] == hash
    place = probe.geo_place(hash)
    assert probe.geohash(*place)[1] == text


def test_documented_distance():
    assert abs(probe.distance(13.361389, 38.115556, 15.087269, 37.502669) - 166274.15) < 1


@given(LON, LAT)
def test_a_place_is_close_to_its_area(lon, lat):
    x, y = probe.geo_place(probe.geohash(lon, lat)[0])
    assert abs(x - lon) <= 360 / 2**26 and abs(y - lat) <= 171 / 2**26


@given(LON, st.floats(-75, 75), st.floats(1, 1_000_000), st.floats(0, 2 * math.pi), st.floats(0, 1))
@settings(max_examples=500, deadline=None)
def test_what_is_within_a_circle_is_in_its_cover(lon, lat, radius, angle, share):
    d = radius * share / 6372797.560856
    y = lat + math.degrees(d * math.cos(angle))
    x = lon + math.degrees(d * math.sin(angle) / math.cos(math.radians(lat)))
    assume(-180 < x < 180 and -85 < y < 85)
    if probe.within(lon, lat, x, y, radius):
        hash = probe.geohash(x, y)[0]
        assert any(low <= hash < high for low, high in probe.cover(lon, lat, radius))


@given(LON, st.floats(-75, 75), st.floats(10, 500_000), st.floats(10, 500_000), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
@settings(max_examples=500, deadline=None)
def test_what_is_within_a_box_is_in_its_cover(lon, lat, width, height, right, up):
    y = lat + math.degrees(height * up / 6372797.560856)
    x = lon + math.degrees(width * right / 6372797.560856 / math.cos(math.radians(y)))
    assume(-180 < x < 180 and -85 < y < 85)
    if probe.within(lon, lat, x, y, width=width, height=height):
        hash = probe.geohash(x, y)[0]
        assert any(low <= hash < high for low, high in probe.cover(lon, lat, width=width, height=height))
