"""Strings at 64-bit indexes, most of which have none: a radix tree whose nodes hold only the children that exist.

    branch, level 2 to 10          twig, level 1: 4,096 indexes        words of a leaf: 64 indexes
    +------+------+--------+--     +------+------+-------------+--     +------+------+------+--
    | bits | base | child  | ..    | bits | base | leaf        | ..    | word | word | word | ..
    | 8    | 8    | 8 each |       | 8    | 8    | bits, words |       | 8 each
    +------+------+--------+--     +------+------+-------------+--     +------+------+------+--

A node has 64 places, of which six bits of the index choose one; bit i of `bits` tells whether place i is taken, and the number
of bits below it is the child's position. So a hole costs nothing, at any level, and elements lie in order of index.

Paths are compressed: a branch has two children at least, and a node is wherever its `base` differs from its siblings'. A lonely element
costs its twig and one place of a branch, also at index 2^63. The tree is at most 11 levels high.

Bytes of an element, without those of long strings:

    consecutive    8 for the word, (16 + 64 * 16) / 4096 for the twig: 8.3
    every second   8 for the word, 16 / 32 for its leaf: 8.5
    one in 64      8 for the word, 16 for its leaf, 24 bytes and more being rounded up: 26
    one in 4,096   8 for the word, 32 for the twig, 8 and 1/64 of 528 for its place in a branch: 56

A word is never 0. Its two lowest bits tell what it is:

    1   an integer of 62 bits, written canonically
    3   up to 7 bytes; the length in the six bits above
    0   the address of a block: the length in a byte, then 8 to 255 bytes
    2   the same for longer strings: the length in eight bytes. A large argument can become such a block without being copied

The room of a node or leaf grows in steps of 8 (1, 2, 4, 8, 16, 24 ...) and shrinks when half of it is unused. It is kept in bits that are free:
the highest byte of an address, the lowest bits of `base`, where the level is, too. Therefore a deletion needs no memory.
"""

from libc.string cimport memcpy, memmove, memset

from kvd.core.mem cimport mem_alloc, mem_cost, mem_free, mem_realloc, mem_take
from kvd.core.text cimport INT_TEXT, format_int, parse_int
from kvd.core.view cimport view_of

cdef extern from *:
    """
    static inline int kvd_ones64(unsigned long long m) { return __builtin_popcountll(m); }
    static inline int kvd_low64(unsigned long long m) { return __builtin_ctzll(m); }
    static inline int kvd_high64(unsigned long long m) { return 63 - __builtin_clzll(m); }
    """
    int ones "kvd_ones64" (uint64_t m) noexcept nogil
    int lowest "kvd_low64" (uint64_t m) noexcept nogil      # m is not 0
    int highest "kvd_high64" (uint64_t m) noexcept nogil

cdef enum:
    INLINE = 7                 # bytes of a string inside a word
    SHORT = 255                # and of one whose length is a byte
    SHARED = 16                # bytes of a node before its children
    LEVEL_BITS = 15            # of base
    ROOM_SHIFT = 4             # in base
    HEIGHT = 11

cdef enum tag:
    TAG_SHORT = 0
    TAG_INT = 1
    TAG_LONG = 2
    TAG_INLINE = 3

cdef uint64_t ALL = <uint64_t>-1
cdef uint64_t ADDRESS = <uint64_t>-1 >> 8
cdef int64_t INT_MOST = (<int64_t>1 << 61) - 1

assert SPARSE_TEXT >= INT_TEXT


# ---- memory -----------------------------------------------------------------------------------------

cdef void *take(sparse *a, size_t n) noexcept nogil:
    cdef void *p = mem_alloc(a.mem, n)
    if p != NULL:
        a.bytes += mem_cost(n)
        a.blocks += 1
    return p


cdef void give(sparse *a, void *p, size_t n) noexcept nogil:
    if p != NULL:
        mem_free(a.mem, p, n)
        a.bytes -= mem_cost(n)
        a.blocks -= 1


