"""Lua's C interface: what is looked up by name is called by position."""

import re
from pathlib import Path

from kvd.script import lua


def test_the_interface_is_looked_up_in_the_order_of_the_header():
    header = (Path(__file__).parents[2] / "ext/kvd/script/lua.pxd").read_text()
    members = re.findall(r"\(\*(\w+)\)\(", header.split("cdef struct lua_api")[1])
    prefixes = ("luaL_", "luaopen_", "lua_")
    assert len(members) == len(lua.names())
    for member, name in zip(members, lua.names(), strict=True):
        bare = next(name.removeprefix(p) for p in prefixes if name.startswith(p))
        assert member.removeprefix("open_") == bare, (member, name)
