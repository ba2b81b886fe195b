"""kvd: an in-process cache and key-value store that speaks the Redis protocol.

    import kvd
    store = kvd.Store()
    store.set("greeting", "hello", ex=60)
    store.get("greeting")

`Store` is the engine in this process; `Store.serve` or `kvd serve` lets Redis clients in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvd.db import Server, Session, total_memory
from kvd.embedded import Store

if TYPE_CHECKING:
    from kvd.errors import (
        AuthenticationError,
        BusyLoadingError,
        ConfigError,
        ExecAbortError,
        KvdError,
        NoAuthError,
        NoScriptError,
        OutOfMemoryError,
        ReadOnlyError,
        ResponseError,
        ServerError,
        WrongTypeError,
    )

__version__ = "0.1.0"

_ERRORS = (
    "AuthenticationError", "BusyLoadingError", "ConfigError", "ExecAbortError", "KvdError", "NoAuthError",
    "NoScriptError", "OutOfMemoryError", "ReadOnlyError", "ResponseError", "ServerError", "WrongTypeError",
)  # fmt: skip

__all__ = [
    "AuthenticationError", "BusyLoadingError", "ConfigError", "ExecAbortError", "KvdError", "NoAuthError",
    "NoScriptError", "OutOfMemoryError", "ReadOnlyError", "ResponseError", "Server", "ServerError", "Session", "Store",
    "WrongTypeError", "total_memory",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Errors are subclasses of redis-py's, whose import is slow: it happens when one is first named."""
    if name in _ERRORS:
        from kvd import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'kvd' has no attribute {name!r}")
