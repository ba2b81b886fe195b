"""Client-side caching: invalidation messages to sessions (CLIENT TRACKING).

    default    tracking.keys maps a key to the ids of the sessions that have read it since it last changed
    BCAST      a list of prefixes, each with the sessions that track all keys with this prefix

A change removes the key from the map, or notes it for the matching prefixes, in `pending`;
after the command, tracking_send sends the messages. So a message is never inside a reply, and the
session that made the change is known for NOLOOP. Keys are identified by name alone, not by database,
as clients expect.

The map holds at most tracking-table-max-keys keys: above that, keys picked at random are invalidated.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.entry cimport BOXED, entry, entry_free, entry_key, entry_new, entry_payload
from kvd.core.table cimport (
    table, table_drain, table_find, table_hash, table_init, table_insert, table_random, table_remove,
)
from kvd.core.view cimport view_equal, view_of
from kvd.resp.writer cimport write_array, write_bulk, write_int, write_null, write_push, write_text
from kvd.session.session cimport (
    AFTER_INVALIDATE, client_by_id, clients_of, is_listening, is_tracking, running_session, session_push, session_pushed,
)
from kvd.store.change cimport listen, listen_stop
from kvd.store.config cimport OPT_TRACKING_TABLE_MAX_KEYS, cfg
from kvd.store.parts cimport PART_TRACKING
from kvd.store.store cimport SPECIAL_TRACKS, database, listener, special_set

cdef struct reader_ids:
    uint32_t count
    uint32_t room
    int64_t id[1]

cdef struct change:            # a key whose invalidation is pending; its bytes are in pending_bytes
    size_t at
    size_t len
    int64_t writer             # id of the session that changed it; 0: none
    reader_ids *readers        # NULL: it matches a prefix

cdef struct tracking:
    listener listener          # while sessions track
    table keys                 # key -> reader_ids
    size_t items               # of all of them together
    size_t sessions
    tracked_prefix *prefixes
    size_t prefix_count
    change *pending
    size_t pending_len
    size_t pending_room
    buf pending_bytes
    bint flushed               # everything has changed


cdef inline tracking *tracking_of(store *s) noexcept nogil:
    return <tracking *>s.parts[<int>PART_TRACKING]


cdef bint tracking_init(store *s) noexcept nogil:
    cdef tracking *t = <tracking *>calloc(1, sizeof(tracking))
    if t == NULL:
        return False
    table_init(&t.keys, &s.mem)
    t.listener.changes = key_touched
    t.listener.replaces = database_touched
    s.parts[<int>PART_TRACKING] = t
    return True


cdef void forget_keys(store *s) noexcept nogil:
    cdef entry *e
    while True:
        e = table_drain(&tracking_of(s).keys)
        if e == NULL:
            break
        free(entry_payload(e)[0])
        entry_free(&s.mem, e)
    tracking_of(s).items = 0


cdef void tracking_release(store *s) noexcept nogil:
    cdef tracking *t = tracking_of(s)
    cdef size_t i
    if t == NULL:
        return
    forget_keys(s)
    for i in range(t.pending_len):
        free(t.pending[i].readers)
    free(t.pending)
    buf_release(&t.pending_bytes)
    free(t)
    s.parts[<int>PART_TRACKING] = NULL


cdef size_t tracking_count(store *s) noexcept nogil:
    return tracking_of(s).sessions


cdef void tracking_totals(store *s, size_t *keys, size_t *items, size_t *prefixes) noexcept nogil:
    keys[0] = tracking_of(s).keys.items
    items[0] = tracking_of(s).items
    prefixes[0] = tracking_of(s).prefix_count


cdef tracked_prefix *tracking_prefixes(store *s) noexcept nogil:
    return tracking_of(s).prefixes


# ---- changes ----------------------------------------------------------------------------------------

cdef void key_touched(store *s, database *db, view key, bint by_command) noexcept nogil:
    cdef tracking *t = tracking_of(s)
    cdef tracked_prefix *p = t.prefixes
    cdef entry *e
    cdef int64_t writer = running_session(s).id if by_command and running_session(s) != NULL else 0
    if t.keys.items:
        e = table_find(&t.keys, key, table_hash(key))
        if e != NULL:
            take_readers(s, e, writer)
    while p != NULL:
        if p.len <= key.len and memcmp(p.text, key.ptr, p.len) == 0:
            note(s, key, NULL, writer)
            return
        p = p.next


cdef void database_touched(store *s, database *db, database *other) noexcept nogil:
    tracking_of(s).flushed = True
    forget_keys(s)
    clients_of(s).after |= AFTER_INVALIDATE


cdef void take_readers(store *s, entry *e, int64_t writer) noexcept nogil:
    """Removes the key's readers from the map; they get an invalidation."""
    cdef tracking *t = tracking_of(s)
    cdef reader_ids *r = <reader_ids *>entry_payload(e)[0]
    table_remove(&t.keys, e, table_hash(entry_key(e)))
    t.items -= r.count
    note(s, entry_key(e), r, writer)
    entry_free(&s.mem, e)


