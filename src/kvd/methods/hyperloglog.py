"""HyperLogLogs: estimates of the number of distinct elements, in at most 12 KiB."""

from __future__ import annotations

from kvd.methods.common import Key, Methods, Value, ok


class HyperLogLogMethods(Methods):
    def pfadd(self, name: Key, *values: Value) -> int:
        """Add elements; returns 1 if the estimate may have changed. O(1) each."""
        return self.execute("PFADD", name, *values)

    def pfcount(self, *sources: Key) -> int:
        """Return the estimated number of distinct elements of all keys; the standard error is 0.81 %."""
        return self.execute("PFCOUNT", *sources)

    def pfmerge(self, dest: Key, *sources: Key) -> bool:
        """Merge the sources into dest; returns True."""
        return ok(self.execute("PFMERGE", dest, *sources))
