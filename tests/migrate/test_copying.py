"""Batches of keys."""

import random

import pytest

from kvd.migrate import copying
from kvd.migrate.copying import Copier
from kvd.migrate.ends import MigrateError

from ..persist.served import fill
from .conftest import KINDS, digests


@pytest.fixture
def pair(start, ends):
    source, target = start(), start()
    return source, target, Copier(ends(source), ends(target, "target"))


def test_keys_are_copied_replaced_and_deleted(pair):
    source, target, copier = pair
    fill(source.run, False)
    target("MSET", "gone", "1", "s", "old")
    keys = source("KEYS", "*")
    copier.copy(0, [*keys, b"gone"])
    mine = {key: value for key, value in digests(source, timed=True).items() if key[0] == 0}
    assert mine == digests(target, timed=True) and copier.copied == len(keys) and copier.deleted == 1 and not copier.rewritten
    assert (0, b"x") in copier.streams and (0, b"s") not in copier.streams and copier.differing(0, keys) == []


def test_differences_are_found(pair):
    source, target, copier = pair
    for run in (source, target):
        run("MSET", "same", "1", "other", "1", "timed", "1", "only here", "1")
    target("SET", "other", "2")
    source("EXPIRE", "timed", 1000)
    target("DEL", "only here")
    assert copier.differing(0, [b"same", b"other", b"timed", b"only here", b"nowhere"]) == [b"other", b"timed", b"only here"]


def test_batches_shrink_when_values_are_large(pair, monkeypatch):
    source, target, copier = pair
    monkeypatch.setattr(copying, "BATCH_BYTES", 10_000)
    keys = [b"k%d" % i for i in range(1200)]
    for key in keys:
        source("SET", key, random.randbytes(900))
    copier.copy(0, keys)
    assert copier.batch < 50 and digests(source) == digests(target)


def test_a_large_value_is_written_in_parts(pair, monkeypatch):
    source, target, copier = pair
    monkeypatch.setattr(copying, "LARGEST_PAYLOAD", 1000)
    source("RPUSH", "l", *range(5000))
    source("SET", "k", "v")
    copier.copy(0, [b"l", b"k"])
    assert copier.rewritten == 1 and copier.copied == 2 and digests(source) == digests(target)


@pytest.mark.parametrize("program", [kind for kind in KINDS[1:] if "redis" in kind.values[0]])
def test_versions_that_are_refused_are_not_sent_again(start, ends, program):
    source, target = start(), start(program)
    copier = Copier(ends(source), ends(target, "target"))
    if not target.plain:
        pytest.skip("it reads all that kvd writes")
    source("HSET", "h", "f", "v")
    source("HEXPIRE", "h", 1000, "FIELDS", 1, "f")
    source("MSET", "a", "1", "b", "2")
    copier.copy(0, [b"h", b"a", b"b"])
    assert set(copier.problems) == {(0, b"h")} and target("GET", "a") == b"1" and not copier.by_commands and not copier.rewritten
    source("HPERSIST", "h", "FIELDS", 1, "f")
    copier.copy(0, [b"h"])
    assert copier.problems == {} and target("HGET", "h", "f") == b"v"


def test_a_full_target_ends_the_move(pair):
    source, target, copier = pair
    source("SET", "k", "v" * 1000)
    target("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(MigrateError, match="takes no more keys: .*maxmemory"):
        copier.copy(0, [b"k"])
