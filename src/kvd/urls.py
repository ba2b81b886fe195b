"""URLs of stores.

    kvd://                                   a store in memory
    kvd://name/2                             the store of this name in this process, database 2
    kvd:///path/app.kvd?synchronous=full     the file /path/app.kvd

`memory://` means the same as `kvd://`, without files. Names and paths are percent-encoded; a path that is a number alone is a database. The query
has options of the store, as in a redis.conf, and of the client.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from kvd.errors import ConfigError
from kvd.store.config import rows

SCHEMES = ("kvd", "memory")
OF_CLIENTS = ("port", "timeout", "maxclients")  # options of clients or servers, not of the store that a URL opens


class StoreUrl(NamedTuple):
    """The parts of a URL. name: "" if there is none; file: an absolute path, or None; login: user name and password, or None."""

    name: str
    file: str | None
    db: int | None
    login: tuple[str | None, str | None]
    options: dict[str, str]
    client_options: dict[str, str]


def is_url(text: str) -> bool:
    """Whether this is the URL of a store, and not a path."""
    return text.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def split_url(url: str) -> StoreUrl:
    """Split a URL of a store. Raises ValueError for other schemes and for parts that it cannot have."""
    parts = urlsplit(url)
    if not is_url(url):
        raise ValueError(f"kvd URLs begin with kvd:// or memory://, not {parts.scheme}://")
    if parts.fragment:
        raise ValueError(f"{url!r} has a fragment: write # in a path as %23")
    path = unquote(parts.path)
    number = path.strip("/")
    names_db = number.isdigit() or not number
    if not names_db and (parts.hostname or parts.scheme != "kvd"):
        raise ValueError(f"{number!r} is not the number of a database; the URL of a file is kvd:///path")
    options, client_options = _options(parts.query)
    return StoreUrl(
        name=parts.hostname or "",
        file=None if names_db else os.path.abspath(path),
        db=int(number) if names_db and number else None,
        login=(unquote(parts.username) if parts.username else None, unquote(parts.password) if parts.password else None),
        options=options,
        client_options=client_options,
    )


def _options(query: str) -> tuple[dict[str, str], dict[str, str]]:
    """The options of the store and those of the client."""
    known = {name for row in rows() for name in row[:2] if name} - set(OF_CLIENTS) | {"synchronous"}
    found: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for name, values in parse_qs(query, keep_blank_values=True).items():
        is_store = name.replace("_", "-") in known
        found[0 if is_store else 1][name.replace("-", "_") if is_store else name] = values[0]
    return found


def file_of(url: str) -> tuple[str | None, dict[str, Any]]:
    """The file and the options of a URL given to kvd.Store; None: it names a store in memory. Raises kvd.ConfigError."""
    try:
        found = split_url(url)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if found.name or found.db is not None:
        raise ConfigError(f"{url!r} names no file: use kvd:///path, or kvd.Redis.from_url for a store with a name")
    if found.client_options:
        raise ConfigError(f"{', '.join(found.client_options)}: not an option of a store")
    return found.file, dict(found.options)
