"""What works on keys whatever their type, and messages, which need none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, flat, ok, option, scanning, words
from kvd.pubsub import PubSub


class KeyMethods(Methods):
    def delete(self, *names: Key) -> int:
        """Delete keys; returns how many existed. O(N)."""
        return self.execute("DEL", *names)

    def unlink(self, *names: Key) -> int:
        """Delete keys, giving memory back in slices; returns how many existed. O(N)."""
        return self.execute("UNLINK", *names)

    def exists(self, *names: Key) -> int:
        """How many of the keys exist; one named twice counts twice. O(N)."""
        return self.execute("EXISTS", *names)

    def touch(self, *names: Key) -> int:
        """Mark keys as just accessed; returns how many exist. O(N)."""
        return self.execute("TOUCH", *names)

    def type(self, name: Key) -> Text:
        """Type of a key's value, as b"string" and so on, or b"none". O(1)."""
        return self.execute("TYPE", name)

    def rename(self, src: Key, dst: Key) -> bool:
        """Give a key another name, overwriting what has it; returns True. Raises ResponseError without src. O(1)."""
        return ok(self.execute("RENAME", src, dst))

    def renamenx(self, src: Key, dst: Key) -> bool:
        """Give a key a name that is not taken; returns whether it did. O(1)."""
        return self.execute("RENAMENX", src, dst) == 1

    def copy(self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False) -> bool:
        """Copy value and deadline to another key; returns whether it did. O(N) of the value."""
        return self.execute("COPY", source, destination, *option("DB", destination_db), *words(replace=replace)) == 1

    def move(self, name: Key, db: int) -> bool:
        """Move a key to another database that does not have it; returns whether it did. O(1)."""
        return self.execute("MOVE", name, db) == 1

    def keys(self, pattern: Key = "*") -> list[Text]:
        """All keys that match a pattern. O(N): use scan_iter for large databases."""
        return self.execute("KEYS", pattern)

    def scan(
        self, cursor: int = 0, match: Key | None = None, count: int | None = None, _type: str | None = None
    ) -> tuple[int, list[Text]]:
        """A step of an iteration: (next cursor, keys); the cursor is 0 at the end."""
        cursor, found = self.execute("SCAN", *scanning(cursor, match, count), *option("TYPE", _type))
        return int(cursor), found

    def scan_iter(self, match: Key | None = None, count: int | None = None, _type: str | None = None) -> Iterator[Text]:
        """Iterate over keys; one that is there from beginning to end is seen, perhaps twice."""
        cursor = None
        while cursor != 0:
            cursor, found = self.scan(cursor or 0, match, count, _type)
            yield from found

    def randomkey(self) -> Text | None:
        """A random key, or None. O(1)."""
        return self.execute("RANDOMKEY")

    def object(self, infotype: str, key: Key) -> Any:
        """OBJECT ENCODING, FREQ, IDLETIME or REFCOUNT of a key, or None."""
        return self.execute("OBJECT", infotype, key)

    def memory_usage(self, key: Key, samples: int | None = None) -> int | None:
        """Bytes of memory that a key and its value occupy, or None."""
        return self.execute("MEMORY", "USAGE", key, *option("SAMPLES", samples))

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
        return ok(self.execute("RESTORE", name, ttl, value, *more))

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
