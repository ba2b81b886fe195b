"""The option table: defaults as a real server has them, values checked, files and flags merged."""

import shutil

import pytest

import kvd
from kvd.config import OPTIONS, from_lines, merge
from tests.compat.wire import RealServer, Wire


@pytest.mark.compat
@pytest.mark.real_server
@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
def test_every_directive_of_redis_is_known_with_its_default(store):
    real = RealServer("redis-server")
    try:
        reply = Wire(real.address)("CONFIG", "GET", "*")
    finally:
        real.stop()
    theirs = {k.decode(): v.decode() for k, v in zip(reply[::2], reply[1::2], strict=True)}
    ours = {k.decode(): v.decode() for k, v in store.config_get("*").items()}
    missing = {n for n in theirs if n not in ours and not n.startswith("tls-")}
    assert not missing
    set_by_the_test = {"port", "unixsocket", "dir", "save", "enable-debug-command", "pidfile", "io-threads"}
    different = {n: (ours[n], v) for n, v in theirs.items() if n in ours and ours[n] != v}
    assert {n for n in different if n not in set_by_the_test} <= {"syslog-ident"}, different


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("maxmemory", "abc", "argument must be a memory value"), ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
     ("hz", "-1", "argument must be between 1 and 500 inclusive"), ("maxmemory-policy", "lru", "argument(s) must be one of the following"),
     ("maxclients", "1.5", "argument couldn't be parsed into an integer"), ("save", "1", "Invalid save parameters"),
     ("notify-keyspace-events", "Q", "Invalid event class character"), ("databases", "1", "can't set immutable config"),
     ("client-output-buffer-limit", "normal 1", "Wrong number of arguments")],
)  # fmt: skip
def test_config_set_checks(store, name, value, why):
    with pytest.raises(kvd.ResponseError) as raised:
        store.config_set(name, value)
    assert f"CONFIG SET failed (possibly related to argument '{name}') - {why}" in str(raised.value)


def test_config_set_is_all_or_nothing(store):
    with pytest.raises(kvd.ResponseError):
        store.config_set("hz", "50", "maxmemory", "nonsense")
    assert store.option("hz") == "10"
    with pytest.raises(kvd.ResponseError, match="duplicate parameter"):
        store.config_set("hz", "50", "hz", "60")
    store.config_set("hz", "50", "maxmemory", "1mb")
    assert store.config_get("hz", "maxmemory") == {b"hz": b"50", b"maxmemory": b"1048576"}


def test_aliases_are_one_option(store):
    store.config_set("hash-max-ziplist-entries", "7")
    assert store.option("hash-max-listpack-entries") == "7"
    assert set(store.config_get("hash-max-*-entries")) == {b"hash-max-listpack-entries", b"hash-max-ziplist-entries"}


def test_notify_letters_are_normalised(store):
    for given, shown in (("KEA", b"AKE"), ("Kg$", b"g$K"), ("", b""), ("Elx", b"lxE"), ("nKgm", b"gnKm"), ("VITSco", b"ocSTIV"), ("AnE", b"AnE"), ("g$lshzxetda", b"A")):
        store.config_set("notify-keyspace-events", given)
        assert store.config_get("notify-keyspace-events") == {b"notify-keyspace-events": shown}


def test_store_arguments(store):
    with pytest.raises(kvd.ConfigError, match="did you mean 'maxmemory'"):
        kvd.Store(maxmemoy="1mb")
    with pytest.raises(kvd.ConfigError, match="memory value"):
        kvd.Store(maxmemory="lots")
    with pytest.raises(kvd.ConfigError):
        kvd.Store(databases=0)
    assert kvd.Store(databases=3).option("databases") == "3"
    assert kvd.Store(latency_tracking=False).option("latency-tracking") == "no"


UNMADE = [o for o in OPTIONS.values() if "unmade" in o.marks]


@pytest.mark.parametrize("option", UNMADE, ids=lambda o: o.name)
def test_what_is_not_implemented_is_refused_at_run_time_and_by_a_store(store, option):
    active = {"bool": "yes", "int": "1", "percent": "5%", "save": "60 1", "enum": (option.values or [""])[0]}.get(option.kind, "something")
    with pytest.raises(kvd.ConfigError, match=f"'{option.name}' is not implemented: kvd accepts no value but its default, '{option.default}'"):
        kvd.Store().configure(option.name, active)
    with pytest.raises(kvd.ResponseError) as raised:
        store.config_set(option.name, active)
    assert "is not implemented" in str(raised.value) or "immutable" in str(raised.value)
    assert store.option(option.name) == option.default
    store.configure(option.name, option.default)


def test_nothing_is_claimed_that_does_not_hold(store):
    assert store.config_get("save", "appendonly") == {b"save": b"", b"appendonly": b"no"}
    found = store.info("persistence")
    assert (found["aof_enabled"], found["rdb_saves"], found["rdb_last_bgsave_time_sec"]) == (0, 0, -1)


@pytest.mark.compat
@pytest.mark.real_server
@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
def test_persistence_is_shown_as_by_a_server_without_it(store):
    real = RealServer("redis-server")
    try:
        text = Wire(real.address)("INFO", "persistence").decode()
    finally:
        real.stop()
    theirs = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    ours = dict(line.split(":", 1) for line in store.execute("INFO", "persistence").decode().splitlines() if ":" in line)
    moving = {"rdb_last_save_time", "rdb_changes_since_last_save"}
    assert {k: v for k, v in ours.items() if k in theirs and k not in moving} == {
        k: v for k, v in theirs.items() if k in ours and k not in moving
    }


def test_hidden_options_are_shown_by_their_names_only(store):
    assert store.config_get("key-load-delay") == {b"key-load-delay": b"0"}
    assert b"key-load-delay" not in store.config_get("*") and store.config_get("key-load-dela?") == {}
    store.config_set("key-load-delay", "5")


def test_rewrite(tmp_path):
    path = tmp_path / "kvd.conf"
    path.write_text("# mine\nhz 10\nport 7000\nhz 20\n")
    store = kvd.Store()
    for setting in merge(from_lines(path.read_text().splitlines(), "file")).values():
        store.configure(setting.name, setting.value)
    store.set_config_path(str(path))
    store.config_set("hz", "33", "maxmemory", "5mb", "requirepass", 'with "quotes" and space')
    assert store.execute("CONFIG", "REWRITE") == b"OK"
    text = path.read_text()
    assert text.splitlines()[:3] == ["# mine", "hz 33", "port 7000"]
    again = merge(from_lines(text.splitlines(), "file"))
    assert again["maxmemory"].value == "5242880"
    assert again["requirepass"].value == 'with "quotes" and space'
    assert set(again) == {"hz", "port", "maxmemory", "requirepass", "user default"}


def test_rewrite_without_a_file(store):
    with pytest.raises(kvd.ResponseError, match="without a config file"):
        store.execute("CONFIG", "REWRITE")


def test_every_option_can_be_set_to_its_default():
    for option in OPTIONS.values():
        kvd.Store().configure(option.name, option.default)


def test_a_configuration_that_cannot_be_read_is_not_written_over(tmp_path):
    path = tmp_path / "kvd.conf"
    path.write_bytes(b"#" * (65 << 20))
    store = kvd.Store()
    store.set_config_path(str(path))
    with pytest.raises(kvd.ResponseError, match="cannot be written"):
        store.execute("CONFIG", "REWRITE")
    assert path.stat().st_size == 65 << 20
    path.unlink()
    assert store.execute("CONFIG", "REWRITE") == b"OK" and path.exists()