cdef void *resize(sparse *a, void *p, size_t old, size_t n) noexcept nogil:
    cdef void *q = mem_realloc(a.mem, p, old, n)
    if q != NULL:
        a.bytes += mem_cost(n)
        a.bytes -= mem_cost(old)
    return q


cdef inline int room_for(int n) noexcept nogil:
    """The room for n words or children."""
    if n <= 2:
        return n
    return 4 if n <= 4 else (n + 7) & ~7


cdef inline bint is_roomy(int n, int room) noexcept nogil:
    """Should the room shrink to n?"""
    return room > 2 and n <= room // 2


# ---- words ------------------------------------------------------------------------------------------

cdef inline char *block_of(uint64_t word) noexcept nogil:
    return <char *>(word & ~<uint64_t>3)


cdef inline size_t block_size(uint64_t word) noexcept nogil:
    cdef char *p = block_of(word)
    return 1 + <size_t>(<unsigned char *>p)[0] if word & 3 == TAG_SHORT else sizeof(size_t) + (<size_t *>p)[0]


cdef inline bint has_block(uint64_t word) noexcept nogil:
    return not word & 1


cdef void word_free(sparse *a, uint64_t word) noexcept nogil:
    if has_block(word) and word:
        give(a, block_of(word), block_size(word))


cdef uint64_t short_word(sparse *a, view v) noexcept nogil:
    cdef unsigned char *p = <unsigned char *>take(a, 1 + v.len)
    if p == NULL:
        return 0
    p[0] = <unsigned char>v.len
    memcpy(p + 1, v.ptr, v.len)
    return <uint64_t>p


cdef uint64_t long_word(sparse *a, view v) noexcept nogil:
    cdef size_t *p = <size_t *>mem_take(a.mem, v, sizeof(size_t))
    if p != NULL:
        a.bytes += mem_cost(sizeof(size_t) + v.len)
        a.blocks += 1
    else:
        p = <size_t *>take(a, sizeof(size_t) + v.len)
        if p == NULL:
            return 0
        memcpy(p + 1, v.ptr, v.len)
    p[0] = v.len
    return <uint64_t>p | TAG_LONG


cdef uint64_t word_of(sparse *a, view v) noexcept nogil:
    """0: no memory."""
    cdef int64_t n
    cdef uint64_t word
    if parse_int(v, &n) and -INT_MOST - 1 <= n <= INT_MOST:
        return <uint64_t>n << 2 | TAG_INT
    if v.len <= INLINE:
        word = 0
        memcpy(<char *>&word + 1, v.ptr, v.len)
        return word | v.len << 2 | TAG_INLINE
    return short_word(a, v) if v.len <= SHORT else long_word(a, v)


cdef uint64_t word_copy(sparse *a, uint64_t word) noexcept nogil:
    """0: no memory."""
    cdef char *p
    if not has_block(word):
        return word
    p = <char *>take(a, block_size(word))
    if p == NULL:
        return 0
    memcpy(p, block_of(word), block_size(word))
    return <uint64_t>p | (word & 3)


cdef view sparse_view(uint64_t word, char *scratch) noexcept nogil:
    cdef char *p = block_of(word)
    cdef int kind = word & 3
    if kind == TAG_INT:
        return view_of(scratch, format_int(scratch, <int64_t>word >> 2))
    if kind == TAG_INLINE:
        memcpy(scratch, <char *>&word + 1, INLINE)
        return view_of(scratch, word >> 2 & 7)
    if kind == TAG_SHORT:
        return view_of(p + 1, (<unsigned char *>p)[0])
    return view_of(p + sizeof(size_t), (<size_t *>p)[0])


cdef bint sparse_int(uint64_t word, int64_t *n) noexcept nogil:
    n[0] = <int64_t>word >> 2
    return word & 3 == TAG_INT


# ---- nodes ------------------------------------------------------------------------------------------

cdef inline int level_of(sparse_node *n) noexcept nogil:
    return n.base & LEVEL_BITS


