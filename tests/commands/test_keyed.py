"""What all commands on collections share: another type is an error, an absent key is an empty one, an empty one is no key."""

import pytest

READS = ["LLEN k", "LRANGE k 0 -1", "LINDEX k 0", "LPOS k a", "SCARD k", "SMEMBERS k", "SISMEMBER k a", "HLEN k", "HGET k f", "HGETALL k", "HEXISTS k f", "ZCARD k", "ZSCORE k a", "ZRANGE k 0 -1", "ZCOUNT k 0 1", "XLEN k", "XRANGE k - +", "ZRANK k a", "ZMSCORE k a"]
TAKES = ["LPOP k", "RPOP k", "LREM k 0 a", "LTRIM k 0 0", "SREM k a", "SPOP k", "SMOVE k d a", "HDEL k f", "ZREM k a", "ZPOPMIN k", "ZREMRANGEBYRANK k 0 -1", "XDEL k 1-1", "XTRIM k MAXLEN 0", "LMOVE k d LEFT LEFT"]
MAKES = {"LPUSH k a": "LPOP k", "RPUSH k a": "LTRIM k 1 0", "SADD k a": "SREM k a", "HSET k f v": "HDEL k f", "ZADD k 1 a": "ZREM k a", "HINCRBY k f 1": "HDEL k f", "ZINCRBY k 1 a": "ZPOPMAX k", "HSETNX k f v": "HDEL k f"}


@pytest.mark.parametrize("line", [*READS, *TAKES])
def test_an_absent_key(peer, line):
    assert peer(*line.split()) in (0, None, [], b"OK", [None], set()) and peer("DBSIZE") == 0


@pytest.mark.parametrize("line", [*READS, *TAKES, *MAKES])
def test_a_key_of_another_type(peer, line):
    peer("SET", "k", "v")
    assert str(peer(*line.split())) == "WRONGTYPE Operation against a key holding the wrong kind of value" and peer("GET", "k") == b"v" and peer("EXISTS", "d") == 0


@pytest.mark.parametrize("line", MAKES)
def test_the_first_element_makes_the_key_and_the_last_takes_it_along(peer, line):
    peer(*line.split())
    assert peer("EXISTS", "k") == 1 and peer("EXPIRE", "k", 100) == 1
    peer(*MAKES[line].split())
    assert peer("EXISTS", "k") == 0
    peer(*line.split())
    assert peer("TTL", "k") == -1                            # nothing is left of the old one's deadline


@pytest.mark.parametrize("line", ["HINCRBY k f x", "ZADD k x a", "ZADD k XX 1 a", "LPUSHX k a", "HINCRBYFLOAT k f x", "ZINCRBY k x a", "HSET k f", "ZADD k GT LT 1 a", "XADD k x f v", "XADD k NOMKSTREAM * f v", "SMOVE none k a"])
def test_what_adds_nothing_makes_no_key(peer, line):
    peer(*line.split())
    assert peer("EXISTS", "k") == 0
