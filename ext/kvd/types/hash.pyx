"""Hashes.

    packed   BOXED, a listpack of field, value, field, value     until hash-max-listpack-entries or -value
    table    BOXED, a hash_table: each field is an entry that holds its value inline
    row      inline, a pointer of six bytes to a template (template.pyx) and the values, as elements of a listpack without their
             backward lengths. It is shown as a listpack: it has its limits and its order.

A small hash whose fields other hashes have, too, is a row: it takes half the memory. Its values change in place; adding or
deleting a field leads to another template, if there is one. Anything else opens the row: it becomes a packed hash, is changed, and settles as
a row again.

A field with a deadline is a TIMED entry. The soonest deadlines are found through a binary heap of those
entries, whose timers store their position in it; only the soonest of all is in the database's wheel
of fields, so that a hash costs one timer there, however many of its fields have deadlines. A hash whose
fields have deadlines is a table at any size; while it is small its encoding is reported as `listpackex`.

A field past its deadline is removed by the next lookup of its key (keyspace_find), before a command
reads the hash, and by active expiry otherwise.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from kvd.core.entry cimport (
    BOXED, TIMED, WIDE, entry_bytes, entry_deadline, entry_free, entry_inline, entry_key, entry_new, entry_timer, entry_wide,
)
from kvd.core.listpack cimport (
    LP_HEADER, lp_append, lp_body, lp_bytes, lp_check, lp_copy, lp_count, lp_delete, lp_encode, lp_fill, lp_find, lp_first,
    lp_free, lp_get, lp_longest, lp_new, lp_next, lp_repeats, lp_replace, lp_seal, lp_seek,
)
from kvd.core.mem cimport mem_alloc, mem_cost, mem_fits, mem_free, mem_realloc
from kvd.core.random cimport rng_below
from kvd.core.table cimport (
    table_bytes, table_check, table_drain, table_expand, table_find, table_hash, table_init, table_insert, table_next,
    table_random, table_remove, table_replace, table_scan,
)
from kvd.core.text cimport INT_TEXT
from kvd.types.kind cimport HASH, boxed_new, encoding_of, kind_of
from kvd.types.template cimport (
    MOST_FIELDS, names, names_add, names_start, template_check, template_count, template_extended, template_find,
    template_first, template_held, template_index, template_next, template_reduced, template_release,
)

cdef const char *NAMES[5]
NAMES[:] = [b"listpack", b"hashtable", b"listpackex", b"hashtable", b"listpack"]

cdef enum:
    POINTER = 6                # bytes of a row's pointer to its template


cdef inline uint8_t **packed(entry *e) noexcept nogil:
    return <uint8_t **>entry_payload(e)


cdef inline bint is_packed(entry *e) noexcept nogil:
    return encoding_of(e) == HASH_PACKED


cdef const char *hash_encoding_name(entry *e) noexcept nogil:
    return NAMES[encoding_of(e)]


cdef entry *hash_new(heap *h, view key) noexcept nogil:
    cdef uint8_t *lp = lp_new(h)
    cdef entry *e = boxed_new(h, key, HASH, HASH_PACKED, lp)
    if e == NULL and lp != NULL:
        lp_free(h, lp)
    return e


cdef size_t hash_len(entry *e) noexcept nogil:
    if is_packed(e):
        return lp_count(packed(e)[0]) // 2
    return template_count(template_of(e)) if hash_is_row(e) else hash_table_of(e).fields.items


cdef inline bint too_long(view field, view value, packing *limits) noexcept nogil:
    return <int64_t>field.len > limits.value or <int64_t>value.len > limits.value


# ---- rows -------------------------------------------------------------------------------------------

cdef inline entry *template_of(entry *e) noexcept nogil:
    cdef uint64_t address = 0
    memcpy(&address, entry_inline(e).ptr, POINTER)
    return <entry *><size_t>address


cdef inline uint8_t *row_values(entry *e) noexcept nogil:
    return <uint8_t *>entry_inline(e).ptr + POINTER


cdef inline uint8_t *row_value(entry *e, int i) noexcept nogil:
    cdef uint8_t *p = row_values(e)
    while i > 0:
        p += lp_body(p)
        i -= 1
    return p


cdef entry *like(heap *h, entry *e, view key, size_t inline_bytes, uint8_t boxed) noexcept nogil:
    """A hash to be moved to: with e's timer and access clock."""
    cdef entry *new = entry_new(h, key, inline_bytes, (e.flags & TIMED) | boxed)
    if new != NULL:
        new.access = e.access
        if e.flags & TIMED:
            entry_timer(new)[0] = entry_timer(e)[0]
    return new


