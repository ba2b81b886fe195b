"""Users and live connections: who is who, and what changes of users do to them."""

import pytest
import redis

import kvd


def closed(wire):
    try:
        while True:
            wire.read()
    except OSError:
        return True


def test_auth(place):
    place.admin("ACL", "SETUSER", "bob", "on", ">p", ">q", "+@all")
    wire = place.connect()
    wrong = "WRONGPASS invalid username-password pair or user is disabled."
    assert wire("ACL", "WHOAMI") == b"default"
    assert str(wire("AUTH", "bob", "x")) == wrong and str(wire("AUTH", "nobody", "p")) == wrong and wire("ACL", "WHOAMI") == b"default"
    assert wire("AUTH", "bob", "p") == b"OK" and wire("ACL", "WHOAMI") == b"bob" and wire("AUTH", "bob", "q") == b"OK"
    assert wire("HELLO", 2, "AUTH", "default", "any")[:2] == [b"server", wire("HELLO")[1]] and wire("ACL", "WHOAMI") == b"default"
    assert str(wire("HELLO", 3, "AUTH", "bob", "x")) == wrong
    assert "without any password configured" in str(wire("AUTH", "x"))
    place.admin("ACL", "SETUSER", "bob", "off")
    assert str(wire("AUTH", "bob", "p")) == wrong
    place.admin("ACL", "SETUSER", "free", "on", "nopass")
    assert wire("AUTH", "free", "anything") == b"OK"
    assert wire("RESET") == b"RESET" and wire("ACL", "WHOAMI") == b"default"


def test_requirepass_is_the_password_of_the_default_user(place):
    assert place.admin("CONFIG", "SET", "requirepass", "q") == b"OK" and place.admin("PING") == b"PONG"
    wire = place.connect()
    assert str(wire("PING")) == "NOAUTH Authentication required." and "NOAUTH HELLO" in str(wire("HELLO", 2))
    assert wire("AUTH", "q") == b"OK" and wire("AUTH", "default", "q") == b"OK"
    assert wire("ACL", "SETUSER", "default", "nopass") == b"OK" and wire("CONFIG", "GET", "requirepass") == [b"requirepass", b"q"]
    assert place.connect()("PING") == b"PONG"
    assert wire("CONFIG", "SET", "requirepass", "") == b"OK" and wire("ACL", "SETUSER", "default", ">z") == b"OK"
    assert wire("CONFIG", "GET", "requirepass") == [b"requirepass", b""]
    later = place.connect()
    assert "NOAUTH" in str(later("PING")) and later("AUTH", "z") == b"OK"


def test_the_default_user_is_disabled(place):
    assert place.admin("ACL", "SETUSER", "default", "off") == b"OK" and place.admin("PING") == b"PONG"
    wire = place.connect()
    assert "NOAUTH" in str(wire("PING")) and "WRONGPASS" in str(wire("AUTH", "default", "x"))
    assert place.admin("ACL", "SETUSER", "default", "on") == b"OK" and wire("PING") == b"PONG"
    assert place.admin("ACL", "SETUSER", "default", "off") == b"OK" and "NOAUTH" in str(wire("PING"))
    assert place.admin("ACL", "SETUSER", "default", "on") == b"OK"


def test_the_default_user_is_restricted(place):
    wire = place.connect()
    assert place.admin("ACL", "SETUSER", "default", "-get") == b"OK"
    for one in (place.admin, wire, place.connect()):
        assert "NOPERM" in str(one("GET", "k")) and one("SET", "k", "v") == b"OK"
    assert place.admin("ACL", "SETUSER", "default", "+get") == b"OK" and wire("GET", "k") == b"v"


def test_a_changed_user_is_changed_at_once(place):
    bob = place.user("bob", "+get", "~a")
    assert bob("GET", "a") is None and "NOPERM" in str(bob("GET", "b"))
    place.admin("ACL", "SETUSER", "bob", "~b")
    assert bob("GET", "b") is None
    place.admin("ACL", "SETUSER", "bob", "allcommands", "allkeys", "allchannels")
    assert bob("SET", "x", 1) == b"OK" and bob("PUBLISH", "c", 1) == 0
    place.admin("ACL", "SETUSER", "bob", "nocommands", "off")
    assert "NOPERM" in str(bob("GET", "a")) and bob("AUTH", "bob", "p") != b"OK"


