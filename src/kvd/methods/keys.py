"""What works on values of any type: sorting, dumping, publishing."""

from __future__ import annotations

from typing import Any

from kvd.methods.common import Key, Methods, Value, flat, option, words
from kvd.pubsub import PubSub


class KeyMethods(Methods):
    def sort(
        self,
        name: Key,
        start: int | None = None,
        num: int | None = None,
        by: Value | None = None,
        get: Value | list[Value] | None = None,
        desc: bool = False,
        alpha: bool = False,
        store: Key | None = None,
        groups: bool = False,
    ) -> Any:
        """Elements of a list, set or sorted set in order; with store how many were stored. O(N log N).

        start, num: a part of them. by: a pattern of keys (`weight_*`, `obj_*->field`) whose values decide. get: patterns
        of keys whose values are returned instead, "#" for the element. groups: a tuple for each element."""
        if (start is None) != (num is None):
            raise ValueError("start and num go together")
        words_: list[Any] = [*option("BY", by), *(["LIMIT", start, num] if start is not None else [])]
        gets = [] if get is None else flat(get)
        for pattern in gets:
            words_ += ["GET", pattern]
        reply = self.execute("SORT", name, *words_, *words(desc=desc, alpha=alpha), *option("STORE", store))
        if groups and store is None:
            if len(gets) < 2:
                raise ValueError("groups needs at least two patterns to get")
            return list(zip(*[reply[i :: len(gets)] for i in range(len(gets))], strict=True))
        return reply

    def sort_ro(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Value | None = None,
        get: list[Value] | None = None,
        desc: bool = False,
        alpha: bool = False,
    ) -> list[Any]:
        """As sort, without storing."""
        words_: list[Any] = [*option("BY", by), *(["LIMIT", start, num] if start is not None else [])]
        for pattern in get or []:
            words_ += ["GET", pattern]
        return self.execute("SORT_RO", key, *words_, *words(desc=desc, alpha=alpha))

    def dump(self, name: Key) -> bytes | None:
        """The value of a key as bytes, in Redis's format, or None. Only without decode_responses. O(N)."""
        return self.execute("DUMP", name)

    def restore(
        self,
        name: Key,
        ttl: int,
        value: bytes,
        replace: bool = False,
        absttl: bool = False,
        idletime: int | None = None,
        frequency: int | None = None,
    ) -> bool:
        """Make a key of what dump returned, here or at a Redis server; True. O(N).

        ttl: milliseconds to live, 0 for ever; absttl: milliseconds since 1970. Raises ResponseError (BUSYKEY) if the key
        exists and replace is not given, or if the bytes are damaged."""
        more = [*words(replace=replace, absttl=absttl), *option("IDLETIME", idletime), *option("FREQ", frequency)]
        return self.execute("RESTORE", name, ttl, value, *more) in (b"OK", "OK")

    # -- messages

    def publish(self, channel: Value, message: Value) -> int:
        """Send a message to all who listen to a channel; returns how many got it. O(N)."""
        return self.execute("PUBLISH", channel, message)

    def spublish(self, shard_channel: Value, message: Value) -> int:
        """Send a message to all who listen to a shard channel; returns how many got it. O(N)."""
        return self.execute("SPUBLISH", shard_channel, message)

    def pubsub(self, ignore_subscribe_messages: bool = False) -> PubSub:
        """A PubSub, which listens to channels."""
        return PubSub(self, ignore_subscribe_messages)

    def pubsub_channels(self, pattern: Value = "*") -> list[Any]:
        """Channels that somebody listens to."""
        return self.execute("PUBSUB", "CHANNELS", pattern)

    def pubsub_shardchannels(self, pattern: Value = "*") -> list[Any]:
        """Shard channels that somebody listens to."""
        return self.execute("PUBSUB", "SHARDCHANNELS", pattern)

    def pubsub_numsub(self, *args: Value) -> list[tuple[Any, int]]:
        """(channel, listeners) of channels."""
        reply = self.execute("PUBSUB", "NUMSUB", *args)
        return list(zip(reply[::2], reply[1::2], strict=True))

    def pubsub_shardnumsub(self, *args: Value) -> list[tuple[Any, int]]:
        """(shard channel, listeners) of shard channels."""
        reply = self.execute("PUBSUB", "SHARDNUMSUB", *args)
        return list(zip(reply[::2], reply[1::2], strict=True))

    def pubsub_numpat(self) -> int:
        """How many patterns somebody listens to."""
        return self.execute("PUBSUB", "NUMPAT")
