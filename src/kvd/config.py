"""Options from files, flags and environment, for `kvd serve`; and reading INFO back.

The options themselves are rows of one table in ext/kvd/store/config.pyx; here they are gathered with
the precedence flag, environment (KVD_*), file, default, and checked with a message that says where a
wrong one stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from kvd.store import config as _table

PREFIX = "KVD_"


@dataclass(frozen=True)
class Option:
    """A row of the option table."""

    name: str
    alias: str
    kind: str
    values: list[str]
    default: str
    marks: list[str]
    sentence: str


@dataclass(frozen=True)
class Setting:
    """An option as somebody wrote it, and where."""

    name: str
    value: str
    origin: str
    line: int = 0
    text: str = ""


OPTIONS: dict[str, Option] = {row[0]: Option(*row) for row in _table.rows()}
ALIASES: dict[str, str] = {o.alias: o.name for o in OPTIONS.values() if o.alias}


class ConfigFileError(Exception):
    """A setting is wrong; `report` is what redis-server would print on standard error."""

    def __init__(self, setting: Setting, why: str) -> None:
        super().__init__(why)
        where = "Reading the configuration file, at line" if setting.line else "Reading the configuration,"
        at = f" {setting.line}" if setting.line else f" from {setting.origin}"
        text = setting.text or f"{setting.name} {setting.value}"
        self.report = f"\n*** FATAL CONFIG FILE ERROR (kvd) ***\n{where}{at}\n>>> '{text}'\n{why}\n"


def unknown_option(name: str) -> Exception:
    """The error for an option that does not exist, with the nearest one that does."""
    from kvd.errors import ConfigError

    return ConfigError(f"unknown option {name!r}{_hint(name)}")


def _hint(name: str) -> str:
    near = get_close_matches(name, [*OPTIONS, *ALIASES], n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def split_words(line: str) -> list[str]:
    """Words of a line as redis.conf quotes them. Raises ValueError for an open quote."""
    words: list[str] = []
    i, n = 0, len(line)
    while True:
        while i < n and line[i].isspace():
            i += 1
        if i == n:
            return words
        word, i = _read_word(line, i)
        words.append(word)


def _read_word(line: str, i: int) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    escapes = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
    while i < len(line):
        c = line[i]
        if not quote and c.isspace():
            break
        if not quote and c in "\"'" and not out:
            quote = c
        elif quote and c == quote:
            if i + 1 < len(line) and not line[i + 1].isspace():
                raise ValueError("Unbalanced quotes in configuration line")
            return "".join(out), i + 1
        elif quote == '"' and c == "\\" and line[i + 1 : i + 2] == "x" and len(line) > i + 3:
            out.append(chr(int(line[i + 2 : i + 4], 16)))
            i += 3
        elif quote and c == "\\" and i + 1 < len(line) and (quote == '"' or line[i + 1] == "'"):
            i += 1
            out.append(escapes.get(line[i], line[i]) if quote == '"' else line[i])
        else:
            out.append(c)
        i += 1
    if quote:
        raise ValueError("Unbalanced quotes in configuration line")
    return "".join(out), i


def from_lines(lines: Iterable[str], origin: str, base: str = ".") -> Iterator[Setting]:
    """Settings of a configuration file; `include` files are read where they are named."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            words = split_words(text)
        except ValueError as error:
            raise ConfigFileError(Setting("", "", origin, number, text), str(error)) from None
        name = words[0].lower()
        if name == "include" and len(words) == 2:
            path = os.path.join(base, words[1])
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    yield from from_lines(file.readlines(), path, os.path.dirname(path))
            except OSError as error:
                raise ConfigFileError(Setting(name, words[1], origin, number, text), f"can't open: {error}") from None
            continue
        yield _setting(name, words[1:], origin, number, text)


def _setting(name: str, words: list[str], origin: str, line: int, text: str) -> Setting:
    """Checks the number of words."""
    setting = Setting(ALIASES.get(name, name), " ".join(words), origin, line, text)
    option = OPTIONS.get(setting.name)
    if option is None:
        raise ConfigFileError(setting, f"Bad directive or wrong number of arguments{_hint(name)}")
    if not words or (len(words) > 1 and "words" not in option.marks):
        raise ConfigFileError(setting, "Bad directive or wrong number of arguments")
    return setting


def from_flags(args: list[str]) -> Iterator[Setting]:
    """Settings of redis-server style flags: `--port 6400 --save 60 1 --save ""`."""
    i = 0
    while i < len(args):
        flag = args[i]
        if not flag.startswith("--") or len(flag) == 2:
            raise ConfigFileError(Setting(flag, "", "the command line", 0, flag), "Bad directive or wrong number of arguments")
        name, _, attached = flag[2:].partition("=")
        words = [attached] if attached else []
        i += 1
        while i < len(args) and not (args[i].startswith("--") and len(args[i]) > 2):
            words.append(args[i])
            i += 1
        if len(words) == 1 and OPTIONS.get(ALIASES.get(name, name)) and "words" in OPTIONS[ALIASES.get(name, name)].marks:
            words = words[0].split() or [""]
        yield _setting(name.lower(), words, "the command line", 0, " ".join([flag, *words]))


def from_environment(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Settings of KVD_MAXMEMORY and its like."""
    by_variable = {PREFIX + n.upper().replace("-", "_"): n for n in [*ALIASES, *OPTIONS]}
    for variable, value in sorted(environment.items()):
        name = by_variable.get(variable)
        if name:
            yield Setting(ALIASES.get(name, name), value, f"the environment variable {variable}")
        elif variable.startswith(PREFIX) and variable not in ("KVD_BUILD", "KVD_PROBES"):
            raise ConfigFileError(Setting(variable, value, "the environment"), f"unknown option{_hint(variable[4:].lower())}")


def merge(*layers: Iterable[Setting]) -> dict[str, Setting]:
    """Later layers win; within one, `save` lines add up as in a redis.conf."""
    merged: dict[str, Setting] = {}
    for layer in layers:
        seen: set[str] = set()
        for setting in layer:
            if setting.name in ("save", "client-output-buffer-limit") and setting.name in seen and setting.value:
                before = merged[setting.name].value
                setting = Setting(setting.name, f"{before} {setting.value}".strip(), setting.origin, setting.line, setting.text)
            seen.add(setting.name)
            merged[setting.name] = setting
    return merged


def parse_info(text: str) -> dict[str, Any]:
    """INFO's text as a dict: numbers as int or float, `a=1,b=2` as dicts, the rest as str."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            pairs = [part.partition("=") for part in value.split(",")]
            if all(p[1] for p in pairs):
                found[name] = {key: _number(v) for key, _, v in pairs}
            else:
                found[name] = _number(value)
    return found


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
