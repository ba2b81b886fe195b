"""Sets.

    integers   BOXED, an intset        while all members are integers, up to set-max-intset-entries
    packed     BOXED, a listpack       up to set-max-listpack-entries members, none above -value bytes
    table      BOXED, a table          entries without a value

A set is only ever converted downwards in this list. A set of integers that gets another member becomes packed if
it fits, else a table.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from kvd.core.entry cimport BOXED, TIMED, entry_bytes, entry_free, entry_inline, entry_key, entry_new, entry_payload
from kvd.core.intset cimport (
    intset_add, intset_at, intset_bytes, intset_check, intset_copy, intset_count, intset_free, intset_has, intset_new,
    intset_remove,
)
from kvd.core.listpack cimport (
    lp_append, lp_append_int, lp_bytes, lp_check, lp_copy, lp_count, lp_delete, lp_find, lp_first, lp_free, lp_get,
    lp_longest, lp_new, lp_next, lp_repeats, lp_seek,
)
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free
from kvd.core.random cimport rng_below
from kvd.core.table cimport (
    table, table_bytes, table_check, table_drain, table_expand, table_find, table_hash, table_init, table_insert,
    table_next, table_random, table_remove, table_scan,
)
from kvd.core.text cimport digits, format_int, parse_int
from kvd.core.view cimport view_of
from kvd.types.kind cimport SET, boxed_new, encoding_of, kind_of

cdef const char *NAMES[3]
NAMES[:] = [b"intset", b"listpack", b"hashtable"]


cdef inline uint8_t **bytes_of(entry *e) noexcept nogil:
    """The intset or listpack."""
    return <uint8_t **>entry_payload(e)


cdef const char *set_encoding_name(entry *e) noexcept nogil:
    return NAMES[encoding_of(e)]


cdef entry *set_new(heap *h, view key) noexcept nogil:
    cdef uint8_t *s = intset_new(h)
    cdef entry *e = boxed_new(h, key, SET, SET_INTS, s)
    if e == NULL and s != NULL:
        intset_free(h, s)
    return e


cdef size_t set_len(entry *e) noexcept nogil:
    if encoding_of(e) == SET_INTS:
        return intset_count(bytes_of(e)[0])
    if encoding_of(e) == SET_PACKED:
        return lp_count(bytes_of(e)[0])
    return set_table_of(e).items


cdef bint set_has(entry *e, view member) noexcept nogil:
    cdef int64_t n
    if encoding_of(e) == SET_INTS:
        return parse_int(member, &n) and intset_has(bytes_of(e)[0], n)
    if encoding_of(e) == SET_PACKED:
        return lp_find(bytes_of(e)[0], lp_first(bytes_of(e)[0]), member, 0) != NULL
    return table_find(set_table_of(e), member, table_hash(member)) != NULL


# ---- changing ---------------------------------------------------------------------------------------

cdef int add_to_table(heap *h, table *t, view member) noexcept nogil:
    cdef uint64_t hash = table_hash(member)
    cdef entry *m
    if table_find(t, member, hash) != NULL:
        return 0
    m = entry_new(h, member, 0, 0)
    if m == NULL:
        return -1
    if table_insert(t, m, hash):
        return 1
    entry_free(h, m)
    return -1


cdef void drop_table(heap *h, table *t) noexcept nogil:
    cdef entry *m
    while True:
        m = table_drain(t)
        if m == NULL:
            break
        entry_free(h, m)
    mem_free(h, t, sizeof(table))


cdef void drop_bytes(heap *h, entry *e) noexcept nogil:
    if encoding_of(e) == SET_INTS:
        intset_free(h, bytes_of(e)[0])
    else:
        lp_free(h, bytes_of(e)[0])


cdef bint to_table(heap *h, entry *e) noexcept nogil:
    cdef table *t = <table *>mem_alloc(h, sizeof(table))
    cdef set_cursor c
    cdef view member
    if t == NULL:
        return False
    table_init(t, h)
    set_start(e, &c)
    while set_next(&c, &member):
        if add_to_table(h, t, member) < 0:
            drop_table(h, t)
            return False
    drop_bytes(h, e)
    entry_payload(e)[0] = t
    e.kind = kind_of(SET, SET_TABLE)
    return True


cdef bint to_packed(heap *h, entry *e) noexcept nogil:
    cdef uint8_t *lp = lp_new(h)
    cdef size_t i
    if lp == NULL:
        return False
    for i in range(set_len(e)):
        if not lp_append_int(h, &lp, intset_at(bytes_of(e)[0], <unsigned int>i)):
            lp_free(h, lp)
            return False
    intset_free(h, bytes_of(e)[0])
    bytes_of(e)[0] = lp
    e.kind = kind_of(SET, SET_PACKED)
    return True


cdef int widest(entry *e) noexcept nogil:
    """Characters of the longest integer: the first or the last."""
    cdef int64_t a = intset_at(bytes_of(e)[0], 0)
    cdef int64_t b = intset_at(bytes_of(e)[0], <unsigned int>(set_len(e) - 1))
    return max(digits(-<uint64_t>a) + 1 if a < 0 else digits(a), digits(-<uint64_t>b) + 1 if b < 0 else digits(b))


cdef int set_add(heap *h, entry *e, view member, packing *limits) noexcept nogil:
    cdef int64_t n
    cdef int64_t items
    cdef int result
    if encoding_of(e) == SET_INTS:
        if parse_int(member, &n):
            result = intset_add(h, bytes_of(e), n)
            if result == 1 and <int64_t>set_len(e) > min(limits.integers, <int64_t>1 << 30):
                to_table(h, e)
            return result
        items = set_len(e)
        if items < limits.entries and <int64_t>member.len <= limits.value and (items == 0 or widest(e) <= limits.value):
            if not to_packed(h, e):
                return -1
        elif not to_table(h, e):
            return -1
    if encoding_of(e) == SET_PACKED:
        if lp_find(bytes_of(e)[0], lp_first(bytes_of(e)[0]), member, 0) != NULL:
            return 0
        if <int64_t>lp_count(bytes_of(e)[0]) < limits.entries and <int64_t>member.len <= limits.value:
            return 1 if lp_append(h, bytes_of(e), member) else -1
        if not to_table(h, e):
            return -1
    return add_to_table(h, set_table_of(e), member)


cdef bint set_adopt(heap *h, entry *e, uint8_t *lp, packing *limits) noexcept nogil:
    if <int64_t>lp_count(lp) > limits.entries or <int64_t>lp_longest(lp) > limits.value or lp_repeats(lp, 0):
        return False
    drop_bytes(h, e)
    bytes_of(e)[0] = lp
    e.kind = kind_of(SET, SET_PACKED)
    return True


cdef bint set_adopt_ints(heap *h, entry *e, uint8_t *ints, packing *limits) noexcept nogil:
    if <int64_t>intset_count(ints) > min(limits.integers, <int64_t>1 << 30):
        return False
    drop_bytes(h, e)
    bytes_of(e)[0] = ints
    return True


cdef void set_expand(heap *h, entry *e, size_t members, packing *limits) noexcept nogil:
    if encoding_of(e) == SET_INTS and <int64_t>members > limits.integers:
        if set_len(e) == 0 and <int64_t>members <= limits.entries:
            to_packed(h, e)
        else:
            to_table(h, e)
    elif encoding_of(e) == SET_PACKED and <int64_t>members > limits.entries:
        to_table(h, e)
    if encoding_of(e) == SET_TABLE:
        table_expand(set_table_of(e), members)


cdef bint set_remove(heap *h, entry *e, view member) noexcept nogil:
    cdef int64_t n
    cdef uint8_t *p
    cdef uint64_t hash
    cdef entry *m
    if encoding_of(e) == SET_INTS:
        return parse_int(member, &n) and intset_remove(h, bytes_of(e), n)
    if encoding_of(e) == SET_PACKED:
        p = lp_find(bytes_of(e)[0], lp_first(bytes_of(e)[0]), member, 0)
        if p != NULL:
            lp_delete(h, bytes_of(e), p, 1)
        return p != NULL
    hash = table_hash(member)
    m = table_find(set_table_of(e), member, hash)
    if m == NULL:
        return False
    table_remove(set_table_of(e), m, hash)
    entry_free(h, m)
    return True


# ---- walking ----------------------------------------------------------------------------------------

cdef void set_start(entry *e, set_cursor *c) noexcept nogil:
    c.e = e
    c.i = 0
    c.p = lp_first(bytes_of(e)[0]) if encoding_of(e) == SET_PACKED else NULL
    memset(&c.at, 0, sizeof(c.at))


cdef bint set_next(set_cursor *c, view *member) noexcept nogil:
    cdef entry *m
    if encoding_of(c.e) == SET_INTS:
        if c.i == set_len(c.e):
            return False
        member[0] = view_of(c.text, format_int(c.text, intset_at(bytes_of(c.e)[0], c.i)))
        c.i += 1
        return True
    if encoding_of(c.e) == SET_PACKED:
        if c.p == NULL:
            return False
        member[0] = lp_get(c.p, c.text)
        c.p = lp_next(c.p)
        return True
    m = table_next(set_table_of(c.e), &c.at)
    if m == NULL:
        return False
    member[0] = entry_key(m)
    return True


cdef view set_random(entry *e, rng *r, char *scratch) noexcept nogil:
    cdef size_t i
    if encoding_of(e) == SET_TABLE:
        return entry_key(table_random(set_table_of(e), r))
    i = rng_below(r, set_len(e))
    if encoding_of(e) == SET_INTS:
        return view_of(scratch, format_int(scratch, intset_at(bytes_of(e)[0], <unsigned int>i)))
    return lp_get(lp_seek(bytes_of(e)[0], i), scratch)


cdef struct visitor:
    member_visit f
    void *context


cdef void visit_member(entry *m, void *context) noexcept nogil:
    cdef visitor *v = <visitor *>context
    v.f(entry_key(m), v.context)


cdef uint64_t set_scan(entry *e, uint64_t cursor, member_visit f, void *context) noexcept nogil:
    """Small sets are returned whole."""
    cdef set_cursor c
    cdef view member
    cdef visitor v
    if encoding_of(e) != SET_TABLE:
        set_start(e, &c)
        while set_next(&c, &member):
            f(member, context)
        return 0
    v.f = f
    v.context = context
    return table_scan(set_table_of(e), cursor, visit_member, &v)


# ---- functions of the type's row --------------------------------------------------------------------

cdef bint set_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    cdef entry *m
    if encoding_of(e) != SET_TABLE:
        drop_bytes(h, e)
        return True
    while budget[0] > 0:
        m = table_drain(set_table_of(e))
        if m == NULL:
            mem_free(h, set_table_of(e), sizeof(table))
            return True
        entry_free(h, m)
        budget[0] -= 1
    return False


cdef size_t set_parts(entry *e) noexcept nogil:
    return set_len(e) if encoding_of(e) == SET_TABLE else 1


cdef size_t set_bytes(entry *e, size_t samples) noexcept nogil:
    cdef set_cursor c
    cdef entry *m
    cdef size_t n = 0
    cdef size_t seen = 0
    if encoding_of(e) == SET_INTS:
        return mem_cost(intset_bytes(bytes_of(e)[0]))
    if encoding_of(e) == SET_PACKED:
        return mem_cost(lp_bytes(bytes_of(e)[0]))
    set_start(e, &c)
    while samples == 0 or seen < samples:
        m = table_next(set_table_of(e), &c.at)
        if m == NULL:
            break
        n += mem_cost(entry_bytes(m))
        seen += 1
    if seen:
        n = n * set_len(e) // seen
    return n + mem_cost(sizeof(table)) + table_bytes(set_table_of(e))


cdef bint set_copy(heap *h, entry *source, entry *copy) noexcept nogil:
    cdef table *t
    cdef set_cursor c
    cdef view member
    if encoding_of(source) == SET_INTS:
        bytes_of(copy)[0] = intset_copy(h, bytes_of(source)[0])
        return bytes_of(copy)[0] != NULL
    if encoding_of(source) == SET_PACKED:
        bytes_of(copy)[0] = lp_copy(h, bytes_of(source)[0])
        return bytes_of(copy)[0] != NULL
    t = <table *>mem_alloc(h, sizeof(table))
    if t == NULL:
        return False
    table_init(t, h)
    set_start(source, &c)
    while set_next(&c, &member):
        if add_to_table(h, t, member) < 0:
            drop_table(h, t)
            return False
    entry_payload(copy)[0] = t
    return True


cdef const char *check_members(table *t) noexcept nogil:
    cdef table_cursor at
    cdef entry *m
    cdef const char *wrong = table_check(t)
    memset(&at, 0, sizeof(at))
    m = table_next(t, &at) if wrong == NULL else NULL
    while m != NULL:
        if m.flags & (TIMED | BOXED) or entry_inline(m).len:
            return b"a member of a set has a value"
        m = table_next(t, &at)
    return wrong


cdef const char *set_check(entry *e) noexcept nogil:
    cdef uint8_t *p = bytes_of(e)[0]
    cdef const char *wrong
    if encoding_of(e) == SET_INTS:
        return intset_check(p, intset_bytes(p)) if intset_count(p) else NULL
    if encoding_of(e) == SET_PACKED:
        wrong = lp_check(p, lp_bytes(p))
        if wrong == NULL and lp_repeats(p, 0):
            wrong = b"a packed set has a member twice"
        return wrong
    if encoding_of(e) != SET_TABLE:
        return b"a set of unknown encoding"
    return check_members(set_table_of(e))