cdef inline uint8_t *row_begin(entry *e, entry *t) noexcept nogil:
    """Makes an entry with inline bytes a row of t; returns where the values go."""
    e.kind = kind_of(HASH, HASH_ROW)
    memcpy(<char *>entry_inline(e).ptr, &t, POINTER)     # little endian
    return row_values(e)


cdef entry *hash_of_template(heap *h, view key, const view *fields, const view *values, int step, int n, packing *limits, bint at_once) noexcept nogil:
    cdef uint8_t built[ROW_MOST + 16 * MOST_FIELDS]
    cdef uint8_t *p = built
    cdef names shape
    cdef size_t text = 0
    cdef entry *t
    cdef entry *e
    cdef int i
    if n > MOST_FIELDS or n > limits.entries:
        return NULL
    names_start(&shape)
    for i in range(n):
        if too_long(fields[i * step], values[i * step], limits) or not names_add(&shape, fields[i * step]):
            return NULL
        text += values[i * step].len
    t = template_find(h, &shape, at_once) if text <= ROW_MOST else NULL
    if t == NULL:
        return NULL
    for i in range(n):
        p += lp_encode(p, values[i * step])
    e = entry_new(h, key, POINTER + (p - built), 0) if p - built <= ROW_MOST else NULL
    if e == NULL:
        template_release(h, t)
        return NULL
    memcpy(row_begin(e, t), built, p - built)
    return e


cdef entry *resized(heap *h, entry *e, uint8_t *p, size_t old, size_t new) noexcept nogil:
    """The row with `new` bytes instead of `old` ones at p; NULL: no memory."""
    cdef view row = entry_inline(e)
    cdef size_t at = p - <uint8_t *>row.ptr
    cdef size_t after = row.len - old + new
    cdef entry *moved
    if mem_fits(entry_bytes(e), entry_bytes(e) - old + new) and (e.flags & WIDE or after <= 255):
        memmove(p + new, p + old, row.len - at - old)
        if e.flags & WIDE:
            entry_wide(e)[1] = <uint32_t>after
        else:
            e.vlen = <uint8_t>after
        return e
    moved = like(h, e, entry_key(e), after, 0)
    if moved != NULL:
        moved.kind = e.kind
        p = <uint8_t *>entry_inline(moved).ptr
        memcpy(p, row.ptr, at)
        memcpy(p + at + new, row.ptr + at + old, row.len - at - old)
    return moved


cdef int hash_row_set(heap *h, entry *e, view field, view value, packing *limits, entry **moved) noexcept nogil:
    cdef entry *t = template_of(e)
    cdef int i = template_index(t, field)
    cdef uint8_t body[ROW_MOST + 16]
    cdef uint8_t *p
    cdef size_t n, old
    if too_long(field, value, limits) or value.len > ROW_MOST:
        return -1
    n = lp_encode(body, value)
    p = row_value(e, i if i >= 0 else template_count(t))
    old = lp_body(p) if i >= 0 else 0
    if entry_inline(e).len - POINTER - old + n > ROW_MOST:
        return -1
    if i < 0:
        t = template_extended(h, t, field) if template_count(t) < limits.entries else NULL
        if t == NULL:
            return -1
    moved[0] = resized(h, e, p, old, n)
    if moved[0] == NULL:
        if i < 0:
            template_release(h, t)
        return -1
    memcpy(<uint8_t *>entry_inline(moved[0]).ptr + (p - <uint8_t *>entry_inline(e).ptr), body, n)
    if i < 0:
        template_release(h, template_of(e))
        row_begin(moved[0], t)
    return i < 0


cdef int hash_row_remove(heap *h, entry *e, view field, entry **moved) noexcept nogil:
    cdef entry *t = template_of(e)
    cdef int i = template_index(t, field)
    cdef uint8_t *p
    if i < 0:
        return 0
    t = template_reduced(h, t, i)
    if t == NULL:
        return -1
    p = row_value(e, i)
    moved[0] = resized(h, e, p, lp_body(p), 0)
    if moved[0] == NULL:
        template_release(h, t)
        return -1
    template_release(h, template_of(moved[0]))
    row_begin(moved[0], t)
    return 1


