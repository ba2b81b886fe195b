"""Text files: read whole, replaced whole."""

import pytest

import kvd


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path):
    path = tmp_path / "users.acl"
    path.write_text("user default on nopass ~* &* +@all\n" + "".join(f"user u{i} on ~{'x' * 200}\n" for i in range(2000)))
    store = kvd.Store(aclfile=str(path))
    assert len(store.execute("ACL", "USERS")) == 2001 and store.execute("ACL", "SAVE") == b"OK"
    assert len(path.read_text().splitlines()) == 2001 and [one.name for one in tmp_path.iterdir()] == ["users.acl"]


def test_the_old_one_stays_if_the_new_one_cannot_be_written(tmp_path):
    path = tmp_path / "users.acl"
    path.write_text("user default on nopass ~* &* +@all\n")
    store = kvd.Store(aclfile=str(path))
    (tmp_path / "users.acl.tmp").mkdir()
    with pytest.raises(kvd.ResponseError, match="error trying to save"):
        store.execute("ACL", "SAVE")
    assert path.read_text() == "user default on nopass ~* &* +@all\n"


def test_a_file_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "users.acl"
    with path.open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(kvd.ConfigError, match="File too large"):
        kvd.Store(aclfile=str(path))
