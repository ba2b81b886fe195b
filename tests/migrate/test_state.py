"""The state file."""

import pytest

from kvd.migrate.ends import MigrateError
from kvd.migrate.state import State, StateFile


def test_a_state_is_read_as_it_was_written(tmp_path):
    file, state = StateFile(str(tmp_path / "s")), State("a:1", "b:2", "x", "y", 3, 10, {"3": "77"}, [1], "Ex", True)
    assert file.load() is None
    file.save(state)
    assert file.load() == state and [p.name for p in tmp_path.iterdir()] == ["s"]
    state.restart()
    assert (state.cursors, state.done, state.gap) == ({}, [], True)
    file.remove()
    file.remove()
    assert file.load() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "nonsense": 1}', "\xff"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "s").write_text(text)
    with pytest.raises(MigrateError, match="not a state file"):
        StateFile(str(tmp_path / "s")).load()


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(MigrateError, match="cannot be written"):
        StateFile(str(tmp_path / "none" / "s")).save(State())


def test_without_a_file_nothing_is_kept():
    file = StateFile(None)
    file.save(State())
    file.remove()
    assert file.load() is None
