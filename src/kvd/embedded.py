"""`Store`: the compiled store with a method for every command."""

from __future__ import annotations

from kvd import db
from kvd.methods import (
    BitMethods,
    GeoMethods,
    HashMethods,
    HyperLogLogMethods,
    KeyMethods,
    ListMethods,
    ScriptMethods,
    SetMethods,
    StreamMethods,
    ZsetMethods,
)


class Store(
    db.Store, ListMethods, HashMethods, SetMethods, ZsetMethods, StreamMethods, BitMethods, HyperLogLogMethods, GeoMethods, KeyMethods,
    ScriptMethods,
):  # fmt: skip
    __doc__ = db.Store.__doc__
    __slots__ = ()
