"""The reader of declarations: what a text says of a command, and which texts are wrong."""

import pytest

from kvd.run import registry, spec

SET = """
    SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]
    write denyoom | string | 1.0.0 | O(1)
    Set the string value of a key.
    keys: RW access update variable_flags
"""


def test_a_declaration():
    found = spec.parse(SET)
    assert (found.name, found.arity, found.flags, found.group, found.since, found.complexity) == ("set", -3, ["write", "denyoom"], "string", "1.0.0", "O(1)")
    assert (found.first, found.last, found.step) == (1, 1, 1) and [one.name for one in found.arguments[:2]] == ["key", "value"]
    assert found.key_flags == [["RW", "access", "update", "variable_flags"]]


@pytest.mark.parametrize(
    ("syntax", "arity", "keys"),
    [
        ("GET key", 2, (1, 1, 1)), ("MSET key value [key value ...]", -3, (1, -1, 2)), ("DEL key [key ...]", -2, (1, -1, 1)), ("PING [message]", -1, (0, 0, 0)), ("BITOP <AND | OR> destination key [key ...]", -4, (2, -1, 1)),
        ("X key <A b | C>", -3, (1, 1, 1)), ("X <A | B>", 2, (0, 0, 0)),
    ],
)  # fmt: skip
def test_arity_and_keys_follow_from_the_syntax(syntax, arity, keys):
    found = spec.parse(f"\n    {syntax}\n    readonly | string | 1.0.0 | O(1)\n    Do it.\n" + ("    keys: RO access\n" if keys[0] else ""))
    assert (found.arity, (found.first, found.last, found.step)) == (arity, keys)


@pytest.mark.parametrize("text", ["", "GET key", "\n    GET [key\n    readonly | string | 1.0.0 | O(1)\n    x\n", "\n    GET key\n    nosuchflag | string | 1.0.0 | O(1)\n    x\n", "\n    GET key\n    readonly | string\n    x\n"])
def test_wrong_declarations(text):
    with pytest.raises(Exception):  # noqa: B017  (at import time of a developer: any error will do)
        spec.parse(text)


def test_every_command_is_documented():
    for name, one in registry.specs().items():
        assert one.summary.endswith(".") and one.complexity and one.since and one.group, name
        assert all(name.lower() == name for name in (one.name,)), name
