"""CLIENT TRACKING: which options go together, what TRACKINGINFO says of them, and the switch of CLIENT CACHING."""

import pytest


def info(wire):
    reply = wire("CLIENT", "TRACKINGINFO")
    found = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    return {b.decode() for b in found[b"flags"]}, found[b"redirect"], found[b"prefixes"]


@pytest.fixture
def three(peer):
    wire = peer.open(3)
    wire.ident = wire("CLIENT", "ID")
    return wire


@pytest.mark.parametrize(("options", "flags", "prefixes"), [
    ("", {"on"}, []), ("OPTIN", {"on", "optin"}, []), ("OPTOUT NOLOOP", {"on", "optout", "noloop"}, []), ("BCAST", {"on", "bcast"}, [b""]), ("BCAST PREFIX a PREFIX b", {"on", "bcast"}, [b"a", b"b"]),
])  # fmt: skip
def test_options_are_shown(three, options, flags, prefixes):
    assert three("CLIENT", "TRACKING", "ON", *options.split()) == b"OK"
    found = info(three)
    assert (found[0], found[1], sorted(found[2])) == (flags, 0, prefixes) and three("CLIENT", "GETREDIR") == 0
    assert three("CLIENT", "TRACKING", "OFF") == b"OK" and info(three) == ({"off"}, -1, []) and three("CLIENT", "GETREDIR") == -1


@pytest.mark.parametrize("options", ["ON OPTIN OPTOUT", "ON BCAST OPTIN", "ON PREFIX a", "ON BCAST PREFIX ab PREFIX a", "ON REDIRECT 999999", "ON REDIRECT x", "ON NOSUCH", "MAYBE", "ON REDIRECT", "ON BCAST PREFIX"])
def test_options_that_do_not_go_together(three, options):
    assert isinstance(three("CLIENT", "TRACKING", *options.split()), Exception) and info(three)[0] == {"off"}


@pytest.mark.parametrize(("first", "second"), [("ON", "ON BCAST"), ("ON BCAST", "ON"), ("ON OPTIN", "ON OPTOUT"), ("ON OPTOUT", "ON OPTIN"), ("ON BCAST PREFIX a", "ON BCAST PREFIX ab")])
def test_the_mode_changes_only_when_it_is_off(three, first, second):
    three("CLIENT", "TRACKING", *first.split())
    before = info(three)
    assert isinstance(three("CLIENT", "TRACKING", *second.split()), Exception) and info(three) == before
    three("CLIENT", "TRACKING", "OFF")
    assert three("CLIENT", "TRACKING", *second.split()) == b"OK"


def test_prefixes_may_be_added(three):
    three("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a")
    assert three("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b") == b"OK" and sorted(info(three)[2]) == [b"a", b"b"]


def test_caching_needs_its_mode(three):
    for words in (("YES",), ("NO",), ("MAYBE",)):
        assert isinstance(three("CLIENT", "CACHING", *words), Exception)
    three("CLIENT", "TRACKING", "ON", "OPTIN")
    assert isinstance(three("CLIENT", "CACHING", "NO"), Exception) and three("CLIENT", "CACHING", "YES") == b"OK" and "caching-yes" in info(three)[0]
    three("GET", "k")
    assert "caching-yes" not in info(three)[0]
    three("CLIENT", "TRACKING", "OFF")
    three("CLIENT", "TRACKING", "ON", "OPTOUT")
    assert isinstance(three("CLIENT", "CACHING", "YES"), Exception) and three("CLIENT", "CACHING", "NO") == b"OK" and "caching-no" in info(three)[0]


def test_a_redirection_that_breaks(peer, three):
    target = peer.open()
    number = target("CLIENT", "ID")
    target("SUBSCRIBE", "__redis__:invalidate")
    assert three("CLIENT", "TRACKING", "ON", "REDIRECT", number) == b"OK" and (three("CLIENT", "GETREDIR"), info(three)[1]) == (number, number)
    three("GET", "k")
    peer("SET", "k", 1)
    assert target.read() == [b"message", b"__redis__:invalidate", [b"k"]]
    three("GET", "k")
    peer("CLIENT", "KILL", "ID", number)
    peer("SET", "k", 2)
    assert three.read() == [b"tracking-redir-broken", number] and "broken_redirect" in info(three)[0]
