"""From words to a reply: queueing, CLIENT REPLY, units."""

import pytest

import kvd

from ..compat.wire import Wire


def test_what_runs_at_once_between_multi_and_exec(peer):
    wire = peer.open()
    wire("MULTI")
    assert wire("SET", "k", 1) == b"QUEUED" and isinstance(wire("MULTI"), Exception)
    assert wire("DISCARD") == b"OK" and wire("GET", "k") is None


def test_queued_words_are_copied(peer):
    wire = peer.open()
    wire.send(b"".join(Wire.frame(words) for words in [("MULTI",), *[("SET", f"k{i}", "v" * i) for i in range(300)], ("EXEC",)]))
    assert wire.read() == b"OK" and [wire.read() for _ in range(300)] == [b"QUEUED"] * 300 and wire.read() == [b"OK"] * 300
    assert peer("STRLEN", "k299") == 299


def test_errors_at_run_time_do_not_stop_a_transaction(peer):
    peer("SET", "s", "text")
    wire = peer.open()
    for line in ("MULTI", "INCR s", "SET a 1", "LPUSH s x", "EXEC"):
        reply = wire(*line.split())
    assert [isinstance(one, Exception) for one in reply] == [True, False, True] and peer("GET", "a") == b"1"


def test_reply_skip_is_for_one_command(peer):
    wire = peer.open()
    wire.send(b"".join(Wire.frame(line.split()) for line in ("CLIENT REPLY SKIP", "SET a 1", "GET a", "CLIENT REPLY SKIP", "NOSUCH", "GET a")))
    assert [wire.read(), wire.read()] == [b"1", b"1"]


def test_reply_off_hides_everything_until_on(peer):
    wire = peer.open()
    wire.send(b"".join(Wire.frame(line.split()) for line in ("CLIENT REPLY OFF", "SET a 2", "MULTI", "GET a", "EXEC", "NOSUCH", "CLIENT REPLY ON", "GET a")))
    assert [wire.read(), wire.read()] == [b"OK", b"2"]


@pytest.mark.parametrize("words", [(b"",), (b"\x00",), (b"get\x00", b"k"), (b"x" * 10_000,), (b"CONFIG", b""), (b"CONFIG", b"x" * 10_000)])
def test_odd_names(peer, words):
    reply = peer(*words)
    assert str(reply).startswith("ERR unknown") and len(str(reply)) < 500


def test_names_of_any_case(store):
    assert store.execute("sEt", "k", "v") == b"OK" and store.execute(b"GeT", "k") == b"v" and store.execute("cOnFiG", "GEt", "HZ") == {b"hz": b"10"}


def test_a_command_in_a_command(store):
    """A script that calls EVAL is refused; the session can be used afterwards."""
    with pytest.raises(kvd.ResponseError, match="not allowed from script"):
        store.eval("return redis.call('eval', 'return 1', 0)", 0)
    assert store.ping()
