"""What a command sees of a client: database, protocol, MULTI and WATCH state, name, output.

A session is owned by a connection, an in-process caller or (later) a script, the journal loader, a
replica link; commands cannot tell. The owner runs commands in it and takes what is in `out` away, both
under the store's lock. Who writes to a session that is not running (MONITOR, CLIENT KILL) appends to
`out` or sets `killed`, then calls its `wake`.

All sessions of a store stand in one list, in the order of their ids.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy

from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.pointers cimport pointer_find, pointer_put, pointer_take
from kvd.core.table cimport table_hash, table_init, table_release
from kvd.core.view cimport view, view_equal, view_of
from kvd.session.channels cimport channels_init, channels_release, is_listening, unsubscribe_all
from kvd.session.tracking cimport tracking_init, tracking_release, tracking_stop
from kvd.session.waiters cimport wait_end, waits_init, waits_release
from kvd.store.change cimport watch_add, watch_remove
from kvd.store.config cimport CLASS_NORMAL, CLASS_PUBSUB, OPT_REQUIREPASS, config_text, output_limit
from kvd.store.keyspace cimport keyspace_find, store


cdef bint clients_init(store *s) noexcept nogil:
    cdef clients *r = <clients *>calloc(1, sizeof(clients))
    if r == NULL:
        return False
    r.next_id = 1
    s.clients = r
    table_init(&r.by_id, &s.mem)
    return waits_init(s) and channels_init(s) and tracking_init(s)


cdef clients *clients_of(store *s) noexcept nogil:
    return <clients *>s.clients


cdef void clients_release(store *s) noexcept nogil:
    while s.clients != NULL and clients_of(s).first != NULL:
        session_delete(clients_of(s).first)
    if s.clients != NULL:
        table_release(&clients_of(s).by_id)
    free(s.clients)
    s.clients = NULL
    channels_release(s)
    tracking_release(s)
    waits_release(s)


cdef inline view id_key(int64_t *id) noexcept nogil:
    return view_of(<char *>id, sizeof(int64_t))


cdef session *session_new(store *s, bint in_process) noexcept nogil:
    cdef session *c = <session *>calloc(1, sizeof(session))
    cdef clients *r = clients_of(s)
    if c == NULL:
        return NULL
    c.store = s
    c.proto = 2
    c.fd = -1
    c.id = r.next_id
    r.next_id += 1
    c.created_ms = c.last_ms = s.now
    if not pointer_put(&r.by_id, id_key(&c.id), c):
        free(c)
        return NULL
    c.authenticated = in_process or config_text(&s.config, OPT_REQUIREPASS)[0] == 0
    c.in_process = c.local = in_process
    c.prev = r.last
    if r.last != NULL:
        r.last.next = c
    else:
        r.first = c
    r.last = c
    r.count += 1
    r.own += in_process
    return c


cdef void session_delete(session *c) noexcept nogil:
    cdef clients *r = clients_of(c.store)
    pointer_take(&r.by_id, id_key(&c.id))
    wait_end(c)
    unsubscribe_all(c)
    tracking_stop(c)
    session_discard(c)
    if c.monitor:
        r.monitors -= 1
    if c.prev != NULL:
        c.prev.next = c.next
    else:
        r.first = c.next
    if c.next != NULL:
        c.next.prev = c.prev
    else:
        r.last = c.prev
    r.count -= 1
    r.own -= c.in_process
    c.store.client_memory -= c.counted
    buf_release(&c.out)
    buf_release(&c.pushes)
    buf_release(&c.name)
    buf_release(&c.lib_name)
    buf_release(&c.lib_ver)
    buf_release(&c.addr)
    buf_release(&c.laddr)
    free(c.queue)
    free(c.watches)
    free(c)


cdef void session_reset(session *c) noexcept nogil:
    session_discard(c)
    unsubscribe_all(c)
    tracking_stop(c)
    if c.monitor:
        c.monitor = False
        clients_of(c.store).monitors -= 1
    c.db = 0
    c.proto = 2
    c.reply = REPLY_ON
    c.no_evict = False
    c.no_touch = False
    c.name.len = 0
    c.authenticated = c.in_process or config_text(&c.store.config, OPT_REQUIREPASS)[0] == 0


cdef size_t session_memory(session *c) noexcept nogil:
    return (sizeof(session) + c.out.cap + c.pushes.cap + c.pending + c.input_used + c.input_free + c.queue_bytes + c.name.cap
            + c.watch_room * sizeof(watched_key))


cdef void session_account(session *c) noexcept nogil:
    cdef size_t n = session_memory(c)
    c.store.client_memory += n - c.counted
    c.counted = n


cdef bint session_queue(session *c, const void *command, view *argv, int argc) noexcept nogil:
    cdef size_t size = argc * sizeof(view)
    cdef int i
    cdef void *p
    cdef char *bytes
    cdef queued *q
    if c.queue_len == c.queue_room:
        p = realloc(c.queue, (c.queue_room * 2 + 8) * sizeof(queued))
        if p == NULL:
            return False
        c.queue = <queued *>p
        c.queue_room = c.queue_room * 2 + 8
    for i in range(argc):
        size += argv[i].len
    p = malloc(size)
    if p == NULL:
        return False
    q = &c.queue[c.queue_len]
    q.command = command
    q.argv = <view *>p
    q.argc = argc
    q.size = size
    bytes = <char *>p + argc * sizeof(view)
    for i in range(argc):
        memcpy(bytes, argv[i].ptr, argv[i].len)
        q.argv[i].ptr = bytes
        q.argv[i].len = argv[i].len
        bytes += argv[i].len
    c.queue_len += 1
    c.queue_bytes += size
    return True


cdef void session_discard(session *c) noexcept nogil:
    cdef int i
    for i in range(c.queue_len):
        free(c.queue[i].argv)
    c.queue_len = 0
    c.queue_bytes = 0
    c.multi = False
    c.aborted = False
    session_unwatch(c)


cdef bint session_watch(session *c, view key) noexcept nogil:
    cdef int i
    cdef void *p
    cdef char *copy
    for i in range(c.watch_len):
        if c.watches[i].db == c.db and view_equal(c.watches[i].key, key):
            return True
    if c.watch_len == c.watch_room:
        p = realloc(c.watches, (c.watch_room * 2 + 4) * sizeof(watched_key))
        if p == NULL:
            return False
        c.watches = <watched_key *>p
        c.watch_room = c.watch_room * 2 + 4
    copy = <char *>malloc(key.len + 1)
    if copy == NULL:
        return False
    memcpy(copy, key.ptr, key.len)
    keyspace_find(c.store, &c.store.dbs[c.db], key, table_hash(key))   # one that is expired already counts as absent
    if not watch_add(c.store, c.db, key, &c.touched):
        free(copy)
        return False
    c.watches[c.watch_len].db = c.db
    c.watches[c.watch_len].key.ptr = copy
    c.watches[c.watch_len].key.len = key.len
    c.watch_len += 1
    return True


cdef void session_unwatch(session *c) noexcept nogil:
    cdef int i
    for i in range(c.watch_len):
        watch_remove(c.store, c.watches[i].db, c.watches[i].key, &c.touched)
        free(<void *>c.watches[i].key.ptr)
    c.watch_len = 0
    c.touched = False


cdef buf *session_push(session *c) noexcept nogil:
    return &c.pushes if c == c.store.running else &c.out


cdef void session_append_pushes(session *c) noexcept nogil:
    if c.pushes.len:
        buf_add(&c.out, c.pushes.ptr, c.pushes.len)
        c.pushes.len = 0


cdef void session_pushed(session *c) noexcept nogil:
    if c == c.store.running:
        return                         # dispatch appends it to the reply
    if not session_within_limits(c):
        c.store.stats.output_limit_closed += not c.killed
        c.killed = True
    if c.wake != NULL:
        c.wake(c)


cdef bint session_within_limits(session *c) noexcept nogil:
    cdef store *s = c.store
    cdef output_limit *l = &s.config.limits[<int>(CLASS_PUBSUB if is_listening(c) else CLASS_NORMAL)]
    cdef size_t waiting = c.pending + c.out.len
    if waiting > clients_of(s).max_output:
        clients_of(s).max_output = waiting
    if l.hard and waiting >= <size_t>l.hard:
        return False
    if l.soft and waiting >= <size_t>l.soft:
        if c.soft_since_ms == 0:
            c.soft_since_ms = s.now
        return s.now - c.soft_since_ms <= l.soft_seconds * 1000
    c.soft_since_ms = 0
    return True


cdef void session_kill(session *c) noexcept nogil:
    c.killed = True
    if c.wake != NULL:
        c.wake(c)


cdef session *client_by_id(store *s, int64_t id) noexcept nogil:
    return <session *>pointer_find(&clients_of(s).by_id, id_key(&id))


cdef bint is_paused(session *c, bint writes) noexcept nogil:
    cdef clients *r = clients_of(c.store)
    if r.pause_until_ms == 0:
        return False
    if c.store.now >= r.pause_until_ms:
        r.pause_until_ms = 0
        return False
    return writes or not r.pause_writes_only


cdef void buf_set(buf *b, view v) noexcept nogil:
    """Makes the buffer hold exactly v."""
    b.len = 0
    buf_add(b, v.ptr, v.len)
