"""Entries in order of (score, key), countable from either end: an order-statistic B+ tree.

    branch   up to 32 children, for each: how many entries are under it, and its first (score, entry)
    leaf     up to 64 (score, entry), linked to its neighbours

Scores are in the nodes, so that a search reads an entry only where scores are equal. A lookup
by score, key or rank is one descent; the following entries are walked along the leaves. A leaf that
overflows is split in the middle, but at the very end a new leaf is begun instead, so that ascending
insertion leaves full leaves behind. A node that is less than a quarter full is merged with a neighbour
when both then fill at most three quarters.

An entry costs 16 bytes in its leaf; leaves are about 70% full after random insertion, so about 24.

The tree borrows the entries and reads only their keys. An insertion allocates
all memory it may need before it changes anything.
"""

from libc.string cimport memmove, memset

from kvd.core.entry cimport entry_key
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free
from kvd.core.view cimport view_compare

cdef enum compare_mode:
    BY_BOTH                    # (score, key) <
    UP_TO_BOTH                 # (score, key) <=
    BELOW                      # score <
    UP_TO                      # score <=
    LEX_BELOW                  # key <
    LEX_UP_TO                  # key <=

cdef struct step:
    branch *node
    uint32_t at


cdef inline bint stands_before(double score, entry *e, double s, view key, int mode) noexcept nogil:
    """Is (score, e) before the target?"""
    if mode == BY_BOTH:
        return score < s or (score == s and view_compare(entry_key(e), key) < 0)
    if mode == UP_TO_BOTH:
        return score < s or (score == s and view_compare(entry_key(e), key) <= 0)
    if mode == BELOW:
        return score < s
    if mode == UP_TO:
        return score <= s
    if mode == LEX_BELOW:
        return view_compare(entry_key(e), key) < 0
    return view_compare(entry_key(e), key) <= 0


cdef inline uint32_t position(const double *scores, entry **items, uint32_t n, double s, view key, int mode) noexcept nogil:
    """The number of the n entries that are before the target."""
    cdef uint32_t lo = 0
    cdef uint32_t hi = n
    cdef uint32_t middle
    while lo < hi:
        middle = (lo + hi) >> 1
        if stands_before(scores[middle], items[middle], s, key, mode):
            lo = middle + 1
        else:
            hi = middle
    return lo


cdef inline uint32_t child_for(branch *b, double s, view key, int mode) noexcept nogil:
    cdef uint32_t i = position(b.score, b.item, b.count, s, key, mode)
    return i - 1 if i else 0


cdef void ranked_init(ranked *t, heap *h) noexcept nogil:
    memset(t, 0, sizeof(ranked))
    t.mem = h


cdef size_t count_before(ranked *t, double s, view key, int mode) noexcept nogil:
    cdef void *node = t.root
    cdef branch *b
    cdef leaf *l
    cdef size_t n = 0
    cdef uint32_t at, i
    cdef int level = t.height
    if node == NULL:
        return 0
    while level > 0:
        b = <branch *>node
        at = child_for(b, s, key, mode)
        for i in range(at):
            n += b.below[i]
        node = b.child[at]
        level -= 1
    l = <leaf *>node
    return n + position(l.score, l.item, l.count, s, key, mode)


cdef size_t ranked_before(ranked *t, double score, view key) noexcept nogil:
    return count_before(t, score, key, BY_BOTH)


cdef size_t ranked_below(ranked *t, double score, bint equal) noexcept nogil:
    cdef view none
    none.ptr = NULL
    none.len = 0
    return count_before(t, score, none, UP_TO if equal else BELOW)


cdef size_t ranked_lex_below(ranked *t, view key, bint equal) noexcept nogil:
    return count_before(t, 0, key, LEX_UP_TO if equal else LEX_BELOW)


cdef bint ranked_at(ranked *t, size_t rank, place *p) noexcept nogil:
    cdef void *node = t.root
    cdef branch *b
    cdef uint32_t i
    cdef int level = t.height
    if rank >= t.count:
        return False
    while level > 0:
        b = <branch *>node
        i = 0
        while rank >= b.below[i]:
            rank -= b.below[i]
            i += 1
        node = b.child[i]
        level -= 1
    p.at = <leaf *>node
    p.i = <uint32_t>rank
    return True


# ---- inserting --------------------------------------------------------------------------------------

cdef leaf *descend(ranked *t, double s, view key, step *path) noexcept nogil:
    """The leaf where (s, key) belongs; path[level] leads there, level 1 being right above the leaves."""
    cdef void *node = t.root
    cdef int level = t.height
    while level > 0:
        path[level].node = <branch *>node
        path[level].at = child_for(path[level].node, s, key, UP_TO_BOTH)
        node = path[level].node.child[path[level].at]
        level -= 1
    return <leaf *>node


