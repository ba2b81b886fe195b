"""The store below: commits that run whole or not at all, and reads of an index."""

import pytest

import kvd
from kvd.diskcache.space import FAR, GONE, Batch, Space


@pytest.fixture
def space():
    return Space(kvd.Store())


def test_a_commit_runs_all_commands_or_none(space):
    space.commit([])
    space.commit([("SET", "a", "1")])
    with pytest.raises(kvd.ResponseError):
        space.commit([("SET", "a", "2"), ("SET", "b")])
    assert space.fetch(b"a") == b"1"
    space.commit([("SET", "a", "2"), ("SELECT", 1), ("SADD", "t", "x"), ("SELECT", 0), ("SET", "b", "3")])
    assert space.fetch(b"a") == b"2" and space.fetch(b"b") == b"3" and space.index.execute("SMEMBERS", "t") == {b"x"}
    assert space.store.dbsize() == 2


def test_names_are_all_keys_each_once(space):
    for n in range(3000):
        space.put(b"%d" % n, b"entry", None)
    assert sorted(space.names()) == sorted(b"%d" % n for n in range(3000))
    assert set(space.heads(2)) == {(b"%d" % n, b"en") for n in range(3000)}


def test_deadlines(space):
    with space.store.clock.frozen():
        now = space.now()
        space.put(b"a", b"1", None)
        space.put(b"b", b"1", now + 5000)
        space.put_for(b"c", b"1", 7000)
        assert [space.deadline(name) for name in (b"a", b"b", b"c", b"d")] == [None, now + 5000, now + 7000, GONE]
        space.bounded = True
        space.put(b"a", b"1", None)
        assert space.deadline(b"a") is None and space.execute("PEXPIRETIME", "a") == FAR


def test_facts_about_the_file_outlive_a_clear(space):
    space.know(b"x", True)
    batch = Batch(space)
    batch.clear()
    batch.put(b"a", b"1", None)
    batch.commit()
    assert space.known(b"x") and not space.known(b"y") and space.fetch(b"a") == b"1"
    space.know(b"x", False)
    assert not space.known(b"x")


def test_a_batch_sees_itself_and_the_store_below(space):
    space.put(b"a", b"12345", None)
    space.index.execute("SADD", b"tT", b"a", b"b")
    space.index.execute("ZADD", b"qQ", 1, 1, 2, 2, 3, 3)
    batch = Batch(space)
    assert batch.fetch(b"a") == b"12345" and batch.head(b"a", 2) == b"12" and batch.head(b"no", 2) == b""
    batch.mark(b"T", b"a", False)
    batch.mark(b"T", b"c", True)
    assert batch.tagged(b"T", 5) == [b"b", b"c"]
    batch.line(b"Q", 1, False)
    batch.line(b"Q", 4, True)
    assert (batch.edge(b"Q", False), batch.edge(b"Q", True), batch.edge(b"none", True)) == (2, 4, None)
    batch.line(b"Q", 4, False)
    batch.line(b"Q", 3, False)
    assert batch.edge(b"Q", True) == 2
    batch.remove(b"a")
    assert batch.fetch(b"a") is None and batch.deadline(b"a") == GONE and list(batch.names()) == [] and batch.head(b"a", 2) == b""
    batch.clear()
    batch.put(b"z", b"9", None)
    assert list(batch.names()) == [b"z"] and batch.tagged(b"T", 5) == [] and batch.edge(b"Q", True) is None
    assert space.fetch(b"a") == b"12345"


def test_an_interrupted_commit_leaves_the_session_usable(space):
    class Session:
        def __init__(self, real):
            self.real, self.left = real, 2

        def execute(self, *words):
            reply = self.real.execute(*words)
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return reply

    real = space.writer
    for left in (1, 2, 4):
        space.writer = Session(real)
        space.writer.left = left
        with pytest.raises(KeyboardInterrupt):
            space.commit([("SET", "a", left), ("SET", "b", left)])
        space.writer = real
        space.commit([("SET", "c", left), ("SET", "d", left)])
        assert space.fetch(b"d") == b"%d" % left
    assert space.fetch(b"a") == b"4"  # interrupted after EXEC
