"""COMMAND, CONFIG, INFO, MEMORY and DEBUG as tools read them."""



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
