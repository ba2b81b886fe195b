"""The object cache's index, against a set of pairs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.core import _probe_cache as probe


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2**32 - 1) | st.integers(0, 40), st.integers(1, 60)), max_size=300))
def test_every_node_is_found_until_it_is_removed(steps):
    cells, model = probe.Cells(), {}
    for put, hash, id in steps:
        if put and id not in model:
            cells.insert(hash, id)
            model[id] = hash
        elif not put and model:
            id = min(model, key=lambda known: abs(known - id))
            cells.remove(model.pop(id), id)
        assert all(cells.have(hash, id) for id, hash in model.items())
        assert cells.count == len(model)
    assert not any(cells.have(0, id) for id in range(61, 70))


def test_runs_that_wrap_around_the_end_close_up():
    cells = probe.Cells()
    for id in (1, 2, 3):
        cells.insert(7, id)  # cells 7, 0 and 1 of 8
    cells.insert(0, 4)
    cells.remove(7, 1)
    assert [cells.have(7, 2), cells.have(7, 3), cells.have(0, 4), cells.have(7, 1)] == [True, True, True, False]


def test_at_most_half_of_the_cells_are_in_use():
    cells = probe.Cells()
    for id in range(1, 1000):
        cells.insert(id * 2654435761 % 2**32, id)
        assert cells.room >= 2 * id


def test_an_empty_index_gives_its_memory_back():
    cells = probe.Cells()
    small = cells.bytes
    for id in range(1, 1001):
        cells.insert(id, id)
    for id in range(1, 1001):
        cells.remove(id, id)
    assert cells.shrink() and cells.bytes == small and cells.room == 8
    assert not cells.shrink()
