"""Files of the append-only log that end too early, or are broken."""

from ..compat.wire import Wire
from .served import LOG, Served, files, fill, log_of_two_keys, rewrite


def test_a_torn_end_is_cut_off_or_refused(tmp_path):
    path, data = log_of_two_keys(tmp_path)
    path.write_bytes(data[:-3])
    whole = len(data) - len(Wire.frame(("SET", "b", "1")))
    with Served(tmp_path, *LOG, "--aof-load-truncated", "no") as server:
        assert server.ended() == 1 and f"at offset {whole}" in server.said() and path.read_bytes() == data[:-3]
    with Served(tmp_path, *LOG) as server:
        assert server("KEYS", "*") == [b"a"] and "AOF loaded anyway because aof-load-truncated is enabled" in server.said()
    assert path.read_bytes() == data[:whole]


def test_a_file_that_is_torn_and_not_the_last_is_refused(tmp_path):
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    for n in (1, 2):
        (folder / f"appendonly.aof.{n}.incr.aof").write_bytes(Wire.frame(("SET", "k", n))[: -2 if n == 1 else None])
    (folder / "appendonly.aof.manifest").write_text("".join(f"file appendonly.aof.{n}.incr.aof seq {n} type i\n" for n in (1, 2)))
    with Served(tmp_path, *LOG) as server:
        assert server.ended() == 1 and "is not the last one" in server.said()


def test_corruption_in_the_middle_stops_the_start(tmp_path):
    path, data = log_of_two_keys(tmp_path)
    at = data.index(b"*3")
    path.write_bytes(data[:at] + b"!" + data[at + 1 :])
    with Served(tmp_path, *LOG) as server:
        assert server.ended() == 1 and "Bad file format reading the append only file" in server.said() and f"at offset {at}" in server.said()


def test_a_broken_base_stops_the_start(tmp_path):
    with Served(tmp_path, *LOG) as server:
        fill(server)
        rewrite(server)
        server.stop()
    path = next((tmp_path / "appendonlydir").glob("*.base.rdb"))
    data = path.read_bytes()
    path.write_bytes(data[:400] + bytes([data[400] ^ 0x55]) + data[401:])      # another byte, whatever stands there
    kept = files(tmp_path)
    with Served(tmp_path, *LOG) as server:
        assert server.ended() == 1 and "Can't load" in server.said() and "at offset" in server.said()
    assert files(tmp_path) == kept
