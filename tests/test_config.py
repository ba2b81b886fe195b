"""Settings of `kvd serve` from files, flags and the environment: which one counts, and errors that say where."""

import re
from pathlib import Path

import pytest

import kvd
from kvd.config import (
    ALIASES,
    OPTIONS,
    ConfigFileError,
    from_environment,
    from_file,
    from_flags,
    from_lines,
    merge,
    parse_info,
    split_words,
)

from .compat.wire import stock_files


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


@pytest.mark.parametrize(("flags", "found"), [
    (["--port", "1"], {"port": "1"}), (["--port=1"], {"port": "1"}), (["--port 1"], {"port": "1"}), (["-p", "1"], {"port": "1"}), (["--save", ""], {"save": ""}), (["--bind", "a", "b", "--hz", "5"], {"bind": "a b", "hz": "5"}), (["--hz", "5", "--hz", "6"], {"hz": "6"}),
    (["--slave-read-only", "no"], {"replica-read-only": "no"}),
])  # fmt: skip
def test_flags(flags, found):
    assert {name: setting.value for name, setting in merge(from_flags(flags)).items()} == found


@pytest.mark.parametrize("flags", [["port", "1"], ["--"], ["--port"], ["--port", "1", "2"], ["--nosuch", "1"], ['--requirepass "open'], ["-x", "1"]])
def test_flags_that_are_wrong(flags):
    with pytest.raises(ConfigFileError) as raised:
        list(from_flags(flags))
    assert "the command line" in raised.value.report


def test_variables():
    ignored = []
    found = merge(from_environment({"KVD_MAXMEMORY": "1mb", "KVD_BIND": "a b", "KVD_HZ": "", "KVD_PORT": "tcp://10.0.0.1:6379", "KVD_MAXMEMOY": "1", "HZ": "5", "KVD_SLAVE_READ_ONLY": "no"}, ignored))
    assert {name: setting.value for name, setting in found.items()} == {"maxmemory": "1mb", "bind": "a b", "replica-read-only": "no"} and ignored == ["KVD_MAXMEMOY (did you mean KVD_MAXMEMORY?)"]


@pytest.mark.parametrize(("line", "said"), [("maxmemoy 1", "did you mean 'maxmemory'"), ("loadmodule x.so", "modules are not available"), ("rename-command GET", "Bad directive or wrong number of arguments")])
def test_errors_say_why(line, said):
    with pytest.raises(ConfigFileError, match=said):
        list(from_lines([line], "file"))


def test_renamed_commands_accumulate_and_the_last_of_a_command_counts():
    found = merge(from_lines(["rename-command GET a", 'rename-command SET ""', "rename-command get b"], "file"))
    assert sorted(setting.words for setting in found.values()) == [("SET", ""), ("get", "b")]


def test_info_becomes_numbers_and_dicts():
    text = "# Server\r\nredis_version:7.4.2\r\nuptime:5\r\nratio:1.5\r\ndb0:keys=1,expires=0,avg_ttl=0\r\nrole:master\r\nempty:\r\nexecutable:/a=b/c\r\n"
    assert parse_info(text) == {
        "redis_version": "7.4.2", "uptime": 5, "ratio": 1.5, "db0": {"keys": 1, "expires": 0, "avg_ttl": 0}, "role": "master", "empty": "", "executable": {"/a": "b/c"},
    }  # fmt: skip


PROSE = (" configuration as such:", " is set to 10.", " defaults to 'resetchannels' permission.", " or cluster-announce-client-tls-port.")


@pytest.mark.parametrize("path", stock_files() or [pytest.param("", marks=pytest.mark.skip(reason="no configuration file of a real server here"))])
def test_every_directive_of_stock_files_is_known(path):
    """Also those that are comments there: each is accepted, with the value that the file shows."""
    names = {*OPTIONS, *ALIASES}
    lines = {line.lstrip("# ") for line in Path(path).read_text().splitlines() if re.match(r"#? ?[a-z][a-z0-9-]+ \S", line)}
    shown = [line for line in lines if line.split()[0] in names and len(line.split()) <= 6 and not line.endswith(PROSE)]
    assert len(shown) > 150
    for line in shown:
        assert len(merge(from_lines([line], path))) == 1, line
