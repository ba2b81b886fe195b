"""`Store`: the compiled engine with methods for all commands, sessions and a server."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar, overload
from weakref import WeakSet

from kvd.doors.files import (
    KEEP,
    MERGE,
    close_files,
    compact,
    has_log,
    is_writing,
    load,
    log_failed,
    open_log,
    snapshot,
    start_persistence,
    sync_log,
)
from kvd.doors.link import Link, link_of
from kvd.doors.server import Server, stop
from kvd.doors.session import Session, session_of
from kvd.doors.store import Store as Engine
from kvd.following import follow
from kvd.methods import AllMethods
from kvd.methods.common import Key, Text

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self, Unpack
    from typing_extensions import TypeVar as TypeVarWithDefault

    from kvd.options import StoreOptions
    from kvd.tls import TLS

    T = TypeVarWithDefault("T", default=Any)
else:
    T = TypeVar("T")

Synchronous = Literal["off", "normal", "full"]
RDB_VERSIONS = (0, 9, 10, 11, 12, 14, 80)  # that are written; 0: the lowest that loses nothing
SERVED = {
    "port": "port=",
    "tls_port": "tls_port=",
    "bind": "host=",
    "unixsocket": "unix_path=",
}  # options, and the arguments of serve that they are
SYNCHRONOUS: dict[Synchronous, tuple[int, bool]] = {
    "off": (2, True),
    "normal": (0, False),
    "full": (1, False),
}  # when it syncs; may writes wait?
OPEN: WeakSet[Store[Any]] = WeakSet()  # stores in files, which the end of the program closes
PROCESS = (
    "daemonize",
    "pidfile",
    "supervised",
    "crash_log_enabled",
    "shutdown_on_sigint",
    "shutdown_on_sigterm",
)  # options of `kvd serve` alone


class Store(Engine[T], AllMethods):
    """A key-value store in this process, with Redis's data types, commands and expiry.

    Keyword arguments are options of a redis.conf with underscores for dashes, for example
    `Store(maxmemory="100mb", maxmemory_policy="allkeys-lru")`; `kvd serve --help` lists them. Options of listening sockets are
    arguments of `serve` instead. With `decode_responses=True` replies are str instead of bytes.

    Stores are independent of each other. A deleted or closed store frees all its memory. Stores are thread-safe; a forked child
    process has its own copy.

    path: a file that keeps the data, made if it does not exist; or its URL, `kvd:///path?synchronous=full`, with options as a query. It is an append-only file that begins
    with a snapshot, which Redis and Valkey can load, too. Only one store at a time can have it open. synchronous tells what a crash can
    lose: "off": writes of the last tenth of a second, also if only the process dies; "normal": nothing if the process dies, the last
    second if the machine does; "full": nothing. `close()` or the end of the program loses nothing.

    Raises kvd.ConfigError for an unknown option or a bad value, kvd.FileError if the file is damaged, or open elsewhere."""

    __slots__ = ()

    @overload
    def __init__(
        self: Store[bytes],
        path: str | PathLike[str] | None = None,
        *,
        synchronous: Synchronous = "normal",
        decode_responses: Literal[False] = False,
        **options: Unpack[StoreOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: Store[str],
        path: str | PathLike[str] | None = None,
        *,
        synchronous: Synchronous = "normal",
        decode_responses: Literal[True],
        **options: Unpack[StoreOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        synchronous: Synchronous = "normal",
        decode_responses: bool,
        **options: Unpack[StoreOptions],
    ) -> None: ...
    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        synchronous: Synchronous = "normal",
        decode_responses: bool = False,
        **options: Any,
    ) -> None:
        file, named = _file_of(path)
        synchronous = _only(synchronous, named.pop("synchronous", synchronous))
        if file is None and synchronous != "normal":
            raise _config_error(f"synchronous={synchronous!r} needs a file")
        options = {**named, **options}
        if options:
            _refuse_what_serves(options)
        self._begin(decode_responses, options)
        if file is not None:
            self._open(file, synchronous)
        elif self.option("appendonly") == "yes":
            _clear(os.path.join(self.option("dir"), self.option("appenddirname")))
            start_persistence(self)
            OPEN.add(self)

    def _open(self, path: str, synchronous: Synchronous) -> None:
        if self.option("appendonly") == "yes":
            raise _config_error("appendonly: a store in a file has a log already")
        _clear(os.path.dirname(path))
        open_log(self, os.fsencode(path), *SYNCHRONOUS[synchronous])
        OPEN.add(self)

    def session(self) -> Session:
        """Return a new Session of this store."""
        return session_of(self)

    def _link(self, make_error: Callable[[str], Exception]) -> Link:
        """Return a new Link. make_error(text) returns the exception for an error reply."""
        return link_of(self, make_error)

    def serve(
        self,
        port: int | None = None,
        *,
        host: str | Iterable[str] = "127.0.0.1",
        unix_path: str | PathLike[str] | None = None,
        tls: TLS | None = None,
        tls_port: int | None = None,
        threads: int | None = None,
        log: bool = False,
    ) -> Server:
        """Serve Redis clients on this data from native background threads. Returns a Server.

        port: TCP port for plain connections; 0: a free port, None: none, or a free port if nothing else is given. host: address or list
        of addresses. unix_path: path of a unix socket. tls: a kvd.TLS, the certificates of encrypted connections (default: the options
        tls_cert_file ... of this store). tls_port: TCP port for these; 0: a free port (default: a free one if there is tls, else none).
        threads: number of network threads (default: io-threads). log: write the log according to logfile and loglevel.

        Raises kvd.ServerError if the port or path cannot be used, kvd.ConfigError if a certificate or key cannot be used or there is no
        OpenSSL, ValueError for an invalid port number."""
        return Server(self, port, host=host, unix_path=unix_path, tls=tls, tls_port=tls_port, threads=threads, log=log)

    def load(self, source: str | PathLike[str] | Buffer | BinaryIO, *, replace: bool = True) -> int:
        """Load an RDB file: a snapshot of Redis 2 to 8.2, Valkey 7 to 9 or kvd. Returns the number of keys loaded. O(N).

        source: its path, its bytes, or a binary file, which is read from its position to its end. replace: True: the file's content
        replaces all databases and function libraries of this store. False: keys and libraries are added; one that exists under
        the same name is replaced.

        The store changes only after the whole file was read and found right, all at once; other threads and clients can use it
        meanwhile. Keys whose deadline has passed are not loaded. A store that logs its writes is compacted, so that its file holds what was
        loaded when the call returns; a crash before that can lose it.

        Raises kvd.FileError if the file is damaged or contains what kvd does not know, such as data of a module, with the offset
        and the reason; then the store is as before. Raises OSError if the file cannot be read."""
        keys = load(self, source, 0 if replace else KEEP | MERGE)
        if has_log(self):
            self.compact()
        return keys

    def replicate_from(
        self,
        url: str,
        *,
        wait: bool = True,
        timeout: float | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Become a replica of a Redis, Valkey or kvd server: its copy, which is kept up to date until `promote`. What the store holds is
        replaced. O(N), in a thread of its own.

        url: redis://[[user]:password@]host[:port], rediss:// for TLS (options tls_ca_cert_file, and tls_cert_file and tls_key_file if
        the master wants a certificate), or unix:///path. All databases are followed. wait: return when the copy is there; else
        at once. timeout: seconds to wait; None: no limit. progress: is called with INFO replication (as `info("replication")`
        returns it) while the call waits, about 100 times a second: master_sync_read_bytes of master_sync_total_bytes (0: not known).

        A replica refuses writes (kvd.ReadOnlyError; option replica_read_only), and its keys expire when the master says so. A
        lost connection is made again; the stream continues where it ended, if the master still has it.

        Raises ValueError for another URL, kvd.ConfigError if the options for TLS do not suffice, and TimeoutError with the reason; the store goes on trying then: `promote` ends that."""
        follow(self, url, wait=wait, timeout=timeout, progress=progress)

    def promote(self) -> None:
        """End `replicate_from`: the store keeps what it has, and accepts writes. Nothing happens if it follows no master. O(1)."""
        self.execute("REPLICAOF", "NO", "ONE")

    def close(self) -> None:
        """Stop the server, disconnect all clients, write what is to be kept and free the memory. Further commands raise kvd.ClosedError.

        Raises OSError if the last writes could not be written to the file (the disk is full). The store is closed then, too: call `sync`
        before, which raises the same error and can be repeated."""
        stop(self)
        try:
            if not self.closed:
                close_files(self)
        finally:
            self._end()

    def snapshot(self, target: str | PathLike[str] | BinaryIO, *, version: int | None = None) -> int:
        """Write all databases as they are now into an RDB file. Returns the number of keys. O(N).

        target: a path, whose file is replaced when the new one is complete, or a binary file. Other threads and clients can use the store
        meanwhile, and change it; the file holds the state at its begin. If another snapshot or a rewrite of the file is running, the
        call waits for its end first. Load it with `load`, or with Redis or Valkey.

        version: of the format: 9 (Redis 5 and later), 10 (7.0), 11 (7.2, Valkey 7.2), 12 (7.4), 14 (8.8), 80 (Valkey 9); 0: the lowest that
        loses nothing; None: as the option rdb-version says.

        Raises OSError if it cannot be written, and kvd.FileError if the version cannot hold the data; an existing file is then as before.
        Raises ValueError for another version."""
        if version is not None and version not in RDB_VERSIONS:
            raise ValueError(f"version must be one of {', '.join(map(str, RDB_VERSIONS))} or None, not {version!r}")
        asked = -1 if version is None else version
        if not isinstance(target, (str, PathLike)):
            return snapshot(self, target, asked)
        path = os.path.abspath(os.fspath(target))
        temporary = f"{path}.{os.getpid()}.{id(self):x}.new"
        try:
            with open(temporary, "wb") as file:
                keys = snapshot(self, file, asked)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        return keys

    def compact(self) -> None:
        """Write the file of the store anew, without what has been overwritten and deleted. O(N).

        Returns when it is done; others can use the store meanwhile. It happens by itself when the file has doubled (options
        auto_aof_rewrite_percentage and auto_aof_rewrite_min_size). Raises kvd.FileError if it fails, with the old file in use, and
        for a store that has no file."""
        if not has_log(self):
            raise _file_error("the store has no file")
        while compact(self) is None:
            time.sleep(0.001)
        while is_writing(self):
            time.sleep(0.001)
        why = log_failed(self)
        if why is not None:
            raise _file_error(f"the new file could not be written, and the old one is in use: {why or 'see the log'}")

    def sync(self) -> None:
        """Write and sync what has changed so far: nothing of it is lost, whatever happens. Raises OSError."""
        if not sync_log(self):
            raise OSError("the log could not be written")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # -- a mapping of the selected database

    def __len__(self) -> int:
        return self.dbsize()

    def __delitem__(self, name: Key) -> None:
        if not self.delete(name):
            raise KeyError(name)

    def __contains__(self, name: Key) -> bool:
        return self.exists(name) == 1

    def __iter__(self) -> Iterator[Text]:
        return self.scan_iter()

    def __repr__(self) -> str:
        if self.closed:
            return "<kvd.Store closed>"
        return f"<kvd.Store keys={self.dbsize()} memory={self.used_memory}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Store cannot be pickled")


