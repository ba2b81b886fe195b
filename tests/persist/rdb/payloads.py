"""Payloads of DUMP for tests of the forms: sealed bodies, and a store with a shorthand for commands."""

import kvd
from kvd.core import _probe_packed as packed


def seal(body, version=10):
    """A body with its version and checksum."""
    data = body + version.to_bytes(2, "little")
    return data + packed.crc(data).to_bytes(8, "little")


def counted(text):
    """A string with its length in front, shorter than 16384 bytes."""
    return (bytes([len(text)]) if len(text) < 64 else bytes([0x40 | len(text) >> 8, len(text) & 255])) + text


class Ours:
    """A store; replies are those of RESP2, and errors are returned."""

    def __init__(self):
        self.store = kvd.Store(enable_debug_command="yes")
        self.link = self.store._link(kvd.ResponseError)

    def __call__(self, *words):
        return self.link.call(words, False)

    def restore(self, body, key="z", version=10):
        """RESTORE of a body; the store is sound afterwards, and what was loaded makes a payload that loads again."""
        reply = self("RESTORE", key, 0, seal(body, version), "REPLACE")
        assert self("DEBUG", "CHECK") == b"OK"
        if reply == b"OK":
            assert self("RESTORE", "again", 0, self("DUMP", key), "REPLACE") == b"OK" and len(set(self("DEBUG", "DIGEST-VALUE", key, "again"))) == 1
        return reply


def refused(reply):
    return "Bad data format" in str(reply)
