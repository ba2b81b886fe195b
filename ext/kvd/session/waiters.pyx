"""Blocked sessions: BLPOP and its relatives.

A command that finds nothing registers its session here, with a copy of its words, in the queue of each
of its keys, and returns without a reply. A change of a key marks its queue ready; after the command that
made the change, run/after.pyx runs the waiters of each ready key again, in the order of their arrival,
as long as there is data for them. So a blocking command has one implementation, and a blocked session costs
only memory.

    waits.keys    table: database and key -> wait_key
    wait_key      its waiters in FIFO order; in the list of ready keys, once
    waiter        the command, a deadline, its link in each key's queue
    waits.heap    waiters with a deadline or a time to be run again (XREADGROUP CLAIM), the soonest first

A thread that waits in a method of a Store handles its deadline itself; that is not in the heap.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

from kvd.core.clock cimport NEVER, wall_ms
from kvd.core.entry cimport BOXED, entry_free, entry_new, entry_payload
from kvd.core.table cimport (
    table, table_cursor, table_drain, table_find, table_hash, table_init, table_insert, table_next, table_remove,
)
from kvd.core.tagged cimport TAG_ROOM, tagged_done, tagged_key
from kvd.core.view cimport view_of
from kvd.session.session cimport AFTER_SERVE, DOOR_LINK, clients_of
from kvd.store.change cimport listen, listen_stop
from kvd.store.store cimport CLOCK_WALL, database, listener

cdef struct waits:
    listener listener          # while sessions wait
    table keys
    wait_key *first_ready
    wait_key *last_ready
    waiter **heap
    uint32_t heap_len
    uint32_t heap_room
    size_t count


cdef inline waits *waits_of(store *s) noexcept nogil:
    return <waits *>s.parts[<int>PART_WAITS]


cdef bint waits_init(store *s) noexcept nogil:
    cdef waits *q = <waits *>calloc(1, sizeof(waits))
    if q == NULL:
        return False
    table_init(&q.keys, &s.mem)
    q.listener.changes = key_touched
    q.listener.replaces = database_touched
    s.parts[<int>PART_WAITS] = q
    return True


cdef void waits_release(store *s) noexcept nogil:
    cdef entry *e
    if waits_of(s) == NULL:
        return
    while True:
        e = table_drain(&waits_of(s).keys)
        if e == NULL:
            break
        free(entry_payload(e)[0])
        entry_free(&s.mem, e)
    free(waits_of(s).heap)
    free(waits_of(s))
    s.parts[<int>PART_WAITS] = NULL


cdef size_t waits_count(store *s) noexcept nogil:
    return waits_of(s).count


cdef size_t waits_keys(store *s, bint on_gone) noexcept nogil:
    cdef table_cursor at
    cdef entry *e
    cdef wait_link *l
    cdef size_t n = 0
    if not on_gone:
        return waits_of(s).keys.items
    at.at = 0
    at.inside = NULL
    at.slot = 0
    while True:
        e = table_next(&waits_of(s).keys, &at)
        if e == NULL:
            return n
        l = (<wait_key *>entry_payload(e)[0]).first
        while l != NULL and not l.w.on_gone:
            l = l.next
        n += l != NULL


# ---- keys -------------------------------------------------------------------------------------------

cdef wait_key *key_at(store *s, view full, bint make) noexcept nogil:
    cdef uint64_t hash = table_hash(full)
    cdef entry *e = table_find(&waits_of(s).keys, full, hash)
    cdef wait_key *k
    if e != NULL:
        return <wait_key *>entry_payload(e)[0]
    if not make:
        return NULL
    k = <wait_key *>calloc(1, sizeof(wait_key))
    e = entry_new(&s.mem, full, 0, BOXED) if k != NULL else NULL
    if e == NULL or not table_insert(&waits_of(s).keys, e, hash):
        free(k)
        if e != NULL:
            entry_free(&s.mem, e)
        return NULL
    entry_payload(e)[0] = k
    k.e = e
    k.hash = hash
    return k


cdef void wait_forget(store *s, wait_key *k) noexcept nogil:
    if k.first != NULL or k.ready or k.held:
        return
    table_remove(&waits_of(s).keys, k.e, k.hash)
    entry_free(&s.mem, k.e)
    free(k)


cdef void mark(store *s, wait_key *k) noexcept nogil:
    cdef waits *q = waits_of(s)
    if k.ready:
        return
    k.ready = True
    k.next_ready = NULL
    if q.last_ready != NULL:
        q.last_ready.next_ready = k
    else:
        q.first_ready = k
    q.last_ready = k
    clients_of(s).after |= AFTER_SERVE


cdef void database_touched(store *s, database *db, database *other) noexcept nogil:
    cdef table_cursor at
    cdef entry *e
    at.at = 0
    at.inside = NULL
    at.slot = 0
    while True:
        e = table_next(&waits_of(s).keys, &at)
        if e == NULL:
            return
        if tag_of(entry_key(e)) == db.id:
            mark(s, <wait_key *>entry_payload(e)[0])


cdef void key_touched(store *s, database *db, view key, bint by_command) noexcept nogil:
    waits_touch(s, db, key)


cdef void waits_touch(store *s, database *db, view key) noexcept nogil:
    cdef char small[TAG_ROOM]
    cdef view full = tagged_key(&s.mem, db.id, key, small)
    cdef wait_key *k = key_at(s, full, False) if full.ptr != NULL else NULL
    if k != NULL:
        mark(s, k)
    tagged_done(&s.mem, full, small)


cdef void waits_pending(store *s, database *db, view key) noexcept nogil:
    cdef char small[TAG_ROOM]
    cdef view full
    cdef wait_key *k
    if waits_of(s).count == 0:
        return
    full = tagged_key(&s.mem, db.id, key, small)
    k = key_at(s, full, False) if full.ptr != NULL else NULL
    if k != NULL and k.claims:
        mark(s, k)
    tagged_done(&s.mem, full, small)


cdef wait_key *waits_ready(store *s) noexcept nogil:
    cdef waits *q = waits_of(s)
    cdef wait_key *k = q.first_ready
    if k == NULL:
        return NULL
    q.first_ready = k.next_ready
    if q.first_ready == NULL:
        q.last_ready = NULL
    k.ready = False
    return k


# ---- deadlines --------------------------------------------------------------------------------------

cdef inline void put(waits *q, uint32_t i, waiter *w) noexcept nogil:
    q.heap[i] = w
    w.heap_at = i + 1


cdef void sift(waits *q, uint32_t i) noexcept nogil:
    """Restores the heap order at i."""
    cdef waiter *w = q.heap[i]
    cdef uint32_t child
    while i > 0 and q.heap[(i - 1) // 2].due > w.due:
        put(q, i, q.heap[(i - 1) // 2])
        i = (i - 1) // 2
    while True:
        child = i * 2 + 1
        if child >= q.heap_len:
            break
        if child + 1 < q.heap_len and q.heap[child + 1].due < q.heap[child].due:
            child += 1
        if q.heap[child].due >= w.due:
            break
        put(q, i, q.heap[child])
        i = child
    put(q, i, w)


cdef bint heap_add(waits *q, waiter *w) noexcept nogil:
    cdef void *grown
    if q.heap_len == q.heap_room:
        grown = realloc(q.heap, (q.heap_room * 2 + 16) * sizeof(void *))
        if grown == NULL:
            return False
        q.heap = <waiter **>grown
        q.heap_room = q.heap_room * 2 + 16
    q.heap[q.heap_len] = w
    q.heap_len += 1
    sift(q, q.heap_len - 1)
    return True


cdef void heap_remove(waits *q, waiter *w) noexcept nogil:
    cdef uint32_t i = w.heap_at - 1
    if w.heap_at == 0:
        return
    w.heap_at = 0
    q.heap_len -= 1
    if i < q.heap_len:
        q.heap[i] = q.heap[q.heap_len]
        sift(q, i)


cdef int64_t waits_next(store *s) noexcept nogil:
    cdef waits *q = waits_of(s)
    return q.heap[0].due if q.heap_len else NEVER


cdef session *wait_overdue(store *s) noexcept nogil:
    cdef waits *q = waits_of(s)
    return q.heap[0].who if q.heap_len and q.heap[0].due <= wall_of(s) else NULL


cdef bint wait_late(session *c) noexcept nogil:
    cdef waiter *w = wait_of(c)
    return w.deadline != 0 and w.deadline <= wall_of(c.store) and w.deadline == w.due


cdef inline int64_t wall_of(store *s) noexcept nogil:
    return s.now if s.clock.mode == CLOCK_WALL else wall_ms()


cdef inline int64_t as_wall(store *s, int64_t time) noexcept nogil:
    """A time by the store's clock; 0: none. Waiting takes real time, also with a frozen clock."""
    return time + wall_of(s) - s.now if time else 0


