"""Debugging sessions apart (SCRIPT DEBUG YES): a script is debugged in a copy of the data set, and its changes vanish with that.

The server hands the connection of the client over to a thread of its own, with the EVAL that begins the session. The thread takes a snapshot, loads it into
another store, whose server has a socket in a private folder, lets the script run there as after SCRIPT DEBUG SYNC, and passes bytes in
both directions until either side ends. So the debugger is the same one, other clients are served meanwhile, and a session costs the
memory of a second data set.
"""

from __future__ import annotations

import os
import selectors
import socket
import tempfile
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from kvd.doors.server import fork_abandons, fork_begins, fork_ended, fork_ignores

if TYPE_CHECKING:
    from kvd.embedded import Store

MOST = 8  # sessions of a store at a time
COPIED = ("databases", "busy-reply-threshold", "lua-memory-limit", "proto-max-bulk-len", "emulate", "client-output-buffer-limit",
          "hash-max-listpack-entries", "hash-max-listpack-value", "set-max-intset-entries", "set-max-listpack-entries", "set-max-listpack-value",
          "zset-max-listpack-entries", "zset-max-listpack-value", "list-max-listpack-size")  # fmt: skip

_sessions: WeakKeyDictionary[Store[Any], set[socket.socket]] = WeakKeyDictionary()
_copies: set[Store[Any]] = set()
_peers: set[socket.socket] = set()  # connections to these
_held: list[Store[Any]] = []  # copies that are locked for a fork


def begin(store: Store[Any], fd: int, database: int, protocol: int, unsent: bytes, words: bytes) -> bool:
    """Start a session. fd: of the client, which is duplicated; unsent: what it is to get first; words: its EVAL, and what it has sent after it.

    False: there are too many."""
    mine = _sessions.setdefault(store, set())
    if len(mine) >= MOST:
        return False
    client = socket.socket(fileno=os.dup(fd))
    mine.add(client)
    client.setblocking(True)
    threading.Thread(
        target=_session, args=(store, client, database, protocol, unsent, words), name="kvd-debugger", daemon=True
    ).start()
    return True


def end(store: Store[Any]) -> None:
    """End the sessions of a store, whose server stops."""
    for client in _sessions.get(store, set()).copy():
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _before_fork() -> None:
    _held.extend(_copies.copy())
    for copy in _held:
        fork_begins(copy)


def _after_in_parent() -> None:
    while _held:
        fork_ended(_held.pop())


def _after_in_child() -> None:
    """The child has none of the threads: its copies of the sockets must not keep connections open."""
    while _held:
        fork_abandons(_held.pop())
    for mine in list(_sessions.values()):
        for client in mine:
            client.close()
    for peer in _peers:
        peer.close()
    for kept in (_sessions, _copies, _peers):
        kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def _session(store: Store[Any], client: socket.socket, database: int, protocol: int, unsent: bytes, words: bytes) -> None:
    try:
        with client, suppress(OSError):
            client.sendall(unsent)
            try:
                with _copy(store) as copy, tempfile.TemporaryDirectory(prefix="kvd-debug-") as folder:
                    path = os.path.join(folder, "s")
                    with copy.serve(unix_path=path, threads=1), _prepared(path, database, protocol) as peer:
                        _debug(copy, client, peer, words)
            except Exception as error:  # the client learns it, whatever it is
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                client.sendall(f"-ERR the debugging session failed: {reason}\r\n".encode(errors="replace"))
    finally:
        _sessions.get(store, set()).discard(client)


def _debug(copy: Store[Any], client: socket.socket, peer: socket.socket, words: bytes) -> None:
    fork_ignores(copy)
    _copies.add(copy)
    _peers.add(peer)
    try:
        _pass(client, peer, words)
    finally:
        _copies.discard(copy)
        _peers.discard(peer)


def _copy(store: Store[Any]) -> Store[Any]:
    """Another store with the same data and limits."""
    from kvd.embedded import Store

    options: dict[str, Any] = {name.replace("-", "_"): store.option(name) for name in COPIED}
    copy = Store(**options)
    try:
        with tempfile.TemporaryFile() as file:
            store.snapshot(file, version=0)
            file.seek(0)
            copy.load(file)
    except BaseException:
        copy.close()
        raise
    return copy


def _frame(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)


def _prepared(path: str, database: int, protocol: int) -> socket.socket:
    """A connection to the copy, in the state of the client's. Only the last of these commands is answered."""
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    peer.sendall(_frame("CLIENT", "REPLY", "OFF") + _frame("HELLO", str(protocol)) + _frame("SELECT", str(database))
                 + _frame("SCRIPT", "DEBUG", "SYNC") + _frame("CLIENT", "REPLY", "ON"))  # fmt: skip
    answer = b""
    while len(answer) < 5:
        answer += peer.recv(5 - len(answer)) or b"closed"
    if answer != b"+OK\r\n":
        raise ConnectionError(f"the copy answers {answer!r}")
    return peer


def _pass(client: socket.socket, peer: socket.socket, words: bytes) -> None:
    """Passes what each sends to the other, until one of them ends."""
    peer.sendall(words)
    with selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, peer)
        ready.register(peer, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)
