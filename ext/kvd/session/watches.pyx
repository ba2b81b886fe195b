"""WATCH: sessions whose next EXEC fails if a key changes before it.

    watches.keys    table: database and key -> watchers, a list of the sessions that watch it

A change of the key sets `touched` of each of them. While no session watches, the store's list of listeners
does not name this one, and a change costs nothing here.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from kvd.core.entry cimport BOXED, entry, entry_free, entry_key, entry_new, entry_payload
from kvd.core.table cimport (
    table, table_bytes, table_cursor, table_find, table_hash, table_init, table_insert, table_next, table_release,
    table_remove,
)
from kvd.core.tagged cimport TAG_ROOM, tag_of, tagged_done, tagged_key, tagged_name
from kvd.core.view cimport view_equal
from kvd.store.change cimport listen, listen_stop
from kvd.store.keyspace cimport keyspace_find
from kvd.store.parts cimport PART_WATCHES
from kvd.store.store cimport database, listener

cdef struct watchers:          # of one key; at least one
    uint32_t count
    uint32_t room
    session **who

cdef struct watches:
    listener listener
    table keys


cdef inline watches *watches_of(store *s) noexcept nogil:
    return <watches *>s.parts[<int>PART_WATCHES]


cdef bint watches_init(store *s) noexcept nogil:
    cdef watches *w = <watches *>calloc(1, sizeof(watches))
    if w == NULL:
        return False
    table_init(&w.keys, &s.mem)
    w.listener.changes = key_touched
    w.listener.replaces = database_touched
    s.parts[<int>PART_WATCHES] = w
    return True


cdef void watches_release(store *s) noexcept nogil:
    if watches_of(s) != NULL:
        table_release(&watches_of(s).keys)
    free(watches_of(s))
    s.parts[<int>PART_WATCHES] = NULL


cdef size_t watched_keys(store *s) noexcept nogil:
    return watches_of(s).keys.items


cdef size_t watched_bytes(store *s) noexcept nogil:
    return table_bytes(&watches_of(s).keys)


# ---- changes ----------------------------------------------------------------------------------------

cdef void touch(entry *e) noexcept nogil:
    cdef watchers *w = <watchers *>entry_payload(e)[0]
    cdef uint32_t i
    for i in range(w.count):
        w.who[i].touched = True


cdef void key_touched(store *s, database *db, view key, bint by_command) noexcept nogil:
    cdef char small[TAG_ROOM]
    cdef view full = tagged_key(&s.mem, db.id, key, small)
    cdef entry *e = table_find(&watches_of(s).keys, full, table_hash(full)) if full.ptr != NULL else NULL
    if e != NULL:
        touch(e)
    tagged_done(&s.mem, full, small)


cdef void database_touched(store *s, database *db, database *other) noexcept nogil:
    """Watched keys of db that exist there, or will exist when the content of other replaces it, have changed."""
    cdef table_cursor at
    cdef entry *e
    cdef view key
    memset(&at, 0, sizeof(at))
    while True:
        e = table_next(&watches_of(s).keys, &at)
        if e == NULL:
            return
        key = tagged_name(entry_key(e))
        if tag_of(entry_key(e)) == db.id and (table_find(&db.keys, key, table_hash(key)) != NULL
                                              or (other != NULL and table_find(&other.keys, key, table_hash(key)) != NULL)):
            touch(e)


# ---- watching ---------------------------------------------------------------------------------------

cdef entry *watched_entry(store *s, view full) noexcept nogil:
    """Found or created; NULL: no memory."""
    cdef watches *w = watches_of(s)
    cdef uint64_t hash = table_hash(full)
    cdef entry *e = table_find(&w.keys, full, hash)
    if e != NULL:
        return e
    e = entry_new(&s.mem, full, 0, BOXED)
    if e == NULL:
        return NULL
    entry_payload(e)[0] = calloc(1, sizeof(watchers))
    if entry_payload(e)[0] == NULL or not table_insert(&w.keys, e, hash):
        free(entry_payload(e)[0])
        entry_free(&s.mem, e)
        return NULL
    if w.keys.items == 1:
        listen(s, &w.listener)
    return e


cdef void drop_unwatched(store *s, entry *e) noexcept nogil:
    cdef watchers *w = <watchers *>entry_payload(e)[0]
    if w.count:
        return
    table_remove(&watches_of(s).keys, e, table_hash(entry_key(e)))
    free(w.who)
    free(w)
    entry_free(&s.mem, e)
    if watches_of(s).keys.items == 0:
        listen_stop(s, &watches_of(s).listener)


cdef bint watcher_add(entry *e, session *c) noexcept nogil:
    cdef watchers *w = <watchers *>entry_payload(e)[0]
    cdef void *grown
    if w.count == w.room:
        grown = realloc(w.who, (w.room * 2 + 2) * sizeof(void *))
        if grown == NULL:
            return False
        w.who = <session **>grown
        w.room = w.room * 2 + 2
    w.who[w.count] = c
    w.count += 1
    return True


cdef void watcher_remove(entry *e, session *c) noexcept nogil:
    cdef watchers *w = <watchers *>entry_payload(e)[0]
    cdef uint32_t i
    for i in range(w.count):
        if w.who[i] == c:
            w.count -= 1
            w.who[i] = w.who[w.count]
            return


cdef bint is_watched(session *c, view key) noexcept nogil:
    cdef int i
    for i in range(c.watch_len):
        if tag_of(entry_key(c.watches[i])) == c.db and view_equal(tagged_name(entry_key(c.watches[i])), key):
            return True
    return False


cdef bint note(session *c, entry *e) noexcept nogil:
    """Adds it to the session's own list, which unwatch reads; False: no memory."""
    cdef void *grown
    if c.watch_len == c.watch_room:
        grown = realloc(c.watches, (c.watch_room * 2 + 4) * sizeof(void *))
        if grown == NULL:
            return False
        c.watches = <entry **>grown
        c.watch_room = c.watch_room * 2 + 4
    c.watches[c.watch_len] = e
    c.watch_len += 1
    return True


cdef bint watch(session *c, view key) noexcept nogil:
    cdef store *s = c.store
    cdef char small[TAG_ROOM]
    cdef view full
    cdef entry *e = NULL
    if is_watched(c, key):
        return True
    keyspace_find(s, &s.dbs[c.db], key, table_hash(key))   # a key that is expired already counts as absent
    full = tagged_key(&s.mem, c.db, key, small)
    if full.ptr != NULL:
        e = watched_entry(s, full)
    tagged_done(&s.mem, full, small)
    if e == NULL:
        return False
    if watcher_add(e, c) and note(c, e):
        return True
    watcher_remove(e, c)
    drop_unwatched(s, e)
    return False


cdef void unwatch(session *c) noexcept nogil:
    cdef int i
    for i in range(c.watch_len):
        watcher_remove(c.watches[i], c)
        drop_unwatched(c.store, c.watches[i])
    c.watch_len = 0
    c.touched = False


cdef void watch_expiry(session *c) noexcept nogil:
    cdef view full
    cdef int i
    for i in range(c.watch_len):
        full = entry_key(c.watches[i])
        keyspace_find(c.store, &c.store.dbs[tag_of(full)], tagged_name(full), table_hash(tagged_name(full)))
