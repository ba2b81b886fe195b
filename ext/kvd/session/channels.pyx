"""Publish and subscribe: subscriptions of sessions to channels.

    channels.all      table: kind and name -> channel, a list of its subscriptions
    session.subs      table: kind and name -> subscription

So subscribing, unsubscribing and finding the subscribers of a channel take one lookup, whatever their number;
each pattern is compared with each message.

A message is appended to each subscriber's output; for the session whose command runs, after that
command's reply (session_push). Keyspace events, and those of fields of hashes, are published by a listener of the
store's changes, registered while notify-keyspace-events selects any.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memset, strcmp

from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_printf, buf_release
from kvd.core.entry cimport BOXED, entry_free, entry_key, entry_new, entry_payload
from kvd.core.glob cimport glob_match
from kvd.core.mem cimport mem_alloc, mem_free
from kvd.core.table cimport (
    table_cursor, table_drain, table_find, table_hash, table_init, table_insert, table_next, table_release,
    table_remove,
)
from kvd.core.tagged cimport TAG_ROOM, tagged_done, tagged_key, tagged_name
from kvd.core.view cimport view_of, view_str
from kvd.resp.writer cimport write_bulk, write_push, write_text
from kvd.session.session cimport session_push, session_pushed
from kvd.store.change cimport listen, listen_stop
from kvd.store.config cimport (
    EVENT_HASH, EVENT_KEYEVENT, EVENT_KEYSPACE, EVENT_SUBKEYEVENT, EVENT_SUBKEYITEM, EVENT_SUBKEYS, EVENT_SUBKEYSPACE,
    EVENT_SUBKEYSPACEEVENT, OPT_NOTIFY_KEYSPACE_EVENTS, cfg,
)
from kvd.store.store cimport SPECIAL_LISTENS, database, special_set


cdef bint channels_init(store *s) noexcept nogil:
    cdef channels *r = <channels *>calloc(1, sizeof(channels))
    if r == NULL:
        return False
    table_init(&r.all, &s.mem)
    r.listener.event = notify_event
    r.listener.field = note_field
    s.parts[<int>PART_CHANNELS] = r
    return True


cdef void channels_release(store *s) noexcept nogil:
    if channels_of(s) != NULL:
        table_release(&channels_of(s).all)
        buf_release(&channels_of(s).fields)
    free(channels_of(s))
    s.parts[<int>PART_CHANNELS] = NULL


cdef view channel_name(channel *ch) noexcept nogil:
    return tagged_name(entry_key(ch.e))


cdef channel *channel_at(store *s, view full) noexcept nogil:
    cdef entry *e = table_find(&channels_of(s).all, full, table_hash(full))
    return <channel *>entry_payload(e)[0] if e != NULL else <channel *>NULL


cdef channel *channel_make(store *s, int kind, view full) noexcept nogil:
    cdef channels *r = channels_of(s)
    cdef channel *ch = channel_at(s, full)
    cdef entry *e
    if ch != NULL:
        return ch
    ch = <channel *>calloc(1, sizeof(channel))
    e = entry_new(&s.mem, full, 0, BOXED) if ch != NULL else NULL
    if e == NULL or not table_insert(&r.all, e, table_hash(full)):
        free(ch)
        if e != NULL:
            entry_free(&s.mem, e)
        return NULL
    entry_payload(e)[0] = ch
    ch.e = e
    ch.hash = table_hash(full)
    ch.kind = kind
    ch.next = r.first[kind]
    if ch.next != NULL:
        ch.next.prev = ch
    r.first[kind] = ch
    r.counts[kind] += 1
    return ch


cdef void channel_drop(store *s, channel *ch) noexcept nogil:
    cdef channels *r = channels_of(s)
    if ch.first != NULL:
        return
    if ch.prev != NULL:
        ch.prev.next = ch.next
    else:
        r.first[ch.kind] = ch.next
    if ch.next != NULL:
        ch.next.prev = ch.prev
    r.counts[ch.kind] -= 1
    table_remove(&r.all, ch.e, ch.hash)
    entry_free(&s.mem, ch.e)
    free(ch)


# ---- subscribing ------------------------------------------------------------------------------------

cdef inline subscriptions_of *listener_of(session *c) noexcept nogil:
    return <subscriptions_of *>c.subs


cdef bint be_listener(session *c) noexcept nogil:
    if c.subs == NULL:
        c.subs = calloc(1, sizeof(subscriptions_of))
        if c.subs != NULL:
            table_init(&listener_of(c).own, &c.store.mem)
    return c.subs != NULL


cdef inline void count_listener(session *c, bint counts, int n) noexcept nogil:
    """After its first subscription, and after its last was removed."""
    if counts:
        channels_of(c.store).listeners += n
        special_set(&c.special, SPECIAL_LISTENS, n > 0)


cdef int join(session *c, int kind, view full) noexcept nogil:
    cdef store *s = c.store
    cdef subscriptions_of *l = listener_of(c)
    cdef subscription *sub
    cdef channel *ch
    cdef entry *e
    if table_find(&l.own, full, table_hash(full)) != NULL:
        return 0
    ch = channel_make(s, kind, full)
    if ch == NULL:
        return -1
    sub = <subscription *>mem_alloc(&s.mem, sizeof(subscription))
    e = entry_new(&s.mem, full, 0, BOXED) if sub != NULL else NULL
    if e == NULL or not table_insert(&l.own, e, table_hash(full)):
        if sub != NULL:
            mem_free(&s.mem, sub, sizeof(subscription))
        if e != NULL:
            entry_free(&s.mem, e)
        channel_drop(s, ch)
        return -1
    entry_payload(e)[0] = sub
    sub.who = c
    sub.to = ch
    sub.own = e
    sub.prev = NULL
    sub.next = ch.first
    if sub.next != NULL:
        sub.next.prev = sub
    ch.first = sub
    ch.count += 1
    l.counts[kind] += 1
    count_listener(c, l.own.items == 1, 1)
    return 1


cdef int subscribe(session *c, int kind, view name) noexcept nogil:
    cdef char small[TAG_ROOM]
    cdef view full = tagged_key(&c.store.mem, kind, name, small)
    cdef int result = -1
    if full.ptr != NULL and be_listener(c):
        result = join(c, kind, full)
    tagged_done(&c.store.mem, full, small)
    return result


cdef void leave(session *c, entry *e) noexcept nogil:
    """Ends the subscription of an entry that was removed from the session's table."""
    cdef subscription *sub = <subscription *>entry_payload(e)[0]
    cdef channel *ch = sub.to
    listener_of(c).counts[ch.kind] -= 1
    if sub.prev != NULL:
        sub.prev.next = sub.next
    else:
        ch.first = sub.next
    if sub.next != NULL:
        sub.next.prev = sub.prev
    ch.count -= 1
    channel_drop(c.store, ch)
    mem_free(&c.store.mem, sub, sizeof(subscription))
    entry_free(&c.store.mem, e)
    count_listener(c, listener_of(c).own.items == 0, -1)


