from collections.abc import Iterable
from os import PathLike
from types import TracebackType

from typing_extensions import Self

from kvd.doors.store import Store

DEBUG: int
VERBOSE: int
NOTICE: int
WARNING: int

class Server:
    store: Store
    def __init__(
        self,
        store: Store | None = None,
        port: int | None = None,
        *,
        host: str | Iterable[str] = "127.0.0.1",
        unix_path: str | PathLike[str] | None = None,
        threads: int | None = None,
        log: bool = False,
    ) -> None: ...
    @property
    def port(self) -> int: ...
    @property
    def unix_path(self) -> str | None: ...
    @property
    def url(self) -> str: ...
    def stop(self) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None: ...

def ask_stop(self: Store) -> None: ...
def log(self: Store, text: str, level: int = ...) -> None: ...
def log_on(self: Store) -> None: ...
def rename_command(self: Store, old: str, new: str) -> None: ...
