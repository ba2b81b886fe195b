"""Commands that change a string in place: APPEND, SETRANGE and the counters."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from kvd.commands.expiry cimport NO_TIME
from kvd.commands.strings cimport string_propagate, string_put, too_long
from kvd.core.arith cimport add_overflows, is_finite
from kvd.core.entry cimport TIMED, entry, entry_deadline, entry_timer
from kvd.core.text cimport INT_TEXT, LONG_DOUBLE_TEXT, format_long_double, parse_long_double
from kvd.core.view cimport view_of
from kvd.run.args cimport arg_int, changed, event_of, find_write, reply_bulk, reply_error, reply_int, wrong_type
from kvd.run.errors cimport NOT_FLOAT, NOT_INT, NO_MEMORY, OVERFLOW
from kvd.run.registry cimport define
from kvd.store.access cimport access_init
from kvd.store.config cimport EVENT_NEW, EVENT_STRING
from kvd.store.keyspace cimport keyspace_insert, keyspace_moved, keyspace_replace
from kvd.store.sizes cimport sizes_changed, string_bin
from kvd.types.kind cimport INT, STRING, encoding_of
from kvd.types.string cimport (
    string_int, string_int_cell, string_len, string_new_int, string_new_text, string_open, string_view,
)


cdef char *open_value(call *c, view key, uint64_t hash, entry *e, size_t n) noexcept nogil:
    """The value of e made n bytes long and writable, or NULL with the error replied."""
    cdef entry *moved = e
    cdef int bin = string_bin(e)
    cdef char *bytes = string_open(&c.store.mem, &moved, n)
    if bytes == NULL:
        reply_error(c, NO_MEMORY)
        return NULL
    sizes_changed(c.db, moved, bin)
    keyspace_moved(c.store, c.db, e, moved, hash)
    return bytes


cdef char *open_for_write(call *c, view key, size_t n, size_t *had) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_write(c, key, &hash)
    had[0] = 0
    if e == NULL:
        e = string_new_text(&c.store.mem, key, view_of(NULL, 0), 0)
        if e == NULL or not keyspace_insert(c.store, c.db, e, hash):
            reply_error(c, NO_MEMORY)
            return NULL
        access_init(c.store, e)
        event_of(c, key, EVENT_NEW, b"new")
    elif wrong_type(c, e, STRING):
        return NULL
    had[0] = string_len(e)
    return open_value(c, key, hash, e, max(had[0], n))


cdef bint set_length(call *c, view key, size_t n) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_write(c, key, &hash)
    return open_value(c, key, hash, e, n) != NULL


define(append_command, """
    APPEND key value
    write denyoom fast takes_value | string | 2.0.0 | O(1), amortised over the growth of the value
    Append to the string value of a key, which is created if it does not exist.
    keys: RW insert
""")
cdef void append_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef view key = c.argv[1]
    cdef view more = c.argv[2]
    cdef size_t had
    cdef char *bytes
    cdef entry *e = find_write(c, key, &hash)
    if e == NULL:
        if string_put(c, key, more, hash, NULL, NO_TIME, False):
            changed(c, key, 1, EVENT_STRING, b"append")
            reply_int(c, more.len)
        return
    if wrong_type(c, e, STRING):
        return
    had = string_len(e)
    if too_long(c, had + more.len):
        return
    bytes = open_value(c, key, hash, e, had + more.len)
    if bytes == NULL:
        return
    memcpy(bytes + had, more.ptr, more.len)
    changed(c, key, 1, EVENT_STRING, b"append")
    reply_int(c, had + more.len)


define(setrange_command, """
    SETRANGE key offset value
    write denyoom | string | 2.2.0 | O(1), not counting the copying of the value
    Overwrite a part of the string value of a key, padding a gap before it with zero bytes.
    keys: RW update
