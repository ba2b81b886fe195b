"""Sorted sets: members in order of their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, flat, option, scanning, tuples, words

Score = float | int | str  # also "-inf", "+inf", "(1.5" for an open bound
Keys = list[Key] | tuple[Key, ...] | Mapping[Any, float]  # with weights if a mapping


def _operands(keys: Keys, aggregate: str | None, withscores: bool = False) -> list[Any]:
    words_: list[Any] = [len(keys), *keys]
    if isinstance(keys, Mapping):
        words_ += ["WEIGHTS", *keys.values()]
    return [*words_, *option("AGGREGATE", aggregate), *words(withscores=withscores)]


def _limit(start: int | None, num: int | None) -> list[Any]:
    if (start is None) != (num is None):
        raise ValueError("start and num go together")
    return [] if start is None else ["LIMIT", start, num]


class ZsetMethods(Methods):
    def zadd(
        self,
        name: Key,
        mapping: Mapping[Any, float],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
        incr: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        """Add members by {member: score}, or move them; returns how many are new. O(log N) each.

        nx, xx: only new, only known ones. gt, lt: move only up, only down. ch: count those moved too. incr: add to
        the score of the one member, and return the sum, or None if a condition did not hold."""
        flags = words(nx=nx, xx=xx, gt=gt, lt=lt, ch=ch, incr=incr)
        items: list[Any] = []
        for member, score in mapping.items():
            items += [score, member]
        return self.execute("ZADD", name, *flags, *items)

    def zincrby(self, name: Key, amount: float, value: Value) -> float:
        """Add to the score of a member (0 if missing); returns the sum. O(log N)."""
        return self.execute("ZINCRBY", name, amount, value)

    def zscore(self, name: Key, value: Value) -> float | None:
        """Score of a member, or None. O(1)."""
        return self.execute("ZSCORE", name, value)

    def zmscore(self, key: Key, members: list[Value]) -> list[float | None]:
        """Scores of members. O(N)."""
        return self.execute("ZMSCORE", key, *members)

    def zcard(self, name: Key) -> int:
        """Number of members. O(1)."""
        return self.execute("ZCARD", name)

    def zcount(self, name: Key, min: Score, max: Score) -> int:
        """How many have a score between two. O(log N)."""
        return self.execute("ZCOUNT", name, min, max)

    def zlexcount(self, name: Key, min: Value, max: Value) -> int:
        """How many stand between two members, given as "[a", "(a", "-" or "+". O(log N)."""
        return self.execute("ZLEXCOUNT", name, min, max)

    def zrank(self, name: Key, value: Value, withscore: bool = False) -> Any:
        """Position from the lowest score, or None; withscore: [position, score]. O(log N)."""
        return self.execute("ZRANK", name, value, *words(withscore=withscore))

    def zrevrank(self, name: Key, value: Value, withscore: bool = False) -> Any:
        """Position from the highest score, or None; withscore: [position, score]. O(log N)."""
        return self.execute("ZREVRANK", name, value, *words(withscore=withscore))

    def _range(self, withscores: bool, score_cast_func: Any, *args: Any) -> list[Any]:
        reply = self.execute(*args, *words(withscores=withscores))
        if not withscores:
            return reply
        return [(member, score_cast_func(score)) for member, score in reply]

    def zrange(
        self,
        name: Key,
        start: Any,
        end: Any,
        desc: bool = False,
        withscores: bool = False,
        score_cast_func: Any = float,
        byscore: bool = False,
        bylex: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> list[Any]:
        """Members from start to end, both included: positions, scores (byscore) or members (bylex).

        desc: from the highest. offset, num: a part of the range. withscores: (member, score) pairs. O(log N + M)."""
        how = [*words(byscore=byscore, bylex=bylex, rev=desc), *_limit(offset, num)]
        return self._range(withscores, score_cast_func, "ZRANGE", name, start, end, *how)

    def zrevrange(self, name: Key, start: int, end: int, withscores: bool = False, score_cast_func: Any = float) -> list[Any]:
        """Members by position, the highest score first."""
        return self._range(withscores, score_cast_func, "ZREVRANGE", name, start, end)

    def zrangebyscore(
        self,
        name: Key,
        min: Score,
        max: Score,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
        score_cast_func: Any = float,
    ) -> list[Any]:
        """Members with scores between two, the lowest first."""
        return self._range(withscores, score_cast_func, "ZRANGEBYSCORE", name, min, max, *_limit(start, num))

    def zrevrangebyscore(
        self,
        name: Key,
        max: Score,
        min: Score,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
        score_cast_func: Any = float,
    ) -> list[Any]:
        """Members with scores between two, the highest first."""
        return self._range(withscores, score_cast_func, "ZREVRANGEBYSCORE", name, max, min, *_limit(start, num))

    def zrangebylex(self, name: Key, min: Value, max: Value, start: int | None = None, num: int | None = None) -> list[Text]:
        """Members between two, given as "[a", "(a", "-" or "+"; all scores must be the same."""
        return self.execute("ZRANGEBYLEX", name, min, max, *_limit(start, num))

    def zrevrangebylex(self, name: Key, max: Value, min: Value, start: int | None = None, num: int | None = None) -> list[Text]:
        """The same from the highest."""
        return self.execute("ZREVRANGEBYLEX", name, max, min, *_limit(start, num))

    def zrangestore(
        self,
        dest: Key,
        name: Key,
        start: Any,
        end: Any,
        byscore: bool = False,
        bylex: bool = False,
        desc: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> int:
        """Store what zrange returns; returns how many."""
        how = [*words(byscore=byscore, bylex=bylex, rev=desc), *_limit(offset, num)]
        return self.execute("ZRANGESTORE", dest, name, start, end, *how)

    def zrem(self, name: Key, *values: Value) -> int:
        """Remove members; returns how many there were. O(log N) each."""
        return self.execute("ZREM", name, *values)

    def zremrangebyrank(self, name: Key, min: int, max: int) -> int:
        """Remove members by position; returns how many."""
        return self.execute("ZREMRANGEBYRANK", name, min, max)

    def zremrangebyscore(self, name: Key, min: Score, max: Score) -> int:
        """Remove members by score; returns how many."""
        return self.execute("ZREMRANGEBYSCORE", name, min, max)

    def zremrangebylex(self, name: Key, min: Value, max: Value) -> int:
        """Remove members between two; returns how many."""
        return self.execute("ZREMRANGEBYLEX", name, min, max)

    def zpopmin(self, name: Key, count: int | None = None) -> list[tuple[Any, ...]]:
        """Remove the lowest members (one, or count): (member, score) pairs. O(log N) each."""
        return tuples(self.execute("ZPOPMIN", name, 1 if count is None else count))

    def zpopmax(self, name: Key, count: int | None = None) -> list[tuple[Any, ...]]:
        """Remove the highest members (one, or count): (member, score) pairs. O(log N) each."""
        return tuples(self.execute("ZPOPMAX", name, 1 if count is None else count))

    def bzpopmin(self, keys: Key | list[Key], timeout: float = 0) -> tuple[Any, ...] | None:
        """The lowest member of the first sorted set there is, waiting for one: (key, member, score), or None.

        timeout: seconds; 0 waits for ever. Other threads run meanwhile."""
        reply = self.execute("BZPOPMIN", *flat(keys), timeout or 0)
        return None if reply is None else tuple(reply)

    def bzpopmax(self, keys: Key | list[Key], timeout: float = 0) -> tuple[Any, ...] | None:
        """The highest member, as bzpopmin."""
        reply = self.execute("BZPOPMAX", *flat(keys), timeout or 0)
        return None if reply is None else tuple(reply)

    def zmpop(self, num_keys: int, keys: list[Key], min: bool = False, max: bool = False, count: int | None = 1) -> Any:
        """Remove members of the first sorted set there is: [key, [[member, score], ...]], or None."""
        return self.execute("ZMPOP", num_keys, *keys, _side(min, max), *option("COUNT", count))

    def bzmpop(
        self, timeout: float, numkeys: int, keys: list[Key], min: bool = False, max: bool = False, count: int | None = 1
    ) -> Any:
        """As zmpop, waiting for a sorted set; timeout in seconds, 0 waits for ever."""
        return self.execute("BZMPOP", timeout, numkeys, *keys, _side(min, max), *option("COUNT", count))

    def zunion(
        self, keys: Keys, aggregate: str | None = None, withscores: bool = False, score_cast_func: Any = float
    ) -> list[Any]:
        """Members that any sorted set has. keys: a list, or {key: weight}; aggregate: SUM, MIN or MAX of their scores."""
        reply = self.execute("ZUNION", *_operands(keys, aggregate, withscores))
        return [(m, score_cast_func(s)) for m, s in reply] if withscores else reply

    def zinter(self, keys: Keys, aggregate: str | None = None, withscores: bool = False) -> list[Any]:
        """Members that all sorted sets have; arguments as of zunion."""
        reply = self.execute("ZINTER", *_operands(keys, aggregate, withscores))
        return tuples(reply) if withscores else reply

    def zdiff(self, keys: list[Key], withscores: bool = False) -> list[Any]:
        """Members of the first sorted set that no other has."""
        reply = self.execute("ZDIFF", *_operands(keys, None, withscores))
        return tuples(reply) if withscores else reply

    def zunionstore(self, dest: Key, keys: Keys, aggregate: str | None = None) -> int:
        """Store what zunion returns; returns how many."""
        return self.execute("ZUNIONSTORE", dest, *_operands(keys, aggregate))

    def zinterstore(self, dest: Key, keys: Keys, aggregate: str | None = None) -> int:
        """Store what zinter returns; returns how many."""
        return self.execute("ZINTERSTORE", dest, *_operands(keys, aggregate))

    def zdiffstore(self, dest: Key, keys: list[Key]) -> int:
        """Store what zdiff returns; returns how many."""
        return self.execute("ZDIFFSTORE", dest, *_operands(keys, None))

    def zintercard(self, numkeys: int, keys: list[Key], limit: int = 0) -> int:
        """How many members all sorted sets have, counted up to limit (0: all)."""
        return self.execute("ZINTERCARD", numkeys, *keys, "LIMIT", limit)

    def zrandmember(self, key: Key, count: int | None = None, withscores: bool = False) -> Any:
        """A random member, or None; with count a list of different ones, if negative perhaps repeated ones."""
        reply = self.execute("ZRANDMEMBER", key, *([] if count is None else [count]), *words(withscores=withscores))
        return tuples(reply) if withscores else reply

    def zscan(
        self,
        name: Key,
        cursor: int = 0,
        match: Value | None = None,
        count: int | None = None,
        score_cast_func: Any = float,
    ) -> tuple[int, list[tuple[Text, Any]]]:
        """A step of an iteration: (next cursor, (member, score) pairs); the cursor is 0 at the end."""
        at, found = self.execute("ZSCAN", name, *scanning(cursor, match, count))
        return int(at), [(m, score_cast_func(s)) for m, s in zip(found[::2], found[1::2], strict=True)]

    def zscan_iter(
        self, name: Key, match: Value | None = None, count: int | None = None, score_cast_func: Any = float
    ) -> Iterator[tuple[Text, Any]]:
        """Iterate over (member, score); one that stays is seen, perhaps twice."""
        cursor = -1
        while cursor:
            cursor, found = self.zscan(name, max(cursor, 0), match, count, score_cast_func)
            yield from found


def _side(min: bool, max: bool) -> str:
    if min == max:
        raise ValueError("either min or max")
    return "MIN" if min else "MAX"
