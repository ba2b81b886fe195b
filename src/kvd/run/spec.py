"""Declarations of commands, and the properties derived from them.

    SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]
    write denyoom | string | 1.0.0 | O(1)
    Set the string value of a key.
    keys: RW access update variable_flags

The syntax line determines arity, key positions and the argument tree of COMMAND DOCS. Words in upper case are tokens, others
arguments; `[ ]` is optional, `< | >` and `[ | ]` are alternatives, `[x ...]` repeats the preceding argument. Arguments called key,
newkey, source or destination are keys; `<key | "">` is none if it is empty. The second line contains flags, group, version and complexity, the third one a sentence. Further
lines are optional: `keys:` access flags of each key argument; `at:` first, last and step, and `arity:`, if they differ from those derived;
`words:` tokens that precede further keys (STREAMS key ... id ..., STORE key), after the position from which to look for them. A negative
position, as Redis shows it, means: among the options, and all that follows is keys;
`categories:` ACL categories, if they differ; `tips:` hints for proxies; `secret:` arguments that MONITOR and the slow log do not
show; `channels:` the first word that is a channel and how many there are (-1: all that follow), and `pattern` if they are patterns;
`databases:` the first and last word that is a number of a database, or the token before it, or `every`, and `elsewhere` if the selected
database does not matter. A subcommand is called `CONFIG|GET`.

The version is that of Redis. `valkey:` is Valkey's, if it has taken the command over after 7.2, or `only`: then the version is Valkey's, and Redis
does not have the command. `newer:` tokens that came later than the command, before the versions: `IFEQ 8.4.0/8.1.0; IFNE 8.4.0/-; COUNT after
AGGREGATE 8.8.0/-`, of Redis and Valkey; `at 1` if they are at that word only, `as arity` if the command took fewer words before, `as other`
if what they stand for may be a name of the user's: the handler asks (is_newer_word). A store that emulates an older server (emulate) refuses them.

A declaration may have marks in addition to Redis's flags, which COMMAND INFO does not show; see MARKS.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass, field
else:
    from kvd.run.record import dataclass, field

KEY_NAMES = {"key", "newkey", "source", "destination"}
INTEGERS = {
    "seconds", "milliseconds", "count", "cursor", "index", "offset", "start", "end", "increment", "decrement",
    "numkeys", "len", "db", "source-db", "destination-db", "index1", "index2", "timeout", "protover",
    "client-id", "version", "samples", "min-match-len", "bit", "value-bit", "milliseconds-block", "min-idle-time",
    "numids", "limit", "entries-added", "entries-read", "retrycount", "numfields", "slot", "start-slot", "end-slot", "k", "ratio",
}  # fmt: skip
DOUBLES = {"float-increment", "longitude", "latitude", "radius", "width", "height"}
TIMES = {"unix-time-seconds", "unix-time-milliseconds"}
PATTERNS = {"pattern"}
FLAGS = [
    "write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading", "stale", "skip_monitor",
    "skip_slowlog", "asking", "fast", "no_auth", "no_multi", "movablekeys", "allow_busy", "no_async_loading",
    "no_mandatory_keys",
]  # fmt: skip
MARKS = {
    "in_multi": "runs at once between MULTI and EXEC",
    "ends_multi": "ends the transaction, also when it is refused (EXEC)",
    "listening": "a RESP2 session with subscriptions may run it",
    "nests": "runs other commands: what is tracked and propagated is theirs (EXEC, scripts)",
    "may_replicate": "not a write, but propagated like one: refused to read-only scripts and by CLIENT PAUSE WRITE",
    "keeps_caching": "does not use up CLIENT CACHING (CLIENT and its subcommands)",
    "takes_value": "a large argument may become the value without being copied",
    "shown_first": "shown to MONITOR by the command itself, before those that it runs (scripts)",
}
CATEGORIES = {
    "generic": "keyspace", "string": "string", "list": "list", "set": "set", "sorted-set": "sortedset", "hash": "hash",
    "bitmap": "bitmap", "hyperloglog": "hyperloglog", "geo": "geo", "stream": "stream", "array": "array", "pubsub": "pubsub",
    "connection": "connection", "transactions": "transaction", "scripting": "scripting",
}  # fmt: skip
EXTRA_MARKS = {"dangerous", "keyspace", "connection", "container"}  # categories that do not follow; see _categories
ACL_CATEGORIES = [
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
    "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting", "array",
]  # fmt: skip
KEY_FLAGS = ["RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags"]
NEVER = 1 << 30  # the release of what a server does not have
SHARED = 70204  # the last release of Redis whose commands all Valkeys have
TOKENS = re.compile(r"\[|\]|<|>|\||\.\.\.|[^\s\[\]<>|]+")


@dataclass
class Argument:
    """A node of the argument tree of COMMAND DOCS."""

    name: str
    type: str
    token: str = ""
    optional: bool = False
    multiple: bool = False
    parts: list[Argument] = field(default_factory=list)

    def least(self) -> int:
        """The minimum number of words."""
        if self.optional:
            return 0
        own = 1 if self.token else 0
        if self.type == "block":
            return own + sum(p.least() for p in self.parts)
        if self.type == "oneof":
            return own + min(p.least() for p in self.parts)
        return own + (0 if self.type == "pure-token" else 1)

    def fixed(self) -> bool:
        """Whether the number of words is fixed."""
        if self.optional or self.multiple:
            return False
        if self.type == "oneof":
            return len({p.least() for p in self.parts}) == 1 and all(p.fixed() for p in self.parts)
        return all(p.fixed() for p in self.parts)


def _is_key_or_empty(node: Argument) -> bool:
    return node.type == "oneof" and [part.type for part in node.parts] == ["key", "pure-token"] and node.parts[1].token == '""'


@dataclass
class KeySpec:
    """The position of keys in a command, and how the command accesses them."""

    flags: list[str]
    begin: int  # word at which the keys begin, or from which `keyword` is looked for
    keyword: str = ""
    last: int = 0  # last key, counted from the first; negative: from the end
    step: int = 1
    limit: int = 0  # above 1: keys are the first 1/limit of what follows
    counted: bool = False  # the first word is how many keys follow
    or_empty: bool = False  # an empty word is no key


@dataclass
class Secret:
    """Arguments that are not shown: `count` words from `at`, or after `keyword`, or values of secret options."""

    at: int
    count: int  # -1: all to the end
    keyword: str = ""
    options: bool = False


@dataclass
class Channels:
    """Arguments that are channels, or patterns of channels, which ACL rules are about."""

    at: int
    count: int  # -1: all to the end
    patterns: bool = False


@dataclass
class Databases:
    """Arguments that are numbers of databases, which ACL rules are about."""

    first: int  # -1: the command is about every database
    last: int = 0
    keyword: str = ""  # the number follows this token
    elsewhere: bool = False  # the selected database does not matter


@dataclass
class Newer:
    """A token that came later than its command."""

    word: str
    since: tuple[int, int]  # of Redis and Valkey, as in Spec
    after: str = ""  # the word before it
    at: int = 0  # the only word that it may be; 0: any, from the first that may be an option
    kind: str = "option"  # or arity, other: how it is refused


@dataclass
class Spec:
    """A declaration with its derived properties."""

    name: str
    arguments: list[Argument]
    flags: list[str]
    group: str
    since: str
    complexity: str
    summary: str
    syntax: str
    arity: int
    first: int
    last: int
    step: int
    numkeys_at: int
    keywords: list[str]
    looks_from: int
    categories: list[str]
    key_flags: list[list[str]]
    tips: list[str]
    marks: list[str] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    channels: Channels | None = None
    databases: Databases | None = None
    releases: tuple[int, int] = (0, 0)  # of Redis and Valkey, which have the command from then on; 8.4.0 is 80400
    newer: list[Newer] = field(default_factory=list)
    options_at: int = 0  # the first word that may be an option

    @property
    def numkeys_step(self) -> int:
        """Words from one key to the next after a numkeys."""
        names = [a.name for a in self.arguments]
        follow = self.arguments[names.index("numkeys") + 1] if "numkeys" in names else None
        return len(follow.parts) if follow is not None and follow.type == "block" else 1

    @property
    def key_specs(self) -> list[KeySpec]:
        """The key specifications, one per group of keys with the same flags."""
        return [self._key_spec(i, flags) for i, flags in enumerate(self.key_flags)]

    def _key_spec(self, index: int, flags: list[str]) -> KeySpec:
        positional = 1 if self.first else 0
        if self.numkeys_at and index >= positional:
            return KeySpec(flags, self.numkeys_at, step=self.numkeys_step, counted=True)
        if self.keywords and index >= positional:
            word = self.keywords[index - positional]
            if self.first:
                return KeySpec(flags, self.looks_from, word, last=-1 if self.looks_from < 0 else 0)
            return KeySpec(flags, self.looks_from, word, last=-1, limit=2)
        if len(self.key_flags) == 1 or self.last < 0 and index == len(self.key_flags) - 1:
            last = self.last if self.last < 0 else self.last - self.first
        else:
            last = 0
        return KeySpec(flags, self.first + index, last=last, step=self.step, or_empty=any(map(_is_key_or_empty, self.arguments)))

    @property
    def container(self) -> str:
        """The container of a subcommand, or an empty string."""
        return self.name.partition("|")[0] if "|" in self.name else ""


def _leaf(word: str) -> Argument:
    if word.isupper() or not any(c.islower() for c in word):
        return Argument(word.lower(), "pure-token", token=word)
    if word in KEY_NAMES:
        return Argument(word, "key")
    if word in INTEGERS:
        return Argument(word, "integer")
    if word in TIMES:
        return Argument(word, "unix-time")
    if word in DOUBLES:
        return Argument(word, "double")
    return Argument(word, "pattern" if word in PATTERNS else "string")


def _group(branches: list[list[Argument]]) -> Argument:
    """Return one argument for the content of a bracket."""
    nodes = [_block(b) for b in branches]
    if len(nodes) == 1:
        return nodes[0]
    return Argument("options" if nodes[0].type == "pure-token" else nodes[0].name, "oneof", parts=nodes)


def _block(sequence: list[Argument]) -> Argument:
    if len(sequence) == 1:
        return sequence[0]
    head, *rest = sequence
    if head.type == "pure-token" and len(rest) == 1 and rest[0].type not in ("pure-token", "oneof", "block"):
        rest[0].token = head.token
        return rest[0]
    if head.type == "pure-token" and len(rest) == 1 and rest[0].type == "oneof":
        rest[0].token = head.token
        rest[0].name = head.name
        return rest[0]
    return Argument("data" if head.type != "pure-token" else head.name, "block", parts=sequence)


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = TOKENS.findall(text)
        self.at = 0

    def sequence(self, until: str) -> list[list[Argument]]:
        """Parse alternatives up to the closing token; repetitions are merged into the repeated argument."""
        branches: list[list[Argument]] = [[]]
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token == until:
                return branches
            if token == "|":
                branches.append([])
            elif token in "[<":
                inner = self.sequence("]" if token == "[" else ">")
                if len(inner) == 1 and inner[0] and inner[0][-1].type == "repeat":
                    self._fold(branches[-1], len(inner[0]) - 1)
                    continue
                node = _group(inner)
                node.optional = token == "["
                branches[-1].append(node)
            elif token == "...":
                branches[-1].append(Argument("", "repeat"))
            else:
                branches[-1].append(_leaf(token))
        if until:
            raise ValueError(f"missing {until}")
        return branches

    @staticmethod
    def _fold(before: list[Argument], n: int) -> None:
        """`a b [a b ...]`: merge the last n nodes into one that repeats."""
        tail = before[-n:]
        del before[-n:]
        node = tail[0] if n == 1 else Argument("data", "block", parts=tail)
        node.multiple = True
        before.append(node)


def _keys(arguments: list[Argument], offset: int) -> tuple[int, int, int, int]:
    """Return first, last and step of the keys, and the position of numkeys (0: none)."""
    position = offset
    first = last = step = numkeys = 0
    for node in arguments:
        if node.optional:
            break
        if node.name == "numkeys":
            numkeys = position
            break
        if node.type == "block" and node.multiple and node.parts[0].type == "key":
            return position, -1, len(node.parts), 0
        if node.type == "key" or _is_key_or_empty(node):
            if not first:
                first = position
            last, step = position, 1
            if node.multiple:
                return first, -1, 1, 0
        position += node.least()
    return first, last, step, numkeys


def _options_at(arguments: list[Argument], offset: int) -> int:
    """The first word that may be an option: after the arguments that are there always."""
    for node in arguments:
        if node.optional or node.type == "oneof" or not node.fixed():
            break
        offset += node.least()
    return offset


def _categories(name: str, flags: list[str], group: str) -> list[str]:
    found = [CATEGORIES[group]] if group in CATEGORIES and "container" not in flags else []
    if "write" in flags:
        found.append("write")
    if "readonly" in flags and group != "scripting":
        found.append("read")
    if "admin" in flags:
        found += ["admin", "dangerous"]
    if "dangerous" in flags and "dangerous" not in found:
        found.append("dangerous")
    if "pubsub" in flags:
        found.append("pubsub")
    if "blocking" in flags:
        found.append("blocking")
    found.append("fast" if "fast" in flags else "slow")
    return list(dict.fromkeys(found))


def _secrets(text: str) -> list[Secret]:
    """Parse secrets: `1 2` two words from argument 1; `1 -1` all from it; `AUTH 2` two words after AUTH; `options` values of
    secret options. Several are separated by semicolons."""
    if text == "options":
        return [Secret(2, -1, options=True)]
    pairs = [part.split() for part in text.split(";") if part]
    return [Secret(int(first), int(count)) if first.isdigit() else Secret(1, int(count), keyword=first) for first, count in pairs]


def _channels(text: str) -> Channels | None:
    at, count, *kind = text.split() or ("0", "0")
    return Channels(int(at), int(count), kind == ["pattern"]) if int(at) else None


def _databases(text: str) -> Databases | None:
    words = [word for word in text.split() if word != "elsewhere"]
    elsewhere = words != text.split()
    if not words:
        return None
    if words == ["every"]:
        return Databases(-1)
    if words[0].isdigit():
        return Databases(int(words[0]), int(words[1]), elsewhere=elsewhere)
    return Databases(1, keyword=words[0], elsewhere=elsewhere)


def release(text: str) -> int:
    """The number of a version: 80400 for 8.4.0; NEVER for `-`."""
    if text == "-":
        return NEVER
    major, minor, patch = (int(part) for part in text.split("."))
    return major * 10000 + minor * 100 + patch


def _releases(since: str, valkey: str) -> tuple[int, int]:
    if valkey == "only":
        return NEVER, release(since)
    if valkey:
        return release(since), release(valkey)
    return release(since), release(since) if release(since) <= SHARED else NEVER


def _newer(text: str) -> list[Newer]:
    found = []
    for part in filter(None, text.split("; ")):
        *words, version = part.split()
        redis, _, valkey = version.partition("/")
        since = release(redis), release(valkey or "-")
        facts = {"after": "", "at": "0", "as": "option"}
        while words[-2:-1] and words[-2] in facts:
            facts[words[-2]] = words[-1]
            words = words[:-2]
        found += [Newer(word, since, facts["after"], int(facts["at"]), facts["as"]) for word in words]
    return found


def parse(text: str) -> Spec:
    """Parse a declaration. Raises ValueError if it is malformed."""
    lines = [line.strip() for line in text.strip().splitlines()]
    syntax, facts, summary, *more = lines
    extra = dict(line.split(": ", 1) for line in more)
    name, _, rest = syntax.partition(" ")
    arguments = _Reader(rest).sequence("")[0]
    words, group, since, complexity = [part.strip() for part in facts.split("|", 3)]
    marks = words.split()
    unknown = [m for m in marks if m not in FLAGS and m not in EXTRA_MARKS and m not in MARKS]
    if unknown:
        raise ValueError(f"{name}: unknown flags {unknown}")
    base = 2 if "|" in name else 1
    least = base + sum(a.least() for a in arguments)
    exact = all(a.fixed() for a in arguments)
    first, last, step, numkeys = _keys(arguments, base)
    if "at" in extra:
        first, last, step = (int(n) for n in extra["at"].split())
    flags = [f for f in FLAGS if f in marks]
    looks_from, *keywords = extra.get("words", "0").split()
    if numkeys or keywords:
        flags.append("movablekeys")
    key_flags = [part.split() for part in extra["keys"].split(";")] if "keys" in extra else []
    if not key_flags and (first or numkeys or keywords):
        key_flags = [["RW", "access", "update"] if "write" in marks else ["RO", "access"]]
    categories = _categories(name.lower(), marks, group)
    categories += [mark for mark in ("keyspace", "connection") if mark in marks and mark not in categories]
    categories = extra["categories"].split() if "categories" in extra else categories
    return Spec(
        name=name.lower(), arguments=arguments, flags=flags, group=group, since=since, complexity=complexity,
        summary=summary, syntax=syntax, arity=int(extra.get("arity", least if exact else -least)), first=first, last=last, step=step,
        numkeys_at=numkeys, keywords=keywords, looks_from=int(looks_from), categories=categories, key_flags=key_flags, tips=extra.get("tips", "").split(),
        marks=[m for m in MARKS if m in marks], secrets=_secrets(extra.get("secret", "")),
        channels=_channels(extra.get("channels", "")), databases=_databases(extra.get("databases", "")),
        releases=_releases(since, extra.get("valkey", "")), newer=_newer(extra.get("newer", "")), options_at=_options_at(arguments, base),
    )  # fmt: skip


@cache
def _bulk(text: str) -> bytes:
    data = text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def _many(kind: bytes, items: list[bytes]) -> bytes:
    n = len(items) // 2 if kind == b"%" else len(items)
    return b"%s%d\r\n%s" % (kind, n, b"".join(items))


def _int(n: int) -> bytes:
    return b":%d\r\n" % n


@cache
def _status(text: str) -> bytes:
    return b"+%s\r\n" % text.encode()


def _key_spec(key: KeySpec) -> bytes:
    if key.keyword:
        begin = "keyword", _many(b"%", [_bulk("keyword"), _bulk(key.keyword), _bulk("startfrom"), _int(key.begin)])
    else:
        begin = "index", _many(b"%", [_bulk("index"), _int(key.begin)])
    if key.counted:
        find = "keynum", [_bulk("keynumidx"), _int(0), _bulk("firstkey"), _int(1), _bulk("keystep"), _int(key.step)]
    else:
        find = "range", [_bulk("lastkey"), _int(key.last), _bulk("keystep"), _int(key.step), _bulk("limit"), _int(key.limit)]
    return _many(b"%", [
        _bulk("flags"), _many(b"~", [_status(f) for f in key.flags]),
        _bulk("begin_search"), _many(b"%", [_bulk("type"), _bulk(begin[0]), _bulk("spec"), begin[1]]),
        _bulk("find_keys"), _many(b"%", [_bulk("type"), _bulk(find[0]), _bulk("spec"), _many(b"%", find[1])]),
    ])  # fmt: skip


def info_reply(spec: Spec, subcommands: list[bytes]) -> bytes:
    """Return the entry of COMMAND INFO in RESP3. subcommands: the entries of its subcommands."""
    return _many(b"*", [
        _bulk(spec.name), b":%d\r\n" % spec.arity, _many(b"~", [_status(f) for f in spec.flags]),
        b":%d\r\n" % spec.first, b":%d\r\n" % spec.last, b":%d\r\n" % spec.step,
        _many(b"~", [_status("@" + c) for c in spec.categories]),
        _many(b"~", [_bulk(t) for t in spec.tips]),
        _many(b"~", [_key_spec(k) for k in spec.key_specs]),
        _many(b"*", subcommands),
    ])  # fmt: skip


def _argument(node: Argument) -> bytes:
    items = [_bulk("name"), _bulk(node.name), _bulk("type"), _bulk(node.type)]
    if node.type not in ("oneof", "block", "pure-token"):
        items += [_bulk("display_text"), _bulk(node.name)]
    if node.type == "key":
        items += [_bulk("key_spec_index"), b":0\r\n"]
    if node.token:
        items += [_bulk("token"), _bulk(node.token)]
    marks = [_status(m) for m in ("optional", "multiple") if getattr(node, m)]
    if marks:
        items += [_bulk("flags"), _many(b"*", marks)]
    if node.parts:
        items += [_bulk("arguments"), _many(b"*", [_argument(p) for p in node.parts])]
    return _many(b"%", items)


def docs_reply(spec: Spec, subcommands: list[bytes]) -> bytes:
    """Return the name and map of COMMAND DOCS in RESP3. subcommands: the entries of its subcommands."""
    items = [
        _bulk("summary"), _bulk(spec.summary), _bulk("since"), _bulk(spec.since), _bulk("group"), _bulk(spec.group),
        _bulk("complexity"), _bulk(spec.complexity),
    ]  # fmt: skip
    if spec.arguments:
        items += [_bulk("arguments"), _many(b"*", [_argument(a) for a in spec.arguments])]
    if subcommands:
        items += [_bulk("subcommands"), b"%%%d\r\n%s" % (len(subcommands), b"".join(subcommands))]
    return _bulk(spec.name) + _many(b"%", items)


def help_reply(container: str, members: list[Spec]) -> bytes:
    """Return the reply of a container's HELP: syntax and sentences of its subcommands."""
    lines = [f"{container.upper()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for member in members:
        lines += [member.syntax.partition("|")[2], "    " + member.summary]
    return _many(b"*", [_status(line) for line in lines])
