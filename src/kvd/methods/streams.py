"""Streams and consumer groups. An entry is (id, {field: value}), or (id, None) if it was deleted; of xreadgroup with
claim_min_idle_time (id, {field: value}, idle milliseconds, deliveries)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, ok, option, pairs, words

Id = bytes | str | int
Entry = tuple[Any, ...]


def _entry(item: Any) -> Entry:
    fields = item[1]
    return item[0], None if fields is None else dict(zip(fields[::2], fields[1::2], strict=True)), *item[2:]


def _streams(reply: Any) -> list[list[Any]]:
    """[[stream, entries], ...]"""
    if reply is None:
        return []
    return [[name, [_entry(e) for e in entries]] for name, entries in reply.items()]


def _policy(ref_policy: str | None) -> list[str]:
    return [] if ref_policy is None else [ref_policy.upper()]


def _trim(maxlen: int | None, minid: Id | None, approximate: bool, limit: int | None) -> list[Any]:
    if maxlen is not None and minid is not None:
        raise ValueError("maxlen and minid are mutually exclusive")
    if maxlen is None and minid is None:
        return []
    head: list[Any] = ["MAXLEN"] if maxlen is not None else ["MINID"]
    return [*head, *(["~"] if approximate else []), maxlen if maxlen is not None else minid, *option("LIMIT", limit)]


class StreamMethods(Methods):
    def xadd(
        self,
        name: Key,
        fields: Mapping[Any, Value],
        id: Id = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: Id | None = None,
        limit: int | None = None,
        ref_policy: str | None = None,
        idmpauto: Value | None = None,
        idmp: tuple[Value, Value] | None = None,
    ) -> Text | None:
        """Append an entry; returns its id, or None with nomkstream if there is no stream. O(1), and O(N) of trimmed entries.

        maxlen, minid: maximum number of entries, or lowest id, to keep; approximate: remove whole nodes only, which is faster.
        idmp: the producer, and its id of the entry; idmpauto: the producer, whose entries have different content. An entry that it has
        added before is not added again: the id of that one is returned."""
        trim = _trim(maxlen, minid, approximate, limit)
        more = [*option("IDMPAUTO", idmpauto), *(["IDMP", *idmp] if idmp is not None else [])]
        return self.execute("XADD", name, *words(nomkstream=nomkstream), *_policy(ref_policy), *more, *trim, id, *pairs(fields))

    def xcfgset(self, name: Key, idmp_duration: int | None = None, idmp_maxsize: int | None = None) -> bool:
        """Set for how many seconds, and how many, ids of each producer are known (xadd with idmp); returns True.

        Another value than before makes the stream forget those that it knows."""
        more = [*option("IDMP-DURATION", idmp_duration), *option("IDMP-MAXSIZE", idmp_maxsize)]
        return ok(self.execute("XCFGSET", name, *more))

    def xlen(self, name: Key) -> int:
        """Return the number of entries. O(1)."""
        return self.execute("XLEN", name)

    def xrange(self, name: Key, min: Id = "-", max: Id = "+", count: int | None = None) -> list[Entry]:
        """Return entries between two ids, oldest first; an id after "(" is excluded. O(N) of the result."""
        return [_entry(e) for e in self.execute("XRANGE", name, min, max, *option("COUNT", count)) or []]

    def xrevrange(self, name: Key, max: Id = "+", min: Id = "-", count: int | None = None) -> list[Entry]:
        """Return entries between two ids, newest first. O(N) of the result."""
        return [_entry(e) for e in self.execute("XREVRANGE", name, max, min, *option("COUNT", count)) or []]

    def xread(
        self,
        streams: Mapping[Any, Id],
        count: int | None = None,
        block: int | None = None,
        max_count: int | None = None,
        max_size: int | None = None,
    ) -> list[list[Any]]:
        """Return entries after an id of each stream: [[stream, entries], ...]. "$": only new entries, "+": the last one.

        count: of entries of each stream; max_count: of all of them. max_size: bytes of the reply after which no entry is added.
        block: milliseconds to wait for an entry, 0: no limit; empty after that time. Other threads run while it waits."""
        words_ = [*option("COUNT", count), *option("MAXCOUNT", max_count), *option("MAXSIZE", max_size), *option("BLOCK", block)]
        return _streams(self.execute("XREAD", *words_, "STREAMS", *streams.keys(), *streams.values()))

    def xdel(self, name: Key, *ids: Id) -> int:
        """Delete entries; returns the number deleted. O(log N) each."""
        return self.execute("XDEL", name, *ids)

    def xdelex(self, name: Key, *ids: Id, ref_policy: str = "KEEPREF") -> list[int]:
        """Delete entries. Returns for each 1: deleted, 2: kept because a group still needs it (ACKED), -1: not found.

        ref_policy: KEEPREF, DELREF (also remove it from all pending lists) or ACKED (only if acknowledged)."""
        return self.execute("XDELEX", name, ref_policy, "IDS", len(ids), *ids)

    def xtrim(
        self,
        name: Key,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: Id | None = None,
        limit: int | None = None,
        ref_policy: str | None = None,
    ) -> int:
        """Delete the oldest entries; returns the number deleted. Arguments as of xadd."""
        return self.execute("XTRIM", name, *_trim(maxlen, minid, approximate, limit), *_policy(ref_policy))

    def xsetid(self, name: Key, last_id: Id, entries_added: int | None = None, max_deleted_id: Id | None = None) -> bool:
        """Set the last id of a stream; returns True."""
        more = [*option("ENTRIESADDED", entries_added), *option("MAXDELETEDID", max_deleted_id)]
        return ok(self.execute("XSETID", name, last_id, *more))

    def xinfo_stream(self, name: Key, full: bool = False) -> dict[str, Any]:
        """Return information about a stream; with full including entries and groups."""
        info = _named(self.execute("XINFO", "STREAM", name, *words(full=full)))
        if full:
            info["entries"] = [_entry(e) for e in info["entries"]]
            info["groups"] = [_named(g) for g in info["groups"]]
            for group in info["groups"]:
                group["consumers"] = [_named(c) for c in group["consumers"]]
        else:
            for end in ("first-entry", "last-entry"):
                info[end] = info[end] and _entry(info[end])
        return info

    def xinfo_groups(self, name: Key) -> list[dict[str, Any]]:
        """Return information about the groups of a stream."""
        return [_named(g) for g in self.execute("XINFO", "GROUPS", name)]

    def xinfo_consumers(self, name: Key, groupname: Value) -> list[dict[str, Any]]:
        """Return information about the consumers of a group."""
        return [_named(c) for c in self.execute("XINFO", "CONSUMERS", name, groupname)]

    # -- consumer groups

    def xgroup_create(
        self, name: Key, groupname: Value, id: Id = "$", mkstream: bool = False, entries_read: int | None = None
    ) -> bool:
        """Create a group that reads entries after an id; returns True. mkstream: create the stream if needed. O(1)."""
        more = [*words(mkstream=mkstream), *option("ENTRIESREAD", entries_read)]
        return ok(self.execute("XGROUP", "CREATE", name, groupname, id, *more))

    def xgroup_setid(self, name: Key, groupname: Value, id: Id, entries_read: int | None = None) -> bool:
        """Set the last delivered id of a group; returns True. O(1)."""
        return ok(self.execute("XGROUP", "SETID", name, groupname, id, *option("ENTRIESREAD", entries_read)))

    def xgroup_destroy(self, name: Key, groupname: Value) -> bool:
        """Delete a group; returns whether it existed."""
        return self.execute("XGROUP", "DESTROY", name, groupname) == 1

    def xgroup_createconsumer(self, name: Key, groupname: Value, consumername: Value) -> int:
        """Create a consumer; returns 1 if it is new. O(1)."""
        return self.execute("XGROUP", "CREATECONSUMER", name, groupname, consumername)

    def xgroup_delconsumer(self, name: Key, groupname: Value, consumername: Value) -> int:
        """Delete a consumer; returns the number of its pending entries."""
        return self.execute("XGROUP", "DELCONSUMER", name, groupname, consumername)

    def xreadgroup(
        self,
        groupname: Value,
        consumername: Value,
        streams: Mapping[Any, Id],
        count: int | None = None,
        block: int | None = None,
        noack: bool = False,
        claim_min_idle_time: int | None = None,
        max_count: int | None = None,
        max_size: int | None = None,
    ) -> list[list[Any]]:
        """Return new entries (">") for a consumer, or with another id its pending entries; result and limits as of xread.

        claim_min_idle_time: before new entries, take over those of any consumer that have been pending for so many milliseconds."""
        limits = [*option("COUNT", count), *option("MAXCOUNT", max_count), *option("MAXSIZE", max_size)]
        words_ = [*limits, *option("BLOCK", block), *option("CLAIM", claim_min_idle_time), *words(noack=noack)]
        return _streams(
            self.execute("XREADGROUP", "GROUP", groupname, consumername, *words_, "STREAMS", *streams.keys(), *streams.values())
        )

    def xack(self, name: Key, groupname: Value, *ids: Id) -> int:
        """Acknowledge entries; returns the number acknowledged. O(log N) each."""
        return self.execute("XACK", name, groupname, *ids)

    def xackdel(self, name: Key, groupname: Value, *ids: Id, ref_policy: str = "KEEPREF") -> list[int]:
        """Acknowledge and delete entries. Returns for each 1: deleted, 2: only acknowledged, -1: not pending."""
        return self.execute("XACKDEL", name, groupname, ref_policy, "IDS", len(ids), *ids)

    def xpending(self, name: Key, groupname: Value) -> dict[str, Any]:
        """Return a summary of pending entries: pending, min, max, and consumers with name and pending."""
        count, low, high, consumers = self.execute("XPENDING", name, groupname)
        return {"pending": count, "min": low, "max": high,
                "consumers": [{"name": n, "pending": int(p)} for n, p in consumers or []]}  # fmt: skip

    def xpending_range(
        self,
        name: Key,
        groupname: Value,
        min: Id,
        max: Id,
        count: int,
        consumername: Value | None = None,
        idle: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return pending entries between two ids. idle: minimum milliseconds since their delivery."""
        more = [] if consumername is None else [consumername]
        reply = self.execute("XPENDING", name, groupname, *option("IDLE", idle), min, max, count, *more)
        keys = ("message_id", "consumer", "time_since_delivered", "times_delivered")
        return [dict(zip(keys, item, strict=True)) for item in reply]

    def xnack(self, name: Key, groupname: Value, mode: str, *ids: Id, retrycount: int | None = None, force: bool = False) -> int:
        """Release pending entries, so that any consumer can claim them at once; returns the number released. O(log N) each.

        mode: SILENT takes back the count of the delivery, FAIL leaves it, FATAL sets it to the highest there is."""
        more = [*option("RETRYCOUNT", retrycount), *words(force=force)]
        return self.execute("XNACK", name, groupname, mode.upper(), "IDS", len(ids), *ids, *more)

    def xclaim(
        self,
        name: Key,
        groupname: Value,
        consumername: Value,
        min_idle_time: int,
        message_ids: list[Id] | tuple[Id, ...],
        idle: int | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: bool = False,
    ) -> list[Any]:
        """Transfer pending entries to another consumer; returns them, with justid their ids. Times in milliseconds."""
        more = [
            *option("IDLE", idle),
            *option("TIME", time),
            *option("RETRYCOUNT", retrycount),
            *words(force=force, justid=justid),
        ]
        reply = self.execute("XCLAIM", name, groupname, consumername, min_idle_time, *message_ids, *more)
        return reply if justid else [_entry(e) for e in reply]

    def xautoclaim(
        self,
        name: Key,
        groupname: Value,
        consumername: Value,
        min_idle_time: int,
        start_id: Id = "0-0",
        count: int | None = None,
        justid: bool = False,
    ) -> list[Any]:
        """Transfer entries pending for at least min_idle_time to a consumer: returns [next start id, entries, deleted ids].

        With justid only the ids of the entries, as redis-py."""
        reply = self.execute(
            "XAUTOCLAIM", name, groupname, consumername, min_idle_time, start_id, *option("COUNT", count), *words(justid=justid)
        )
        if justid:
            return reply[1]
        return [reply[0], [_entry(e) for e in reply[1]], *reply[2:]]


def _named(reply: Any) -> dict[str, Any]:
    """Return a dict with field names as str, independent of decode_responses."""
    return {k.decode() if isinstance(k, bytes) else k: v for k, v in reply.items()}
