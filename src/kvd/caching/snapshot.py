"""Snapshots of caches in files. A file is written under a temporary name and renamed, so it is complete or absent.

    "kvdcache" | version 1 | name of the serializer | time of the dump | records | CRC-64 of everything before

    name      one byte of length, then ASCII
    time      8 bytes: milliseconds since 1970, to reduce remaining lifetimes by the age of the file
    record    4 bytes of length, then the serialized [key, value, ttl, tti, weight, tags]; length 0xFFFFFFFF is the end

Numbers are little-endian. The whole file is read and checked before it is used. SnapshotError tells what is wrong and where,
and then nothing is loaded.
"""

from __future__ import annotations

import os
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kvd.doors.cache import checksum

MAGIC = b"kvdcache\x01"
END = 0xFFFFFFFF
TUPLE = "__tuple__"  # the one key of the JSON object that a tuple is written as


class SnapshotError(ValueError):
    """The file is damaged, truncated or not a snapshot of a cache.

    >>> load("/dev/null", "json")
    Traceback (most recent call last):
    ...
    kvd.caching.snapshot.SnapshotError: /dev/null is not a snapshot of a kvd cache
    """


class Serializer:
    """A serializer of records: a name, which is stored in the file, and two functions."""

    def __init__(self, name: str, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> None:
        self.name, self.dumps, self.loads = name, dumps, loads


def serializer_named(which: Any) -> Any:
    """Return the serializer for "pickle", "json", or an object with dumps and loads (a module, a Serializer)."""
    if which == "pickle":
        import pickle

        return Serializer("pickle", lambda record: pickle.dumps(record, pickle.HIGHEST_PROTOCOL), pickle.loads)
    if which == "json":
        import json

        return Serializer(
            "json", lambda record: json.dumps(to_json(record)).encode(), lambda data: json.loads(data, object_hook=from_json)
        )
    if not callable(getattr(which, "dumps", None)) or not callable(getattr(which, "loads", None)):
        raise TypeError('serializer must be "pickle", "json" or an object with dumps and loads')
    return which


def to_json(value: Any) -> Any:
    """Convert to values that JSON restores. Tuples are marked; TypeError for dicts with keys other than str."""
    if isinstance(value, tuple):
        return {TUPLE: [to_json(v) for v in value]}
    if isinstance(value, list):
        return [to_json(v) for v in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key == TUPLE:
                raise TypeError(f"JSON cannot restore a dict with the key {key!r}")
        return {key: to_json(v) for key, v in value.items()}
    return value


def from_json(found: dict[str, Any]) -> Any:
    return tuple(found[TUPLE]) if TUPLE in found else found


def encoded(serializer: Any, record: tuple[Any, ...]) -> bytes:
    """Serialize a record. TypeError if the serializer does not restore the key; many turn tuples into lists."""
    key, value, ttl, tti, weight, tags = record
    try:
        data = serializer.dumps([key, value, ttl, tti, weight, list(tags)])
        back = key if getattr(serializer, "name", None) == "pickle" else serializer.loads(data)[0]
    except TypeError as error:
        raise TypeError(f"the entry of {key!r} cannot be written: {error}") from error
    if type(back) is not type(key) or not (back == key or key != key):
        raise TypeError(f"the serializer does not restore the key {key!r}: it is restored as {back!r}")
    return data.encode() if isinstance(data, str) else data


def name_of(serializer: Any) -> bytes:
    return str(getattr(serializer, "name", None) or getattr(serializer, "__name__", type(serializer).__name__)).encode()[:255]


def dump(cache: Any, path: Any, serializer: Any) -> int:
    chosen = serializer_named(serializer)
    path = Path(path)
    parts = [MAGIC, bytes([len(name_of(chosen))]), name_of(chosen), struct.pack("<q", int(time.time() * 1000))]
    records = cache._records()
    for record in records:
        data = encoded(chosen, record)
        if len(data) >= END:
            raise ValueError(f"the entry of {record[0]!r} is larger than 4 GiB")
        parts += [struct.pack("<I", len(data)), data]
    parts.append(struct.pack("<I", END))
    whole = b"".join(parts)
    write_atomically(path, whole + struct.pack("<Q", checksum(whole)))
    return len(records)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the contents of the file by `data`. If anything fails, the old contents remain."""
    descriptor, name = tempfile.mkstemp(prefix=path.name + ".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Any, serializer: Any) -> list[tuple[Any, ...]]:
    """Return the records of the file that have not expired."""
    chosen = serializer_named(serializer)
    data = Path(path).read_bytes()
    at = len(MAGIC)
    if not data.startswith(MAGIC[:-1]):
        raise SnapshotError(f"{path} is not a snapshot of a kvd cache")
    if len(data) >= at and data[:at] != MAGIC:
        raise SnapshotError(f"{path} has format {data[at - 1]}, which this version of kvd does not support")
    if len(data) < at + 1 + 8 + 4 + 8 or checksum(data[:-8]) != struct.unpack("<Q", data[-8:])[0]:
        raise SnapshotError(f"{path} is damaged or truncated: the checksum of its {len(data)} bytes is wrong")
    name = data[at + 1 : at + 1 + data[at]]
    at += 1 + len(name)
    if name != name_of(chosen):
        raise SnapshotError(
            f"{path} was written with serializer {name.decode(errors='replace')!r}, not {name_of(chosen).decode()!r}"
        )
    aged = max(0.0, time.time() - struct.unpack_from("<q", data, at)[0] / 1000)
    at += 8
    records: list[tuple[Any, ...]] = []
    while True:
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        if length == END:
            if at != len(data) - 8:
                raise SnapshotError(f"{path}: {len(data) - 8 - at} bytes follow the end at {at}")
            return records
        try:
            key, value, ttl, tti, weight, tags = chosen.loads(data[at : at + length])
            hash(key)
        except Exception as error:
            raise SnapshotError(f"{path}: the record at byte {at} cannot be read: {error!r}") from error
        at += length
        if ttl is None or ttl > aged:
            records.append((key, value, None if ttl is None else ttl - aged, tti, weight, tuple(tags)))
