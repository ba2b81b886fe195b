"""The option table: defaults as a real server has them, values checked, files and flags merged."""

import shutil

import pytest

import kvd
from kvd.config import OPTIONS, ConfigFileError, from_environment, from_file, from_flags, from_lines, merge, split_words
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
    for given, shown in (("KEA", b"AKE"), ("Kg$", b"g$K"), ("", b""), ("Elx", b"lxE")):
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


def test_precedence():
    merged = merge(from_lines(["port 1", "hz 20", "maxmemory 1mb"], "file"), from_environment({"KVD_PORT": "2", "KVD_HZ": "30"}),
                   from_flags(["--port", "3"]))
    assert {n: s.value for n, s in merged.items()} == {"port": "3", "hz": "30", "maxmemory": "1mb"}


def test_files():
    lines = ["# comment", "", 'requirepass "a b\\x41"', "save", "save 900 1", "save 300 10", "bind 127.0.0.1 ::1", "slave-read-only yes"]
    merged = merge(from_lines(lines, "file"))
    assert merged["requirepass"].value == "a bA"
    assert merged["save"].value == "900 1 300 10"
    assert merged["bind"].value == "127.0.0.1 ::1"
    assert merged["replica-read-only"].line == 8


def test_included_files(tmp_path):
    (tmp_path / "more.conf").write_text("hz 42\n")
    merged = merge(from_lines(["include more.conf"], "file", str(tmp_path)))
    assert merged["hz"].value == "42"


@pytest.mark.parametrize("line", ["nonsense 1", "port", "port 1 2", 'requirepass "open'])
def test_bad_lines_say_where(line):
    with pytest.raises(ConfigFileError) as raised:
        merge(from_lines(["hz 10", line], "file"))
    assert "at line 2" in raised.value.report
    assert line in raised.value.report


def test_words():
    assert split_words("a \"b c\" 'd\\'e' \"\\n\\x00\"") == ["a", "b c", "d'e", "\n\x00"]


def test_patterns_of_included_files(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "20.conf").write_text("hz 20\nmaxclients 20\n")
    (tmp_path / "conf.d" / "10.conf").write_text("hz 10\nmaxmemory 10\n")
    (tmp_path / "main.conf").write_text(f"include {tmp_path}/conf.d/*.conf\ninclude none/*.conf\n")
    assert {n: s.value for n, s in merge(from_file(str(tmp_path / "main.conf"))).items()} == {"hz": "20", "maxclients": "20", "maxmemory": "10"}
    with pytest.raises(ConfigFileError, match="can't open config file"):
        list(from_lines(["include none.conf"], "file", str(tmp_path)))


def test_files_that_include_each_other_are_an_error(tmp_path):
    for name, text in (("a.conf", "include b.conf\n"), ("b.conf", "hz 10\ninclude c.conf\n"), ("c.conf", "include *.conf\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigFileError, match="includes itself: .*a.conf -> .*b.conf -> .*c.conf -> .*a.conf") as raised:
        list(from_file(str(tmp_path / "a.conf")))
    assert f"{tmp_path}/c.conf, at line 1" in raised.value.report
    (tmp_path / "own.conf").write_text("include own.conf\n")
    with pytest.raises(ConfigFileError, match="own.conf -> .*own.conf"):
        list(from_file(str(tmp_path / "own.conf")))
    (tmp_path / "twice.conf").write_text("include more.conf\ninclude more.conf\n")
    (tmp_path / "more.conf").write_text("hz 11\n")
    assert merge(from_file(str(tmp_path / "twice.conf")))["hz"].value == "11"


def test_an_escape_is_a_byte_and_a_file_need_not_be_text(tmp_path):
    path = tmp_path / "bytes.conf"
    path.write_bytes(b'requirepass "\\xff\\xc3\\xa4"\nproc-title-template caf\xe9\x85\n')
    store = kvd.Store()
    for setting in merge(from_file(str(path))).values():
        store.configure(setting.name, setting.value)
    assert store.config_get("requirepass", "proc-title-template") == {
        b"requirepass": b"\xff\xc3\xa4", b"proc-title-template": b"caf\xe9\x85"
    }  # fmt: skip


def test_errors_do_not_show_secrets():
    with pytest.raises(ConfigFileError) as raised:
        list(from_lines(["requirepass hunter2 hunter2"], "file"))
    assert "hunter2" not in raised.value.report and "requirepass (redacted)" in raised.value.report


UNMADE = [o for o in OPTIONS.values() if "unmade" in o.marks]


@pytest.mark.parametrize("option", UNMADE, ids=lambda o: o.name)
def test_what_is_not_implemented_is_refused_at_run_time_and_by_a_store(store, option):
    active = {"bool": "yes", "int": "1", "percent": "5%", "save": "60 1"}.get(option.kind, "something")
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
    ours = store.info("persistence")
    moving = {"rdb_last_save_time", "rdb_changes_since_last_save"}
    assert {k: str(v) for k, v in ours.items() if k in theirs and k not in moving} == {
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
    assert set(again) == {"hz", "port", "maxmemory", "requirepass"}


def test_rewrite_without_a_file(store):
    with pytest.raises(kvd.ResponseError, match="without a config file"):
        store.execute("CONFIG", "REWRITE")


def test_every_option_can_be_set_to_its_default():
    for option in OPTIONS.values():
        kvd.Store().configure(option.name, option.default)
