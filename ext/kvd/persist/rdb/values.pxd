"""Serialization of values. See values.pyx."""

from libc.stdint cimport uint32_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.idmap cimport idpos
from kvd.core.quicklist cimport quicknode
from kvd.core.sparse cimport sparse_cursor
from kvd.core.view cimport view
from kvd.persist.rdb.lengths cimport reader, writer
from kvd.store.keyspace cimport store
from kvd.types.hash cimport hash_cursor
from kvd.types.list cimport list_cursor
from kvd.types.set cimport set_cursor
from kvd.types.stream cimport stream_node
from kvd.types.zset cimport zset_cursor

cdef union saving_place:       # where the next slice continues: of the value's type
    set_cursor members
    hash_cursor fields
    zset_cursor scored
    quicknode *node
    list_cursor elements
    size_t byte
    idpos id
    sparse_cursor places

cdef struct saving:            # a value that is being written, in slices if it is large; it must not change meanwhile
    writer to
    store *s
    entry *e
    bint keyed                 # the key is written, after the type
    size_t upto                # a slice ends when so much is in to.out
    bint begun
    int form                   # once it is begun
    int asked                  # the RDB version that has to read it; 0: any
    bint lenient               # figures that it cannot hold are left out: times of consumers, counters of streams
    int version                # the RDB version that reads what was written
    const char *unfit          # what the version that was asked for cannot hold; NULL: nothing. Then the value is not written
    saving_place at
    stream_node *node
    uint32_t group             # of a stream, the next
    uint32_t producer          # the same; 0: their settings
    buf packed                 # of a long string: its compressed bytes
    bint packing               # they are not whole yet

cdef void value_save_start(saving *w, store *s, buf *out, entry *e, bint keyed, bint compresses, int asked) noexcept nogil
cdef bint value_save_some(saving *w, size_t bytes) noexcept nogil            # a slice of about so many; True: the value is whole
cdef void value_save_drop(saving *w) noexcept nogil                          # before its end: frees what it holds
cdef int value_save(store *s, buf *out, entry *e, bint compresses) noexcept nogil      # type byte and value; returns the RDB version that reads it
cdef void put_form(saving *w, int form) noexcept nogil                       # begins: the type byte, and the key if it is to be written
cdef bint value_needs(saving *w, int version, const char *what) noexcept nogil   # before it is begun; False: the version that was asked for is older: w.unfit
cdef entry *value_load(store *s, view data, view key) noexcept nogil         # data is exactly one value; NULL: it is broken, or no memory
cdef entry *value_read(reader *r, int form, view key) noexcept nogil         # what follows the type byte; NULL: r.bad, also without memory. A string has a timer if r.timed
cdef int form_type(int form) noexcept nogil                                  # the type of a form; -1: there is no such form
cdef void value_form(int form, int type) noexcept                            # registers a form of a type
