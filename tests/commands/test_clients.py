"""CLIENT LIST and CLIENT KILL: the filters, alone and together, and what they refuse."""

import re

import pytest

from ..compat.wire import Wire


def ident(wire):
    return wire("CLIENT", "ID")


@pytest.fixture
def filtering(peer):
    """Servers that have all filters: Valkey 9 and kvd."""
    if isinstance(peer("CLIENT", "LIST", "NOT-ID", 1), Exception):
        pytest.skip("it has ID and TYPE only")
    return peer


def listed(peer, *words):
    """The numbers of the clients that are listed, in order."""
    reply = peer("CLIENT", "LIST", *words)
    assert not isinstance(reply, Exception), reply
    return [int(re.match(r"id=(\d+) ", line)[1]) for line in reply.decode().splitlines()]


@pytest.fixture
def three(filtering):
    """Three clients: one with a name and a library, one in another database, which is not touched, one that listens."""
    named, elsewhere, listener = (filtering.open() for _ in range(3))
    named("CLIENT", "SETNAME", "Fred")
    named("CLIENT", "SETINFO", "LIB-NAME", "lib")
    named("CLIENT", "SETINFO", "LIB-VER", "1.2")
    elsewhere("SELECT", 3)
    elsewhere("CLIENT", "NO-TOUCH", "ON")
    elsewhere("CLIENT", "CAPA", "redirect", "other")
    numbers = [ident(named), ident(elsewhere), ident(listener)]
    listener("SUBSCRIBE", "c")
    return numbers


CASES = [  # filter, value, those of the three for which it holds
    ("NAME", "Fred", [0]), ("NAME", "fred", []), ("NAME", "", []), ("LIB-NAME", "lib", [0]), ("LIB-NAME", "", []), ("LIB-VER", "1.2", [0]), ("LIB-VER", "1", []),
    ("DB", "3", [1]), ("DB", "0", [0, 2]), ("DB", "15", []), ("FLAGS", "T", [1]), ("FLAGS", "P", [2]), ("FLAGS", "PT", []), ("FLAGS", "TT", [1]), ("FLAGS", "A", []), ("FLAGS", "", [0, 1, 2]),
    ("CAPA", "r", [1]), ("CAPA", "rr", [1]), ("CAPA", "", [0, 1, 2]), ("USER", "default", [0, 1, 2]), ("TYPE", "pubsub", [2]), ("TYPE", "normal", [0, 1]), ("TYPE", "primary", []),
    ("IP", "1.2.3.4", []), ("IP", "", []), ("ADDR", "1.2.3.4:5", []), ("LADDR", "", []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "found"), CASES)
def test_a_filter_and_its_opposite(filtering, three, name, value, found):
    among = ("ID", *three)
    assert listed(filtering, *among, name, value) == [three[i] for i in found]
    assert listed(filtering, name.lower(), value, *among) == [three[i] for i in found]
    assert listed(filtering, *among, f"NOT-{name}", value) == [n for i, n in enumerate(three) if i not in found]


def test_numbers_of_clients(filtering, three):
    assert listed(filtering, "ID", *three[:2], 999_999) == listed(filtering, "ID", three[0], "ID", three[1]) == three[:2]
    rest = listed(filtering, "NOT-ID", *three[:2], 999_999)
    assert three[2] in rest and ident(filtering) in rest and not set(rest) & set(three[:2])
    assert listed(filtering, "ID", three[0], "NOT-ID", three[0]) == [] and listed(filtering, "NOT-ID", three[0], "NOT-ID", three[1], "ID", *three) == three[2:]


def test_addresses(filtering, three):
    line = filtering("CLIENT", "LIST", "ID", three[0]).decode()
    found = dict(part.split("=", 1) for part in line.split())
    assert three[0] in listed(filtering, "ADDR", found["addr"]) and set(three) <= set(listed(filtering, "LADDR", found["laddr"]))
    assert three[0] not in listed(filtering, "NOT-ADDR", found["addr"]) and listed(filtering, "NOT-LADDR", found["laddr"], "ID", *three) == []


def test_addresses_without_ports(store):
    with store.serve() as server:
        one, other = (Wire(("127.0.0.1", server.port)) for _ in range(2))
        assert sorted(listed(one, "IP", "127.0.0.1")) == sorted([ident(one), ident(other)]) and listed(one, "NOT-IP", "127.0.0.1") == listed(one, "IP", "127.0.0") == []


def test_a_unix_socket_has_no_ip(tmp_path, store):
    with store.serve(0, unix_path=str(tmp_path / "s")):
        wire = Wire(str(tmp_path / "s"))
        assert listed(wire, "IP", str(tmp_path / "s")) == listed(wire, "IP", "") == [] and listed(wire, "NOT-IP", "") == [ident(wire)]


