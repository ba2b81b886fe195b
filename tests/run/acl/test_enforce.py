"""What a user who may not is told: at the gate, in transactions, in scripts, by SORT."""

import pytest

import kvd


def told(place, reply):
    """Older servers word it in another way."""
    return str(reply).split(" ", 1)[0] if not place.valkey and place.version < (7, 2) else str(reply)


def expect(place, reply, text):
    assert told(place, reply) == (text.split(" ", 1)[0] if not place.valkey and place.version < (7, 2) else text)


def test_the_errors(place):
    bob = place.user("bob", "~k*", "&ch*", "+@all", "-@dangerous", "-client|id")
    expect(place, bob("GET", "x"), "NOPERM No permissions to access a key")
    expect(place, bob("MSET", "k", 1, "x", 2), "NOPERM No permissions to access a key")
    expect(place, bob("PUBLISH", "x", 1), "NOPERM No permissions to access a channel")
    expect(place, bob("FLUSHALL"), "NOPERM User bob has no permissions to run the 'flushall' command")
    expect(place, bob("CLIENT", "ID"), "NOPERM User bob has no permissions to run the 'client|id' command")
    assert bob("SET", "k", 1) == b"OK" and bob("GET", "k") == b"1" and bob("PUBLISH", "ch1", 1) == 0
    assert "unknown subcommand" in str(bob("CLIENT", "NONE")) and "unknown command" in str(bob("NONE"))


def test_a_refused_command_aborts_its_transaction(place):
    bob = place.user("bob", "~k*", "+@all")
    assert bob("MULTI") == b"OK" and "NOPERM" in str(bob("GET", "x")) and bob("GET", "k") == b"QUEUED"
    assert str(bob("EXEC")) == "EXECABORT Transaction discarded because of previous errors."


def test_exec_asks_again(place):
    bob = place.user("bob", "~k*", "&ch*", "+@all")
    for words in (("MULTI",), ("GET", "k"), ("INCR", "k"), ("PUBLISH", "ch", 1)):
        bob(*words)
    place.admin("ACL", "SETUSER", "bob", "-get")
    found = bob("EXEC")
    assert found[1:] == [1, 0] and "ACLs rules changed" in str(found[0]) and str(found[0]).endswith("no permission to execute the command or subcommand")
    for words in (("MULTI",), ("INCR", "k"), ("PUBLISH", "ch", 1)):
        bob(*words)
    place.admin("ACL", "SETUSER", "bob", "resetkeys", "~other")
    found = bob("EXEC")
    assert found[1] == 0 and str(found[0]).endswith("no permission to touch the specified keys")
    for words in (("MULTI",), ("PING",), ("PUBLISH", "ch", 1)):
        bob(*words)
    place.admin("ACL", "SETUSER", "bob", "resetchannels")
    found = bob("EXEC")
    assert str(found[1]).endswith("no permission to access one of the channels used as arguments")


def test_exec_itself_is_refused(place):
    bob = place.user("bob", "~*", "+@all", "-exec")
    bob("MULTI")
    bob("GET", "k")
    assert str(bob("EXEC")).startswith("EXECABORT Transaction discarded because of: NOPERM" if place.version >= (7, 2) or place.valkey else "EXECABORT")
    assert "without MULTI" in str(bob("DISCARD"))


def test_scripts_run_as_the_user(place):
    if not place.valkey and place.version < (7, 2):
        pytest.skip("an older server has other texts")
    bob = place.user("bob", "~k*", "&ch*", "+@all", "-set")
    assert "ERR ACL failure in script: No permissions to access a key" in str(bob("EVAL", "return redis.call('get', 'x')", 0))
    assert str(bob("EVAL", "return redis.pcall('set', 'k', '1')", 0)) == "ERR ACL failure in script: User bob has no permissions to run the 'set' command"
    assert "No permissions to access a channel" in str(bob("EVAL", "return redis.call('publish', 'x', '1')", 0))
    assert bob("EVAL", "return redis.call('incr', 'k')", 0) == 1
    assert bob("EVAL", "return {redis.acl_check_cmd('get', 'k'), redis.acl_check_cmd('get', 'x') == false, redis.acl_check_cmd('set', 'k', 'v') == false}", 0) == [1, 1, 1]
    assert "Invalid command passed to" in str(bob("EVAL", "return redis.acl_check_cmd('nocmd')", 0))
    assert place.admin("EVAL", "return redis.acl_check_cmd('flushall')", 0) == 1


def test_functions_run_as_the_user(ours):
    ours.admin("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)")
    bob = ours.user("bob", "~k*", "+@all")
    assert bob("FCALL", "f", 1, "k") is None and "NOPERM" in str(bob("FCALL", "f", 1, "x"))
    assert "unknown command" not in str(ours.user("eve", "~*", "+fcall")("FCALL", "f", 1, "k"))
    assert "ACL failure in script" in str(ours.user("eve", "~*", "+fcall")("FCALL", "f", 1, "k"))


def test_patterns_of_sort_need_all_keys(place):
    bob = place.user("bob", "~k*", "+@all")
    denied = "ERR {} option of SORT denied due to insufficient ACL permissions."
    assert str(bob("SORT", "k", "BY", "x*")) == denied.format("BY") and str(bob("SORT", "k", "GET", "k*")) == denied.format("GET") and str(bob("SORT", "k", "GET", "#")) == denied.format("GET")
    assert bob("SORT", "k", "BY", "nosort") == []
    place.admin("ACL", "SETUSER", "bob", "%R~*")
    assert bob("SORT", "k", "BY", "x*", "GET", "y*") == []


def test_a_command_that_has_waited_is_asked_about_again(place):
    if place.version < (7, 2) and not place.valkey:
        pytest.skip("an older server does not")
    bob = place.user("bob", "~l", "+@all")
    bob.send(bob.frame(("BLPOP", "l", 0)))
    while place.admin("INFO", "clients").find(b"blocked_clients:1") < 0:
        pass
    place.admin("ACL", "SETUSER", "bob", "-blpop", "resetkeys")
    place.admin("RPUSH", "l", "v")
    assert str(bob.read()) == "NOPERM User bob has no permissions to run the 'blpop' command"
    assert place.admin("LLEN", "l") == 1


def test_the_program_itself_is_not_restricted():
    store = kvd.Store()
    store.execute("ACL", "SETUSER", "default", "-@all", "resetkeys")
    store.set("k", "v")
    assert store.get("k") == b"v" and store.execute("GET", "k") == b"v" and store.session().execute("GET", "k") == b"v"
    store.execute("ACL", "SETUSER", "bob", "on", ">p", "+get", "~a")
    session = store.session()
    assert session.execute("AUTH", "bob", "p") == b"OK" and session.execute("GET", "a") is None
    with pytest.raises(kvd.ResponseError, match="NOPERM"):
        session.execute("GET", "k")
    assert store.execute("GET", "k") == b"v"
