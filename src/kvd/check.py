"""`kvd check`: examine RDB and append-only files, and cut a torn end off.

A path is one of

    an RDB file               REDIS or VALKEY, records, end, checksum
    an append-only file       commands; or an RDB file (the preamble) and commands
    a manifest, or a folder   the parts of an append-only log in their order: base, increments; history parts are not examined

Only the last part of a log can be cut: the parts before it are whole, or the log is damaged. A file is cut after the last
command that is complete and not inside an unfinished transaction.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvd.doors.files import inspect, scan

RDB_HEADS = (b"REDIS", b"VALKEY")


class CheckError(Exception):
    """Something that cannot be examined. The message tells why."""


@dataclass
class Part:
    """A file of a log, or a file alone.

    good: bytes after which it could be cut so that it is whole; None: cutting does not help. error: None if it is whole."""

    path: Path
    size: int = 0
    good: int | None = None
    error: str | None = None
    lines: list[str] = field(default_factory=list)
    torn: bool = False

    @property
    def name(self) -> str:
        return self.path.name


def check(path: str | os.PathLike[str], until: int = 0) -> list[Part]:
    """Examine a file, a manifest or a folder. Returns its parts; those after a broken one are not examined. O(N).

    until: seconds since 1970: the log should end before the first annotation of time that is later (its last part only); 0: no limit.

    Raises CheckError for a bad manifest, OSError for files that cannot be read."""
    found = Path(path)
    names = _parts_of(found)
    if names is None:
        return [_examine(found, until)]
    parts: list[Part] = []
    for name, is_base in names:
        part = _examine(name, until if name == names[-1][0] else 0, alone=False)
        if is_base is False and part.lines and part.lines[0].startswith("RDB"):
            part.error, part.good = "at offset 0: an increment must not be an RDB file", None
        parts.append(part)
        if part.error is not None:
            break
    return parts


def cut(part: Part) -> None:
    """Cut a file at `good`, and write it to the disk. Raises OSError."""
    assert part.good is not None
    with open(part.path, "r+b") as file:
        file.truncate(part.good)
        os.fsync(file.fileno())


# -- the parts of a log


def _parts_of(path: Path) -> list[tuple[Path, bool]] | None:
    """(file, is it the base) in their order, or None if the path is a file alone."""
    if path.is_dir():
        manifests = sorted(path.glob("*.manifest"))
        if len(manifests) != 1:
            raise CheckError(
                f"{path}: {'there is no manifest' if not manifests else 'there are several manifests'} in this folder"
            )
        return read_manifest(manifests[0])
    if path.suffix == ".manifest":
        return read_manifest(path)
    with open(path, "rb") as file:
        return read_manifest(path) if file.read(5) == b"file " else None


def read_manifest(path: Path) -> list[tuple[Path, bool]]:
    """Read a manifest: lines of `file NAME seq NUMBER type b|i|h`. Returns (file, is it the base) in their order, without history.

    Raises CheckError."""
    base: list[tuple[Path, bool]] = []
    increments: list[tuple[Path, bool]] = []
    last = 0
    lines = path.read_text("utf-8", "surrogateescape").splitlines()
    if not lines:
        raise CheckError(f"{path}: the manifest is empty")
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        values = _manifest_line(path, number, line)
        kind, sequence = values["type"], int(values["seq"])
        if kind == "b":
            base.append((path.parent / values["file"], True))
        elif kind == "i":
            increments.append((path.parent / values["file"], False))
            if sequence <= last:
                raise CheckError(f"{path}: line {number}: the numbers of the increments do not ascend")
            last = sequence
    if len(base) > 1:
        raise CheckError(f"{path}: there are several base files")
    return base + increments


def _manifest_line(path: Path, number: int, line: str) -> dict[str, str]:
    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    values = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) < 6 or len(words) % 2 or not {"file", "seq", "type"} <= values.keys() or len(line) > 1024:
        raise CheckError(f"{path}: line {number}: expected 'file NAME seq NUMBER type b|i|h', got {line[:80]!r}")
    if "/" in values["file"] or not values["file"]:
        raise CheckError(f"{path}: line {number}: a file name must not contain a path, got {values['file']!r}")
    if not values["seq"].isdigit() or int(values["seq"]) == 0 or values["type"] not in ("b", "i", "h"):
        raise CheckError(f"{path}: line {number}: seq must be a positive number and type b, i or h, got {line[:80]!r}")
    return values


# -- one file


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[tuple[Any, int]]:
    """The content of a file, and its size."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            yield b"", 0
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data, size


