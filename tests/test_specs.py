"""What follows from the declarations, for every command: arity, types, memory, reading only."""

import pytest

import kvd
import kvd.doors.store
from kvd.run import registry
from kvd.run.spec import parse

SPECS = registry.specs()
NAMES = sorted(n for n in SPECS if n not in ("shutdown", "monitor", "quit"))


def words(spec, count):
    """The command with `count` words in all, filled up with something."""
    return [*spec.name.split("|"), *["1"] * count][:count]


@pytest.fixture
def errors_of(store):
    def text(*line):
        try:
            store.execute(*line)
        except kvd.KvdError as error:
            return str(error)
        return ""

    return text


@pytest.mark.parametrize("name", NAMES)
def test_too_few_and_too_many_arguments(errors_of, name):
    spec = SPECS[name]
    least = abs(spec.arity)
    short = words(spec, least - 1)
    if len(short) >= len(name.split("|")) and short:
        assert errors_of(*short) == f"wrong number of arguments for '{name}' command"
    if spec.arity > 0:
        assert errors_of(*words(spec, least), "extra").endswith(f"wrong number of arguments for '{name}' command")


@pytest.mark.parametrize("name", sorted(n for n, s in SPECS.items() if "denyoom" in s.flags))
def test_commands_that_need_memory_are_refused_at_the_limit(store, name):
    store.set("k", "x" * 1000)
    store.config_set("maxmemory", "1")
    with pytest.raises(kvd.OutOfMemoryError, match="command not allowed when used memory"):
        store.execute(*words(SPECS[name], max(abs(SPECS[name].arity), 2)))
    assert store.get("k") == b"x" * 1000


@pytest.mark.parametrize("name", sorted(n for n, s in SPECS.items() if "readonly" in s.flags))
def test_commands_that_read_change_nothing(store, name):
    store.mset({"1": "abc", "k": "v"})
    before = store.info("persistence")["rdb_changes_since_last_save"], store.execute("DEBUG", "DIGEST")
    try:
        store.execute(*words(SPECS[name], abs(SPECS[name].arity)))
    except kvd.ResponseError:
        pass
    assert (store.info("persistence")["rdb_changes_since_last_save"], store.execute("DEBUG", "DIGEST")) == before


@pytest.mark.parametrize("name", sorted(n for n, s in SPECS.items() if "|" not in n and s.first and (s.last > 0 or s.arity < -1) and "not_key" not in s.key_flags[0]))
def test_getkeys_follows_from_the_syntax(store, name):
    spec = SPECS[name]
    line = words(spec, max(abs(spec.arity), spec.first + 1))
    found = store.execute("COMMAND", "GETKEYS", *line)
    assert found and set(found) == {b"1"}


def test_every_command_has_documentation(store):
    docs = store.execute("COMMAND", "DOCS")
    assert len(docs) == store.execute("COMMAND", "COUNT")
    for name, entry in docs.items():
        assert entry[b"summary"] and entry[b"since"] and entry[b"complexity"], name


@pytest.mark.parametrize(
    ("syntax", "arity", "keys"),
    [("GET key", 2, (1, 1, 1)), ("DEL key [key ...]", -2, (1, -1, 1)), ("MSET key value [key value ...]", -3, (1, -1, 2)),
     ("RENAME key newkey", 3, (1, 2, 1)), ("X <A | B n> key", -3, (2, 2, 1)), ("SCAN cursor [MATCH pattern]", -2, (0, 0, 0)),
     ("CONFIG|SET p v [p v ...]", -4, (0, 0, 0)), ("ZADD key [NX | XX] score member [score member ...]", -4, (1, 1, 1)),
     ('MIGRATE host port <key | ""> db', 5, (3, 3, 1))],
)  # fmt: skip
def test_syntax_lines(syntax, arity, keys):
    spec = parse(f"{syntax}\n | generic | 1.0.0 | O(1)\nSentence.")
    assert (spec.arity, (spec.first, spec.last, spec.step)) == (arity, keys)


def test_unknown_flags_are_refused():
    with pytest.raises(ValueError, match="unknown flags"):
        parse("X key\nwriet | generic | 1 | O(1)\nSentence.")
