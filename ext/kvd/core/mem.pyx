"""Counted memory: a slab heap for each store.

Why a heap of its own: every entry is a small block whose size its owner knows, one lock already guards the
store, and a store must be freed at once. So blocks carry no header, a free needs no search, and
`heap_destroy` drops pages without walking a single value.

    page, 32 KiB, aligned to its size          block of 2049 bytes or more
    +--------+------+------+------+---         +-----------------+---------
    | header | slot | slot | slot |            | large: links, n | bytes
    +--------+------+------+------+---         +-----------------+---------

Slots of a page have one size: 8-byte steps up to 128, then eight steps to each doubling up to 2048.
The page of a slot is its address with the low 15 bits cleared. Frees name the size they were
allocated with; the classes of both must agree.

The first eight pages come from malloc, so that a small store is small; the others from 1 MiB chunks
mapped from the system. A page that becomes empty there is handed back at once (madvise), 32 KiB at a
time, so that memory shrinks with the data and no single free takes long.

Invariants: `used` is the sum of mem_cost over live blocks; a page is in room[class] exactly when
it has a free slot; at most SPARE_PAGES wholly empty pages are kept. (A value that is built step by step passes through blocks of
several sizes; without spare pages each of them could obtain a page from the system and return it.)

Large arguments. Copying 100 MB takes longer than a store may be locked, and obtaining that memory from the
system longer still. Both are done before, by whoever receives the argument: `offer` is memory that already
contains it, which a value of the right layout takes over (mem_take), and `ready` is memory that the other values
copy it into. A block that is taken and freed within one call goes back to the offer, so that the words of the
call stay valid until it ends.

A sparse heap has no pages: every block is allocated separately, for an owner of few and large blocks that should start
small. Under the address sanitizer every heap is sparse, so that it sees each block.
"""

from libc.stdlib cimport abort, free, malloc, realloc
from libc.string cimport memcpy, memset

from kvd.core.pages cimport use_huge_pages

cdef extern from "kvd/core/mem.h":
    enum: KVD_SLABS
    void total_add "kvd_total_add" (ssize_t n) noexcept nogil
    size_t total_get "kvd_total_get" () noexcept nogil
    void *aligned "kvd_aligned" (size_t alignment, size_t n) noexcept nogil
    void *chunk_map "kvd_chunk_map" () noexcept nogil
    void chunk_unmap "kvd_chunk_unmap" (void *base) noexcept nogil
    void discard "kvd_discard" (void *page) noexcept nogil
    int lowest "kvd_lowest" (uint32_t m) noexcept nogil
    int log2_floor "kvd_log2" (size_t n) noexcept nogil

cdef enum:
    PAGE_BYTES = 32768
    PAGE_ASKED = 32752          # so that malloc can lay pages side by side without a gap
    PAGE_HEADER = 128           # sizeof(page) rounded up so that slots of 64 * n bytes fill whole cache lines
    FIRST_PAGES = 8             # of a heap, from malloc
    SPARE_PAGES = 4
    LARGE_HEADER = 64           # sizeof(large) rounded up to a cache line, which the block then starts on
    READY_SPARE = 16384         # ready memory may be so much larger than the block that takes it
    TOUCH_STEP = 4096           # a page of the system

cdef uint32_t ALL_FREE = <uint32_t>-1

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


cdef void chunk_link(chunk **head, chunk *k) noexcept nogil:
    k.prev = NULL
    k.next = head[0]
    if k.next != NULL:
        k.next.prev = k
    head[0] = k


cdef void chunk_unlink(chunk **head, chunk *k) noexcept nogil:
    if k.prev != NULL:
        k.prev.next = k.next
    else:
        head[0] = k.next
    if k.next != NULL:
        k.next.prev = k.prev


cdef chunk *chunk_new(heap *h) noexcept nogil:
    cdef chunk *k = <chunk *>malloc(sizeof(chunk))
    if k == NULL:
        return NULL
    k.base = <char *>chunk_map()
    if k.base == NULL:
        free(k)
        return NULL
    k.free = ALL_FREE
    chunk_link(&h.roomy, k)
    return k


