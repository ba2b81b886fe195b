"""Flags of scripts (`#!lua flags=...`) decide, before a script runs, where it may."""

import pytest

import kvd

from ..compat.wire import Wire


def shebang(flags, body="return 1"):
    return f"#!lua flags={flags}\n{body}" if flags else f"#!lua\n{body}"


@pytest.mark.parametrize("flags", ["no-writes", "no-writes,allow-stale", "no-writes,allow-oom,no-cluster"])
def test_no_writes(peer, flags):
    assert peer("EVAL", shebang(flags, "return redis.call('get', 'k')"), 0) is None
    assert "Write commands are not allowed from read-only scripts" in str(peer("EVAL", shebang(flags, "return redis.call('set', 'k', 'v')"), 0))
    assert peer("EVAL_RO", shebang(flags, "return 7"), 0) == 7 and peer("EXISTS", "k") == 0


def test_only_such_scripts_are_for_eval_ro(peer):
    assert str(peer("EVAL_RO", shebang(""), 0)) == "ERR Can not execute a script with write flag using *_ro command."
    assert peer("EVAL_RO", "return 1", 0) == 1                   # without #! it is tried


def test_unknown_flags_and_engines(peer):
    assert "Unexpected flag in script shebang: nope" in str(peer("EVAL", shebang("nope"), 0))
    assert isinstance(peer("EVAL", "#!python\nreturn 1", 0), Exception) and isinstance(peer("EVAL", "#!lua name=x\nreturn 1", 0), Exception)


def test_a_script_that_does_not_write_is_not_paused(peer):
    """CLIENT PAUSE WRITE holds writes back: a script counts as one unless it says that it is none."""
    admin, reader, writer = peer.open(), peer.open(), peer.open()
    admin("CLIENT", "PAUSE", 60_000, "WRITE")
    assert reader("EVAL", shebang("no-writes", "return redis.call('exists', 'k')"), 0) == 0
    writer.send(Wire.frame(("EVAL", shebang("", "return redis.call('set', 'k', 'v')"), 0)))
    assert reader("EVAL_RO", "return redis.call('exists', 'k')", 0) == 0
    admin("CLIENT", "UNPAUSE")
    assert writer.read() == b"OK"


def test_cluster_flags():
    store = kvd.Store(cluster_enabled=True)
    two = "redis.call('set', 'a', 1) return redis.call('set', 'b', 2)"
    with pytest.raises(kvd.ResponseError, match="do not hash to the same slot|different slots|same slot"):
        store.eval(shebang("", two), 0)
    assert store.eval(shebang("allow-cross-slot-keys", two), 0) == b"OK"
    with pytest.raises(kvd.ResponseError, match="Can not run script on cluster, 'no-cluster' flag is set"):
        store.eval(shebang("no-cluster"), 0)
    with pytest.raises(kvd.ResponseError):
        store.eval(shebang("allow-cross-slot-keys", "return redis.call('mget', 'a', 'b')"), 2, "a", "b")


def test_a_known_script_keeps_its_flags(peer):
    sha = peer("SCRIPT", "LOAD", shebang("no-writes", "return redis.call('set', 'k', 'v')"))
    assert "read-only scripts" in str(peer("EVALSHA", sha, 0)) and peer("EXISTS", "k") == 0
