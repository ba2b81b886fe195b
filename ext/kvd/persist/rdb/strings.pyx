"""Strings in RDB files: integers as integers, long strings compressed."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf_add
from kvd.core.entry cimport entry
from kvd.core.text cimport INT_TEXT
from kvd.core.view cimport view
from kvd.persist.rdb.forms cimport RDB_STRING
from kvd.persist.rdb.lengths cimport get_integer, get_large_string, put_length, put_string, reader
from kvd.persist.rdb.values cimport put_form, saving, value_form
from kvd.types.kind cimport STRING
from kvd.types.string cimport string_new, string_new_int, string_view
from kvd.types.value cimport value_files


cdef enum:
    AT_ONCE = 65536            # longer strings are written in slices


cdef bint save(void *context) noexcept nogil:
    """A long string is not compressed here, because that takes too long under the lock."""
    cdef saving *w = <saving *>context
    cdef char scratch[INT_TEXT]
    cdef view v = string_view(w.e, scratch)
    cdef size_t n
    if not w.begun:
        put_form(w, RDB_STRING)
        if v.len <= AT_ONCE:
            put_string(&w.to, v)
            return True
        put_length(w.to.out, v.len)
        w.at.byte = 0
    n = min(v.len - w.at.byte, max(w.upto, w.to.out.len + 1) - w.to.out.len)
    buf_add(w.to.out, v.ptr + w.at.byte, n)
    w.at.byte += n
    return w.at.byte == v.len


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
