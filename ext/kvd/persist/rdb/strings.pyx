"""Strings in RDB files: integers as integers, long strings compressed."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry
from kvd.core.text cimport INT_TEXT
from kvd.core.view cimport view
from kvd.persist.rdb.forms cimport RDB_STRING
from kvd.persist.rdb.lengths cimport get_integer, get_large_string, put_byte, put_string, reader
from kvd.persist.rdb.values cimport value_form
from kvd.types.kind cimport STRING
from kvd.types.string cimport string_new, string_new_int, string_view
from kvd.types.value cimport value_files


cdef int save(buf *out, entry *e) noexcept nogil:
    cdef char scratch[INT_TEXT]
    put_byte(out, RDB_STRING)
    put_string(out, string_view(e, scratch))
    return 10


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef int64_t n
    cdef view v
    if get_integer(r, &n):
        return string_new_int(r.mem, key, n, r.timed)
    v = get_large_string(r, 0)
    return string_new(r.mem, key, v, r.timed) if not r.bad else NULL


value_files(STRING, save, load)
value_form(RDB_STRING, STRING)
