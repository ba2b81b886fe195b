"""`kvd.Redis`: redis-py's client on the engine in this process. No socket, no packing, no parsing.

A connection is a redis-py connection that has a session of the store (`doors.link.Link`) in place of its socket. Pub/sub,
MULTI and WATCH, blocking commands, retries, client-side caching and locks are therefore redis-py's code. Plain commands of
`Redis` take a fast path (`Redis.execute_command`): it passes the arguments to the engine and the reply to redis-py's callback.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import redis
from redis import exceptions
from redis.connection import AbstractConnection

from kvd.clients.links import NEVER_DECODE, Linked, LinkedClient, LinkedPool, error_of, failure_of, options_of, words_of
from kvd.doors.link import WAITING


class SyncConnection(Linked):
    """A redis-py connection to a store in this process. store: as for kvd.Redis."""

    _sock: Any

    def _connect(self) -> Any:
        if self.store.faults is not None:
            self.store.faults.connecting()
        return self.store._link(error_of(self._parser))

    @property
    def is_connected(self) -> bool:
        return self._sock is not None

    def activate_maint_notifications_handling_if_enabled(self, check_health: bool = True) -> None:
        """Do nothing: a store in this process does not move to another host."""

    def disconnect(self, *args: Any, **kwargs: Any) -> None:
        link, self._sock = self._sock, None
        self._parser.on_disconnect()  # it holds the link as well
        if link is not None:
            link.close()

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if self._sock is None:
            self.connect()
        if check_health and self.health_check_interval:
            self.check_health()
        try:
            for args in command:
                words = words_of(self.encoder, tuple(args))
                if self.store.faults is None:
                    self._sock.send(words)
                    continue
                time.sleep(self.store.faults.delay)
                self.store.faults.sending(self._sock, words)
        except ConnectionError as error:
            self.disconnect()
            raise self._exceptions.ConnectionError(str(error)) from None

    def send_command(self, *args: Any, **kwargs: Any) -> None:
        self.send_packed_command([args], check_health=kwargs.get("check_health", True))

    def can_read(self, timeout: float | None = 0) -> bool:
        if self._sock is None:
            self.connect()
        return self._wait(timeout)

    def _wait(self, timeout: float | None) -> bool:
        """Wait until there is something to read; False after timeout seconds. None: no limit."""
        link = self._sock
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while not link.ready():
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return False
                link.sleep(left)
        except ConnectionError as error:
            self.disconnect()
            raise self._exceptions.ConnectionError(str(error)) from None
        return True

    def read_response(
        self, disable_decoding: bool = False, *, disconnect_on_error: bool = True, push_request: bool = False, timeout: Any = ..., **_: Any
    ) -> Any:  # fmt: skip
        limit = self._patience if timeout is ... or not isinstance(timeout, (int, float, type(None))) else timeout
        try:
            response = self._read(disable_decoding, push_request, limit)
        except BaseException:
            if disconnect_on_error:
                self.disconnect()
            raise
        if self.health_check_interval:
            self.next_health_check = time.monotonic() + self.health_check_interval
        failure = failure_of(self._exceptions, response)
        if failure is not None:
            del response
            try:
                raise failure
            finally:
                del failure
        return response

    def _read(self, raw: bool, push_request: bool, timeout: float | None) -> Any:
        link = self._sock
        if link is None:
            raise self._exceptions.ConnectionError("the connection is closed")
        while True:
            if not link.pending() and link.silent():
                return None  # CLIENT REPLY OFF or SKIP
            if not link.pending() and not self._wait(timeout):
                raise self._exceptions.TimeoutError("Timeout reading from the store in this process")
            push, response = link.next(self._native and not raw)
            if not raw:
                response = self._decoded(response)
            if not push:
                return response
            handle = getattr(self._parser, "handle_push_response", None)  # redis-py 5 may have none
            if handle is not None:
                response = handle(response)
            if push_request:
                return response

    def call(self, args: tuple[Any, ...], raw: bool) -> Any:
        """Run a command and return its reply, or WAITING: then `outcome` returns it. Error replies are returned, not raised."""
        reply = self._sock.call(words_of(self.encoder, args), self._native and not raw)
        return reply if raw else self._decoded(reply)

    def outcome(self, raw: bool) -> Any:
        """Return the reply of a command for which `call` returned WAITING."""
        return self._read(raw, False, self._patience)


class SyncPool(LinkedPool):
    """A redis-py ConnectionPool whose connections use a store in this process.

        redis.Redis(connection_pool=kvd.ConnectionPool(store))

    store: as for kvd.Redis. options: the options of redis-py's connections.
    """

    def take(self) -> Connection:
        """Return a connected connection for the fast path; `idle.append` gives it back."""
        try:
            connection = self.idle.pop()
        except IndexError:
            connection = self._connection_class(**self.connection_kwargs)
        if connection._sock is None:
            connection.connect()
        return connection

    def disconnect(self, inuse_connections: bool = True, **kwargs: Any) -> None:
        """Close all connections.

        inuse_connections: also those in use; commands that wait on them raise ConnectionError."""
        while self.idle:
            self.idle.pop().disconnect()
        for connection in list(self.waiting) if inuse_connections else ():
            connection.disconnect()
        super().disconnect(inuse_connections, **kwargs)

    def close(self) -> None:
        """Close all connections, and a store in a file if this is its last pool."""
        self.disconnect()
        self.give_back()

    def release(self, connection: Any) -> None:
        """Return a connection to the pool; it is closed first if CLIENT REPLY has switched its replies off."""
        link = getattr(getattr(connection, "_conn", connection), "_sock", None)  # a caching connection wraps another one
        if link is not None and link.silent():
            connection.disconnect()
        super().release(connection)


class SyncClient(LinkedClient):
    """redis.Redis on a store in this process: `kvd.Redis()`, or `kvd.Redis(store)` for a shared store.

    store: a kvd.Store, the name of a store of this process, or None for a private one. options: those of redis-py, such as
    decode_responses, protocol, db, client_name; those that only concern sockets are ignored.
    """

    def get(self, name: Any) -> Any:
        """Return the value of a key, or None if it does not exist."""
        connection = self._plain_connection()
        if connection is not None:
            value = WAITING if "GET" in self.response_callbacks else connection._sock.get(name, connection._native)
            self.connection_pool.idle.append(connection)
            if value is not WAITING:
                return value
        return super().get(name)

    def set(self, name: Any, value: Any, *args: Any, **options: Any) -> Any:
        """Set a key; arguments and return values are those of redis-py."""
        connection = None if args or options or not self._plain_set else self._plain_connection()
        if connection is not None:
            done = connection._sock.set(name, value)
            self.connection_pool.idle.append(connection)
            if done is True:
                return True
        return super().set(name, value, *args, **options)

    def close(self) -> None:
        """Close the connections of the client, and a store in a file if this is its last client. Raises OSError as kvd.Store.close."""
        super().close()
        if getattr(self, "auto_close_connection_pool", False) and hasattr(self.connection_pool, "give_back"):
            self.connection_pool.give_back()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        pool = self.connection_pool
        if not self._short or self.connection is not None or pool.store.faults is not None:
            return super().execute_command(*args, **options)
        connection = pool.take()
        raw = NEVER_DECODE in options
        try:
            response = connection.call(args, raw)
            if response is WAITING:
                pool.waiting.add(connection)
                response = connection.outcome(raw)
            elif response is None and connection._sock.silent():
                connection.disconnect()
        except (ConnectionError, self._exceptions.ConnectionError):
            connection.disconnect()
            if connection in pool.waiting and not connection._retries():
                raise
            return super().execute_command(*args, **options)
        except BaseException:
            connection.disconnect()
            raise
        finally:
            pool.waiting.discard(connection)
            pool.idle.append(connection)
        return self._answer(args[0], response, options)

    def himport_set(self, key: Any, fieldset_name: str, values: Iterable[Any]) -> Any:
        """As redis-py's, whose execute_command prepares the fieldset where that is needed."""
        return super().execute_command("HIMPORT SET", key, fieldset_name, *values)


class Connection(SyncConnection, AbstractConnection):
    """A redis-py connection to a store in this process. store: as for kvd.Redis."""

    _exceptions = exceptions


class ConnectionPool(SyncPool, redis.ConnectionPool):
    """A redis-py ConnectionPool whose connections use a store in this process.

        redis.Redis(connection_pool=kvd.ConnectionPool(store))

    store: as for kvd.Redis. options: the options of redis-py's connections.
    """

    _connection_class = Connection


class Redis(SyncClient, redis.Redis):
    """redis.Redis on a store in this process: `kvd.Redis()`, or `Redis(store)` for a shared store.

    store: a kvd.Store, the name of a store of this process, or None for a private one. options: those of redis-py, such as
    decode_responses, protocol, db, client_name; those that only concern sockets are ignored.
    """

    _exceptions = exceptions
    _pool_class = ConnectionPool
    _connection_options = options_of(redis.Connection, AbstractConnection)


StrictRedis = Redis


def from_url(url: str, **options: Any) -> Redis:
    """Return a client for a URL; see Redis.from_url."""
    return Redis.from_url(url, **options)
