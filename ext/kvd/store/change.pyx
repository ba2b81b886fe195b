"""The one door through which every change leaves.

A handler that has changed a key calls key_changed, once for each key, and nothing else: the counter of
changes, the sessions that WATCH the key, the listeners of keyspace events and (later) the journal
follow from it. Keys that expire or are evicted leave by key_gone.

Sessions that wait for keys, or cache them, hear of changes by `store.on_touch` (session/waiters.pyx,
session/tracking.pyx); it is NULL while there are none.

WATCH: `store.watched` maps database and key to the flags of the sessions that watch it. While nobody
watches, a change costs one test.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kvd.core.entry cimport BOXED, entry, entry_free, entry_key, entry_new, entry_payload
from kvd.core.mem cimport mem_alloc, mem_free
from kvd.core.table cimport table_cursor, table_drain, table_find, table_hash, table_insert, table_next, table_remove
from kvd.core.view cimport view, view_of
from kvd.store.keyspace cimport database, store

cdef struct watchers:
    uint32_t count
    uint32_t room
    bint **flags


cdef inline void emit(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    if s.on_event != NULL:
        s.on_event(s, db.id, key, event_class, event)


cdef inline void told(store *s, database *db, view key) noexcept nogil:
    if s.watched.items:
        touch(s, db.id, key)
    if s.on_touch != NULL:
        s.on_touch(s, db.id, key)


cdef void key_changed(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    s.changes += 1
    told(s, db, key)
    emit(s, db, key, event_class, event)


cdef void key_event(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    emit(s, db, key, event_class, event)


cdef void key_gone(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    told(s, db, key)
    emit(s, db, key, event_class, event)


cdef view db_key(store *s, int db, view key, char *small, size_t room) noexcept nogil:
    """Database number and key in one; ptr is NULL without memory. Give it back with db_key_done."""
    cdef char *p = small
    cdef int32_t number = db
    if key.len + DB_BYTES > room:
        p = <char *>mem_alloc(&s.mem, key.len + DB_BYTES)
        if p == NULL:
            return view_of(NULL, 0)
    memcpy(p, &number, DB_BYTES)
    memcpy(p + DB_BYTES, key.ptr, key.len)
    return view_of(p, key.len + DB_BYTES)


cdef void db_key_done(store *s, view k, char *small) noexcept nogil:
    if k.ptr != small and k.ptr != NULL:
        mem_free(&s.mem, <void *>k.ptr, k.len)


cdef inline watchers *watchers_of(entry *e) noexcept nogil:
    return <watchers *>entry_payload(e)[0]


cdef void raise_flags(entry *e) noexcept nogil:
    cdef uint32_t i
    for i in range(watchers_of(e).count):
        watchers_of(e).flags[i][0] = True


cdef void touch(store *s, int db, view key) noexcept nogil:
    cdef char small[256]
    cdef view k = db_key(s, db, key, small, sizeof(small))
    cdef entry *e
    if k.ptr == NULL:
        return
    e = table_find(&s.watched, k, table_hash(k))
    if e != NULL:
        raise_flags(e)
    db_key_done(s, k, small)


cdef bint add_flag(store *s, entry *e, bint *flag) noexcept nogil:
    cdef watchers *w = watchers_of(e)
    cdef bint **flags
    cdef uint32_t room
    if w.count == w.room:
        room = w.room * 2 if w.room else 2
        flags = <bint **>mem_alloc(&s.mem, room * sizeof(void *))
        if flags == NULL:
            return False
        if w.count:
            memcpy(flags, w.flags, w.count * sizeof(void *))
        mem_free(&s.mem, w.flags, w.room * sizeof(void *))
        w.flags = flags
        w.room = room
    w.flags[w.count] = flag
    w.count += 1
    return True


cdef entry *new_watched(store *s, view k, uint64_t hash) noexcept nogil:
    cdef entry *e = entry_new(&s.mem, k, 0, BOXED)
    cdef watchers *w
    if e == NULL:
        return NULL
    w = <watchers *>mem_alloc(&s.mem, sizeof(watchers))
    if w == NULL or not table_insert(&s.watched, e, hash):
        mem_free(&s.mem, w, sizeof(watchers))
        entry_free(&s.mem, e)
        return NULL
    w.count = w.room = 0
    w.flags = NULL
    entry_payload(e)[0] = w
    return e


cdef void free_watched(store *s, entry *e) noexcept nogil:
    cdef watchers *w = watchers_of(e)
    mem_free(&s.mem, w.flags, w.room * sizeof(void *))
    mem_free(&s.mem, w, sizeof(watchers))
    entry_free(&s.mem, e)


cdef bint watch_add(store *s, int db, view key, bint *flag) noexcept nogil:
    cdef char small[256]
    cdef view k = db_key(s, db, key, small, sizeof(small))
    cdef uint64_t hash
    cdef entry *e
    cdef bint ok = False
    if k.ptr == NULL:
        return False
    hash = table_hash(k)
    e = table_find(&s.watched, k, hash)
    if e == NULL:
        e = new_watched(s, k, hash)
    if e != NULL:
        ok = add_flag(s, e, flag)
    db_key_done(s, k, small)
    return ok


cdef void watch_remove(store *s, int db, view key, bint *flag) noexcept nogil:
    cdef char small[256]
    cdef view k = db_key(s, db, key, small, sizeof(small))
    cdef uint64_t hash
    cdef entry *e
    cdef watchers *w
    cdef uint32_t i
    if k.ptr == NULL:
        return
    hash = table_hash(k)
    e = table_find(&s.watched, k, hash)
    if e != NULL:
        w = watchers_of(e)
        for i in range(w.count):
            if w.flags[i] == flag:
                w.count -= 1
                w.flags[i] = w.flags[w.count]
                break
        if w.count == 0:
            table_remove(&s.watched, e, hash)
            free_watched(s, e)
    db_key_done(s, k, small)


cdef void watches_in(store *s, int number, database *a, database *b) noexcept nogil:
    """Raises the flags of what is watched in database `number` and exists in a or b."""
    cdef table_cursor c
    cdef entry *e
    cdef view key
    if s.watched.items == 0:
        return
    c.at = 0
    c.inside = NULL
    c.slot = 0
    while True:
        e = table_next(&s.watched, &c)
        if e == NULL:
            return
        key = db_key_name(entry_key(e))
        if db_key_number(entry_key(e)) == number and (
                table_find(&a.keys, key, table_hash(key)) != NULL or table_find(&b.keys, key, table_hash(key)) != NULL):
            raise_flags(e)


cdef void watches_of_flush(store *s, database *db) noexcept nogil:
    if s.on_touch != NULL:
        s.on_touch(s, db.id, view_of(NULL, 0))
    watches_in(s, db.id, db, db)


cdef void watches_of_database(store *s, int db, database *other) noexcept nogil:
    if s.on_touch != NULL:
        s.on_touch(s, db, view_of(NULL, 0))
    watches_in(s, db, &s.dbs[db], other)


cdef void watches_release(store *s) noexcept nogil:
    cdef entry *e
    while True:
        e = table_drain(&s.watched)
        if e == NULL:
            return
        free_watched(s, e)