def test_times(store):
    """Seconds of inaction, and of existence."""
    with store.serve() as server:
        old = Wire(("127.0.0.1", server.port))
        number = ident(old)
        store.clock.advance(10)
        new = Wire(("127.0.0.1", server.port))
        assert listed(new, "MAXAGE", 10) == listed(new, "IDLE", 10) == [number] and listed(new, "MAXAGE", 11) == listed(new, "IDLE", 11) == []
        old("PING")
        assert listed(new, "MAXAGE", 1) == [number] and listed(new, "IDLE", 1) == []


def test_oneself(filtering, three):
    assert ident(filtering) in listed(filtering) and ident(filtering) in listed(filtering, "SKIPME", "no") and ident(filtering) not in listed(filtering, "SKIPME", "yes")
    assert filtering("CLIENT", "KILL", "ID", ident(filtering)) == 0 and filtering("PING") == b"PONG"


ERRORS = [
    (("NOT-ID", 0), "ERR client-id should be greater than 0"), (("NOT-ID",), "ERR syntax error"), (("ID",), "ERR syntax error"),
    (("TYPE", "nosuch"), "ERR Unknown client type 'nosuch'"), (("NOT-TYPE", "nosuch"), "ERR Unknown client type 'nosuch'"), (("HOW", "x"), "ERR syntax error"), (("HOW",), "ERR syntax error"),
    (("NAME",), "ERR syntax error"), (("NAME", "a", "IP"), "ERR syntax error"), (("NOT-IDLE", 1), "ERR syntax error"), (("NOT-MAXAGE", 1), "ERR syntax error"), (("NOT-SKIPME", "yes"), "ERR syntax error"), (("NOT-", 1), "ERR syntax error"),
    (("IDLE", 0), "ERR idle should be greater than 0"), (("IDLE", -1), "ERR idle should be greater than 0"), (("IDLE", "x"), "ERR idle is not an integer or out of range"),
    (("MAXAGE", 0), "ERR maxage should be greater than 0"), (("MAXAGE", "x"), "ERR maxage is not an integer or out of range"),
    (("FLAGS", "Uz"), "ERR Unknown flags found in the provided filter: Uz"), (("NOT-FLAGS", "z"), "ERR Unknown flags found in the NOT-FLAGS filter: z"),
    (("CAPA", "z"), "ERR Unknown capa found in the provided filter: z"), (("NOT-CAPA", "rz"), "ERR Unknown capa found in the NOT-CAPA filter: rz"),
    (("DB", 16), "ERR DB number should be between 0 and 15"), (("DB", "x"), "ERR DB is not an integer or out of range"), (("NOT-DB", -1), "ERR NOT-DB number should be between 0 and 15"), (("NOT-DB", "x"), "ERR NOT-DB is not an integer or out of range"),
    (("USER", "nosuch"), "ERR No such user 'nosuch'"), (("NOT-USER", "nosuch"), "ERR No such user 'nosuch'"), (("SKIPME", "x"), "ERR syntax error"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "error"), ERRORS)
def test_what_filters_refuse(filtering, words, error):
    if words != ("NOT-ID", 0):             # CLIENT LIST takes any number, as Redis does
        assert str(filtering("CLIENT", "LIST", *words)) == error
    if len(words) > 1:                     # with one word it is an address
        assert str(filtering("CLIENT", "KILL", *words)) == error
    assert filtering("PING") == b"PONG"


@pytest.mark.parametrize(("name", "value"), [("NAME", "Fred"), ("LIB-NAME", "lib"), ("LIB-VER", "1.2"), ("DB", "3"), ("FLAGS", "T"), ("CAPA", "r"), ("TYPE", "pubsub")])
def test_killing_by_a_filter(filtering, three, name, value):
    assert filtering("CLIENT", "KILL", name, value, "ID", *three) == 1
    assert len(listed(filtering, "ID", *three)) == 2 and filtering("CLIENT", "KILL", name, value, "ID", *three) == 0


def test_killing_several(filtering, three):
    assert filtering("CLIENT", "KILL", "ID", three[0], three[1], "NOT-NAME", "Fred") == 1
    assert filtering("CLIENT", "KILL", "NOT-FLAGS", "P", "ID", *three) == 1 and listed(filtering, "ID", *three) == three[2:]


@pytest.mark.parametrize("words", [("ID", "x"), ("ID", 1, "x"), ("ID", 1, 2, "3x")])
def test_numbers_that_are_none_are_errors_as_of_redis(peer, words):
    reply = str(peer("CLIENT", "LIST", *words))
    assert reply == "ERR Invalid client ID" or (reply == "ERR syntax error" and peer.version == (8, 9))


def test_many_numbers_take_little_time(store):
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        others = [Wire(("127.0.0.1", server.port)) for _ in range(200)]
        assert len(listed(wire, "NOT-ID", *range(10_000, 110_000))) == len(others) + 1 and wire("CLIENT", "KILL", "NOT-ID", *range(1, 1000)) == 0
