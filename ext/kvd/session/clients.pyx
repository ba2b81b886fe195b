"""Creation, reset and deletion of sessions.

The only module of the layer that knows all registries with references to a session (watches, waits, subscriptions,
tracking), so that a deleted session is in none of them.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from kvd.core.buf cimport buf_printf, buf_release
from kvd.core.pointers cimport pointer_put, pointer_take
from kvd.core.table cimport table_init, table_release
from kvd.core.view cimport view, view_of
from kvd.session.channels cimport channels_init, channels_release, unsubscribe_all
from kvd.session.fieldsets cimport fieldsets_clear
from kvd.session.session cimport (
    DEBUG_NONE, REPLY_ON, clients, clients_of, session_replies, session_unaccount, session_unqueue,
)
from kvd.session.tracking cimport tracking_init, tracking_release, tracking_stop
from kvd.session.waiters cimport wait_end, wait_move, wait_of, waits_init, waits_release
from kvd.session.watches cimport unwatch, watches_init, watches_release
from kvd.store.parts cimport PART_CLIENTS
from kvd.store.store cimport SPECIAL_LOCKED_OUT, SPECIAL_MONITORS, SPECIAL_NO_TOUCH, SPECIAL_RESTRICTED, special_set


cdef bint clients_init(store *s) noexcept nogil:
    cdef clients *r = <clients *>calloc(1, sizeof(clients))
    if r == NULL:
        return False
    r.next_id = 1
    r.passwordless = True
    s.parts[<int>PART_CLIENTS] = r
    table_init(&r.by_id, &s.mem)
    return watches_init(s) and waits_init(s) and channels_init(s) and tracking_init(s)


cdef void clients_release(store *s) noexcept nogil:
    while clients_of(s) != NULL and clients_of(s).first != NULL:
        session_delete(clients_of(s).first)
    if clients_of(s) != NULL:
        table_release(&clients_of(s).by_id)
    channels_release(s)
    tracking_release(s)
    waits_release(s)
    watches_release(s)
    free(clients_of(s))
    s.parts[<int>PART_CLIENTS] = NULL


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
    c.in_process = c.local = in_process
    if in_process:
        buf_printf(&c.addr, b"in-process:%lld", <long long>c.id)
    session_begin(c, in_process)
    c.prev = r.last
    if r.last != NULL:
        r.last.next = c
    else:
        r.first = c
    r.last = c
    r.count += 1
    r.own += in_process
    return c


cdef void session_begin(session *c, bint trusted) noexcept nogil:
    c.user = NULL
    c.trusted = trusted
    c.entered = trusted or not clients_of(c.store).locks_out
    special_set(&c.special, SPECIAL_LOCKED_OUT, not c.entered)
    special_set(&c.special, SPECIAL_RESTRICTED, not trusted and clients_of(c.store).restricts)


cdef void leave_monitors(session *c) noexcept nogil:
    cdef clients *r = clients_of(c.store)
    if c.monitor:
        c.monitor = False
        r.monitors -= 1
        special_set(&c.store.special, SPECIAL_MONITORS, r.monitors != 0)


cdef void wait_on(session *c) noexcept nogil:
    """What it waits in goes on, in a session without a client."""
    cdef session *to = session_new(c.store, True)
    if to == NULL:
        return
    to.abandoned = True
    wait_move(c, to)


cdef void session_delete(session *c) noexcept nogil:
    cdef clients *r = clients_of(c.store)
    if wait_of(c) != NULL and wait_of(c).goes_on and not c.abandoned:
        wait_on(c)
    if c.leaves != NULL:
        c.leaves(c)
    pointer_take(&r.by_id, id_key(&c.id))
    wait_end(c)
    unsubscribe_all(c)
    tracking_stop(c)
    session_discard(c)
    leave_monitors(c)
    fieldsets_clear(c)
    session_unaccount(c)
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


cdef void session_discard(session *c) noexcept nogil:
    session_unqueue(c)
    unwatch(c)


cdef void session_reset(session *c) noexcept nogil:
    session_discard(c)
    unsubscribe_all(c)
    tracking_stop(c)
    leave_monitors(c)
    fieldsets_clear(c)
    c.db = 0
    c.proto = 2
    session_replies(c, REPLY_ON)
    special_set(&c.special, SPECIAL_NO_TOUCH, False)
    c.no_evict = c.reads_replica = c.import_source = False
    c.debugs = DEBUG_NONE
    c.name.len = 0
    session_begin(c, c.trusted)
