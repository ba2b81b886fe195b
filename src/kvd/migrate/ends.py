"""The two ends of a move: a server, or a file opened in this process.

`End.ask` sends commands in one pipeline and returns their replies, error replies as values. If the connection is lost, it is made again, with
pauses that grow, and the whole pipeline is sent again. Therefore every pipeline that is sent must be idempotent as a whole.

An end is shown by its address alone; `scrub` removes the secrets of all ends from texts that servers or libraries wrote.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from kvd.errors import ConfigError, FileError
from kvd.urls import is_url, split_url

Words = Sequence[Any]
SCHEMES = ("redis://", "rediss://", "unix://", "valkey://", "valkeys://")
EXPECTED = "expected redis://[[user]:password@]host[:port][/database], rediss://..., unix://path or kvd:///path"
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds between attempts to connect
LOST = (redis.ConnectionError, redis.TimeoutError, OSError)


class MigrateError(Exception):
    """Why a move cannot begin or go on. The message is for the user, and contains no secret."""


class BadUrlError(MigrateError):
    """The URL names no end of a move."""


class UnreachableError(MigrateError):
    """The end cannot be connected to, or not again."""


class End:
    """One end of a move. Use it as a context manager, or close it.

    role: "source" or "target", for messages. patience: seconds for which a lost connection is made again. Raises BadUrlError."""

    def __init__(self, url: str, role: str, patience: float = 60.0) -> None:
        self.role, self.patience = role, patience
        self.on_lost: Callable[[str], None] = lambda text: None  # told of lost connections
        self.restarts = 0  # how often another process answered at this address
        self.file: str | None = None
        self._made: Any = None
        self._selected = 0
        self._known: dict[str, bool] = {}
        self._client = _client(url, role)
        self._options = self._client.connection_pool.connection_kwargs
        self.db: int | None = _database(self._options)
        self.password: str | None = self._options.get("password")
        self.user: str | None = self._options.get("username")
        if is_url(url):
            self.file = split_url(url).file
        self.name = self.file or _address(self._options)
        self.run_id = ""
        self._learned = False

    def __enter__(self) -> End:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a file is written and closed. Raises OSError if it cannot be."""
        self._drop()
        self._client.close()
        self._client.connection_pool.disconnect()

    # -- what it is

    def learn(self) -> None:
        """Read what the server is: `family` (redis, valkey or kvd), `version`, `run_id`. Raises MigrateError."""
        found = self.info("server")
        self.family = "kvd" if "kvd_version" in found else "valkey" if "valkey_version" in found else "redis"
        text = found.get(f"{self.family}_version", found.get("redis_version", "0.0"))
        self.version = tuple(int(n) if n.isdigit() else 0 for n in text.split(".")[:2])
        self.run_id = found.get("run_id", "")
        self._learned = True

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port, if it is a server that is reached by TCP without TLS."""
        if (
            self.file
            or "host" not in self._options
            or issubclass(self._client.connection_pool.connection_class, redis.SSLConnection)
        ):
            return None
        return self._options["host"], int(self._options.get("port", 6379))

    def info(self, section: str) -> dict[str, str]:
        """A section of INFO."""
        text = self.one("INFO", section)
        return dict(line.split(":", 1) for line in text.decode("utf-8", "replace").splitlines() if ":" in line)

    def databases(self) -> dict[int, int]:
        """Number of keys by database, of those that are not empty."""
        rows = self.info("keyspace").items()
        return {int(name[2:]): int(row.split("keys=")[1].split(",")[0]) for name, row in rows if name.startswith("db")}

    def knows(self, command: str) -> bool:
        """Whether the server has this command."""
        if command not in self._known:
            reply = self.ask([("COMMAND", "INFO", command)])[0]
            self._known[command] = isinstance(reply, list) and bool(reply) and reply[0] is not None
        return self._known[command]

    # -- commands

    def one(self, *words: Any, db: int = 0) -> Any:
        """Run a command. Raises MigrateError for an error reply."""
        reply = self.ask([words], db)[0]
        if isinstance(reply, redis.ResponseError):
            shown = " ".join(
                str(w) for w in words[: 2 if words[0] in ("CONFIG", "CLIENT", "FUNCTION", "DEBUG", "COMMAND") else 1]
            )
            raise MigrateError(f"{self.name}: {shown}: {reply}")
        return reply

    def ask(self, commands: Iterable[Words], db: int = 0) -> list[Any]:
        """Run commands in one pipeline, in a database. Returns the replies; error replies are values.

        Raises UnreachableError if the connection is lost and cannot be made again, and MigrateError if the login is refused."""
        lines, wait, until = list(commands), FIRST_WAIT, 0.0
        while True:
            try:
                return self._exchange(lines, db)
            except redis.AuthenticationError as error:
                self._drop()
                raise MigrateError(f"{self.name}: {_login(error, self.password)}") from None
            except redis.InvalidResponse:
                self._drop()
                raise MigrateError(
                    f"the {self.role} {self.name} does not speak the Redis protocol (or does with TLS: rediss://)"
                ) from None
            except LOST as error:
                self._drop()
                text = _reason(error)
            now = time.monotonic()
            if not until:
                until = now + (self.patience if self._learned else 0)
                if self._learned:
                    self.on_lost(f"the connection to {self.name} was lost ({text}); connecting again")
            if now >= until:
                raise UnreachableError(f"the {self.role} {self.name} cannot be reached: {text}")
            time.sleep(min(wait, max(until - now, 0)))
            wait = min(wait * 2, LONGEST_WAIT)

    def open(self) -> Any:
        """A connection of its own (redis-py's), for subscriptions. Raises what redis-py raises."""
        connection = self._client.connection_pool.connection_class(**self._options)
        connection.connect()
        return connection

    def _exchange(self, lines: list[Words], db: int) -> list[Any]:
        connection = self._connection()
        chosen = [("SELECT", db)] if db != self._selected else []
        replies = exchange(connection, [*chosen, *lines])
        if chosen:
            if isinstance(replies[0], redis.ResponseError):
                raise MigrateError(f"{self.name} has no database {db}: {replies[0]}")
            self._selected = db
        return replies[len(chosen) :]

    def _connection(self) -> Any:
        if self._made is None:
            self._made = self.open()
            self._selected = 0
            if self._learned:
                self._see_restart()
        return self._made

    def _see_restart(self) -> None:
        (text,) = exchange(self._made, [("INFO", "server")])
        if isinstance(text, bytes) and b"run_id:" in text:
            now = text.split(b"run_id:")[1].split(b"\r")[0].decode()
            if now != self.run_id:
                self.run_id = now
                self.restarts += 1

    def _drop(self) -> None:
        made, self._made = self._made, None
        if made is not None:
            made.disconnect()


def exchange(connection: Any, lines: list[Words]) -> list[Any]:
    """Send commands through a connection of redis-py and read their replies; error replies are values."""
    connection.send_packed_command(connection.pack_commands(lines))
    return [_reply(connection) for _ in lines]


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


def _client(url: str, role: str) -> Any:
    """redis-py's client for a URL. What is wrong with the URL is told without showing it: it may contain a password."""
    try:
        if is_url(url):
            return _file_client(url, role)
        if not url.startswith(SCHEMES):
            raise ValueError("no known scheme")
        client = redis.Redis.from_url(url.replace("valkey", "redis", 1) if url.startswith("valkey") else url)
    except (ValueError, TypeError, ConfigError):
        raise BadUrlError(f"the {role} is not a URL of a server or a file: {EXPECTED}") from None
    options = client.connection_pool.connection_kwargs
    for name in ("decode_responses", "health_check_interval", "encoding", "encoding_errors"):
        options.pop(name, None)
    options.update(protocol=2, retry=Retry(NoBackoff(), 0))
    options.setdefault("socket_connect_timeout", 5.0)
    options["socket_timeout"] = options.get("socket_timeout") or 60.0
    return client


def _file_client(url: str, role: str) -> Any:
    import kvd

    if split_url(url).file is None:
        raise BadUrlError(f"the {role} names a store in memory, which ends with this command: {EXPECTED}")
    try:
        return kvd.Redis.from_url(url, decode_responses=False, protocol=2)
    except (FileError, OSError) as error:
        raise MigrateError(f"the {role} cannot be opened: {error}") from None


def _database(options: dict[str, Any]) -> int | None:
    """The database that the URL names; connections begin in 0."""
    named = options.get("db")
    options["db"] = 0
    return named


def _address(options: dict[str, Any]) -> str:
    if "path" in options:
        return str(options["path"])
    host = str(options.setdefault("host", "localhost"))
    return f"{f'[{host}]' if ':' in host else host}:{options.get('port', 6379)}"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _login(error: Exception, password: str | None) -> str:
    if password:
        return f"the user name or the password of the URL is refused: {error}"
    return "a password is required: redis://[user]:password@host"


def scrub(text: str, ends: Iterable[End]) -> str:
    """The text without the passwords of the ends."""
    for end in ends:
        if end.password:
            text = text.replace(end.password, "***")
    return text
