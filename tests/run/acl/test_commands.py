"""The ACL command: answers that are not about rules, checks or the log."""

import pytest

import kvd

from ...compat.wire import Wire


def test_getuser_in_both_protocols(place):
    if place.version < (8, 0):
        pytest.skip("an older server")
    place.admin("ACL", "SETUSER", "u", "on", "nopass", "+get", "~a", "%R~b", "&c", "(+set ~d)")
    found = place.connect(proto=3)("ACL", "GETUSER", "u")
    found.pop(b"databases", None)
    flags = set(found.pop(b"flags")) - {b"sanitize-payload"}
    selector = found.pop(b"selectors")[0]
    assert flags == {b"on", b"nopass"} and found == {b"passwords": [], b"commands": b"-@all +get", b"keys": b"~a %R~b", b"channels": b"&c"}
    assert (selector[b"commands"], selector[b"keys"], selector[b"channels"]) == (b"-@all +set", b"~d", b"")
    assert place.admin("ACL", "GETUSER", "u")[:1] == [b"flags"] and place.admin("ACL", "GETUSER", "none") is None


def test_databases_are_shown_when_they_are_restricted(ours):
    ours.admin("ACL", "SETUSER", "u", "db=1", "(db=2,3 +get)")
    found = ours.connect(proto=3)("ACL", "GETUSER", "u")
    assert found[b"databases"] == b"db=1" and found[b"selectors"][0][b"databases"] == b"db=2,3"
    assert b"databases" not in ours.connect(proto=3)("ACL", "GETUSER", "default")


def test_categories(place):
    names = set(place.admin("ACL", "CAT"))
    assert names >= {b"keyspace", b"read", b"write", b"set", b"dangerous", b"scripting"}
    assert set(place.admin("ACL", "CAT", "HyperLogLog")) >= {b"pfadd", b"pfcount", b"pfmerge"}
    assert b"xinfo|stream" in place.admin("ACL", "CAT", "stream") and b"xinfo" not in place.admin("ACL", "CAT", "stream")
    assert str(place.admin("ACL", "CAT", "none")) == "ERR Unknown category 'none'" and "for 'CAT'" in str(place.admin("ACL", "CAT", "read", "x"))


def test_passwords(place):
    assert len(place.admin("ACL", "GENPASS")) == 64 and len(place.admin("ACL", "GENPASS", 5)) == 2 and len(place.admin("ACL", "GENPASS", 4096)) == 1024
    assert len({place.admin("ACL", "GENPASS") for _ in range(20)}) == 20
    text = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
    assert str(place.admin("ACL", "GENPASS", 0)) == str(place.admin("ACL", "GENPASS", 4097)) == text and "not an integer" in str(place.admin("ACL", "GENPASS", "x"))


def test_dryrun_refuses_what_it_cannot_judge(place):
    assert str(place.admin("ACL", "DRYRUN", "none", "get", "a")) == "ERR User 'none' not found" and str(place.admin("ACL", "DRYRUN", "default", "nocmd")) == "ERR Command 'nocmd' not found"
    assert "wrong number of arguments for 'get'" in str(place.admin("ACL", "DRYRUN", "default", "get")) and place.admin("ACL", "DRYRUN", "default", "flushall") == b"OK"
    assert "unknown subcommand 'FOO'" in str(place.admin("ACL", "FOO"))


def test_without_a_file(place):
    for what in ("LOAD", "SAVE"):
        assert "is not configured to use an ACL file" in str(place.admin("ACL", what))


def test_rules_are_secret(place):
    watching = place.connect()
    watching("MONITOR")
    place.admin("CONFIG", "SET", "slowlog-log-slower-than", 0)
    place.admin("ACL", "SETUSER", "bob", ">verysecret")
    place.admin("AUTH", "bob", "verysecret")
    place.admin("PING", "end")
    seen = b""
    while b"end" not in seen:
        seen += watching.read()
    assert b"verysecret" not in seen
    assert b"verysecret" not in repr(place.admin("SLOWLOG", "GET", -1)).encode()


def test_help(ours):
    assert any(b"SETUSER" in line for line in ours.admin("ACL", "HELP"))


def test_renamed_commands_are_meant_by_their_own_name():
    from kvd.doors.server import rename_command

    store = kvd.Store()
    rename_command(store, "get", "fetch")
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        assert wire("ACL", "SETUSER", "u", "on", ">p", "+get", "~a") == b"OK" and wire("AUTH", "u", "p") == b"OK"
        assert wire("FETCH", "a") is None and "NOPERM" in str(wire("FETCH", "b"))
        wire.close()
