"""Sets in RDB files: members one by one, or the intset as in memory.

A packed set is written member by member, as servers before 7.2 require; the packed form is read, too.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from kvd.commands.keyed cimport set_limits
from kvd.core.entry cimport entry, entry_payload
from kvd.core.intset cimport intset_at, intset_bytes, intset_check, intset_count
from kvd.core.listpack cimport lp_first, lp_free, lp_get, lp_next
from kvd.core.mem cimport mem_free
from kvd.core.text cimport INT_TEXT, format_int
from kvd.core.view cimport view, view_of
from kvd.persist.rdb.forms cimport RDB_SET, RDB_SET_INTSET, RDB_SET_LISTPACK
from kvd.persist.rdb.lengths cimport (
    copy_bytes, get_count, get_listpack, get_string, put_blob, put_length, put_string, reader,
)
from kvd.persist.rdb.values cimport put_form, saving, value_form
from kvd.types.kind cimport SET, encoding_of, packing
from kvd.types.set cimport (
    SET_INTS, set_add, set_adopt, set_adopt_ints, set_expand, set_len, set_new, set_next, set_start,
)
from kvd.types.value cimport value_files


cdef bint save(void *context) noexcept nogil:
    cdef saving *w = <saving *>context
    cdef view member
    if not w.begun:
        if encoding_of(w.e) == SET_INTS:
            put_form(w, RDB_SET_INTSET)
            put_blob(&w.to, entry_payload(w.e)[0], intset_bytes(<uint8_t *>entry_payload(w.e)[0]))
            return True
        put_form(w, RDB_SET)
        put_length(w.to.out, set_len(w.e))
        set_start(w.e, &w.at.members)
    while w.to.out.len < w.upto:
        if not set_next(&w.at.members, &member):
            return True
        put_string(&w.to, member)
    return False


cdef void add_member(reader *r, entry *e, view member, packing *limits) noexcept nogil:
    if r.bad or set_add(r.mem, e, member, limits) != 1:
        r.bad = True               # also a duplicate member


cdef void fill_from_members(reader *r, entry *e, packing *limits) noexcept nogil:
    cdef uint64_t n = get_count(r, 1)
    if not r.bad:
        set_expand(r.mem, e, n, limits)
    while n and not r.bad:
        add_member(r, e, get_string(r, 0), limits)
        n -= 1


cdef void fill_from_intset(reader *r, entry *e, packing *limits) noexcept nogil:
    cdef view v = get_string(r, 0)
    cdef const uint8_t *s = <const uint8_t *>v.ptr
    cdef char scratch[INT_TEXT]
    cdef uint8_t *copy
    cdef uint32_t i
    if r.bad or intset_check(s, v.len) != NULL or intset_count(s) == 0:
        r.bad = True
        return
    copy = copy_bytes(r, v)
    if copy == NULL or set_adopt_ints(r.mem, e, copy, limits):
        return
    mem_free(r.mem, copy, v.len)
    for i in range(intset_count(s)):
        add_member(r, e, view_of(scratch, format_int(scratch, intset_at(s, i))), limits)


cdef void fill_from_listpack(reader *r, entry *e, packing *limits) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef uint8_t *lp = get_listpack(r)
    cdef uint8_t *p = lp_first(lp) if lp != NULL else NULL
    if lp != NULL and set_adopt(r.mem, e, lp, limits):
        return
    while p != NULL and not r.bad:
        add_member(r, e, lp_get(p, scratch), limits)
        p = lp_next(p)
    if lp != NULL:
        lp_free(r.mem, lp)


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef entry *e = set_new(r.mem, key)
    cdef packing limits = set_limits(r.s)
    if e == NULL:
        return NULL
    if form == RDB_SET:
        fill_from_members(r, e, &limits)
    elif form == RDB_SET_INTSET:
        fill_from_intset(r, e, &limits)
    else:
        fill_from_listpack(r, e, &limits)
    return e


value_files(SET, save, load)
for _form in (RDB_SET, RDB_SET_INTSET, RDB_SET_LISTPACK):
    value_form(_form, SET)
