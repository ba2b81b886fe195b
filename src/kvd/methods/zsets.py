"""Sorted sets."""

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
        raise ValueError("start and num must be given together")
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
        """Add members or change their scores, given as {member: score}; returns the number added. O(log N) each.

        nx, xx: only new, only existing members. gt, lt: only if the score becomes higher, lower. ch: also count changed
        scores. incr: add to the score of a single member and return it, or None if a condition is not met."""
        flags = words(nx=nx, xx=xx, gt=gt, lt=lt, ch=ch, incr=incr)
        items: list[Any] = []
        for member, score in mapping.items():
            items += [score, member]
        return self.execute("ZADD", name, *flags, *items)

    def zincrby(self, name: Key, amount: float, value: Value) -> float:
        """Add to the score of a member (0 if missing); returns the result. O(log N)."""
        return self.execute("ZINCRBY", name, amount, value)

    def zscore(self, name: Key, value: Value) -> float | None:
        """Return the score of a member, or None. O(1)."""
        return self.execute("ZSCORE", name, value)

    def zmscore(self, key: Key, members: list[Value]) -> list[float | None]:
        """Return the scores of members. O(N)."""
        return self.execute("ZMSCORE", key, *members)

    def zcard(self, name: Key) -> int:
        """Return the number of members. O(1)."""
        return self.execute("ZCARD", name)

    def zcount(self, name: Key, min: Score, max: Score) -> int:
        """Return the number of members with scores between min and max. O(log N)."""
        return self.execute("ZCOUNT", name, min, max)

    def zlexcount(self, name: Key, min: Value, max: Value) -> int:
        """Return the number of members between min and max, given as "[a", "(a", "-" or "+". O(log N)."""
        return self.execute("ZLEXCOUNT", name, min, max)

    def zrank(self, name: Key, value: Value, withscore: bool = False) -> Any:
        """Return the rank by ascending score, or None; withscore: [rank, score]. O(log N)."""
        return self.execute("ZRANK", name, value, *words(withscore=withscore))

    def zrevrank(self, name: Key, value: Value, withscore: bool = False) -> Any:
        """Return the rank by descending score, or None; withscore: [rank, score]. O(log N)."""
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
        """Return members from start to end, inclusive: ranks, scores (byscore) or members (bylex). O(log N + M).

        desc: descending. offset, num: limit of the range. withscores: (member, score) pairs."""
        how = [*words(byscore=byscore, bylex=bylex, rev=desc), *_limit(offset, num)]
        return self._range(withscores, score_cast_func, "ZRANGE", name, start, end, *how)

    def zrevrange(self, name: Key, start: int, end: int, withscores: bool = False, score_cast_func: Any = float) -> list[Any]:
        """Return members by rank, highest score first."""
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
        """Return members with scores between min and max, lowest first."""
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
        """Return members with scores between min and max, highest first."""
        return self._range(withscores, score_cast_func, "ZREVRANGEBYSCORE", name, max, min, *_limit(start, num))

    def zrangebylex(self, name: Key, min: Value, max: Value, start: int | None = None, num: int | None = None) -> list[Text]:
        """Return members between min and max, given as "[a", "(a", "-" or "+"; all scores must be equal."""
        return self.execute("ZRANGEBYLEX", name, min, max, *_limit(start, num))

    def zrevrangebylex(self, name: Key, max: Value, min: Value, start: int | None = None, num: int | None = None) -> list[Text]:
        """The same in descending order."""
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
        """Store the result of zrange; returns its size."""
        how = [*words(byscore=byscore, bylex=bylex, rev=desc), *_limit(offset, num)]
        return self.execute("ZRANGESTORE", dest, name, start, end, *how)

    def zrem(self, name: Key, *values: Value) -> int:
        """Remove members; returns the number removed. O(log N) each."""
        return self.execute("ZREM", name, *values)

    def zremrangebyrank(self, name: Key, min: int, max: int) -> int:
        """Remove members by rank; returns the number removed."""
        return self.execute("ZREMRANGEBYRANK", name, min, max)

    def zremrangebyscore(self, name: Key, min: Score, max: Score) -> int:
        """Remove members by score; returns the number removed."""
        return self.execute("ZREMRANGEBYSCORE", name, min, max)

    def zremrangebylex(self, name: Key, min: Value, max: Value) -> int:
        """Remove members between min and max; returns the number removed."""
        return self.execute("ZREMRANGEBYLEX", name, min, max)

    def zpopmin(self, name: Key, count: int | None = None) -> list[tuple[Any, ...]]:
        """Remove and return the members with the lowest scores (one, or count): (member, score) pairs. O(log N) each."""
        return tuples(self.execute("ZPOPMIN", name, 1 if count is None else count))

    def zpopmax(self, name: Key, count: int | None = None) -> list[tuple[Any, ...]]:
        """Remove and return the members with the highest scores (one, or count): (member, score) pairs. O(log N) each."""
        return tuples(self.execute("ZPOPMAX", name, 1 if count is None else count))

    def bzpopmin(self, keys: Key | list[Key], timeout: float = 0) -> tuple[Any, ...] | None:
        """As zpopmin of the first non-empty sorted set, blocking until there is one: returns (key, member, score), or None.

        timeout: seconds; 0: no limit. Other threads run while it waits."""
        reply = self.execute("BZPOPMIN", *flat(keys), timeout or 0)
        return None if reply is None else tuple(reply)

    def bzpopmax(self, keys: Key | list[Key], timeout: float = 0) -> tuple[Any, ...] | None:
        """As zpopmax, blocking as bzpopmin."""
        reply = self.execute("BZPOPMAX", *flat(keys), timeout or 0)
        return None if reply is None else tuple(reply)

    def zmpop(self, num_keys: int, keys: list[Key], min: bool = False, max: bool = False, count: int | None = 1) -> Any:
        """Remove members of the first non-empty sorted set: returns [key, [[member, score], ...]], or None."""
        return self.execute("ZMPOP", num_keys, *keys, _side(min, max), *option("COUNT", count))

    def bzmpop(
        self, timeout: float, numkeys: int, keys: list[Key], min: bool = False, max: bool = False, count: int | None = 1
    ) -> Any:
        """As zmpop, blocking until there is a member; timeout in seconds, 0: no limit."""
        return self.execute("BZMPOP", timeout, numkeys, *keys, _side(min, max), *option("COUNT", count))

    def zunion(
        self, keys: Keys, aggregate: str | None = None, withscores: bool = False, score_cast_func: Any = float
    ) -> list[Any]:
        """Return the union of sorted sets. keys: a list, or {key: weight}; aggregate: SUM, MIN or MAX of the scores."""
        reply = self.execute("ZUNION", *_operands(keys, aggregate, withscores))
        return [(m, score_cast_func(s)) for m, s in reply] if withscores else reply

    def zinter(self, keys: Keys, aggregate: str | None = None, withscores: bool = False) -> list[Any]:
        """Return the intersection of sorted sets; arguments as of zunion."""
        reply = self.execute("ZINTER", *_operands(keys, aggregate, withscores))
        return tuples(reply) if withscores else reply

    def zdiff(self, keys: list[Key], withscores: bool = False) -> list[Any]:
        """Return the members of the first sorted set that are in no other."""
        reply = self.execute("ZDIFF", *_operands(keys, None, withscores))
        return tuples(reply) if withscores else reply

    def zunionstore(self, dest: Key, keys: Keys, aggregate: str | None = None) -> int:
        """Store the union of sorted sets; returns its size."""
        return self.execute("ZUNIONSTORE", dest, *_operands(keys, aggregate))

    def zinterstore(self, dest: Key, keys: Keys, aggregate: str | None = None) -> int:
        """Store the intersection of sorted sets; returns its size."""
        return self.execute("ZINTERSTORE", dest, *_operands(keys, aggregate))

    def zdiffstore(self, dest: Key, keys: list[Key]) -> int:
        """Store the difference of sorted sets; returns its size."""
        return self.execute("ZDIFFSTORE", dest, *_operands(keys, None))

    def zintercard(self, numkeys: int, keys: list[Key], limit: int = 0) -> int:
        """Return the size of the intersection, counted up to limit (0: no limit)."""
        return self.execute("ZINTERCARD", numkeys, *keys, "LIMIT", limit)

    def zrandmember(self, key: Key, count: int | None = None, withscores: bool = False) -> Any:
        """Return a random member, or None; with count a list of distinct members, if negative with repetitions."""
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
        """Iterate incrementally: returns (next cursor, (member, score) pairs); the cursor is 0 at the end."""
        at, found = self.execute("ZSCAN", name, *scanning(cursor, match, count))
        return int(at), [(m, score_cast_func(s)) for m, s in zip(found[::2], found[1::2], strict=True)]

    def zscan_iter(
        self, name: Key, match: Value | None = None, count: int | None = None, score_cast_func: Any = float
    ) -> Iterator[tuple[Text, Any]]:
        """Iterate over (member, score). Members present throughout are returned at least once."""
        cursor = -1
        while cursor:
            cursor, found = self.zscan(name, max(cursor, 0), match, count, score_cast_func)
            yield from found


def _side(min: bool, max: bool) -> str:
    if min == max:
        raise ValueError("give either min or max")
    return "MIN" if min else "MAX"
