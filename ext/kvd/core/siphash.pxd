"""SipHash-1-3, keyed: the hash of every table, so that no client can choose colliding keys.

One compression round and three final rounds, the choice Python and Rust made for their hash tables.
The key is drawn once per process (`hash_key` in table.pyx) and never changes, also not across fork.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef struct sipkey:
    uint64_t k0
    uint64_t k1


cdef extern from "kvd/core/siphash.h" nogil:
    uint64_t siphash13 "kvd_siphash13" (uint64_t k0, uint64_t k1, const char *p, size_t n) noexcept
