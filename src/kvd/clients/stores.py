"""Which store a client uses: a private one, the one it is given, one that is registered by name in this process, or one in a file."""

from __future__ import annotations

import os
import threading
from typing import Any

from kvd.embedded import Store
from kvd.errors import ConfigError
from kvd.urls import StoreUrl, is_url, split_url

_named: dict[str, Store] = {}
_lock = threading.RLock()  # a lease may be collected, and so released, while it is held


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


class Lease:
    """A client's share of a store in a file, which all clients of the process have in common. The last one that is released closes it."""

    def __init__(self, path: str, options: dict[str, Any]) -> None:
        self._key = (os.getpid(), os.path.realpath(path))  # a child has copies, which do not write to the file
        self._released = True
        with _lock:
            self.store = _open_file(self._key, path, options)
            self._released = False

    def release(self) -> None:
        """Give it back. The last one closes the store. Raises OSError if it could not be written (see kvd.Store.close)."""
        with _lock:
            if self._released:
                return
            self._released = True
            shared = _files[self._key]
            shared.users -= 1
            if shared.users:
                return
            del _files[self._key]
            self.store.close()  # under the lock: until then the file cannot be opened again

    def __del__(self) -> None:
        self.release()


class _Shared:
    """A store in a file that clients have opened by its URL."""

    def __init__(self, store: Store, options: dict[str, Any]) -> None:
        self.store, self.options, self.users = store, options, 0


_files: dict[tuple[int, str], _Shared] = {}


def _open_file(key: tuple[int, str], path: str, options: dict[str, Any]) -> Store:
    shared = _files.get(key)
    if shared is None:
        shared = _files[key] = _Shared(Store(path, **options), options)
    shared.users += 1
    if options and options != shared.options:
        shared.users -= 1
        raise ConfigError(f"{path} is open in this process with other options: {shared.options}")
    return shared.store


def store_of(store: Store | Lease | str | None, options: dict[str, Any] | None = None) -> Store | Lease:
    """Return the store itself, the store of a name, URL or address, or a new private one for None without an address.

    options: those of a client; host, port and path are removed from them. Raises TypeError for another kind of store and
    ValueError for ssl and the URLs of servers.
    """
    named = address_of(options or {})
    if store is None:
        return named_store(named) if named else Store()
    if isinstance(store, str):
        if is_url(store):
            return _store_of_url(split_url(store))
        if "://" in store:
            raise ValueError(f"{store!r} is the URL of a server: from_url makes a client for it")
        return named_store(store)
    if not isinstance(store, (Store, Lease)):
        raise TypeError(f"store must be a kvd.Store, the name of one, or None for a private one, not {type(store).__name__}")
    return store


def _store_of_url(url: StoreUrl) -> Store | Lease:
    if url.file is not None:
        return Lease(url.file, dict(url.options))
    if not url.name:
        options: dict[str, Any] = dict(url.options)
        return Store(**options)
    if url.options:
        raise ValueError(f"{', '.join(url.options)}: a store that is shared by name has no options in its URL")
    return named_store(url.name)


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
    """Return the options that a URL gives a client; see kvd.urls. `store` is among them: a new private one if the URL names none.

    Clients of the same file in a process share a store, which is open until the last of them is closed. Raises ValueError for another
    scheme, kvd.ConfigError for options that the store does not have, and kvd.FileError if the file is damaged or open elsewhere.
    """
    found = split_url(url)
    options: dict[str, Any] = {name: _option(name, text) for name, text in found.client_options.items()}
    if found.db is not None:
        options["db"] = found.db
    for name, text in zip(("username", "password"), found.login, strict=True):
        if text is not None:
            options[name] = text
    options["store"] = _store_of_url(found)
    return options


def _option(name: str, text: str) -> Any:
    if name in ("db", "protocol", "health_check_interval", "max_connections"):
        return int(text)
    if name in ("socket_timeout", "socket_connect_timeout", "timeout"):
        return float(text)
    if name in ("decode_responses", "retry_on_timeout", "single_connection_client"):
        return text.lower() in ("1", "true", "yes", "on", "y", "t")
    return text
