from datetime import datetime, timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from kvd.clock import Clock

_T = TypeVar("_T", default=Any)  # of texts: bytes, or str with decode_responses

_Value = bytes | str | int | float | bytearray | memoryview
_Key = bytes | str | int | float | bytearray | memoryview
_Seconds = int | timedelta
_Moment = int | datetime

WAITING: object
WALL: int
SHIFTED: int
FROZEN: int

class Store(Generic[_T]):
    unix_path: str | None
    _db: int
    @property
    def closed(self) -> bool: ...
    def _end(self) -> None: ...
    def _cut_links(self) -> None: ...
    faults: Any
    @property
    def clock(self) -> Clock: ...
    @property
    def decode_responses(self) -> bool: ...
    @property
    def used_memory(self) -> int: ...
    def _begin(self, decode: bool, options: dict[str, Any]) -> None: ...
    def configure(self, name: str, value: str | int | float | bool) -> None: ...
    def option(self, name: str) -> str: ...
    def set_config_path(self, path: str) -> None: ...
    def execute(self, *args: _Value) -> Any: ...
    def get(self, name: _Key) -> _T | None: ...
    def set(
        self,
        name: _Key,
        value: _Value,
        ex: _Seconds | None = None,
        px: _Seconds | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        get: bool = False,
        exat: _Moment | None = None,
        pxat: _Moment | None = None,
        ifeq: _Value | None = None,
        ifne: _Value | None = None,
        ifdeq: _Value | None = None,
        ifdne: _Value | None = None,
    ) -> Any: ...
    def __getitem__(self, name: _Key) -> _T: ...
    def __setitem__(self, name: _Key, value: _Value) -> None: ...

def total_memory() -> int: ...
