"""Expiry of keys."""

from __future__ import annotations

from kvd.methods.common import Key, Methods, Moment, Seconds, in_milliseconds, in_seconds, moment, words


class ExpiryMethods(Methods):
    def expire(self, name: Key, time: Seconds, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Set the time to live in seconds (int or timedelta). Returns whether it was set. O(1).

        nx, xx: only if the key has no, or has a deadline. gt, lt: only if the new deadline is later, or earlier."""
        return self.execute("EXPIRE", name, in_seconds(time), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def pexpire(self, name: Key, time: Seconds, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """The same in milliseconds."""
        return self.execute("PEXPIRE", name, in_milliseconds(time), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def expireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Set the deadline (seconds since 1970, or datetime). Returns whether it was set. O(1)."""
        return self.execute("EXPIREAT", name, moment(when, 1), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def pexpireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """The same in milliseconds since 1970."""
        return self.execute("PEXPIREAT", name, moment(when, 1000), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def ttl(self, name: Key) -> int:
        """Return the remaining seconds of a key; -1 if it has no deadline, -2 if it does not exist. O(1)."""
        return self.execute("TTL", name)

    def pttl(self, name: Key) -> int:
        """Return the remaining milliseconds of a key; -1 if it has no deadline, -2 if it does not exist. O(1)."""
        return self.execute("PTTL", name)

    def expiretime(self, name: Key) -> int:
        """Return the deadline in seconds since 1970; -1 if the key has none, -2 if it does not exist. O(1)."""
        return self.execute("EXPIRETIME", name)

    def pexpiretime(self, name: Key) -> int:
        """Return the deadline in milliseconds since 1970; -1 if the key has none, -2 if it does not exist. O(1)."""
        return self.execute("PEXPIRETIME", name)

    def persist(self, name: Key) -> bool:
        """Remove the deadline of a key; returns whether it had one. O(1)."""
        return self.execute("PERSIST", name) == 1
