"""Sorted sets in RDB files: members and scores one by one, the highest first, or the listpack as in memory.

Scores are doubles; before version 8 they were text with a length, and small sets were ziplists.
"""

from libc.math cimport HUGE_VAL
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from kvd.commands.keyed cimport zset_limits
from kvd.core.buf cimport buf_add
from kvd.core.entry cimport entry, entry_payload
from kvd.core.listpack cimport lp_bytes, lp_first, lp_free, lp_get, lp_next
from kvd.core.text cimport INT_TEXT, parse_double
from kvd.core.view cimport view, view_of
from kvd.persist.rdb.forms cimport RDB_ZSET, RDB_ZSET_2, RDB_ZSET_LISTPACK, RDB_ZSET_ZIPLIST
from kvd.persist.rdb.lengths cimport (
    get_bytes, get_count, get_listpack, get_string, more, put_blob, put_length, put_string, reader,
)
from kvd.persist.rdb.values cimport put_form, saving, value_form
from kvd.persist.rdb.ziplist cimport get_ziplist
from kvd.types.kind cimport ZSET, encoding_of, packing
from kvd.types.value cimport value_files
from kvd.types.zset cimport (
    ZSET_PACKED, zset_adopt, zset_at, zset_expand, zset_get, zset_len, zset_new, zset_prev, zset_set,
)


cdef bint save(void *context) noexcept nogil:
    """The highest first: a skip list is filled fastest in that order."""
    cdef saving *w = <saving *>context
    cdef view member
    cdef double score
    cdef uint8_t *lp = <uint8_t *>entry_payload(w.e)[0]   # of a packed one
    if not w.begun:
        if encoding_of(w.e) == ZSET_PACKED and w.version >= 10:
            put_form(w, RDB_ZSET_LISTPACK)
            put_blob(&w.to, lp, lp_bytes(lp))
            return True
        put_form(w, RDB_ZSET_2)
        put_length(w.to.out, zset_len(w.e))
        zset_at(w.e, zset_len(w.e) - 1, &w.at.scored)
    while w.to.out.len < w.upto:
        score = zset_get(&w.at.scored, &member)
        put_string(&w.to, member)
        buf_add(w.to.out, &score, 8)
        if not zset_prev(&w.at.scored):
            return True
    return False


cdef void add_scored(reader *r, entry *e, view member, double score, packing *limits) noexcept nogil:
    if r.bad or score != score or zset_set(r.mem, e, member, score, limits) != 1:
        r.bad = True


cdef double get_text_score(reader *r) noexcept nogil:
    """Reads a length and digits; 253 to 255 mean nan and the infinities."""
    cdef uint64_t n = get_bytes(r, 1, False)
    cdef double d = 0
    if n >= 253:
        r.bad = r.bad or n == 253
        return HUGE_VAL if n == 254 else -HUGE_VAL
    if more(r, n):
        r.bad = not parse_double(view_of(<const char *>r.p, n), &d)
        r.p += n
    return d


cdef double get_score(reader *r) noexcept nogil:
    cdef uint64_t bits = get_bytes(r, 8, False)
    cdef double d
    memcpy(&d, &bits, 8)
    return d


cdef void fill_from_members(reader *r, entry *e, int form, packing *limits) noexcept nogil:
    cdef uint64_t n = get_count(r, 9 if form == RDB_ZSET_2 else 2)
    cdef view member
    if r.bad or not zset_expand(r.mem, e, n, limits):
        r.bad = True
    while n and not r.bad:
        member = get_string(r, 0)
        add_scored(r, e, member, get_text_score(r) if form == RDB_ZSET else get_score(r), limits)
        n -= 1


cdef void fill_from_pairs(reader *r, entry *e, uint8_t *lp, packing *limits) noexcept nogil:
    """lp: the listpack, or NULL."""
    cdef char scratch[INT_TEXT]
    cdef char digits[INT_TEXT]
    cdef double score
    cdef uint8_t *p = lp_first(lp) if lp != NULL else NULL
    cdef uint8_t *after
    if lp != NULL and zset_adopt(r.mem, e, lp, limits):
        return
    while p != NULL and not r.bad:
        after = lp_next(p)
        if after == NULL or not parse_double(lp_get(after, digits), &score):
            r.bad = True
            break
        add_scored(r, e, lp_get(p, scratch), score, limits)
        p = lp_next(after)
    if lp != NULL:
        lp_free(r.mem, lp)


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef entry *e = zset_new(r.mem, key)
    cdef packing limits = zset_limits(r.s)
    if e == NULL:
        return NULL
    if form == RDB_ZSET or form == RDB_ZSET_2:
        fill_from_members(r, e, form, &limits)
    else:
        fill_from_pairs(r, e, get_ziplist(r) if form == RDB_ZSET_ZIPLIST else get_listpack(r), &limits)
    return e


value_files(ZSET, save, load)
for _form in (RDB_ZSET, RDB_ZSET_2, RDB_ZSET_ZIPLIST, RDB_ZSET_LISTPACK):
    value_form(_form, ZSET)
