"""Errors of the store, as subclasses of redis-py's, chosen by the first word of the error reply.

`except redis.ResponseError` keeps working around a Store. This module imports redis-py, which takes a
while, so `kvd` itself only loads it when the first error is raised or named.
"""

from __future__ import annotations

from redis import exceptions as _redis


class KvdError(_redis.RedisError):
    """Base of all errors that kvd raises itself."""


class ResponseError(KvdError, _redis.ResponseError):
    """The command was refused; the message is what a server would answer."""


class WrongTypeError(ResponseError):
    """The key holds a value of another type."""


class OutOfMemoryError(ResponseError, _redis.OutOfMemoryError):
    """maxmemory is reached and nothing may be evicted."""


class AuthenticationError(KvdError, _redis.AuthenticationError):
    """The password is wrong."""


class NoAuthError(AuthenticationError):
    """A password is needed first."""


class ExecAbortError(ResponseError, _redis.ExecAbortError):
    """A transaction was discarded because one of its commands was refused."""


class NoScriptError(ResponseError, _redis.NoScriptError):
    """No script has that digest."""


class ReadOnlyError(ResponseError, _redis.ReadOnlyError):
    """The store accepts no writes."""


class BusyLoadingError(KvdError, _redis.BusyLoadingError):
    """The store is loading its data."""


class ConfigError(ResponseError, ValueError):
    """An option is unknown or its value is not allowed."""


class DataError(KvdError, _redis.DataError, TypeError):
    """A value cannot be stored: it is neither bytes, str, int nor float. redis-py's DataError, and a TypeError."""


class ClosedError(KvdError, _redis.ConnectionError, ConnectionError):
    """The store has been closed. redis-py's ConnectionError, and Python's."""


class ServerError(KvdError, OSError):
    """A server could not be started."""


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
    """The exception for an error reply (`text` without the leading dash)."""
    word, _, rest = text.partition(" ")
    if word == "ERR":
        return ResponseError(rest)
    return BY_WORD.get(word, ResponseError)(text)
