"""The invariants of a whole store, for tests and DEBUG CHECK. See check.pyx."""

from kvd.core.view cimport view
from kvd.store.keyspace cimport store

cdef const char *store_check(store *s, view *key) noexcept nogil     # NULL, or what is broken; *key: the key it concerns, NULL for none
