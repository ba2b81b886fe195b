"""Long strings are compressed in pieces, between which the store can be used and the string changed."""

import io
import random

import pytest

import kvd
from kvd.doors import _probe_snapshot as probe

PIECE, LEAST = 32768, 65537
dice = random.Random(3)
TEXT = " ".join(dice.choice(["one", "two", "three", "four", "fourteen", "of", "the"]) for _ in range(200_000)).encode()
CONTENTS = {
    "zeros": bytes, "text": lambda n: (TEXT * (n // len(TEXT) + 1))[:n], "random": lambda n: random.Random(n).randbytes(n),
    "text, then random": lambda n: TEXT[: n // 2] + random.Random(n).randbytes(n - n // 2), "random, then text": lambda n: random.Random(n).randbytes(300_000)[:n] + TEXT[: max(n - 300_000, 0)],
}  # fmt: skip


def saved(store):
    file = io.BytesIO()
    store.snapshot(file)
    return file.getvalue()


def loaded(data):
    copy = kvd.Store()
    copy.load(data)
    return copy


@pytest.mark.parametrize("kind", list(CONTENTS))
@pytest.mark.parametrize("size", [LEAST - 1, LEAST, 2 * PIECE + 3, 3 * PIECE, 3 * PIECE + 1, 3 * PIECE + 3, 3 * PIECE + 4, 8 * PIECE, 8 * PIECE + 1, 700_000])
def test_they_are_the_same_after_a_load(kind, size):
    store, value = kvd.Store(), CONTENTS[kind](size)
    store.mset({"before": 1, "k": value, "after": 2})
    data = saved(store)
    assert loaded(data).mget("before", "k", "after") == [b"1", value, b"2"]
    assert len(data) < size + 300 + size // 100
    if kind in ("zeros", "text"):
        assert len(data) < size * 0.6


def test_they_are_not_compressed_if_the_option_says_so():
    store = kvd.Store(rdbcompression="no")
    store.set("k", bytes(100_000))
    assert bytes(100_000) in saved(store)


def test_more_compressed_bytes_than_are_kept_are_not_compressed():
    value = (random.Random(1).randbytes(28_000) + bytes(4_768)) * 700
    store = kvd.Store()
    store.set("k", value)
    data = saved(store)
    assert value in data and loaded(data).get("k") == value


@pytest.mark.parametrize("steps", [1, 3, 8, 25, 33, 40])
@pytest.mark.parametrize("words", [("APPEND", "k", "x"), ("SETRANGE", "k", "5", "x"), ("DEL", "k"), ("SET", "k", "v"), ("FLUSHALL",), ("RENAME", "k", "l"), ("SETBIT", "k", "8000000", "1"), ("SWAPDB", "0", "1")])
def test_one_that_changes_meanwhile_is_written_as_it_was(steps, words):
    store = kvd.Store()
    store.set("k", TEXT)
    snap = probe.Snapshot(store)
    for _ in range(steps):
        snap.some(PIECE)
    store.execute(*words)
    while not snap.some(PIECE):
        pass
    assert loaded(snap.file()).get("k") == TEXT
    copy = loaded(saved(store))
    assert copy.execute("DEBUG", "DIGEST") == store.execute("DEBUG", "DIGEST")


@pytest.mark.parametrize("steps", [1, 3, 25, 33, 40])
def test_one_can_be_given_up_in_the_middle(steps):
    store = kvd.Store()
    store.set("k", TEXT)
    snap = probe.Snapshot(store)
    for _ in range(steps):
        snap.some(PIECE)
    del snap
    assert loaded(saved(store)).get("k") == TEXT


def test_a_slice_is_a_piece():
    store = kvd.Store()
    store.set("k", TEXT)
    snap = probe.Snapshot(store)
    slices = 0
    while not snap.some(PIECE):
        slices += 1
    assert slices > len(TEXT) / PIECE


def test_dump_does_not_compress_them():
    store, copy = kvd.Store(), kvd.Store()
    store.set("k", bytes(200_000))
    payload = store.dump("k")
    assert len(payload) > 200_000
    copy.restore("k", 0, payload)
    assert copy.get("k") == bytes(200_000)
