"""`kvd.asyncio.Redis`: redis-py's asyncio client on the engine in this process.

A command runs and returns without a switch of tasks. A command that waits for a key, and a subscriber without messages, wait for
a descriptor that the engine makes readable: this needs no thread and no polling and works with every event loop. If a task is
cancelled while it waits, its wait ends, and an element that was popped for it at the same moment is pushed back.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable
from typing import Any

import redis.asyncio
from redis import exceptions
from redis.asyncio.connection import AbstractConnection

from kvd.clients.links import NEVER_DECODE, Linked, LinkedClient, LinkedPool, error_of, failure_of, options_of, put_back, words_of
from kvd.doors.link import WAITING


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class AsyncConnection(Linked):
    """A redis-py asyncio connection to a store in this process. store: as for kvd.Redis."""

    _link: Any = None

    def __del__(self, _warnings: Any = None) -> None:
        if getattr(self, "_link", None) is not None:
            self._close()

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    async def _connect(self) -> None:
        if self.store.faults is not None:
            self.store.faults.connecting()
        self._reader = self._writer = self._link = self.store._link(error_of(self._parser))

    async def activate_maint_notifications_handling_if_enabled(self, check_health: bool = True) -> None:
        """Do nothing: a store in this process does not move to another host."""

    def _close(self) -> None:
        link, self._link = self._link, None
        self._reader = self._writer = None
        self._parser._stream = None  # it holds the link as well
        if link is not None:
            link.close()

    async def disconnect(self, *args: Any, **kwargs: Any) -> None:
        self._close()

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if self._link is None:
            await self.connect()
        if check_health and self.health_check_interval:
            await self.check_health()
        try:
            for args in command:
                words = words_of(self.encoder, tuple(args))
                if self.store.faults is None:
                    self._link.send(words)
                    continue
                await asyncio.sleep(self.store.faults.delay)
                self.store.faults.sending(self._link, words)
        except ConnectionError as error:
            self._close()
            raise self._exceptions.ConnectionError(str(error)) from None

    async def send_command(self, *args: Any, **kwargs: Any) -> None:
        await self.send_packed_command([args], check_health=kwargs.get("check_health", True))

    async def can_read_destructive(self) -> bool:
        return self._ready()

    async def can_read(self) -> bool:
        return self._ready()

    def _ready(self) -> bool:
        if self._link is None:
            raise self._exceptions.ConnectionError("the connection is closed")
        try:
            ready: bool = self._link.ready()
        except ConnectionError as error:
            self._close()
            raise self._exceptions.ConnectionError(str(error)) from None
        return ready

    async def _wait(self, timeout: float | None) -> bool:
        """Wait until there is something to read; False after timeout seconds. None: no limit."""
        if self._ready():
            return True
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        link = self._link
        descriptor = link.fileno()
        future: asyncio.Future[None] = loop.create_future()
        loop.add_reader(descriptor, _wake, future)
        try:
            while True:
                left = None if until is None else until - loop.time()
                if self._ready():
                    return True
                own = link.patience()  # ends the command's wait when its own timeout is over
                if self._ready():
                    return True
                if left is not None and left <= 0:
                    return False
                if own is not None and (left is None or own < left):
                    left = own
                timer = None if left is None else loop.call_later(left, _wake, future)
                try:
                    await future
                finally:
                    if timer is not None:
                        timer.cancel()
                future = loop.create_future()
                loop.add_reader(descriptor, _wake, future)
        finally:
            loop.remove_reader(descriptor)

    async def read_response(
        self, disable_decoding: bool = False, timeout: float | None = None, *, disconnect_on_error: bool = True,
        push_request: bool | None = False, **_: Any,
    ) -> Any:  # fmt: skip
        limit = self._patience if timeout is None else timeout
        try:
            response = await self._read(disable_decoding, bool(push_request), limit)
        except self._exceptions.TimeoutError:
            if timeout is not None:
                return None  # the caller gave the timeout and may read again
            if disconnect_on_error:
                self._close()
            raise
        except BaseException:
            if disconnect_on_error:
                self._close()
            raise
        if self.health_check_interval:
            self.next_health_check = asyncio.get_running_loop().time() + self.health_check_interval
        failure = failure_of(self._exceptions, response)
        if failure is not None:
            del response
            try:
                raise failure from None
            finally:
                del failure
        return response

    async def _read(self, raw: bool, push_request: bool, timeout: float | None) -> Any:
        while True:
            link = self._link
            if link is not None and not link.pending() and link.silent():
                return None  # CLIENT REPLY OFF or SKIP
            if (link is None or not link.pending()) and not await self._wait(timeout):
                raise self._exceptions.TimeoutError("Timeout reading from the store in this process")
            push, response = self._link.next(self._native and not raw)
            if not raw:
                response = self._decoded(response)
            if not push:
                return response
            handle = getattr(self._parser, "handle_push_response", None)  # redis-py 5 may have none
            if handle is not None:
                response = await handle(response)
            if push_request:
                return response

    def call(self, args: tuple[Any, ...], raw: bool) -> Any:
        """Run a command and return its reply, or WAITING; error replies are returned, not raised."""
        reply = self._link.call(words_of(self.encoder, args), self._native and not raw)
        return reply if raw else self._decoded(reply)

    async def outcome(self, args: tuple[Any, ...], raw: bool) -> Any:
        """Return the reply of a command for which `call` returned WAITING."""
        link = self._link
        try:
            return await self._read(raw, False, self._patience)
        except self._exceptions.TimeoutError:
            link.give_up()
            raise
        except asyncio.CancelledError:
            if link.waits():
                link.give_up()
            elif link.ready():
                put_back(link, args, link.next(False)[1])
            raise


class AsyncPool(LinkedPool):
    """A redis-py asyncio ConnectionPool whose connections use a store in this process; arguments as for kvd.ConnectionPool."""

    def take(self) -> Connection:
        """Return a connection for the fast path, possibly not connected; `idle.append` gives it back."""
        try:
            return self.idle.pop()
        except IndexError:
            return self._connection_class(**self.connection_kwargs)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close all connections.

        inuse_connections: also those in use; commands that wait on them raise ConnectionError."""
        while self.idle:
            self.idle.pop()._close()
        for connection in list(self.waiting) if inuse_connections else ():
            connection._close()
        await super().disconnect(inuse_connections)

    async def aclose(self) -> None:
        """Close all connections, and a store in a file if this is its last pool."""
        await self.disconnect()
        self.give_back()

    async def release(self, connection: Any) -> None:
        """Return a connection to the pool; it is closed first if CLIENT REPLY has switched its replies off."""
        if connection._link is not None and connection._link.silent():
            connection._close()
        await super().release(connection)


