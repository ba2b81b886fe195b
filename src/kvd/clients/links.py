"""The common part of sync and asyncio connections: arguments to the engine, replies to Python values."""

from __future__ import annotations

import inspect
from collections import deque
from functools import cache
from typing import Any

from kvd.clients.stores import Lease, parse, store_of
from kvd.embedded import Store

NEVER_DECODE = "NEVER_DECODE"  # redis-py's and valkey-py's option of commands whose replies are bytes
Words = tuple[Any, ...]
EMPTY_RESPONSE = "EMPTY_RESPONSE"  # redis-py's option of commands without keys: what they return when nothing is to be sent
PLAIN = (bytes, str, int, float)
ADDRESS = ("host", "port", "unix_socket_path", "ssl")
POSITIONAL = ("host", "port", "db", "password")  # of redis.Redis: with more than one positional argument, they are an address


def words_of(encoder: Any, args: Words) -> Words:
    """Return the arguments of a command as the engine takes them: a name of several words is split, as redis-py does.

    The name is sent as UTF-8 in every encoding; arguments are encoded. Raises redis.DataError for a value that cannot be stored."""
    name = args[0]
    names: Words = (name,)
    if isinstance(name, str):
        if " " in name:
            names = tuple(name.split())
    elif b" " in name:
        names = tuple(name.split())
    if encoder.encoding not in ("utf-8", "utf8") or encoder.encoding_errors != "strict":
        return (*names, *map(encoder.encode, args[1:]))
    for one in args:
        if type(one) not in PLAIN:
            return (*names, *(encoder.encode(a) if type(a) not in PLAIN else a for a in args[1:]))
    return args if len(names) == 1 else (*names, *args[1:])


def decodes_itself(encoder: Any) -> bool:
    """Whether the engine can decode replies: utf-8, strict."""
    return bool(encoder.decode_responses) and encoder.encoding in ("utf-8", "utf8") and encoder.encoding_errors == "strict"


def decoded(encoder: Any, value: Any) -> Any:
    """Return a reply with its bytes decoded, in any encoding."""
    if isinstance(value, bytes):
        return value.decode(encoder.encoding, encoder.encoding_errors)
    if isinstance(value, list):
        return [decoded(encoder, one) for one in value]
    if isinstance(value, tuple):
        return tuple(decoded(encoder, one) for one in value)
    if isinstance(value, dict):
        return {decoded(encoder, k): decoded(encoder, v) for k, v in value.items()}
    return value


def error_of(parser: Any) -> Any:
    """Return a function that turns the text of an error reply into redis-py's exception."""

    def make(text: str) -> Exception:
        error: Exception = parser.parse_error(text)
        return error

    return make


@cache
def _driver_info() -> Any:
    """Return what CLIENT SETINFO reports; one object for all, because redis-py reads its version from disk for each."""
    from redis.driver_info import DriverInfo

    return DriverInfo()


def share_driver_info(options: dict[str, Any], takes: bool) -> None:
    """Add the common DriverInfo to the options unless they set it; redis-py 5 and 6 have none."""
    if takes and not {"driver_info", "lib_name", "lib_version"} & options.keys():
        try:
            options["driver_info"] = _driver_info()
        except ImportError:  # redis-py 5 and 6
            pass


def put_back(link: Any, args: Words, reply: Any) -> None:
    """Push back what a blocking command popped whose caller was cancelled. reply: not decoded."""
    name = args[0].upper() if isinstance(args[0], str) else args[0].decode().upper()
    if not isinstance(reply, list):
        return
    if name in ("BLPOP", "BRPOP"):
        link.call((name[1] + "PUSH", *reply), False)
    elif name == "BLMPOP":
        side = "L" if any(isinstance(a, (str, bytes)) and a.upper() in ("LEFT", b"LEFT") for a in args[3:]) else "R"
        link.call((side + "PUSH", reply[0], *reversed(reply[1])), False)
    elif name in ("BZPOPMIN", "BZPOPMAX"):
        link.call(("ZADD", reply[0], reply[2], reply[1]), False)
    elif name == "BZMPOP":
        link.call(("ZADD", reply[0], *(word for member, score in reply[1] for word in (score, member))), False)


class Linked:
    """Base of sync and asyncio connections to a store in this process; listed before redis-py's AbstractConnection."""

    _exceptions: Any  # of the library that the class belongs to
    host = "localhost"
    port = 0

    def __init__(self, store: Store | Lease | str | None = None, **options: Any) -> None:
        self.store, self._lease = taken(store_of(store, options))
        for name in ("socket_keepalive", "socket_keepalive_options", "socket_type"):
            options.pop(name, None)
        self._patience = options.get("socket_timeout")  # of reads, only if given: redis-py's default is for sockets
        share_driver_info(options, self._exceptions.__name__ == "redis.exceptions")
        super().__init__(**options)
        self._native = decodes_itself(self.encoder)
        self._plain = self._native or not self.encoder.decode_responses

    def repr_pieces(self) -> list[tuple[str, Any]]:
        return [("store", hex(id(self.store))), ("db", self.db)]

    def _host_error(self) -> str:
        return "the store in this process"

    def pack_command(self, *args: Any) -> Any:
        return [args]

    def pack_commands(self, commands: Any) -> Any:
        return list(commands)

    def _retries(self) -> bool:
        """Whether redis-py sends a command again after its connection was cut."""
        return getattr(self.retry, "_retries", 0) != 0

    def _decoded(self, reply: Any) -> Any:
        """Return a reply decoded, if the engine has not done so."""
        if self.encoder.decode_responses and not self._native:
            return decoded(self.encoder, reply)
        return reply


