"""Types as rows of functions. See value.pyx."""

from libc.stdint cimport int64_t, uint8_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.view cimport view
from kvd.types.digest cimport digest
from kvd.types.rewrite cimport command_sink, rewrite_walk

cdef struct type_row:
    const char *name           # as returned by TYPE
    int number                 # in digests
    bint (*free_some)(heap *h, entry *e, int *budget) noexcept nogil          # these four: of a BOXED entry
    size_t (*parts)(entry *e) noexcept nogil
    size_t (*bytes)(entry *e, size_t samples) noexcept nogil
    bint (*copy)(heap *h, entry *source, entry *copy) noexcept nogil
    size_t (*size)(entry *e) noexcept nogil          # bytes of a string, elements of a collection; NULL: there is no such size
    const char *(*encoding)(entry *e) noexcept nogil
    const char *(*check)(entry *e) noexcept nogil
    bint (*digest)(entry *e, int64_t now, digest *d) noexcept nogil
    bint (*rewrite)(rewrite_walk *w) noexcept nogil
    bint (*save)(void *saving) noexcept nogil                                 # these two: set by the layer above (value_files)
    entry *(*load)(void *reader, int form, view key) noexcept nogil

cdef type_row *type_row_of(int type) noexcept nogil
cdef void value_files(int type, bint (*save)(void *) noexcept nogil, entry *(*load)(void *, int, view) noexcept nogil) noexcept
# value_files: called when the module that writes and reads this type's values is imported

cdef const char *type_name(int type) noexcept nogil            # as returned by TYPE
cdef int type_named(view name) noexcept nogil                  # -1: no such type
cdef const char *encoding_name(entry *e) noexcept nogil        # as returned by OBJECT ENCODING
cdef void value_free(heap *h, entry *e) noexcept nogil         # the value and its entry
cdef bint value_free_some(heap *h, entry *e, int *budget) noexcept nogil   # a slice of that; True: all is gone, e too
cdef size_t value_parts(entry *e) noexcept nogil               # about how many allocations freeing it takes
cdef size_t value_bytes(entry *e, size_t samples) noexcept nogil   # memory of both; large values estimated from this many samples, 0: all
cdef entry *value_copy(heap *h, entry *e, view key) noexcept nogil   # same value, other key, no deadline; or NULL
cdef entry *value_reshape(heap *h, entry *e, view key, uint8_t timed) noexcept nogil   # moves e's value into a new entry of that name, with or without timer; or NULL
# value_reshape: boxed contents belong to the new entry; the caller frees the old one with entry_free
cdef const char *value_check(entry *e) noexcept nogil          # NULL, or what is broken
cdef bint value_digest(entry *e, int64_t now, digest *d) noexcept nogil    # type, value and that there is a deadline, as DEBUG DIGEST-VALUE; False: no memory
cdef bint value_rewrite(entry *e, command_sink *to) noexcept nogil         # the commands that rebuild it, including its deadline; False: no memory, or refused
cdef void value_rewrite_start(rewrite_walk *w, entry *e) noexcept nogil    # the same in slices; e must not change before the last
cdef bint value_rewrite_some(rewrite_walk *w, command_sink *to) noexcept nogil   # until the sink is full; True: the value is whole, or w.failed
cdef void value_rewrite_drop(rewrite_walk *w) noexcept nogil               # before its end