cdef inline int room_of(sparse_node *n) noexcept nogil:
    return n.base >> ROOM_SHIFT & 127


cdef inline void set_room(sparse_node *n, int room) noexcept nogil:
    n.base = (n.base & ~(<uint64_t>127 << ROOM_SHIFT)) | <uint64_t>room << ROOM_SHIFT


cdef inline uint64_t cover(int level) noexcept nogil:
    """The bits of an index that a node of this level does not share with all its elements."""
    return ALL if level >= HEIGHT - 1 else (<uint64_t>1 << 6 * (level + 1)) - 1


cdef inline uint64_t first_of(sparse_node *n) noexcept nogil:
    return n.base & ~<uint64_t>(SPARSE_TWIG - 1)


cdef inline uint64_t last_of(sparse_node *n) noexcept nogil:
    return first_of(n) | cover(level_of(n))


cdef inline bint covers(sparse_node *n, uint64_t index) noexcept nogil:
    return (index ^ first_of(n)) & ~cover(level_of(n)) == 0


cdef inline int place_in(sparse_node *n, uint64_t index) noexcept nogil:
    return index >> 6 * level_of(n) & 63


cdef inline int rank(uint64_t bits, int place) noexcept nogil:
    return ones(bits & ((<uint64_t>1 << place) - 1))


cdef inline bint has(uint64_t bits, int place) noexcept nogil:
    return bits >> place & 1


cdef inline sparse_leaf *leaves(sparse_node *n) noexcept nogil:
    return <sparse_leaf *>(<char *>n + SHARED)


cdef inline sparse_node **children(sparse_node *n) noexcept nogil:
    return <sparse_node **>(<char *>n + SHARED)


cdef inline uint64_t *words_of(sparse_leaf *l) noexcept nogil:
    return <uint64_t *>(l.at & ADDRESS)


cdef inline int words_room(sparse_leaf *l) noexcept nogil:
    return l.at >> 56


cdef inline void set_words(sparse_leaf *l, void *p, int room) noexcept nogil:
    l.at = <uint64_t>p | <uint64_t>room << 56


cdef inline size_t child_size(int level) noexcept nogil:
    return sizeof(sparse_leaf) if level == 1 else sizeof(void *)


cdef sparse_node *node_new(sparse *a, uint64_t index, int level, int room) noexcept nogil:
    """Without children. NULL: no memory."""
    cdef sparse_node *n = <sparse_node *>take(a, SHARED + room * child_size(level))
    if n == NULL:
        return NULL
    n.bits = 0
    n.base = (index & ~cover(level)) | level
    set_room(n, room)
    if level == 1:
        a.twigs += 1
    else:
        a.directory += room
    return n


cdef void node_free(sparse *a, sparse_node *n) noexcept nogil:
    """Without its children."""
    if level_of(n) == 1:
        a.twigs -= 1
    else:
        a.directory -= room_of(n)
    give(a, n, SHARED + room_of(n) * child_size(level_of(n)))


cdef bint node_resize(sparse *a, sparse_node **link, int room) noexcept nogil:
    """False: no memory, it is unchanged."""
    cdef sparse_node *n = link[0]
    cdef int old = room_of(n)
    cdef size_t size = child_size(level_of(n))
    n = <sparse_node *>resize(a, n, SHARED + old * size, SHARED + room * size)
    if n == NULL:
        return False
    if level_of(n) > 1:
        a.directory += room
        a.directory -= old
    set_room(n, room)
    link[0] = n
    return True


cdef void *open_place(sparse *a, sparse_node **link, int place) noexcept nogil:
    """Makes room for a new child; the caller writes it there. NULL: no memory."""
    cdef int count = ones(link[0].bits)
    cdef int at = rank(link[0].bits, place)
    cdef size_t size = child_size(level_of(link[0]))
    cdef char *p
    if count == room_of(link[0]) and not node_resize(a, link, room_for(count + 1)):
        return NULL
    p = <char *>link[0] + SHARED + at * size
    memmove(p + size, p, (count - at) * size)
    link[0].bits |= <uint64_t>1 << place
    return p


