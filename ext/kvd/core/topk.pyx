"""The heaviest keys of a stream of (key, weight), by the Space-Saving algorithm.

Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005. `room` keys are held. A key that is
not among them takes the place of the lightest, and its weight too, which is noted as `over`: what it may have too much. So a key's true weight
is between weight - over and weight, every key of more than total / room is held, and light keys only exchange places at the bottom.

    keys      in a fixed place each
    heap      of their numbers, lightest first; a key knows its place in it
    buckets   chains of keys by hash

The order of the result is that of weight - over: of a stream without heavy keys, all have the same weight, most of it inherited.
"""

from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from kvd.core.table cimport table_hash
from kvd.core.view cimport view_equal, view_of


cdef bint topk_init(topk *t, int room) noexcept nogil:
    memset(t, 0, sizeof(topk))
    t.keys = <top_key *>calloc(room, sizeof(top_key))
    t.heap = <int32_t *>calloc(room, sizeof(int32_t))
    t.buckets = <int32_t *>malloc(room * sizeof(int32_t))
    if t.keys == NULL or t.heap == NULL or t.buckets == NULL:
        topk_release(t)
        return False
    memset(t.buckets, 0xff, room * sizeof(int32_t))
    t.room = room
    t.mask = room - 1
    t.bytes = room * (sizeof(top_key) + 2 * sizeof(int32_t))
    return True


cdef void topk_release(topk *t) noexcept nogil:
    cdef int i
    for i in range(t.count):
        free(t.keys[i].key)
    free(t.keys)
    free(t.heap)
    free(t.buckets)
    memset(t, 0, sizeof(topk))


# ---- heap -------------------------------------------------------------------------------------------

cdef inline void place(topk *t, int at, int32_t key) noexcept nogil:
    t.heap[at] = key
    t.keys[key].at = at


cdef void sift_up(topk *t, int at) noexcept nogil:
    cdef int32_t key = t.heap[at]
    cdef int above
    while at:
        above = (at - 1) // 2
        if t.keys[t.heap[above]].weight <= t.keys[key].weight:
            break
        place(t, at, t.heap[above])
        at = above
    place(t, at, key)


cdef void sift_down(topk *t, int at) noexcept nogil:
    cdef int32_t key = t.heap[at]
    cdef int below
    while True:
        below = 2 * at + 1
        if below >= t.count:
            break
        if below + 1 < t.count and t.keys[t.heap[below + 1]].weight < t.keys[t.heap[below]].weight:
            below += 1
        if t.keys[key].weight <= t.keys[t.heap[below]].weight:
            break
        place(t, at, t.heap[below])
        at = below
    place(t, at, key)


# ---- keys -------------------------------------------------------------------------------------------

cdef int32_t find(topk *t, view key, uint64_t hash) noexcept nogil:
    """Its number; -1: it is not held."""
    cdef int32_t i = t.buckets[hash & t.mask]
    while i >= 0 and not (t.keys[i].hash == hash and view_equal(view_of(t.keys[i].key, t.keys[i].len), key)):
        i = t.keys[i].next
    return i


cdef bint hold(topk *t, int32_t i, view key, uint64_t hash) noexcept nogil:
    """Makes i the number of the key; False: no memory, and i keeps the key that it has."""
    cdef top_key *k = &t.keys[i]
    cdef char *bytes = <char *>malloc(key.len + 1)
    cdef int32_t *link
    if bytes == NULL:
        return False
    if k.key != NULL:
        link = &t.buckets[k.hash & t.mask]
        while link[0] != i:
            link = &t.keys[link[0]].next
        link[0] = k.next
        free(k.key)
        t.bytes -= k.len
    memcpy(bytes, key.ptr, key.len)
    k.key = bytes
    k.len = key.len
    k.hash = hash
    k.next = t.buckets[hash & t.mask]
    t.buckets[hash & t.mask] = i
    t.bytes += key.len
    return True


cdef void topk_add(topk *t, view key, uint64_t weight) noexcept nogil:
    cdef uint64_t hash = table_hash(key)
    cdef int32_t i = find(t, key, hash)
    if i >= 0:
        t.keys[i].weight += weight
        sift_down(t, t.keys[i].at)
    elif t.count < t.room:
        if hold(t, t.count, key, hash):
            t.keys[t.count].weight = weight
            t.count += 1
            t.heap[t.count - 1] = t.count - 1
            sift_up(t, t.count - 1)
    else:
        i = t.heap[0]
        if hold(t, i, key, hash):
            t.keys[i].over = t.keys[i].weight
            t.keys[i].weight += weight
            sift_down(t, 0)


cdef int topk_heaviest(topk *t, top_key **out, int n) noexcept nogil:
    """By insertion into a sorted list: n is small."""
    cdef int found = 0
    cdef int i, at
    for i in range(t.count):
        at = found
        while at and topk_certain(out[at - 1]) < topk_certain(&t.keys[i]):
            if at < n:
                out[at] = out[at - 1]
            at -= 1
        if at < n:
            out[at] = &t.keys[i]
            found = min(found + 1, n)
    return found
