from os import PathLike
from typing import Any, BinaryIO

from typing_extensions import Buffer

from kvd.doors.store import Store

KEEP: int
MERGE: int
PREAMBLE: int
UNCHECKED: int

def load(owner: Store, source: str | PathLike[str] | Buffer | BinaryIO, flags: int = 0) -> int: ...
def inspect(owner: Store, source: str | PathLike[str] | Buffer | BinaryIO) -> dict[str, Any]: ...
def scan(data: Buffer, until: int = 0) -> dict[str, Any]: ...