cdef void link_after(ranked *t, leaf *l, leaf *new) noexcept nogil:
    new.prev = l
    new.next = l.next if l != NULL else NULL
    if new.next != NULL:
        new.next.prev = new
    else:
        t.last = new
    if l != NULL:
        l.next = new
    else:
        t.first = new


cdef void leaf_put(leaf *l, uint32_t at, double score, entry *e) noexcept nogil:
    memmove(&l.score[at + 1], &l.score[at], (l.count - at) * sizeof(double))
    memmove(&l.item[at + 1], &l.item[at], (l.count - at) * sizeof(void *))
    l.score[at] = score
    l.item[at] = e
    l.count += 1


cdef void branch_put(branch *b, uint32_t at, void *child, size_t below, double score, entry *e) noexcept nogil:
    cdef size_t n = b.count - at
    memmove(&b.score[at + 1], &b.score[at], n * sizeof(double))
    memmove(&b.item[at + 1], &b.item[at], n * sizeof(void *))
    memmove(&b.child[at + 1], &b.child[at], n * sizeof(void *))
    memmove(&b.below[at + 1], &b.below[at], n * sizeof(size_t))
    b.score[at] = score
    b.item[at] = e
    b.child[at] = child
    b.below[at] = below
    b.count += 1


cdef void branch_move(branch *target, uint32_t to, branch *b, uint32_t start, uint32_t n) noexcept nogil:
    memmove(&target.score[to], &b.score[start], n * sizeof(double))
    memmove(&target.item[to], &b.item[start], n * sizeof(void *))
    memmove(&target.child[to], &b.child[start], n * sizeof(void *))
    memmove(&target.below[to], &b.below[start], n * sizeof(size_t))


cdef inline size_t branch_sum(branch *b) noexcept nogil:
    cdef size_t n = 0
    cdef uint32_t i
    for i in range(b.count):
        n += b.below[i]
    return n


cdef bint reserve(ranked *t, leaf *l, step *path, leaf **new_leaf, branch **new_branches) noexcept nogil:
    """Memory for every split that an insertion into l will cause; new_branches[0] is a new root."""
    cdef int level = 1
    cdef bint ok = True
    memset(new_branches, 0, (HEIGHT + 1) * sizeof(void *))
    new_leaf[0] = NULL
    if l.count < LEAF:
        return True
    new_leaf[0] = <leaf *>mem_alloc(t.mem, sizeof(leaf))
    ok = new_leaf[0] != NULL
    while level <= t.height and path[level].node.count == FAN and ok:
        new_branches[level] = <branch *>mem_alloc(t.mem, sizeof(branch))
        ok = new_branches[level] != NULL
        level += 1
    if level > t.height and ok:
        new_branches[0] = <branch *>mem_alloc(t.mem, sizeof(branch))
        ok = new_branches[0] != NULL and t.height + 1 < HEIGHT
    if ok:
        return True
    mem_free(t.mem, new_leaf[0], sizeof(leaf))
    for level in range(HEIGHT + 1):
        mem_free(t.mem, new_branches[level], sizeof(branch))
    return False


cdef void split_leaf(ranked *t, leaf *l, leaf *right, double score, entry *e, uint32_t at) noexcept nogil:
    """Divides l and puts the new entry into its half."""
    cdef uint32_t keep = LEAF if at == LEAF and l.next == NULL else LEAF // 2
    right.count = LEAF - keep
    memmove(&right.score[0], &l.score[keep], right.count * sizeof(double))
    memmove(&right.item[0], &l.item[keep], right.count * sizeof(void *))
    l.count = keep
    link_after(t, l, right)
    if at > keep or right.count == 0:
        leaf_put(right, at - keep, score, e)
    else:
        leaf_put(l, at, score, e)


cdef void first_changed(step *path, int height, double score, entry *e) noexcept nogil:
    """The first entry of the leaf at the end of the path has changed."""
    cdef int level = 1
    while level <= height:
        path[level].node.score[path[level].at] = score
        path[level].node.item[path[level].at] = e
        if path[level].at:
            return
        level += 1


