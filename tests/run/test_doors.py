"""Every command through every door: the same reply, and the same traces of it."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import redis

import kvd
import kvd.asyncio
from kvd.run import registry

from ..compat.wire import Wire
from .samples import SAMPLES, SETUP, Sample, Words, name_of

SCRIPT = "return redis.pcall(unpack(ARGV))"
TOO_FEW = "error: Wrong number of args calling Redis command from script"
IDLE = 100                      # seconds since the data was written
SPECS = registry.specs()
DOORS = ["resp3", "resp2", "store", "redis3", "redis2", "aio3", "aio2", "script", "multi"]


# ---- doors ------------------------------------------------------------------------------------------


class Door:
    """Runs commands in one session of a store. proto: of its replies."""

    def __init__(self, store: kvd.Store, kind: str) -> None:
        self.store, self.kind = store, kind
        self.proto = 2 if kind in ("resp2", "redis2", "aio2", "script") else 3
        self.server = store.serve(threads=1) if kind in ("resp2", "resp3", "multi") else None
        if self.server is not None:
            self.wire = Wire(("127.0.0.1", self.server.port), self.proto)
        elif kind == "script":
            self.session = store.session()
            self.session.execute("HELLO", 2)
        elif kind.startswith("redis"):
            self.client: Any = kvd.Redis(store, protocol=self.proto)
            self.client.response_callbacks.clear()
        elif kind.startswith("aio"):
            self.loop = asyncio.new_event_loop()
            self.client = kvd.asyncio.Redis(store, protocol=self.proto)
            self.client.response_callbacks.clear()

    def plain(self, *words):
        """Run a command of the test's own in the session, and return its reply; errors are returned."""
        try:
            if self.server is not None:
                return self.wire(*words)
            if self.kind == "script":
                return self.session.execute(*words)
            if self.kind == "store":
                return self.store.execute(*words)
            if self.kind.startswith("redis"):
                return self.client.execute_command(*words)
            return self.loop.run_until_complete(self.client.execute_command(*words))
        except (kvd.KvdError, redis.RedisError) as error:
            return error

    def __call__(self, *words):
        """Run a command through the door."""
        if self.kind == "script":
            return self.plain("EVAL", SCRIPT, 0, *words)
        if self.kind != "multi":
            return self.plain(*words)
        assert self.plain("MULTI") == b"OK"
        queued = self.plain(*words)
        if queued != b"QUEUED":
            self.plain("DISCARD")
            return queued
        return self.plain("EXEC")[0]

    def close(self) -> None:
        if self.server is not None:
            self.wire.close()
            self.server.stop()
        elif self.kind == "script":
            self.session.close()
        elif self.kind.startswith("redis"):
            self.client.close()
        elif self.kind.startswith("aio"):
            self.loop.run_until_complete(self.client.aclose())
            self.loop.close()


# ---- replies ----------------------------------------------------------------------------------------


def plain(reply):
    """Of one protocol: sets as sorted lists, errors as their text without the first word, which client libraries take off."""
    if isinstance(reply, Exception):
        return "error: " + re.sub(r"^(ERR|EXECABORT|NOSCRIPT) ", "", str(reply))
    if isinstance(reply, (list, tuple)):
        return [plain(one) for one in reply]
    if isinstance(reply, (set, frozenset)):
        return sorted((plain(one) for one in reply), key=repr)
    if isinstance(reply, dict):
        return {name.decode("latin-1") if isinstance(name, bytes) else name: plain(value) for name, value in reply.items()}
    return reply


def leaves(reply):
    """What is in a reply, the same in both protocols: its parts in their order, numbers as floats."""
    if isinstance(reply, dict):
        return [leaf for pair in reply.items() for one in pair for leaf in leaves(one)]
    if isinstance(reply, (list, tuple, set, frozenset)):
        return [leaf for one in reply for leaf in leaves(one)]
    if isinstance(reply, bytes):
        reply = reply.decode("latin-1")
    try:
        return [float(reply)]
    except (TypeError, ValueError):
        return [str(plain(reply))]


def unordered(reply):
    if isinstance(reply, dict):
        return {name: unordered(value) for name, value in reply.items()}
    return sorted((unordered(one) for one in reply), key=repr) if isinstance(reply, list) else reply