cdef bint plan(waiter *w) noexcept nogil:
    """Enters what is due in the heap; False: no memory."""
    cdef store *s = w.who.store
    cdef int64_t deadline = w.deadline if w.who.door == DOOR_LINK or not w.who.in_process else 0
    heap_remove(waits_of(s), w)
    w.due = w.recheck if deadline == 0 or 0 < w.recheck < deadline else deadline
    if w.due == 0:
        return True
    if not heap_add(waits_of(s), w):
        return False
    if w.due < s.planned and s.on_deadline != NULL:
        s.on_deadline(s, w.due)
    return True


cdef bint wait_renew(session *c, int64_t recheck) noexcept nogil:
    cdef waiter *w = wait_of(c)
    if w.recheck == 0 and recheck == 0:
        return True
    w.recheck = as_wall(c.store, recheck)
    return plan(w)


# ---- waiting ----------------------------------------------------------------------------------------

cdef waiter *waiter_new(session *c, wanted *what) noexcept nogil:
    """One allocation: the waiter, its links, its words."""
    cdef size_t links = sizeof(waiter) + what.count * sizeof(wait_link)
    cdef size_t size = links + what.argc * sizeof(view)
    cdef waiter *w
    cdef char *p
    cdef int i
    for i in range(what.argc):
        size += what.argv[i].len
    w = <waiter *>calloc(1, size)
    if w == NULL:
        return NULL
    w.bytes = size
    w.who = c
    w.argv = <view *>(<char *>w + links)
    w.argc = what.argc
    w.type = what.type
    w.on_gone = what.on_gone
    w.counts = what.counts
    w.claims = what.claims
    w.deadline = as_wall(c.store, what.deadline)
    w.recheck = as_wall(c.store, what.recheck)
    p = <char *>(w.argv + what.argc)
    for i in range(what.argc):
        memcpy(p, what.argv[i].ptr, what.argv[i].len)
        w.argv[i] = view_of(p, what.argv[i].len)
        p += what.argv[i].len
    return w


