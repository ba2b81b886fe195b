"""The greeting of a master, and its answers that are no invitation."""

import socket
import time

import pytest

import kvd

from ..waiting import eventually
from .node import KVD, Node
from .tap import Caller, Master, info, is_up, snapshot, up


def refused(follower, serve):
    with Master(serve) as master:
        with pytest.raises(TimeoutError) as raised:
            follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=0.4)
        follower.promote()
        return str(raised.value)


def test_what_is_said(follower):
    follower.configure("replica-announce-ip", "10.1.2.3")
    follower.configure("replica-announce-port", 7000)

    def serve(caller):
        caller.greet()
        caller.full(snapshot(a="1"))
        caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://user:secret@127.0.0.1:{master.port}", timeout=60)
        assert follower.get("a") == b"1"
        said = [tuple(words) for words in master.requests]
        assert said[0] == (b"PING",) and said[1] == (b"AUTH", b"user", b"secret")
        assert {(b"REPLCONF", b"listening-port", b"7000"), (b"REPLCONF", b"ip-address", b"10.1.2.3"), (b"REPLCONF", b"capa", b"eof", b"capa", b"psync2")} <= set(said)
        assert said[-1] == (b"PSYNC", b"?", b"-1")


def test_a_wrong_password_is_told(follower):
    def serve(caller):
        assert caller.words() == [b"PING"]
        caller.send(b"-NOAUTH Authentication required.\r\n")
        assert caller.words() == [b"AUTH", b"wrong"]
        caller.send(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
        caller.hold()

    with Master(serve) as master, pytest.raises(TimeoutError, match="Unable to AUTH to MASTER: -WRONGPASS"):
        follower.replicate_from(f"redis://:wrong@127.0.0.1:{master.port}", timeout=0.4)


@pytest.mark.parametrize(("answer", "told"), [
    (b"-NOMASTERLINK Can't SYNC while not connected with my master\r\n", "NOMASTERLINK"), (b"+FULLRESYNC short 0\r\n", "wrong"), (b"+FULLRESYNC " + b"a" * 40 + b" x\r\n", "wrong"),
    (b"+FULLRESYNC " + b"a" * 40 + b" -5\r\n", "wrong"), (b"garbage\r\n", "garbage"), (b"x" * 70_000, ""), (b"", ""),
])  # fmt: skip
def test_other_answers_to_psync_are_tried_again(follower, answer, told):
    follower.set("mine", "1")

    def serve(caller):
        caller.greet()
        caller.send(answer)

    assert told in refused(follower, serve)
    assert follower.get("mine") == b"1" and follower.set("mine", "2")


def test_answers_to_the_greeting_that_are_errors(follower):
    assert "-LOADING" in refused(follower, lambda caller: caller.send(b"-LOADING Redis is loading the dataset in memory\r\n"))

    def old(caller):
        """A master that knows no REPLCONF."""
        while True:
            words = caller.words()
            if words[0] == b"PSYNC":
                break
            caller.send(b"+PONG\r\n" if words == [b"PING"] else b"-ERR unknown command\r\n")
        caller.full(snapshot(a="1"))
        caller.hold()

    with Master(old) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)


def test_an_address_where_nobody_listens(follower):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TimeoutError, match="Connection refused"):
        follower.replicate_from(f"redis://127.0.0.1:{port}", timeout=0.4)
    with pytest.raises(TimeoutError):
        follower.replicate_from("redis://no.such.host.invalid:1", timeout=0.4)
    assert info(follower)["master_link_status"] == "down"


def test_a_master_that_says_nothing_times_out(follower):
    follower.configure("repl-timeout", 1)
    with Master(Caller.hold) as master:
        with pytest.raises(TimeoutError):
            follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=0.2)
        eventually(lambda: not is_up(follower) and int(info(follower)["master_link_down_since_seconds"]) >= 1)
        begun = time.monotonic()
        follower.promote()
        follower.close()
        assert time.monotonic() - begun < 20


def test_a_unix_socket(follower, tmp_path):
    origin = kvd.Store(repl_diskless_sync_delay=0)
    origin.set("a", "1")
    with origin.serve(unix_path=str(tmp_path / "s")):
        follower.replicate_from(f"unix://{tmp_path}/s", timeout=60)
        up(follower)
        assert follower.get("a") == b"1"


@pytest.mark.parametrize("id", [b"\xb5" * 40, b"a" * 39 + b"\x01", b"a" * 39])
def test_an_id_that_is_not_a_word_is_refused(follower, id):
    def serve(caller):
        caller.greet()
        caller.full(snapshot(a="1"), 100, id if len(caller.master.requests) < 8 else b"a" * 40)
        caller.hold()

    with Master(serve) as master:
        follower.replicate_from(f"redis://127.0.0.1:{master.port}", timeout=60)
        assert info(follower)["master_replid"] == "a" * 40


def test_what_the_master_does_not_know_is_named_in_the_log():
    def serve(caller):
        while (words := caller.words())[0] != b"PSYNC":
            caller.send(b"-ERR no such option\r\n" if words[0] == b"REPLCONF" else b"+OK\r\n")
        caller.full(snapshot(a="1"))
        caller.hold()

    with Master(serve) as master, Node(KVD) as node:
        node.follow(master.port)
        eventually(lambda: node.info()["master_link_status"] == "up")
        assert all(f"does not understand REPLCONF {option}: -ERR no such option\n" in node.said() for option in ("listening-port", "capa", "version"))
