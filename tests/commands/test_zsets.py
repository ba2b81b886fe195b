"""Scores: how they are read and printed, and the bounds of ranges."""

import pytest

WHOLE = {  # a score as it is given -> as Redis 8 and Valkey 9 print it
    "1776900000123456789": "1776900000123456768", "1e17": "100000000000000000", "9007199254740993": "9007199254740992", "1e15": "1000000000000000",
    "4611686018427387904": "4611686018427387904", "-4611686018427387904": "-4611686018427387904", "4611686018427386880": "4611686018427386880",
    "9223372036854775807": "9223372036854776000", "1e18": "1000000000000000000", "1e19": "1e+19", "1e21": "1e+21", "-1e17": "-100000000000000000",
    "4503599627370497.5": "4503599627370498",
}  # fmt: skip
ALIKE = {  # by all versions
    "0": "0", "4.9e-324": "5e-324", "1e-323": "1e-323", "2e-310": "2e-310", "0.1": "0.1", "3.0": "3", "1e-7": "1e-7", "inf": "inf", "-inf": "-inf",
    "+infinity": "inf", ".5": "0.5", "5.": "5", "+5": "5", "1.5e300": "1.5e+300", "1": "1", "-7.25": "-7.25",
}  # fmt: skip
NONE = ["nan", "1e", "e1", "--5", "1_000", "1 ", "0x", "inf1", "1e400e"]
HEX = ["0x1", "(0x2", "0x1p-1074"]


def printed(peer, score):
    peer("DEL", "z", "y")
    peer("ZADD", "z", score, "m")
    peer("ZINCRBY", "y", score, "m")
    return {
        "ZSCORE": peer("ZSCORE", "z", "m"), "ZMSCORE": peer("ZMSCORE", "z", "m")[0], "ZRANGE": peer("ZRANGE", "z", 0, -1, "WITHSCORES")[1],
        "ZINCRBY": peer("ZINCRBY", "z", 0, "m"), "from 0": peer("ZSCORE", "y", "m"), "ZADD INCR": peer("ZADD", "z", "INCR", 0, "m"),
        "ZPOPMIN": peer("ZPOPMIN", "z")[1], "ZUNION": peer("ZUNION", 1, "y", "WITHSCORES")[1], "ZMPOP": peer("ZMPOP", 1, "y", "MIN")[1][0][1],
    }  # fmt: skip


@pytest.mark.parametrize("encoding", [128, 0])
@pytest.mark.parametrize("score", [*WHOLE, *ALIKE])
def test_scores_are_printed_alike_everywhere(peer, score, encoding):
    if peer.version < (7, 4):
        pytest.skip("Redis 7.0 prints 17 digits, and reads no subnormal numbers")
    peer("CONFIG", "SET", "zset-max-listpack-entries", encoding)
    found = printed(peer, score)
    peer("CONFIG", "SET", "zset-max-listpack-entries", 128)
    assert set(found.values()) == {({**WHOLE, **ALIKE})[score].encode()}, found


def test_negative_zero_in_either_encoding(peer):
    for entries, printed in ((128, b"0"), (0, b"-0")):
        peer("CONFIG", "SET", "zset-max-listpack-entries", entries)
        peer("DEL", "z")
        peer("ZADD", "z", "-0", "m", 0, "n")
        assert peer("ZSCORE", "z", "m") == printed
        assert peer("ZRANGEBYSCORE", "z", "-0", "0", "WITHSCORES") in ([b"m", b"0", b"n", b"0"], [b"m", b"-0", b"n", b"0"])
        assert peer("ZCOUNT", "z", "0", "-0") == 2
    peer("CONFIG", "SET", "zset-max-listpack-entries", 128)


@pytest.mark.parametrize("score", NONE)
def test_what_is_no_score(peer, score):
    for words in (("ZADD", "z", score, "m"), ("ZINCRBY", "z", score, "m"), ("ZRANGEBYSCORE", "z", score, "1"), ("ZRANGE", "z", "0", score, "BYSCORE"), ("ZADD", "z", "1", "a", score, "b")):
        assert "not a" in str(peer(*words)), words
    assert peer("EXISTS", "z") == 0


