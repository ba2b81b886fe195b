"""What redis-py has classes for: pipelines, transactions, locks, listeners. They are redis-py's own, on connections to this store."""

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
        """A redis.Redis on this store, whose connections are made when they are needed."""
        from kvd.clients.sync import ConnectionPool, Redis

        store: Any = self
        pool = ConnectionPool(
            store, db=self._db, decode_responses=self.decode_responses, password=self.option("requirepass") or None
        )
        return Redis(connection_pool=pool)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        """A redis.client.Pipeline: commands are collected and run by execute(), which returns their replies.

        transaction: in MULTI and EXEC. Its commands run in the database that is selected now."""
        return self._client().pipeline(transaction, shard_hint)

    def transaction(self, func: Callable[[Pipeline], Any], *watches: Key, **options: Any) -> Any:
        """Call func with a pipeline that watches keys, and run what it has collected; again when a key has changed meanwhile.

        options: value_from_callable (return what func returned instead of the replies), watch_delay (seconds)."""
        return self._client().transaction(func, *watches, **options)

    def lock(self, name: str, timeout: float | None = None, **options: Any) -> Lock:
        """A redis.lock.Lock, with acquire() and release(), and a `with` block.

        timeout: seconds after which it is free by itself. options: sleep, blocking, blocking_timeout, thread_local,
        raise_on_release_error, as redis.Redis.lock has them."""
        return self._client().lock(name, timeout, **options)

    def pubsub(self, **options: Any) -> PubSub:
        """A redis.client.PubSub, which listens to channels: subscribe, psubscribe, get_message, listen, run_in_thread, close.

        options: ignore_subscribe_messages. A subscriber that lets too many messages wait is cut off, as
        client-output-buffer-limit says."""
        return self._client().pubsub(**options)  # type: ignore[no-untyped-call]
