"""The one door of changes: every key is opened before it changes, and only the door counts changes."""

import os
import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvd.doors import _probe_changes as probes

from ..run.workload import STEPS, Work

EXAMPLES = int(os.environ.get("KVDDEV_EFFECT_EXAMPLES", "150"))
EXT = Path(__file__).parent.parent.parent / "ext" / "kvd"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize="CI" in os.environ)
@given(st.lists(STEPS, min_size=1, max_size=30))
def test_a_key_is_opened_before_its_first_change(steps):
    work = Work()
    openings = probes.Openings(work.store)
    swaps = ("SWAPDB", "FLUSHALL", "FLUSHDB", "EXEC")      # a whole database is opened by `replaces`
    for step in steps:
        before = openings.values()
        openings.seen()
        work.step(*step)
        if step[0] == "run" and step[2][0] in swaps:
            continue
        after = openings.values()
        first = {}
        for db, hash, value in openings.seen():
            first.setdefault((db, hash), value)
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                assert key in first, (step, before.get(key), after.get(key))
                assert first[key] == (before[key][0] if key in before else None), step


def test_only_the_door_counts_changes():
    for path in [*EXT.rglob("*.pyx"), *EXT.rglob("*.pxd")]:
        if path.stem not in ("change", "store") or path.parent.name != "store":
            assert not re.search(r"\b(store|s)\.changes\b", path.read_text()), path


def test_elements_are_counted(store):
    def count(*words):
        before = store.info("persistence")["rdb_changes_since_last_save"]
        store.execute(*words)
        return store.info("persistence")["rdb_changes_since_last_save"] - before

    assert count("RPUSH", "l", "a", "b", "c", "d") == 4
    assert count("LPOP", "l", 3) == 3
    assert count("SADD", "s", "a", "b", "a") == 2
    assert count("HSET", "h", "a", 1, "b", 2) == 2
    assert count("MSET", "a", 1, "b", 2, "c", 3) == 3
    assert count("ZADD", "z", 1, "a", 2, "b") == 2
    assert count("DEL", "a", "b", "none") == 2
    assert count("RENAME", "c", "d") == 1
    assert count("GET", "d") == 0
    assert count("FLUSHALL") == 5
