"""Pipelines, transactions, locks and pub/sub: redis-py's classes on connections to this store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kvd.methods.common import Key, Methods

if TYPE_CHECKING:
    from redis.client import Pipeline, PubSub
    from redis.lock import Lock

    from kvd.clients.sync import Redis


class ClientMethods(Methods):
    if TYPE_CHECKING:
        _db: int

        @property
        def decode_responses(self) -> bool: ...

        def option(self, name: str) -> str: ...

    def _client(self) -> Redis:
        """A redis.Redis on this store; its connections are created on demand."""
        from kvd.clients.sync import ConnectionPool, Redis

        store: Any = self
        pool = ConnectionPool(
            store, db=self._db, decode_responses=self.decode_responses, password=self.option("requirepass") or None
        )
        return Redis(connection_pool=pool)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        """Return a redis.client.Pipeline, which collects commands; execute() sends them and returns their replies.

        transaction: use MULTI and EXEC. The commands use the currently selected database."""
        return self._client().pipeline(transaction, shard_hint)

    def transaction(self, func: Callable[[Pipeline], Any], *watches: Key, **options: Any) -> Any:
        """Call func with a pipeline that watches keys, and execute the collected commands. Repeat if a key was changed.

        options: value_from_callable (return the result of func instead of the replies), watch_delay (seconds)."""
        return self._client().transaction(func, *watches, **options)

    def lock(self, name: str, timeout: float | None = None, **options: Any) -> Lock:
        """Return a redis.lock.Lock, with acquire() and release(), also as context manager.

        timeout: seconds after which the lock is released automatically. options: sleep, blocking, blocking_timeout,
        thread_local, raise_on_release_error, as in redis.Redis.lock."""
        return self._client().lock(name, timeout, **options)

    def pubsub(self, **options: Any) -> PubSub:
        """Return a redis.client.PubSub: subscribe, psubscribe, get_message, listen, run_in_thread, close.

        options: ignore_subscribe_messages. A subscriber with too many pending messages is disconnected according to
        client-output-buffer-limit."""
        return self._client().pubsub(**options)  # type: ignore[no-untyped-call]
