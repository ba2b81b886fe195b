"""ACL LOG, and the counters of INFO."""

import pytest


def entries(place, *words):
    found = place.admin("ACL", "LOG", *words)
    return [dict(zip((key.decode() for key in entry[::2]), entry[1::2], strict=True)) for entry in found]


def brief(entry):
    return tuple(entry[key].decode() for key in ("reason", "context", "object", "username")) + (entry["count"],)


def test_what_was_denied(place):
    bob = place.user("bob", "~k*", "&ch*", "+@all", "-@dangerous")
    for words in (("GET", "x"), ("GET", "x"), ("PUBLISH", "c", 1), ("FLUSHALL",), ("CLIENT", "LIST"), ("AUTH", "bob", "wrong"), ("HELLO", 2, "AUTH", "nobody", "x"), ("EVAL", "return redis.call('get', 'y')", 0)):
        bob(*words)
    bob("MULTI")
    bob("GET", "z")
    bob("DISCARD")
    assert [brief(entry) for entry in entries(place)] == [
        ("key", "multi", "z", "bob", 1), ("key", "lua", "y", "bob", 1), ("auth", "toplevel", "HELLO", "nobody", 1), ("auth", "toplevel", "AUTH", "bob", 1),
        ("command", "toplevel", "client|list", "bob", 1), ("command", "toplevel", "flushall", "bob", 1), ("channel", "toplevel", "c", "bob", 1), ("key", "toplevel", "x", "bob", 2)]  # fmt: skip
    bob("GET", "x")
    assert brief(entries(place, 1)[0]) == ("key", "toplevel", "x", "bob", 3) and len(entries(place, 100)) == 8 and entries(place, 0) == entries(place, -5) == []
    assert b" cmd=get user=bob " in entries(place)[0]["client-info"] and not entries(place)[0]["client-info"].endswith(b"\n")
    assert place.admin("ACL", "LOG", "RESET") == b"OK" and entries(place) == []


def test_its_length_and_ids(place):
    if place.version < (7, 2) and not place.valkey:
        pytest.skip("an older server shows no ids")
    bob = place.user("bob", "+get")
    place.admin("CONFIG", "SET", "acllog-max-len", 3)
    for i in range(9):
        bob("GET", f"k{i}")
    assert [entry["object"] for entry in entries(place, 100)] == [b"k8", b"k7", b"k6"]
    ids = [entry["entry-id"] for entry in entries(place, 100)]
    assert ids == sorted(ids, reverse=True) and all(entry["timestamp-created"] <= entry["timestamp-last-updated"] for entry in entries(place))
    place.admin("CONFIG", "SET", "acllog-max-len", 0)
    bob("GET", "k")
    assert entries(place, 100) == []
    place.admin("CONFIG", "SET", "acllog-max-len", 128)
    bob("GET", "k")
    assert len(entries(place)) == 1


def test_in_resp3(place):
    place.user("bob", "+get")("GET", "k")
    entry = place.connect(proto=3)("ACL", "LOG")[0]
    assert entry[b"reason"] == b"key" and isinstance(entry[b"age-seconds"], float) and entry[b"count"] == 1


def test_counters(place):
    if place.version < (7, 2) and not place.valkey:
        pytest.skip("an older server has none")
    bob = place.user("bob", "~k", "+get", "+publish")
    for words in (("GET", "x"), ("GET", "x"), ("SET", "k", 1), ("PUBLISH", "c", 1), ("AUTH", "bob", "x")):
        bob(*words)
    found = dict(line.split(":") for line in place.admin("INFO", "stats").decode().splitlines() if line.startswith("acl_access_denied"))
    assert [found[f"acl_access_denied_{what}"] for what in ("auth", "cmd", "key", "channel")] == ["1", "1", "2", "1"]


def test_wrong_arguments(place):
    assert "unknown subcommand or wrong number of arguments for 'LOG'" in str(place.admin("ACL", "LOG", 1, 2)) and "not an integer" in str(place.admin("ACL", "LOG", "x"))
