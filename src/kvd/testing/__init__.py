"""Tools for tests of code that uses Redis: no server, no socket, fresh data in microseconds.

`patch` sends redis-py's own clients to stores in this process; `Faults` makes connections fail; `store.clock` moves time;
`kvd.testing.fakeredis` has the names of fakeredis. pytest finds fixtures by itself (kvd.testing.plugin).
"""

from kvd.testing.faults import Faults
from kvd.testing.patching import Patch, patch

__all__ = ["Faults", "Patch", "patch"]