cdef bint unsubscribe(session *c, int kind, view name) noexcept nogil:
    cdef char small[TAG_ROOM]
    cdef view full
    cdef entry *e = NULL
    if c.subs == NULL:
        return False
    full = tagged_key(&c.store.mem, kind, name, small)
    if full.ptr != NULL:
        e = table_find(&listener_of(c).own, full, table_hash(full))
        if e != NULL:
            table_remove(&listener_of(c).own, e, table_hash(full))
            leave(c, e)
    tagged_done(&c.store.mem, full, small)
    return e != NULL


cdef void unsubscribe_all(session *c) noexcept nogil:
    cdef entry *e
    if c.subs == NULL:
        return
    while True:
        e = table_drain(&listener_of(c).own)
        if e == NULL:
            break
        leave(c, e)
    free(c.subs)
    c.subs = NULL


cdef view any_subscription(session *c, int kind) noexcept nogil:
    cdef table_cursor at
    cdef entry *e
    memset(&at, 0, sizeof(at))
    while subscriptions(c, kind):
        e = table_next(&listener_of(c).own, &at)
        if e == NULL:
            break
        if (<subscription *>entry_payload(e)[0]).to.kind == kind:
            return tagged_name(entry_key(e))
    return view_of(NULL, 0)


cdef size_t subscriptions(session *c, int kind) noexcept nogil:
    return listener_of(c).counts[kind] if c.subs != NULL else 0