def taken(source: Store | Lease) -> tuple[Store, Lease | None]:
    """The store, and what keeps it open if that is the client's task."""
    return (source.store, source) if isinstance(source, Lease) else (source, None)


def failure_of(exceptions: Any, response: Any) -> Any:
    """Return the exception to raise for a reply, as redis-py's parsers do, or None.

    A ConnectionError counts also as the first of several replies. The caller that raises it deletes its own references to it,
    so that no cycle with the traceback remains.
    """
    first = response[0] if isinstance(response, list) and response else response
    if isinstance(first, exceptions.ConnectionError):
        return first
    return response if isinstance(response, exceptions.ResponseError) else None


class LinkedPool:
    """Base of the pools of such connections; listed before redis-py's ConnectionPool."""

    _connection_class: Any  # set by each kind

    def __init__(self, store: Store | Lease | str | None = None, max_connections: int | None = None, **options: Any) -> None:
        self.store, self._lease = taken(store_of(store, options))
        self.bounded = max_connections is not None
        self.idle: deque[Any] = deque()  # connections of the fast path that are connected and not in use
        self.waiting: set[Any] = set()  # connections of the fast path whose command waits for a key
        options.pop("connection_class", None)
        super().__init__(connection_class=self._connection_class, max_connections=max_connections, store=self.store, **options)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """Return a pool for a URL: `kvd:///path/app.kvd`, `kvd://name/db`, `memory://name`, with options as a query. options override those of the URL.

        Clients and pools of one file share a store. It is closed with the last of them (`close`, or garbage collection)."""
        return cls(**{**parse(url), **options})

    def reset(self) -> None:
        self.idle = deque()
        super().reset()

    def give_back(self) -> None:
        """Close the store if it is in a file that this pool has opened, and no other client of the process uses it."""
        if self._lease is not None:
            self._lease.release()


class LinkedClient:
    """Base of the clients with such a pool; listed before redis-py's Redis."""

    _exceptions: Any  # set by each kind
    _pool_class: Any
    _connection_options: set[str]

    def __init__(self, store: Store | Lease | str | None = None, *address: Any, **options: Any) -> None:
        if address:
            if len(address) >= len(POSITIONAL):
                raise TypeError(f"only {', '.join(POSITIONAL)} may be given without their names")
            options.update(zip(POSITIONAL, (store, *address), strict=False))
            store = None
        pool = options.pop("connection_pool", None)
        ours = {name: value for name, value in options.items() if name in self._connection_options or name in ADDRESS}
        own = {name: value for name, value in options.items() if name not in ours}
        owns = pool is None
        if owns:
            pool = self._pool_class(store, **ours)
        super().__init__(connection_pool=pool, **own)
        if owns:
            self.auto_close_connection_pool = True
        self._plain_set = True  # False once SET has another response callback
        self._short = (
            isinstance(pool, self._pool_class)
            and not pool.bounded
            and getattr(pool, "cache", None) is None
            and not (
                own.get("single_connection_client")
                or any(ours.get(name) for name in ("health_check_interval", "cache", "cache_config"))
            )
        )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """Return a client for a URL: `kvd:///path/app.kvd?synchronous=full`, `kvd://name/db?decode_responses=true`, `memory://name`.

        The query has options of the client, and of a store in a file. Clients of one file in this process share a store, which is closed with
        the last of them (`close`, or garbage collection); a closed client cannot be used again. Raises kvd.FileError if the file is damaged,
        or open elsewhere."""
        return cls(**{**parse(url), **options})

    @classmethod
    def from_pool(cls, connection_pool: Any) -> Any:
        """Return a client that owns the pool: closing it closes the pool."""
        client = cls(connection_pool=connection_pool)
        client.auto_close_connection_pool = True
        return client

    @property
    def store(self) -> Store:
        """The store whose data the client uses."""
        store: Store = self.connection_pool.store
        return store

    def set_response_callback(self, command: Any, callback: Any) -> None:
        """As in redis-py: commands of that name return what the callback returns."""
        if str(command).upper() == "SET":
            self._plain_set = False
        super().set_response_callback(command, callback)

    def _plain_connection(self) -> Any:
        """Take a connected connection for GET or SET; None if the command has to take the usual path. It goes back to pool.idle."""
        pool = self.connection_pool
        if not self._short or pool.store.faults is not None:
            return None
        try:
            connection = pool.idle.pop()
        except IndexError:
            return None
        if connection._plain and connection.is_connected:
            return connection
        pool.idle.append(connection)
        return None

    def _answer(self, name: Any, response: Any, options: dict[str, Any]) -> Any:
        """Return what redis-py returns for a reply; raises an error reply."""
        empty = options.pop(EMPTY_RESPONSE, None)
        failure = failure_of(self._exceptions, response)
        if failure is not None:
            del response
            if empty is not None and isinstance(failure, self._exceptions.ResponseError):
                return empty
            try:
                raise failure
            finally:
                del failure
        callback = self.response_callbacks.get(name)
        if callback is None:
            return response
        if options:
            options.pop(NEVER_DECODE, None)
            options.pop("keys", None)
        return callback(response, **options)


def options_of(*owners: Any) -> set[str]:
    """Return the names of the options of connection classes and of pools."""
    found = {name for owner in owners for name in inspect.signature(owner.__init__).parameters}
    return found - {"self", "kwargs"} | {"max_connections", "cache", "cache_config"}