""")
cdef void setrange_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef view key = c.argv[1]
    cdef view part = c.argv[3]
    cdef int64_t offset
    cdef size_t had = 0
    cdef char *bytes
    cdef entry *e
    if not arg_int(c, 2, &offset):
        return
    if offset < 0:
        reply_error(c, b"ERR offset is out of range")
        return
    e = find_write(c, key, &hash)
    if e != NULL and wrong_type(c, e, STRING):
        return
    if part.len == 0:
        reply_int(c, string_len(e) if e != NULL else 0)
        return
    if too_long(c, <uint64_t>offset + part.len):
        return
    bytes = open_for_write(c, key, <size_t>offset + part.len, &had)
    if bytes == NULL:
        return
    memcpy(bytes + offset, part.ptr, part.len)
    changed(c, key, 1, EVENT_STRING, b"setrange")
    reply_int(c, max(had, <size_t>offset + part.len))


cdef void add_to(call *c, int64_t delta) noexcept nogil:
    cdef uint64_t hash
    cdef view key = c.argv[1]
    cdef int64_t n = 0
    cdef entry *e = find_write(c, key, &hash)
    cdef entry *made
    cdef int bin
    if e != NULL:
        if wrong_type(c, e, STRING):
            return
        if not string_int(e, &n):
            reply_error(c, NOT_INT)
            return
    if add_overflows(n, delta, &n):
        reply_error(c, OVERFLOW)
        return
    if e != NULL and encoding_of(e) == INT:
        bin = string_bin(e)
        string_int_cell(e)[0] = n
        sizes_changed(c.db, e, bin)
    else:
        made = string_new_int(&c.store.mem, key, n, e.flags & TIMED if e != NULL else 0)
        if made == NULL:
            reply_error(c, NO_MEMORY)
            return
        access_init(c.store, made)
        if e != NULL:
            made.access = e.access
            if e.flags & TIMED:
                entry_timer(made).deadline = entry_deadline(e)
            keyspace_replace(c.store, c.db, e, made, hash)
        elif not keyspace_insert(c.store, c.db, made, hash):
            reply_error(c, NO_MEMORY)
            return
        else:
            event_of(c, key, EVENT_NEW, b"new")
    changed(c, key, 1, EVENT_STRING, b"incrby")
    reply_int(c, n)


define(incr_command, """
    INCR key
    write denyoom fast | string | 1.0.0 | O(1)
    Increment the integer value of a key by one; a missing key counts as 0.
    keys: RW access update
""")
cdef void incr_command(call *c) noexcept nogil:
    add_to(c, 1)


define(decr_command, """
    DECR key
    write denyoom fast | string | 1.0.0 | O(1)
    Decrement the integer value of a key by one; a missing key counts as 0.
    keys: RW access update
""")
cdef void decr_command(call *c) noexcept nogil:
    add_to(c, -1)


define(incrby_command, """
    INCRBY key increment
    write denyoom fast | string | 1.0.0 | O(1)
    Increment the integer value of a key; a missing key counts as 0.
    keys: RW access update
""")
cdef void incrby_command(call *c) noexcept nogil:
    cdef int64_t n
    if arg_int(c, 2, &n):
        add_to(c, n)


define(decrby_command, """
    DECRBY key decrement
    write denyoom fast | string | 1.0.0 | O(1)
    Decrement the integer value of a key; a missing key counts as 0.
    keys: RW access update
""")
cdef void decrby_command(call *c) noexcept nogil:
    cdef int64_t n
    if not arg_int(c, 2, &n):
        return
    if n == <int64_t>(<uint64_t>1 << 63):
        reply_error(c, b"ERR decrement would overflow")
        return
    add_to(c, -n)


define(incrbyfloat_command, """
    INCRBYFLOAT key float-increment
    write denyoom fast | string | 2.6.0 | O(1)
    Increment the floating point value of a key; a missing key counts as 0.
    keys: RW access update
""")
cdef void incrbyfloat_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef view key = c.argv[1]
    cdef long double value = 0
    cdef long double delta
    cdef char scratch[INT_TEXT]
    cdef char text[LONG_DOUBLE_TEXT]
    cdef view printed
    cdef entry *made
    cdef entry *e = find_write(c, key, &hash)
    if e != NULL:
        if wrong_type(c, e, STRING):
            return
        if not parse_long_double(string_view(e, scratch), &value):
            reply_error(c, NOT_FLOAT)
            return
    if not parse_long_double(c.argv[2], &delta):
        reply_error(c, NOT_FLOAT)
        return
    value += delta
    if not is_finite(value):
        reply_error(c, b"ERR increment would produce NaN or Infinity")
        return
    printed = view_of(text, format_long_double(text, value))
    made = string_new_text(&c.store.mem, key, printed, e.flags & TIMED if e != NULL else 0)
    if made == NULL:
        reply_error(c, NO_MEMORY)
        return
    access_init(c.store, made)
    if e != NULL:
        if e.flags & TIMED:
            entry_timer(made).deadline = entry_deadline(e)
        keyspace_replace(c.store, c.db, e, made, hash)
    elif keyspace_insert(c.store, c.db, made, hash):
        event_of(c, key, EVENT_NEW, b"new")
    changed(c, key, 1, EVENT_STRING, b"incrbyfloat")
    string_propagate(c, key, printed, NO_TIME, True)
    reply_bulk(c, printed)
