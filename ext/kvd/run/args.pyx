"""Functions that handlers use: replies, arguments, lookups of keys, effects to propagate.

An error reply goes through reply_error, which counts it by its first word and marks the call failed.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.core.table cimport table_hash, table_prefetch, table_prefetch_entry
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_str
from kvd.resp.writer cimport write_line
from kvd.run.emulation cimport emulated_text
from kvd.run.errors cimport NOT_INT, NO_MEMORY, WRONGTYPE
from kvd.run.figures cimport figure_error
from kvd.store.access cimport access_touch
from kvd.store.change cimport change_open
from kvd.store.effects cimport effect_begin, effect_text, effect_word, effect_words
from kvd.store.keyspace cimport keyspace_find, keyspace_read
from kvd.store.sizes cimport sizes_open
from kvd.store.store cimport SPECIAL_EMULATES, SPECIAL_NO_TOUCH
from kvd.types.kind cimport type_of


cdef void reply_error(call *c, const char *text) noexcept nogil:
    if c.store.special & SPECIAL_EMULATES:
        text = emulated_text(c.store, text)
    reply_error_counted(c, view_str(text), True)


cdef void reply_error_counted(call *c, view text, bint counted) noexcept nogil:
    """Line breaks in the text become blanks, so that they do not end the reply."""
    c.session.failed = True
    if counted:
        figure_error(c.store, text)
    write_line(c.out, c'-', text)


cdef void reply_errorf(call *c, const char *format, const char *a, const char *b) noexcept nogil:
    cdef char text[512]
    snprintf(text, sizeof(text), format, a, b)
    reply_error(c, text)


cdef void reply_arity(call *c) noexcept nogil:
    reply_errorf(c, b"ERR wrong number of arguments for '%s' command", c.command.name, NULL)


cdef void reply_error_about(call *c, const char *format, view word) noexcept nogil:
    cdef buf text
    memset(&text, 0, sizeof(text))
    buf_printf(&text, format, <int>word.len, word.ptr)
    buf_add_char(&text, 0)
    reply_error(c, NO_MEMORY if text.failed else <const char *>text.ptr)
    buf_release(&text)


cdef bint arg_int_within(call *c, int i, int64_t least, int64_t most, int64_t *n) noexcept nogil:
    cdef char text[128]
    if not arg_int(c, i, n):
        return False
    if least <= n[0] <= most:
        return True
    snprintf(text, sizeof(text), b"ERR value is out of range, value must between %lld and %lld", <long long>least, <long long>most)
    reply_error(c, text)
    return False


cdef bint arg_int(call *c, int i, int64_t *n) noexcept nogil:
    if parse_int(c.argv[i], n):
        return True
    reply_error(c, NOT_INT)
    return False


# ---- keys -------------------------------------------------------------------------------------------

cdef inline uint64_t hash_of(call *c, view key) noexcept nogil:
    """table_hash(key), unless the batch has computed it already."""
    if key.ptr == c.session.hinted.ptr and key.len == c.session.hinted.len and key.ptr != NULL:
        return c.session.hint
    return table_hash(key)


cdef inline bint touches(call *c) noexcept nogil:
    return not c.session.special & SPECIAL_NO_TOUCH


cdef entry *find_read(call *c, view key, uint64_t *hash) noexcept nogil:
    hash[0] = hash_of(c, key)
    return keyspace_read(c.store, c.db, key, hash[0], touches(c))


cdef entry *find_write(call *c, view key, uint64_t *hash) noexcept nogil:
    cdef entry *e
    hash[0] = hash_of(c, key)
    e = keyspace_find(c.store, c.db, key, hash[0])
    if e != NULL and touches(c):
        access_touch(c.store, e)
    change_open(c.store, c.db, e, hash[0])
    if e != NULL and not c.store.hides:      # then it may be a copy
        sizes_open(c.store, c.db, e)
    return e


cdef void open_key(call *c, view key, entry *e) noexcept nogil:
    if c.store.openers != NULL:
        change_open(c.store, c.db, e, table_hash(key))


cdef void hash_ahead(call *c, int at, int step, int count, uint64_t *hashes) noexcept nogil:
    cdef int i
    for i in range(min(count, <int>AHEAD)):
        hashes[i] = table_hash(c.argv[at + i * step])
        table_prefetch(&c.db.keys, hashes[i])
    for i in range(min(count, <int>AHEAD)):
        table_prefetch_entry(&c.db.keys, hashes[i])


cdef bint wrong_type(call *c, entry *e, int type) noexcept nogil:
    if type_of(e) == type:
        return False
    reply_error(c, WRONGTYPE)
    return True


# ---- propagation ------------------------------------------------------------------------------------

cdef bint propagates(call *c) noexcept nogil:
    return c.store.special & SPECIAL_EFFECTS


cdef void propagate_as(call *c, const char *name, int argc) noexcept nogil:
    c.store.effects.said = True
    effect_begin(&c.store.effects, c.db.id, argc)
    effect_text(&c.store.effects, name)


cdef void propagate_key(call *c, const char *name, view key) noexcept nogil:
    if propagates(c):
        propagate_as(c, name, 2)
        effect_word(&c.store.effects, key)


cdef void propagate_nothing(call *c) noexcept nogil:
    c.store.effects.said = True


cdef void propagate_words(call *c, int targets) noexcept nogil:
    cdef int usual = c.store.effects.targets
    c.store.effects.said = True
    c.store.effects.targets = usual & targets
    effect_words(&c.store.effects, c.db.id, c.argv, c.argc)
    c.store.effects.targets = usual
