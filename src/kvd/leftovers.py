"""Temporary files that a crash has left in the folders of a store's files.

A file is written under the name temp-PID-NUMBER.rdb, and locked (flock) meanwhile, so one that can be locked is not being written. Redis and
Valkey name theirs temp-PID.rdb and temp-rewriteaof-PID.aof, and do not lock them: these are removed if there is no such process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re

OURS = re.compile(r"temp-(\d+)-[0-9a-f]+\.rdb")
THEIRS = re.compile(r"temp-(?:rewriteaof-(?:bg-)?)?(\d+)\.(?:rdb|aof)")


def remove_leftovers(folder: str | os.PathLike[str], *, theirs: bool = False) -> list[str]:
    """Remove the temporary files of processes that have ended. Returns their names. O(N) where N is the number of files of the folder.

    theirs: also those of Redis and Valkey, in the folder of a server. In that of a program, a file of such a name may be something else. A folder that does not exist or cannot be read, and files that cannot be removed, are passed over."""
    removed = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if _is_left(OURS.fullmatch(name) or (theirs and THEIRS.fullmatch(name)) or None, path):
                with contextlib.suppress(OSError):
                    os.unlink(path)
                    removed.append(name)
    return removed


def _is_left(found: re.Match[str] | None, path: str) -> bool:
    if found is None or not os.path.isfile(path) or os.path.islink(path):
        return False
    pid = int(found[1])
    if pid != os.getpid() and _runs(pid):  # in a container, an ended process may have had the id of this one
        return False
    return _is_unlocked(path)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return pid < 1 << 31
    return True


def _is_unlocked(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