@pytest.mark.parametrize("digits", ["0." + "0" * 240 + "1", "1" + "0" * 250])
def test_numbers_of_many_digits(peer, digits):
    assert peer("ZADD", "z", digits, "m") == 1 and float(peer("ZSCORE", "z", "m")) == float(digits)


@pytest.mark.parametrize("digits", ["1" + "0" * 255, "0." + "0" * 260 + "1", "9" * 300])
def test_numbers_of_256_digits_or_more(peer, digits):
    if peer.version < (8, 0):
        pytest.skip("read in other ways before")
    assert peer("ZADD", "z", digits, "m") == 1 and float(peer("ZSCORE", "z", "m")) == float(digits)
    assert peer("INCRBYFLOAT", "f", digits[:250])


@pytest.mark.parametrize("bound", ["(1", "(-inf", "(+inf", "inf", "-inf", "1e3", ".5", "-0", "-1e400", "1e-400", "(1e400"])
def test_bounds_of_ranges(peer, bound):
    peer("ZADD", "z", 1, "a", 2, "b", "inf", "c", "-inf", "d")
    is_open, value = bound.startswith("("), float(bound.lstrip("("))
    scores = {"d": float("-inf"), "a": 1.0, "b": 2.0, "c": float("inf")}
    above = [m.encode() for m, s in scores.items() if s > value or (s == value and not is_open)]
    below = [m.encode() for m, s in scores.items() if s < value or (s == value and not is_open)]
    assert peer("ZRANGEBYSCORE", "z", bound, "+inf") == above and peer("ZRANGE", "z", "-inf", bound, "BYSCORE") == below
    assert peer("ZCOUNT", "z", bound, "+inf") == len(above)


@pytest.mark.parametrize("bound", HEX)
def test_bounds_are_decimal(peer, bound):
    """So in Redis 8 and Valkey 9, which read numbers with functions of their own."""
    if peer.version < (8, 0) or peer.version == (8, 9):
        pytest.skip("older servers use strtod")
    assert str(peer("ZRANGEBYSCORE", "z", bound, "+inf")) == "ERR min or max is not a float"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("ZRANGE k 1 2 BYSCORE BYLEX", "syntax"), ("ZRANGE k 1 2 BYLEX BYSCORE", "syntax"), ("ZRANGE k 1 2 LIMIT 0 1", "LIMIT is only supported"),
        ("ZRANGE k - + BYLEX WITHSCORES", "WITHSCORES not supported"), ("ZRANGE k a b BYSCORE", "min or max"), ("ZRANGE k a b BYLEX", "min or max"), ("ZRANGE k a b", "not an integer"),
        ("ZADD k NX XX 1 a", "not compatible"), ("ZADD k GT LT 1 a", "not compatible"), ("ZADD k INCR 1 a 2 b", "INCR option supports a single"), ("ZADD k 1 a 2", "syntax"),
        ("ZINCRBY k inf m", "ok"), ("ZRANGESTORE d k 1 2 BYSCORE BYLEX", "syntax"), ("ZUNION 2 a b WEIGHTS 1", "syntax"), ("ZUNION 1 a WEIGHTS x", "weight value is not a float"),
    ],
)  # fmt: skip
def test_errors(peer, line, error):
    reply = str(peer(*line.split()))
    assert error in reply if error != "ok" else "inf" in reply, reply


def test_infinities_of_both_signs_have_no_sum(peer):
    peer("ZADD", "z", "inf", "m")
    assert "resulting score is not a number" in str(peer("ZINCRBY", "z", "-inf", "m")) and peer("ZSCORE", "z", "m") == b"inf"
    peer("ZADD", "y", "-inf", "m")
    assert peer("ZUNION", 2, "z", "y", "WITHSCORES") == [b"m", b"0"]
