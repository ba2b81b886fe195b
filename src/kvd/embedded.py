"""`Store`: the compiled engine with a method for every command, sessions and a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from typing import Any

from kvd.doors.link import Link, link_of
from kvd.doors.server import Server
from kvd.doors.session import Session, session_of
from kvd.doors.store import Store as Engine
from kvd.methods import AllMethods
from kvd.methods.common import Key, Text


class Store(Engine, AllMethods):
    __doc__ = Engine.__doc__
    __slots__ = ()

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

        Raises kvd.ServerError if the port is taken or the path cannot be made."""
        return Server(self, port, host=host, unix_path=unix_path, threads=threads, log=log)

    # -- a mapping of the selected database

    def __len__(self) -> int:
        return self.dbsize()

    def __delitem__(self, name: Key) -> None:
        self.delete(name)

    def __contains__(self, name: Key) -> bool:
        return self.exists(name) == 1

    def __iter__(self) -> Iterator[Text]:
        return self.scan_iter()

    def __repr__(self) -> str:
        return f"<kvd.Store keys={self.dbsize()} memory={self.used_memory}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Store cannot be pickled")
