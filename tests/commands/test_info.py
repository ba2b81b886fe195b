"""INFO and MEMORY: sections as asked for, and figures that follow from what has happened."""

import re

import pytest

from ..compat.wire import Wire
from ..waiting import eventually


def figures(peer, *sections):
    return dict(line.split(":", 1) for line in peer("INFO", *sections).decode().splitlines() if ":" in line)


def test_info_sections(run):
    text = run("INFO").decode()
    titles = re.findall(r"^# (\w+)", text, re.M)
    assert titles == ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats", "Cluster", "Keyspace", "Keysizes"]
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


def test_a_pause_is_shown(store):
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        assert [figures(store.execute, "clients")[f"paused_{name}"] for name in ("reason", "actions", "timeout_milliseconds")] == ["none", "none", "0"]
        for mode, shown in (("WRITE", "write"), ("ALL", "all")):
            wire("CLIENT", "PAUSE", 100_000, mode)
            found = figures(store.execute, "clients")
            assert (found["paused_reason"], found["paused_actions"]) == ("client_pause", shown) and 0 < int(found["paused_timeout_milliseconds"]) <= 100_000
        store.execute("CLIENT", "UNPAUSE")
        assert figures(store.execute, "clients")["paused_reason"] == "none"


def test_time_of_event_loops(store):
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port))
        for _ in range(50):
            wire("PING")
        found = {name: int(value) for name, value in figures(wire, "stats").items() if "eventloop" in name}
        assert found["eventloop_cycles"] >= 50 and found["eventloop_duration_sum"] >= found["eventloop_duration_cmd_sum"] >= 0
        eventually(lambda: int(figures(wire, "stats")["instantaneous_eventloop_cycles_per_sec"]) > 0)
        assert set(found) == {"eventloop_cycles", "eventloop_duration_sum", "eventloop_duration_cmd_sum", "instantaneous_eventloop_cycles_per_sec", "instantaneous_eventloop_duration_usec"}


def test_expired_fields_are_counted(store):
    store.clock.freeze()
    store.execute("HSET", "h", "f", 1, "g", 2, "k", 3)
    store.execute("HPEXPIRE", "h", 10, "FIELDS", 2, "f", "g")
    store.clock.advance(1)
    assert store.execute("HGETALL", "h") == {b"k": b"3"}
    found = figures(store.execute, "stats")
    assert found["expired_subkeys"] == found["expired_fields"] == "2"


def test_the_availability_zone(peer):
    if isinstance(peer("CONFIG", "SET", "availability-zone", "z1"), Exception):
        pytest.skip("Redis has none")
    hello = dict(zip(*[iter(peer("HELLO", 2))] * 2, strict=True))
    assert figures(peer, "server")["availability_zone"] == "z1" and hello.get(b"availability_zone", b"z1") == b"z1"      # Valkey 8 does not say
    peer("CONFIG", "SET", "availability-zone", "")
    assert figures(peer, "server")["availability_zone"] == "" and b"availability_zone" not in peer("HELLO", 2)


MISSING = {  # what is not shown, because kvd has nothing that it would be true of
    "module", "engines_count", "engines_total_used_memory", "engines_total_memory_overhead", "engine_0", "valkey_version", "valkey_release_stage", "listener0", "listener1",
    "used_active_time_main_thread", "io_thread_0", "clients_hz", "io_threaded_accept_processed", "io_threaded_poll_processed",
    "io_threaded_freed_objects", "io_threaded_total_prefetch_batches", "io_threaded_total_prefetch_entries", "mem_cluster_slot_import", "mem_cluster_slot_export", "mem_replicas_repl_buffer",
    "replicas_waiting_psync", "slot_migration_fork_in_progress", "total_net_cluster_slot_import_bytes", "total_net_cluster_slot_export_bytes", "expired_keys_with_volatile_items_stale_perc",
    "acl_access_denied_tls_cert", "tls_server_cert_serial", "tls_server_cert_expires_in_seconds", "tls_client_cert_serial", "tls_client_cert_expires_in_seconds", "tls_ca_cert_serial",
    "tls_ca_cert_expires_in_seconds",
}  # fmt: skip


@pytest.mark.real_server
def test_fields_of_real_servers_are_shown(peer, store):
    mine = figures(store.execute, "everything")
    theirs = {name for name in figures(peer, "everything") if not name.startswith(("cmdstat_", "latency_percentiles", "errorstat_", "db"))}
    assert theirs - set(mine) - MISSING == set()


@pytest.mark.real_server
def test_figures_of_memory_stats_are_those_of_real_servers(peer, store):
    def names(run):
        found = run("MEMORY", "STATS")
        return {name.decode() for name in (found if isinstance(found, dict) else found[::2]) if not name.startswith(b"db.") or b"." in name[3:]}

    assert names(peer) - names(store.execute) - {"replicas.repl.buffer", "cluster.slot_import", "cluster.slot_export"} == set()


def test_the_main_thread_is_part_of_the_process(store):
    found = store.info("cpu")
    assert 0 <= float(found["used_cpu_user_main_thread"]) <= float(found["used_cpu_user"])
