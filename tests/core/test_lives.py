"""Lifetimes of numbered nodes, against deadlines in a dictionary; time is what the test says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.core import _probe_cache as probe

SECOND = 1_000_000


def test_a_node_is_over_at_its_deadline_and_not_before():
    lives = probe.Lives()
    lives.give(1, 1000, ttl=5000)
    assert lives.deadline(1) == 6000
    assert not lives.over(1, 5999) and lives.over(1, 6000)
    assert lives.due(5999)[0] == [] and lives.due(6000)[0] == [1]


def test_a_use_renews_the_idle_time_up_to_the_time_to_live():
    lives = probe.Lives()
    lives.give(1, 1000, ttl=10_000, tti=3000)
    assert (lives.deadline(1), lives.tti(1), lives.last(1)) == (4000, 3000, 11_000)
    assert lives.neglected(1)
    lives.use(1, 3000)
    assert lives.deadline(1) == 6000
    lives.use(1, 9000)
    assert lives.deadline(1) == 11_000 and not lives.neglected(1)


def test_without_a_time_to_live_an_idle_node_has_no_last_deadline():
    lives = probe.Lives()
    lives.give(1, 1000, tti=3000)
    assert (lives.deadline(1), lives.last(1)) == (4000, None)
    lives.give(1, 1000)
    assert (lives.deadline(1), lives.tti(1)) == (0, 0)


def test_a_deadline_that_moves_away_comes_up_late_and_one_that_comes_nearer_in_time():
    lives = probe.Lives()
    lives.end(1, 1000)
    lives.end(1, 9000)
    lives.end(2, 9000)
    lives.end(2, 1000)
    assert lives.soonest == 1000 and lives.hurry
    assert lives.due(1000)[0] == [2]
    assert lives.due(8999)[0] == [] and lives.due(9000)[0] == [1]
    assert lives.soonest is None


def test_the_budget_bounds_the_work():
    lives = probe.Lives()
    for i in range(1, 501):
        lives.end(i, 10 + i)
    found, left = lives.due(10_000, 100)
    assert len(found) <= 100 and left <= 0
    while left <= 0:
        more, left = lives.due(10_000, 100)
        found += more
    assert sorted(found) == list(range(1, 501))


def test_a_forgotten_node_is_neither_due_nor_stale():
    lives = probe.Lives()
    lives.give(1, 1000, ttl=500, tti=400)
    lives.soften(1, 1200)
    assert lives.stale(1, 1200) and not lives.stale(1, 1199)
    lives.forget(1)
    assert not lives.stale(1, 5000) and lives.due(5000)[0] == [] and lives.tti(1) == 0


def test_jitter_shortens_by_at_most_its_share():
    lives = probe.Lives(jitter=0.5)
    for i in range(1, 201):
        lives.give(i, 0, ttl=10 * SECOND)
    ends = [lives.deadline(i) for i in range(1, 201)]
    assert 5 * SECOND <= min(ends) < 6 * SECOND and 9 * SECOND < max(ends) <= 10 * SECOND


def test_segments_and_columns_go_back():
    lives = probe.Lives()
    empty = lives.bytes
    for i in range(1, 1025):
        lives.give(i, 0, ttl=10, tti=5)
        lives.soften(i, 3)
    whole = lives.bytes
    lives.due(100)
    for segment in range(1, 4):
        lives.close(segment)
    assert lives.bytes < whole / 2
    lives.release()
    assert lives.bytes <= empty + 4096  # the wheel keeps a few blocks


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["end", "never", "look"]), st.integers(1, 40), st.integers(0, 5000)), max_size=150))
def test_what_is_due_is_what_a_dictionary_says(steps):
    lives, model, now = probe.Lives(), {}, 1
    for what, i, span in steps:
        if what == "end":
            lives.give(i, now, ttl=span + 1)
            model[i] = now + span + 1
        elif what == "never":
            lives.give(i, now)
            model.pop(i, None)
        else:
            now += span
            gone = sorted(i for i, end in model.items() if end <= now)
            assert sorted(lives.due(now)[0]) == gone
            model = {i: end for i, end in model.items() if i not in gone}
        if model and lives.soonest is not None:
            assert lives.soonest <= min(model.values()) + 1
        lives.check()
