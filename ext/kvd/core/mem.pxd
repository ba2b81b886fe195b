"""Counted memory: one heap for each store. See mem.pyx for the layout."""

from libc.stdint cimport uint32_t, uint64_t

from kvd.core.view cimport view

cdef enum:
    HEAP_CLASSES = 49          # class 0 is unused; classes 1..48 cover 8..2048 bytes
    HEAP_SMALL = 2048          # a larger allocation has a block of its own
    OFFERED_ROOM = 80          # for the header of a block and that of the value

cdef struct chunk:             # 32 pages mapped at once
    chunk *next
    chunk *prev
    char *base
    uint32_t free              # a bit for each page that is not in use

cdef struct page:
    chunk *home                # NULL: the page is malloc's
    page *next                 # pages of the class that have room
    page *prev
    page *next_all             # every page of the heap
    page *prev_all
    void *free                 # freed slots, linked through their first word
    uint32_t used              # slots handed out
    uint32_t fresh             # slots never handed out yet start here (index)
    uint32_t capacity
    uint32_t size_class
    bint listed                # is in the class's list of pages with free slots

cdef struct large:
    large *next
    large *prev
    size_t size                # the requested size
    void *base                 # what malloc returned

cdef struct offered:           # a large argument in memory that a value may take over
    void *base                 # from malloc; NULL: none
    const char *bytes          # the argument; OFFERED_ROOM bytes before it are free for headers
    size_t len
    bint taken                 # the heap owns base

cdef struct ready:             # memory for a large block, obtained without the store's lock; it is at its own beginning
    ready *next
    size_t room


cdef struct heap:
    size_t used                # bytes handed out, rounded up to what they occupy
    size_t peak                # the highest `used` so far
    size_t pages               # bytes of slab pages held
    size_t small               # the largest block that comes from a page; 0 in a sparse heap
    page *room[HEAP_CLASSES]   # pages with room, by class
    page *all
    page *spare                # empty pages that are kept, linked through `next`
    uint32_t spares            # how many
    chunk *roomy               # chunks with a free page
    chunk *full                # chunks without
    large *larges
    offered *offer             # of the call that is running, or NULL
    ready *ready               # memory for its copies of large arguments
    void *templates            # names of fields that hashes share (types/template.pyx), or NULL

cdef void heap_init(heap *h) noexcept nogil
cdef void heap_init_sparse(heap *h) noexcept nogil                                # for an owner of few blocks
cdef void heap_destroy(heap *h) noexcept nogil                                   # frees all that was allocated
cdef void *mem_alloc(heap *h, size_t n) noexcept nogil                            # 8-byte aligned; NULL when out of memory
cdef void mem_free(heap *h, void *p, size_t n) noexcept nogil                     # n: the size of the allocation; p may be NULL
cdef void *mem_realloc(heap *h, void *p, size_t old, size_t n) noexcept nogil     # NULL: no memory, p is unchanged
cdef bint mem_fits(size_t n, size_t other) noexcept nogil                             # can a block of n bytes be used, and freed, as one of `other`?
cdef size_t mem_cost(size_t n) noexcept nogil                                     # bytes that n bytes occupy
cdef size_t mem_total() noexcept nogil                                            # bytes all heaps hold from the system
cdef void *mem_take(heap *h, view v, size_t header) noexcept nogil                # the block of header + v.len bytes that ends with v, if v is on offer; else NULL
cdef ready *ready_new(size_t n) noexcept nogil                                   # for a block of n bytes; NULL: no memory
cdef void ready_touch(ready *r, size_t begin, size_t end) noexcept nogil          # obtains these bytes of the block from the system
cdef void ready_free(ready *r) noexcept nogil                                    # and those after it