cdef page *page_obtain(heap *h) noexcept nogil:
    """Memory for a page, from malloc or from a chunk."""
    cdef page *pg = NULL
    cdef chunk *k
    if h.pages < FIRST_PAGES * PAGE_BYTES:
        pg = <page *>aligned(PAGE_BYTES, PAGE_ASKED)
        if pg != NULL:
            pg.home = NULL
        return pg
    k = h.roomy if h.roomy != NULL else chunk_new(h)
    if k == NULL:
        return NULL
    pg = <page *>(k.base + lowest(k.free) * <size_t>PAGE_BYTES)
    k.free &= k.free - 1
    if k.free == 0:
        chunk_unlink(&h.roomy, k)
        chunk_link(&h.full, k)
    pg.home = k
    return pg


cdef void page_return(heap *h, page *pg) noexcept nogil:
    cdef chunk *k = pg.home
    if k == NULL:
        free(pg)
        return
    if k.free == 0:
        chunk_unlink(&h.full, k)
        chunk_link(&h.roomy, k)
    k.free |= <uint32_t>1 << ((<char *>pg - k.base) // PAGE_BYTES)
    if k.free == ALL_FREE:
        chunk_unlink(&h.roomy, k)
        chunk_unmap(k.base)
        free(k)
    else:
        discard(pg)


cdef page *page_new(heap *h, uint32_t c) noexcept nogil:
    cdef page *pg = h.spare
    if pg != NULL:
        h.spare = pg.next
        h.spares -= 1
    else:
        pg = page_obtain(h)
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
    """An empty page is kept as a spare one, or returned to the system."""
    unlink_room(h, pg)
    if h.spares < SPARE_PAGES:
        pg.next = h.spare
        h.spare = pg
        h.spares += 1
        return
    if pg.prev_all != NULL:
        pg.prev_all.next_all = pg.next_all
    else:
        h.all = pg.next_all
    if pg.next_all != NULL:
        pg.next_all.prev_all = pg.prev_all
    h.pages -= PAGE_BYTES
    total_add(-PAGE_BYTES)
    page_return(h, pg)


cdef inline void count(heap *h, size_t n) noexcept nogil:
    h.used += n
    if h.used > h.peak:
        h.peak = h.used


cdef void *large_link(heap *h, large *b, size_t n, void *base) noexcept nogil:
    b.base = base
    b.size = n
    b.prev = NULL
    b.next = h.larges
    if h.larges != NULL:
        h.larges.prev = b
    h.larges = b
    count(h, mem_cost(n))
    total_add(<ssize_t>mem_cost(n))
    return <char *>b + LARGE_HEADER


cdef void *ready_take(heap *h, size_t n) noexcept nogil:
    """Memory for n bytes that is ready and not much larger, or NULL."""
    cdef ready **at = &h.ready
    cdef ready *r
    while at[0] != NULL:
        r = at[0]
        if n <= r.room <= n + READY_SPARE:
            at[0] = r.next
            return r
        at = &r.next
    return NULL


cdef void *large_alloc(heap *h, size_t n) noexcept nogil:
    cdef large *b = NULL
    if n > <size_t>-1 - 4096:
        return NULL
    if h.ready != NULL:
        b = <large *>ready_take(h, n + LARGE_HEADER)
    if b == NULL:
        b = <large *>aligned(64, n + LARGE_HEADER)
        if b == NULL:
            return NULL
        use_huge_pages(b, n)
    return large_link(h, b, n, b)


cdef inline bint is_offered(heap *h, large *b) noexcept nogil:
    return h.offer != NULL and h.offer.base == b.base


cdef void *mem_take(heap *h, view v, size_t header) noexcept nogil:
    cdef offered *o = h.offer
    if o == NULL or o.taken or v.ptr != o.bytes or v.len != o.len or header + LARGE_HEADER > OFFERED_ROOM or header + v.len <= h.small:
        return NULL
    o.taken = True
    return large_link(h, <large *>(v.ptr - header - LARGE_HEADER), header + v.len, o.base)


cdef void large_free(heap *h, void *p, size_t n) noexcept nogil:
    cdef large *b = <large *>(<char *>p - LARGE_HEADER)
    if b.size != n:
        abort()                 # a caller passed a wrong size: memory is already corrupt
    if b.prev != NULL:
        b.prev.next = b.next
    else:
        h.larges = b.next
    if b.next != NULL:
        b.next.prev = b.prev
    h.used -= mem_cost(n)
    total_add(-<ssize_t>mem_cost(n))
    if is_offered(h, b):
        h.offer.taken = False
    else:
        free(b.base)


cdef ready *ready_new(size_t n) noexcept nogil:
    cdef size_t room = n + READY_SPARE // 2
    cdef ready *r
    if n > <size_t>-1 - READY_SPARE:
        return NULL
    r = <ready *>aligned(64, room)
    if r != NULL:
        use_huge_pages(r, room)
        r.next = NULL
        r.room = room
    return r


cdef void ready_touch(ready *r, size_t begin, size_t end) noexcept nogil:
    cdef size_t at = max(begin, sizeof(ready))
    while at < min(end, r.room):
        (<char *>r)[at] = 0
        at += TOUCH_STEP


cdef void ready_free(ready *r) noexcept nogil:
    cdef ready *following
    while r != NULL:
        following = r.next
        free(r)
        r = following


cdef void heap_init(heap *h) noexcept nogil:
    memset(h, 0, sizeof(heap))
    h.small = HEAP_SMALL if KVD_SLABS else 0


cdef void heap_init_sparse(heap *h) noexcept nogil:
    memset(h, 0, sizeof(heap))


cdef void chunks_drop(chunk *k) noexcept nogil:
    cdef chunk *following
    while k != NULL:
        following = k.next
        chunk_unmap(k.base)
        free(k)
        k = following


cdef void heap_destroy(heap *h) noexcept nogil:
    cdef page *pg = h.all
    cdef page *next_page
    cdef large *b = h.larges
    cdef large *next_large
    while pg != NULL:
        next_page = pg.next_all
        if pg.home == NULL:
            free(pg)
        pg = next_page
    chunks_drop(h.roomy)
    chunks_drop(h.full)
    total_add(-<ssize_t>h.pages)
    while b != NULL:
        next_large = b.next
        total_add(-<ssize_t>mem_cost(b.size))
        free(b.base)
        b = next_large
    heap_init(h)


cdef bint mem_fits(size_t n, size_t other) noexcept nogil:
    """A large block stores its exact size; a slot only its class."""
    return n == other or (KVD_SLABS and n <= HEAP_SMALL and other <= HEAP_SMALL and class_of(n) == class_of(other))


cdef size_t mem_cost(size_t n) noexcept nogil:
    if n <= HEAP_SMALL:
        return class_bytes(class_of(n))
    return (n + LARGE_HEADER + 8 + 15) & ~<size_t>15


cdef void *mem_alloc(heap *h, size_t n) noexcept nogil:
    cdef uint32_t c
    cdef page *pg
    cdef void *p
    if n > h.small:
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
    if n > h.small:
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
    cdef void *base
    cdef size_t ahead
    cdef large *b
    if p == NULL:
        return mem_alloc(h, n)
    if old == n or (h.small and mem_fits(old, n)):
        return p
    b = <large *>(<char *>p - LARGE_HEADER)        # if it is a large block
    if old > h.small and n > h.small and n < <size_t>-1 - 8192 and not is_offered(h, b):
        ahead = <char *>b - <char *>b.base
        base = realloc(b.base, ahead + n + LARGE_HEADER)
        if base == NULL:
            return NULL
        b = <large *>(<char *>base + ahead)
        b.base = base
        if b.prev != NULL:
            b.prev.next = b
        else:
            h.larges = b
        if b.next != NULL:
            b.next.prev = b
        use_huge_pages(b, n)
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