cdef void close_place(sparse *a, sparse_node **link, int place) noexcept nogil:
    """Removes a child, which is freed already, but not the last."""
    cdef sparse_node *n = link[0]
    cdef int count = ones(n.bits) - 1
    cdef int at = rank(n.bits, place)
    cdef size_t size = child_size(level_of(n))
    cdef char *p = <char *>n + SHARED + at * size
    memmove(p, p + size, (count - at) * size)
    n.bits &= ~(<uint64_t>1 << place)
    if is_roomy(count, room_of(n)):
        node_resize(a, link, room_for(count))


# ---- lookup and change ------------------------------------------------------------------------------

cdef uint64_t *slot_of(sparse *a, uint64_t index) noexcept nogil:
    """The place of the word of an element; NULL: there is none."""
    cdef sparse_node *n = a.root
    cdef sparse_leaf *l
    cdef int place
    while n != NULL and covers(n, index):
        place = place_in(n, index)
        if not has(n.bits, place):
            return NULL
        if level_of(n) == 1:
            l = &leaves(n)[rank(n.bits, place)]
            return &words_of(l)[rank(l.bits, index & 63)] if has(l.bits, index & 63) else NULL
        n = children(n)[rank(n.bits, place)]
    return NULL


cdef uint64_t sparse_get(sparse *a, uint64_t index) noexcept nogil:
    cdef uint64_t *slot = slot_of(a, index)
    return slot[0] if slot != NULL else 0


cdef bint add_word(sparse *a, sparse_leaf *l, int place, uint64_t word) noexcept nogil:
    """False: no memory."""
    cdef int count = ones(l.bits)
    cdef int at = rank(l.bits, place)
    cdef uint64_t *words = words_of(l)
    if count == words_room(l):
        words = <uint64_t *>resize(a, words, count * 8, room_for(count + 1) * 8)
        if words == NULL:
            return False
        set_words(l, words, room_for(count + 1))
    memmove(&words[at + 1], &words[at], (count - at) * 8)
    words[at] = word
    l.bits |= <uint64_t>1 << place
    return True


cdef bint leaf_make(sparse *a, sparse_leaf *l, int place, uint64_t word) noexcept nogil:
    cdef uint64_t *words = <uint64_t *>take(a, 8)
    if words == NULL:
        return False
    words[0] = word
    l.bits = <uint64_t>1 << place
    set_words(l, words, 1)
    return True


cdef sparse_node *twig_new(sparse *a, uint64_t index, uint64_t word) noexcept nogil:
    """With one element. NULL: no memory."""
    cdef sparse_node *n = node_new(a, index, 1, 1)
    if n == NULL:
        return NULL
    if not leaf_make(a, leaves(n), index & 63, word):
        node_free(a, n)
        return NULL
    n.bits = <uint64_t>1 << place_in(n, index)
    return n


cdef void twig_drop(sparse *a, sparse_node *n) noexcept nogil:
    """One of twig_new; the word is the caller's."""
    give(a, words_of(leaves(n)), 8)
    node_free(a, n)


cdef bint add_leaf(sparse *a, sparse_node **link, uint64_t index, uint64_t word) noexcept nogil:
    cdef sparse_leaf l
    cdef void *p
    if not leaf_make(a, &l, index & 63, word):
        return False
    p = open_place(a, link, place_in(link[0], index))
    if p == NULL:
        give(a, words_of(&l), 8)
        return False
    (<sparse_leaf *>p)[0] = l
    return True


cdef bint add_twig(sparse *a, sparse_node **link, uint64_t index, uint64_t word) noexcept nogil:
    """To a branch."""
    cdef sparse_node *twig = twig_new(a, index, word)
    cdef void *p
    if twig == NULL:
        return False
    p = open_place(a, link, place_in(link[0], index))
    if p == NULL:
        twig_drop(a, twig)
        return False
    (<sparse_node **>p)[0] = twig
    return True


