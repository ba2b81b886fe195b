"""INFO and MEMORY: sections as asked for, and figures that follow from what has happened."""

import re

import pytest


def figures(peer, *sections):
    return dict(line.split(":", 1) for line in peer("INFO", *sections).decode().splitlines() if ":" in line)


def test_info_sections(run):
    text = run("INFO").decode()
    titles = re.findall(r"^# (\w+)", text, re.M)
    assert titles == ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats", "Cluster", "Keyspace"]
    assert re.findall(r"^# (\w+)", run("INFO", "commandstats", "cpu").decode(), re.M) == ["CPU", "Commandstats"]
    assert "Latencystats" in run("INFO", "all").decode()
    assert run("INFO", "nosuch") == b""
    assert all(":" in line for line in text.replace("\r", "").split("\n") if line and line[0] != "#")


def test_several_sections_and_each_once(peer):
    assert re.findall(r"^# (\w+)", peer("INFO", "keyspace", "cpu", "CPU", "nosuch").decode(), re.M) == ["CPU", "Keyspace"]
    everything, default = figures(peer, "everything"), figures(peer, "default")
    assert set(default) < set(everything) and "cmdstat_info" in everything and "cmdstat_info" not in default


def test_keys_by_database(peer):
    peer("MSET", "a", 1, "b", 2)
    peer("EXPIRE", "a", 100)
    peer("COPY", "a", "a", "DB", 3)
    found = figures(peer, "keyspace")
    assert found["db0"].startswith("keys=2,expires=1,avg_ttl=") and found["db3"].startswith("keys=1,expires=1,avg_ttl=") and len(found) == 2


def test_clients_that_are_connected_and_wait(peer):
    before = int(figures(peer, "clients")["connected_clients"])
    wire = peer.open()
    wire("PING")
    found = figures(peer, "clients")
    assert (int(found["connected_clients"]), found["blocked_clients"]) == (before + 1, "0")


def test_resetting_the_figures(peer):
    peer("GET", "none")
    peer("NOSUCH")
    found = figures(peer, "stats", "errorstats")
    assert int(found["keyspace_misses"]) > 0 and found["errorstat_ERR"] == "count=1" and int(found["total_error_replies"]) >= 1
    peer("CONFIG", "RESETSTAT")
    found = figures(peer, "stats", "errorstats", "commandstats")
    assert (found["keyspace_misses"], found["total_error_replies"], "errorstat_ERR" in found, "cmdstat_get" in found) == ("0", "0", False, False)


@pytest.mark.parametrize(("name", "form"), [("redis_version", r"\d+\.\d+\.\d+"), ("run_id", r"[0-9a-f]{40}"), ("tcp_port", r"\d+"), ("uptime_in_seconds", r"\d+"), ("used_memory", r"\d+"), ("used_memory_human", r"[\d.]+[BKMG]"), ("role", "master"), ("connected_slaves", "0"), ("loading", "0"), ("maxmemory_policy", "noeviction"), ("instantaneous_ops_per_sec", r"\d+"), ("mem_fragmentation_ratio", r"-?[\d.]+"), ("cluster_enabled", "0")])
def test_what_monitoring_programs_read(peer, name, form):
    assert re.fullmatch(form, figures(peer)[name])


def test_memory(run):
    run("SET", "small", "x")
    run("SET", "large", "x" * 100_000)
    assert 20 < run("MEMORY", "USAGE", "small") < 100 < 100_000 < run("MEMORY", "USAGE", "large", "SAMPLES", "0") < 110_000
    assert run("MEMORY", "USAGE", "none") is None
    stats = run("MEMORY", "STATS")
    stats = stats if isinstance(stats, dict) else dict(zip(stats[::2], stats[1::2], strict=True))
    assert stats[b"keys.count"] == 2 and stats[b"total.allocated"] > 100_000
    assert run("MEMORY", "PURGE") == b"OK" and run("MEMORY", "DOCTOR") and run("MEMORY", "MALLOC-STATS")


def test_memory_of_a_key_follows_its_size(peer):
    peer("SET", "small", "x" * 100)
    peer("SET", "large", "x" * 100_000)
    peer("RPUSH", "l", *["x" * 1000] * 100)
    assert peer("MEMORY", "USAGE", "small") < 1000 < 100_000 < peer("MEMORY", "USAGE", "large") < 150_000 and 100_000 < peer("MEMORY", "USAGE", "l", "SAMPLES", 0) < 150_000
    for wrong in (("large", "SAMPLES", -1), ("large", "SAMPLES"), ("large", "SAMPLES", "x"), ("large", "HOW", 1)):
        assert isinstance(peer("MEMORY", "USAGE", *wrong), Exception)
