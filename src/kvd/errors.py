"""Exceptions of stores: subclasses of redis-py's, selected by the first word of the error reply.

`except redis.ResponseError` therefore works with a Store. Importing redis-py takes time, so `kvd` imports this module only
when an exception is raised or named.
"""

from __future__ import annotations

from redis import exceptions as _redis


class KvdError(_redis.RedisError):
    """Base class of kvd's exceptions."""


class ResponseError(KvdError, _redis.ResponseError):
    """The command was refused. The message is the error reply of a server."""


class WrongTypeError(ResponseError):
    """The key holds a value of another type."""


class OutOfMemoryError(ResponseError, _redis.OutOfMemoryError):
    """maxmemory is reached, and no key can be evicted."""


class AuthenticationError(KvdError, _redis.AuthenticationError):
    """The password is wrong."""


class NoAuthError(AuthenticationError):
    """Authentication is required."""


class ExecAbortError(ResponseError, _redis.ExecAbortError):
    """The transaction was discarded because one of its commands was refused."""


class NoScriptError(ResponseError, _redis.NoScriptError):
    """There is no script with this digest."""


class ReadOnlyError(ResponseError, _redis.ReadOnlyError):
    """The store is read-only."""


class BusyLoadingError(KvdError, _redis.BusyLoadingError):
    """The store is loading its data."""


class ConfigError(ResponseError, ValueError):
    """An option is unknown, or its value is not allowed."""


class DataError(KvdError, _redis.DataError, TypeError):
    """The value cannot be stored: it is not bytes, str, int or float. Also a redis-py DataError and a TypeError."""


class ClosedError(KvdError, _redis.ConnectionError, ConnectionError):
    """The store is closed. Also redis-py's ConnectionError and Python's."""


class FileError(KvdError):
    """A file cannot be loaded: it is damaged, or contains what kvd does not know. The message tells where and why.

    offset: the number of the byte where the reason is, from the beginning of the file."""

    def __init__(self, text: str, offset: int = 0) -> None:
        super().__init__(text)
        self.offset = offset


class ServerError(KvdError, OSError):
    """The server could not be started."""


BY_WORD: dict[str, type[Exception]] = {
    "WRONGTYPE": WrongTypeError,
    "OOM": OutOfMemoryError,
    "WRONGPASS": AuthenticationError,
    "NOAUTH": NoAuthError,
    "EXECABORT": ExecAbortError,
    "NOSCRIPT": NoScriptError,
    "READONLY": ReadOnlyError,
    "LOADING": BusyLoadingError,
}


def from_reply(text: str) -> Exception:
    """Return the exception for an error reply. text: without the leading dash."""
    word, _, rest = text.partition(" ")
    if word == "ERR":
        return ResponseError(rest)
    return BY_WORD.get(word, ResponseError)(text)
