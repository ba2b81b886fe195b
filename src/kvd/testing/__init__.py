"""Tools for tests of code that uses Redis: no server, no socket, empty data for each test.

`patch` connects redis-py's own clients to stores in this process; `Faults` makes connections fail; `store.clock` moves time;
`kvd.testing.fakeredis` has the names of fakeredis. The fixtures for pytest are in kvd.testing.plugin, which pytest loads itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvd.testing.faults import Faults
    from kvd.testing.patching import Patch, patch

__all__ = ["Faults", "Patch", "patch"]


def __getattr__(name: str) -> Any:
    """Import a name at its first use: pytest loads this package for its fixtures in every project."""
    from importlib import import_module

    if name == "Faults":
        return import_module("kvd.testing.faults").Faults
    if name in ("Patch", "patch"):
        return getattr(import_module("kvd.testing.patching"), name)
    raise AttributeError(f"module 'kvd.testing' has no attribute {name!r}")
