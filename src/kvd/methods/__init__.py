"""Redis's commands as methods, by the names and argument forms of redis-py; one file a family.

Each class only turns arguments into words and replies into natural Python values; `Store` brings
`execute`. Bytes come back as bytes, or as str with decode_responses. All raise kvd.WrongTypeError for a
key of another type and kvd.ResponseError for what a server would refuse.
"""

from kvd.methods.bits import BitMethods
from kvd.methods.geo import GeoMethods
from kvd.methods.hashes import HashMethods
from kvd.methods.hyperloglog import HyperLogLogMethods
from kvd.methods.keys import KeyMethods
from kvd.methods.lists import ListMethods
from kvd.methods.scripting import ScriptMethods
from kvd.methods.sets import SetMethods
from kvd.methods.streams import StreamMethods
from kvd.methods.zsets import ZsetMethods

__all__ = [
    "BitMethods", "GeoMethods", "HashMethods", "HyperLogLogMethods", "KeyMethods", "ListMethods", "ScriptMethods", "SetMethods",
    "StreamMethods", "ZsetMethods",
]  # fmt: skip