class AsyncClient(LinkedClient):
    """redis.asyncio.Redis on a store in this process; arguments as for kvd.Redis."""

    async def get(self, name: Any) -> Any:
        """Return the value of a key, or None if it does not exist."""
        connection = self._plain_connection()
        if connection is not None:
            value = WAITING if "GET" in self.response_callbacks else connection._link.get(name, connection._native)
            self.connection_pool.idle.append(connection)
            if value is not WAITING:
                return value
        return await super().get(name)

    async def set(self, name: Any, value: Any, *args: Any, **options: Any) -> Any:
        """Set a key; arguments and return values are those of redis-py."""
        connection = None if args or options or not self._plain_set else self._plain_connection()
        if connection is not None:
            done = connection._link.set(name, value)
            self.connection_pool.idle.append(connection)
            if done is True:
                return True
        return await super().set(name, value, *args, **options)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections of the client, and a store in a file if this is its last client. Raises OSError as kvd.Store.close."""
        await super().aclose(close_connection_pool)
        owns = self.auto_close_connection_pool if close_connection_pool is None else close_connection_pool
        if owns and hasattr(self.connection_pool, "give_back"):
            self.connection_pool.give_back()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if not self._short or self.connection_pool.store.faults is not None:
            return await super().execute_command(*args, **options)
        pool = self.connection_pool
        connection = pool.take()
        raw = NEVER_DECODE in options
        try:
            if connection._link is None:
                await connection.connect()
            response = connection.call(args, raw)
            if response is WAITING:
                pool.waiting.add(connection)
                response = await connection.outcome(args, raw)
            elif response is None and connection._link.silent():
                connection._close()
        except (ConnectionError, self._exceptions.ConnectionError):
            connection._close()
            if connection in pool.waiting and not connection._retries():
                raise
            return await super().execute_command(*args, **options)
        except BaseException:
            connection._close()
            raise
        finally:
            pool.waiting.discard(connection)
            pool.idle.append(connection)
        response = self._answer(args[0], response, options)
        return await response if inspect.isawaitable(response) else response

    async def himport_set(self, key: Any, fieldset_name: str, values: Iterable[Any]) -> Any:
        """As redis-py's, whose execute_command prepares the fieldset where that is needed."""
        return await super().execute_command("HIMPORT SET", key, fieldset_name, *values)


class Connection(AsyncConnection, AbstractConnection):
    """A redis-py asyncio connection to a store in this process. store: as for kvd.Redis."""

    _exceptions = exceptions


class ConnectionPool(AsyncPool, redis.asyncio.ConnectionPool):
    """A redis-py asyncio ConnectionPool whose connections use a store in this process.

        redis.asyncio.Redis(connection_pool=kvd.asyncio.ConnectionPool(store))

    store: as for kvd.Redis. options: the options of redis-py's connections.
    """

    _connection_class = Connection


class Redis(AsyncClient, redis.asyncio.Redis):
    """redis.asyncio.Redis on a store in this process: `kvd.asyncio.Redis()`, or `Redis(store)` for a shared store.

    store: a kvd.Store, the name of a store of this process, or None for a private one. options: those of redis-py, such as
    decode_responses, protocol, db, client_name; those that only concern sockets are ignored.
    """

    _exceptions = exceptions
    _pool_class = ConnectionPool
    _connection_options = options_of(redis.asyncio.Connection, AbstractConnection)


StrictRedis = Redis


def from_url(url: str, **options: Any) -> Redis:
    """Return a client for a URL; see Redis.from_url."""
    return Redis.from_url(url, **options)
