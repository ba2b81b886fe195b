"""Serialization of values, in the format of Redis's snapshots (RDB).

A value is a type byte and its content: counted strings and numbers, or a packed encoding as in memory.
Values are written in the oldest form that loses nothing, so that old servers can read it; all forms since RDB version 2 are
read. A value is rebuilt member by member, or checked before it is taken over: the bytes are untrusted.

Each type has a module that writes its values and reads its forms, and registers both here when it is imported.
"""

from kvd.persist.rdb.forms cimport RDB_FORMS
from kvd.persist.rdb.lengths cimport get_bytes, reader_close, reader_open
from kvd.types.kind cimport type_of
from kvd.types.value cimport type_row_of, value_free

cdef int TYPES[RDB_FORMS]      # of each form; -1: there is none
for _form in range(RDB_FORMS):
    TYPES[_form] = -1


cdef void value_form(int form, int type) noexcept:
    TYPES[form] = type


cdef int form_type(int form) noexcept nogil:
    return TYPES[form] if 0 <= form < RDB_FORMS else -1


cdef int value_save(buf *out, entry *e) noexcept nogil:
    return type_row_of(type_of(e)).save(out, e)


cdef entry *value_read(reader *r, int form, view key) noexcept nogil:
    cdef entry *e = NULL
    if not r.bad and form_type(form) >= 0:
        e = type_row_of(TYPES[form]).load(r, form, key)
    if e != NULL and r.bad:
        value_free(r.mem, e)
        e = NULL
    if e == NULL:
        r.bad = True
    return e


cdef entry *value_load(store *s, view data, view key) noexcept nogil:
    cdef reader r
    cdef entry *e
    reader_open(&r, s, data)
    e = value_read(&r, <int>get_bytes(&r, 1, False), key)
    if e != NULL and r.p != r.end:
        value_free(r.mem, e)
        e = NULL
    reader_close(&r)
    return e