cdef void note(store *s, view key, reader_ids *readers, int64_t writer) noexcept nogil:
    cdef tracking *t = tracking_of(s)
    cdef void *grown
    cdef change *one
    clients_of(s).after |= AFTER_INVALIDATE
    if t.pending_len == t.pending_room:
        grown = realloc(t.pending, (t.pending_room * 2 + 16) * sizeof(change))
        if grown == NULL:
            t.flushed = True           # too many invalidations are harmless, a missing one is not
            free(readers)
            return
        t.pending = <change *>grown
        t.pending_room = t.pending_room * 2 + 16
    one = &t.pending[t.pending_len]
    t.pending_len += 1
    one.at = t.pending_bytes.len
    one.len = key.len
    one.readers = readers
    one.writer = writer
    buf_add(&t.pending_bytes, key.ptr, key.len)


# ---- sending ----------------------------------------------------------------------------------------

cdef void send(session *c, view *keys, size_t count) noexcept nogil:
    """Sends an invalidation to the session, or to the one it redirects to. keys NULL: all keys."""
    cdef tracker *how = tracker_of(c)
    cdef session *to = c
    cdef buf *out
    cdef size_t i
    if how.redirect:
        to = client_by_id(c.store, how.redirect)
        if to == NULL:
            broken(c)
            return
    if to.proto >= 3:
        out = session_push(to)
        write_push(out, 2, 3)
        write_text(out, b"invalidate")
    elif how.redirect and is_listening(to):
        out = session_push(to)
        write_array(out, 3)
        write_text(out, b"message")
        write_text(out, b"__redis__:invalidate")
    else:
        return
    if keys == NULL:
        write_null(out, to.proto)
    else:
        write_array(out, count)
        for i in range(count):
            write_bulk(out, keys[i])
    session_pushed(to)


cdef void broken(session *c) noexcept nogil:
    cdef buf *out
    tracker_of(c).broken = True
    if c.proto >= 3:
        out = session_push(c)
        write_push(out, 2, 3)
        write_text(out, b"tracking-redir-broken")
        write_int(out, tracker_of(c).redirect)
        session_pushed(c)


cdef void tell_readers(store *s, change *one, view key) noexcept nogil:
    cdef session *c
    cdef uint32_t i
    for i in range(one.readers.count):
        c = client_by_id(s, one.readers.id[i])
        if c == NULL or not is_tracking(c) or tracker_of(c).bcast or (tracker_of(c).noloop and c.id == one.writer):
            continue
        send(c, &key, 1)


cdef void send_prefix(store *s, tracked_prefix *p) noexcept nogil:
    """Sends all changes of one prefix, in one message for each session."""
    cdef tracking *t = tracking_of(s)
    cdef view *keys = <view *>malloc((t.pending_len + 1) * sizeof(view))
    cdef size_t n, i, k
    cdef change *one
    cdef session *c
    cdef const char *text
    if keys == NULL:
        return
    for i in range(p.count):
        c = p.who[i]
        n = 0
        for k in range(t.pending_len):
            one = &t.pending[k]
            text = t.pending_bytes.ptr + one.at
            if one.readers != NULL or one.len < p.len or memcmp(text, p.text, p.len) != 0:
                continue
            if tracker_of(c).noloop and one.writer == c.id:
                continue
            keys[n] = view_of(text, one.len)
            n += 1
        if n:
            send(c, keys, n)
    free(keys)


cdef void tracking_send(store *s) noexcept nogil:
    cdef tracking *t = tracking_of(s)
    cdef tracked_prefix *p
    cdef session *c
    cdef size_t i
    if t.sessions:
        tracking_shrink(s)
    clients_of(s).after &= ~<uint32_t>AFTER_INVALIDATE
    if t.flushed:
        t.flushed = False
        c = clients_of(s).first
        while c != NULL:
            if is_tracking(c):
                send(c, NULL, 0)
            c = c.next
    if t.pending_len == 0:
        return
    p = t.prefixes
    while p != NULL:
        send_prefix(s, p)
        p = p.next
    for i in range(t.pending_len):
        if t.pending[i].readers != NULL:
            tell_readers(s, &t.pending[i], view_of(t.pending_bytes.ptr + t.pending[i].at, t.pending[i].len))
            free(t.pending[i].readers)
    t.pending_len = 0
    t.pending_bytes.len = 0


cdef void tracking_shrink(store *s) noexcept nogil:
    cdef int64_t most = cfg(&s.config, OPT_TRACKING_TABLE_MAX_KEYS)
    while most and <int64_t>tracking_of(s).keys.items > most:
        take_readers(s, table_random(&tracking_of(s).keys, &s.random), 0)


# ---- tracking ---------------------------------------------------------------------------------------

