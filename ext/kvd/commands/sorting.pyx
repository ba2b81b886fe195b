"""SORT: the elements of a list, set or sorted set, sorted by themselves or by the values of other keys.

All elements, and the texts they are compared by, are copied into one arena first, because a lookup of
those keys may drop expired keys.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memset

from kvd.commands.keyed cimport delete_key, store_new_value
from kvd.commands.lists cimport list_limits
from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.entry cimport entry
from kvd.core.listpack cimport lp_get
from kvd.core.quicklist cimport quicklist_next, quicklist_prev, quicklist_push, quicklist_seek, quickpos
from kvd.core.slots cimport key_slot, pattern_slot
from kvd.core.text cimport INT_TEXT, parse_bound
from kvd.core.view cimport view, view_compare, view_is, view_of
from kvd.run.acl.enforce cimport may_read_all
from kvd.run.args cimport (
    arg_int, changed, find_read, propagate_as, propagate_key, propagates, reply_array, reply_bulk, reply_error,
    reply_int, reply_null,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX, WRONGTYPE
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_LIST, OPT_CLUSTER_ENABLED, cfg
from kvd.store.effects cimport effect_word
from kvd.types.hash cimport hash_get
from kvd.types.kind cimport HASH, LIST, SET, STRING, ZSET, type_of
from kvd.types.list cimport list_access, list_close, list_grow, list_len, list_new, list_open, list_repack
from kvd.types.set cimport set_cursor, set_len, set_next, set_start
from kvd.types.string cimport string_view
from kvd.types.value cimport value_free
from kvd.types.zset cimport zset_at, zset_cursor, zset_get, zset_len, zset_next, zset_prev

cdef struct piece:             # a text in the arena
    size_t at
    size_t len

cdef struct element:
    piece text
    piece by                   # the text compared by BY ... ALPHA
    bint compared              # it has one
    double score
    view self                  # text and `by` as views, valid when the arena no longer moves
    view key

cdef struct sorting:
    entry *e
    bint alpha
    bint descending
    bint asis                  # BY a constant: elements keep their order
    view by                    # ptr NULL: by the elements
    view *gets                 # patterns of GET
    int get_count
    int64_t offset
    int64_t count              # -1: all
    view target                # of STORE; ptr NULL: none
    buf arena
    element *item
    int64_t n
    int64_t first              # of those that are returned
    int64_t last
    bint not_numbers


cdef inline bint is_element(view pattern) noexcept nogil:
    return pattern.len == 1 and pattern.ptr[0] == c'#'


cdef bint leaves_slot(call *c, view pattern) noexcept nogil:
    """In a cluster: may the keys that it forms be in another slot than the sorted key?"""
    return cfg(&c.store.config, OPT_CLUSTER_ENABLED) and pattern_slot(pattern) != key_slot(c.argv[1])


cdef bint read_sorting(call *c, bint reads_only, sorting *s) noexcept nogil:
    """False: the error is replied."""
    cdef int i = 2
    memset(s, 0, sizeof(sorting))
    s.count = -1
    s.gets = <view *>malloc(c.argc * sizeof(view))
    if s.gets == NULL:
        reply_error(c, NO_MEMORY)
        return False
    while i < c.argc:
        if view_is(c.argv[i], b"asc"):
            s.descending = False
        elif view_is(c.argv[i], b"desc"):
            s.descending = True
        elif view_is(c.argv[i], b"alpha"):
            s.alpha = True
        elif i + 2 < c.argc and view_is(c.argv[i], b"limit"):
            if not arg_int(c, i + 1, &s.offset) or not arg_int(c, i + 2, &s.count):
                return False
            i += 2
        elif i + 1 < c.argc and not reads_only and view_is(c.argv[i], b"store"):
            i += 1
            s.target = c.argv[i]
        elif i + 1 < c.argc and view_is(c.argv[i], b"by"):
            i += 1
            s.by = c.argv[i]
            s.asis = star_of(s.by) == s.by.len
            if not s.asis and leaves_slot(c, s.by):
                reply_error(c, b"ERR BY option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.")
                return False
            if not s.asis and not may_read_all(c):
                reply_error(c, b"ERR BY option of SORT denied due to insufficient ACL permissions.")
                return False
        elif i + 1 < c.argc and view_is(c.argv[i], b"get"):
            i += 1
            if not is_element(c.argv[i]) and leaves_slot(c, c.argv[i]):
                reply_error(c, b"ERR GET option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.")
                return False
            if not may_read_all(c):
                reply_error(c, b"ERR GET option of SORT denied due to insufficient ACL permissions.")
                return False
            s.gets[s.get_count] = c.argv[i]
            s.get_count += 1
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    return True


cdef size_t star_of(view v) noexcept nogil:
    """The position of its first *; its length without one."""
    cdef size_t i = 0
    while i < v.len and v.ptr[i] != c'*':
        i += 1
    return i


# ---- gathering --------------------------------------------------------------------------------------

cdef piece keep(sorting *s, view v) noexcept nogil:
    cdef piece p
    p.at = s.arena.len
    p.len = v.len
    buf_add(&s.arena, v.ptr, v.len)
    return p


cdef void take(sorting *s, view v) noexcept nogil:
    s.item[s.n].text = keep(s, v)
    s.n += 1


cdef void take_list(call *c, sorting *s, int64_t first, int64_t count) noexcept nogil:
    """From the end, if the order is kept and DESC."""
    cdef list_access a
    cdef quickpos at
    cdef char scratch[INT_TEXT]
    cdef bint back = s.asis and s.descending
    cdef bint more
    list_open(&a, &c.store.mem, s.e, list_limits(c.store))
    more = quicklist_seek(a.q, -1 - first if back else first, &at)
    while more and count > 0:
        take(s, lp_get(at.p, scratch))
        count -= 1
        more = quicklist_prev(a.q, &at) if back else quicklist_next(a.q, &at)
    list_close(&a)


cdef void take_zset(sorting *s, int64_t first, int64_t count) noexcept nogil:
    cdef zset_cursor at
    cdef view member
    cdef bint back = s.asis and s.descending
    cdef bint more = zset_at(s.e, zset_len(s.e) - 1 - first if back else first, &at)
    while more and count > 0:
        zset_get(&at, &member)
        take(s, member)
        count -= 1
        more = zset_prev(&at) if back else zset_next(&at)


cdef void take_set(sorting *s) noexcept nogil:
    cdef set_cursor at
    cdef view member
    set_start(s.e, &at)
    while set_next(&at, &member):
        take(s, member)


cdef int64_t length(entry *e) noexcept nogil:
    if e == NULL:
        return 0
    return list_len(e) if type_of(e) == LIST else set_len(e) if type_of(e) == SET else zset_len(e)


cdef bint gather(call *c, sorting *s) noexcept nogil:
    """All elements, or those of the range if the order is kept; first and last bound the result."""
    cdef int64_t n = length(s.e)
    cdef int64_t count = min(max(s.count, <int64_t>-1), n)
    s.first = min(max(s.offset, <int64_t>0), n)
    s.last = n - 1 if count < 0 else s.first + count - 1
    if s.first >= n:
        s.first = n - 1
        s.last = n - 2
    s.last = min(s.last, n - 1)
    if s.asis and s.e != NULL and type_of(s.e) != SET:
        n = max(s.last - s.first + 1, <int64_t>0)
    s.item = <element *>calloc(n + 1, sizeof(element))
    if s.item == NULL:
        return False
    if s.e == NULL or n == 0:
        s.first = 0
        s.last = -1
        return True
    if type_of(s.e) == SET:
        take_set(s)
    elif type_of(s.e) == LIST:
        take_list(c, s, s.first if s.asis else 0, n)
    else:
        take_zset(s, s.first if s.asis else 0, n)
    if s.asis and type_of(s.e) != SET:
        s.first = 0
        s.last = s.n - 1
    return not s.arena.failed


# ---- looking up -------------------------------------------------------------------------------------

cdef inline view text_of(sorting *s, piece p) noexcept nogil:
    return view_of(s.arena.ptr + p.at, p.len)


cdef size_t arrow_of(view v, size_t at) noexcept nogil:
    """The position of -> if a field follows it; else the length."""
    while at + 2 < v.len:
        if v.ptr[at] == c'-' and v.ptr[at + 1] == c'>':
            return at
        at += 1
    return v.len


cdef bint lookup(call *c, view pattern, view element, buf *name, char *scratch, view *value) noexcept nogil:
    """The value of the pattern for the element: #, key* or key*->field. False: there is none."""
    cdef size_t star = star_of(pattern)
    cdef size_t arrow
    cdef uint64_t hash
    cdef entry *e
    if is_element(pattern):
        value[0] = element
        return True
    if star == pattern.len:
        return False
    arrow = arrow_of(pattern, star + 1)
    name.len = 0
    buf_add(name, pattern.ptr, star)
    buf_add(name, element.ptr, element.len)
    buf_add(name, pattern.ptr + star + 1, arrow - star - 1)
    if name.failed:
        return False
    e = find_read(c, view_of(name.ptr, name.len), &hash)
    if e == NULL:
        return False
    if arrow < pattern.len:
        return type_of(e) == HASH and hash_get(e, view_of(pattern.ptr + arrow + 2, pattern.len - arrow - 2), value, scratch)
    if type_of(e) != STRING:
        return False
    value[0] = string_view(e, scratch)
    return True


