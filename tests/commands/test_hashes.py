"""Hashes: fields and values in every encoding, numbers in fields, and the key that goes with the last field."""

import pytest

KINDS = {"packed": {f"f{i}": f"v{i}" for i in range(5)}, "long": {"f": "v" * 100, "g" * 100: "", "": "w"}, "many": {f"f{i}": i for i in range(600)}}


@pytest.fixture(params=KINDS)
def filled(peer, request):
    pairs = {k.encode(): str(v).encode() for k, v in KINDS[request.param].items()}
    assert peer("HSET", "h", *[word for pair in pairs.items() for word in pair]) == len(pairs)
    return peer, pairs


def flat(pairs):
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def test_what_was_set_is_there(filled):
    peer, pairs = filled
    assert flat(peer("HGETALL", "h")) == pairs and dict(zip(peer("HKEYS", "h"), peer("HVALS", "h"), strict=True)) == pairs
    first = next(iter(pairs))
    assert peer("HMGET", "h", first, "none", first) == [pairs[first], None, pairs[first]] and peer("HLEN", "h") == len(pairs)
    assert (peer("HSTRLEN", "h", first), peer("HSTRLEN", "h", "none"), peer("HEXISTS", "h", first), peer("HEXISTS", "h", "none")) == (len(pairs[first]), 0, 1, 0)


def test_new_fields_are_counted_and_old_ones_replaced(filled):
    peer, pairs = filled
    first = next(iter(pairs))
    assert peer("HSET", "h", first, "n", "new", "m", "new", "o") == 1 and peer("HMGET", "h", first, "new") == [b"n", b"o"]
    assert peer("HSETNX", "h", first, "no") == 0 and peer("HSETNX", "h", "newer", "yes") == 1 and peer("HGET", "h", first) == b"n"
    assert peer("HMSET", "h", first, "back") == b"OK" and peer("HGET", "h", first) == b"back" and peer("HLEN", "h") == len(pairs) + 2


def test_the_last_field_takes_the_key_along(filled):
    peer, pairs = filled
    assert peer("HDEL", "h", "none", *pairs, *list(pairs)[:1]) == len(pairs) and peer("EXISTS", "h") == 0 and peer("HDEL", "h", "f") == 0


def test_numbers_in_fields(peer):
    assert peer("HINCRBY", "h", "n", 5) == 5 and peer("HINCRBY", "h", "n", -7) == -2 and peer("HINCRBYFLOAT", "h", "n", "0.5") == b"-1.5"
    assert str(peer("HINCRBY", "h", "n", 1)) == "ERR hash value is not an integer" and peer("HINCRBYFLOAT", "h", "m", "1e3") == b"1000"
    peer("HSET", "h", "top", 9223372036854775807, "word", "x")
    assert str(peer("HINCRBY", "h", "top", 1)) == "ERR increment or decrement would overflow" and str(peer("HINCRBYFLOAT", "h", "word", 1)) == "ERR hash value is not a float"
    assert str(peer("HINCRBYFLOAT", "h", "m", "inf")).startswith("ERR value is NaN or Infinity") and peer("HMGET", "h", "top", "m") == [b"9223372036854775807", b"1000"]


def test_random_fields(filled):
    peer, pairs = filled
    some = flat(peer("HRANDFIELD", "h", 3, "WITHVALUES"))
    assert len(some) == 3 and all(pairs[k] == v for k, v in some.items())
    assert sorted(peer("HRANDFIELD", "h", 1000)) == sorted(pairs)
    again = peer("HRANDFIELD", "h", -500)
    assert len(again) == 500 and set(again) <= set(pairs) and len(set(again)) > 1
    assert peer("HRANDFIELD", "none") is None and peer("HRANDFIELD", "none", 2) == [] == peer("HRANDFIELD", "h", 0)


def test_pairs_of_random_fields_are_nested_in_resp3(peer):
    wire = peer.open(3)
    wire("HSET", "h", "f", "v")
    assert wire("HRANDFIELD", "h", 1, "WITHVALUES") == [[b"f", b"v"]] and wire("HGETALL", "h") == {b"f": b"v"}


@pytest.mark.parametrize("line", ["HSET h f", "HSET h f v g", "HMSET h f", "HINCRBY h f x", "HINCRBYFLOAT h f x", "HRANDFIELD h x", "HRANDFIELD h 1 VALUES", "HRANDFIELD h -9223372036854775808 WITHVALUES"])
def test_wrong_forms_change_nothing(peer, line):
    peer("HSET", "h", "f", 1)
    assert isinstance(peer(*line.split()), Exception) and peer("HGETALL", "h") == [b"f", b"1"]
