"""Redis's commands as methods, with redis-py's names and arguments; one file per family.

Each class only converts arguments to words and replies to Python values; `execute` is a method of `Store`. Strings are returned
as bytes, or as str with decode_responses. All methods raise kvd.WrongTypeError for a key of another type, and kvd.ResponseError
for errors that a server would reply.
"""

from kvd.methods.administration import AdministrationMethods
from kvd.methods.arrays import ArrayMethods
from kvd.methods.bits import BitMethods
from kvd.methods.clients import ClientMethods
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
    StringMethods, KeyMethods, ExpiryMethods, ListMethods, HashMethods, SetMethods, ZsetMethods, StreamMethods, ArrayMethods,
    BitMethods, HyperLogLogMethods, GeoMethods, ScriptMethods, AdministrationMethods, ClientMethods,
):  # fmt: skip
    """All families of methods."""


__all__ = ["AllMethods"]