cdef void tracking_add(session *c, view key) noexcept nogil:
    cdef store *s = c.store
    cdef tracking *t = tracking_of(s)
    cdef entry *e = table_find(&t.keys, key, table_hash(key))
    cdef reader_ids *r
    cdef uint32_t i, room
    if e == NULL:
        e = entry_new(&s.mem, key, 0, BOXED)
        r = <reader_ids *>calloc(1, sizeof(reader_ids))
        if e == NULL or r == NULL or not table_insert(&t.keys, e, table_hash(key)):
            free(r)
            if e != NULL:
                entry_free(&s.mem, e)
            return
        r.room = 1
        entry_payload(e)[0] = r
    r = <reader_ids *>entry_payload(e)[0]
    for i in range(r.count):
        if r.id[i] == c.id:
            return
    if r.count == r.room:
        room = r.room * 2
        r = <reader_ids *>realloc(r, sizeof(reader_ids) + room * sizeof(int64_t))
        if r == NULL:
            return
        r.room = room
        entry_payload(e)[0] = r
    r.id[r.count] = c.id
    r.count += 1
    t.items += 1
    if <int64_t>t.keys.items > cfg(&s.config, OPT_TRACKING_TABLE_MAX_KEYS):
        clients_of(s).after |= AFTER_INVALIDATE      # tracking_send shrinks the table to its limit


cdef bint tracking_start(session *c, tracker *how) noexcept nogil:
    if c.tracker == NULL:
        c.tracker = malloc(sizeof(tracker))
        if c.tracker == NULL:
            return False
    else:
        how.prefixes = tracker_of(c).prefixes
    tracker_of(c)[0] = how[0]
    if not is_tracking(c):
        special_set(&c.special, SPECIAL_TRACKS, True)
        tracking_of(c.store).sessions += 1
        listen(c.store, &tracking_of(c.store).listener)
    return True


cdef void leave_prefix(tracking *t, tracked_prefix **link, session *c) noexcept nogil:
    cdef tracked_prefix *p = link[0]
    cdef size_t i
    for i in range(p.count):
        if p.who[i] == c:
            p.count -= 1
            p.who[i] = p.who[p.count]
            break
    if p.count == 0:
        link[0] = p.next
        t.prefix_count -= 1
        free(p.who)
        free(p.text)
        free(p)


cdef void tracking_stop(session *c) noexcept nogil:
    """Its entries stay in the map until the keys change, and are then ignored."""
    cdef tracking *t = tracking_of(c.store)
    cdef tracked_prefix **link = &t.prefixes
    cdef tracked_prefix *p
    if not is_tracking(c):
        return
    while link[0] != NULL:
        p = link[0]
        leave_prefix(t, link, c)
        if link[0] == p:
            link = &p.next
    free(c.tracker)
    c.tracker = NULL
    special_set(&c.special, SPECIAL_TRACKS, False)
    t.sessions -= 1
    if t.sessions == 0:
        forget_keys(c.store)
        listen_stop(c.store, &t.listener)


cdef bint tracks_prefix(session *c, tracked_prefix *p) noexcept nogil:
    cdef size_t i
    for i in range(p.count):
        if p.who[i] == c:
            return True
    return False


cdef tracked_prefix *prefix_make(tracking *t, view text) noexcept nogil:
    cdef tracked_prefix *p = t.prefixes
    while p != NULL:
        if view_equal(view_of(p.text, p.len), text):
            return p
        p = p.next
    p = <tracked_prefix *>calloc(1, sizeof(tracked_prefix))
    if p == NULL:
        return NULL
    p.text = <char *>malloc(text.len + 1)
    if p.text == NULL:
        free(p)
        return NULL
    memcpy(p.text, text.ptr, text.len)
    p.len = text.len
    p.next = t.prefixes
    t.prefixes = p
    t.prefix_count += 1
    return p


cdef bint tracking_prefix(session *c, view prefix) noexcept nogil:
    cdef tracked_prefix *p = prefix_make(tracking_of(c.store), prefix)
    cdef void *grown
    if p == NULL:
        return False
    if tracks_prefix(c, p):
        return True
    if p.count == p.room:
        grown = realloc(p.who, (p.room * 2 + 4) * sizeof(void *))
        if grown == NULL:
            return False
        p.who = <session **>grown
        p.room = p.room * 2 + 4
    p.who[p.count] = c
    p.count += 1
    tracker_of(c).prefixes += 1
    return True


cdef view tracking_overlap(session *c, view prefix) noexcept nogil:
    cdef tracked_prefix *p = tracking_of(c.store).prefixes
    cdef size_t n
    while p != NULL:
        n = min(p.len, prefix.len)
        if tracks_prefix(c, p) and memcmp(p.text, prefix.ptr, n) == 0 and p.len != prefix.len:
            return view_of(p.text, p.len)
        p = p.next
    return view_of(NULL, 0)