# ---- publishing -------------------------------------------------------------------------------------

cdef void deliver(session *c, const char *kind, channel *pattern, view name, view message) noexcept nogil:
    cdef buf *out = session_push(c)
    write_push(out, 4 if pattern != NULL else 3, c.proto)
    write_text(out, kind)
    if pattern != NULL:
        write_bulk(out, channel_name(pattern))
    write_bulk(out, name)
    write_bulk(out, message)
    session_pushed(c)


cdef int64_t publish(store *s, int kind, view name, view message) noexcept nogil:
    cdef channels *r = channels_of(s)
    cdef char small[TAG_ROOM]
    cdef view full
    cdef channel *ch
    cdef subscription *sub
    cdef int64_t n = 0
    if r.all.items == 0:
        return 0
    full = tagged_key(&s.mem, kind, name, small)
    ch = channel_at(s, full) if full.ptr != NULL else NULL
    tagged_done(&s.mem, full, small)
    if ch != NULL:
        sub = ch.first
        while sub != NULL:
            deliver(sub.who, <const char *>b"smessage" if kind == SHARD else <const char *>b"message", NULL, name, message)
            n += 1
            sub = sub.next
    ch = r.first[<int>PATTERN] if kind == CHANNEL else NULL
    while ch != NULL:
        if glob_match(channel_name(ch), name, False):
            sub = ch.first
            while sub != NULL:
                deliver(sub.who, b"pmessage", ch, name, message)
                n += 1
                sub = sub.next
        ch = ch.next
    return n


cdef size_t listeners_of(store *s, int kind, view name) noexcept nogil:
    cdef char small[TAG_ROOM]
    cdef view full = tagged_key(&s.mem, kind, name, small)
    cdef channel *ch = channel_at(s, full) if full.ptr != NULL else NULL
    tagged_done(&s.mem, full, small)
    return ch.count if ch != NULL else 0


# ---- keyspace events --------------------------------------------------------------------------------

cdef void events_published(store *s, bint on) noexcept nogil:
    if on:
        listen(s, &channels_of(s).listener)
    else:
        listen_stop(s, &channels_of(s).listener)
        buf_release(&channels_of(s).fields)


