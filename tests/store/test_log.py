"""Lines of the log: their form, their levels, and where they go."""

import re

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
