"""Hashes in RDB files: fields and values one by one, or the listpack as in memory.

Deadlines of fields: Redis writes the soonest of all, then before each field its own minus the soonest plus 1; 0 is none.
In a packed hash the deadline follows field and value. Valkey writes it as eight bytes after them, -1 for none. A zipmap (before
version 4) is

    count 1 | length field length free value free bytes ... | 255          length: 1 byte, or 254 and 4 bytes
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from kvd.commands.keyed cimport hash_limits
from kvd.core.entry cimport entry, entry_free, entry_payload
from kvd.core.listpack cimport lp_bytes, lp_first, lp_free, lp_get, lp_get_int, lp_next
from kvd.core.text cimport INT_TEXT
from kvd.core.view cimport view, view_of
from kvd.persist.rdb.forms cimport (
    RDB_HASH, RDB_HASH_LISTPACK, RDB_HASH_LISTPACK_TIMED, RDB_HASH_TIMED, RDB_HASH_VALKEY_TIMED, RDB_HASH_ZIPLIST,
    RDB_HASH_ZIPMAP, RDB_VERSION_VALKEY,
)
from kvd.persist.rdb.lengths cimport (
    get_bytes, get_count, get_length, get_listpack, get_string, put_blob, put_length, put_little, put_string, reader,
)
from kvd.persist.rdb.values cimport put_form, saving, value_form, value_needs
from kvd.persist.rdb.ziplist cimport get_ziplist
from kvd.types.hash cimport (
    HASH_PACKED, ROW_LISTPACK, hash_adopt, hash_cursor, hash_expand, hash_is_row, hash_is_timed, hash_len, hash_listpack,
    hash_new, hash_next, hash_set, hash_set_deadline, hash_settled, hash_soonest, hash_start,
)
from kvd.types.kind cimport HASH, encoding_of, packing
from kvd.types.value cimport value_files


cdef bint save_fields(saving *w) noexcept nogil:
    cdef hash_cursor *at = &w.at.fields
    cdef view field, value
    while w.to.out.len < w.upto:
        if not hash_next(at, &field, &value):
            return True
        if w.form == RDB_HASH_TIMED:
            put_length(w.to.out, at.deadline - hash_soonest(w.e) + 1 if at.deadline >= 0 else 0)
        put_string(&w.to, field)
        put_string(&w.to, value)
        if w.form == RDB_HASH_VALKEY_TIMED:
            put_little(w.to.out, <uint64_t>at.deadline, 8)
    return False


cdef bint save(void *context) noexcept nogil:
    cdef saving *w = <saving *>context
    cdef uint8_t built[ROW_LISTPACK]
    cdef uint8_t *lp = built
    if not w.begun:
        if w.version >= 10 and (encoding_of(w.e) == HASH_PACKED or hash_is_row(w.e)):
            if hash_is_row(w.e):
                hash_listpack(w.e, built)
            else:
                lp = <uint8_t *>entry_payload(w.e)[0]
            put_form(w, RDB_HASH_LISTPACK)
            put_blob(&w.to, lp, lp_bytes(lp))
            return True
        if hash_is_timed(w.e) and hash_soonest(w.e) >= 0:
            if not value_needs(w, 12, b"a hash with field expiry, which needs version 12 or 80"):
                return True
            put_form(w, RDB_HASH_VALKEY_TIMED if w.asked == RDB_VERSION_VALKEY else RDB_HASH_TIMED)
            if w.form == RDB_HASH_TIMED:
                put_little(w.to.out, <uint64_t>hash_soonest(w.e), 8)
        else:
            put_form(w, RDB_HASH)
        put_length(w.to.out, hash_len(w.e))
        hash_start(w.e, &w.at.fields)
    return save_fields(w)


cdef void add_field(reader *r, entry *e, view field, view value, int64_t ms, packing *limits) noexcept nogil:
    """ms: its deadline, or 0."""
    if r.bad or ms < 0 or hash_set(r.mem, e, field, value, limits, False) != 1:
        r.bad = True
    elif ms and not hash_set_deadline(r.mem, e, field, ms, limits):
        r.bad = True


cdef void fill_from_pairs(reader *r, entry *e, uint8_t *lp, bint timed, packing *limits) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef char second[INT_TEXT]
    cdef uint8_t *p = lp_first(lp) if lp != NULL else NULL
    cdef uint8_t *value
    cdef uint8_t *following
    cdef int64_t ms = 0
    if lp != NULL and not timed and hash_adopt(r.mem, e, lp, limits):
        return
    while p != NULL and not r.bad:
        value = lp_next(p)
        if value == NULL:
            r.bad = True
            break
        following = lp_next(value)
        if timed:
            if following == NULL or not lp_get_int(following, &ms):
                r.bad = True
                break
            following = lp_next(following)
        add_field(r, e, lp_get(p, scratch), lp_get(value, second), ms, limits)
        p = following
    if lp != NULL:
        lp_free(r.mem, lp)


cdef bint zipmap_length(const uint8_t **p, const uint8_t *end, size_t *n) noexcept nogil:
    """The length of a string that at least one byte follows, if only the end; False: it is truncated."""
    cdef size_t head = 1
    n[0] = p[0][0]
    if n[0] == 254 and end - p[0] > 5:
        n[0] = 0
        memcpy(n, p[0] + 1, 4)
        head = 5
    elif n[0] >= 254:
        return False
    p[0] += head
    return n[0] < <size_t>(end - p[0])


cdef void fill_from_zipmap(reader *r, entry *e, packing *limits) noexcept nogil:
    cdef view v = get_string(r, 0)
    cdef const uint8_t *p = <const uint8_t *>v.ptr + 1
    cdef const uint8_t *end = <const uint8_t *>v.ptr + v.len
    cdef view field
    cdef size_t n, unused
    if r.bad or v.len < 3:
        r.bad = True
        return
    while p < end and p[0] != 255 and not r.bad:
        if not zipmap_length(&p, end, &n):
            r.bad = True
            return
        field = view_of(<const char *>p, n)
        p += n
        if not zipmap_length(&p, end, &n) or n + p[0] + 1 >= <size_t>(end - p):
            r.bad = True
            return
        unused = p[0]
        add_field(r, e, field, view_of(<const char *>p + 1, n), 0, limits)
        p += 1 + n + unused
    if p != end - 1 or hash_len(e) == 0:
        r.bad = True


cdef void fill_from_fields(reader *r, entry *e, int form, packing *limits) noexcept nogil:
    cdef int64_t soonest = <int64_t>get_bytes(r, 8, False) if form == RDB_HASH_TIMED else 0
    cdef uint64_t n = get_count(r, 2)
    cdef uint64_t after
    cdef int64_t ms
    cdef view field, value
    if r.bad or not hash_expand(r.mem, e, n, limits):
        r.bad = True
    while n and not r.bad:
        after = get_length(r) if form == RDB_HASH_TIMED else 0
        ms = <int64_t>(soonest + after - 1) if after else 0
        field = get_string(r, 0)
        value = get_string(r, 1)
        if form == RDB_HASH_VALKEY_TIMED:
            ms = <int64_t>get_bytes(r, 8, False)
            ms = 0 if ms == -1 else ms
        add_field(r, e, field, value, ms, limits)
        n -= 1


cdef void fill(reader *r, entry *e, int form) noexcept nogil:
    cdef packing limits = hash_limits(r.s)
    if form == RDB_HASH_LISTPACK_TIMED:
        get_bytes(r, 8, False)         # the soonest deadline
        fill_from_pairs(r, e, get_listpack(r), True, &limits)
    elif form == RDB_HASH_LISTPACK:
        fill_from_pairs(r, e, get_listpack(r), False, &limits)
    elif form == RDB_HASH_ZIPLIST:
        fill_from_pairs(r, e, get_ziplist(r), False, &limits)
    elif form == RDB_HASH_ZIPMAP:
        fill_from_zipmap(r, e, &limits)
    else:
        fill_from_fields(r, e, form, &limits)


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef entry *e = hash_new(r.mem, key)
    cdef entry *settled
    if e == NULL:
        return NULL
    fill(r, e, form)
    settled = e if r.bad or hash_len(e) == 0 else hash_settled(r.mem, e)
    if settled != e:
        entry_free(r.mem, e)
    return settled


value_files(HASH, save, load)
for _form in (
        RDB_HASH, RDB_HASH_ZIPMAP, RDB_HASH_ZIPLIST, RDB_HASH_LISTPACK, RDB_HASH_TIMED, RDB_HASH_LISTPACK_TIMED, RDB_HASH_VALKEY_TIMED,
):
    value_form(_form, HASH)