def test_connections_of_a_deleted_user_are_closed(place):
    bob, also, eve = place.user("bob", "+@all"), place.connect("bob"), place.user("eve", "+@all")
    assert place.admin("ACL", "DELUSER", "bob", "none") == 1
    assert closed(bob) and closed(also) and eve("ACL", "WHOAMI") == b"eve"
    assert eve("ACL", "DELUSER", "eve") == 1 and closed(eve)
    assert str(place.admin("ACL", "DELUSER", "x", "default")) == "ERR The 'default' user cannot be removed"


@pytest.mark.parametrize(("subscribes", "loses"), [(("SUBSCRIBE", "ch1"), "&ch2"), (("PSUBSCRIBE", "ch*"), "&ch1"), (("SSUBSCRIBE", "ch1"), "&x")])
def test_a_listener_that_loses_its_channel_is_closed(place, subscribes, loses):
    bob, idle = place.user("bob", "+@all", "&ch*"), place.connect("bob")
    assert bob(*subscribes)[2] == 1
    place.admin("ACL", "SETUSER", "bob", "&other", "-get")
    assert "pong" in str(bob("PING")).lower()
    place.admin("ACL", "SETUSER", "bob", "resetchannels", loses)
    assert closed(bob) and idle("ACL", "WHOAMI") == b"bob"


def test_client_list_and_kill(place):
    bob = place.user("bob", "+@all", "~*", "&*")
    assert b"user=bob" in place.admin("CLIENT", "LIST") and b"user=bob" in bob("CLIENT", "INFO")
    assert str(place.admin("CLIENT", "KILL", "USER", "nobody")) == "ERR No such user 'nobody'"
    assert place.admin("CLIENT", "KILL", "USER", "bob") == 1 and closed(bob) and place.admin("PING") == b"PONG"


@pytest.mark.parametrize("proto", [2, 3])
def test_clients_in_process(proto):
    store = kvd.Store()
    store.execute("ACL", "SETUSER", "bob", "on", ">p", "+@read", "+client", "~a*")
    client = kvd.Redis(store, username="bob", password="p", protocol=proto)
    assert client.get("a") is None
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.set("a", 1)
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.get("b")
    with pytest.raises(redis.exceptions.AuthenticationError):
        kvd.Redis(store, username="bob", password="x", protocol=proto).get("a")
    store.execute("ACL", "SETUSER", "default", "off")
    with pytest.raises(redis.exceptions.AuthenticationError):
        kvd.Redis(store, protocol=proto).get("a")
    assert store.get("a") is None


def test_redis_py(ours):
    client = redis.Redis(port=ours.address[1])
    assert client.acl_setuser("bob", enabled=True, passwords=["+p", "+q"], commands=["+get", "+@hash", "-hset"], keys=["a*"], channels=["c*"], selectors=[("+set", "~s*")])
    found = client.acl_getuser("bob")
    assert found["flags"] == ["on", "sanitize-payload"] and found["commands"] == ["+get", "-hset"] and found["categories"] == ["-@all", "+@hash"]
    assert len(found["passwords"]) == 2 and found["selectors"] == [["commands", "-@all +set", "keys", "~s*", "channels", ""]]
    assert client.acl_users() == ["bob", "default"] and client.acl_whoami() == "default" and len(client.acl_genpass(128)) == 32
    assert "geoadd" in client.acl_cat("geo") and "keyspace" in client.acl_cat()
    bob = redis.Redis(port=ours.address[1], username="bob", password="p")
    with pytest.raises(redis.exceptions.NoPermissionError):
        bob.get("b")
    entry = client.acl_log()[0]
    assert entry["reason"] == "key" and entry["username"] == "bob" and entry["client-info"]["cmd"] == "get"
    assert client.acl_log_reset() and client.acl_log() == [] and client.acl_deluser("bob") == 1


def test_a_thousand_users(ours):
    names = [f"u{i}" for i in range(1000)]
    for name in reversed(names):
        assert ours.admin("ACL", "SETUSER", name, "on", f">{name}", "+get", f"~{name}:*") == b"OK"
    assert ours.admin("ACL", "USERS") == [b"default", *sorted(name.encode() for name in names)]
    wire = ours.connect()
    for name in names[::100]:
        assert wire("AUTH", name, name) == b"OK" and wire("GET", f"{name}:1") is None and "NOPERM" in str(wire("GET", "x"))
    assert ours.admin("ACL", "DELUSER", *names) == 1000 and closed(wire)
