"""The work that is interrupted: from a seed always the same steps. Each step is one command, script or transaction, which is
in the log whole or not at all. What a step does depends on the steps before it alone, not on time or chance."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import kvd

FAR = 4_000_000_000_000                # milliseconds since 1970: no deadline passes
DATABASES = [0, 0, 0, 0, 3, 7]
SCRIPTS = [
    "redis.call('set', KEYS[1], ARGV[1]) redis.call('rpush', KEYS[2], ARGV[1], 'b') return redis.call('ltrim', KEYS[2], -20, -1)",
    "for i = 1, 5 do redis.pcall('sadd', KEYS[1], i .. ARGV[1]) end return redis.pcall('incr', KEYS[2])",
    "redis.call('select', 7) redis.call('set', KEYS[1], ARGV[1]) redis.call('select', 3) return redis.call('append', KEYS[2], 'x')",
    "redis.call('set', KEYS[1], ARGV[1]) error('stop')",
]

Words = tuple[Any, ...]
Step = tuple[int, list[Words]]         # database, commands; more than one: a transaction


class Dice(random.Random):
    n: int                             # of the step

    def key(self, kind: str) -> str:
        return f"{kind}{self.randrange(12)}"

    def value(self) -> bytes:
        return self.randbytes(self.choice([0, 3, 12, 40, 40, 300, 300, 300, 2000, 12000]))

    def members(self, most: int = 8) -> list[str]:
        return [f"m{self.randrange(60)}" for _ in range(self.randint(1, most))]


def string(d: Dice) -> Words:
    k = d.key("string")
    return d.choice([
        ("SET", k, d.value()), ("SET", k, d.randrange(10**6)), ("APPEND", k, d.randbytes(5)), ("SETRANGE", k, d.randrange(300), b"abc"), ("INCRBY", d.key("count"), d.randrange(99)),
        ("INCRBYFLOAT", d.key("float"), "0.25"), ("SETBIT", d.key("bits"), d.randrange(4000), 1), ("BITFIELD", d.key("bits"), "SET", "u8", d.randrange(300), 77),
        ("MSET", d.key("string"), "1", d.key("string"), d.value()), ("GETDEL", k), ("PFADD", d.key("hll"), *d.members()), ("SET", k, "late", "PXAT", FAR),
        ("SET", k, "gone", "PXAT", 1), ("GETEX", k, "PXAT", FAR + 5),
    ])  # fmt: skip


def hash_(d: Dice) -> Words:
    k = d.key("hash")
    return d.choice([
        ("HSET", k, *itertools.chain(*((m, d.randbytes(6)) for m in d.members(30)))), ("HDEL", k, *d.members()), ("HINCRBY", d.key("hcount"), "n", 3),
        ("HPEXPIREAT", k, FAR, "FIELDS", 1, "m1"), ("HPEXPIREAT", k, 1, "FIELDS", 1, "m2"), ("HPERSIST", k, "FIELDS", 1, "m1"), ("HSET", k, "m1", d.value()),
    ])  # fmt: skip


def list_(d: Dice) -> Words:
    k = d.key("list")
    return d.choice([
        ("RPUSH", k, *d.members(40)), ("LPUSH", k, d.value()), ("LTRIM", k, 0, 60), ("LPOP", k, 2), ("LSET", k, 0, "new"), ("LREM", k, 0, "m7"),
        ("LMOVE", k, d.key("list"), "LEFT", "RIGHT"), ("LINSERT", k, "BEFORE", "m3", "x"),
    ])  # fmt: skip


def set_(d: Dice) -> Words:
    k = d.key("set")
    return d.choice([
        ("SADD", k, *d.members(40)), ("SADD", k, *(str(d.randrange(900)) for _ in range(20))), ("SREM", k, *d.members()), ("SMOVE", k, d.key("set"), "m4"),
        ("SUNIONSTORE", k, d.key("set"), d.key("set")), ("SPOP", k, 100000),
    ])  # fmt: skip


def zset(d: Dice) -> Words:
    k = d.key("zset")
    return d.choice([
        ("ZADD", k, *itertools.chain(*((d.randrange(1000) / 8, m) for m in d.members(40)))), ("ZINCRBY", k, "1.5", "m5"), ("ZREM", k, *d.members()), ("ZPOPMIN", k, 2),
        ("ZREMRANGEBYRANK", k, 50, -1), ("GEOADD", d.key("geo"), d.randrange(80), d.randrange(80), "place"), ("ZUNIONSTORE", k, 2, d.key("zset"), d.key("zset")),
    ])  # fmt: skip


def stream(d: Dice) -> Words:
    k = d.key("stream")
    return d.choice([
        ("XADD", k, f"{d.n}-1", "f", d.randbytes(9)), ("XADD", k, f"{d.n}-2", "a", "1", "b", d.value()), ("XTRIM", k, "MAXLEN", 30), ("XGROUP", "CREATE", k, "g", "0", "MKSTREAM"),
        ("XREADGROUP", "GROUP", "g", "alice", "COUNT", 2, "STREAMS", k, ">"), ("XDEL", k, f"{d.n - 40}-1"), ("XSETID", k, f"{d.n}-9"),
    ])  # fmt: skip


def array(d: Dice) -> Words:
    k = d.key("array")
    return d.choice([
        ("ARMSET", k, *itertools.chain(*((d.choice([d.randrange(300), d.randrange(2**40)]), m) for m in d.members(40)))), ("ARSET", k, d.randrange(200), *d.members(40)), ("ARINSERT", k, *d.members(20)),
        ("ARINSERT", k, d.value()), ("ARRING", k, d.randrange(1, 60), *d.members()), ("ARDEL", k, *range(d.randrange(1, 9))), ("ARDELRANGE", k, d.randrange(300), d.randrange(2**40)), ("ARSEEK", k, d.randrange(99)),
    ])  # fmt: skip


def any_key(d: Dice) -> Words:
    kind = d.choice(["string", "hash", "list", "set", "zset", "stream", "array"])
    k = d.key(kind)
    return d.choice([
        ("DEL", k), ("UNLINK", k, d.key(kind)), ("RENAME", k, d.key(kind)), ("COPY", k, d.key(kind), "REPLACE"), ("COPY", k, k, "DB", 3, "REPLACE"), ("MOVE", k, 7),
        ("PEXPIREAT", k, FAR), ("PEXPIREAT", k, 1), ("PERSIST", k), ("SORT", d.key("list"), "ALPHA", "STORE", "list0"),
    ])  # fmt: skip


def script(d: Dice) -> Words:
    return ("EVAL", d.choice(SCRIPTS), 2, d.key("string"), d.choice(["list0", "list1", "count1", d.key("string")]), d.randbytes(4).hex())


def rare(d: Dice) -> Words:
    return d.choice([
        ("FLUSHDB",), ("SWAPDB", 3, 7), ("FLUSHALL", "ASYNC"), ("FLUSHDB", "ASYNC"), ("FUNCTION", "LOAD", "REPLACE", "#!lua name=l\nredis.register_function('f', function() return 1 end)"),
        ("PUBLISH", "channel", "x"), ("GET", "string0"),
    ])  # fmt: skip


FAMILIES = [string, hash_, list_, set_, zset, stream, array, any_key, script]


def step(seed: int, n: int) -> Step:
    """The n-th step, from 0."""
    d = Dice(seed * 1_000_003 + n)
    d.n = n
    db = d.choice(DATABASES)
    if d.random() < 0.003:
        return db, [rare(d)]
    if d.random() < 0.15:
        return db, [d.choice(FAMILIES[:-1])(d) for _ in range(d.randint(2, 5))]
    return db, [d.choice(FAMILIES)(d)]


class RefusedError(Exception):
    """The step was not executed, and may be run again."""


def run_step(session: kvd.Session, work: Step) -> None:
    """Runs it. Error replies are a part of the work. Raises RefusedError; OSError: it was executed, and is not in the log."""
    db, commands = work
    before(session, [("SELECT", db)])
    if len(commands) == 1:
        run(session, commands[0])
        return
    before(session, [("MULTI",), *commands])
    run(session, ("EXEC",))


def before(session: kvd.Session, commands: list[Words]) -> None:
    """What changes nothing yet."""
    try:
        for words in commands:
            run(session, words)
    except OSError as error:
        raise RefusedError(str(error)) from error
    except RefusedError:
        if commands[0] == ("MULTI",):
            session.execute("DISCARD")
        raise


def run(session: kvd.Session, words: Words) -> None:
    try:
        session.execute(*words)
    except kvd.ResponseError as error:
        if "MISCONF" in str(error):
            raise RefusedError(str(error)) from error


class Model:
    """The digests of what the store must hold after each number of steps."""

    def __init__(self, seed: int, known: int = 0) -> None:
        """known: the number of steps whose digests are all kept."""
        self.seed = seed
        self.store = kvd.Store(enable_debug_command="yes")
        self.session = self.store.session()
        self.steps = 0
        self.digests: dict[int, bytes] = {0: digest(self.session)}
        self.match(b"", 0, known)

    def match(self, found: bytes, least: int, most: int) -> int | None:
        """A number of steps, from least to most, after which the digest is this one; or None. The digests of numbers below an earlier
        least are known no more."""
        while self.steps < most:
            run_step(self.session, step(self.seed, self.steps))
            self.steps += 1
            if self.steps >= least:
                self.digests[self.steps] = digest(self.session)
        return next((n for n in range(most, least - 1, -1) if self.digests[n] == found), None)


def digest(session: kvd.Session) -> bytes:
    found: bytes = session.execute("DEBUG", "DIGEST")
    return found


def steps(seed: int, begin: int) -> Iterator[tuple[int, Step]]:
    return ((n, step(seed, n)) for n in itertools.count(begin))
