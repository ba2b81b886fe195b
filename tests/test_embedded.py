"""kvd.Store as a Python object: a mapping, a context manager, its options, and what it refuses."""

import copy
import pickle

import pytest

import kvd


def test_it_closes_at_the_end_of_a_block():
    with kvd.Store() as store:
        store["k"] = "v"
        server = store.serve()
    assert store.closed and repr(store) == "<kvd.Store closed>" and server.port == 0
    with pytest.raises(kvd.ClosedError):
        store["k"]
    store.close()


def test_it_is_a_mapping_of_its_database(store):
    store["k"] = "v"
    store.hset("h", "f", 1)
    assert len(store) == 2 and "k" in store and "none" not in store and set(store) == {b"k", b"h"} and store["k"] == b"v" and repr(store).startswith("<kvd.Store keys=2 memory=")
    del store["k"]
    for use in (lambda: store["k"], lambda: store.__delitem__("k")):
        with pytest.raises(KeyError, match="k"):
            use()


def test_the_mapping_may_be_of_text():
    store = kvd.Store(decode_responses=True)
    store["é"] = "ü"
    assert list(store) == ["é"] and store["é"] == "ü"


@pytest.mark.parametrize(("options", "said"), [
    ({"maxmemoy": "1mb"}, "did you mean 'maxmemory'"), ({"port": 5}, r"a store does not listen; use serve\(port=...\)"), ({"unixsocket": "s"}, r"serve\(unix_path=...\)"), ({"bind": "*"}, r"serve\(host=...\)"), ({"daemonize": "yes"}, "only `kvd serve` uses this option"),
    ({"hz": "fast"}, "hz"), ({"databases": 0}, "between 1 and 16384"), ({"aclfile": "users.acl"}, "No such file or directory"),
])  # fmt: skip
def test_options_that_are_wrong_make_no_store(options, said):
    with pytest.raises(kvd.ConfigError, match=said):
        kvd.Store(**options)


def test_a_path_that_cannot_be_a_file_is_refused(tmp_path):
    for path in (tmp_path, ""):
        with pytest.raises(kvd.ConfigError, match="is a directory"):
            kvd.Store(path)
    with pytest.raises(kvd.FileError, match="No such file or directory"):
        kvd.Store(tmp_path / "none" / "app.kvd")
    with pytest.raises(kvd.ConfigError, match="synchronous must be one of"):
        kvd.Store(tmp_path / "app.kvd", synchronous="sometimes")
    with pytest.raises(kvd.ConfigError, match="has a log already"):
        kvd.Store(tmp_path / "app.kvd", appendonly=True)


def test_it_is_neither_pickled_nor_copied(store):
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            use(store)
