"""Commands on lists. Encodings are internal to types/list.pyx; an open list is a quicklist here."""

from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from kvd.commands.keyed cimport arg_timeout, clip, drop_empty, find_or_make, find_typed, first_filled, read_pop_count
from kvd.core.entry cimport entry
from kvd.core.listpack cimport lp_equal, lp_get
from kvd.core.quicklist cimport (
    quicklist_cut, quicklist_insert, quicklist_next, quicklist_prev, quicklist_push, quicklist_remove,
    quicklist_replace, quicklist_seek, quickpos,
)
from kvd.core.text cimport INT_TEXT, parse_int
from kvd.core.view cimport view, view_is
from kvd.resp.writer cimport write_bulk, write_header_at, write_null_array
from kvd.run.after cimport wait_for_keys, wanted_keys
from kvd.run.args cimport (
    arg_int, arg_int_within, changed, propagate_as, propagates, reply_arity, reply_array, reply_bulk, reply_error,
    reply_int, reply_null, reply_ok,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_KEY, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_LIST, OPT_LIST_COMPRESS_DEPTH, OPT_LIST_MAX_LISTPACK_SIZE, cfg
from kvd.store.effects cimport effect_int, effect_word
from kvd.types.kind cimport LIST
from kvd.types.list cimport list_access, list_close, list_grow, list_len, list_new, list_open, list_repack


cdef list_shape list_limits(store *s) noexcept nogil:
    cdef list_shape shape
    shape.fill = cfg(&s.config, OPT_LIST_MAX_LISTPACK_SIZE)
    shape.depth = cfg(&s.config, OPT_LIST_COMPRESS_DEPTH)
    return shape


cdef void open_list(call *c, list_access *a, entry *e) noexcept nogil:
    list_open(a, &c.store.mem, e, list_limits(c.store))


cdef void write_at(call *c, quickpos *at) noexcept nogil:
    cdef char scratch[INT_TEXT]
    write_bulk(c.out, lp_get(at.p, scratch))


cdef void finish_removal(call *c, view key, entry *e, uint64_t hash, int64_t removed, const char *event) noexcept nogil:
    """The list is closed."""
    changed(c, key, removed, EVENT_LIST, event)
    if list_len(e) == 0:
        drop_empty(c, key, e, hash)
    else:
        list_repack(&c.store.mem, e, list_limits(c.store))


# ---- pushing ----------------------------------------------------------------------------------------

cdef bint push_all(call *c, entry *e, int first, int last, bint front) noexcept nogil:
    """Arguments first to last - 1, one after the other; False: no memory."""
    cdef list_access a
    cdef size_t bytes = 0
    cdef bint ok
    cdef int i
    for i in range(first, last):
        bytes += c.argv[i].len
    open_list(c, &a, e)
    ok = list_grow(&a, bytes, last - first)
    for i in range(first, last):
        ok = ok and quicklist_push(a.q, c.argv[i], front)
    list_close(&a)
    return ok


cdef void push_generic(call *c, bint front, bint only_known) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    if not find_typed(c, c.argv[1], LIST, False, &hash, &e):
        return
    if e == NULL:
        if only_known:
            reply_int(c, 0)
            return
        e = find_or_make(c, c.argv[1], LIST, list_new, &hash)
        if e == NULL:
            return
    if not push_all(c, e, 2, c.argc, front):
        reply_error(c, NO_MEMORY)
        if list_len(e) == 0:
            drop_empty(c, c.argv[1], e, hash)
        return
    reply_int(c, list_len(e))
    changed(c, c.argv[1], c.argc - 2, EVENT_LIST, <const char *>b"lpush" if front else <const char *>b"rpush")


define(lpush_command, """
    LPUSH key element [element ...]
    write denyoom fast | list | 1.0.0 | O(N) where N is the number of elements pushed
    Insert elements at the front of a list; return its length.
    keys: RW insert
""")
cdef void lpush_command(call *c) noexcept nogil:
    push_generic(c, True, False)


define(rpush_command, """
    RPUSH key element [element ...]
    write denyoom fast | list | 1.0.0 | O(N) where N is the number of elements pushed
    Append elements to a list; return its length.
    keys: RW insert
""")
cdef void rpush_command(call *c) noexcept nogil:
    push_generic(c, False, False)


define(lpushx_command, """
    LPUSHX key element [element ...]
    write denyoom fast | list | 2.2.0 | O(N) where N is the number of elements pushed
    Insert elements at the front of a list if the list exists; return its length.
    keys: RW insert
""")
cdef void lpushx_command(call *c) noexcept nogil:
    push_generic(c, True, True)


define(rpushx_command, """
    RPUSHX key element [element ...]
    write denyoom fast | list | 2.2.0 | O(N) where N is the number of elements pushed
    Append elements to a list if the list exists; return its length.
    keys: RW insert
""")
cdef void rpushx_command(call *c) noexcept nogil:
    push_generic(c, False, True)


# ---- popping ----------------------------------------------------------------------------------------

cdef void pop_many(call *c, view key, entry *e, uint64_t hash, bint front, int64_t count) noexcept nogil:
    """Writes and removes `count` elements; the list has at least that many."""
    cdef list_access a
    cdef quickpos at
    cdef int64_t i
    open_list(c, &a, e)
    quicklist_seek(a.q, 0 if front else -1, &at)
    for i in range(count):
        write_at(c, &at)
        if i < count - 1 and not (quicklist_next(a.q, &at) if front else quicklist_prev(a.q, &at)):
            break
    if count == 1:
        quicklist_remove(a.q, &at)
    else:
        quicklist_cut(a.q, 0 if front else <int64_t>a.q.count - count, count)
    list_close(&a)
    finish_removal(c, key, e, hash, count, <const char *>b"lpop" if front else <const char *>b"rpop")


cdef void propagate_pop(call *c, view key, bint front, int64_t count) noexcept nogil:
    """Of a command that has chosen among keys: LPOP or RPOP key count."""
    if propagates(c):
        propagate_as(c, b"LPOP" if front else b"RPOP", 3)
        effect_word(&c.store.effects, key)
        effect_int(&c.store.effects, count)


cdef void pop_generic(call *c, bint front) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t count = 1
    if c.argc > 3:
        reply_arity(c)
        return
    if c.argc == 3 and (not parse_int(c.argv[2], &count) or count < 0):
        reply_error(c, b"ERR value is out of range, must be positive")
        return
    if not find_typed(c, c.argv[1], LIST, False, &hash, &e):
        return
    if e == NULL:
        if c.argc == 3:
            write_null_array(c.out, c.proto)
        else:
            reply_null(c)
        return
    if c.argc == 3:
        count = min(count, <int64_t>list_len(e))
        reply_array(c, count)
        if count == 0:
            return
    pop_many(c, c.argv[1], e, hash, front, count)


define(lpop_command, """
    LPOP key [count]
    write fast | list | 1.0.0 | O(N) where N is the number of elements popped
    Remove and return the first elements of a list, by default one.
    keys: RW access delete
""")
cdef void lpop_command(call *c) noexcept nogil:
    pop_generic(c, True)


define(rpop_command, """
    RPOP key [count]
    write fast | list | 1.0.0 | O(N) where N is the number of elements popped
    Remove and return the last elements of a list, by default one.
    keys: RW access delete
""")
cdef void rpop_command(call *c) noexcept nogil:
    pop_generic(c, False)


cdef void bpop_generic(call *c, bint front) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t deadline
    cdef int found
    if not arg_timeout(c, c.argc - 1, &deadline) or not first_filled(c, LIST, 1, c.argc - 2, &found, &e, &hash):
        return
    if found:
        reply_array(c, 2)
        reply_bulk(c, c.argv[found])
        pop_many(c, c.argv[found], e, hash, front, 1)
        propagate_pop(c, c.argv[found], front, 1)
    else:
        wait_for_keys(c, wanted_keys(c, 1, c.argc - 2, LIST, deadline))


define(blpop_command, """
    BLPOP key [key ...] timeout
    write blocking | list | 2.0.0 | O(N) where N is the number of keys
    Pop the first element of the first non-empty list, blocking until one is available.
    keys: RW access delete
    at: 1 -2 1
""")
cdef void blpop_command(call *c) noexcept nogil:
    bpop_generic(c, True)


define(brpop_command, """
    BRPOP key [key ...] timeout
    write blocking | list | 2.0.0 | O(N) where N is the number of keys
    Pop the last element of the first non-empty list, blocking until one is available.
    keys: RW access delete
    at: 1 -2 1
""")
cdef void brpop_command(call *c) noexcept nogil:
    bpop_generic(c, False)


cdef bint read_side(call *c, int i, bint *front) noexcept nogil:
    """LEFT or RIGHT; False: neither, and the error is replied."""
    front[0] = view_is(c.argv[i], b"left")
    if front[0] or view_is(c.argv[i], b"right"):
        return True
    reply_error(c, SYNTAX)
    return False


cdef void lmpop_generic(call *c, int at, bint waits) noexcept nogil:
    """numkeys at argument `at`."""
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t deadline = 0
    cdef int64_t keys
    cdef int64_t count
    cdef int found, i
    cdef bint front
    if not parse_int(c.argv[at], &keys) or keys < 1:
        reply_error(c, b"ERR numkeys should be greater than 0")
        return
    if keys >= c.argc - at - 1:
        reply_error(c, SYNTAX)
        return
    i = at + 1 + <int>keys
    if not read_side(c, i, &front):
        return
    if not read_pop_count(c, i + 1, &count) or (waits and not arg_timeout(c, 1, &deadline)):
        return
    if not first_filled(c, LIST, at + 1, <int>keys, &found, &e, &hash):
        return
    if found:
        count = min(count, <int64_t>list_len(e))
        reply_array(c, 2)
        reply_bulk(c, c.argv[found])
        reply_array(c, count)
        pop_many(c, c.argv[found], e, hash, front, count)
        propagate_pop(c, c.argv[found], front, count)
    elif waits:
        wait_for_keys(c, wanted_keys(c, at + 1, <int>keys, LIST, deadline))
    else:
        write_null_array(c.out, c.proto)


define(lmpop_command, """
    LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]
    write | list | 7.0.0 | O(N+M) where N is the number of keys and M the number of elements popped
    Pop elements of the first non-empty list.
    keys: RW access delete
""")
cdef void lmpop_command(call *c) noexcept nogil:
    lmpop_generic(c, 1, False)


define(blmpop_command, """
    BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]
    write blocking | list | 7.0.0 | O(N+M) where N is the number of keys and M the number of elements popped
    Pop elements of the first non-empty list, blocking until one is available.
    keys: RW access delete
""")
cdef void blmpop_command(call *c) noexcept nogil:
    lmpop_generic(c, 2, True)


# ---- reading ----------------------------------------------------------------------------------------

define(llen_command, """
    LLEN key
    readonly fast | list | 1.0.0 | O(1)
    Return the length of a list.
    keys: RO
""")
cdef void llen_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    if find_typed(c, c.argv[1], LIST, True, &hash, &e):
        reply_int(c, list_len(e) if e != NULL else 0)


define(lindex_command, """
    LINDEX key index
    readonly | list | 1.0.0 | O(N) where N is the distance to the nearer end, over nodes of many elements
    Return an element of a list; negative indexes count from the end.
""")
cdef void lindex_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t index
    cdef list_access a
    cdef quickpos at
    if not find_typed(c, c.argv[1], LIST, True, &hash, &e):
        return
    if e == NULL:
        reply_null(c)
        return
    if not arg_int(c, 2, &index):
        return
    open_list(c, &a, e)
    if quicklist_seek(a.q, index, &at):
        write_at(c, &at)
    else:
        reply_null(c)
    list_close(&a)


define(lrange_command, """
    LRANGE key start stop
    readonly | list | 1.0.0 | O(S+N) where S is the distance of the start and N the number of elements returned
    Return a range of elements of a list; negative indexes count from the end.
""")
cdef void lrange_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t start, end
    cdef list_access a
    cdef quickpos at
    if not arg_int(c, 2, &start) or not arg_int(c, 3, &end) or not find_typed(c, c.argv[1], LIST, True, &hash, &e):
        return
    if e == NULL or not clip(list_len(e), &start, &end):
        reply_array(c, 0)
        return
    reply_array(c, end - start + 1)
    open_list(c, &a, e)
    quicklist_seek(a.q, start, &at)
    while True:
        write_at(c, &at)
        start += 1
        if start > end or not quicklist_next(a.q, &at):
            break
    list_close(&a)


cdef struct search:            # of LPOS
    int64_t rank
    int64_t count              # -1: the first only
    int64_t most               # elements compared; 0: all


cdef bint read_search(call *c, search *s) noexcept nogil:
    cdef int i = 3
    s.rank = 1
    s.count = -1
    s.most = 0
    while i < c.argc:
        if i + 1 >= c.argc:
            reply_error(c, SYNTAX)
            return False
        if view_is(c.argv[i], b"rank"):
            if not arg_int(c, i + 1, &s.rank):
                return False
            if s.rank == -<int64_t>0x7FFFFFFFFFFFFFFFLL - 1:
                reply_error(c, b"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
                return False
            if s.rank == 0:
                reply_error(c, b"ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list")
                return False
        elif view_is(c.argv[i], b"count"):
            if not parse_int(c.argv[i + 1], &s.count) or s.count < 0:
                reply_error(c, b"ERR COUNT can't be negative")
                return False
        elif view_is(c.argv[i], b"maxlen"):
            if not parse_int(c.argv[i + 1], &s.most) or s.most < 0:
                reply_error(c, b"ERR MAXLEN can't be negative")
                return False
        else:
            reply_error(c, SYNTAX)
            return False
        i += 2
    return True


cdef int64_t find_all(call *c, entry *e, search *s) noexcept nogil:
    """Replies the positions; returns their number."""
    cdef list_access a
    cdef quickpos at
    cdef bint back = s.rank < 0
    cdef int64_t skip = (-s.rank if back else s.rank) - 1
    cdef int64_t step = -1 if back else 1
    cdef int64_t index = <int64_t>list_len(e) - 1 if back else 0
    cdef int64_t looked = 0
    cdef int64_t n = 0
    cdef bint more
    open_list(c, &a, e)
    more = quicklist_seek(a.q, index, &at)
    while more and (s.most == 0 or looked < s.most):
        if lp_equal(at.p, c.argv[2]):
            if skip:
                skip -= 1
            else:
                reply_int(c, index)
                n += 1
                if s.count < 0 or n == s.count:
                    break
        index += step
        looked += 1
        more = quicklist_prev(a.q, &at) if back else quicklist_next(a.q, &at)
    list_close(&a)
    return n


define(lpos_command, """
    LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
    readonly | list | 6.0.6 | O(N) where N is the number of elements
    Return the index of an element in a list, or all of its indexes.
""")
cdef void lpos_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef search s
    cdef size_t begin
    cdef int64_t n = 0
    if not read_search(c, &s) or not find_typed(c, c.argv[1], LIST, True, &hash, &e):
        return
    begin = c.out.len
    if e != NULL:
        n = find_all(c, e, &s)
    if s.count >= 0:
        write_header_at(c.out, begin, c'*', n)
    elif n == 0:
        reply_null(c)


# ---- changing ---------------------------------------------------------------------------------------

define(lset_command, """
    LSET key index element
    write denyoom | list | 1.0.0 | O(N) where N is the distance to the nearer end
    Set the value of an element of a list.
    keys: RW update
""")
cdef void lset_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t index
    cdef list_access a
    cdef quickpos at
    cdef bint known
    cdef bint ok = False
    if not find_typed(c, c.argv[1], LIST, False, &hash, &e):
        return
    if e == NULL:
        reply_error(c, NO_KEY)
        return
    if not arg_int(c, 2, &index):
        return
    open_list(c, &a, e)
    ok = list_grow(&a, c.argv[3].len, 0)
    known = ok and quicklist_seek(a.q, index, &at)
    if known:
        ok = quicklist_replace(a.q, &at, c.argv[3])
    list_close(&a)
    list_repack(&c.store.mem, e, list_limits(c.store))
    if not ok:
        reply_error(c, NO_MEMORY)
    elif not known:
        reply_error(c, b"ERR index out of range")
    else:
        changed(c, c.argv[1], 1, EVENT_LIST, b"lset")
        reply_ok(c)


define(linsert_command, """
    LINSERT key <BEFORE | AFTER> pivot element
    write denyoom | list | 2.2.0 | O(N) where N is the number of elements before the pivot
    Insert an element before or after another.
    keys: RW insert
""")
cdef void linsert_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef list_access a
    cdef quickpos at
    cdef bint after = view_is(c.argv[2], b"after")
    cdef bint known, ok
    if not after and not view_is(c.argv[2], b"before"):
        reply_error(c, SYNTAX)
        return
    if not find_typed(c, c.argv[1], LIST, False, &hash, &e):
        return
    if e == NULL:
        reply_int(c, 0)
        return
    open_list(c, &a, e)
    ok = list_grow(&a, c.argv[4].len, 1)
    known = ok and quicklist_seek(a.q, 0, &at)
    while known and not lp_equal(at.p, c.argv[3]):
        known = quicklist_next(a.q, &at)
    if known:
        ok = quicklist_insert(a.q, &at, c.argv[4], after)
    list_close(&a)
    if not known:
        list_repack(&c.store.mem, e, list_limits(c.store))
    if not ok:
        reply_error(c, NO_MEMORY)
    elif not known:
        reply_int(c, -1)
    else:
        changed(c, c.argv[1], 1, EVENT_LIST, b"linsert")
        reply_int(c, list_len(e))


define(lrem_command, """
    LREM key count element
    write | list | 1.0.0 | O(N) where N is the number of elements
    Remove elements that are equal to a value: all (0), the first count, or with a negative count the last.
    keys: RW delete
""")
cdef void lrem_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t count, left
    cdef int64_t removed = 0
    cdef list_access a
    cdef quickpos at
    cdef bint back, more
    if not arg_int_within(c, 2, -INT64_MAX, INT64_MAX, &count) or not find_typed(c, c.argv[1], LIST, False, &hash, &e):
        return
    if e == NULL:
        reply_int(c, 0)
        return
    back = count < 0
    left = -count if back else count
    open_list(c, &a, e)
    more = quicklist_seek(a.q, -1 if back else 0, &at)
    while more:
        if not lp_equal(at.p, c.argv[3]):
            more = quicklist_prev(a.q, &at) if back else quicklist_next(a.q, &at)
            continue
        more = quicklist_remove(a.q, &at)
        removed += 1
        if removed == left:
            break
        if back:                       # it follows the removed one; if that was the last, start at the end
            more = quicklist_prev(a.q, &at) if more else quicklist_seek(a.q, -1, &at)
    list_close(&a)
    if removed:
        finish_removal(c, c.argv[1], e, hash, removed, b"lrem")
    reply_int(c, removed)


define(ltrim_command, """
    LTRIM key start stop
    write | list | 1.0.0 | O(N) where N is the number of elements removed
    Remove all elements outside a range.
    keys: RW delete
""")
cdef void ltrim_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    cdef int64_t start, end, n
    cdef list_access a
    if not arg_int(c, 2, &start) or not arg_int(c, 3, &end) or not find_typed(c, c.argv[1], LIST, False, &hash, &e):
        return
    if e == NULL:
        reply_ok(c)
        return
    n = list_len(e)
    if not clip(n, &start, &end):
        start = n
        end = n - 1
    open_list(c, &a, e)
    if end + 1 < n:
        quicklist_cut(a.q, end + 1, n - end - 1)
    if start > 0:
        quicklist_cut(a.q, 0, min(start, <int64_t>a.q.count))
    list_close(&a)
    finish_removal(c, c.argv[1], e, hash, n - <int64_t>list_len(e), b"ltrim")
    reply_ok(c)
