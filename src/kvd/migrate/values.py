"""Values read, written and compared by the commands of their types.

For keys whose DUMP payload the other end does not read, and for comparing ends that encode values differently. What these commands cannot carry:
entries of streams that were deleted while they are pending, and the times at which consumers were last seen. Values of modules have no such
commands; `read` returns them with the content None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from redis import ResponseError

from kvd.migrate.ends import End, Words

CHUNK = 500  # elements in a command
CLOSE = 1000  # milliseconds by which deadlines may differ

READS: dict[bytes, tuple[Any, ...]] = {
    b"string": ("GET",), b"list": ("LRANGE", 0, -1), b"set": ("SMEMBERS",), b"hash": ("HGETALL",), b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"stream": ("XINFO", "STREAM", "FULL", "COUNT", 0), b"array": ("ARSCAN", 0, 2**64 - 2),
}  # fmt: skip


class Value(NamedTuple):
    """A value of a key. deadline: milliseconds since 1970, or 0; fields: deadlines of the fields of a hash."""

    kind: bytes
    content: Any
    deadline: int = 0
    fields: dict[bytes, int] = {}


def read(end: End, db: int, keys: Sequence[bytes]) -> list[Value | None]:
    """Read values; None where there is no key. A value that is changed meanwhile may be read in part before and in part after the change."""
    kinds = end.ask([("TYPE", key) for key in keys], db)
    deadlines = read_deadlines(end, db, keys)
    lines = [_read_line(kind, key) for kind, key in zip(kinds, keys, strict=True)]
    contents = iter(end.ask([line for line in lines if line], db))
    values = [_value(k, next(contents) if line else None, t) for k, line, t in zip(kinds, lines, deadlines, strict=True)]
    return _with_cursors(end, db, keys, _with_fields(end, db, keys, values))


def read_deadlines(end: End, db: int, keys: Sequence[bytes]) -> list[int]:
    """The deadlines of keys in milliseconds since 1970; 0: none, -2: there is no such key."""
    if end.knows("PEXPIRETIME"):
        replies = end.ask([("PEXPIRETIME", key) for key in keys], db)
        return [0 if t == -1 else t for t in replies]
    *replies, (seconds, micros) = end.ask([*(("PTTL", key) for key in keys), ("TIME",)], db)
    now = int(seconds) * 1000 + int(micros) // 1000
    return [t + now if t >= 0 else 0 if t == -1 else t for t in replies]


def ending(end: End, db: int, keys: Sequence[bytes]) -> set[bytes]:
    """Those of the keys that are gone, or expire within a second: the clocks of two ends, and their moments of expiry, differ a little."""
    if not keys:
        return set()
    deadlines = read_deadlines(end, db, keys)
    seconds, micros = end.one("TIME")
    limit = int(seconds) * 1000 + int(micros) // 1000 + CLOSE
    return {key for key, t in zip(keys, deadlines, strict=True) if t == -2 or 0 < t < limit}


def _read_line(kind: bytes, key: bytes) -> tuple[Any, ...] | None:
    if kind not in READS:
        return None
    name, *rest = READS[kind]
    return (name, rest[0], key, *rest[1:]) if name == "XINFO" else (name, key, *rest)


def _value(kind: bytes, reply: Any, deadline: int) -> Value | None:
    if kind == b"none" or deadline == -2 or reply is None and kind in READS or isinstance(reply, ResponseError):
        return None
    if kind == b"set":
        reply = set(reply)
    elif kind == b"hash":
        reply = _pairs(reply)
    elif kind == b"zset":
        reply = [(member, float(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)]
    elif kind == b"stream":
        reply = _stream(reply)
    elif kind == b"array":
        reply = {b"elements": {int(index): element for index, element in reply}}  # above 2^63 an index is text
    return Value(kind, reply, deadline)


def _with_fields(end: End, db: int, keys: Sequence[bytes], values: list[Value | None]) -> list[Value | None]:
    """The values, with the deadlines of the fields of hashes."""
    at = [i for i, value in enumerate(values) if value is not None and value.kind == b"hash" and value.content]
    if not at or not end.knows("HPEXPIRETIME"):
        return values
    lines = []
    for i in at:
        fields = list(values[i].content)  # type: ignore[union-attr]
        lines.append(("HPEXPIRETIME", keys[i], "FIELDS", len(fields), *fields))
    for i, reply in zip(at, end.ask(lines, db), strict=True):
        value = values[i]
        if value is not None and isinstance(reply, list):
            timed = {f: t for f, t in zip(value.content, reply, strict=True) if t > 0}
            values[i] = value._replace(fields=timed)
    return values


def _with_cursors(end: End, db: int, keys: Sequence[bytes], values: list[Value | None]) -> list[Value | None]:
    """The values; arrays know where their next insertion goes."""
    at = [i for i, value in enumerate(values) if value is not None and value.kind == b"array" and value.content]
    for i, reply in zip(at, end.ask([("ARNEXT", keys[i]) for i in at], db), strict=True):
        value = values[i]
        if value is not None:
            value.content[b"next"] = 2**64 - 1 if reply is None else 0 if isinstance(reply, ResponseError) else int(reply)
    return values


def _pairs(reply: Sequence[Any]) -> dict[Any, Any]:
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _stream(reply: list[Any]) -> dict[bytes, Any]:
    stream = _pairs(reply)
    stream[b"groups"] = {group[b"name"]: group for group in map(_pairs, stream[b"groups"])}
    for group in stream[b"groups"].values():
        group[b"consumers"] = [_pairs(one)[b"name"] for one in group[b"consumers"]]
    return stream


# -- writing


def lines_to_write(key: bytes, value: Value, end: End) -> list[Words]:
    """The commands that make a key what the value is, whatever it was before. Raises ValueError if the end lacks a command for it."""
    if value.content is None:
        raise ValueError(f"the type {value.kind.decode('utf-8', 'replace')} has no commands to write it with")
    if value.fields and not end.knows("HPEXPIREAT"):
        raise ValueError("its fields have deadlines, which the target does not know")
    if value.kind == b"array" and not end.knows("ARMSET"):
        raise ValueError("the target has no arrays")
    lines: list[Words] = [("DEL", key), *WRITERS[value.kind](key, value, end)]
    if value.deadline:
        lines.append(("PEXPIREAT", key, value.deadline))
    return lines


def _in_chunks(name: str, key: bytes, words: Sequence[Any], size: int = CHUNK) -> Iterator[Words]:
    for i in range(0, len(words), size):
        yield (name, key, *words[i : i + size])


def _write_string(key: bytes, value: Value, end: End) -> Iterator[Words]:
    yield ("SET", key, value.content)


def _write_list(key: bytes, value: Value, end: End) -> Iterator[Words]:
    yield from _in_chunks("RPUSH", key, value.content)


def _write_set(key: bytes, value: Value, end: End) -> Iterator[Words]:
    yield from _in_chunks("SADD", key, list(value.content))


def _write_hash(key: bytes, value: Value, end: End) -> Iterator[Words]:
    yield from _in_chunks("HSET", key, [word for pair in value.content.items() for word in pair], 2 * CHUNK)
    for field, deadline in value.fields.items():
        yield ("HPEXPIREAT", key, deadline, "FIELDS", 1, field)


def _write_zset(key: bytes, value: Value, end: End) -> Iterator[Words]:
    words = [word for member, score in value.content for word in (repr(score), member)]
    yield from _in_chunks("ZADD", key, words, 2 * CHUNK)


def _write_array(key: bytes, value: Value, end: End) -> Iterator[Words]:
    yield from _in_chunks("ARMSET", key, [word for pair in value.content[b"elements"].items() for word in pair], 2 * CHUNK)
    if value.content[b"next"]:
        yield ("ARSEEK", key, value.content[b"next"])


def _write_stream(key: bytes, value: Value, end: End) -> Iterator[Words]:
    stream, full = value.content, end.version >= (7, 0) or end.family != "redis"
    for entry, words in stream[b"entries"]:
        yield ("XADD", key, entry, *words)
    if not stream[b"entries"]:
        yield ("XGROUP", "CREATE", key, "kvd", "0", "MKSTREAM")
        yield ("XGROUP", "DESTROY", key, "kvd")
    last: Words = ("XSETID", key, stream[b"last-generated-id"])
    if full and b"entries-added" in stream:
        last = (*last, "ENTRIESADDED", stream[b"entries-added"], "MAXDELETEDID", stream[b"max-deleted-entry-id"])
    yield last
    for name, group in stream[b"groups"].items():
        yield from _write_group(key, name, group, full)


def _write_group(key: bytes, name: bytes, group: dict[bytes, Any], full: bool) -> Iterator[Words]:
    made: Words = ("XGROUP", "CREATE", key, name, group[b"last-delivered-id"])
    if full and group.get(b"entries-read") is not None:
        made = (*made, "ENTRIESREAD", group[b"entries-read"])
    yield made
    for consumer in group[b"consumers"]:
        yield ("XGROUP", "CREATECONSUMER", key, name, consumer)
    for entry, consumer, at, count in _pending(group):
        yield ("XCLAIM", key, name, consumer, 0, entry, "TIME", at, "RETRYCOUNT", count, "FORCE", "JUSTID")


def _pending(group: dict[bytes, Any]) -> list[Any]:
    found = group.get(b"pel", group.get(b"pending"))
    return found if isinstance(found, list) else []


WRITERS = {
    b"string": _write_string, b"list": _write_list, b"set": _write_set, b"hash": _write_hash, b"zset": _write_zset, b"stream": _write_stream,
    b"array": _write_array,
}  # fmt: skip


# -- comparing


def same(a: Value | None, b: Value | None) -> bool:
    """Whether two values are the same, deadlines within a second."""
    if a is None or b is None:
        return a is b
    if a.kind != b.kind or not _close(a.deadline, b.deadline) or a.fields.keys() != b.fields.keys():
        return False
    if not all(_close(a.fields[field], b.fields[field]) for field in a.fields):
        return False
    return _same_stream(a.content, b.content) if a.kind == b"stream" else bool(a.content == b.content)


def _close(a: int, b: int) -> bool:
    return bool(a) == bool(b) and abs(a - b) <= CLOSE


def _same_stream(a: dict[bytes, Any], b: dict[bytes, Any]) -> bool:
    known = [
        name
        for name in (b"entries", b"length", b"last-generated-id", b"entries-added", b"max-deleted-entry-id")
        if name in a and name in b
    ]
    if any(a[name] != b[name] for name in known) or a[b"groups"].keys() != b[b"groups"].keys():
        return False
    return all(_same_group(group, b[b"groups"][name]) for name, group in a[b"groups"].items())


def _same_group(a: dict[bytes, Any], b: dict[bytes, Any]) -> bool:
    """Times of delivery and of consumers are left out: they are not kept by every way of moving."""
    here, there = ([(entry, consumer, count) for entry, consumer, _, count in _pending(group)] for group in (a, b))
    named = [name for name in (b"last-delivered-id", b"entries-read") if a.get(name) is not None and b.get(name) is not None]
    return here == there and sorted(a[b"consumers"]) == sorted(b[b"consumers"]) and all(a[name] == b[name] for name in named)
