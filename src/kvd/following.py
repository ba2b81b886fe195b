"""A store that follows a Redis or Valkey server, or another kvd: its copy, kept up to date by replication.

The link is the engine's (ext/kvd/replica): this only reads the URL, begins, and waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from kvd.doors.files import link_failure
from kvd.doors.server import check_masters

if TYPE_CHECKING:
    from kvd.embedded import Store

PORT = 6379
PLAIN, SECURE = ("redis", "valkey", "kvd"), ("rediss", "valkeys")  # schemes
STEP = 0.01  # seconds between two looks at the link


def split_master(url: str) -> tuple[str, int, str, str]:
    """Host (or path of a unix socket), port, user and password of a URL. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        place = (unquote(parts.path), 0)
    elif parts.scheme in (*PLAIN, *SECURE) and parts.hostname:
        place = (parts.hostname, parts.port or PORT)
    else:
        raise ValueError(
            f"not the URL of a server that can be followed (redis://host:port, rediss://host:port, or unix:///path): {parts.scheme}://..."
        )
    if parts.path not in ("", "/", "/0") and parts.scheme != "unix":
        raise ValueError("all databases are followed: the URL must not name one")
    return (*place, unquote(parts.username or ""), unquote(parts.password or ""))


def _encrypt(store: Store[Any], scheme: str) -> None:
    """Set tls-replication as the scheme says. Raises kvd.ConfigError, and leaves it, if the other options for TLS do not suffice."""
    before = store.option("tls-replication")
    store.configure("tls-replication", scheme in SECURE)
    try:
        check_masters(store)
    except Exception:
        store.configure("tls-replication", before)
        raise


def follow(
    store: Store[Any],
    url: str,
    *,
    wait: bool,
    timeout: float | None,
    progress: Callable[[dict[str, Any]], None] | None,
) -> None:
    """See kvd.Store.replicate_from."""
    host, port, user, password = split_master(url)
    _encrypt(store, urlsplit(url).scheme)
    store.configure("masteruser", user)
    store.configure("masterauth", password)
    store.execute("REPLICAOF", host, port)
    end = None if timeout is None else time.monotonic() + timeout
    while wait:
        found = store.info("replication")
        if progress is not None:
            progress(found)
        if found["role"] == "master" or found["master_link_status"] == "up":
            return
        if end is not None and time.monotonic() > end:
            raise TimeoutError(
                f"no connection with {host}:{port} within {timeout} seconds: {link_failure(store) or 'it goes on'}"
            )
        time.sleep(STEP)
