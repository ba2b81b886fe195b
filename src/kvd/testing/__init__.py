"""Tools for tests of code that uses Redis: no server, no socket, fresh data in microseconds.

`patch` sends redis-py's own clients to stores in this process; `Faults` makes connections fail; `store.clock` moves time;
`kvd.testing.fakeredis` has the names of fakeredis. pytest finds fixtures by itself (kvd.testing.plugin).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvd.testing.faults import Faults
    from kvd.testing.patching import Patch, patch

__all__ = ["Faults", "Patch", "patch"]


def __getattr__(name: str) -> Any:
    """Imported when first asked for: pytest loads this package for its fixtures, also where nobody uses them."""
    from importlib import import_module

    if name == "Faults":
        return import_module("kvd.testing.faults").Faults
    if name in ("Patch", "patch"):
        return getattr(import_module("kvd.testing.patching"), name)
    raise AttributeError(f"module 'kvd.testing' has no attribute {name!r}")