def shape(reply):
    """The types; of a list, which types its elements have."""
    if isinstance(reply, dict):
        return {"keys": sorted(map(str, reply))}
    if isinstance(reply, list):
        return {type(one).__name__ for one in reply}
    return type(reply).__name__


def comparable(reply, how: str):
    reply = plain(reply)
    return reply if how == "exactly" or isinstance(reply, str) and reply.startswith("error") else unordered(reply) if how == "unordered" else shape(reply)


# ---- what a command leaves behind -------------------------------------------------------------------


class Watcher:
    """A session of the store that reads messages."""

    def __init__(self, store: kvd.Store, *command) -> None:
        self.link = store._link(kvd.ResponseError)
        self.link.call(("HELLO", "3"), False)
        self.id = self.link.call(("CLIENT", "ID"), False)
        if command:
            self.link.call(command, False)

    def read(self) -> list:
        found = []
        while self.link.ready():
            found.append(self.link.next(False)[1])
        return found

    def keys(self) -> list:
        """The keys of invalidations; "all" after FLUSHALL."""
        return sorted({key for _, keys in self.read() for key in (keys if keys is not None else ["all"])}, key=str)


class Traces:
    """A store with the data of a sample, and what tells of a command that runs there."""

    def __init__(self, door: str, setup: list[Words], touch: bool = True, alone: Callable[[Traces], object] | None = None) -> None:
        """touch: without CLIENT NO-TOUCH. alone: instead of all that the traces need, what is switched on."""
        self.folder = tempfile.TemporaryDirectory()
        self.store = kvd.Store(enable_debug_command="yes", dir=self.folder.name)
        self.store.clock.freeze(1_700_000_000)
        self.admin = self.store.session()
        for words in setup:
            self.admin.execute(*words)
        self.keys = self.admin.execute("KEYS", "*")
        self.data = self.admin.execute("DEBUG", "DIGEST")
        self.redirect = self.monitor = self.bcast = Watcher(self.store)
        self.door = Door(self.store, door)
        self.store.clock.advance(IDLE)
        self.admin.execute("SLOWLOG", "RESET")
        self.admin.execute("CONFIG", "RESETSTAT")
        if alone is not None:
            alone(self)
        else:
            self.watch(touch)
        self.monitor.read()
        self.bcast.read()

    def watch(self, touch: bool) -> None:
        self.monitor, self.bcast = Watcher(self.store, "MONITOR"), Watcher(self.store, "CLIENT", "TRACKING", "ON", "BCAST")
        if not touch:
            assert self.door.plain("CLIENT", "NO-TOUCH", "ON") == b"OK"
        assert self.door.plain("CLIENT", "TRACKING", "ON", "REDIRECT", self.redirect.id) == b"OK"
        self.store.configure("slowlog-log-slower-than", 0)

    def run(self, words: Words, how: str, call: Callable[[Traces], object] | None = None) -> dict:
        """Run the command, by `call` if not as the door does; return what it answers and leaves behind."""
        stats = f"cmdstat_{name_of(words)}:"
        before = Counter() if words == ("CONFIG", "RESETSTAT") else Counter(self.figures(stats))
        before["calls"] += words[0] == "INFO"     # that of figures()
        self.monitor.read()
        self.reply = self.door(*words) if call is None else call(self)
        found = {"reply": comparable(self.reply, how), "MONITOR": self.shown(words)}
        found["commandstats"] = {part: n - before[part] for part, n in self.figures(stats).items()}
        found["errorstats"] = self.admin.execute("INFO", "errorstats")
        found["slow log"] = self.slow(words)
        found["invalidated"] = self.bcast.keys()
        left = self.admin.execute("KEYS", "*")
        found["idle"] = {key: self.admin.execute("OBJECT", "IDLETIME", key) for key in sorted(left)}
        found["data"] = self.admin.execute("DEBUG", "DIGEST")
        self.redirect.read()
        self.admin.execute("MSET", "further", "", *(word for key in self.keys for word in (key, "new")))
        found["tracked"] = self.redirect.keys()
        return found

    def slow(self, words: Words) -> list:
        entries = [entry[3] for entry in self.admin.execute("SLOWLOG", "GET", -1)]
        ours = ([b"INFO", b"commandstats"], [b"INFO", b"errorstats"])
        named = [entry for entry in entries if name_of(tuple(w.decode("latin-1") for w in entry)) == name_of(words)]
        return [entry for entry in named if entry not in ours and SCRIPT.encode() not in entry]

    def shown(self, words: Words) -> list[str]:
        """The lines of MONITOR that show the command, without time and address."""
        lines = [re.sub(r"^[\d.]+ \[(\d+) [^]]*\]", r"[\1]", line.decode()) for line in self.monitor.read()]
        asked = [f'"{word}"' for word in name_of(words).split("|")]
        return [line for line in lines if line.lower().split(" ")[1 : len(asked) + 1] == asked and SCRIPT not in line]

    def figures(self, entry: str) -> dict[str, int]:
        """Of a command's line of INFO commandstats; all 0 if there is none."""
        lines = self.admin.execute("INFO", "commandstats").decode().splitlines()
        parts = dict(part.split("=") for line in lines if line.startswith(entry) for part in line.split(":")[1].split(","))
        return {part: int(parts.get(part, 0)) for part in ("calls", "rejected_calls", "failed_calls")}

    def close(self) -> None:
        self.door.close()
        self.admin.close()


