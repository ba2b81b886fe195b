"""Templates: the names of fields that hashes share, held once for each heap.

A template is an entry whose key is the names in order and whose `access` counts its hashes; the heap's table of templates finds it
by these names. It is made when a second hash with the same names is met (HIMPORT makes it at once), so names that only one hash
has, such as numbers of users, cost nothing but a look into `seen`. Where nearly every hash has names of its own,
only one of eight hashes is looked at. A template is freed with its last hash.

The names of a template differ from each other. Its key is never longer than NAMES_ROOM.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from kvd.core.entry cimport entry_free, entry_new
from kvd.core.mem cimport mem_alloc
from kvd.core.table cimport (
    table, table_cursor, table_find, table_hash, table_init, table_insert, table_next, table_remove,
)
from kvd.core.view cimport view_equal

cdef enum:
    SEEN = 512                 # hashes of names that were met once
    UNLUCKY = 64               # more unknown ones than this, one after the other, and most are not looked at

cdef struct registry:
    table known
    uint32_t seen[SEEN]
    uint32_t unknown           # met one after the other


cdef bint names_add(names *n, view field) noexcept nogil:
    if n.bytes[0] == MOST_FIELDS or field.len > 255 or n.len + 1 + field.len > NAMES_ROOM:
        return False
    n.bytes[0] += 1
    n.bytes[n.len] = <uint8_t>field.len
    memcpy(n.bytes + n.len + 1, field.ptr, field.len)
    n.len += 1 + field.len
    return True


cdef inline view key_of(names *n) noexcept nogil:
    return view_of(<const char *>n.bytes, n.len)


cdef registry *registry_of(heap *h) noexcept nogil:
    """NULL: no memory."""
    cdef registry *r = <registry *>h.templates
    if r == NULL:
        r = <registry *>mem_alloc(h, sizeof(registry))
        if r != NULL:
            memset(r, 0, sizeof(registry))
            table_init(&r.known, h)
            h.templates = r
    return r


cdef bint met_before(registry *r, uint64_t hash) noexcept nogil:
    cdef uint32_t *place = &r.seen[hash % SEEN]
    cdef uint32_t mark = <uint32_t>(hash >> 32) | 1
    if place[0] == mark:
        return True
    place[0] = mark
    return False


cdef bint repeats(entry *t) noexcept nogil:
    cdef const uint8_t *p = template_first(t)
    cdef const uint8_t *q
    cdef view field, other
    cdef int i
    for i in range(template_count(t)):
        p = template_next(p, &field)
        q = p
        for _ in range(i + 1, template_count(t)):
            q = template_next(q, &other)
            if view_equal(field, other):
                return True
    return False


cdef entry *template_new(heap *h, registry *r, view key, uint64_t hash) noexcept nogil:
    cdef entry *t = entry_new(h, key, 0, 0)
    if t == NULL:
        return NULL
    if repeats(t) or not table_insert(&r.known, t, hash):
        entry_free(h, t)
        return NULL
    return t


cdef entry *template_find(heap *h, names *n, bint at_once) noexcept nogil:
    cdef registry *r = registry_of(h)
    cdef entry *t
    cdef uint64_t hash
    if r == NULL or n.bytes[0] == 0:
        return NULL
    if not at_once and r.unknown > UNLUCKY:
        r.unknown += 1
        if r.unknown % 8:
            return NULL
    hash = table_hash(key_of(n))
    t = table_find(&r.known, key_of(n), hash)
    if t == NULL and (at_once or met_before(r, hash)):
        t = template_new(h, r, key_of(n), hash)
    r.unknown = 0 if t != NULL else r.unknown + 1
    return template_held(t)


cdef entry *known(heap *h, names *n) noexcept nogil:
    """Without a note of these names in `seen`."""
    cdef registry *r = <registry *>h.templates
    return template_held(table_find(&r.known, key_of(n), table_hash(key_of(n))))


cdef entry *template_extended(heap *h, entry *t, view field) noexcept nogil:
    cdef names n
    n.len = entry_key(t).len
    memcpy(n.bytes, entry_key(t).ptr, n.len)
    return known(h, &n) if names_add(&n, field) else NULL


cdef entry *template_reduced(heap *h, entry *t, int i) noexcept nogil:
    cdef const uint8_t *p = template_first(t)
    cdef names n
    cdef view field
    cdef int j
    names_start(&n)
    for j in range(template_count(t)):
        p = template_next(p, &field)
        if j != i:
            names_add(&n, field)
    return known(h, &n)


cdef int template_index(entry *t, view field) noexcept nogil:
    cdef const uint8_t *p = template_first(t)
    cdef int i
    for i in range(template_count(t)):
        if p[0] == field.len and memcmp(p + 1, field.ptr, field.len) == 0:
            return i
        p += 1 + p[0]
    return -1


cdef void template_release(heap *h, entry *t) noexcept nogil:
    cdef registry *r = <registry *>h.templates
    t.access -= 1
    if t.access == 0:
        table_remove(&r.known, t, table_hash(entry_key(t)))
        entry_free(h, t)


cdef size_t templates_used(heap *h) noexcept nogil:
    cdef registry *r = <registry *>h.templates
    cdef table_cursor at
    cdef entry *t
    cdef size_t n = 0
    memset(&at, 0, sizeof(at))
    t = table_next(&r.known, &at) if r != NULL else NULL
    while t != NULL:
        n += t.access
        t = table_next(&r.known, &at)
    return n


cdef const char *template_check(entry *t) noexcept nogil:
    if t.access == 0:
        return b"a template of no hash"
    if template_count(t) == 0 or repeats(t):
        return b"a template has no names, or one twice"
    return NULL
