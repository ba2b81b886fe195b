"""`DiskCache`: the cache of Python objects that lives in a file, with diskcache's methods.

    import kvd
    with kvd.DiskCache("pages.kvd", size_limit=100_000_000) as cache:
        cache.set("/index", page, expire=3600, tag="pages")

base: opening, settings, transactions. cache: entries. grouping: tags. queues: push and pull. memoizing: results of functions.
space: the store below. codecs: values as bytes.
"""

from kvd.diskcache.cache import DiskCache
from kvd.diskcache.codecs import Codec, SafeCodec
from kvd.doors.codec import DecodeError, EncodeError

__all__ = ["Codec", "DecodeError", "DiskCache", "EncodeError", "SafeCodec"]
