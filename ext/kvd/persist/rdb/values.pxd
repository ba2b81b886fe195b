"""Serialization of values. See values.pyx."""

from libc.stdint cimport uint32_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.idmap cimport idpos
from kvd.core.quicklist cimport quicknode
from kvd.core.view cimport view
from kvd.persist.rdb.lengths cimport reader, writer
from kvd.store.keyspace cimport store
from kvd.types.hash cimport hash_cursor
from kvd.types.set cimport set_cursor
from kvd.types.stream cimport stream_node
from kvd.types.zset cimport zset_cursor

cdef union saving_place:       # where the next slice continues: of the value's type
    set_cursor members
    hash_cursor fields
    zset_cursor scored
    quicknode *node
    size_t byte
    idpos id

cdef struct saving:            # a value that is being written, in slices if it is large; it must not change meanwhile
    writer to
    entry *e
    bint keyed                 # the key is written, after the type
    size_t upto                # a slice ends when so much is in to.out
    bint begun
    int version                # the RDB version that reads what was written
    saving_place at
    stream_node *node
    uint32_t group             # of a stream, the next
    bint active

cdef void value_save_start(saving *w, buf *out, entry *e, bint keyed, bint compresses) noexcept nogil
cdef bint value_save_some(saving *w, size_t bytes) noexcept nogil            # a slice of about so many; True: the value is whole
cdef int value_save(buf *out, entry *e, bint compresses) noexcept nogil      # type byte and value; returns the RDB version that reads it
cdef void put_form(saving *w, int form) noexcept nogil                       # begins: the type byte, and the key if it is to be written
cdef entry *value_load(store *s, view data, view key) noexcept nogil         # data is exactly one value; NULL: it is broken, or no memory
cdef entry *value_read(reader *r, int form, view key) noexcept nogil         # what follows the type byte; NULL: r.bad, also without memory. A string has a timer if r.timed
cdef int form_type(int form) noexcept nogil                                  # the type of a form; -1: there is no such form
cdef void value_form(int form, int type) noexcept                            # registers a form of a type
