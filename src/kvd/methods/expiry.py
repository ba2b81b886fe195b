"""Deadlines of keys."""

from __future__ import annotations

from kvd.methods.common import Key, Methods, Moment, Seconds, in_milliseconds, in_seconds, moment, words


class ExpiryMethods(Methods):
    def expire(self, name: Key, time: Seconds, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Set the time to live in seconds (int or timedelta). Returns whether it did. O(1).

        nx, xx: only without, with a deadline. gt, lt: only if it becomes later, earlier."""
        return self.execute("EXPIRE", name, in_seconds(time), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def pexpire(self, name: Key, time: Seconds, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """The same in milliseconds."""
        return self.execute("PEXPIRE", name, in_milliseconds(time), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def expireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Set the moment at which a key expires (seconds since 1970, or datetime). Returns whether it did. O(1)."""
        return self.execute("EXPIREAT", name, moment(when, 1), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def pexpireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """The same in milliseconds since 1970."""
        return self.execute("PEXPIREAT", name, moment(when, 1000), *words(nx=nx, xx=xx, gt=gt, lt=lt)) == 1

    def ttl(self, name: Key) -> int:
        """Seconds a key still lives; -1 without a deadline, -2 without the key. O(1)."""
        return self.execute("TTL", name)

    def pttl(self, name: Key) -> int:
        """Milliseconds a key still lives; -1 without a deadline, -2 without the key. O(1)."""
        return self.execute("PTTL", name)

    def expiretime(self, name: Key) -> int:
        """When a key expires, in seconds since 1970; -1 without a deadline, -2 without the key. O(1)."""
        return self.execute("EXPIRETIME", name)

    def pexpiretime(self, name: Key) -> int:
        """When a key expires, in milliseconds since 1970; -1 without a deadline, -2 without the key. O(1)."""
        return self.execute("PEXPIRETIME", name)

    def persist(self, name: Key) -> bool:
        """Remove a key's deadline; returns whether it had one. O(1)."""
        return self.execute("PERSIST", name) == 1
