"""The regular work goes on in stores without a server, and ends with the store."""

import kvd

from ..waiting import eventually
from .tap import Tap, info


def test_options_count_at_once(origin):
    tap = Tap(origin.port)
    eventually(lambda: "state=online" in info(origin)["slave0"])
    origin.config_set("min-replicas-to-write", 1)
    assert origin.set("a", "1")
    origin.config_set("min-replicas-to-write", 2)
    try:
        origin.set("a", "1")
    except kvd.ResponseError as error:
        assert "NOREPLICAS" in str(error)
    else:
        raise AssertionError("it was accepted")
    tap.close()


def test_save_points_and_replicas_have_their_times(origin, tmp_path):
    """Both are the store's regular work."""
    origin.config_set("dir", str(tmp_path))
    origin.config_set("save", "1 1")
    tap = Tap(origin.port)
    origin.set("a", "1")
    eventually(lambda: (tmp_path / "dump.rdb").exists())
    tap.close()
    eventually(lambda: info(origin)["connected_slaves"] == "0")


def test_many_stores_follow_one(origin):
    origin.set("a", "1")
    stores = [kvd.Store() for _ in range(5)]
    for store in stores:
        store.replicate_from(f"redis://127.0.0.1:{origin.port}", wait=False)
    for store in stores:
        eventually(lambda store=store: store.get("a") == b"1")
        store.close()
    eventually(lambda: info(origin)["connected_slaves"] == "0")