cdef bint fork(sparse *a, sparse_node **link, uint64_t index, uint64_t word) noexcept nogil:
    """A new branch in place of a node that does not cover the index, with both."""
    cdef sparse_node *other = link[0]
    cdef int level = highest(index ^ first_of(other)) // 6
    cdef sparse_node *branch = node_new(a, index, level, 2)
    cdef sparse_node *twig
    cdef bint below
    if branch == NULL:
        return False
    twig = twig_new(a, index, word)
    if twig == NULL:
        node_free(a, branch)
        return False
    below = index < first_of(other)
    children(branch)[0] = twig if below else other
    children(branch)[1] = other if below else twig
    branch.bits = <uint64_t>1 << place_in(branch, index) | <uint64_t>1 << place_in(branch, first_of(other))
    link[0] = branch
    return True


cdef bint add(sparse *a, uint64_t index, uint64_t word) noexcept nogil:
    """Where there is no element. False: no memory."""
    cdef sparse_node **link = &a.root
    cdef sparse_node *n
    cdef int place
    if a.root == NULL:
        a.root = twig_new(a, index, word)
        return a.root != NULL
    while True:
        n = link[0]
        if not covers(n, index):
            return fork(a, link, index, word)
        place = place_in(n, index)
        if not has(n.bits, place):
            return add_leaf(a, link, index, word) if level_of(n) == 1 else add_twig(a, link, index, word)
        if level_of(n) == 1:
            return add_word(a, &leaves(n)[rank(n.bits, place)], index & 63, word)
        link = &children(n)[rank(n.bits, place)]


cdef int sparse_set(sparse *a, uint64_t index, view v) noexcept nogil:
    cdef uint64_t word = word_of(a, v)
    cdef uint64_t *slot = slot_of(a, index)
    if word == 0:
        return -1
    if slot != NULL:
        word_free(a, slot[0])
        slot[0] = word
        return 0
    if not add(a, index, word):
        word_free(a, word)
        return -1
    a.count += 1
    return 1


# ---- leaves in order --------------------------------------------------------------------------------

cdef struct found:
    sparse_leaf *leaf
    uint64_t base              # its first index
    uint64_t bits              # its elements that were looked for


cdef bint leaf_from(sparse_node *n, uint64_t index, found *f) noexcept nogil:
    """The first leaf with an element at or above the index; those elements. False: there is none."""
    cdef uint64_t i = max(index, first_of(n))
    cdef uint64_t above
    cdef int place
    if index > last_of(n):
        return False
    place = place_in(n, i)
    if has(n.bits, place):
        if level_of(n) > 1:
            if leaf_from(children(n)[rank(n.bits, place)], i, f):
                return True
        else:
            f.leaf = &leaves(n)[rank(n.bits, place)]
            f.base = i & ~<uint64_t>63
            f.bits = f.leaf.bits >> (i & 63) << (i & 63)
            if f.bits:
                return True
    above = n.bits & ~(((<uint64_t>1 << place) << 1) - 1)
    if above == 0:
        return False
    place = lowest(above)
    return leaf_from(n, first_of(n) | <uint64_t>place << 6 * level_of(n), f)


cdef bint leaf_to(sparse_node *n, uint64_t index, found *f) noexcept nogil:
    """The last leaf with an element at or below the index; those elements. False: there is none."""
    cdef uint64_t i = min(index, last_of(n))
    cdef uint64_t below
    cdef int place
    if index < first_of(n):
        return False
    place = place_in(n, i)
    if has(n.bits, place):
        if level_of(n) > 1:
            if leaf_to(children(n)[rank(n.bits, place)], i, f):
                return True
        else:
            f.leaf = &leaves(n)[rank(n.bits, place)]
            f.base = i & ~<uint64_t>63
            f.bits = f.leaf.bits & ALL >> (63 - (i & 63))
            if f.bits:
                return True
    below = n.bits & ((<uint64_t>1 << place) - 1)
    if below == 0:
        return False
    place = highest(below)
    return leaf_to(n, first_of(n) | <uint64_t>place << 6 * level_of(n) | cover(level_of(n) - 1), f)


