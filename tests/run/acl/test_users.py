"""The list of users, and memory."""

import gc

import kvd


def test_users_are_in_order_and_unique(ours):
    for name in ("b", "a", "c", "B", "ab", "a"):
        ours.admin("ACL", "SETUSER", name, "on")
    assert ours.admin("ACL", "USERS") == [b"B", b"a", b"ab", b"b", b"c", b"default"]
    assert ours.admin("ACL", "DELUSER", "a", "a", "zz") == 1 and ours.admin("ACL", "USERS") == [b"B", b"ab", b"b", b"c", b"default"]


def test_stores_have_users_of_their_own():
    first, second = kvd.Store(), kvd.Store()
    first.execute("ACL", "SETUSER", "bob", "on")
    assert first.execute("ACL", "USERS") == [b"bob", b"default"] and second.execute("ACL", "USERS") == [b"default"]


def test_a_store_with_users_and_sessions_ends():
    for _ in range(50):
        store = kvd.Store()
        store.execute("ACL", "SETUSER", "bob", "on", ">p", "+@all", "~a", "&b", "(+get ~c)", "+select|1", "db=1")
        session = store.session()
        session.execute("AUTH", "bob", "p")
        session.execute("ACL", "SETUSER", "bob", "reset", "on", ">q")
        store.execute("ACL", "DELUSER", "bob")
        del store, session
    gc.collect()


def test_acl_pubsub_default(place):
    assert place.admin("CONFIG", "SET", "acl-pubsub-default", "allchannels") == b"OK"
    place.admin("ACL", "SETUSER", "u", "on", "(+get)")
    assert "&*" in place.described("u") and "(&* -@all +get)" in place.described("u")
    assert place.admin("CONFIG", "SET", "acl-pubsub-default", "resetchannels") == b"OK"
    place.admin("ACL", "SETUSER", "v")
    assert "&*" not in place.described("v")
