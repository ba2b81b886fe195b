"""The slot of a key in a cluster. See slots.pyx."""

from kvd.core.view cimport view

cdef enum:
    SLOTS = 16384

cdef int key_slot(view key) noexcept nogil
cdef int pattern_slot(view pattern) noexcept nogil        # of all keys that match it; -1: they may be in different slots