cdef bint ranked_insert(ranked *t, double score, entry *e) noexcept nogil:
    cdef step path[HEIGHT + 1]
    cdef branch *spare[HEIGHT + 1]
    cdef leaf *l
    cdef leaf *right
    cdef branch *b
    cdef branch *sibling
    cdef void *child
    cdef uint32_t at, keep
    cdef int level
    cdef size_t below
    cdef double first_score
    cdef entry *first_item
    if t.root == NULL:
        l = <leaf *>mem_alloc(t.mem, sizeof(leaf))
        if l == NULL:
            return False
        l.count = 0
        link_after(t, NULL, l)
        t.root = l
    l = descend(t, score, entry_key(e), path)
    if not reserve(t, l, path, &right, spare):
        return False
    at = position(l.score, l.item, l.count, score, entry_key(e), BY_BOTH)
    t.count += 1
    if right == NULL:
        leaf_put(l, at, score, e)
        if at == 0:
            first_changed(path, t.height, score, e)
        for level in range(1, t.height + 1):
            path[level].node.below[path[level].at] += 1
        return True
    split_leaf(t, l, right, score, e, at)
    if at == 0:
        first_changed(path, t.height, score, e)
    child = right
    below = right.count
    first_score = right.score[0]
    first_item = right.item[0]
    level = 1
    while level <= t.height:
        b = path[level].node
        at = path[level].at
        b.below[at] = b.below[at] + 1 - below
        if b.count < FAN:
            branch_put(b, at + 1, child, below, first_score, first_item)
            level += 1
            break
        sibling = spare[level]
        keep = FAN if at + 1 == FAN and l.next == right and right.next == NULL else FAN // 2
        sibling.count = FAN - keep
        branch_move(sibling, 0, b, keep, sibling.count)
        b.count = keep
        if at + 1 > keep or sibling.count == 0:
            branch_put(sibling, at + 1 - keep, child, below, first_score, first_item)
        else:
            branch_put(b, at + 1, child, below, first_score, first_item)
        child = sibling
        below = branch_sum(sibling)
        first_score = sibling.score[0]
        first_item = sibling.item[0]
        level += 1
    else:
        b = spare[0]
        b.count = 0
        if t.height == 0:
            branch_put(b, 0, t.root, l.count, l.score[0], l.item[0])
        else:
            branch_put(b, 0, t.root, branch_sum(<branch *>t.root), (<branch *>t.root).score[0], (<branch *>t.root).item[0])
        branch_put(b, 1, child, below, first_score, first_item)
        t.root = b
        t.height += 1
        return True
    while level <= t.height:
        path[level].node.below[path[level].at] += 1
        level += 1
    return True


# ---- removing ---------------------------------------------------------------------------------------

cdef void unlink(ranked *t, leaf *l) noexcept nogil:
    if l.prev != NULL:
        l.prev.next = l.next
    else:
        t.first = l.next
    if l.next != NULL:
        l.next.prev = l.prev
    else:
        t.last = l.prev
    mem_free(t.mem, l, sizeof(leaf))


cdef void drop_child(branch *b, uint32_t at) noexcept nogil:
    branch_move(b, at, b, at + 1, b.count - at - 1)
    b.count -= 1


cdef void merge_children(ranked *t, branch *b, uint32_t i, int level) noexcept nogil:
    """Moves the content of child i + 1 of b into child i."""
    cdef leaf *l
    cdef leaf *m
    cdef branch *x
    cdef branch *y
    if level == 1:
        l = <leaf *>b.child[i]
        m = <leaf *>b.child[i + 1]
        memmove(&l.score[l.count], &m.score[0], m.count * sizeof(double))
        memmove(&l.item[l.count], &m.item[0], m.count * sizeof(void *))
        l.count += m.count
        unlink(t, m)
    else:
        x = <branch *>b.child[i]
        y = <branch *>b.child[i + 1]
        branch_move(x, x.count, y, 0, y.count)
        x.count += y.count
        mem_free(t.mem, y, sizeof(branch))
    b.below[i] += b.below[i + 1]
    drop_child(b, i + 1)


cdef inline uint32_t size_of(void *node, int level) noexcept nogil:
    return (<leaf *>node).count if level == 0 else (<branch *>node).count


cdef void tidy(ranked *t, step *path) noexcept nogil:
    """After a removal: removes empty nodes along the path, and merges nearly empty ones with a neighbour."""
    cdef int level
    cdef branch *b
    cdef uint32_t at, n, room
    cdef void *node
    for level in range(1, t.height + 1):
        b = path[level].node
        at = path[level].at
        node = b.child[at]
        n = size_of(node, level - 1)
        room = LEAF if level == 1 else FAN
        if n == 0:
            if level == 1:
                unlink(t, <leaf *>node)
            else:
                mem_free(t.mem, node, sizeof(branch))
            drop_child(b, at)
            if at == 0 and b.count and level < t.height:
                first_changed(&path[level], t.height - level, b.score[0], b.item[0])
        elif n < room // 4:
            if at + 1 < b.count and n + size_of(b.child[at + 1], level - 1) <= room * 3 // 4:
                merge_children(t, b, at, level)
            elif at and n + size_of(b.child[at - 1], level - 1) <= room * 3 // 4:
                merge_children(t, b, at - 1, level)
    while t.height and (<branch *>t.root).count <= 1:
        b = <branch *>t.root
        t.root = b.child[0] if b.count else NULL
        mem_free(t.mem, b, sizeof(branch))
        t.height -= 1
        if t.root == NULL:
            t.height = 0
    if t.height == 0 and t.root != NULL and (<leaf *>t.root).count == 0:
        unlink(t, <leaf *>t.root)
        t.root = NULL


