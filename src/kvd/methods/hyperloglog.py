"""HyperLogLogs: how many different elements were seen, in 12 KiB."""

from __future__ import annotations

from kvd.methods.common import Key, Methods, Value, ok


class HyperLogLogMethods(Methods):
    def pfadd(self, name: Key, *values: Value) -> int:
        """Count elements; 1 if the estimate may have changed. O(1) each."""
        return self.execute("PFADD", name, *values)

    def pfcount(self, *sources: Key) -> int:
        """Estimate how many different elements all of them have seen, to 0.81%."""
        return self.execute("PFCOUNT", *sources)

    def pfmerge(self, dest: Key, *sources: Key) -> bool:
        """Merge into dest; True."""
        return ok(self.execute("PFMERGE", dest, *sources))
