"""The state of a client, as commands see it: database, protocol, MULTI state, name, output.

A session is owned by a connection, an in-process caller or a script (and later the journal's loader and a
replica link); commands do not distinguish them. The owner runs commands in it and takes the content of `out`, both
under the store's lock. Code that writes to a session that is not running (MONITOR, CLIENT KILL) appends to
`out` or sets `killed`, then calls its `wake`.

All sessions of a store are in one list, in the order of their ids. clients.pyx creates and deletes them, because it
knows what else refers to them.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from kvd.core.buf cimport buf_add
from kvd.core.pointers cimport pointer_find
from kvd.core.view cimport view_of
from kvd.store.config cimport CLASS_NORMAL, CLASS_PUBSUB, CLASS_REPLICA, output_limit
from kvd.store.store cimport SPECIAL_BUSY, SPECIAL_CLOSED, SPECIAL_PAUSED, SPECIAL_REPLY, special_set, store_report


cdef size_t session_memory(session *c) noexcept nogil:
    return (sizeof(session) + c.out.cap + c.pushes.cap + c.pending + c.input_used + c.input_free + c.queue_bytes + c.name.cap
            + c.watch_room * sizeof(void *) + c.fieldset_bytes)


cdef void session_account(session *c) noexcept nogil:
    count_memory(c, session_memory(c))


cdef void session_unaccount(session *c) noexcept nogil:
    count_memory(c, 0)


cdef inline void count_memory(session *c, size_t n) noexcept nogil:
    clients_of(c.store).memory += n - c.counted
    c.counted = n
    store_report(c.store, PART_CLIENTS, clients_of(c.store).memory)


cdef inline bint is_on_offer(session *c, view word) noexcept nogil:
    return c.store.mem.offer != NULL and not c.store.mem.offer.taken and word.ptr == c.store.mem.offer.bytes and word.len


cdef bint session_queue(session *c, const void *command, uint32_t flags, view *argv, int argc) noexcept nogil:
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
        if not is_on_offer(c, argv[i]):
            size += argv[i].len
    p = malloc(size)
    if p == NULL:
        return False
    q = &c.queue[c.queue_len]
    q.command = command
    q.flags = flags
    q.argv = <view *>p
    q.argc = argc
    q.size = size
    memset(&q.offer, 0, sizeof(offered))
    bytes = <char *>p + argc * sizeof(view)
    for i in range(argc):
        if is_on_offer(c, argv[i]):
            q.offer = c.store.mem.offer[0]
            c.store.mem.offer.taken = True
            q.argv[i] = argv[i]
            q.size += argv[i].len
            continue
        memcpy(bytes, argv[i].ptr, argv[i].len)
        q.argv[i].ptr = bytes
        q.argv[i].len = argv[i].len
        bytes += argv[i].len
    c.queue_len += 1
    c.queue_bytes += q.size
    return True


cdef void session_unqueue(session *c) noexcept nogil:
    cdef int i
    for i in range(c.queue_len):
        free(c.queue[i].argv)
        free(c.queue[i].offer.base)
    c.queue_len = 0
    c.queue_bytes = 0
    special_set(&c.special, SPECIAL_MULTI, False)
    c.aborted = False


cdef void session_replies(session *c, int mode) noexcept nogil:
    c.reply = mode
    special_set(&c.special, SPECIAL_REPLY, mode != REPLY_ON)


cdef buf *session_push(session *c) noexcept nogil:
    return &c.pushes if c == running_session(c.store) else &c.out


cdef void session_append_pushes(session *c) noexcept nogil:
    if c.pushes.len:
        buf_add(&c.out, c.pushes.ptr, c.pushes.len)
        c.pushes.len = 0


cdef void session_pushed(session *c) noexcept nogil:
    if c == running_session(c.store):
        return                         # dispatch appends it to the reply
    if not session_within_limits(c):
        c.store.stats.output_limit_closed += not c.killed
        c.killed = True
    if c.wake != NULL:
        c.wake(c)


cdef inline output_limit *limit_of(session *c) noexcept nogil:
    return &c.store.config.limits[<int>(CLASS_REPLICA if c.syncs else CLASS_PUBSUB if is_listening(c) else CLASS_NORMAL)]


cdef void session_limit_output(session *c) noexcept nogil:
    cdef output_limit *l = limit_of(c)
    c.out.limit = FREE_OUTPUT + l.hard if l.hard else 0


cdef size_t session_output(session *c) noexcept nogil:
    cdef size_t waiting = c.pending + c.out.len + c.behind
    return waiting - FREE_OUTPUT if waiting > FREE_OUTPUT else 0


cdef bint session_within_limits(session *c) noexcept nogil:
    cdef store *s = c.store
    cdef output_limit *l = limit_of(c)
    cdef size_t waiting = session_output(c)
    if c.out.failed:
        return False
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


cdef void session_end(session *c) noexcept nogil:
    c.closing = True
    special_set(&c.special, SPECIAL_CLOSED, True)


cdef void session_kill(session *c) noexcept nogil:
    c.killed = True
    special_set(&c.special, SPECIAL_CLOSED, True)
    if c.wake != NULL:
        c.wake(c)


cdef session *client_by_id(store *s, int64_t id) noexcept nogil:
    return <session *>pointer_find(&clients_of(s).by_id, view_of(<char *>&id, sizeof(int64_t)))


cdef bint is_paused(session *c, bint writes) noexcept nogil:
    if c.store.now >= c.store.paused_until:
        pause_set(c.store, 0, False)
        return False
    return writes or not clients_of(c.store).pause_writes_only


cdef void pause_set(store *s, int64_t until_ms, bint writes_only) noexcept nogil:
    cdef session *c = clients_of(s).first
    s.paused_until = until_ms
    clients_of(s).pause_writes_only = writes_only
    special_set(&s.special, SPECIAL_PAUSED, until_ms != 0)
    while c != NULL and until_ms == 0:
        if c.paused and c.wake != NULL:
            c.wake(c)
        c = c.next


cdef void busy_set(store *s, const char *answer) noexcept nogil:
    clients_of(s).busy = answer
    special_set(&s.special, SPECIAL_BUSY, answer != NULL)


cdef void buf_set(buf *b, view v) noexcept nogil:
    """Sets the buffer's content to v."""
    b.len = 0
    buf_add(b, v.ptr, v.len)
