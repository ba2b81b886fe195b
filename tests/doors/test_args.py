"""Arguments of commands: what is taken as it is, and what is refused."""

import pytest

TAKEN = [("a", b"a"), (b"a", b"a"), ("ü", "ü".encode()), (5, b"5"), (-(2**63), b"-9223372036854775808"), (2**70, str(2**70).encode()), (1.5, b"1.5"), (1e300, b"1e+300"), (float("inf"), b"inf"), (bytearray(b"x"), b"x"), (memoryview(b"xyz")[1:], b"yz"), ("", b""), (b"\x00\xff", b"\x00\xff")]  # fmt: skip
REFUSED = [None, True, False, [], {}, (), object(), 1j, {"a"}, "\ud800"]


@pytest.mark.parametrize(("value", "held"), TAKEN, ids=repr)
def test_taken(store, value, held):
    store.execute("SET", "k", value)
    assert store.execute("GET", "k") == held
    store.execute("SET", value, "v") if held else None
    assert not held or store.execute("EXISTS", held) == 1


@pytest.mark.parametrize("value", REFUSED, ids=repr)
def test_refused(store, value):
    for words in (("SET", "k", value), ("SET", value, "v"), (value,)):
        with pytest.raises((TypeError, ValueError)):
            store.execute(*words)
    assert store.dbsize() == 0 and store.execute("PING") == b"PONG"


def test_many_arguments(store):
    words = [f"{i}" for i in range(200_000)]
    assert store.execute("RPUSH", "l", *words) == 200_000 and store.execute("LINDEX", "l", -1) == b"199999"


def test_a_view_of_every_second_byte(store):
    store.execute("SET", "k", memoryview(b"abcdef")[::2])
    assert store.get("k") == b"ace"