cdef bint number(view v, double *d) noexcept nogil:
    """A missing value is 0."""
    d[0] = 0
    return v.len == 0 or parse_bound(v, d)


cdef void weigh(call *c, sorting *s) noexcept nogil:
    """Sets the number or text that each element is compared by."""
    cdef buf name
    cdef char scratch[INT_TEXT]
    cdef view value
    cdef element *one
    cdef int64_t i
    memset(&name, 0, sizeof(name))
    for i in range(s.n):
        one = &s.item[i]
        value = text_of(s, one.text)
        one.compared = s.by.ptr == NULL or lookup(c, s.by, value, &name, scratch, &value)
        if not one.compared:
            continue
        if s.alpha:
            one.by = keep(s, value) if s.by.ptr != NULL else one.text
        elif not number(value, &one.score):
            s.not_numbers = True
    buf_release(&name)
    for i in range(s.n):
        s.item[i].self = text_of(s, s.item[i].text)
        s.item[i].key = text_of(s, s.item[i].by)


# ---- ordering ---------------------------------------------------------------------------------------

cdef int by_score(const void *a, const void *b) noexcept nogil:
    cdef const element *x = <const element *>a
    cdef const element *y = <const element *>b
    if x.score != y.score:
        return 1 if x.score > y.score else -1
    return view_compare(x.self, y.self)