cdef bint ranked_remove(ranked *t, double score, entry *e) noexcept nogil:
    cdef step path[HEIGHT + 1]
    cdef leaf *l
    cdef uint32_t at
    cdef int level
    if t.root == NULL:
        return False
    l = descend(t, score, entry_key(e), path)
    at = position(l.score, l.item, l.count, score, entry_key(e), BY_BOTH)
    if at == l.count or l.item[at] != e:
        return False
    l.count -= 1
    memmove(&l.score[at], &l.score[at + 1], (l.count - at) * sizeof(double))
    memmove(&l.item[at], &l.item[at + 1], (l.count - at) * sizeof(void *))
    t.count -= 1
    for level in range(1, t.height + 1):
        path[level].node.below[path[level].at] -= 1
    if at == 0 and l.count:
        first_changed(path, t.height, l.score[0], l.item[0])
    if l.count < LEAF // 4:
        tidy(t, path)
    return True


cdef bint ranked_free_some(ranked *t) noexcept nogil:
    """Frees leaves from the front; a branch is freed with the last of its children."""
    cdef step path[HEIGHT + 1]
    cdef void *node = t.root
    cdef int level = t.height
    if node == NULL:
        return False
    while level > 0:
        path[level].node = <branch *>node
        path[level].at = 0
        node = path[level].node.child[0]
        level -= 1
    t.count -= (<leaf *>node).count
    for level in range(1, t.height + 1):
        path[level].node.below[0] -= (<leaf *>node).count
    (<leaf *>node).count = 0
    tidy(t, path)
    return True


# ---- memory, checks --------------------------------------------------------------------------------

cdef size_t node_bytes(void *node, int level) noexcept nogil:
    cdef branch *b = <branch *>node
    cdef size_t n
    cdef uint32_t i
    if level == 0:
        return mem_cost(sizeof(leaf))
    n = mem_cost(sizeof(branch))
    for i in range(b.count):
        n += node_bytes(b.child[i], level - 1)
    return n


cdef size_t ranked_bytes(ranked *t) noexcept nogil:
    return node_bytes(t.root, t.height) if t.root != NULL else 0


cdef const char *check_node(void *node, int level, size_t *n, leaf **expect) noexcept nogil:
    cdef branch *b = <branch *>node
    cdef leaf *l = <leaf *>node
    cdef uint32_t i
    cdef size_t below
    cdef const char *wrong
    if level == 0:
        if l != expect[0]:
            return b"leaves are linked in another order"
        expect[0] = l.next
        if l.count == 0 or l.count > LEAF:
            return b"a leaf has too few or too many entries"
        for i in range(1, l.count):
            if not stands_before(l.score[i - 1], l.item[i - 1], l.score[i], entry_key(l.item[i]), BY_BOTH):
                return b"a leaf is out of order"
        if l.next != NULL and not stands_before(l.score[l.count - 1], l.item[l.count - 1], l.next.score[0],
                                                entry_key(l.next.item[0]), BY_BOTH):
            return b"leaves are out of order"
        n[0] = l.count
        return NULL
    if b.count == 0 or b.count > FAN:
        return b"a branch has too few or too many children"
    n[0] = 0
    for i in range(b.count):
        wrong = check_node(b.child[i], level - 1, &below, expect)
        if wrong != NULL:
            return wrong
        if below != b.below[i]:
            return b"a branch counts wrongly"
        n[0] += below
        if level == 1 and ((<leaf *>b.child[i]).score[0] != b.score[i] or (<leaf *>b.child[i]).item[0] != b.item[i]):
            return b"a branch has another first entry than its leaf"
        if level > 1 and ((<branch *>b.child[i]).score[0] != b.score[i] or (<branch *>b.child[i]).item[0] != b.item[i]):
            return b"a branch has another first entry than its child"
    return NULL


cdef const char *ranked_check(ranked *t) noexcept nogil:
    cdef leaf *expect = t.first
    cdef size_t n = 0
    cdef const char *wrong = check_node(t.root, t.height, &n, &expect) if t.root != NULL else NULL
    if wrong == NULL and (n != t.count or expect != NULL):
        return b"the count of entries is wrong"
    return wrong