cdef void sparse_start(sparse *a, sparse_cursor *c, uint64_t first, uint64_t last) noexcept nogil:
    c.of = a
    c.back = first > last
    c.low = last if c.back else first
    c.high = first if c.back else last
    c.ended = a.root == NULL
    c.bits = 0


cdef void next_leaf(sparse_cursor *c) noexcept nogil:
    """Sets c.bits, or c.ended."""
    cdef found f
    if not (leaf_to(c.of.root, c.high, &f) if c.back else leaf_from(c.of.root, c.low, &f)):
        c.ended = True
        return
    c.leaf = f.leaf
    c.base = f.base
    if c.back:
        c.ended = f.base <= c.low
        if f.base + 63 < c.low:
            return
        c.bits = f.bits & ALL << (c.low & 63) if c.ended else f.bits
        c.high = f.base - 1
    else:
        c.ended = f.base + 63 >= c.high
        if f.base > c.high:
            return
        c.bits = f.bits & ALL >> (63 - (c.high & 63)) if c.ended else f.bits
        c.low = f.base + 64


cdef bint sparse_next(sparse_cursor *c, uint64_t *index, uint64_t *word) noexcept nogil:
    cdef int place
    while c.bits == 0:
        if c.ended:
            return False
        next_leaf(c)
    place = highest(c.bits) if c.back else lowest(c.bits)
    c.bits ^= <uint64_t>1 << place
    index[0] = c.base + place
    word[0] = words_of(c.leaf)[rank(c.leaf.bits, place)]
    return True


cdef uint64_t sparse_used(sparse *a, uint64_t low, uint64_t high) noexcept nogil:
    cdef sparse_cursor c
    cdef uint64_t n = 0
    sparse_start(a, &c, low, high)
    while not c.ended:
        next_leaf(&c)
        n += ones(c.bits)
        c.bits = 0
    return n


cdef bint sparse_last(sparse *a, uint64_t *index) noexcept nogil:
    cdef found f
    if a.root == NULL:
        return False
    leaf_to(a.root, ALL, &f)
    index[0] = f.base + highest(f.bits)
    return True


# ---- deletion ---------------------------------------------------------------------------------------

cdef struct path:              # from the root to a twig
    sparse_node **link[11]
    int depth


cdef void find_path(sparse *a, uint64_t index, path *p) noexcept nogil:
    """To the twig of an element that exists."""
    cdef sparse_node *n
    p.link[0] = &a.root
    p.depth = 0
    while True:
        n = p.link[p.depth][0]
        if level_of(n) == 1:
            return
        p.depth += 1
        p.link[p.depth] = &children(n)[rank(n.bits, place_in(n, index))]


cdef void remove_twig(sparse *a, path *p, uint64_t index) noexcept nogil:
    """The last of the path, which has no leaves any more. A branch with one child becomes that child."""
    cdef sparse_node **link
    cdef sparse_node *branch
    node_free(a, p.link[p.depth][0])
    if p.depth == 0:
        a.root = NULL
        return
    link = p.link[p.depth - 1]
    close_place(a, link, place_in(link[0], index))
    branch = link[0]
    if ones(branch.bits) == 1:
        link[0] = children(branch)[0]
        node_free(a, branch)


cdef void remove_leaf(sparse *a, path *p, uint64_t index) noexcept nogil:
    """Its words are freed."""
    cdef sparse_node **link = p.link[p.depth]
    if ones(link[0].bits) == 1:
        remove_twig(a, p, index)
    else:
        close_place(a, link, place_in(link[0], index))


cdef void shrink(sparse *a, sparse_leaf *l) noexcept nogil:
    cdef int count = ones(l.bits)
    cdef uint64_t *words
    if is_roomy(count, words_room(l)):
        words = <uint64_t *>resize(a, words_of(l), words_room(l) * 8, room_for(count) * 8)
        if words != NULL:
            set_words(l, words, room_for(count))


