"""How far the loading at the start is."""

import os

import pytest

from ..waiting import eventually
from .served import LOG, Served, files, fill, rewrite


@pytest.mark.parametrize("options", [LOG, ("--save", "3600 1")], ids=["log", "snapshot"])
def test_the_figures_of_the_load(tmp_path, options):
    with Served(tmp_path, *options) as server:
        fill(server)
        if options is LOG:
            rewrite(server)
            server("SET", "later", "v")
        server.stop()
    size = sum(os.path.getsize(tmp_path / name) for name in files(tmp_path) if "manifest" not in name)
    with Served(tmp_path, *options, "--key-load-delay", "100000", loads=True) as server:
        eventually(lambda: int(server.info("loading_loaded_bytes")) > 0)
        assert server.info("loading") == "1" and int(server.info("loading_total_bytes")) == size
        assert 0 < int(server.info("loading_loaded_bytes")) <= size and 0 < float(server.info("loading_loaded_perc")) <= 100
        assert int(server.info("loading_rdb_used_mem")) > 0 and int(server.info("loading_eta_seconds")) >= 0
        assert abs(int(server.info("loading_start_time")) - int(server("TIME")[0])) < 600
        server("CONFIG", "SET", "key-load-delay", "0")
        eventually(lambda: server("PING") == b"PONG")
        assert b"loading_start_time" not in server("INFO", "persistence") and server.info("loading") == "0"
        assert "Loading RDB produced by version" in server.said() and "Done loading RDB, keys loaded: " in server.said()


def test_what_a_file_tells_of_its_server_stays_in_a_line_of_the_log(tmp_path):
    data = b"REDIS0010\xfa\x09redis-ver\x0a7.0\nforged\xfe\x00\xff" + bytes(8)
    (tmp_path / "dump.rdb").write_bytes(data)
    with Served(tmp_path) as server:
        assert "produced by version 7.0?forged" in server.said() and "\nforged" not in server.said()
