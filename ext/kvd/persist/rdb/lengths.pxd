"""Numbers and strings of an RDB file, written to a buffer and read from untrusted bytes. See lengths.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from kvd.core.buf cimport buf, buf_add, buf_add_char
from kvd.core.mem cimport heap
from kvd.core.view cimport view
from kvd.store.keyspace cimport store

cdef enum string_form:         # of a string that is not plain
    FORM_INT8 = 0
    FORM_INT16 = 1
    FORM_INT32 = 2
    FORM_LZF = 3

cdef struct reader:            # once bad, it returns zeros and empty strings
    const uint8_t *p
    const uint8_t *end
    bint bad
    bint short                 # bad because more bytes are needed than there are
    bint empty                 # bad because a collection is empty, as old servers wrote some
    uint8_t timed              # TIMED: the value's key has a deadline
    const uint8_t *lends_at    # from here on the store's lock is lent to threads that wait for it; NULL: it is not
    bint lent                  # it was
    buf room[3]                # holds strings that are not plain; the caller chooses one. The last is for keys
    store *s                   # its limits of encodings apply
    heap *mem

cdef struct writer:
    buf *out
    bint compresses            # long strings

cdef void put_big(buf *out, uint64_t n, int bytes) noexcept nogil         # big endian
cdef void put_length(buf *out, uint64_t n) noexcept nogil
cdef bint put_compressed(buf *out, view v) noexcept nogil                 # a compressed string; False: that is not smaller
cdef void put_blob(writer *w, const void *p, size_t n) noexcept nogil     # a string, compressed if that is smaller
cdef void put_string(writer *w, view v) noexcept nogil                    # the same; an integer as such

cdef void reader_open(reader *r, store *s, view data) noexcept nogil
cdef void reader_close(reader *r) noexcept nogil
cdef bint more(reader *r, uint64_t n) noexcept nogil                      # are at least n bytes left? else it becomes bad
cdef uint64_t get_bytes(reader *r, int n, bint big) noexcept nogil
cdef uint64_t get_length(reader *r) noexcept nogil
cdef uint64_t get_count(reader *r, int bytes) noexcept nogil              # number of elements that follow, each of at least this many bytes; not 0
cdef uint64_t get_few(reader *r, int bytes) noexcept nogil                # the same; may be 0
cdef view get_string(reader *r, int which) noexcept nogil                 # below 4 GiB; valid until the next call with the same `which`
cdef view get_large_string(reader *r, int which) noexcept nogil           # the same of any size
cdef bint get_integer(reader *r, int64_t *n) noexcept nogil               # reads a string that is written as an integer; False: another follows
cdef uint8_t *copy_bytes(reader *r, view v) noexcept nogil                # to the store's heap; NULL: r.bad
cdef uint8_t *get_listpack(reader *r) noexcept nogil                      # checked and not empty, owned by the caller; NULL: r.bad


cdef inline void put_byte(buf *out, int byte) noexcept nogil:
    buf_add_char(out, <char>byte)


cdef inline void put_little(buf *out, uint64_t n, int bytes) noexcept nogil:
    buf_add(out, &n, bytes)