cdef int clear(sparse *a, found *f) noexcept nogil:
    """Deletes the elements f.bits of a leaf; returns their number."""
    cdef sparse_leaf *l = f.leaf
    cdef uint64_t *words = words_of(l)
    cdef uint64_t rest = l.bits
    cdef int i = 0
    cdef int kept = 0
    cdef int place
    cdef path p
    while rest:
        place = lowest(rest)
        rest &= rest - 1
        if has(f.bits, place):
            word_free(a, words[i])
        else:
            words[kept] = words[i]
            kept += 1
        i += 1
    l.bits &= ~f.bits
    a.count -= i - kept
    if kept:
        shrink(a, l)
    else:
        give(a, words, words_room(l) * 8)
        find_path(a, f.base, &p)
        remove_leaf(a, &p, f.base)
    return i - kept


cdef uint64_t sparse_delete(sparse *a, uint64_t low, uint64_t high) noexcept nogil:
    cdef found f
    cdef uint64_t n = 0
    cdef bint last
    while a.root != NULL and leaf_from(a.root, low, &f) and f.base <= high:
        last = f.base + 63 >= high
        if last:
            f.bits &= ALL >> (63 - (high & 63))
        low = f.base + 64
        if f.bits:
            n += clear(a, &f)
        if last:
            break
    return n


cdef bint sparse_free_some(sparse *a) noexcept nogil:
    cdef found f
    if a.root == NULL:
        return False
    leaf_from(a.root, 0, &f)
    clear(a, &f)
    return True


cdef void sparse_init(sparse *a, heap *h) noexcept nogil:
    memset(a, 0, sizeof(sparse))
    a.mem = h


cdef void free_leaf(sparse *a, sparse_leaf *l) noexcept nogil:
    """A word of 0 was not copied."""
    cdef int i
    for i in range(ones(l.bits)):
        word_free(a, words_of(l)[i])
    give(a, words_of(l), words_room(l) * 8)


cdef void free_tree(sparse *a, sparse_node *n) noexcept nogil:
    """Children that were not copied are NULL."""
    cdef int i
    for i in range(ones(n.bits)):
        if level_of(n) == 1:
            if leaves(n)[i].at:
                free_leaf(a, &leaves(n)[i])
        elif children(n)[i] != NULL:
            free_tree(a, children(n)[i])
    node_free(a, n)


cdef void sparse_release(sparse *a) noexcept nogil:
    if a.root != NULL:
        free_tree(a, a.root)
    sparse_init(a, a.mem)


# ---- copy -------------------------------------------------------------------------------------------

cdef bint copy_leaf(sparse *to, sparse_leaf *l, sparse_leaf *copy) noexcept nogil:
    cdef int n = ones(l.bits)
    cdef int i
    cdef uint64_t *words = <uint64_t *>take(to, words_room(l) * 8)
    if words == NULL:
        return False
    memset(words, 0, n * 8)
    set_words(copy, words, words_room(l))
    copy.bits = l.bits
    for i in range(n):
        words[i] = word_copy(to, words_of(l)[i])
        if words[i] == 0:
            return False
    return True


cdef sparse_node *copy_tree(sparse *to, sparse_node *n) noexcept nogil:
    """NULL: no memory, and nothing is left of it."""
    cdef sparse_node *copy = node_new(to, first_of(n), level_of(n), room_of(n))
    cdef int i
    cdef bint ok = True
    if copy == NULL:
        return NULL
    copy.bits = n.bits
    memset(<char *>copy + SHARED, 0, room_of(n) * child_size(level_of(n)))
    for i in range(ones(n.bits)):
        if level_of(n) == 1:
            ok = ok and copy_leaf(to, &leaves(n)[i], &leaves(copy)[i])
        elif ok:
            children(copy)[i] = copy_tree(to, children(n)[i])
            ok = children(copy)[i] != NULL
    if not ok:
        free_tree(to, copy)
        return NULL
    return copy