cdef size_t hash_listpack(entry *e, uint8_t *out) noexcept nogil:
    cdef entry *t = template_of(e)
    cdef const uint8_t *name = template_first(t)
    cdef uint8_t *value = row_values(e)
    cdef uint8_t *p = out + LP_HEADER
    cdef uint8_t body[300]
    cdef view field
    for _ in range(template_count(t)):
        name = template_next(name, &field)
        lp_encode(body, field)
        p = lp_fill(lp_fill(p, body), value)
        value += lp_body(value)
    lp_seal(out, p, 2 * template_count(t))
    return lp_bytes(out)


cdef entry *hash_opened(heap *h, entry *e) noexcept nogil:
    cdef uint8_t built[ROW_LISTPACK]
    cdef uint8_t *lp
    cdef entry *new
    cdef size_t n
    if not hash_is_row(e):
        return e
    n = hash_listpack(e, built)
    lp = <uint8_t *>mem_alloc(h, n)
    new = like(h, e, entry_key(e), 0, BOXED) if lp != NULL else NULL
    if new == NULL:
        mem_free(h, lp, n)
        return NULL
    memcpy(lp, built, n)
    new.kind = kind_of(HASH, HASH_PACKED)
    entry_payload(new)[0] = lp
    template_release(h, template_of(e))
    return new


cdef entry *hash_settled(heap *h, entry *e) noexcept nogil:
    cdef uint8_t *lp
    cdef uint8_t *p
    cdef uint8_t *value
    cdef names shape
    cdef char scratch[INT_TEXT]
    cdef size_t room = POINTER
    cdef entry *t
    cdef entry *row
    if not is_packed(e) or lp_bytes(packed(e)[0]) > ROW_LISTPACK or lp_count(packed(e)[0]) > 2 * MOST_FIELDS:
        return e
    lp = packed(e)[0]
    names_start(&shape)
    p = lp_first(lp)
    while p != NULL:
        value = lp_next(p)
        if not names_add(&shape, lp_get(p, scratch)):
            return e
        room += lp_body(value)
        p = lp_next(value)
    t = template_find(h, &shape, False) if room - POINTER <= ROW_MOST else NULL
    if t == NULL:
        return e
    row = like(h, e, entry_key(e), room, 0)
    if row == NULL:
        template_release(h, t)
        return e
    value = row_begin(row, t)
    p = lp_first(lp)
    while p != NULL:
        p = lp_next(p)
        memcpy(value, p, lp_body(p))
        value += lp_body(p)
        p = lp_next(p)
    lp_free(h, lp)
    return row


# ---- fields of a table ------------------------------------------------------------------------------

cdef inline entry *find(entry *e, view field) noexcept nogil:
    return table_find(&hash_table_of(e).fields, field, table_hash(field))


cdef entry *field_new(heap *h, view field, view value, uint8_t timed) noexcept nogil:
    cdef entry *f = entry_new(h, field, value.len, timed)
    if f != NULL:
        memcpy(<char *>entry_inline(f).ptr, value.ptr, value.len)
    return f


cdef bint add_field(heap *h, hash_table *t, view field, view value) noexcept nogil:
    cdef entry *f = field_new(h, field, value, 0)
    if f == NULL:
        return False
    if table_insert(&t.fields, f, table_hash(field)):
        return True
    entry_free(h, f)
    return False


cdef bint hash_to_table(heap *h, entry *e, int encoding) noexcept nogil:
    cdef hash_table *t
    cdef hash_cursor c
    cdef view field, value
    cdef entry *f
    if not is_packed(e):
        e.kind = kind_of(HASH, max(encoding, encoding_of(e)))
        return True
    t = <hash_table *>mem_alloc(h, sizeof(hash_table))
    if t == NULL:
        return False
    memset(t, 0, sizeof(hash_table))
    table_init(&t.fields, h)
    hash_start(e, &c)
    while hash_next(&c, &field, &value):
        if not add_field(h, t, field, value):
            while True:
                f = table_drain(&t.fields)
                if f == NULL:
                    break
                entry_free(h, f)
            mem_free(h, t, sizeof(hash_table))
            return False
    lp_free(h, packed(e)[0])
    entry_payload(e)[0] = t
    e.kind = kind_of(HASH, encoding)
    return True


