"""Sorted sets.

    packed   BOXED, a listpack of member, score, member, score in order    until zset-max-listpack-entries or -value
    tree     BOXED, a struct of table and ranked tree

In the tree form a member is an entry whose payload is its score; the table finds it by its bytes, the
tree by score or rank. Both borrow the same entry, which the table's side frees. Scores in a listpack are
integers where they have no fraction, and text otherwise.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from kvd.core.entry cimport BOXED, entry_bytes, entry_free, entry_key, entry_new, entry_payload
from kvd.core.listpack cimport (
    lp_bytes, lp_check, lp_copy, lp_count, lp_delete, lp_find, lp_first, lp_free, lp_get, lp_get_int, lp_insert,
    lp_insert_int, lp_longest, lp_new, lp_next, lp_prev, lp_repeats, lp_seek,
)
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free
from kvd.core.ranked cimport (
    place_next, place_prev, ranked, ranked_at, ranked_before, ranked_below, ranked_bytes, ranked_check,
    ranked_free_some, ranked_init, ranked_insert, ranked_lex_below, ranked_remove,
)
from kvd.core.table cimport (
    table, table_bytes, table_check, table_cursor, table_drain, table_expand, table_find, table_hash, table_init, table_insert,
    table_next, table_remove, table_scan,
)
from kvd.core.text cimport DOUBLE_TEXT, format_double, parse_double
from kvd.core.view cimport view_compare, view_of
from kvd.types.kind cimport ZSET, boxed_new, encoding_of, kind_of

cdef struct zset_tree:
    table members
    ranked order


cdef inline uint8_t **packed(entry *e) noexcept nogil:
    return <uint8_t **>entry_payload(e)


cdef inline zset_tree *tree(entry *e) noexcept nogil:
    return <zset_tree *>entry_payload(e)[0]


cdef inline bint is_packed(entry *e) noexcept nogil:
    return encoding_of(e) == ZSET_PACKED


cdef inline double *score_of(entry *m) noexcept nogil:
    """Of a member of the tree form: its payload."""
    return <double *>entry_payload(m)


cdef const char *zset_encoding_name(entry *e) noexcept nogil:
    return b"listpack" if is_packed(e) else b"skiplist"


cdef entry *zset_new(heap *h, view key) noexcept nogil:
    cdef uint8_t *lp = lp_new(h)
    cdef entry *e = boxed_new(h, key, ZSET, ZSET_PACKED, lp)
    if e == NULL and lp != NULL:
        lp_free(h, lp)
    return e


cdef size_t zset_len(entry *e) noexcept nogil:
    return lp_count(packed(e)[0]) // 2 if is_packed(e) else tree(e).members.items


# ---- packed -----------------------------------------------------------------------------------------

cdef double packed_score(uint8_t *p) noexcept nogil:
    """Of the member at p."""
    cdef int64_t n
    cdef double d = 0
    p = lp_next(p)
    if lp_get_int(p, &n):
        return <double>n
    parse_double(lp_get(p, NULL), &d)
    return d


cdef bint packed_insert(heap *h, entry *e, view member, double score) noexcept nogil:
    cdef uint8_t *lp = packed(e)[0]
    cdef uint8_t *p = lp_first(lp)
    cdef char scratch[24]
    cdef char text[DOUBLE_TEXT]
    cdef double s
    cdef size_t at
    cdef bint ok
    while p != NULL:
        s = packed_score(p)
        if s > score or (s == score and view_compare(lp_get(p, scratch), member) > 0):
            break
        p = lp_next(lp_next(p))
    at = p - lp if p != NULL else lp_bytes(lp) - 1
    if not lp_insert(h, packed(e), packed(e)[0] + at, member):
        return False
    p = lp_next(packed(e)[0] + at)
    if -4611686018427387904.0 <= score <= 4611686018427387904.0 and score == <double><int64_t>score:    # -0 becomes 0, as in Redis
        ok = lp_insert_int(h, packed(e), p, <int64_t>score)
    else:
        ok = lp_insert(h, packed(e), p, view_of(text, format_double(text, score)))
    if not ok:
        lp_delete(h, packed(e), packed(e)[0] + at, 1)
    return ok


cdef bint in_order(uint8_t *lp) noexcept nogil:
    """Are all scores numbers, and the members in order of score and bytes?"""
    cdef uint8_t *p = lp_first(lp)
    cdef char text[2][24]
    cdef char digits[24]
    cdef view member[2]
    cdef double score[2]
    cdef int i = 0
    cdef bint first = True
    while p != NULL:
        member[i] = lp_get(p, text[i])
        p = lp_next(p)
        if not parse_double(lp_get(p, digits), &score[i]) or score[i] != score[i]:
            return False
        if not first and (score[1 - i] > score[i] or (score[1 - i] == score[i] and view_compare(member[1 - i], member[i]) >= 0)):
            return False
        p = lp_next(p)
        i = 1 - i
        first = False
    return True


cdef bint zset_adopt(heap *h, entry *e, uint8_t *lp, packing *limits) noexcept nogil:
    cdef size_t items = lp_count(lp)
    if (items % 2 or <int64_t>items // 2 > limits.entries or <int64_t>lp_longest(lp) > limits.value
            or not in_order(lp) or lp_repeats(lp, 1)):
        return False
    lp_free(h, packed(e)[0])
    packed(e)[0] = lp
    return True


# ---- tree -------------------------------------------------------------------------------------------

cdef bint tree_add(heap *h, zset_tree *t, view member, double score, uint64_t hash) noexcept nogil:
    cdef entry *m = entry_new(h, member, 0, BOXED)
    if m == NULL:
        return False
    score_of(m)[0] = score
    if not table_insert(&t.members, m, hash):
        entry_free(h, m)
        return False
    if not ranked_insert(&t.order, score, m):
        table_remove(&t.members, m, hash)
        entry_free(h, m)
        return False
    return True


cdef zset_tree *tree_new(heap *h) noexcept nogil:
    cdef zset_tree *t = <zset_tree *>mem_alloc(h, sizeof(zset_tree))
    if t != NULL:
        table_init(&t.members, h)
        ranked_init(&t.order, h)
    return t


cdef bint tree_free_some(heap *h, zset_tree *t, int *budget) noexcept nogil:
    cdef entry *m
    while budget[0] > 0:
        if ranked_free_some(&t.order):
            budget[0] -= 1
            continue
        m = table_drain(&t.members)
        if m == NULL:
            mem_free(h, t, sizeof(zset_tree))
            return True
        entry_free(h, m)
        budget[0] -= 1
    return False


cdef void tree_free(heap *h, zset_tree *t) noexcept nogil:
    cdef int budget
    while True:
        budget = 1 << 20
        if tree_free_some(h, t, &budget):
            return


cdef bint fill_tree(heap *h, zset_tree *t, entry *e) noexcept nogil:
    """Puts all members of e, whatever its encoding, into t; False: no memory, and t is freed."""
    cdef zset_cursor c
    cdef view member
    cdef double score
    cdef bint more = zset_at(e, 0, &c)
    while more:
        score = zset_get(&c, &member)
        if not tree_add(h, t, member, score, table_hash(member)):
            tree_free(h, t)
            return False
        more = zset_next(&c)
    return True


cdef bint to_tree(heap *h, entry *e) noexcept nogil:
    cdef zset_tree *t = tree_new(h)
    if t == NULL or not fill_tree(h, t, e):
        return False
    lp_free(h, packed(e)[0])
    entry_payload(e)[0] = t
    e.kind = kind_of(ZSET, ZSET_TREE)
    return True


cdef inline entry *find(entry *e, view member) noexcept nogil:
    return table_find(&tree(e).members, member, table_hash(member))


# ---- both -------------------------------------------------------------------------------------------

cdef bint zset_score(entry *e, view member, double *score) noexcept nogil:
    cdef uint8_t *p
    cdef entry *m
    if is_packed(e):
        p = lp_find(packed(e)[0], lp_first(packed(e)[0]), member, 1)
        if p == NULL:
            return False
        score[0] = packed_score(p)
        return True
    m = find(e, member)
    if m == NULL:
        return False
    score[0] = score_of(m)[0]
    return True


cdef int zset_set(heap *h, entry *e, view member, double score, packing *limits) noexcept nogil:
    cdef uint8_t *p
    cdef entry *m
    cdef uint64_t hash
    cdef double old
    if is_packed(e):
        p = lp_find(packed(e)[0], lp_first(packed(e)[0]), member, 1)
        if p != NULL:
            old = packed_score(p)
            if old == score:
                return 0
            lp_delete(h, packed(e), p, 2)
            if packed_insert(h, e, member, score):
                return 0
            packed_insert(h, e, member, old)
            return -1
        if <int64_t>zset_len(e) < limits.entries and <int64_t>member.len <= limits.value:
            return 1 if packed_insert(h, e, member, score) else -1
        if not to_tree(h, e):
            return -1
    hash = table_hash(member)
    m = table_find(&tree(e).members, member, hash)
    if m == NULL:
        return 1 if tree_add(h, tree(e), member, score, hash) else -1
    old = score_of(m)[0]
    if old == score:
        return 0
    ranked_remove(&tree(e).order, old, m)
    if not ranked_insert(&tree(e).order, score, m):
        ranked_insert(&tree(e).order, old, m)
        return -1
    score_of(m)[0] = score
    return 0


cdef bint zset_expand(heap *h, entry *e, size_t members, packing *limits) noexcept nogil:
    if <int64_t>members <= limits.entries and is_packed(e):
        return True
    return (not is_packed(e) or to_tree(h, e)) and table_expand(&tree(e).members, zset_len(e) + members)


cdef bint zset_remove(heap *h, entry *e, view member) noexcept nogil:
    cdef uint8_t *p
    cdef entry *m
    cdef uint64_t hash
    if is_packed(e):
        p = lp_find(packed(e)[0], lp_first(packed(e)[0]), member, 1)
        if p != NULL:
            lp_delete(h, packed(e), p, 2)
        return p != NULL
    hash = table_hash(member)
    m = table_find(&tree(e).members, member, hash)
    if m == NULL:
        return False
    ranked_remove(&tree(e).order, score_of(m)[0], m)
    table_remove(&tree(e).members, m, hash)
    entry_free(h, m)
    return True


cdef int64_t zset_rank(entry *e, view member, double *score) noexcept nogil:
    cdef uint8_t *p
    cdef uint8_t *target
    cdef int64_t n = 0
    if not zset_score(e, member, score):
        return -1
    if not is_packed(e):
        return ranked_before(&tree(e).order, score[0], member)
    target = lp_find(packed(e)[0], lp_first(packed(e)[0]), member, 1)
    p = lp_first(packed(e)[0])
    while p != target:
        p = lp_next(lp_next(p))
        n += 1
    return n


cdef size_t zset_below(entry *e, double score, bint equal) noexcept nogil:
    cdef uint8_t *p
    cdef size_t n = 0
    cdef double s
    if not is_packed(e):
        return ranked_below(&tree(e).order, score, equal)
    p = lp_first(packed(e)[0])
    while p != NULL:
        s = packed_score(p)
        if s > score or (s == score and not equal):
            break
        n += 1
        p = lp_next(lp_next(p))
    return n


cdef size_t zset_lex_below(entry *e, view member, bint equal) noexcept nogil:
    cdef uint8_t *p
    cdef size_t n = 0
    cdef int order
    cdef char scratch[24]
    if not is_packed(e):
        return ranked_lex_below(&tree(e).order, member, equal)
    p = lp_first(packed(e)[0])
    while p != NULL:
        order = view_compare(lp_get(p, scratch), member)
        if order > 0 or (order == 0 and not equal):
            break
        n += 1
        p = lp_next(lp_next(p))
    return n


cdef bint zset_at(entry *e, size_t rank, zset_cursor *c) noexcept nogil:
    c.e = e
    if rank >= zset_len(e):
        return False
    if is_packed(e):
        c.p = lp_seek(packed(e)[0], rank * 2)
        return True
    return ranked_at(&tree(e).order, rank, &c.at)


cdef double zset_get(zset_cursor *c, view *member) noexcept nogil:
    if is_packed(c.e):
        member[0] = lp_get(c.p, c.text)
        return packed_score(c.p)
    member[0] = entry_key(c.at.at.item[c.at.i])
    return c.at.at.score[c.at.i]


cdef bint zset_next(zset_cursor *c) noexcept nogil:
    if is_packed(c.e):
        c.p = lp_next(lp_next(c.p))
        return c.p != NULL
    return place_next(&c.at)


cdef bint zset_prev(zset_cursor *c) noexcept nogil:
    if is_packed(c.e):
        c.p = lp_prev(packed(c.e)[0], c.p)
        if c.p != NULL:
            c.p = lp_prev(packed(c.e)[0], c.p)
        return c.p != NULL
    return place_prev(&c.at)


cdef struct visitor:
    scored_visit f
    void *context


cdef void visit_member(entry *m, void *context) noexcept nogil:
    cdef visitor *v = <visitor *>context
    v.f(entry_key(m), score_of(m)[0], v.context)


cdef uint64_t zset_scan(entry *e, uint64_t cursor, scored_visit f, void *context) noexcept nogil:
    """Packed sorted sets are returned whole."""
    cdef zset_cursor c
    cdef visitor v
    cdef view member
    cdef double score
    cdef bint more
    if is_packed(e):
        more = zset_at(e, 0, &c)
        while more:
            score = zset_get(&c, &member)
            f(member, score, context)
            more = zset_next(&c)
        return 0
    v.f = f
    v.context = context
    return table_scan(&tree(e).members, cursor, visit_member, &v)


# ---- functions of the type's row --------------------------------------------------------------------

cdef bint zset_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    if is_packed(e):
        lp_free(h, packed(e)[0])
        return True
    return tree_free_some(h, tree(e), budget)


cdef size_t zset_parts(entry *e) noexcept nogil:
    return 1 if is_packed(e) else zset_len(e)


cdef size_t zset_bytes(entry *e, size_t samples) noexcept nogil:
    cdef table_cursor at
    cdef entry *m
    cdef size_t n = 0
    cdef size_t seen = 0
    if is_packed(e):
        return mem_cost(lp_bytes(packed(e)[0]))
    memset(&at, 0, sizeof(at))
    while samples == 0 or seen < samples:
        m = table_next(&tree(e).members, &at)
        if m == NULL:
            break
        n += mem_cost(entry_bytes(m))
        seen += 1
    if seen:
        n = n * zset_len(e) // seen
    if samples == 0:
        n += ranked_bytes(&tree(e).order)
    else:
        n += zset_len(e) * 24      # 16 bytes an entry in leaves that are two thirds full
    return n + mem_cost(sizeof(zset_tree)) + table_bytes(&tree(e).members)


cdef bint zset_copy(heap *h, entry *source, entry *copy) noexcept nogil:
    cdef zset_tree *t
    if is_packed(source):
        packed(copy)[0] = lp_copy(h, packed(source)[0])
        return packed(copy)[0] != NULL
    t = tree_new(h)
    if t == NULL or not fill_tree(h, t, source):
        return False
    entry_payload(copy)[0] = t
    return True


cdef const char *check_packed(uint8_t *lp) noexcept nogil:
    cdef const char *wrong = lp_check(lp, lp_bytes(lp))
    if wrong != NULL:
        return wrong
    if lp_count(lp) % 2:
        return b"a packed sorted set has a member without a score"
    if lp_repeats(lp, 1):
        return b"a packed sorted set has a member twice"
    return NULL


cdef const char *check_tree(zset_tree *t) noexcept nogil:
    cdef const char *wrong = table_check(&t.members)
    if wrong == NULL:
        wrong = ranked_check(&t.order)
    if wrong == NULL and t.members.items != t.order.count:
        wrong = b"a sorted set's table and tree have different sizes"
    return wrong


cdef const char *check_order(entry *e) noexcept nogil:
    """In order, members ascend, and a lookup of each returns its score and rank."""
    cdef zset_cursor at[2]         # a member's text is in its cursor
    cdef view member[2]
    cdef double score[2]
    cdef double found
    cdef int64_t rank = 0
    cdef int i = 0
    if not zset_at(e, 0, &at[0]):
        return NULL
    score[0] = zset_get(&at[0], &member[0])
    while True:
        if score[i] != score[i] or zset_rank(e, member[i], &found) != rank or found != score[i]:
            return b"a member of a sorted set has a wrong score or rank"
        at[1 - i] = at[i]
        if not zset_next(&at[1 - i]):
            return NULL
        i = 1 - i
        rank += 1
        score[i] = zset_get(&at[i], &member[i])
        if score[i] < score[1 - i] or (score[i] == score[1 - i] and view_compare(member[1 - i], member[i]) >= 0):
            return b"a sorted set is not in order"


cdef const char *zset_check(entry *e) noexcept nogil:
    cdef const char *wrong
    if encoding_of(e) > ZSET_TREE:
        return b"a sorted set of unknown encoding"
    wrong = check_packed(packed(e)[0]) if is_packed(e) else check_tree(tree(e))
    return wrong if wrong != NULL else check_order(e)
