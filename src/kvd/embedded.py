"""`Store`: the compiled engine with a method for every command, sessions and a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from kvd.doors.link import Link, link_of
from kvd.doors.server import Server, stop
from kvd.doors.session import Session, session_of
from kvd.doors.store import Store as Engine
from kvd.methods import AllMethods
from kvd.methods.common import Key, Text

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack
    from typing_extensions import TypeVar as TypeVarWithDefault

    from kvd.options import StoreOptions

    T = TypeVarWithDefault("T", default=Any)
else:
    T = TypeVar("T")

SERVED = {"port": "port=", "bind": "host=", "unixsocket": "unix_path="}  # options, and the arguments of serve that they are
PROCESS = ("daemonize", "pidfile", "supervised", "crash_log_enabled")  # options of `kvd serve` alone


class Store(Engine[T], AllMethods):
    """A key-value store in this process: Redis's data, commands and expiry, without a server.

    Keyword arguments are options of a redis.conf with underscores for dashes, such as
    `Store(maxmemory="100mb", maxmemory_policy="allkeys-lru")`; `kvd serve --help` lists them. Those that say where a server
    listens are refused: they are arguments of `serve`. `decode_responses=True` returns str instead of bytes.

    Any number of stores live side by side; one that is dropped or closed gives all its memory back. A store may be used from any
    number of threads, and by a forked child, which gets a copy of its own.

    Raises kvd.ConfigError for an unknown option or a bad value, and for a path: stores are in memory in this version."""

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
        """A new Session on this store."""
        return session_of(self)

    def _link(self, make_error: Callable[[str], Exception]) -> Link:
        """A new Link. make_error: called with the text of an error reply, makes the exception."""
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
        """Answer Redis clients on this data, from native threads in the background.

        port: TCP port; 0 for a free one, None for none unless there is no unix_path either (then a free
        one). host: address or list of addresses. unix_path: path of a unix socket. threads: network threads
        (io-threads). log: write the log that logfile and loglevel describe. Returns a Server.

        Raises kvd.ServerError if the port is taken or the path cannot be made, ValueError for a number that is no port."""
        return Server(self, port, host=host, unix_path=unix_path, threads=threads, log=log)

    def close(self) -> None:
        """End the server and all clients, and give the memory back. Commands raise kvd.ClosedError from now on."""
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
            raise _config_error(f"{name}: a store does not listen by itself; give it to serve({SERVED[plain]}...)")
        if plain in PROCESS:
            raise _config_error(f"{name}: only `kvd serve` uses this option, a store in a process of yours does not")


def _config_error(why: str) -> Exception:
    from kvd.errors import ConfigError

    return ConfigError(why)