cdef bint hash_expand(heap *h, entry *e, size_t fields, packing *limits) noexcept nogil:
    if <int64_t>fields <= limits.entries and is_packed(e):
        return True
    return (not is_packed(e) or hash_to_table(h, e, HASH_TABLE)) and table_expand(&hash_table_of(e).fields, hash_len(e) + fields)


cdef bint hash_adopt(heap *h, entry *e, uint8_t *lp, packing *limits) noexcept nogil:
    cdef size_t items = lp_count(lp)
    if items % 2 or <int64_t>items // 2 > limits.entries or <int64_t>lp_longest(lp) > limits.value or lp_repeats(lp, 1):
        return False
    lp_free(h, packed(e)[0])
    packed(e)[0] = lp
    return True


# ---- reading and writing ----------------------------------------------------------------------------

cdef bint hash_get(entry *e, view field, view *value, char *scratch) noexcept nogil:
    cdef entry *f
    cdef uint8_t *p
    cdef int i
    if is_packed(e):
        p = lp_find(packed(e)[0], lp_first(packed(e)[0]), field, 1)
        if p == NULL:
            return False
        value[0] = lp_get(lp_next(p), scratch)
        return True
    if hash_is_row(e):
        i = template_index(template_of(e), field)
        if i >= 0:
            value[0] = lp_get(row_value(e, i), scratch)
        return i >= 0
    f = find(e, field)
    if f == NULL:
        return False
    value[0] = entry_inline(f)
    return True


cdef int set_packed(heap *h, entry *e, view field, view value) noexcept nogil:
    cdef uint8_t *p = lp_find(packed(e)[0], lp_first(packed(e)[0]), field, 1)
    if p != NULL:
        return 0 if lp_replace(h, packed(e), lp_next(p), value) else -1
    if not lp_append(h, packed(e), field):
        return -1
    if lp_append(h, packed(e), value):
        return 1
    lp_delete(h, packed(e), lp_seek(packed(e)[0], -1), 1)
    return -1


cdef int hash_set(heap *h, entry *e, view field, view value, packing *limits, bint keep_deadline) noexcept nogil:
    cdef hash_table *t
    cdef entry *f
    cdef entry *new
    cdef uint64_t hash
    cdef int result
    if is_packed(e):
        if not too_long(field, value, limits):
            result = set_packed(h, e, field, value)
            if result == 1 and <int64_t>hash_len(e) > limits.entries:
                hash_to_table(h, e, HASH_TABLE)      # without memory it stays packed for now
            return result
        if not hash_to_table(h, e, HASH_TABLE):
            return -1
    t = hash_table_of(e)
    hash = table_hash(field)
    f = table_find(&t.fields, field, hash)
    if f != NULL and (not f.flags & TIMED or keep_deadline) and entry_inline(f).len == value.len:
        memcpy(<char *>entry_inline(f).ptr, value.ptr, value.len)
        result = 0
    else:
        new = field_new(h, field, value, f.flags & TIMED if f != NULL and keep_deadline else 0)
        if new == NULL:
            return -1
        result = f == NULL
        if f == NULL:
            if not table_insert(&t.fields, new, hash):
                entry_free(h, new)
                return -1
        else:
            table_replace(&t.fields, f, new, hash)
            if f.flags & TIMED:
                if keep_deadline:
                    entry_timer(new)[0] = entry_timer(f)[0]
                    t.queue[entry_timer(f).place] = new
                else:
                    unqueue(h, t, f)
            entry_free(h, f)
    if encoding_of(e) == HASH_PACKED_TIMED and (too_long(field, value, limits) or <int64_t>hash_len(e) > limits.entries):
        e.kind = kind_of(HASH, HASH_TIMED)
    return result


cdef bint hash_remove(heap *h, entry *e, view field) noexcept nogil:
    cdef hash_table *t
    cdef entry *f
    cdef uint8_t *p
    cdef uint64_t hash
    if is_packed(e):
        p = lp_find(packed(e)[0], lp_first(packed(e)[0]), field, 1)
        if p != NULL:
            lp_delete(h, packed(e), p, 2)
        return p != NULL
    t = hash_table_of(e)
    hash = table_hash(field)
    f = table_find(&t.fields, field, hash)
    if f == NULL:
        return False
    table_remove(&t.fields, f, hash)
    if f.flags & TIMED:
        unqueue(h, t, f)
    entry_free(h, f)
    return True


