"""Settings of `kvd serve` from files, flags and the environment; INFO as a dict.

The options are rows of one table in ext/kvd/store/config.pyx. This module collects their settings. Flags take precedence over the
environment (KVD_*), the environment over files, files over defaults. Errors name the place of the wrong setting.

Three directives are not options: `include`, `rename-command` and `user`. The directives in REFUSED protect data or access and are not
implemented; like values of options marked `unmade`, they stop the start.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from kvd.store import config as _table

PREFIX = "KVD_"
DUPLICATE = "Error in user declaration '{}': Duplicate user found. A user can only be defined once in config files"
BAD = "Bad directive or wrong number of arguments"
ADDING = ("save", "client-output-buffer-limit")  # several lines of a file accumulate
RENAME = "rename-command"
USER = "user"
REFUSED = {"loadmodule": "modules are", "loadmodule-ex": "modules are"}
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}


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
    """A directive and where it was written. words: its arguments. value: the arguments as one string."""

    name: str
    value: str
    origin: str
    line: int = 0
    text: str = ""
    words: tuple[str, ...] = field(default=(), compare=False)


OPTIONS: dict[str, Option] = {row[0]: Option(*row) for row in _table.rows()}
ALIASES: dict[str, str] = {o.alias: o.name for o in OPTIONS.values() if o.alias}


class ConfigFileError(Exception):
    """A setting is wrong. report: the text for standard error, in redis-server's format."""

    def __init__(self, setting: Setting, why: str) -> None:
        super().__init__(why)
        if setting.line:
            where = f"Reading the configuration file{f' {setting.origin}' if setting.origin else ''}, at line {setting.line}"
        else:
            where = f"Reading the configuration, from {setting.origin}"
        text = setting.text or f"{setting.name} {setting.value}"
        option = OPTIONS.get(ALIASES.get(setting.name, setting.name))
        if option is not None and "secret" in option.marks:
            text = f"{setting.name} (redacted)"
        self.report = f"\n*** FATAL CONFIG FILE ERROR (kvd) ***\n{where}\n>>> '{text}'\n{why}\n"


def unknown_option(name: str) -> Exception:
    """Return the error for an unknown option, with the most similar known one."""
    from kvd.errors import ConfigError

    return ConfigError(f"unknown option {name!r}{_hint(name)}")


