"""The safe codec: what it writes, and that it survives whatever it reads."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvd.doors.codec import Codec, DecodeError, EncodeError, body_of, frame, has_tag, stamp_of, tag_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.text()
    | st.text(st.characters())
    | st.binary()
)
HASHABLE = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3), max_leaves=6)
VALUES = st.recursive(
    SCALARS | st.binary().map(bytearray),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(HASHABLE, inner)
        | st.sets(HASHABLE)
        | st.frozensets(HASHABLE)
    ),
    max_leaves=20,
)


def same(a, b):
    """Equal, of the same types, and nan equals nan."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or math.isnan(a) and math.isnan(b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (set, frozenset)):
        return sorted(map(Codec().dumps, a)) == sorted(map(Codec().dumps, b))
    return a == b


@given(VALUES)
def test_values_come_back_with_their_types(value):
    codec = Codec()
    data = codec.dumps(value)
    assert same(codec.loads(data), value)
    assert codec.dumps(codec.loads(data)) == data


@pytest.mark.parametrize("number", [n + d for n in (0, 2**7, 2**15, 2**31, 2**63, 2**64, 10**100) for d in (-1, 0, 1)])
def test_ints_of_any_size_come_back(number):
    codec = Codec()
    for value in (number, -number, [number], {-number: number}):
        assert codec.loads(codec.dumps(value)) == value


def test_small_values_are_compact():
    codec = Codec()
    assert codec.dumps("abc") == b"Sabc" and codec.dumps(b"abc") == b"Babc" and codec.dumps(5) == b"I\5"
    assert codec.dumps([1, "a", None]) == b"l\3i\1\1s\1aN"
    assert codec.dumps({2, 1}) == b"e\2i\1\1i\1\2"


@given(st.binary() | st.lists(st.sampled_from([b"stldezxfibaNTFSBI"[i : i + 1] for i in range(17)] + [b"\0", b"\1", b"\2", b"\xff"])).map(b"".join))
def test_any_bytes_give_a_value_or_a_decode_error(data):
    codec = Codec()
    for read in (codec.loads, codec.unpack, tag_of, body_of, stamp_of):
        try:
            value = read(data)
        except DecodeError as error:
            assert "byte" in str(error) or "short" in str(error)
        else:
            if read == codec.loads:
                codec.dumps(value)


@given(VALUES, st.data())
def test_damaged_values_give_a_value_or_a_decode_error(value, choose):
    codec = Codec()
    data = bytearray(codec.dumps([value]))
    for _ in range(choose.draw(st.integers(1, 4))):
        data[choose.draw(st.integers(0, len(data) - 1))] = choose.draw(st.integers(0, 255))
    try:
        codec.loads(bytes(data[: choose.draw(st.integers(1, len(data)))]))
    except DecodeError:
        pass


@pytest.mark.parametrize(
    "data, why",
    [
        (b"", "missing"),
        (b"l\xff\xff\xff\xff\x0f", "a length of 4294967295, and 0 bytes are left"),
        (b"d\5s\1aN", "a length of 5"),
        (b"l\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "without an end"),
        (b"s\5ab", "a length of 5, and 2 bytes are left"),
        (b"S\xff", "not UTF-8"),
        (b"f123", "8 bytes"),
        (b"NN", "1 bytes follow"),
        (b"d\1l\0N", "not hashable"),
        (b"e\1l\0", "not hashable"),
        (b"e\2NN", "twice"),
        (b"d\2NNNN", "twice"),
        (b"x\1qN", "not registered"),
        (b"?", "unknown type 63 at byte 0"),
        (b"l\1" * 101 + b"N", "deeper"),
    ],
)
def test_errors_say_what_is_wrong(data, why):
    with pytest.raises(DecodeError, match=why):
        Codec().loads(data)


def test_what_cannot_be_encoded_is_refused_with_the_reason():
    codec = Codec()
    ring = []
    ring.append({"a": (ring,)})
    with pytest.raises(EncodeError, match="contains itself"):
        codec.dumps(ring)
    deep = None
    for _ in range(100):
        deep = [deep]
    codec.loads(codec.dumps(deep))
    with pytest.raises(EncodeError, match="deeper than 100 levels"):
        codec.dumps([deep])
    for value in (object(), type("Text", (str,), {})("a"), type("Number", (int,), {})(1), range(3), 1j):
        with pytest.raises(EncodeError, match="register the type"):
            codec.dumps([value])


def test_values_that_share_parts_stop_at_the_largest_size():
    value = "x" * 1000
    for _ in range(60):
        value = [value, value]
    with pytest.raises(EncodeError, match="larger than"):
        Codec().dumps(value)


def test_registered_types_come_back_and_their_errors_are_wrapped():
    codec = Codec()
    codec._add(complex, b"c", lambda z: (z.real, z.imag), lambda pair: complex(*pair))
    assert codec.loads(codec.dumps({1j: [2 + 1j]})) == {1j: [2 + 1j]}
    assert codec._registered() == {complex: "c"}
    with pytest.raises(DecodeError, match="a c that cannot be made"):
        codec.loads(b"x\1cN")


def test_a_list_that_changes_while_it_is_encoded_is_refused():
    codec = Codec()
    values = []
    codec._add(complex, b"c", lambda z: values.append(1), lambda v: v)
    values += [1j, 2]
    with pytest.raises(RuntimeError, match="changed size"):
        codec.dumps(values)


def test_names_of_keys_tell_types_apart_and_ignore_the_order_of_sets():
    name = Codec().name
    assert len({name(key) for key in (1, 1.0, True, "1", b"1", (1,), (1.0,))}) == 7
    assert name(0.0) == name(-0.0) and name(frozenset("abc")) == name(frozenset("cba"))
    with pytest.raises(TypeError, match="unhashable"):
        name([1])


@given(VALUES, st.integers(0, 2**63 - 1), st.none() | st.binary())
def test_entries_hold_stamp_tag_and_value(value, stamp, tag):
    codec = Codec()
    entry = codec.pack(value, stamp, tag)
    assert entry == frame(codec.dumps(value), stamp, tag)
    assert stamp_of(entry) == stamp and tag_of(entry) == tag and body_of(entry) == codec.dumps(value)
    assert same(codec.unpack(entry), value)
    assert tag is None or has_tag(entry, tag)
    assert not has_tag(entry, b"another")
