"""Commands for keys of any type, and publishing of messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, flat, ok, option, scanning, words


class KeyMethods(Methods):
    def delete(self, *names: Key) -> int:
        """Delete keys; returns the number deleted. O(N)."""
        return self.execute("DEL", *names)

    def unlink(self, *names: Key) -> int:
        """Delete keys and free their memory in the background; returns the number deleted. O(N)."""
        return self.execute("UNLINK", *names)

    def exists(self, *names: Key) -> int:
        """Return how many of the keys exist; repeated keys are counted repeatedly. O(N)."""
        return self.execute("EXISTS", *names)

    def touch(self, *names: Key) -> int:
        """Update the access time of keys; returns how many exist. O(N)."""
        return self.execute("TOUCH", *names)

    def type(self, name: Key) -> Text:
        """Return the type of a value, such as b"string", or b"none". O(1)."""
        return self.execute("TYPE", name)

    def rename(self, src: Key, dst: Key) -> bool:
        """Rename a key, overwriting dst; returns True. Raises ResponseError if src does not exist. O(1)."""
        return ok(self.execute("RENAME", src, dst))

    def renamenx(self, src: Key, dst: Key) -> bool:
        """Rename a key if dst does not exist; returns whether it was renamed. O(1)."""
        return self.execute("RENAMENX", src, dst) == 1

    def copy(self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False) -> bool:
        """Copy value and deadline to another key; returns whether they were copied. O(N) of the value."""
        return self.execute("COPY", source, destination, *option("DB", destination_db), *words(replace=replace)) == 1

    def move(self, name: Key, db: int) -> bool:
        """Move a key to another database if it does not exist there; returns whether it was moved. O(1)."""
        return self.execute("MOVE", name, db) == 1

    def keys(self, pattern: Key = "*") -> list[Text]:
        """Return all keys that match a pattern. O(N); use scan_iter for large databases."""
        return self.execute("KEYS", pattern)

    def scan(
        self, cursor: int = 0, match: Key | None = None, count: int | None = None, _type: str | None = None
    ) -> tuple[int, list[Text]]:
        """Iterate incrementally: returns (next cursor, keys); the cursor is 0 at the end."""
        cursor, found = self.execute("SCAN", *scanning(cursor, match, count), *option("TYPE", _type))
        return int(cursor), found

    def scan_iter(self, match: Key | None = None, count: int | None = None, _type: str | None = None) -> Iterator[Text]:
        """Iterate over keys. Keys present throughout are returned at least once."""
        cursor = None
        while cursor != 0:
            cursor, found = self.scan(cursor or 0, match, count, _type)
            yield from found

    def randomkey(self) -> Text | None:
        """Return a random key, or None. O(1)."""
        return self.execute("RANDOMKEY")

    def object(self, infotype: str, key: Key) -> Any:
        """Return OBJECT ENCODING, FREQ, IDLETIME or REFCOUNT of a key, or None."""
        return self.execute("OBJECT", infotype, key)

    def memory_usage(self, key: Key, samples: int | None = None) -> int | None:
        """Return the memory of a key and its value in bytes, or None."""
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
        """Return the sorted elements of a list, set or sorted set; with store, store them and return their number. O(N log N).

        start, num: limit of the result. by: pattern of keys (`weight_*`, `obj_*->field`) whose values determine the order. get:
        patterns of keys whose values are returned instead, "#" for the element. groups: a tuple per element."""
        if (start is None) != (num is None):
            raise ValueError("start and num must be given together")
        words_: list[Any] = [*option("BY", by), *(["LIMIT", start, num] if start is not None else [])]
        gets = [] if get is None else flat(get)
        for pattern in gets:
            words_ += ["GET", pattern]
        reply = self.execute("SORT", name, *words_, *words(desc=desc, alpha=alpha), *option("STORE", store))
        if groups and store is None:
            if len(gets) < 2:
                raise ValueError("groups requires at least two patterns in get")
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
        """Return the value of a key in Redis's serialization format, or None. Not with decode_responses. O(N)."""
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
        """Create a key from the bytes returned by dump, also of a Redis server; returns True. O(N).

        ttl: time to live in milliseconds, 0: no expiry; with absttl milliseconds since 1970. Raises ResponseError if the key exists
        without replace (BUSYKEY), or if the bytes are damaged."""
        more = [*words(replace=replace, absttl=absttl), *option("IDLETIME", idletime), *option("FREQ", frequency)]
        return ok(self.execute("RESTORE", name, ttl, value, *more))

    # -- messages

    def publish(self, channel: Value, message: Value) -> int:
        """Send a message to the subscribers of a channel; returns the number of receivers. O(N)."""
        return self.execute("PUBLISH", channel, message)

    def spublish(self, shard_channel: Value, message: Value) -> int:
        """Send a message to the subscribers of a shard channel; returns the number of receivers. O(N)."""
        return self.execute("SPUBLISH", shard_channel, message)

    def pubsub_channels(self, pattern: Value = "*") -> list[Any]:
        """Return the channels with subscribers."""
        return self.execute("PUBSUB", "CHANNELS", pattern)

    def pubsub_shardchannels(self, pattern: Value = "*") -> list[Any]:
        """Return the shard channels with subscribers."""
        return self.execute("PUBSUB", "SHARDCHANNELS", pattern)

    def pubsub_numsub(self, *args: Value) -> list[tuple[Any, int]]:
        """Return (channel, number of subscribers) of channels."""
        reply = self.execute("PUBSUB", "NUMSUB", *args)
        return list(zip(reply[::2], reply[1::2], strict=True))

    def pubsub_shardnumsub(self, *args: Value) -> list[tuple[Any, int]]:
        """Return (shard channel, number of subscribers) of shard channels."""
        reply = self.execute("PUBSUB", "SHARDNUMSUB", *args)
        return list(zip(reply[::2], reply[1::2], strict=True))

    def pubsub_numpat(self) -> int:
        """Return the number of patterns with subscribers."""
        return self.execute("PUBSUB", "NUMPAT")
