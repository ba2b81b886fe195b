"""Files that real servers wrote (see files/README.md), and a builder of RDB files for what no server writes."""

import base64
import functools
import lzma
from pathlib import Path

from kvd.core import _probe_packed as packed

FOLDER = Path(__file__).parent / "files"


@functools.cache
def stored(name):
    """The bytes of a file."""
    return lzma.decompress(base64.b64decode((FOLDER / f"{name}.txt").read_text()))


def expected():
    """(file, keys, digest) of each RDB file."""
    rows = [line.split("\t") for line in (FOLDER / "EXPECTED.tsv").read_text().splitlines() if not line.startswith("#")]
    return [(name, int(keys), digest) for name, keys, digest in rows if name.endswith(".rdb")]


def length(n):
    """A number as RDB files contain it."""
    if n < 64:
        return bytes([n])
    if n < 16384:
        return bytes([0x40 | n >> 8, n & 255])
    return b"\x80" + n.to_bytes(4, "big") if n < 1 << 32 else b"\x81" + n.to_bytes(8, "big")


def text(s):
    data = s if isinstance(s, bytes) else str(s).encode()
    return length(len(data)) + data


def string(key, value):
    return b"\0" + text(key) + text(value)


def deadline(ms):
    return b"\xfc" + ms.to_bytes(8, "little", signed=True)


def seconds(s):
    return b"\xfd" + s.to_bytes(4, "little", signed=True)


def database(n):
    return b"\xfe" + length(n)


def aux(name, value):
    return b"\xfa" + text(name) + text(value)


def library(code):
    return b"\xf5" + text(code)


def rdb(*records, head=b"REDIS0010", checksum=True):
    """A whole file."""
    data = head + b"".join(records) + b"\xff"
    return data + (packed.crc(data).to_bytes(8, "little") if checksum else bytes(8))


def resummed(data):
    """The file with the checksum that belongs to its content."""
    return data[:-8] + packed.crc(data[:-8]).to_bytes(8, "little")