cdef int by_text(const void *a, const void *b) noexcept nogil:
    """Elements without a text come first."""
    cdef const element *x = <const element *>a
    cdef const element *y = <const element *>b
    if not x.compared or not y.compared:
        return x.compared - y.compared
    return view_compare(x.key, y.key)


cdef int by_score_down(const void *a, const void *b) noexcept nogil:
    return by_score(b, a)


cdef int by_text_down(const void *a, const void *b) noexcept nogil:
    return by_text(b, a)


cdef void order(sorting *s) noexcept nogil:
    if s.alpha:
        qsort(s.item, s.n, sizeof(element), by_text_down if s.descending else by_text)
    else:
        qsort(s.item, s.n, sizeof(element), by_score_down if s.descending else by_score)


# ---- replying ---------------------------------------------------------------------------------------

cdef void reply_sorted(call *c, sorting *s) noexcept nogil:
    cdef buf name
    cdef char scratch[INT_TEXT]
    cdef view value
    cdef int64_t i
    cdef int k
    memset(&name, 0, sizeof(name))
    reply_array(c, (s.last - s.first + 1) * max(s.get_count, 1))
    for i in range(s.first, s.last + 1):
        if s.get_count == 0:
            reply_bulk(c, text_of(s, s.item[i].text))
        for k in range(s.get_count):
            if lookup(c, s.gets[k], text_of(s, s.item[i].text), &name, scratch, &value):
                reply_bulk(c, value)
            else:
                reply_null(c)
    buf_release(&name)


