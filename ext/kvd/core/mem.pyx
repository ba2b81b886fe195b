"""Counted memory: a slab heap for each store.

Why our own: every entry is a small block whose size its owner knows, one lock already guards the
store, and a store must vanish in one stroke. So blocks carry no header, a free needs no search, and
`heap_destroy` drops pages without walking a single value.

    page, 32 KiB, aligned to its size          block of 2049 bytes or more
    +--------+------+------+------+---         +-----------------+---------
    | header | slot | slot | slot |            | large: links, n | bytes
    +--------+------+------+------+---         +-----------------+---------

Slots of a page have one size: 8-byte steps up to 128, then eight steps to each doubling up to 2048.
The page of a slot is its address with the low 15 bits cleared. Frees name the size they were
allocated with; the classes of both must agree.

Invariants: `used` is the sum of mem_cost over live blocks; a page stands in room[class] exactly when
it has a free slot; one wholly empty page at most is kept.

Under the address sanitizer every block is a large one, so that it sees each of them.
"""

from libc.stdlib cimport abort, free, realloc
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <stdlib.h>
    #include <stdint.h>
    #if defined(__SANITIZE_ADDRESS__)
    #define KVD_SLABS 0
    #else
    #define KVD_SLABS 1
    #endif
    static size_t kvd_mem_total = 0;
    static inline void kvd_total_add(intptr_t n) { __atomic_fetch_add(&kvd_mem_total, (size_t)n, __ATOMIC_RELAXED); }
    static inline size_t kvd_total_get(void) { return __atomic_load_n(&kvd_mem_total, __ATOMIC_RELAXED); }
    static inline void *kvd_aligned(size_t alignment, size_t n) {
        void *p;
        return posix_memalign(&p, alignment, n) == 0 ? p : NULL;
    }
    static inline int kvd_log2(size_t n) { return 63 - __builtin_clzll((unsigned long long)n); }
    """
    enum: KVD_SLABS
    void total_add "kvd_total_add" (ssize_t n) noexcept nogil
    size_t total_get "kvd_total_get" () noexcept nogil
    void *aligned "kvd_aligned" (size_t alignment, size_t n) noexcept nogil
    int log2_floor "kvd_log2" (size_t n) noexcept nogil

cdef enum:
    PAGE_BYTES = 32768
    PAGE_ASKED = 32752          # so that malloc can lay pages side by side without a gap
    PAGE_HEADER = 128           # sizeof(page) rounded up so that slots of 64 * n bytes fill whole cache lines
    LARGE_HEADER = 64           # sizeof(large) rounded up to a cache line, which the block then starts on

assert sizeof(page) <= PAGE_HEADER
assert sizeof(large) <= LARGE_HEADER


cdef inline uint32_t class_of(size_t n) noexcept nogil:
    cdef int lg
    if n <= 128:
        return <uint32_t>((n + 7) >> 3) if n else 1
    lg = log2_floor(n - 1)
    return <uint32_t>(17 + (lg - 7) * 8 + ((n - 1 - (<size_t>1 << lg)) >> (lg - 3)))


cdef inline size_t class_bytes(uint32_t c) noexcept nogil:
    cdef uint32_t lg, step
    if c <= 16:
        return c << 3
    lg = 7 + (c - 17) // 8
    step = (c - 17) % 8 + 1
    return (<size_t>1 << lg) + (<size_t>step << (lg - 3))


cdef inline void link_room(heap *h, page *pg) noexcept nogil:
    cdef page *head = h.room[pg.size_class]
    pg.prev = NULL
    pg.next = head
    if head != NULL:
        head.prev = pg
    h.room[pg.size_class] = pg
    pg.listed = True


cdef inline void unlink_room(heap *h, page *pg) noexcept nogil:
    if pg.prev != NULL:
        pg.prev.next = pg.next
    else:
        h.room[pg.size_class] = pg.next
    if pg.next != NULL:
        pg.next.prev = pg.prev
    pg.listed = False


cdef page *page_new(heap *h, uint32_t c) noexcept nogil:
    cdef page *pg = h.spare
    if pg != NULL:
        h.spare = NULL
    else:
        pg = <page *>aligned(PAGE_BYTES, PAGE_ASKED)
        if pg == NULL:
            return NULL
        pg.prev_all = NULL
        pg.next_all = h.all
        if h.all != NULL:
            h.all.prev_all = pg
        h.all = pg
        h.pages += PAGE_BYTES
        total_add(PAGE_BYTES)
    pg.free = NULL
    pg.used = 0
    pg.fresh = 0
    pg.size_class = c
    pg.capacity = <uint32_t>((PAGE_ASKED - PAGE_HEADER) // class_bytes(c))
    link_room(h, pg)
    return pg


cdef void page_drop(heap *h, page *pg) noexcept nogil:
    """An empty page becomes the spare one, or goes back to the system."""
    unlink_room(h, pg)
    if h.spare == NULL:
        h.spare = pg
        return
    if pg.prev_all != NULL:
        pg.prev_all.next_all = pg.next_all
    else:
        h.all = pg.next_all
    if pg.next_all != NULL:
        pg.next_all.prev_all = pg.prev_all
    h.pages -= PAGE_BYTES
    total_add(-PAGE_BYTES)
    free(pg)


cdef inline void count(heap *h, size_t n) noexcept nogil:
    h.used += n
    if h.used > h.peak:
        h.peak = h.used


cdef void *large_alloc(heap *h, size_t n) noexcept nogil:
    cdef large *b
    if n > <size_t>-1 - 4096:
        return NULL
    b = <large *>aligned(64, n + LARGE_HEADER)
    if b == NULL:
        return NULL
    b.size = n
    b.prev = NULL
    b.next = h.larges
    if h.larges != NULL:
        h.larges.prev = b
    h.larges = b
    count(h, mem_cost(n))
    total_add(<ssize_t>mem_cost(n))
    return <char *>b + LARGE_HEADER


cdef void large_free(heap *h, void *p, size_t n) noexcept nogil:
    cdef large *b = <large *>(<char *>p - LARGE_HEADER)
    if b.size != n:
        abort()                 # a caller lost count of its own size: memory is already wrong
    if b.prev != NULL:
        b.prev.next = b.next
    else:
        h.larges = b.next
    if b.next != NULL:
        b.next.prev = b.prev
    h.used -= mem_cost(n)
    total_add(-<ssize_t>mem_cost(n))
    free(b)


cdef void heap_init(heap *h) noexcept nogil:
    memset(h, 0, sizeof(heap))


cdef void heap_destroy(heap *h) noexcept nogil:
    cdef page *pg = h.all
    cdef page *next_page
    cdef large *b = h.larges
    cdef large *next_large
    while pg != NULL:
        next_page = pg.next_all
        free(pg)
        pg = next_page
    total_add(-<ssize_t>h.pages)
    while b != NULL:
        next_large = b.next
        total_add(-<ssize_t>mem_cost(b.size))
        free(b)
        b = next_large
    heap_init(h)


cdef size_t mem_cost(size_t n) noexcept nogil:
    if n <= HEAP_SMALL:
        return class_bytes(class_of(n))
    return (n + LARGE_HEADER + 8 + 15) & ~<size_t>15


cdef void *mem_alloc(heap *h, size_t n) noexcept nogil:
    cdef uint32_t c
    cdef page *pg
    cdef void *p
    if n > HEAP_SMALL or not KVD_SLABS:
        return large_alloc(h, n)
    c = class_of(n)
    pg = h.room[c]
    if pg == NULL:
        pg = page_new(h, c)
        if pg == NULL:
            return NULL
    p = pg.free
    if p != NULL:
        pg.free = (<void **>p)[0]
    else:
        p = <char *>pg + PAGE_HEADER + pg.fresh * class_bytes(c)
        pg.fresh += 1
    pg.used += 1
    if pg.free == NULL and pg.fresh == pg.capacity:
        unlink_room(h, pg)
    count(h, class_bytes(c))
    return p


cdef void mem_free(heap *h, void *p, size_t n) noexcept nogil:
    cdef page *pg
    if p == NULL:
        return
    if n > HEAP_SMALL or not KVD_SLABS:
        large_free(h, p, n)
        return
    pg = <page *>(<size_t>p & ~<size_t>(PAGE_BYTES - 1))
    (<void **>p)[0] = pg.free
    pg.free = p
    pg.used -= 1
    h.used -= class_bytes(pg.size_class)
    if not pg.listed:
        link_room(h, pg)
    if pg.used == 0:
        page_drop(h, pg)


cdef void *mem_realloc(heap *h, void *p, size_t old, size_t n) noexcept nogil:
    cdef void *q
    cdef large *b
    if p == NULL:
        return mem_alloc(h, n)
    if KVD_SLABS and old <= HEAP_SMALL and n <= HEAP_SMALL and class_of(old) == class_of(n):
        return p
    if old > HEAP_SMALL and n > HEAP_SMALL and n < <size_t>-1 - 4096:
        b = <large *>realloc(<char *>p - LARGE_HEADER, n + LARGE_HEADER)
        if b == NULL:
            return NULL
        if b.prev != NULL:
            b.prev.next = b
        else:
            h.larges = b
        if b.next != NULL:
            b.next.prev = b
        b.size = n
        h.used -= mem_cost(old)
        count(h, mem_cost(n))
        total_add(<ssize_t>mem_cost(n) - <ssize_t>mem_cost(old))
        return <char *>b + LARGE_HEADER
    q = mem_alloc(h, n)
    if q == NULL:
        return NULL
    memcpy(q, p, min(old, n))
    mem_free(h, p, old)
    return q


cdef size_t mem_total() noexcept nogil:
    return total_get()
