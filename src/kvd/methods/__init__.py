"""Redis's commands as methods, by the names and argument forms of redis-py; one file a family.

Each class only turns arguments into words and replies into natural Python values; `Store` brings
`execute`. Bytes come back as bytes, or as str with decode_responses. All raise kvd.WrongTypeError for a
key of another type and kvd.ResponseError for what a server would refuse.
"""

from kvd.methods.administration import AdministrationMethods
from kvd.methods.bits import BitMethods
from kvd.methods.expiry import ExpiryMethods
from kvd.methods.geo import GeoMethods
from kvd.methods.hashes import HashMethods
from kvd.methods.hyperloglog import HyperLogLogMethods
from kvd.methods.keys import KeyMethods
from kvd.methods.lists import ListMethods
from kvd.methods.scripting import ScriptMethods
from kvd.methods.sets import SetMethods
from kvd.methods.streams import StreamMethods
from kvd.methods.strings import StringMethods
from kvd.methods.zsets import ZsetMethods


class AllMethods(
    StringMethods, KeyMethods, ExpiryMethods, ListMethods, HashMethods, SetMethods, ZsetMethods, StreamMethods, BitMethods,
    HyperLogLogMethods, GeoMethods, ScriptMethods, AdministrationMethods,
):  # fmt: skip
    """All families."""


__all__ = ["AllMethods"]