cdef bint push_sorted(call *c, sorting *s, entry *e) noexcept nogil:
    """False: no memory."""
    cdef list_access a
    cdef buf name
    cdef char scratch[INT_TEXT]
    cdef view value
    cdef int64_t i
    cdef int k
    cdef bint ok = True
    memset(&name, 0, sizeof(name))
    list_open(&a, &c.store.mem, e, list_limits(c.store))
    for i in range(s.first, s.last + 1):
        for k in range(max(s.get_count, 1)):
            if s.get_count == 0:
                value = text_of(s, s.item[i].text)
            elif not lookup(c, s.gets[k], text_of(s, s.item[i].text), &name, scratch, &value):
                value = view_of(NULL, 0)
            ok = ok and list_grow(&a, value.len, 1) and quicklist_push(a.q, value, False)
    list_close(&a)
    buf_release(&name)
    return ok


cdef void propagate_list(call *c, view key, entry *e) noexcept nogil:
    """Propagates the resulting list: the order of equal elements depends on this server."""
    cdef list_access a
    cdef quickpos at
    cdef char scratch[INT_TEXT]
    cdef bint more
    if not propagates(c):
        return
    propagate_key(c, b"DEL", key)
    propagate_as(c, b"RPUSH", 2 + <int>list_len(e))
    effect_word(&c.store.effects, key)
    list_open(&a, &c.store.mem, e, list_limits(c.store))
    more = quicklist_seek(a.q, 0, &at)
    while more:
        effect_word(&c.store.effects, lp_get(at.p, scratch))
        more = quicklist_next(a.q, &at)
    list_close(&a)
    list_repack(&c.store.mem, e, list_limits(c.store))


cdef void store_sorted(call *c, sorting *s) noexcept nogil:
    cdef entry *e
    if s.last < s.first:
        delete_key(c, c.db, s.target, b"del")
        reply_int(c, 0)
        return
    e = list_new(&c.store.mem, s.target)
    if e == NULL or not push_sorted(c, s, e):
        if e != NULL:
            value_free(&c.store.mem, e)
        reply_error(c, NO_MEMORY)
    elif store_new_value(c, c.db, s.target, e):
        changed(c, s.target, list_len(e), EVENT_LIST, b"sortstore")
        propagate_list(c, s.target, e)
        reply_int(c, (s.last - s.first + 1) * max(s.get_count, 1))


cdef void sort_and_reply(call *c, sorting *s) noexcept nogil:
    cdef uint64_t hash
    s.e = find_read(c, c.argv[1], &hash)
    if s.e != NULL and type_of(s.e) != LIST and type_of(s.e) != SET and type_of(s.e) != ZSET:
        reply_error(c, WRONGTYPE)
        return
    if s.asis and (s.target.ptr != NULL or c.from_script) and s.e != NULL and type_of(s.e) == SET:
        s.asis = False             # sets are unordered; results that are stored, or used by a script, must be deterministic
        s.alpha = True
        s.by.ptr = NULL
    if not gather(c, s):
        reply_error(c, NO_MEMORY)
        return
    if not s.asis:
        weigh(c, s)
        order(s)
    if s.not_numbers:
        reply_error(c, b"ERR One or more scores can't be converted into double")
    elif s.arena.failed:
        reply_error(c, NO_MEMORY)
    elif s.target.ptr == NULL:
        reply_sorted(c, s)
    else:
        store_sorted(c, s)


cdef void sort_generic(call *c, bint reads_only) noexcept nogil:
    cdef sorting s
    if read_sorting(c, reads_only, &s):
        sort_and_reply(c, &s)
    free(s.gets)
    free(s.item)
    buf_release(&s.arena)


define(sort_command, """
    SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]
    write denyoom dangerous | generic | 1.0.0 | O(N+M*log(M)) where N is the number of elements and M of those returned
    Return, or store, the elements of a list, set or sorted set in order.
    keys: RO access; OW update
    at: 1 1 1
    words: 2 STORE
    categories: write set sortedset list slow dangerous
""")
cdef void sort_command(call *c) noexcept nogil:
    sort_generic(c, False)


define(sort_ro_command, """
    SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]
    readonly dangerous movablekeys | generic | 7.0.0 | O(N+M*log(M)) where N is the number of elements and M of those returned
    Return the elements of a list, set or sorted set in order.
    keys: RO access
    at: 1 1 1
    categories: read set sortedset list slow dangerous
""")
cdef void sort_ro_command(call *c) noexcept nogil:
    sort_generic(c, True)