def traces(door: str, words: Words, how: str, setup: list[Words], touch: bool = True) -> tuple[dict, Traces]:
    of = Traces(door, setup, touch)
    try:
        return of.run(words, how), of
    finally:
        of.close()


# ---- the same at every door -------------------------------------------------------------------------


def is_exempt(sample: Sample, door: str) -> bool:
    return door.rstrip("23") in sample.exempt


def compare(name: str, words: Words, sample: Sample, setup: list[Words], touch: bool = True) -> tuple[dict, Traces]:
    """Run the call through all doors; what a socket with RESP3 shows is expected of the others. It is returned."""
    first, at = traces("resp3", words, sample.how, setup, touch)
    replies = {3: first["reply"]}
    for door in DOORS[1:]:
        if is_exempt(sample, door):
            continue
        found, of = traces(door, words, sample.how, setup, touch)
        if door == "script" and ("noscript" in SPECS[name].flags or found["reply"] == TOO_FEW):
            assert found["reply"] in (TOO_FEW, "error: This Redis command is not allowed from script")
            assert found["commandstats"]["rejected_calls"] == 1 and found["slow log"] == found["MONITOR"] == []
            continue
        wanted = {**first, "reply": replies.setdefault(of.door.proto, found["reply"])}
        assert {door: found} == {door: wanted}
    if sample.how == "exactly":
        assert sorted(leaves(replies[2]), key=str) == sorted(leaves(replies[3]), key=str)
    return first, at


def keys_of(store, words):
    try:
        return store.execute("COMMAND", "GETKEYS", *words)
    except kvd.ResponseError:
        return []


CONTAINERS = {name.split("|")[0] for name in SPECS if "|" in name} - {"command"}
WITH_KEYS = [name for name, sample in SAMPLES.items() if keys_of(kvd.Store(), sample.words)]


def test_every_command_has_a_sample():
    assert set(SPECS) - CONTAINERS == set(SAMPLES)
    assert all(sample.how in ("exactly", "unordered", "shape") for sample in SAMPLES.values())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_call(name):
    sample, flags = SAMPLES[name], SPECS[name].flags
    found, at = compare(name, sample.words, sample, [*SETUP, *sample.before])
    assert isinstance(at.reply, Exception) == sample.fails, at.reply
    assert found["commandstats"] == {"calls": 1, "rejected_calls": 0, "failed_calls": int(sample.fails)}
    assert len(found["slow log"]) == ("skip_slowlog" not in flags)
    assert len(found["MONITOR"]) == (not {"admin", "skip_monitor"} & set(flags) or "shown_first" in SPECS[name].marks)
    assert found["errorstats"].count(b"count=1") == found["errorstats"].count(b"=") == int(sample.fails)
    if "write" not in flags:
        assert (found["data"], found["invalidated"]) == (at.data, [])
    reads = "readonly" in flags or "nests" in SPECS[name].marks
    assert found["tracked"] == sorted(set(keys_of(at.store, sample.words)) & set(at.keys)) * reads


