"""COMMAND, CONFIG, INFO, MEMORY and DEBUG as tools read them."""

import re


def test_command_list_and_filters(run):
    names = run("COMMAND", "LIST")
    assert {b"get", b"config|get"} <= set(names) and len(names) > run("COMMAND", "COUNT")
    assert b"config|get" in run("COMMAND", "LIST", "FILTERBY", "PATTERN", "config|*")
    assert b"mset" in run("COMMAND", "LIST", "FILTERBY", "ACLCAT", "string")
    assert b"ping" not in run("COMMAND", "LIST", "FILTERBY", "ACLCAT", "string")
    assert not run("COMMAND", "LIST", "FILTERBY", "MODULE", "none")
    assert run("COMMAND", "LIST", "FILTERBY", "X", "y") == "ERR syntax error"


def test_getkeys(run):
    assert run("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2") == [b"a", b"b"]
    assert run("COMMAND", "GETKEYS", "MSETEX", "2", "a", "1", "b", "2", "EX", "10") == [b"a", b"b"]
    assert run("COMMAND", "GETKEYS", "OBJECT", "FREQ", "k") == [b"k"]
    assert run("COMMAND", "GETKEYS", "MGET", *range(5000)) == [b"%d" % i for i in range(5000)]
    assert run("COMMAND", "GETKEYS", "ZUNIONSTORE", "out", "3", "a", "b") == "ERR Invalid arguments specified for command"
    assert run("COMMAND", "GETKEYS", "EVAL", "x", "0") == [] and run("COMMAND", "GETKEYS", "SORT", "a", "STORE", "b") == [b"a", b"b"]
    assert run("COMMAND", "GETKEYS", "PING") == "ERR The command has no key arguments"
    assert run("COMMAND", "GETKEYS", "NOPE", "x") == "ERR Invalid command specified"
    assert run("COMMAND", "GETKEYS", "GET", "a", "b") == "ERR Invalid number of arguments specified for command"
    flags = run("COMMAND", "GETKEYSANDFLAGS", "RENAME", "a", "b")
    assert [f[0] for f in flags] == [b"a", b"b"] and {b"RW", b"access", b"delete"} == set(flags[0][1]) and {b"OW", b"update"} == set(flags[1][1])


def test_help_everywhere(run):
    for container in ("CLIENT", "CONFIG", "COMMAND", "OBJECT", "MEMORY", "SLOWLOG", "LATENCY", "DEBUG"):
        lines = run(container, "HELP")
        assert lines[0].startswith(container.encode() + b" <subcommand>") and len(lines) > 4
    assert run("CONFIG", "NOPE") == "ERR unknown subcommand 'NOPE'. Try CONFIG HELP."
    assert run("CONFIG") == "ERR wrong number of arguments for 'config' command"


def test_info_sections(run):
    text = run("INFO").decode()
    titles = re.findall(r"^# (\w+)", text, re.M)
    assert titles == ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats", "Cluster", "Keyspace"]
    assert re.findall(r"^# (\w+)", run("INFO", "commandstats", "cpu").decode(), re.M) == ["CPU", "Commandstats"]
    assert "Latencystats" in run("INFO", "all").decode()
    assert run("INFO", "nosuch") == b""
    assert all(":" in line for line in text.replace("\r", "").split("\n") if line and line[0] != "#")


def test_memory(run):
    run("SET", "small", "x")
    run("SET", "large", "x" * 100_000)
    assert 20 < run("MEMORY", "USAGE", "small") < 100 < 100_000 < run("MEMORY", "USAGE", "large", "SAMPLES", "0") < 110_000
    assert run("MEMORY", "USAGE", "none") is None
    stats = run("MEMORY", "STATS")
    stats = stats if isinstance(stats, dict) else dict(zip(stats[::2], stats[1::2], strict=True))
    assert stats[b"keys.count"] == 2 and stats[b"total.allocated"] > 100_000
    assert run("MEMORY", "PURGE") == b"OK" and run("MEMORY", "DOCTOR") and run("MEMORY", "MALLOC-STATS")


def test_debug(run):
    run("SET", "a", 1)
    one = run("DEBUG", "DIGEST")
    run("SET", "b", 2)
    two = run("DEBUG", "DIGEST")
    run("DEL", "b")
    assert run("DEBUG", "DIGEST") == one != two and len(one) == 40
    run("SET", "c", "1")
    assert len(set(run("DEBUG", "DIGEST-VALUE", "a", "c", "none"))) == 2
    assert b"encoding:int" in run("DEBUG", "OBJECT", "a")
    assert run("DEBUG", "OBJECT", "none") == "ERR no such key"
    assert run("DEBUG", "POPULATE", 100, "p", 50) == b"OK" and run("STRLEN", "p:7") == 50


def test_debug_is_gated():
    import kvd
    from tests.compat.wire import Wire

    with kvd.Store().serve() as server:
        assert str(Wire(("127.0.0.1", server.port))("DEBUG", "SLEEP", "0")).startswith("ERR DEBUG command not allowed")
    with kvd.Store(enable_debug_command="local").serve() as server:
        assert Wire(("127.0.0.1", server.port))("DEBUG", "SLEEP", "0") == b"OK"


def test_errors_inside_exec_are_typed(store):
    import kvd

    with store.session() as s:
        s.execute("MULTI")
        s.execute("SET", "k", "v")
        s.execute("INCR", "k")
        replies = s.execute("EXEC")
    assert replies[0] == b"OK" and isinstance(replies[1], kvd.ResponseError)
