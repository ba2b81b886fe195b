"""Serialization of values, in the format of Redis's snapshots (RDB).

A value is a type byte and its content: counted strings and numbers, or a packed encoding as in memory.
Values are written in the oldest form that loses nothing, so that old servers can read it; all forms since RDB version 2 are
read. A value is rebuilt member by member, or checked before it is taken over: the bytes are untrusted.

A large value is written in slices, so that the lock can be released between them: `save` of a type continues where it
has stopped (saving.at).

Each type has a module that writes its values and reads its forms, and registers both here when it is imported.
"""

from libc.string cimport memset

from kvd.core.buf cimport buf_release
from kvd.core.entry cimport entry_key
from kvd.persist.rdb.forms cimport RDB_FORMS, RDB_LEAST, RDB_LIST, RDB_USUAL, RDB_VERSION_VALKEY
from kvd.persist.rdb.lengths cimport get_bytes, put_byte, put_string, reader_close, reader_open
from kvd.types.kind cimport type_of
from kvd.types.list cimport list_end
from kvd.types.value cimport type_row_of, value_free

cdef int TYPES[RDB_FORMS]      # of each form; -1: there is none
for _form in range(RDB_FORMS):
    TYPES[_form] = -1


cdef void value_form(int form, int type) noexcept:
    TYPES[form] = type


cdef int form_type(int form) noexcept nogil:
    return TYPES[form] if 0 <= form < RDB_FORMS else -1


cdef void value_save_start(saving *w, store *s, buf *out, entry *e, bint keyed, bint compresses, int asked) noexcept nogil:
    w.to.out = out
    w.to.compresses = compresses
    w.s = s
    w.e = e
    w.keyed = keyed
    w.begun = False
    w.form = -1
    w.asked = asked
    w.lenient = False
    w.version = asked if asked else RDB_LEAST
    w.unfit = NULL
    memset(&w.packed, 0, sizeof(buf))


cdef void put_form(saving *w, int form) noexcept nogil:
    w.begun = True
    w.form = form
    put_byte(w.to.out, form)
    if w.keyed:
        put_string(&w.to, entry_key(w.e))


cdef bint value_save_some(saving *w, size_t bytes) noexcept nogil:
    w.upto = w.to.out.len + bytes if bytes < <size_t>-1 - w.to.out.len else <size_t>-1
    return type_row_of(type_of(w.e)).save(w) or w.to.out.failed


cdef bint value_needs(saving *w, int version, const char *what) noexcept nogil:
    if w.asked and (w.asked < version or (w.asked == RDB_VERSION_VALKEY and version > RDB_USUAL)):
        w.unfit = what
        return False
    w.version = max(w.version, version)
    return True


cdef void value_save_drop(saving *w) noexcept nogil:
    if w.form == RDB_LIST:
        list_end(&w.at.elements)
    w.form = -1
    buf_release(&w.packed)


cdef int value_save(store *s, buf *out, entry *e, bint compresses) noexcept nogil:
    cdef saving w
    value_save_start(&w, s, out, e, False, compresses, 0)
    value_save_some(&w, <size_t>-1)
    return w.version


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
