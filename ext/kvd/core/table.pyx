"""Hash table of entries: cache-line buckets that grow one at a time (linear hashing).

    bucket, 64 bytes
    +---------+---------+----------------------------------+
    | 9 tags  | chained | 9 slots of 6 bytes: entry pointers |
    +---------+---------+----------------------------------+

A tag is one byte of the key's hash, 0 for a free slot; a lookup compares all nine at once and follows
only the pointers whose tag is equal, so a miss rarely leaves the line and a hit reads the line and the
entry. A pointer needs 48 bits on the supported machines, which is why nine fit instead of
seven. When a bucket is full its last slot becomes a pointer to a child bucket (`chained`).

Growth. Doubling would need two tables, an incremental rehash, and half of the memory unused most of
the time. Here bucket number `buckets - low_mask - 1` is split into itself and a new last one whenever
the load passes LOAD_HIGH, and the last one is merged back when it falls below LOAD_LOW: an insert or
a removal touches two buckets at most, there is one table to search, and load (hence bytes per key:
about 12) is the same at every size. Bucket of a hash: its low bits under the wide mask; if that bucket does
not exist yet, under the narrow one. Buckets are in segments of 256 (16 KiB), listed in a directory;
the first segment starts with one bucket and doubles, so small tables are small.

SCAN's cursor counts with its bits reversed over the narrow mask; a bucket that has been split is
visited with its image. A key present from beginning to end of a scan is therefore seen even when the
table grew or shrank in between; a key may be seen twice.

The order of reversed hashes (table_order): a bucket holds one range of it, which a split divides and a merge joins. A walk that
continues where the last range ended (table_range) meets each key exactly once, however the table grows or shrinks in
between; only after a merge it meets keys from before that place again, as their order tells.

Invariants (table_check): low_mask + 1 is a power of two, low_mask < buckets <= 2 * (low_mask + 1); each
entry is in the chain its hash selects, with its tag; only the last bucket of a chain may have holes
at its end; `items` and `children` are exact counts.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from kvd.core.entry cimport WIDE, entry_key, entry_prefix, entry_wide
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free, mem_realloc
from kvd.core.random cimport rng_below, rng_next
from kvd.core.siphash cimport siphash13, sipkey

import os

cdef extern from "kvd/core/table.h" nogil:
    uint32_t match9 "kvd_match9" (const uint8_t *p, uint8_t tag) noexcept
    void *slot_get "kvd_slot_get" (const uint8_t *slots, int i) noexcept
    void slot_set "kvd_slot_set" (uint8_t *slots, int i, void *p) noexcept
    int ctz "kvd_ctz" (uint32_t m) noexcept
    void prefetch "kvd_prefetch" (const void *p) noexcept
    int log2_floor "kvd_log2_floor" (size_t n) noexcept

cdef enum:
    SLOTS = 9
    SEGMENT_BITS = 8
    SEGMENT = 256              # buckets
    LOAD_HIGH = 6              # entries a bucket, on average, above which the table grows
    LOAD_LOW = 2               # below which it shrinks

assert sizeof(bucket) == 64

cdef sipkey HASH_KEY
HASH_KEY.k0 = int.from_bytes(os.urandom(8), "little")
HASH_KEY.k1 = int.from_bytes(os.urandom(8), "little")


cdef uint64_t table_hash(view key) noexcept nogil:
    return siphash13(HASH_KEY.k0, HASH_KEY.k1, key.ptr, key.len)


cdef inline uint8_t tag_of(uint64_t hash) noexcept nogil:
    cdef uint8_t tag = <uint8_t>(hash >> 56)
    return tag if tag else 1


cdef inline size_t index_of(table *t, uint64_t hash) noexcept nogil:
    cdef size_t i = hash & (t.low_mask * 2 + 1)
    return i if i < t.buckets else i & t.low_mask


cdef inline bucket *bucket_at(table *t, size_t i) noexcept nogil:
    return t.segments[i >> SEGMENT_BITS] + (i & (SEGMENT - 1))


cdef inline uint32_t open_mask(bucket *b) noexcept nogil:
    """The slots of this bucket that may hold entries."""
    return 0xff if b.chained else 0x1ff


cdef inline bucket *child_of(bucket *b) noexcept nogil:
    return <bucket *>slot_get(b.slots, SLOTS - 1) if b.chained else NULL


cdef inline bint same_key(entry *e, view key) noexcept nogil:
    if e.flags & WIDE:
        return entry_wide(e)[0] == key.len and memcmp(<char *>e + entry_prefix(e.flags), key.ptr, key.len) == 0
    return e.klen == key.len and memcmp(<char *>e + entry_prefix(e.flags), key.ptr, key.len) == 0


cdef void table_init(table *t, heap *h) noexcept nogil:
    memset(t, 0, sizeof(table))
    t.mem = h


cdef size_t segment_zero(size_t buckets) noexcept nogil:
    """The capacity of the first segment, in buckets."""
    cdef size_t n = 1
    while n < buckets and n < SEGMENT:
        n *= 2
    return n


cdef void free_chain(table *t, bucket *b) noexcept nogil:
    cdef bucket *c = child_of(b)
    cdef bucket *next_child
    while c != NULL:
        next_child = child_of(c)
        mem_free(t.mem, c, sizeof(bucket))
        t.children -= 1
        c = next_child


cdef void table_release(table *t) noexcept nogil:
    cdef size_t i
    cdef size_t n = t.buckets
    if n == 0:
        return
    if t.children:
        for i in range(n):
            free_chain(t, bucket_at(t, i))
    mem_free(t.mem, t.segments[0], segment_zero(n) * sizeof(bucket))
    for i in range(1, (n + SEGMENT - 1) >> SEGMENT_BITS):
        mem_free(t.mem, t.segments[i], SEGMENT * sizeof(bucket))
    mem_free(t.mem, t.segments, t.directory * sizeof(void *))
    table_init(t, t.mem)


cdef entry *table_find(table *t, view key, uint64_t hash) noexcept nogil:
    cdef bucket *b
    cdef uint32_t m
    cdef uint8_t tag = tag_of(hash)
    cdef entry *e
    if t.items == 0:
        return NULL
    b = bucket_at(t, index_of(t, hash))
    while True:
        m = match9(b.tags, tag) & open_mask(b)
        while m:
            e = <entry *>slot_get(b.slots, ctz(m))
            if same_key(e, key):
                return e
            m &= m - 1
        if not b.chained:
            return NULL
        b = child_of(b)


cdef void table_prefetch(table *t, uint64_t hash) noexcept nogil:
    if t.items:
        prefetch(bucket_at(t, index_of(t, hash)))


cdef void table_prefetch_entry(table *t, uint64_t hash) noexcept nogil:
    cdef bucket *b
    cdef uint32_t m
    if t.items:
        b = bucket_at(t, index_of(t, hash))
        m = match9(b.tags, tag_of(hash)) & open_mask(b)
        if m:
            prefetch(slot_get(b.slots, ctz(m)))
        elif b.chained:
            prefetch(child_of(b))


cdef bint find_slot(table *t, entry *e, uint64_t hash, bucket **where, int *slot) noexcept nogil:
    cdef bucket *b
    cdef uint32_t m
    cdef uint8_t tag = tag_of(hash)
    if t.items == 0:
        return False
    b = bucket_at(t, index_of(t, hash))
    while b != NULL:
        m = match9(b.tags, tag) & open_mask(b)
        while m:
            if slot_get(b.slots, ctz(m)) == e:
                where[0] = b
                slot[0] = ctz(m)
                return True
            m &= m - 1
        b = child_of(b)
    return False


cdef bint table_replace(table *t, entry *old, entry *new, uint64_t hash) noexcept nogil:
    cdef bucket *b
    cdef int slot
    if not find_slot(t, old, hash, &b, &slot):
        return False
    slot_set(b.slots, slot, new)
    return True


cdef bint put(table *t, bucket *b, void *e, uint8_t tag) noexcept nogil:
    """Into the chain of b; False when a child is needed and there is no memory."""
    cdef uint32_t m
    cdef bucket *c
    cdef size_t depth = 1
    while True:
        m = match9(b.tags, 0) & open_mask(b)
        if m:
            b.tags[ctz(m)] = tag
            slot_set(b.slots, ctz(m), e)
            return True
        if b.chained:
            b = child_of(b)
            depth += 1
            continue
        c = <bucket *>mem_alloc(t.mem, sizeof(bucket))
        if c == NULL:
            return False
        memset(c, 0, sizeof(bucket))
        c.tags[0] = b.tags[SLOTS - 1]
        slot_set(c.slots, 0, slot_get(b.slots, SLOTS - 1))
        c.tags[1] = tag
        slot_set(c.slots, 1, e)
        b.tags[SLOTS - 1] = 0
        b.chained = 1
        slot_set(b.slots, SLOTS - 1, c)
        t.children += 1
        if depth + 1 > t.longest:
            t.longest = depth + 1
        return True


cdef bint add_bucket(table *t) noexcept nogil:
    """Memory for bucket number t.buckets, zeroed; does not count it yet."""
    cdef size_t n = t.buckets
    cdef size_t segment = n >> SEGMENT_BITS
    cdef size_t have, want
    cdef void *p
    if segment >= t.directory:
        want = t.directory * 2 if t.directory else 1
        p = mem_realloc(t.mem, t.segments, t.directory * sizeof(void *), want * sizeof(void *))
        if p == NULL:
            return False
        t.segments = <bucket **>p
        t.directory = want
    if segment == 0:
        have = segment_zero(n) if n else 0
        want = segment_zero(n + 1)
        if want > have:
            p = mem_realloc(t.mem, t.segments[0] if n else NULL, have * sizeof(bucket), want * sizeof(bucket))
            if p == NULL:
                return False
            t.segments[0] = <bucket *>p
    elif n & (SEGMENT - 1) == 0:
        p = mem_alloc(t.mem, SEGMENT * sizeof(bucket))
        if p == NULL:
            return False
        t.segments[segment] = <bucket *>p
    memset(bucket_at(t, n), 0, sizeof(bucket))
    return True


cdef void drop_bucket(table *t) noexcept nogil:
    """Frees the last bucket, which is empty and has no child."""
    cdef size_t n = t.buckets - 1
    cdef size_t have, want
    cdef void *p
    t.buckets = n
    if n == 0:
        t.buckets = 1
        table_release(t)
        return
    if n < SEGMENT:
        have = segment_zero(n + 1)
        want = segment_zero(n)
        if want < have:
            p = mem_realloc(t.mem, t.segments[0], have * sizeof(bucket), want * sizeof(bucket))
            if p == NULL:
                t.buckets = n + 1        # it is kept: the table stays complete
                return
            t.segments[0] = <bucket *>p
    elif n & (SEGMENT - 1) == 0:
        mem_free(t.mem, t.segments[n >> SEGMENT_BITS], SEGMENT * sizeof(bucket))


cdef size_t gather(table *t, bucket *b, entry **out, uint8_t *tags, size_t room) noexcept nogil:
    """Removes all entries from a chain and frees its children; returns their number, 0 when `room` is too small."""
    cdef size_t n = 0
    cdef bucket *c = b
    cdef int i
    cdef size_t total = 0
    while c != NULL:
        total += SLOTS
        c = child_of(c)
    if total > room:
        return 0
    c = b
    while c != NULL:
        for i in range(SLOTS):
            if c.tags[i]:
                out[n] = <entry *>slot_get(c.slots, i)
                prefetch(out[n])
                tags[n] = c.tags[i]
                n += 1
        c = child_of(c)
    free_chain(t, b)
    memset(b, 0, sizeof(bucket))
    return n


cdef enum:
    GATHERED = 9 * 64          # a longer chain (which only an attacker with the hash key can make) is not split


cdef bint grow(table *t) noexcept nogil:
    """Splits one bucket. Without memory the table stays as it is, at a higher load."""
    cdef entry *moved[GATHERED]
    cdef uint8_t tags[GATHERED]
    cdef size_t n, i
    cdef size_t source
    if not add_bucket(t):
        return False
    if t.buckets == (t.low_mask + 1) * 2:
        t.low_mask = t.low_mask * 2 + 1
    source = t.buckets - (t.low_mask + 1)
    n = gather(t, bucket_at(t, source), moved, tags, GATHERED)
    t.buckets += 1
    for i in range(n):
        put(t, bucket_at(t, index_of(t, table_hash(entry_key(moved[i])))), moved[i], tags[i])
    return True


cdef void shrink(table *t) noexcept nogil:
    """Merges the last bucket into the one it was split from."""
    cdef entry *moved[GATHERED]
    cdef uint8_t tags[GATHERED]
    cdef size_t n, i
    cdef size_t last = t.buckets - 1
    cdef bucket *target
    if last == 0:
        return
    n = gather(t, bucket_at(t, last), moved, tags, GATHERED)
    if t.low_mask and last == t.low_mask:
        t.low_mask >>= 1
    target = bucket_at(t, last & t.low_mask)
    for i in range(n):
        put(t, target, moved[i], tags[i])
    drop_bucket(t)


cdef bint table_insert(table *t, entry *e, uint64_t hash) noexcept nogil:
    if t.items >= t.buckets * LOAD_HIGH:
        if t.buckets == 0:
            if not add_bucket(t):
                return False
            t.buckets = 1
        elif t.buckets > 1 or t.items >= SLOTS:
            grow(t)
    if not put(t, bucket_at(t, index_of(t, hash)), e, tag_of(hash)):
        return False
    t.items += 1
    return True


cdef void fill_hole(table *t, bucket *b, int slot) noexcept nogil:
    """Moves the last entry of the chain below b into the hole; a child left with one entry is folded back."""
    cdef bucket *parent = b
    cdef bucket *last = b
    cdef int i, n = 0
    cdef int at = -1
    while last.chained:
        parent = last
        last = child_of(last)
    if last == b:
        return
    for i in range(SLOTS):
        if last.tags[i]:
            n += 1
            at = i
    if at >= 0:
        b.tags[slot] = last.tags[at]
        slot_set(b.slots, slot, slot_get(last.slots, at))
        last.tags[at] = 0
        n -= 1
    if n <= 1:
        parent.chained = 0
        parent.tags[SLOTS - 1] = 0
        for i in range(SLOTS):
            if last.tags[i]:
                parent.tags[SLOTS - 1] = last.tags[i]
                slot_set(parent.slots, SLOTS - 1, slot_get(last.slots, i))
        mem_free(t.mem, last, sizeof(bucket))
        t.children -= 1


cdef bint table_remove(table *t, entry *e, uint64_t hash) noexcept nogil:
    cdef bucket *b
    cdef int slot, _
    if not find_slot(t, e, hash, &b, &slot):
        return False
    b.tags[slot] = 0
    fill_hole(t, b, slot)
    t.items -= 1
    if t.items == 0:
        table_release(t)
        return True
    for _ in range(2):
        if t.items < t.buckets * LOAD_LOW and t.buckets > 1:
            shrink(t)
    return True


cdef inline void visit_chain(bucket *b, visit f, void *context) noexcept nogil:
    cdef int i
    while b != NULL:
        for i in range(SLOTS):
            if b.tags[i]:
                f(<entry *>slot_get(b.slots, i), context)
        b = child_of(b)


cdef inline uint64_t reversed_bits(uint64_t v) noexcept nogil:
    v = ((v >> 1) & <uint64_t>0x5555555555555555ULL) | ((v & <uint64_t>0x5555555555555555ULL) << 1)
    v = ((v >> 2) & <uint64_t>0x3333333333333333ULL) | ((v & <uint64_t>0x3333333333333333ULL) << 2)
    v = ((v >> 4) & <uint64_t>0x0F0F0F0F0F0F0F0FULL) | ((v & <uint64_t>0x0F0F0F0F0F0F0F0FULL) << 4)
    v = ((v >> 8) & <uint64_t>0x00FF00FF00FF00FFULL) | ((v & <uint64_t>0x00FF00FF00FF00FFULL) << 8)
    v = ((v >> 16) & <uint64_t>0x0000FFFF0000FFFFULL) | ((v & <uint64_t>0x0000FFFF0000FFFFULL) << 16)
    return (v >> 32) | (v << 32)


cdef uint64_t table_scan(table *t, uint64_t cursor, visit f, void *context) noexcept nogil:
    cdef size_t i
    if t.items == 0:
        return 0
    i = cursor & t.low_mask
    visit_chain(bucket_at(t, i), f, context)
    if i + t.low_mask + 1 < t.buckets:
        visit_chain(bucket_at(t, i + t.low_mask + 1), f, context)
    cursor |= ~<uint64_t>t.low_mask
    return reversed_bits(reversed_bits(cursor) + 1)


cdef uint64_t table_order(uint64_t hash) noexcept nogil:
    return reversed_bits(hash)


cdef size_t table_range(table *t, uint64_t at, uint64_t *begin, uint64_t *end) noexcept nogil:
    cdef size_t mask = t.low_mask * 2 + 1
    cdef size_t i = reversed_bits(at) & mask
    cdef uint64_t width
    if i >= t.buckets or (i <= t.low_mask and i + t.low_mask + 1 >= t.buckets):      # not split yet
        mask = t.low_mask
        i &= mask
    begin[0] = end[0] = 0
    if mask:
        width = <uint64_t>1 << (63 - log2_floor(mask))
        begin[0] = at & ~(width - 1)
        end[0] = begin[0] + width
    return i


cdef void table_visit(table *t, size_t i, visit f, void *context) noexcept nogil:
    visit_chain(bucket_at(t, i), f, context)


cdef size_t random_index(table *t, rng *r) noexcept nogil:
    return rng_next(r) % t.buckets


cdef entry *table_random(table *t, rng *r) noexcept nogil:
    """A slot is drawn from a chain as long as the longest; an empty slot means another draw."""
    cdef bucket *b
    cdef size_t slots, k
    if t.items == 0:
        return NULL
    slots = SLOTS * (t.longest if t.longest else 1)
    while True:
        b = bucket_at(t, random_index(t, r))
        k = rng_below(r, slots)
        while k >= SLOTS and b != NULL:
            k -= SLOTS
            b = child_of(b)
        if b != NULL and b.tags[k]:
            return <entry *>slot_get(b.slots, <int>k)


cdef size_t table_sample(table *t, rng *r, entry **out, size_t n) noexcept nogil:
    cdef size_t got = 0
    cdef size_t i
    cdef bucket *b
    cdef int k
    if n > t.items:
        n = t.items
    if n == 0:
        return 0
    i = random_index(t, r)
    while got < n:
        b = bucket_at(t, i)
        while b != NULL and got < n:
            for k in range(SLOTS):
                if b.tags[k] and got < n:
                    out[got] = <entry *>slot_get(b.slots, k)
                    prefetch(out[got])
                    got += 1
            b = child_of(b)
        i = i + 1 if i + 1 < t.buckets else 0
    return got


cdef entry *table_next(table *t, table_cursor *c) noexcept nogil:
    """Begin with a zeroed cursor; NULL at the end."""
    while True:
        if c.inside == NULL:
            if c.at >= t.buckets:
                return NULL
            c.inside = bucket_at(t, c.at)
            c.slot = 0
            c.at += 1
        while c.slot < SLOTS:
            c.slot += 1
            if c.inside.tags[c.slot - 1]:
                return <entry *>slot_get(c.inside.slots, c.slot - 1)
        c.inside = child_of(c.inside)
        c.slot = 0


cdef entry *table_drain(table *t) noexcept nogil:
    cdef bucket *b
    cdef bucket *c
    cdef int i
    cdef entry *e
    while t.items:
        b = bucket_at(t, t.buckets - 1)
        c = b
        while c != NULL:
            for i in range(SLOTS):
                if c.tags[i]:
                    e = <entry *>slot_get(c.slots, i)
                    c.tags[i] = 0
                    t.items -= 1
                    return e
            c = child_of(c)
        free_chain(t, b)
        b.chained = 0
        if t.buckets - 1 == t.low_mask and t.low_mask:
            t.low_mask >>= 1
        drop_bucket(t)
    table_release(t)
    return NULL


cdef bint table_expand(table *t, size_t items) noexcept nogil:
    cdef size_t want = items // LOAD_HIGH + 1
    if t.buckets == 0:
        if not add_bucket(t):
            return False
        t.buckets = 1
    while t.buckets < want:
        if not grow(t):
            return False
    return True


cdef size_t table_bytes(table *t) noexcept nogil:
    cdef size_t n = t.directory * sizeof(void *) + t.children * sizeof(bucket)
    if t.buckets:
        n += segment_zero(t.buckets) * sizeof(bucket)
        if t.buckets > SEGMENT:
            n += ((t.buckets - 1) >> SEGMENT_BITS) * mem_cost(SEGMENT * sizeof(bucket))
    return n


cdef const char *table_check(table *t) noexcept nogil:
    cdef size_t i, items = 0, children = 0
    cdef bucket *b
    cdef int k
    cdef uint64_t h
    if t.buckets == 0:
        if t.items:
            return b"items without buckets"
        return NULL
    if t.low_mask & (t.low_mask + 1):
        return b"mask is not a power of two less one"
    if t.buckets <= t.low_mask or t.buckets > 2 * (t.low_mask + 1):
        return b"buckets out of range"
    for i in range(t.buckets):
        b = bucket_at(t, i)
        while b != NULL:
            if b.chained and b.tags[SLOTS - 1]:
                return b"an entry in the slot of the child"
            for k in range(SLOTS):
                if b.tags[k]:
                    h = table_hash(entry_key(<entry *>slot_get(b.slots, k)))
                    if index_of(t, h) != i:
                        return b"an entry in another's bucket"
                    if tag_of(h) != b.tags[k]:
                        return b"a wrong tag"
                    items += 1
            if b.chained:
                children += 1
            b = child_of(b)
    if items != t.items:
        return b"items miscounted"
    if children != t.children:
        return b"children miscounted"
    return NULL