def _refuse_what_serves(options: dict[str, Any]) -> None:
    for name in options:
        plain = name.replace("-", "_")
        if plain in SERVED:
            raise _config_error(f"{name}: a store does not listen; use serve({SERVED[plain]}...)")
        if plain in PROCESS:
            raise _config_error(f"{name}: only `kvd serve` uses this option")


def _clear(folder: str) -> None:
    """Remove what a crash has left in the folder of a store's files."""
    from kvd.leftovers import remove_leftovers  # imported late: a store in memory does not need it

    remove_leftovers(folder)


def _file_of(path: str | PathLike[str] | None) -> tuple[str | None, dict[str, Any]]:
    """The absolute path that a path or a kvd URL names, and the options of the URL. None: the store is in memory alone."""
    if path is None:
        return None, {}
    name = os.fsdecode(path)
    options: dict[str, Any] = {}
    if name.startswith(("kvd://", "memory://")):
        from kvd.urls import file_of  # imported late: a path does not need it

        file, options = file_of(name)
        if file is None:
            return None, options
        name = file
    if not name or os.path.isdir(name):
        raise _config_error(f"{path!r} is a directory: the path of a store is that of a file")
    return os.path.abspath(name), options


def _only(synchronous: Synchronous, of_url: Synchronous) -> Synchronous:
    """The mode of an argument and of a URL, which may not contradict each other."""
    for mode in (synchronous, of_url):
        if mode not in SYNCHRONOUS:
            raise _config_error(f"synchronous must be one of {', '.join(map(repr, SYNCHRONOUS))}, not {mode!r}")
    if synchronous not in ("normal", of_url):
        raise _config_error(f"synchronous is {of_url!r} in the URL, and {synchronous!r} beside it")
    return of_url


def _file_error(why: str) -> Exception:
    from kvd.errors import FileError

    return FileError(why)


def _close_all() -> None:
    errors = []
    for store in list(OPEN):
        try:
            if not store.closed:
                close_files(store)
        except OSError as error:
            errors.append(error)
    if errors:
        raise errors[0]


atexit.register(_close_all)


def _config_error(why: str) -> Exception:
    from kvd.errors import ConfigError

    return ConfigError(why)
