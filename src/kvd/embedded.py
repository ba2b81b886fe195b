"""`Store`: the compiled engine with methods for all commands, sessions and a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar, overload

from kvd.doors.files import KEEP, MERGE, load
from kvd.doors.link import Link, link_of
from kvd.doors.server import Server, stop
from kvd.doors.session import Session, session_of
from kvd.doors.store import Store as Engine
from kvd.methods import AllMethods
from kvd.methods.common import Key, Text

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self, Unpack
    from typing_extensions import TypeVar as TypeVarWithDefault

    from kvd.options import StoreOptions

    T = TypeVarWithDefault("T", default=Any)
else:
    T = TypeVar("T")

SERVED = {"port": "port=", "bind": "host=", "unixsocket": "unix_path="}  # options, and the arguments of serve that they are
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

    Raises kvd.ConfigError for an unknown option or a bad value, and for a path: persistence is not available in this version."""

    __slots__ = ()

    @overload
    def __init__(
        self: Store[bytes], path: None = None, *, decode_responses: Literal[False] = False, **options: Unpack[StoreOptions]
    ) -> None: ...
    @overload
    def __init__(
        self: Store[str], path: None = None, *, decode_responses: Literal[True], **options: Unpack[StoreOptions]
    ) -> None: ...
    @overload
    def __init__(self, path: None = None, *, decode_responses: bool, **options: Unpack[StoreOptions]) -> None: ...
    def __init__(self, path: Any = None, *, decode_responses: bool = False, **options: Any) -> None:
        if path is not None:
            raise _config_error(f"{path!r}: a store in a file is not available in this version; kvd.Store() is in memory")
        if options:
            _refuse_what_serves(options)
        self._begin(decode_responses, options)

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
        threads: int | None = None,
        log: bool = False,
    ) -> Server:
        """Serve Redis clients on this data from native background threads. Returns a Server.

        port: TCP port; 0: a free port, None: no TCP, or a free port if there is no unix_path. host: address or list of
        addresses. unix_path: path of a unix socket. threads: number of network threads (default: io-threads). log: write the
        log according to logfile and loglevel.

        Raises kvd.ServerError if the port or path cannot be used, ValueError for an invalid port number."""
        return Server(self, port, host=host, unix_path=unix_path, threads=threads, log=log)

    def load(self, source: str | PathLike[str] | Buffer | BinaryIO, *, replace: bool = True) -> int:
        """Load an RDB file: a snapshot of Redis 2 to 8.2, Valkey 7 to 9 or kvd. Returns the number of keys loaded. O(N).

        source: its path, its bytes, or a binary file, which is read from its position to its end. replace: True: the file's content
        replaces all databases and function libraries of this store. False: keys and libraries are added; one that exists under
        the same name is replaced.

        The store changes only after the whole file was read and found right, all at once; other threads and clients can use it
        meanwhile. Keys whose deadline has passed are not loaded.

        Raises kvd.FileError if the file is damaged or contains what kvd does not know, such as data of a module, with the offset
        and the reason; then the store is as before. Raises OSError if the file cannot be read."""
        return load(self, source, 0 if replace else KEEP | MERGE)

    def close(self) -> None:
        """Stop the server, disconnect all clients and free the memory. Further commands raise kvd.ClosedError."""
        stop(self)
        self._end()

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


def _config_error(why: str) -> Exception:
    from kvd.errors import ConfigError

    return ConfigError(why)