# ---- walking ----------------------------------------------------------------------------------------

cdef void hash_start(entry *e, hash_cursor *c) noexcept nogil:
    c.e = e
    c.p = NULL
    if is_packed(e):
        c.p = lp_first(packed(e)[0])
    elif hash_is_row(e):
        c.p = row_values(e)
        c.name = template_first(template_of(e))
    memset(&c.at, 0, sizeof(c.at))


cdef bint next_of_row(hash_cursor *c, view *field, view *value) noexcept nogil:
    if c.p == <uint8_t *>entry_inline(c.e).ptr + entry_inline(c.e).len:
        return False
    c.name = template_next(c.name, field)
    value[0] = lp_get(c.p, c.value_text)
    c.p += lp_body(c.p)
    c.deadline = -1
    return True


cdef bint hash_next(hash_cursor *c, view *field, view *value) noexcept nogil:
    cdef entry *f
    cdef uint8_t *p
    if is_packed(c.e):
        if c.p == NULL:
            return False
        p = lp_next(c.p)
        c.deadline = -1
        field[0] = lp_get(c.p, c.field_text)
        value[0] = lp_get(p, c.value_text)
        c.p = lp_next(p)
        return True
    if hash_is_row(c.e):
        return next_of_row(c, field, value)
    f = table_next(&hash_table_of(c.e).fields, &c.at)
    if f == NULL:
        return False
    field[0] = entry_key(f)
    value[0] = entry_inline(f)
    c.deadline = entry_deadline(f)
    return True


cdef void hash_random(entry *e, rng *r, hash_cursor *c, view *field, view *value) noexcept nogil:
    cdef entry *f
    if is_packed(e):
        c.e = e
        c.p = lp_seek(packed(e)[0], <int64_t>rng_below(r, hash_len(e)) * 2)
        hash_next(c, field, value)
        return
    if hash_is_row(e):
        hash_start(e, c)
        for _ in range(1 + rng_below(r, hash_len(e))):
            hash_next(c, field, value)
        return
    f = table_random(&hash_table_of(e).fields, r)
    field[0] = entry_key(f)
    value[0] = entry_inline(f)


cdef struct visitor:
    field_visit f
    void *context


cdef void visit_field(entry *f, void *context) noexcept nogil:
    cdef visitor *v = <visitor *>context
    v.f(entry_key(f), entry_inline(f), v.context)


cdef uint64_t hash_scan(entry *e, uint64_t cursor, field_visit f, void *context) noexcept nogil:
    """Packed hashes and rows are returned whole."""
    cdef hash_cursor c
    cdef view field, value
    cdef visitor v
    if is_packed(e) or hash_is_row(e):
        hash_start(e, &c)
        while hash_next(&c, &field, &value):
            f(field, value, context)
        return 0
    v.f = f
    v.context = context
    return table_scan(&hash_table_of(e).fields, cursor, visit_field, &v)


# ---- deadlines of fields ----------------------------------------------------------------------------

cdef inline int64_t due_at(hash_table *t, size_t i) noexcept nogil:
    return entry_timer(t.queue[i]).deadline


cdef inline void settle(hash_table *t, size_t i, entry *f) noexcept nogil:
    t.queue[i] = f
    entry_timer(f).place = i


