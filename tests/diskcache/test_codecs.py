"""Codecs: the standard types, registration, and seals."""

import enum
import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvd
from kvd.diskcache import DecodeError, EncodeError, SafeCodec

ZONES = st.none() | st.sampled_from([timezone.utc, timezone(timedelta(hours=-5, minutes=-30)), timezone(timedelta(seconds=1), "odd"), ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")])
STANDARD = (
    st.datetimes(timezones=ZONES, allow_imaginary=True)
    | st.dates()
    | st.times(timezones=ZONES)
    | st.timedeltas()
    | st.decimals()
    | st.uuids()
)


@given(STANDARD)
def test_standard_types_come_back(value):
    codec = SafeCodec()
    (back,) = codec.loads(codec.dumps([value]))
    assert type(back) is type(value) and repr(back) == repr(value)


def test_zones_and_folds_come_back():
    codec = SafeCodec()
    late = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    back = codec.loads(codec.dumps(late))
    assert back.fold == 1 and back.tzinfo is late.tzinfo and back.utcoffset() == timedelta(hours=1)
    named = codec.loads(codec.dumps(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2), "X"))))
    assert named.tzname() == "X"

    class Zone(tzinfo):
        pass

    with pytest.raises(EncodeError, match="time zone"):
        codec.dumps(datetime(2026, 1, 1, tzinfo=Zone()))


INNER = st.recursive(
    st.none() | st.integers(-1000, 100000) | st.binary(max_size=20) | st.text(max_size=20) | st.sampled_from(["../../etc/passwd", "UTC", b"\0" * 16]),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)


@given(st.sampled_from([":dt", ":d", ":t", ":s", ":n", ":u"]), INNER)
def test_hostile_parts_of_standard_types_give_a_decode_error(name, inner):
    codec = SafeCodec()
    try:
        codec.loads(b"x" + bytes([len(name)]) + name.encode() + codec.dumps([inner])[2:])
    except DecodeError as error:
        assert name in str(error)


@dataclass
class Point:
    x: int
    y: int = 0


@dataclass
class Derived:
    x: int
    double: int = field(init=False, default=0)


class Colour(enum.Enum):
    RED = "r"


def test_types_are_registered_by_name():
    codec = SafeCodec()
    assert codec.register(Point) is Point
    codec.register(Colour, "colour")
    codec.register(complex, "complex", lambda z: (z.real, z.imag), lambda pair: complex(*pair))
    value = {"p": [Point(1, 2)], Colour.RED: 1 + 2j}
    assert codec.loads(codec.dumps(value)) == value
    codec.register(Point)  # again, the same
    for wrong in (lambda: codec.register(int, ":x", str, int), lambda: codec.register(Derived, "colour"), lambda: codec.register(Point, "other"), lambda: codec.register(Point, "")):
        with pytest.raises(ValueError):
            wrong()
    for cls in (Derived, range):
        with pytest.raises(TypeError, match="give both"):
            codec.register(cls)
    with pytest.raises(DecodeError, match="not registered"):
        SafeCodec().loads(codec.dumps(Point(1)))


def test_a_cache_uses_registered_types_in_values_and_keys(cache):
    cache.codec.register(Colour, "colour")
    cache[Colour.RED] = {Colour.RED}
    assert cache[Colour.RED] == {Colour.RED} and list(cache) == [Colour.RED]
    with pytest.raises(TypeError, match="register"):
        cache["p"] = Point(1)


@pytest.mark.parametrize(
    "codec, value, back, refused",
    [
        ("json", {"a": [1, (2, "é\ud800")]}, {"a": [1, [2, "é\ud800"]]}, object()),
        ("pickle", [Point(1), {1: 2}], [Point(1), {1: 2}], None),
        ("raw", bytearray(b"ab"), b"ab", "text"),
        (json, [1], None, object()),
    ],
    ids=str,
)
def test_other_codecs(codec, value, back, refused):
    if codec is json:
        codec, back = type("C", (), {"dumps": staticmethod(json.dumps), "loads": staticmethod(json.loads)}), value
    cache = kvd.DiskCache(codec=codec)
    cache.set(("k", 1), value, tag="t")
    assert cache.get(("k", 1), tag=True) == (back, "t") and list(cache) == [("k", 1)]
    if refused is not None:
        with pytest.raises((TypeError, ValueError)):
            cache["k"] = refused


def test_damaged_json_is_a_decode_error():
    cache = kvd.DiskCache(codec="json")
    cache["a"] = [1]
    for body in (b"[1", b"\xff", b"[" * 100_000):
        cache.store.set(b"Sa", b"\0" * 8 + body)
        with pytest.raises(DecodeError):
            cache["a"]


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("codec", ["pickle", "safe", "json"])
def test_values_without_the_seal_are_refused_before_they_are_decoded(codec):
    import pickle

    cache = kvd.DiskCache(codec=codec, key=b"k" * 32)
    cache["a"], cache["b"] = [1], [2]
    good = cache.store.get(b"Sa")
    for bad in (good[:8] + pickle.dumps(Bomb()), good[:8], good[:20], good[:8] + b"\0" * 32 + pickle.dumps(Bomb()), good[:-1] + bytes([good[-1] ^ 1]), cache.store.get(b"Sb")):
        cache.store.set(b"Sa", bad)
        with pytest.raises(DecodeError, match="not written with this key, or was modified"):
            cache["a"]
    cache.store.set(b"Sa", good)
    assert cache["a"] == [1]
    other = kvd.DiskCache(store=cache.store, codec=codec, key=b"o" * 32)
    with pytest.raises(DecodeError):
        other["a"]


def test_the_safe_codec_never_reads_pickles(cache):
    import pickle

    cache["a"] = 1
    cache.store.set(b"Sa", b"\0" * 8 + pickle.dumps(Bomb()))
    with pytest.raises(DecodeError):
        cache["a"]


def test_numbers_and_ids_are_compact():
    codec = SafeCodec()
    assert len(codec.dumps(UUID(int=5))) == 22 and len(codec.dumps(Decimal("1.5"))) == 9 and len(codec.dumps(date(2026, 1, 1))) == 10
