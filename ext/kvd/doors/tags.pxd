"""Tags of the object cache's entries. See tags.pyx."""

from libc.stdint cimport uint32_t

from kvd.core.slab cimport column

cdef class Tag:
    """The entries that carry one tag, by node number."""
    cdef object name
    cdef set numbers
    cdef bint gone             # no longer in the cache's dictionary

cdef tuple tag_names(object tags)                                      # of one tag or several; TypeError if one cannot be hashed
cdef tuple tags_named(dict all, tuple names)                           # a Tag for each, created if there is none; runs Python code
cdef bint tags_gone(tuple tags) noexcept                               # one of them was dropped meanwhile
cdef tuple tags_take(column *notes, uint32_t i)                        # removes and returns the node's tags; None: it has none
cdef int tags_put(column *notes, uint32_t i, tuple tags) except -1     # of a node that has none; MemoryError
cdef tuple tags_of(column *notes, uint32_t i)                          # None: it has none
cdef void tags_drop_empty(dict all, tuple tags) noexcept               # removes those without an entry from the dictionary; runs Python code