@pytest.mark.parametrize("name", WITH_KEYS)
def test_a_call_that_must_not_touch_keys(name):
    sample = SAMPLES[name]
    found, at = compare(name, sample.words, sample, [*SETUP, *sample.before], touch=False)
    if "readonly" in SPECS[name].flags and name != "touch":
        assert set(found["idle"].values()) == {IDLE}


@pytest.mark.parametrize("name", WITH_KEYS)
def test_a_call_on_keys_of_another_type(name):
    sample, store = SAMPLES[name], kvd.Store()
    other: list[Words] = []
    for words in SETUP:
        store.execute(*words)
    for key in keys_of(store, sample.words):
        other += [("DEL", key), ("SET", key, "v") if store.type(key) == b"stream" else ("XADD", key, "1-1", "f", "v")]
    found, at = compare(name, sample.words, sample, [*SETUP, *sample.before, *other])
    failed = isinstance(at.reply, Exception)
    assert found["commandstats"] == {"calls": 1, "rejected_calls": 0, "failed_calls": int(failed)}
    assert not failed or (found["data"], found["invalidated"]) == (at.data, [])


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if abs(spec.arity) > len(name.split("|"))])
def test_a_call_with_too_few_words(name):
    words = tuple(name.split("|"))
    found, at = compare(name, words, Sample(words), [])
    assert str(at.reply) == f"ERR wrong number of arguments for '{name}' command"
    assert found["commandstats"] == {"calls": 0, "rejected_calls": 1, "failed_calls": 0}
    assert (found["slow log"], found["MONITOR"]) == ([], []) and b"errorstat_ERR:count=1" in found["errorstats"]


@pytest.mark.parametrize("words", [("NOSUCH", "a"), ("CONFIG", "NOSUCH"), ("CONFIG|GET", "hz")])
def test_a_command_that_there_is_not(words):
    replies = {door: traces(door, words, "exactly", [])[0] for door in DOORS if door != "script"}
    assert all(found == replies["resp3"] for found in replies.values()) and replies["resp3"]["reply"].startswith("error: unknown")
    assert b"errorstat_ERR:count=1" in replies["resp3"]["errorstats"]


# ---- methods that take a short way ------------------------------------------------------------------

ALONE = {  # what makes the long way necessary -> how it is asked for, in the session itself or by another one
    "slow log": lambda at: at.store.configure("slowlog-log-slower-than", 0), "MONITOR": lambda at: setattr(at, "monitor", Watcher(at.store, "MONITOR")),
    "tracked": lambda at: at.door.plain("CLIENT", "TRACKING", "ON", "REDIRECT", at.redirect.id), "idle": lambda at: at.door.plain("CLIENT", "NO-TOUCH", "ON"),
    "invalidated": lambda at: setattr(at, "bcast", Watcher(at.store, "CLIENT", "TRACKING", "ON", "BCAST")), "commandstats": lambda at: None,
}  # fmt: skip


def method(door: Door, words: Words) -> None:
    """The call by the method of the store or the client."""
    of = door.store if door.kind == "store" else door.client
    done = getattr(of, words[0].lower())(*words[1:])
    if door.kind.startswith("aio"):
        door.loop.run_until_complete(done)


@pytest.mark.parametrize("words", [("GET", "s"), ("SET", "s", "new"), ("GET", "none")], ids=" ".join)
@pytest.mark.parametrize("door", ["store", "redis2", "redis3", "aio2", "aio3"])
@pytest.mark.parametrize("what", ALONE)
def test_methods_leave_what_commands_leave(what, door, words):
    found = []
    for call in (lambda at: at.door(*words), lambda at: method(at.door, words)):
        at = Traces(door, [("SET", "s", "v"), ("EXPIRE", "s", 1000)], alone=ALONE[what])
        found.append(at.run(words, "exactly", call))
        found[-1].pop("reply")
        at.close()
    assert found[0] == found[1]
    assert found[0][what] or what in ("tracked", "invalidated")
