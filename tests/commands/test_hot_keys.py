"""HOTKEYS, as Redis's documentation has it: no server with this command was at hand. What it counts: tests/run/test_hot_keys.py."""

import pytest
import redis

import kvd


@pytest.fixture
def store():
    return kvd.Store()


@pytest.mark.parametrize(("line", "error"), [
    ("", "METRICS parameter is required"), ("COUNT 5", "METRICS parameter is required"), ("METRICS", "METRICS count"), ("METRICS 0", "METRICS count"), ("METRICS -1", "METRICS count"),
    ("METRICS x CPU", "METRICS count"), ("METRICS 2 CPU", "METRICS count does not match number of metric types provided"), ("METRICS 3 CPU NET", "METRICS count does not match"),
    ("METRICS 1 CPU NET", "syntax error"), ("METRICS 1 GPU", "METRICS no valid metrics"), ("METRICS 2 CPU CPU", "METRICS CPU"), ("METRICS 2 NET NET", "METRICS NET"),
    ("METRICS 1 CPU METRICS 1 NET", "METRICS parameter already specified"), ("METRICS 1 CPU COUNT 0", "COUNT must be between 1 and 64"), ("METRICS 1 CPU COUNT 65", "COUNT must be between 1 and 64"),
    ("METRICS 1 CPU COUNT", "syntax error"), ("METRICS 1 CPU SAMPLE 0", "SAMPLE ratio must be positive"), ("METRICS 1 CPU SAMPLE x", "SAMPLE ratio must be positive"),
    ("METRICS 1 CPU DURATION -1", "DURATION must be"), ("METRICS 1 CPU DURATION 9223372036854775807", "DURATION must be"), ("METRICS 1 CPU nonsense", "syntax error"),
    ("METRICS 1 CPU SLOTS 2 0 5", "SLOTS parameter cannot be used in non-cluster mode"),
])  # fmt: skip
def test_wrong_arguments(store, line, error):
    with pytest.raises(kvd.ResponseError, match=error):
        store.execute("HOTKEYS", "START", *line.split())
    assert store.execute("HOTKEYS", "GET") is None


@pytest.mark.parametrize(("line", "error"), [
    ("SLOTS 2 0", "not enough slot numbers provided"), ("SLOTS 2 0 0", "duplicate slot number"), ("SLOTS 1 0 SLOTS 1 5", "SLOTS parameter already specified"), ("SLOTS 1 16384", "out of range"),
    ("SLOTS 1 -1", "out of range"), ("SLOTS 0", "SLOTS count"), ("SLOTS", "SLOTS count"),
])  # fmt: skip
def test_wrong_slots(line, error):
    with pytest.raises(kvd.ResponseError, match=error):
        kvd.Store(cluster_enabled=True).execute("HOTKEYS", "START", "METRICS", 1, "CPU", *line.split())


@pytest.mark.parametrize("line", [
    "METRICS 1 cpu", "METRICS 2 NET CPU", "METRICS 2 GPU CPU", "COUNT 64 METRICS 1 NET", "METRICS 2 CPU NET COUNT 1 DURATION 0 SAMPLE 1000", "METRICS 1 CPU DURATION 3600",
])  # fmt: skip
def test_right_arguments(store, line):
    assert store.execute("HOTKEYS", "START", *line.split()) == b"OK"


def test_one_at_a_time(store):
    with pytest.raises(kvd.ResponseError, match="no hotkey tracking session in progress"):
        store.execute("HOTKEYS", "STOP")
    assert store.execute("HOTKEYS", "RESET") == store.execute("HOTKEYS", "START", "METRICS", 1, "CPU") == b"OK"
    with pytest.raises(kvd.ResponseError, match="hotkey tracking session already in progress"):
        store.execute("HOTKEYS", "START", "METRICS", 1, "NET")
    with pytest.raises(kvd.ResponseError, match="hotkey tracking session in progress, stop tracking first"):
        store.execute("HOTKEYS", "RESET")
    assert store.execute("HOTKEYS", "STOP") == store.execute("HOTKEYS", "RESET") == b"OK"


ALWAYS = ["tracking-active", "sample-ratio", "selected-slots", "all-commands-all-slots-us", "net-bytes-all-commands-all-slots", "collection-start-time-unix-ms", "collection-duration-ms"]


@pytest.mark.parametrize(("metrics", "fields"), [
    (["CPU"], {"total-cpu-time-user-ms", "total-cpu-time-sys-ms", "by-cpu-time-us"}), (["NET"], {"total-net-bytes", "by-net-bytes"}),
    (["CPU", "NET"], {"total-cpu-time-user-ms", "total-cpu-time-sys-ms", "by-cpu-time-us", "total-net-bytes", "by-net-bytes"}),
])  # fmt: skip
def test_fields_of_the_metrics(store, metrics, fields):
    store.execute("HOTKEYS", "START", "METRICS", len(metrics), *metrics)
    [result] = store.execute("HOTKEYS", "GET")
    assert {name.decode() for name in result} == fields | set(ALWAYS) and result[b"selected-slots"] == [[0, 16383]]


def test_fields_of_slots():
    store = kvd.Store(cluster_enabled=True)
    store.execute("HOTKEYS", "START", "METRICS", 1, "NET", "SAMPLE", 10, "SLOTS", 6, 16383, 0, 7, 5, 6, 100)
    [result] = store.execute("HOTKEYS", "GET")
    assert result[b"selected-slots"] == [[0], [5, 7], [100], [16383]]
    names = {"sampled-commands-selected-slots-us", "all-commands-selected-slots-us", "net-bytes-sampled-commands-selected-slots", "net-bytes-all-commands-selected-slots"}
    assert names < {name.decode() for name in result}


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(protocol):
    with kvd.Store().serve() as server, redis.Redis(port=server.port, protocol=protocol, decode_responses=True) as client:
        metrics = redis.commands.core.HotkeysMetricsTypes
        assert client.hotkeys_start([metrics.CPU, metrics.NET], count=5, duration=60, sample_ratio=1)
        client.set("a", "b")
        [result] = client.hotkeys_get()
        assert result["tracking-active"] == 1 and result["by-net-bytes"][0] == "a" and result["total-net-bytes"] > 0
        assert client.hotkeys_stop() and client.hotkeys_reset()


def test_it_is_unknown_to_others():
    for server in ("redis-8.4", "valkey-9.1"):
        with pytest.raises(kvd.ResponseError, match="unknown command"):
            kvd.Store(emulate=server).execute("HOTKEYS", "GET")
    assert kvd.Store(emulate="redis-8.6").execute("HOTKEYS", "GET") is None