cdef bint join_queue(waiter *w, view key) noexcept nogil:
    """False: no memory."""
    cdef store *s = w.who.store
    cdef char small[TAG_ROOM]
    cdef view full = tagged_key(&s.mem, w.who.db, key, small)
    cdef wait_key *k = key_at(s, full, True) if full.ptr != NULL else NULL
    cdef wait_link *l
    tagged_done(&s.mem, full, small)
    if k == NULL:
        return False
    if k.last != NULL and k.last.w == w:
        return True                    # the same key twice
    l = &w.link[w.links]
    w.links += 1
    l.w = w
    l.key = k
    k.gone += w.on_gone
    k.claims += w.claims
    l.prev = k.last
    l.next = NULL
    if k.last != NULL:
        k.last.next = l
    else:
        k.first = l
    k.last = l
    return True


cdef bint wait_start(session *c, const void *command, wanted *what) noexcept nogil:
    cdef store *s = c.store
    cdef waiter *w = waiter_new(c, what)
    cdef int i
    if w == NULL:
        return False
    w.command = command
    c.wait = w
    waits_of(s).count += 1
    listen(s, &waits_of(s).listener)
    for i in range(what.count):
        if not join_queue(w, what.keys[i * what.step]):
            wait_end(c)
            return False
    if plan(w):
        return True
    wait_end(c)
    return False


cdef void wait_end(session *c) noexcept nogil:
    cdef waiter *w = wait_of(c)
    cdef wait_link *l
    cdef int i
    if w == NULL:
        return
    for i in range(w.links):
        l = &w.link[i]
        l.key.gone -= w.on_gone
        l.key.claims -= w.claims
        if l.prev != NULL:
            l.prev.next = l.next
        else:
            l.key.first = l.next
        if l.next != NULL:
            l.next.prev = l.prev
        else:
            l.key.last = l.prev
        wait_forget(c.store, l.key)
    heap_remove(waits_of(c.store), w)
    waits_of(c.store).count -= 1
    c.wait = NULL
    free(w)
    if waits_of(c.store).count == 0:
        listen_stop(c.store, &waits_of(c.store).listener)


cdef void wait_move(session *c, session *other) noexcept nogil:
    other.wait = c.wait
    wait_of(other).who = other
    c.wait = NULL
