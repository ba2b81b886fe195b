"""Users of the configuration and of files: of `kvd serve`, and of a store in a program."""

import subprocess
import sys

import pytest

import kvd
from kvd.doors.server import declare_user

from ...compat.wire import Wire, free_port
from ...replica.node import KVD, Node
from ...waiting import eventually

GOOD = "user default on nopass ~* &* +@all\n\nuser bob on >p ~b* +get\n"
BAD = """user bob on +nocmd
user bob2 on ~x
bad line
user
user x on
user x off
user a b
\tuser tab on
user y (+get
"""
TOLD = ("{0}:1: Error in applying operation '+nocmd': Unknown command or category name in ACL. {0}:3 should start with user keyword followed by the username. "
        "{0}:4 should start with user keyword followed by the username. WARNING: Duplicate user 'x' found on line 6. {0}:7: Syntax error. "
        "{0}:9: Unmatched parenthesis in selector definition.WARNING: ACL errors detected, no change to the previously active ACL rules was performed")  # fmt: skip


def serve(*args):
    return subprocess.run([sys.executable, "-m", "kvd", "serve", *args], capture_output=True, text=True, timeout=60)


def test_a_file_of_users(tmp_path):
    path = tmp_path / "users.acl"
    path.write_text(GOOD)
    store = kvd.Store(aclfile=str(path))
    assert store.execute("ACL", "USERS") == [b"bob", b"default"]
    session = store.session()
    session.execute("AUTH", "bob", "p")
    store.execute("ACL", "SETUSER", "bob", "+set")
    store.execute("ACL", "SETUSER", "extra", "on")
    assert store.execute("ACL", "SAVE") == b"OK" and "user extra on" in path.read_text() and "+get +set" in path.read_text()
    path.write_text(GOOD)
    assert store.execute("ACL", "LOAD") == b"OK" and store.execute("ACL", "USERS") == [b"bob", b"default"]
    assert session.execute("ACL", "WHOAMI") == b"bob" if False else session.execute("GET", "b") is None       # the same user still
    with pytest.raises(kvd.ResponseError, match="NOPERM"):
        session.execute("SET", "b", 1)
    path.write_text("user z on ~a\nuser sp  on   ~x\n")
    assert store.execute("ACL", "LOAD") == b"OK" and store.execute("ACL", "USERS") == [b"default", b"sp", b"z"]
    assert b"nopass" in store.execute("ACL", "LIST")[0]


def test_nothing_is_changed_by_a_file_with_errors(tmp_path):
    path = tmp_path / "users.acl"
    path.write_text(GOOD)
    store = kvd.Store(aclfile=str(path))
    before = store.execute("ACL", "LIST")
    path.write_text(BAD)
    with pytest.raises(kvd.ResponseError) as error:
        store.execute("ACL", "LOAD")
    assert str(error.value).removeprefix("ERR ") == TOLD.format(path) and store.execute("ACL", "LIST") == before
    path.unlink()
    with pytest.raises(kvd.ResponseError, match="Error loading ACLs, opening file .*: No such file or directory"):
        store.execute("ACL", "LOAD")
    path.mkdir()
    with pytest.raises(kvd.ResponseError, match="There was an error trying to save the ACLs"):
        store.execute("ACL", "SAVE")
    with pytest.raises(kvd.ConfigError, match="aclfile"):
        kvd.Store(aclfile=str(tmp_path / "none"))


def test_the_file_of_a_server(tmp_path):
    path = tmp_path / "users.acl"
    path.write_text(GOOD)
    with Node(KVD, "--aclfile", str(path)) as node:
        assert node("ACL", "USERS") == [b"bob", b"default"] and node("AUTH", "bob", "p") == b"OK"
        assert "immutable" in str(node.connected()("CONFIG", "SET", "aclfile", "x"))
    path.write_text(BAD)
    done = serve("--port", "0", "--aclfile", str(path))
    assert done.returncode == 1 and TOLD.format(path) in done.stderr


def test_users_of_the_configuration(tmp_path):
    path = tmp_path / "kvd.conf"
    path.write_text('user bob on >p (+get ~a) "~x"\nuser default on >foo ~* &* +@all\nsave ""\n')
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "kvd", "serve", str(path), "--port", str(port)], stdout=subprocess.DEVNULL)
    try:

        def connected():
            try:
                return Wire(("127.0.0.1", port))
            except OSError:
                return None

        wire = eventually(connected)
        assert "NOAUTH" in str(wire("PING")) and wire("AUTH", "foo") == b"OK"
        assert [line.split(b" ")[1] for line in wire("ACL", "LIST")] == [b"bob", b"default"]
        assert wire("ACL", "SETUSER", "kim", "on", "~k") == b"OK" and wire("CONFIG", "REWRITE") == b"OK"
        wire.close()
    finally:
        process.kill()
        process.wait()
    lines = path.read_text().splitlines()
    assert [line.split(" ")[1] for line in lines if line.startswith("user ")] == ["bob", "default", "kim"] and ">p" not in path.read_text()
    again = kvd.Store()
    for line in lines:
        if line.startswith("user "):
            declare_user(again, line.removeprefix("user "))
    session = again.session()
    assert session.execute("AUTH", "bob", "p") == b"OK" and session.execute("GET", "a") is None


@pytest.mark.parametrize(("text", "told"), [
    ("user bob on +xx\n", "Error loading ACL rule '+xx' for the user named 'bob': Unknown command or category name in ACL"),
    ("user bob on\nuser bob off\n", "Error in user declaration 'bob': Duplicate user found. A user can only be defined once in config files"),
    ("user bob on\naclfile /dev/null\n", "but not both"), ("user bob (+get\n", "Unmatched parenthesis"), ("user\n", "wrong number of arguments"),
])  # fmt: skip
def test_wrong_users_stop_the_start(tmp_path, text, told):
    path = tmp_path / "kvd.conf"
    path.write_text(text)
    done = serve(str(path), "--port", "0")
    assert done.returncode == 1 and told in done.stderr
