"""Which store a client uses: a private one, the one it is given, or one that is registered by name in this process."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from kvd.embedded import Store

SCHEMES = ("kvd", "memory")
_named: dict[str, Store] = {}
_lock = threading.Lock()


def named_store(name: str) -> Store:
    """Return the store of a name; the first call makes it. It exists until the process ends or `forget_stores` is called."""
    with _lock:
        if name not in _named:
            _named[name] = Store()
        return _named[name]


def forget_stores() -> None:
    """Forget all named stores: the next client of a name gets a new store. Existing clients keep theirs."""
    with _lock:
        _named.clear()


def store_of(store: Store | str | None, options: dict[str, Any] | None = None) -> Store:
    """Return the store itself, the store of a name, URL or address, or a new private one for None without an address.

    options: those of a client; host, port and path are removed from them. Raises TypeError for another kind of store and
    ValueError for ssl and the URLs of servers.
    """
    named = address_of(options or {})
    if store is None:
        return named_store(named) if named else Store()
    if isinstance(store, str):
        scheme, separator, rest = store.partition("://")
        if separator and scheme not in SCHEMES:
            raise ValueError(f"{store!r} is the URL of a server: from_url makes a client for it")
        return named_store(rest.partition("/")[0] if separator else store)
    if not isinstance(store, Store):
        raise TypeError(f"store must be a kvd.Store, the name of one, or None for a private one, not {type(store).__name__}")
    return store


def address_of(options: dict[str, Any]) -> str | None:
    """Remove a server's address from the options and return the name of its store, or None if there is no address.

    The name is the host, with the port if that is not 6379, or the path of a unix socket: clients of one address share data.
    """
    if options.pop("ssl", False):
        raise ValueError("ssl: a client in this process has no socket to encrypt")
    path = options.pop("unix_socket_path", None) or options.pop("path", None)
    host, port = options.pop("host", None), options.pop("port", None)
    if path:
        return str(path)
    if host is None and port is None:
        return None
    name = "localhost" if host in (None, "127.0.0.1") else str(host)
    return name if port in (None, 6379) else f"{name}:{port}"


def parse(url: str) -> dict[str, Any]:
    """Return the options that a URL gives a client: `kvd://name/2?decode_responses=true`, `memory://name`. No name: a private store.

    Raises ValueError for another scheme, and NotImplementedError for `kvd:///path`, which would name a file.
    """
    parts = urlparse(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"kvd URLs begin with kvd:// or memory://, not {parts.scheme}://")
    path = unquote(parts.path).strip("/")
    if not parts.hostname and path and not path.isdigit():
        raise NotImplementedError("kvd:///path names a file; stores on disk are not available in this version")
    options: dict[str, Any] = {"store": named_store(parts.hostname) if parts.hostname else None}
    if path:
        if not path.isdigit():
            raise ValueError(f"{path!r} is not the number of a database")
        options["db"] = int(path)
    if parts.username:
        options["username"] = unquote(parts.username)
    if parts.password:
        options["password"] = unquote(parts.password)
    for name, values in parse_qs(parts.query).items():
        options[name] = _option(name, values[0])
    return options


def _option(name: str, text: str) -> Any:
    if name in ("db", "protocol", "health_check_interval", "max_connections"):
        return int(text)
    if name in ("socket_timeout", "socket_connect_timeout", "timeout"):
        return float(text)
    if name in ("decode_responses", "retry_on_timeout", "single_connection_client"):
        return text.lower() in ("1", "true", "yes", "on", "y", "t")
    return text
