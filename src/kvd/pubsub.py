"""Listening to channels in this process, with redis-py's PubSub interface and message dicts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

Handler = Callable[[dict[str, Any]], None]
KINDS = {"subscribe": "channels", "psubscribe": "patterns", "ssubscribe": "shard_channels"}


class PubSub:
    """Made by `Store.pubsub()`. Belongs to one thread at a time; messages wait for it in memory.

    A message is a dict: `type` (message, pmessage, smessage, subscribe, ...), `pattern`, `channel`, `data`. A
    subscriber that lets too many wait is closed, as client-output-buffer-limit says: ConnectionError."""

    def __init__(self, store: Any, ignore_subscribe_messages: bool = False) -> None:
        self.store = store
        self.ignore_subscribe_messages = ignore_subscribe_messages
        self._session: Any = None
        self.reset()

    def reset(self) -> None:
        """Stop listening to everything."""
        if self._session is not None:
            self._session.close()
        self._session = None
        self.channels: dict[Any, Handler | None] = {}
        self.patterns: dict[Any, Handler | None] = {}
        self.shard_channels: dict[Any, Handler | None] = {}

    close = reset

    def __enter__(self) -> PubSub:
        return self

    def __exit__(self, *exc: object) -> None:
        self.reset()

    @property
    def subscribed(self) -> bool:
        """Whether it listens to anything."""
        return bool(self.channels or self.patterns or self.shard_channels)

    def _open(self) -> Any:
        if self._session is None:
            self._session = self.store.session()
            self._session._listen()
        return self._session

    def _name(self, name: Any) -> Any:
        """As messages name it: bytes, or str with decode_responses."""
        if self.store.decode_responses:
            return name.decode() if isinstance(name, bytes) else name
        return name.encode() if isinstance(name, str) else name

    def _start(self, command: str, names: tuple[Any, ...], handlers: dict[str, Handler]) -> None:
        flat: list[Any] = []
        for one in names:
            flat += one if isinstance(one, (list, tuple)) else [one]
        new = {self._name(n): None for n in flat} | {self._name(n): h for n, h in handlers.items()}
        getattr(self, KINDS[command]).update(new)
        self._open()._send(command, *new)

    def _stop(self, command: str, names: tuple[Any, ...]) -> None:
        flat: list[Any] = []
        for one in names:
            flat += one if isinstance(one, (list, tuple)) else [one]
        self._open()._send(command, *flat)

    def subscribe(self, *args: Any, **kwargs: Handler) -> None:
        """Listen to channels; keyword arguments name a function that gets the messages of a channel."""
        self._start("subscribe", args, kwargs)

    def psubscribe(self, *args: Any, **kwargs: Handler) -> None:
        """Listen to all channels that match patterns."""
        self._start("psubscribe", args, kwargs)

    def ssubscribe(self, *args: Any, **kwargs: Handler) -> None:
        """Listen to shard channels."""
        self._start("ssubscribe", args, kwargs)

    def unsubscribe(self, *args: Any) -> None:
        """Stop listening to channels, or to all of them."""
        self._stop("unsubscribe", args)

    def punsubscribe(self, *args: Any) -> None:
        """Stop listening to patterns, or to all of them."""
        self._stop("punsubscribe", args)

    def sunsubscribe(self, *args: Any) -> None:
        """Stop listening to shard channels, or to all of them."""
        self._stop("sunsubscribe", args)

    def ping(self, message: Any = None) -> None:
        """Ask for a pong, which comes as a message."""
        self._open()._send("PING", *([] if message is None else [message]))

    def get_message(self, ignore_subscribe_messages: bool = False, timeout: float | None = 0.0) -> dict[str, Any] | None:
        """The next message, or None: nothing came, or a handler took it.

        timeout: seconds to wait; None waits for ever. Other threads run meanwhile; Ctrl-C ends it."""
        if self._session is None:
            return None
        reply = self._session._receive(timeout)
        return None if reply is None else self.handle_message(reply, ignore_subscribe_messages)

    def listen(self) -> Iterator[dict[str, Any]]:
        """All messages, for as long as it listens to anything."""
        while self.subscribed:
            message = self.get_message(timeout=None)
            if message is not None:
                yield message

    def handle_message(self, reply: Any, ignore_subscribe_messages: bool = False) -> dict[str, Any] | None:
        """The dict of a message; None if its handler took it or it is to be ignored."""
        if not isinstance(reply, list):
            return {"type": "pong", "pattern": None, "channel": None, "data": b"" if reply in (b"PONG", "PONG") else reply}
        kind = reply[0].decode() if isinstance(reply[0], bytes) else reply[0]
        pattern = reply[1] if kind == "pmessage" else None
        channel, data = reply[-2], reply[-1]
        message = {"type": kind, "pattern": pattern, "channel": channel, "data": data}
        if kind.endswith("subscribe"):
            if "unsubscribe" in kind:
                getattr(self, KINDS[kind.replace("unsubscribe", "subscribe")]).pop(channel, None)
            return None if ignore_subscribe_messages or self.ignore_subscribe_messages else message
        listening = {"message": self.channels, "pmessage": self.patterns, "smessage": self.shard_channels}.get(kind, {})
        handler = listening.get(pattern if kind == "pmessage" else channel)
        if handler is None:
            return message
        handler(message)
        return None

    def run_in_thread(
        self, sleep_time: float = 0.0, daemon: bool = False, exception_handler: Callable[..., None] | None = None
    ) -> PubSubThread:
        """Call the handlers from a thread until its stop(). sleep_time: how long a stop may take, in seconds.

        Raises ValueError if a channel or pattern has no handler."""
        if any(h is None for table in (self.channels, self.patterns, self.shard_channels) for h in table.values()):
            raise ValueError("every channel and pattern needs a handler")
        thread = PubSubThread(self, sleep_time or 0.1, daemon, exception_handler)
        thread.start()
        return thread


class PubSubThread(threading.Thread):
    """Calls the handlers of a PubSub."""

    def __init__(self, pubsub: PubSub, sleep_time: float, daemon: bool, exception_handler: Callable[..., None] | None) -> None:
        super().__init__(name="kvd-pubsub", daemon=daemon)
        self._pubsub = pubsub
        self._sleep_time = sleep_time
        self._exception_handler = exception_handler
        self._running = threading.Event()

    def run(self) -> None:
        self._running.set()
        while self._running.is_set():
            try:
                self._pubsub.get_message(ignore_subscribe_messages=True, timeout=self._sleep_time)
            except Exception as error:
                if self._exception_handler is None:
                    raise
                self._exception_handler(error, self._pubsub, self)
        self._pubsub.reset()

    def stop(self) -> None:
        """Ends the thread soon."""
        self._running.clear()
