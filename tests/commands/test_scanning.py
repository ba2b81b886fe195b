"""HSCAN, SSCAN and ZSCAN: every element at least once, also while others come and go; patterns; cursors."""

import pytest

FILL = {"SSCAN": lambda name, i: ("SADD", "k", name), "HSCAN": lambda name, i: ("HSET", "k", name, i), "ZSCAN": lambda name, i: ("ZADD", "k", i, name)}
WIDTH = {"SSCAN": 1, "HSCAN": 2, "ZSCAN": 2}


@pytest.fixture(params=FILL)
def command(request):
    return request.param


def fill(peer, command, n, begin=0):
    for i in range(begin, n):
        peer(*FILL[command](f"e{i}", i))


def scan(peer, command, *options, between=lambda: None):
    cursor, found = b"0", []
    while True:
        cursor, part = peer(command, "k", cursor, *options)
        found += part
        if cursor == b"0":
            return found
        between()


@pytest.mark.parametrize("n", [1, 20, 2000])
def test_everything_is_found(peer, command, n):
    fill(peer, command, n)
    found = scan(peer, command)
    pairs = list(zip(found[::2], found[1::2], strict=True)) if WIDTH[command] == 2 else [(name, None) for name in found]
    assert {name for name, _ in pairs} == {b"e%d" % i for i in range(n)} and all(value is None or b"e" + value == name for name, value in pairs)


def test_a_packed_value_comes_at_once(peer, command):
    if command == "SSCAN" and peer.version < (7, 2):
        pytest.skip("it has no packed sets")
    fill(peer, command, 50)
    cursor, found = peer(command, "k", 0, "COUNT", 1)
    assert cursor == b"0" and len(found) == 50 * WIDTH[command]


def test_count_is_about_what_comes(peer, command):
    fill(peer, command, 3000)
    for count in (1, 10, 100, 1000):
        cursor, found = peer(command, "k", 0, "COUNT", count)
        assert cursor != b"0" and len(found) // WIDTH[command] <= count * 3 + 30
    assert len(peer(command, "k", 0, "COUNT", 1_000_000)[1]) == 3000 * WIDTH[command]


def test_what_is_there_all_the_time_is_found_while_others_come_and_go(peer, command):
    """Tables grow and shrink meanwhile."""
    fill(peer, command, 1000)
    at = [1000]

    def change():
        if at[0] < 6000:
            fill(peer, command, at[0] + 500, at[0])
            at[0] += 500
        else:
            peer({"SSCAN": "SREM", "HSCAN": "HDEL", "ZSCAN": "ZREM"}[command], "k", *[f"e{i}" for i in range(1000, 6000)])

    found = set(scan(peer, command, "COUNT", 50, between=change)[:: WIDTH[command]])
    assert {b"e%d" % i for i in range(1000)} <= found


def test_patterns(peer, command):
    fill(peer, command, 500)
    assert set(scan(peer, command, "MATCH", "e1?")[:: WIDTH[command]]) == {b"e1%d" % i for i in range(10)} and scan(peer, command, "MATCH", "x*", "COUNT", 100) == []


@pytest.mark.parametrize(("options", "error"), [
    ("x", "ERR invalid cursor"), ("-1", "ERR invalid cursor"), ("18446744073709551616", "ERR invalid cursor"), ("0 COUNT 0", "ERR syntax error"), ("0 COUNT", "ERR syntax error"), ("0 COUNT x", "ERR value is not an integer or out of range"), ("0 LIKE x", "ERR syntax error"),
])  # fmt: skip
def test_wrong_forms(peer, command, options, error):
    if options == "-1" and peer.version < (7, 2):
        pytest.skip("it takes a negative cursor")
    fill(peer, command, 5)
    assert str(peer(command, "k", *options.split())) == error


def test_a_key_that_is_not_there_and_one_of_another_type(peer, command):
    peer("SET", "text", "v")
    assert peer(command, "none", 0) == [b"0", []] and str(peer(command, "text", 0)).startswith("WRONGTYPE")


def test_members_without_scores(peer):
    if "noscores" not in repr(peer("COMMAND", "DOCS", "zscan")).lower():
        pytest.skip("it does not know NOSCORES")
    peer("ZADD", "k", 1, "a", 2, "b")
    assert sorted(peer("ZSCAN", "k", 0, "NOSCORES")[1]) == [b"a", b"b"] and sorted(peer("ZSCAN", "k", 0, "COUNT", 100, "NOSCORES", "MATCH", "a")[1]) == [b"a"]
    assert str(peer("SCAN", 0, "NOSCORES")) == "ERR NOSCORES option can only be used in ZSCAN"
    assert str(peer("SCAN", 0, "NOVALUES")) == "ERR NOVALUES option can only be used in HSCAN" == str(peer("ZSCAN", "k", 0, "NOVALUES"))


def test_fields_without_values(peer):
    if peer("COMMAND", "INFO", "hexpire") == [None]:
        pytest.skip("it does not know NOVALUES")
    peer("HSET", "k", "f", "v", "g", "w")
    assert sorted(peer("HSCAN", "k", 0, "NOVALUES")[1]) == [b"f", b"g"] and isinstance(peer("SSCAN", "k", 0, "NOVALUES"), Exception)
