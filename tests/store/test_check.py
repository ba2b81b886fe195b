"""The invariants between structures, after changes that move timers, values and whole databases."""

import contextlib
import random

import pytest

import kvd

FILL = ["SET s v", "RPUSH l a b", "SADD t 1 2", "ZADD z 1 a", "HSET h f v g w", "XADD x 1-1 f v", "SET d v EX 100", "HEXPIRE h 100 FIELDS 1 f"]
TYPES = "sltzhxd"


def sound(store):
    return store.execute("DEBUG", "CHECK") == b"OK"


@pytest.fixture
def filled():
    store = kvd.Store(enable_debug_command="yes")
    store.clock.freeze(1_000_000)
    for line in FILL:
        store.execute(*line.split())
    return store


@pytest.mark.parametrize("line", [
    "EXPIRE h 50", "PERSIST d", "RENAME d h", "RENAME h d", "COPY h other", "COPY d h REPLACE", "MOVE h 1", "MOVE d 1", "SWAPDB 0 1", "HPERSIST h FIELDS 1 f",
    "HDEL h f", "HDEL h f g", "HSET h f new", "DEL h d", "SET h v", "SET d w KEEPTTL", "GETEX d PERSIST", "FLUSHDB", "HEXPIRE h 0 FIELDS 1 f", "HGETDEL h FIELDS 2 f g",
    "LPOP l 2", "SPOP t 2", "ZREMRANGEBYRANK z 0 -1", "XDEL x 1-1", "SMOVE t u 1", "LMOVE l l LEFT RIGHT", "SDIFFSTORE t t t", "ZINTERSTORE z 2 z none",
])  # fmt: skip
def test_a_change_leaves_the_store_sound(filled, line):
    filled.execute(*line.split())
    assert sound(filled)
    filled.clock.advance(1000)
    filled.execute("TOUCH", *TYPES)                            # what has expired goes
    assert sound(filled)


def test_it_looks_at_every_database(filled):
    for db in (1, 15):
        filled.execute("COPY", "h", "h", "DB", db)
        filled.execute("COPY", "d", "d", "DB", db)
    assert sound(filled)
    filled.execute("FLUSHALL")
    assert sound(filled) and filled.dbsize() == 0


def test_a_random_life(filled):
    """Keys of all types get deadlines, lose them, and change places."""
    chance = random.Random(1)
    names = [*TYPES, "a", "b"]
    for i in range(3000):
        one, other = chance.choice(names), chance.choice(names)
        line = chance.choice([
            f"EXPIRE {one} {chance.randrange(1, 60)}", f"PERSIST {one}", f"COPY {one} {other} REPLACE", f"DEL {one}", f"SWAPDB 0 {chance.randrange(3)}",
            f"MOVE {one} 1", "RANDOMKEY", chance.choice(FILL), f"HEXPIRE {one} {chance.randrange(1, 60)} FIELDS 2 f g", f"HSET {one} f {i}", f"HDEL {one} f",
        ])  # fmt: skip
        with contextlib.suppress(kvd.ResponseError):       # another type, or the same key
            filled.execute(*line.split())
        if i % 50 == 0:
            filled.clock.advance(10)
        assert i % 20 or sound(filled), line