cdef void sift_up(hash_table *t, size_t i, entry *f) noexcept nogil:
    while i and due_at(t, (i - 1) // 2) > entry_timer(f).deadline:
        settle(t, i, t.queue[(i - 1) // 2])
        i = (i - 1) // 2
    settle(t, i, f)


cdef void sift_down(hash_table *t, size_t i, entry *f) noexcept nogil:
    cdef size_t child
    while True:
        child = 2 * i + 1
        if child >= t.timed:
            break
        if child + 1 < t.timed and due_at(t, child + 1) < due_at(t, child):
            child += 1
        if due_at(t, child) >= entry_timer(f).deadline:
            break
        settle(t, i, t.queue[child])
        i = child
    settle(t, i, f)


cdef bint enqueue(heap *h, hash_table *t, entry *f) noexcept nogil:
    cdef void *p
    if t.timed == t.room:
        p = mem_realloc(h, t.queue, t.room * sizeof(void *), (t.room * 2 + 4) * sizeof(void *))
        if p == NULL:
            return False
        t.queue = <entry **>p
        t.room = t.room * 2 + 4
    t.timed += 1
    sift_up(t, t.timed - 1, f)
    return True


cdef void unqueue(heap *h, hash_table *t, entry *f) noexcept nogil:
    cdef size_t i = entry_timer(f).place
    cdef entry *last
    t.timed -= 1
    last = t.queue[t.timed]
    if last != f:
        if i and due_at(t, (i - 1) // 2) > entry_timer(last).deadline:
            sift_up(t, i, last)
        else:
            sift_down(t, i, last)
    if t.timed == 0:
        mem_free(h, t.queue, t.room * sizeof(void *))
        t.queue = NULL
        t.room = 0


cdef int64_t hash_deadline(entry *e, view field) noexcept nogil:
    cdef entry *f
    if is_packed(e):
        return -1 if lp_find(packed(e)[0], lp_first(packed(e)[0]), field, 1) != NULL else -2
    if hash_is_row(e):
        return -1 if template_index(template_of(e), field) >= 0 else -2
    f = find(e, field)
    return entry_deadline(f) if f != NULL else -2


cdef bint hash_set_deadline(heap *h, entry *e, view field, int64_t ms, packing *limits) noexcept nogil:
    cdef hash_table *t
    cdef entry *f
    cdef entry *new
    cdef uint64_t hash = table_hash(field)
    cdef bint small = is_packed(e)
    if small and ms < 0:
        return True
    if not hash_to_table(h, e, HASH_PACKED_TIMED if small else HASH_TIMED if encoding_of(e) == HASH_TABLE else encoding_of(e)):
        return False
    t = hash_table_of(e)
    f = table_find(&t.fields, field, hash)
    if f == NULL:
        return True
    if f.flags & TIMED:
        unqueue(h, t, f)
        if ms >= 0:
            entry_timer(f).deadline = ms
            return enqueue(h, t, f)
    elif ms < 0:
        return True
    new = field_new(h, field, entry_inline(f), TIMED if ms >= 0 else 0)
    if new == NULL:
        if f.flags & TIMED:
            enqueue(h, t, f)
        return False
    if ms >= 0:
        entry_timer(new).deadline = ms
        if not enqueue(h, t, new):
            entry_free(h, new)
            return False
    table_replace(&t.fields, f, new, hash)
    entry_free(h, f)
    return True


cdef int64_t hash_soonest(entry *e) noexcept nogil:
    if not hash_is_timed(e) or hash_table_of(e).timed == 0:
        return -1
    return due_at(hash_table_of(e), 0)


cdef size_t hash_live(entry *e, int64_t now) noexcept nogil:
    cdef hash_table *t
    cdef size_t i, dead = 0
    if not hash_is_timed(e) or hash_table_of(e).timed == 0:
        return hash_len(e)
    t = hash_table_of(e)
    for i in range(t.timed):
        dead += due_at(t, i) <= now
    return hash_len(e) - dead


cdef bint hash_due(entry *e, int64_t now, view *field) noexcept nogil:
    cdef hash_table *t
    if not hash_is_timed(e):
        return False
    t = hash_table_of(e)
    if t.timed == 0 or due_at(t, 0) > now:
        return False
    field[0] = entry_key(t.queue[0])
    return True


cdef void hash_drop_due(heap *h, entry *e) noexcept nogil:
    cdef hash_table *t = hash_table_of(e)
    cdef entry *f = t.queue[0]
    unqueue(h, t, f)
    table_remove(&t.fields, f, table_hash(entry_key(f)))
    entry_free(h, f)


# ---- functions of the type's row --------------------------------------------------------------------

cdef bint hash_free_some(heap *h, entry *e, int *budget) noexcept nogil:
    cdef hash_table *t
    cdef entry *f
    if is_packed(e):
        lp_free(h, packed(e)[0])
        return True
    if hash_is_row(e):
        template_release(h, template_of(e))
        return True
    t = hash_table_of(e)
    while budget[0] > 0:
        f = table_drain(&t.fields)
        if f == NULL:
            mem_free(h, t.queue, t.room * sizeof(void *))
            mem_free(h, t, sizeof(hash_table))
            return True
        entry_free(h, f)
        budget[0] -= 1
    return False


cdef size_t hash_parts(entry *e) noexcept nogil:
    return 1 if is_packed(e) or hash_is_row(e) else hash_len(e)


cdef size_t hash_bytes(entry *e, size_t samples) noexcept nogil:
    cdef hash_cursor c
    cdef entry *f
    cdef size_t n = 0
    cdef size_t seen = 0
    if is_packed(e):
        return mem_cost(lp_bytes(packed(e)[0]))
    if hash_is_row(e):
        return 0
    hash_start(e, &c)
    while samples == 0 or seen < samples:
        f = table_next(&hash_table_of(e).fields, &c.at)
        if f == NULL:
            break
        n += mem_cost(entry_bytes(f))
        seen += 1
    if seen:
        n = n * hash_len(e) // seen
    return n + mem_cost(sizeof(hash_table)) + table_bytes(&hash_table_of(e).fields) + hash_table_of(e).room * sizeof(void *)


cdef bint copy_fields(heap *h, entry *source, hash_table *t) noexcept nogil:
    cdef hash_cursor c
    cdef entry *f
    cdef entry *new
    hash_start(source, &c)
    while True:
        f = table_next(&hash_table_of(source).fields, &c.at)
        if f == NULL:
            return True
        new = field_new(h, entry_key(f), entry_inline(f), f.flags & TIMED)
        if new == NULL:
            return False
        if not table_insert(&t.fields, new, table_hash(entry_key(new))):
            entry_free(h, new)
            return False
        if f.flags & TIMED:
            entry_timer(new).deadline = entry_deadline(f)
            if not enqueue(h, t, new):
                return False


cdef bint hash_copy(heap *h, entry *source, entry *copy) noexcept nogil:
    cdef hash_table *t
    cdef int all_of_it = 2147483647
    if is_packed(source):
        entry_payload(copy)[0] = lp_copy(h, packed(source)[0])
        return entry_payload(copy)[0] != NULL
    if hash_is_row(source):
        return template_held(template_of(source)) != NULL
    t = <hash_table *>mem_alloc(h, sizeof(hash_table))
    if t == NULL:
        return False
    memset(t, 0, sizeof(hash_table))
    table_init(&t.fields, h)
    entry_payload(copy)[0] = t
    if copy_fields(h, source, t):
        return True
    hash_free_some(h, copy, &all_of_it)
    return False


cdef const char *check_packed(uint8_t *lp) noexcept nogil:
    cdef const char *wrong = lp_check(lp, lp_bytes(lp))
    if wrong != NULL:
        return wrong
    if lp_count(lp) % 2:
        return b"a packed hash has a field without a value"
    if lp_repeats(lp, 1):
        return b"a packed hash has a field twice"
    return NULL


cdef const char *check_row(entry *e) noexcept nogil:
    cdef uint8_t *p = row_values(e)
    cdef uint8_t *end = <uint8_t *>entry_inline(e).ptr + entry_inline(e).len
    cdef int n = 0
    while p < end:
        p += lp_body(p)
        n += 1
    if p != end or n != template_count(template_of(e)):
        return b"a row has not one value for each field"
    return template_check(template_of(e))


cdef const char *check_queue(hash_table *t) noexcept nogil:
    """The heap of deadlines holds each field that has one, the soonest of them first."""
    cdef table_cursor at
    cdef entry *f
    cdef size_t i, timed = 0
    memset(&at, 0, sizeof(at))
    f = table_next(&t.fields, &at)
    while f != NULL:
        if f.flags & TIMED:
            timed += 1
            if entry_timer(f).place >= t.timed or t.queue[entry_timer(f).place] != f:
                return b"a field's timer has a wrong position"
        f = table_next(&t.fields, &at)
    if timed != t.timed:
        return b"the fields with deadlines are counted wrongly"
    for i in range(1, t.timed):
        if due_at(t, (i - 1) // 2) > due_at(t, i):
            return b"the fields' deadlines are out of order"
    return NULL


cdef const char *hash_check(entry *e) noexcept nogil:
    cdef hash_table *t
    cdef const char *wrong
    if encoding_of(e) > HASH_ROW:
        return b"a hash of unknown encoding"
    if hash_is_row(e):
        return check_row(e)
    if is_packed(e):
        return check_packed(packed(e)[0])
    t = hash_table_of(e)
    wrong = table_check(&t.fields)
    if wrong == NULL and t.timed and not hash_is_timed(e):
        wrong = b"a hash with deadlines has an encoding without them"
    return wrong if wrong != NULL else check_queue(t)
