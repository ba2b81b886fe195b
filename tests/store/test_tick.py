"""Background work in slices: a tick does as much as its time allows, and says when the next one is due."""

import time

import kvd

from ..waiting import eventually


def test_ticks_follow_each_other_until_all_is_done(store):
    """Far more than fits into one slice."""
    store.clock.freeze(1_000_000)
    for i in range(50_000):
        store.set(f"k{i}", "x" * 20, ex=10)
    store.set("stays", "y")
    store.clock.advance(11)
    assert eventually(lambda: store.dbsize() == 1) and store.info("stats")["expired_keys"] == 50_000 and store.get("stays") == b"y"


def test_nothing_is_due_without_deadlines(store):
    store.set("k", "v")
    assert store._expire(250) is None


def test_the_next_tick_is_not_after_the_soonest_deadline(store):
    """It may be before: a far deadline is first moved within the wheel."""
    store.set("late", "v", ex=5000)
    late = store._expire(250)
    store.set("soon", "v", ex=100)
    soon = store._expire(250)
    assert soon < late and soon - time.monotonic() * 1e6 <= 100e6 < late - time.monotonic() * 1e6 <= 5000e6
    store.persist("soon")
    assert store._expire(250) >= soon


def test_fields_have_ticks_as_keys_have(store):
    store.hset("h", "f", "v")
    assert store._expire(250) is None
    store.hexpire("h", 100, "f")
    assert store._expire(250) is not None
    store.delete("h")
    assert store._expire(250) is None


def test_no_tick_while_active_expiry_is_off():
    store = kvd.Store(enable_debug_command="yes")
    store.set("k", "v", ex=100)
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    assert store._expire(250) is None
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    store.expire("k", 90)
    assert store._expire(250) is not None
