"""Mutants of RDB files, loaded in this process: none may crash it, or leave the store broken.

    python -m tests.persist.fuzz_load [--mutants N] [--seconds S] [--seed N]

A mutant is a file with one to four changes: bits, bytes, lengths, opcodes, cut and repeated pieces, pieces of other files. Its checksum
is 0 (none), so that the content is what decides. Errors must name an offset. What is accepted must pass DEBUG CHECK, have a
digest, and each value must survive DUMP and RESTORE. Mutants follow from the seed alone, so that a failure can be repeated:
after a crash, the file named in the environment variable FUZZ_LAST holds the last mutant.
"""

import argparse
import io
import os
import random
import re
import sys
import time

import kvd

LENGTHS = [b"\x00", b"\x01", b"\x3f", b"\x40\x00", b"\x7f\xff", b"\x80\x00\x00\x00\x01", b"\x80\xff\xff\xff\xff", b"\x80\x7f\xff\xff\xff", b"\x81" + b"\xff" * 8, b"\x81" + b"\0" * 7 + b"\1",
           b"\x81\x7f" + b"\xff" * 7, b"\xc0\x7f", b"\xc1\xff\x7f", b"\xc2\xff\xff\xff\xff", b"\xc3\x01\x40\x00a", b"\xc3\x05\x81" + b"\xff" * 8]  # fmt: skip
OPCODES = bytes([*range(30), *range(242, 256)])
ERROR = re.compile(r"^at offset \d+: .")


class Fuzzer:
    """Loads mutants of `files` into one store. `made` and `accepted` count them."""

    def __init__(self, files, seed=0):
        self.files = [list(self.head(data)) for data in files]
        self.random = random.Random(seed)
        self.made = self.accepted = 0
        last = os.environ.get("FUZZ_LAST")
        self.last = os.open(last, os.O_WRONLY | os.O_CREAT) if last else None
        self.renew()

    @staticmethod
    def head(data):
        """The head, which is not mutated, and the rest without checksum."""
        old = data[:5] == b"REDIS" and int(data[5:9]) < 5
        return data[:9], data[9:] if old else data[9:-8]

    def renew(self):
        self.store = kvd.Store(enable_debug_command="yes", lua_memory_limit="16mb")
        self.store.clock.freeze(1_700_000_000)
        self.store.set("before", 1)

    def change(self, body):
        """One change of a bytearray."""
        r = self.random
        at = r.randrange(len(body))
        kind = r.randrange(10)
        if kind == 0:
            body[at] ^= 1 << r.randrange(8)
        elif kind == 1:
            body[at] = r.randrange(256)
        elif kind == 2:
            body[at] = OPCODES[r.randrange(len(OPCODES))]
        elif kind == 3:
            piece = LENGTHS[r.randrange(len(LENGTHS))]
            body[at : at + r.choice((0, 1, len(piece)))] = piece
        elif kind == 4:
            del body[at : at + r.choice((1, 1, 2, 5, r.randrange(1, 64)))]
        elif kind == 5:
            body[at:at] = body[at : at + r.randrange(1, 32)]
        elif kind == 6:
            body[at] = body[at] + r.choice((1, -1, 2, -2)) & 255
        elif kind == 7:
            n = r.choice((2, 4, 8))
            body[at : at + n] = r.choice((0, 1, 0x7F, 0xFF, 1 << (8 * n - 1), (1 << 8 * n) - 1)).to_bytes(n, r.choice(("little", "big")))
        elif kind == 8:
            other = r.choice(self.files)[1]
            start = r.randrange(len(other))
            body[at : at + r.randrange(8)] = other[start : start + r.randrange(1, 64)]
        else:
            del body[at:]
        if not body:
            body += b"\xff"

    def mutant(self):
        head, rest = self.random.choice(self.files)
        body = bytearray(rest)
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 4))):
            self.change(body)
        tail = b"" if head[:5] == b"REDIS" and int(head[5:9]) < 5 else bytes(8)
        return bytes(head) + bytes(body) + tail

    def step(self):
        data = self.mutant()
        self.made += 1
        if self.last is not None:
            os.pwrite(self.last, data, 0)
            os.ftruncate(self.last, len(data))
        try:
            self.store.load(data)
        except kvd.FileError as error:
            assert ERROR.match(str(error)), str(error)
            return
        self.accepted += 1
        self.examine(data)

    def examine(self, data):
        """What was accepted is sound, and can be used."""
        run = self.store.execute
        assert run("DEBUG", "CHECK") == b"OK", data
        run("DEBUG", "DIGEST")
        for _ in range(2):
            key = run("RANDOMKEY")
            if key is None:
                break
            payload = run("DUMP", key)
            if payload is not None and run("RESTORE", b"\0again", 0, payload, "REPLACE") == b"OK":
                digests = run("DEBUG", "DIGEST-VALUE", key, b"\0again")
                assert run("TTL", key) != -1 or digests[0] == digests[1], (key, data)
            run("DEL", key)
        assert run("DEBUG", "CHECK") == b"OK", data
        if self.accepted % 512 == 0:
            self.renew()

    def run(self, mutants=None, seconds=None):
        limit = time.monotonic() + seconds if seconds else None
        while (mutants is None or self.made < mutants) and (limit is None or time.monotonic() < limit):
            for _ in range(100):
                self.step()


def with_arrays():
    """A file of arrays, which no stored file has."""
    store, file = kvd.Store(), io.BytesIO()
    store.execute("ARMSET", "a", 0, "x", 1, "12", 70, "y" * 20, 5000, "-7", 2**64 - 2, "z" * 300)
    store.execute("ARINSERT", "b", *range(100))
    store.snapshot(file)
    return file.getvalue()


def main():
    from .stored import expected, stored

    arguments = argparse.ArgumentParser(description="Load mutants of RDB files.")
    arguments.add_argument("--mutants", type=int)
    arguments.add_argument("--seconds", type=float)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    files = [*(stored(name) for name, _, _ in expected()), with_arrays()]
    fuzzer = Fuzzer([data for data in files if 20 < len(data) < 2000], given.seed)
    begun = time.monotonic()
    while (given.mutants is None or fuzzer.made < given.mutants) and (given.seconds is None or time.monotonic() - begun < given.seconds):
        fuzzer.run(fuzzer.made + 20_000)
        print(f"{fuzzer.made} mutants, {fuzzer.accepted} accepted, {fuzzer.made / (time.monotonic() - begun):.0f} a second", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
