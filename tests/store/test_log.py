"""Lines of the log: their form, their levels, and where they go."""

import os
import re
import subprocess
import sys

import pytest

import kvd
from kvd.doors import server

LINE = re.compile(r"\d+:M \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} ([.*#-]) (.*)")


@pytest.fixture
def logged(tmp_path):
    store = kvd.Store()
    store.configure("logfile", str(tmp_path / "log"))
    server.log_on(store)
    return store, lambda: [LINE.fullmatch(line).groups() for line in (tmp_path / "log").read_text().splitlines()] if (tmp_path / "log").exists() else []


def test_lines_have_redis_form(logged):
    store, lines = logged
    server.log(store, "Ready to accept connections", server.NOTICE)
    server.log(store, "careful", server.WARNING)
    assert lines() == [("*", "Ready to accept connections"), ("#", "careful")]


@pytest.mark.parametrize(("format", "when"), [
    ("legacy", r"\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}"), ("iso8601", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"), ("milliseconds", r"\d{13}"),
])  # fmt: skip
def test_formats_of_valkey(tmp_path, format, when):
    store = kvd.Store(logfile=str(tmp_path / "log"), log_timestamp_format=format)
    server.log_on(store)
    server.log(store, "plain", server.NOTICE)
    store.config_set("log-format", "logfmt")
    server.log(store, 'a "quoted" word\nand a line', server.WARNING)
    plain, structured = (tmp_path / "log").read_text().splitlines()
    assert re.fullmatch(rf"\d+:M {when} \* plain", plain)
    assert re.fullmatch(rf"""pid=\d+ role=primary timestamp="{when}" level=warning message="a 'quoted' word and a line\"""", structured)


def test_times_have_the_offset_of_their_zone(tmp_path):
    code = "import kvd, sys; from kvd.doors import server; s = kvd.Store(logfile=sys.argv[1], log_timestamp_format='iso8601'); server.log_on(s); server.log(s, 'x', server.NOTICE)"
    for zone, offset in (("UTC", "+00:00"), ("Asia/Kathmandu", "+05:45"), ("America/St_Johns", "-0")):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "log")], check=True, env=os.environ | {"TZ": zone})
        assert offset in (tmp_path / "log").read_text().splitlines()[-1]


@pytest.mark.parametrize(("level", "marks"), [("debug", ".-*#"), ("verbose", "-*#"), ("notice", "*#"), ("warning", "#")])
def test_levels(logged, level, marks):
    store, lines = logged
    store.configure("loglevel", level)
    for number in (server.DEBUG, server.VERBOSE, server.NOTICE, server.WARNING):
        server.log(store, "x", number)
    assert "".join(mark for mark, _ in lines()) == marks


def test_scripts_write_at_their_level(logged):
    store, lines = logged
    store.eval("redis.log(redis.LOG_WARNING, 'from a', 'script') redis.log(redis.LOG_DEBUG, 'unseen')", 0)
    assert lines() == [("#", "from a script")]


def test_a_library_logs_nowhere_by_itself(capfd):
    store = kvd.Store()
    with store.serve():
        store.execute("CONFIG", "SET", "loglevel", "debug")
        server.log(store, "hello", server.WARNING)
        store.eval("redis.log(redis.LOG_WARNING, 'x')", 0)
    assert capfd.readouterr() == ("", "")
