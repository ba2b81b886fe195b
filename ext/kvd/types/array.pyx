"""Arrays.

    array   BOXED, a sparse array (core/sparse.pyx) and the index of the last insertion; shown as sliced-array

Elements have indexes from 0 to 2^64 - 2. Insertions go to the index after the last one, at first to 0; ARSEEK moves it. Elements that are set or
deleted by their index do not. An array without elements is deleted, and its cursor with it.

A ring is an array whose insertions wrap around at a size, which is not stored: every insertion names it. Its positions are those below the array's
length. If the size changes, the newest elements are moved to index 0 and up, in the order of their insertion; of a ring that grew, only if the
next insertion would otherwise overwrite an old element. The first hole, going back from the newest, ends what is kept.
"""

from kvd.core.mem cimport mem_alloc, mem_cost, mem_free
from kvd.core.sparse cimport (
    SPARSE_TEXT, sparse_check, sparse_copy, sparse_free_some, sparse_get, sparse_init, sparse_last, sparse_release,
    sparse_set, sparse_view,
)
from kvd.types.kind cimport ARRAY, boxed_new


cdef const char *array_encoding_name(entry *e) noexcept nogil:
    return b"sliced-array"


cdef entry *array_new(heap *h, view key) noexcept nogil:
    cdef array *a = <array *>mem_alloc(h, sizeof(array))
    cdef entry *e
    if a == NULL:
        return NULL
    sparse_init(&a.elements, h)
    a.last = NO_INDEX
    e = boxed_new(h, key, ARRAY, 0, a)
    if e == NULL:
        mem_free(h, a, sizeof(array))
    return e


cdef uint64_t array_len(entry *e) noexcept nogil:
    cdef uint64_t index
    return index + 1 if sparse_last(&array_of(e).elements, &index) else 0


cdef bint array_next(array *a, uint64_t *index) noexcept nogil:
    index[0] = a.last + 1          # 0 if nothing was inserted
    return index[0] != NO_INDEX


cdef void array_seek(array *a, uint64_t index) noexcept nogil:
    a.last = index - 1


# ---- rings ------------------------------------------------------------------------------------------

cdef inline uint64_t before(uint64_t index, uint64_t size) noexcept nogil:
    return (index if index else size) - 1


cdef bint repack(array *a, uint64_t size, uint64_t most) noexcept nogil:
    """Keeps the newest elements of a ring of `size`, `most` of them at most. False: no memory, it is unchanged."""
    cdef sparse kept
    cdef char scratch[SPARSE_TEXT]
    cdef uint64_t newest = size - 1 if a.last == NO_INDEX else a.last % size
    cdef uint64_t index = newest
    cdef uint64_t n = 0
    cdef uint64_t i
    while n < most and sparse_get(&a.elements, index):
        n += 1
        index = before(index, size)
    sparse_init(&kept, a.elements.mem)
    index = newest
    for i in range(n):
        if sparse_set(&kept, n - 1 - i, sparse_view(sparse_get(&a.elements, index), scratch)) < 0:
            sparse_release(&kept)
            return False
        index = before(index, size)
    sparse_release(&a.elements)
    a.elements = kept
    a.last = n - 1                 # NO_INDEX if nothing is kept
    return True


cdef bint array_fit(array *a, uint64_t size) noexcept nogil:
    cdef uint64_t index
    if not sparse_last(&a.elements, &index) or size == index + 1:
        return True
    if size <= index:
        return repack(a, index + 1, size)
    return a.last >= index or repack(a, index + 1, index + 1)


# ---- functions of the type's row --------------------------------------------------------------------

cdef bint array_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    cdef sparse *s = &array_of(e).elements
    cdef size_t blocks
    while budget[0] > 0:
        blocks = s.blocks
        if not sparse_free_some(s):
            mem_free(h, array_of(e), sizeof(array))
            return True
        budget[0] -= <int>(blocks - s.blocks)
    return False


cdef size_t array_parts(entry *e) noexcept nogil:
    return array_of(e).elements.blocks + 1


cdef size_t array_bytes(entry *e, size_t samples) noexcept nogil:
    return mem_cost(sizeof(array)) + array_of(e).elements.bytes


cdef bint array_copy(heap *h, entry *source, entry *copy) noexcept nogil:
    cdef array *a = <array *>mem_alloc(h, sizeof(array))
    if a == NULL:
        return False
    sparse_init(&a.elements, h)
    a.last = array_of(source).last
    if not sparse_copy(&a.elements, &array_of(source).elements):
        mem_free(h, a, sizeof(array))
        return False
    entry_payload(copy)[0] = a
    return True


cdef const char *array_check(entry *e) noexcept nogil:
    cdef sparse *s = &array_of(e).elements
    cdef const char *wrong = sparse_check(s)
    if wrong == NULL and sparse_get(s, NO_INDEX):
        wrong = b"an array has an element at an index that is none"
    return wrong
