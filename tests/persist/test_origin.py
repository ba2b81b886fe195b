"""The history of replication that a snapshot file names."""

import io

import kvd

from ..replica.tap import Tap, info, offset_of


def file_of(store):
    file = io.BytesIO()
    store.snapshot(file)
    return file.getvalue()


def test_only_a_store_that_keeps_a_stream_has_one(tmp_path):
    with kvd.Store(repl_diskless_sync_delay=0) as store, store.serve() as server:
        store.set("a", "1")
        assert b"repl-" not in file_of(store)
        tap = Tap(server.port)
        store.set("a", "2")
        file = file_of(store)
        assert info(store)["master_replid"].encode() in file and file.index(b"repl-stream-db") < file.index(b"repl-id") < file.index(b"repl-offset")
        assert offset_of(store) > 0
        tap.close()


def test_a_store_that_loads_a_file_is_not_of_its_history():
    with kvd.Store(repl_diskless_sync_delay=0) as store, store.serve() as server:
        tap = Tap(server.port)
        store.set("a", "1")
        other = kvd.Store()
        other.load(io.BytesIO(file_of(store)))
        assert other.get("a") == b"1" and b"repl-" not in file_of(other)
        tap.close()