cdef void notify_event(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    cdef int64_t wanted = cfg(&s.config, OPT_NOTIFY_KEYSPACE_EVENTS)
    cdef buf name
    if not wanted & event_class or channels_of(s).all.items == 0:
        return
    memset(&name, 0, sizeof(name))
    if wanted & EVENT_KEYSPACE:
        buf_printf(&name, b"__keyspace@%d__:", db.id)
        buf_add(&name, key.ptr, key.len)
        if not name.failed:
            publish(s, CHANNEL, view_of(name.ptr, name.len), view_str(event))
    if wanted & EVENT_KEYEVENT:
        name.len = 0
        buf_printf(&name, b"__keyevent@%d__:%s", db.id, event)
        if not name.failed:
            publish(s, CHANNEL, view_of(name.ptr, name.len), key)
    buf_release(&name)
    if channels_of(s).fields.len:
        notify_fields(s, db.id, key, wanted, event)


# Fields of hashes: what the next events of a key are about, noted while a command changes it, before its events.
# `channels.fields` holds a noted_key and its bytes, then for each field a noted_field and its bytes. The first note after an
# event, or of another key, replaces them.

cdef struct noted_key:
    int db
    size_t len

cdef struct noted_field:
    const char *event
    size_t len


cdef inline bint notes_are_of(const buf *notes, int db, view key) noexcept nogil:
    cdef noted_key k
    if notes.len == 0:
        return False
    memcpy(&k, notes.ptr, sizeof(noted_key))
    return k.db == db and k.len == key.len and memcmp(notes.ptr + sizeof(noted_key), key.ptr, key.len) == 0


cdef void note_field(store *s, database *db, view key, view field, const char *event) noexcept nogil:
    cdef int64_t wanted = cfg(&s.config, OPT_NOTIFY_KEYSPACE_EVENTS)
    cdef buf *notes = &channels_of(s).fields
    cdef noted_key k
    cdef noted_field f
    if not (wanted & EVENT_HASH and wanted & EVENT_SUBKEYS) or channels_of(s).all.items == 0:
        return
    if channels_of(s).fields_told or not notes_are_of(notes, db.id, key):
        channels_of(s).fields_told = False
        buf_release(notes)
        k.db = db.id
        k.len = key.len
        buf_add(notes, &k, sizeof(k))
        buf_add(notes, key.ptr, key.len)
    f.event = event
    f.len = field.len
    buf_add(notes, &f, sizeof(f))
    buf_add(notes, field.ptr, field.len)


cdef bint next_field(const buf *notes, size_t *at, const char *event, view *field) noexcept nogil:
    """The next one that was noted for the event."""
    cdef noted_field f
    while at[0] < notes.len:
        memcpy(&f, notes.ptr + at[0], sizeof(f))
        field[0] = view_of(notes.ptr + at[0] + sizeof(f), f.len)
        at[0] += sizeof(f) + f.len
        if strcmp(f.event, event) == 0:
            return True
    return False


cdef void send_fields(store *s, buf *channel, view before, view list) noexcept nogil:
    """Publishes `before` and the list of fields to the channel; frees its name."""
    cdef buf message
    memset(&message, 0, sizeof(message))
    buf_add(&message, before.ptr, before.len)
    buf_add(&message, list.ptr, list.len)
    if not channel.failed and not message.failed:
        publish(s, CHANNEL, view_of(channel.ptr, channel.len), view_of(message.ptr, message.len))
    buf_release(&message)
    buf_release(channel)


cdef void notify_each_field(store *s, int db, view key, const char *event, size_t at) noexcept nogil:
    """A channel for each field; a key with a line break could not be told from its field."""
    cdef const buf *notes = &channels_of(s).fields
    cdef buf channel
    cdef view field
    if key.len and memchr(key.ptr, c'\n', key.len) != NULL:
        return
    memset(&channel, 0, sizeof(channel))
    while next_field(notes, &at, event, &field):
        buf_printf(&channel, b"__subkeyspaceitem@%d__:", db)
        buf_add(&channel, key.ptr, key.len)
        buf_add_char(&channel, c'\n')
        buf_add(&channel, field.ptr, field.len)
        send_fields(s, &channel, view_str(event), view_of(NULL, 0))


cdef void notify_fields(store *s, int db, view key, int64_t wanted, const char *event) noexcept nogil:
    """After the event itself: on up to four kinds of channels, which fields of the hash it was about."""
    cdef const buf *notes = &channels_of(s).fields
    cdef size_t start = sizeof(noted_key) + key.len
    cdef size_t at = start
    cdef buf list, channel, before
    cdef view field
    if not notes_are_of(notes, db, key):
        return
    channels_of(s).fields_told = True
    memset(&list, 0, sizeof(list))
    memset(&channel, 0, sizeof(channel))
    memset(&before, 0, sizeof(before))
    while next_field(notes, &at, event, &field):
        buf_printf(&list, b"%s%zu:", <const char *>b"," if list.len else <const char *>b"", field.len)
        buf_add(&list, field.ptr, field.len)
    if list.len == 0 or list.failed:
        buf_release(&list)
        return
    if wanted & EVENT_SUBKEYSPACE:
        buf_printf(&channel, b"__subkeyspace@%d__:", db)
        buf_add(&channel, key.ptr, key.len)
        buf_printf(&before, b"%s|", event)
        send_fields(s, &channel, view_of(before.ptr, before.len), view_of(list.ptr, list.len))
    if wanted & EVENT_SUBKEYEVENT:
        buf_printf(&channel, b"__subkeyevent@%d__:%s", db, event)
        before.len = 0
        buf_printf(&before, b"%zu:", key.len)
        buf_add(&before, key.ptr, key.len)
        buf_add_char(&before, c'|')
        send_fields(s, &channel, view_of(before.ptr, before.len), view_of(list.ptr, list.len))
    if wanted & EVENT_SUBKEYITEM:
        notify_each_field(s, db, key, event, start)
    if wanted & EVENT_SUBKEYSPACEEVENT:
        buf_printf(&channel, b"__subkeyspaceevent@%d__:%s|", db, event)
        buf_add(&channel, key.ptr, key.len)
        send_fields(s, &channel, view_of(NULL, 0), view_of(list.ptr, list.len))
    buf_release(&before)
    buf_release(&list)