cdef bint sparse_copy(sparse *to, sparse *a) noexcept nogil:
    if a.root == NULL:
        return True
    to.root = copy_tree(to, a.root)
    if to.root == NULL:
        return False
    to.count = a.count
    return True


# ---- figures and invariants -------------------------------------------------------------------------

cdef void sparse_look(sparse *a, uint64_t above, sparse_survey *s) noexcept nogil:
    memset(s, 0, sizeof(sparse_survey))
    if a.root != NULL:
        look(a.root, above, s)


cdef void look(sparse_node *n, uint64_t above, sparse_survey *s) noexcept nogil:
    cdef size_t count = 0
    cdef size_t room = 0
    cdef int i
    for i in range(ones(n.bits)):
        if level_of(n) > 1:
            look(children(n)[i], above, s)
        else:
            count += ones(leaves(n)[i].bits)
            room += words_room(&leaves(n)[i])
    if count > above:
        s.dense += 1
        s.dense_count += count
        s.dense_room += room
    elif count:
        s.sparse += 1
        s.sparse_room += room


cdef struct tally:
    uint64_t count
    size_t bytes
    size_t blocks
    size_t twigs
    size_t directory


cdef void tally_block(tally *t, size_t n) noexcept nogil:
    t.bytes += mem_cost(n)
    t.blocks += 1


cdef const char *check_word(uint64_t word, tally *t) noexcept nogil:
    cdef char scratch[SPARSE_TEXT]
    cdef view v
    cdef int64_t n
    cdef bint small
    if word == 0:
        return b"an element of an array is missing"
    v = sparse_view(word, scratch)
    small = parse_int(v, &n) and -INT_MOST - 1 <= n <= INT_MOST
    if small != (word & 3 == TAG_INT) or (has_block(word) and v.len <= INLINE) or (word & 3 == TAG_LONG) != (v.len > SHORT):
        return b"an element of an array is not packed"
    if has_block(word):
        tally_block(t, block_size(word))
    return NULL


cdef const char *check_leaf(sparse_leaf *l, tally *t) noexcept nogil:
    cdef const char *wrong = NULL
    cdef int i
    if l.bits == 0 or ones(l.bits) > words_room(l):
        return b"a leaf of an array has too few or too many elements"
    for i in range(ones(l.bits)):
        wrong = wrong if wrong != NULL else check_word(words_of(l)[i], t)
    t.count += ones(l.bits)
    tally_block(t, words_room(l) * 8)
    return wrong


cdef const char *check_node(sparse_node *n, tally *t) noexcept nogil:
    cdef int level = level_of(n)
    cdef int count = ones(n.bits)
    cdef const char *wrong = NULL
    cdef uint64_t rest = n.bits
    cdef sparse_node *child
    cdef int i
    if not 1 <= level < HEIGHT or count > room_of(n) or count < (1 if level == 1 else 2):
        return b"a node of an array has a wrong level, too few or too many children"
    if first_of(n) & cover(level):
        return b"a node of an array begins at a wrong index"
    tally_block(t, SHARED + room_of(n) * child_size(level))
    t.twigs += level == 1
    t.directory += room_of(n) if level > 1 else 0
    for i in range(count):
        if wrong != NULL:
            return wrong
        if level == 1:
            wrong = check_leaf(&leaves(n)[i], t)
        else:
            child = children(n)[i]
            if level_of(child) >= level or not covers(n, first_of(child)) or place_in(n, first_of(child)) != lowest(rest):
                return b"a node of an array is in a wrong place"
            wrong = check_node(child, t)
        rest &= rest - 1
    return wrong


cdef const char *sparse_check(sparse *a) noexcept nogil:
    cdef tally t
    cdef const char *wrong
    memset(&t, 0, sizeof(t))
    wrong = check_node(a.root, &t) if a.root != NULL else NULL
    if wrong != NULL:
        return wrong
    if t.count != a.count or t.bytes != a.bytes or t.blocks != a.blocks or t.twigs != a.twigs or t.directory != a.directory:
        return b"an array is counted wrongly"
    return NULL