def _hint(name: str) -> str:
    near = get_close_matches(name, [*OPTIONS, *ALIASES], n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


# ---- words --------------------------------------------------------------------------------------------


def split_words(line: str) -> list[str]:
    """Split a line into words with the quoting of redis.conf. Raises ValueError for unbalanced quotes."""
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
        elif quote == '"' and c == "\\" and _is_hex(line[i + 1 : i + 4]):
            out.append(bytes([int(line[i + 2 : i + 4], 16)]).decode("utf-8", "surrogateescape"))  # a byte, not a character
            i += 3
        elif quote and c == "\\" and i + 1 < len(line) and (quote == '"' or line[i + 1] == "'"):
            i += 1
            out.append(ESCAPES.get(line[i], line[i]) if quote == '"' else line[i])
        else:
            out.append(c)
        i += 1
    if quote:
        raise ValueError("Unbalanced quotes in configuration line")
    return "".join(out), i


def _is_hex(text: str) -> bool:
    return len(text) == 3 and text[0] == "x" and all(c in "0123456789abcdefABCDEF" for c in text[1:])


# ---- sources ------------------------------------------------------------------------------------------


def from_file(path: str) -> Iterator[Setting]:
    """Yield the settings of a configuration file. Raises ConfigFileError for a wrong setting or a file that cannot be read."""
    try:
        lines = _read_lines(path)
    except OSError as error:
        raise ConfigFileError(Setting("", "", path, 0, path), f"Fatal error, can't open config file: {error}") from None
    yield from from_lines(lines, path, os.path.dirname(os.path.abspath(path)), (os.path.realpath(path),))


def _read_lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().split("\n")


def from_lines(lines: Iterable[str], origin: str, base: str = ".", within: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield the settings of the lines of a configuration file, and of the files it includes in their place.

    origin: name for errors. base: directory for names of included files. within: the files that include this one.
    """
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            words = split_words(text)
        except ValueError as error:
            raise ConfigFileError(Setting("", "", origin, number, text), str(error)) from None
        setting = Setting(words[0].lower(), " ".join(words[1:]), origin, number, text, tuple(words[1:]))
        if setting.name == "include" and len(words) == 2:
            yield from _included(setting, base, within)
        else:
            yield _checked(setting)


def _included(setting: Setting, base: str, within: tuple[str, ...]) -> Iterator[Setting]:
    """Yield the settings of included files. A pattern may match no file."""
    path = os.path.join(base, setting.value)
    paths = sorted(glob.glob(path)) if glob.has_magic(setting.value) else [path]
    for path in paths:
        real = os.path.realpath(path)
        if real in within:
            chain = " -> ".join([*within[within.index(real) :], real])
            raise ConfigFileError(setting, f"the file includes itself: {chain}")
        try:
            lines = _read_lines(path)
        except OSError as error:
            raise ConfigFileError(setting, f"Fatal error, can't open config file: {error}") from None
        yield from from_lines(lines, path, os.path.dirname(path), (*within, real))


def from_flags(args: list[str]) -> Iterator[Setting]:
    """Yield the settings of flags: `--port 6400 --save ""`, `--port=6400`, `"--port 6400"` in one argument, `-p 6400`."""
    i = 0
    while i < len(args):
        flag = args[i]
        i += 1
        setting = Setting(flag, "", "the command line", 0, flag)
        if flag == "-p":
            flag = "--port"
        if not flag.startswith("--") or len(flag) == 2:
            raise ConfigFileError(setting, BAD)
        name, *words = _split_flag(flag[2:], setting)
        while i < len(args) and not (args[i].startswith("--") and len(args[i]) > 2):
            words.append(args[i])
            i += 1
        option = OPTIONS.get(ALIASES.get(name.lower(), name.lower()))
        if len(words) == 1 and option is not None and "words" in option.marks:
            words = words[0].split() or [""]
        yield _checked(Setting(name.lower(), " ".join(words), setting.origin, 0, " ".join([flag, *words]), tuple(words)))


def _split_flag(text: str, setting: Setting) -> list[str]:
    """Split one argument into the name and words: `port`, `port=6400` or `port 6400`."""
    name, equals, value = text.partition("=")
    if equals and not any(c.isspace() for c in name):
        return [name, value]
    return [*_words_of(replace(setting, value=text))]


def from_environment(environment: Mapping[str, str], ignored: list[str] | None = None) -> Iterator[Setting]:
    """Yield the settings of variables such as KVD_MAXMEMORY.

    Empty values are skipped, as are addresses like tcp://10.0.0.1:6379 in KVD_PORT and unknown variables, which orchestrators
    set for a service called kvd. ignored: list to which the names of other unknown variables are added.
    """
    by_variable = {PREFIX + n.upper().replace("-", "_"): n for n in [*ALIASES, *OPTIONS, *REFUSED, RENAME, USER]}
    for variable, value in sorted(environment.items()):
        name = by_variable.get(variable)
        injected = name in (None, "port") and value.startswith(("tcp://", "udp://"))
        if not variable.startswith(PREFIX) or not value or injected:
            continue
        if name is not None:
            option = OPTIONS.get(ALIASES.get(name, name))
            several = name in (RENAME, USER) or (option is not None and "words" in option.marks)
            setting = Setting(name, value, f"the environment variable {variable}", 0, f"{variable}={value}")
            yield _checked(replace(setting, words=_words_of(setting) if several else (value,)))
        elif ignored is not None:
            near = get_close_matches(variable, by_variable, n=1, cutoff=0.8)
            ignored.append(f"{variable} (did you mean {near[0]}?)" if near else variable)


def _words_of(setting: Setting) -> tuple[str, ...]:
    try:
        return tuple(split_words(setting.value))
    except ValueError as error:
        raise ConfigFileError(setting, str(error)) from None


def _checked(setting: Setting) -> Setting:
    """Return the setting with the name of its option. Raises ConfigFileError for an unknown name or a wrong number of words."""
    name, words = setting.name, setting.words
    if name in REFUSED:
        raise ConfigFileError(setting, f"'{name}' is not implemented: {REFUSED[name]} not available in kvd")
    if name in (RENAME, USER):
        if len(words) != 2 if name == RENAME else not words:
            raise ConfigFileError(setting, BAD)
        return setting
    name = ALIASES.get(name, name)
    option = OPTIONS.get(name)
    if option is None:
        raise ConfigFileError(setting, BAD + _hint(name))
    if not words and name == "save":
        words = ("",)  # as `save ""`
    if not words or (len(words) > 1 and "words" not in option.marks):
        raise ConfigFileError(setting, BAD)
    if name == "replicaof" and [word.lower() for word in words] == ["no", "one"]:
        words = ("",)
    return Setting(name, " ".join(words), setting.origin, setting.line, setting.text, words)


# ---- precedence ---------------------------------------------------------------------------------------


def _name_of(setting: Setting) -> str:
    """By which a setting replaces an earlier one."""
    if setting.name == RENAME:
        return f"{RENAME} {setting.words[0].lower()}"
    return f"{USER} {setting.words[0]}" if setting.name == USER else setting.name


def merge(*layers: Iterable[Setting]) -> dict[str, Setting]:
    """Return the effective settings by name. Later layers take precedence. Within a layer, the last line of an option does, except
    that lines of ADDING, renamed commands and users accumulate."""
    merged: dict[str, Setting] = {}
    for layer in layers:
        seen: set[str] = set()
        for setting in layer:
            name = _name_of(setting)
            if setting.name == USER and name in seen:
                raise ConfigFileError(setting, DUPLICATE.format(setting.words[0]))
            if name in ADDING and name in seen and setting.value:
                before = merged[name].value
                setting = Setting(name, f"{before} {setting.value}".strip(), setting.origin, setting.line, setting.text)
            seen.add(name)
            merged[name] = setting
    return merged


# ---- INFO ---------------------------------------------------------------------------------------------


def parse_info(text: str) -> dict[str, Any]:
    """Parse the text of INFO: numbers become int or float, `a=1,b=2` dicts, everything else str."""
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
