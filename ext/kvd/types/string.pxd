"""Strings: three representations, chosen in this module only. See string.pyx."""

from libc.stdint cimport int64_t, uint8_t

from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.view cimport view

cdef struct blob:
    size_t len
    size_t cap
    char bytes[1]

cdef entry *string_new(heap *h, view key, view value, uint8_t timed) noexcept nogil       # encoded as SET does; or NULL
cdef entry *string_new_text(heap *h, view key, view value, uint8_t timed) noexcept nogil  # the same, but never an integer
cdef entry *string_new_int(heap *h, view key, int64_t n, uint8_t timed) noexcept nogil
cdef bint string_assign(entry *e, view value) noexcept nogil           # as SET, in place; False: it does not fit into this entry
cdef view string_view(entry *e, char *scratch) noexcept nogil          # its bytes; scratch has INT_TEXT bytes
cdef bint string_int(entry *e, int64_t *n) noexcept nogil              # its value as an integer; False: it is not one
cdef size_t string_len(entry *e) noexcept nogil
cdef char *string_open(heap *h, entry **e, size_t n) noexcept nogil
# string_open makes the value n bytes long, RAW and writable, keeps its content and zeroes what is new. The
# entry may move: *e is the new one, and the caller replaces the old one by it (keyspace_moved, which
# frees the old one). NULL: no memory, nothing changed.

cdef bint string_free_some(heap *h, entry *e, int *budget) noexcept nogil      # these four: of a BOXED entry
cdef size_t string_parts(entry *e) noexcept nogil
cdef size_t string_bytes(entry *e, size_t samples) noexcept nogil
cdef bint string_copy(heap *h, entry *source, entry *copy) noexcept nogil
cdef const char *string_encoding_name(entry *e) noexcept nogil
cdef const char *string_check(entry *e) noexcept nogil


cdef inline int64_t *string_int_cell(entry *e) noexcept nogil:
    """The number in an INT-encoded string."""
    return <int64_t *>(<char *>e + 8 + ((e.flags & 1) << 4) + ((e.flags & 2) << 2))
