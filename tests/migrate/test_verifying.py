"""Counts, digests and values of both ends."""

import pytest

from kvd.migrate import verifying
from kvd.migrate.copying import Copier
from kvd.migrate.verifying import Verifier, scan

from ..persist.served import fill
from ..waiting import eventually


@pytest.fixture
def pair(start, ends):
    source, target = start(), start()
    fill(source.run, False)
    copier = Copier(ends(source), ends(target, "target"))
    for db in (0, 3, 5):
        for keys in scan(copier.source, db):
            copier.copy(db, keys)
    return source, target, copier


def verify(copier, depth, dbs=(0, 3, 5), **options):
    return Verifier(copier, list(dbs), **options).run(depth)


@pytest.mark.parametrize("depth", ["auto", "full", "none"])
def test_equal_ends(pair, depth):
    source, _, copier = pair
    verdict = verify(copier, depth)
    total = sum(copier.source.databases().values())
    assert not verdict.wrong and verdict.complete
    assert {"auto": "digests", "full": f"all {total} keys were compared: the same", "none": "database 5"}[depth] in verdict.lines[-1]


def test_a_sample_is_compared_where_digests_are_refused(pair, monkeypatch):
    _, target, copier = pair
    refused = copier.target.ask
    copier.target.ask = lambda lines, db=0: refused([("NOSUCHCOMMAND",) if line[0] == "DEBUG" else line for line in lines], db)
    assert verify(copier, "auto").lines[-1].startswith("all ")
    monkeypatch.setattr(verifying, "SAMPLE", 20)
    verdict = verify(copier, "auto")
    assert not verdict.wrong and "random sample" in verdict.lines[-1]
    target("SET", "s", "other")
    target("HSET", "h", "f", "other")
    assert eventually(lambda: verify(copier, "auto").wrong == 2)


def test_what_is_missing_left_over_and_different_is_named(pair):
    _, target, copier = pair
    target("DEL", "z")
    target("SET", "left over 1", "1")
    target("SET", "left over 2", "1")
    target("SET", "s", "other")
    verdict = verify(copier, "full")
    text = "\n".join(verdict.lines)
    assert "1 keys are missing on the target: 'z'" in text and "2 keys are only on the target: 'left over" in text and "2 keys differ" in text
    assert verdict.wrong == 5


def test_keys_that_have_expired_are_not_missing(pair):
    source, target, copier = pair
    now = int(source("TIME")[0]) * 1000
    source("SET", "ends soon", "v", "PXAT", now + 1500)
    verdict = verify(copier, "full")
    assert not verdict.wrong or "ends soon" in "\n".join(verdict.lines)


def test_it_stops_where_the_source_is_written_again(pair):
    _, target, copier = pair
    target("DEL", "z")
    verdict = verify(copier, "full", go_on=lambda: False)
    assert not verdict.complete and "the pause of the source has ended" in "\n".join(verdict.lines)