def _examine(path: Path, until: int, *, alone: bool = True) -> Part:
    with _mapped(path) as (data, size):
        part = Part(path, size)
        begin = 0
        if bytes(data[:6]).startswith(RDB_HEADS):
            begin = _examine_rdb(part)
            if part.error is not None:
                return part
            if begin == size:
                part.good = size
                return part
            if alone and data[begin : begin + 1] not in (b"*", b"#"):
                part.lines.append(f"{size - begin} bytes follow the end; servers ignore them")
                part.good = size
                return part
        elif not size and alone:
            part.error = "at offset 0: the file is empty"
            return part
        with memoryview(data)[begin:] as rest:
            _examine_commands(part, rest, begin, until)
    return part


def _examine_rdb(part: Part) -> int:
    """Returns where it ends."""
    from kvd import Store

    found = inspect(Store(databases=16384), part.path)
    server = found["aux"].get("valkey-ver") or found["aux"].get("redis-ver")
    writer = f", written by {'valkey' if 'valkey-ver' in found['aux'] else 'redis'} {server}" if server else ""
    part.lines.append(
        f"RDB version {found['version']}{' of Valkey' if found['valkey'] else ''}{writer}" if found["version"] else "RDB"
    )
    if found["aux"].get("ctime", "").isdigit():
        part.lines.append(f"created {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(int(found['aux']['ctime'])))} UTC")
    part.lines.append(f"{found['keys']} keys, {found['expires']} with a deadline; {found['expired']} have expired")
    part.lines += [f"    {kind}: {count}" for kind, count in found["types"].items()]
    if found["libraries"]:
        part.lines.append(f"{found['libraries']} function libraries")
    if found["empty"]:
        part.lines.append(f"{found['empty']} empty collections, which are not loaded")
    part.lines += [
        f"{name}: {value[:200]}" for name, value in found["aux"].items() if name not in ("ctime", "redis-ver", "valkey-ver")
    ]
    part.error = found["error"]
    if part.error is None:
        part.lines.append("the checksum is right" if found["checksum"] else "there is no checksum")
    return int(found["end"])


def _examine_commands(part: Part, data: memoryview, begin: int, until: int) -> None:
    found = scan(data, until)
    part.good = begin + found["good"]
    part.lines.append(f"{found['commands']} commands")
    if found["time"]:
        part.lines.append(f"last annotation of time: {found['time']}")
    if found["stopped"]:
        part.error = f"at offset {part.good}: what follows is later than {until}"
    elif found["error"] is not None:
        part.error = f"at offset {begin + found['offset']}: {found['error']}"
        part.torn = found["torn"]


# -- the command


def run(path: str, *, fix: bool, until: int, say: Callable[[str], None], ask: Callable[[str], bool]) -> int:
    """Examine, report line by line, and cut the last part if `fix` and the answer allows it. Returns the exit code: 0 if everything is
    whole now, else 1."""
    try:
        parts = check(path, until)
        complete = _parts_of(Path(path))
    except (CheckError, OSError) as error:
        say(str(error))
        return 1
    for part in parts:
        say(f"{part.name}: {part.size} bytes")
        for line in part.lines:
            say(f"    {line}")
        say(f"    {'OK' if part.error is None else part.error}")
    broken = parts[-1] if parts and parts[-1].error is not None else None
    if broken is None:
        return 0
    if broken.good is None:
        say(f"{broken.name} cannot be repaired: an RDB file is loaded as a whole or not at all.")
        return 1
    lost = broken.size - broken.good
    if complete is not None and broken.path != complete[-1][0]:
        say(f"{broken.name} cannot be repaired: it is not the last file of the log, and what follows it would not fit.")
        return 1
    say(f"{broken.name} is whole up to byte {broken.good}; {lost} bytes follow.")
    if not broken.torn:
        say("This is not a torn end: the bytes after it may contain complete commands, which a cut would lose.")
    if not fix:
        say("kvd check --fix cuts them off.")
        return 1
    if not ask(f"Cut {broken.name} from {broken.size} to {broken.good} bytes, losing {lost}?"):
        say("Nothing was changed.")
        return 1
    cut(broken)
    say(f"{broken.name} was cut to {broken.good} bytes.")
    return 0
