"""Changes of keys: every change passes here.

    change_open(s, db, e, hash)         before a key changes: its pre-image can be taken
    ... the change ...
    key_changed(s, db, key, n, ...)     after it: n elements are counted, listeners are called

Nothing else in the engine writes `store.changes`. It counts elements as Redis's
rdb_changes_since_last_save does (an RPUSH of four elements is 4), which is what save points need.

The functions of keyspace.pyx that insert, move or remove entries open the key themselves, and so does
find_write (run/args.pyx), by which a handler that changes a value in place looks it up.

Keys that expire or are evicted pass key_gone. They are no command's change, and are not counted, but
WATCH, tracking and keyspace events treat them alike, and they are propagated as DEL; fields of hashes as HDEL.

Listeners: WATCH, blocked commands, client-side caching and keyspace events. The list is usually empty, so a
change then costs one test.
"""

from libc.stdint cimport int64_t, uint64_t

from kvd.store.config cimport EVENT_OVERWRITTEN, EVENT_TYPE_CHANGED
from kvd.store.effects cimport effect_begin, effect_text, effect_word, effects_consume, effects_forget
from kvd.store.store cimport SPECIAL_EFFECTS, special_set


cdef void find_openers(store *s) noexcept nogil:
    s.openers = s.listeners
    while s.openers != NULL and s.openers.opens == NULL:
        s.openers = s.openers.next


cdef void listen_stop(store *s, listener *l) noexcept nogil:
    cdef listener **link = &s.listeners
    while link[0] != NULL and link[0] != l:
        link = &link[0].next
    if link[0] == l:
        link[0] = l.next
    find_openers(s)


cdef void listen(store *s, listener *l) noexcept nogil:
    cdef listener **end = &s.listeners
    listen_stop(s, l)
    while end[0] != NULL:
        end = &end[0].next
    l.next = NULL
    end[0] = l
    find_openers(s)


cdef heard hush(store *s) noexcept nogil:
    cdef heard before
    before.listeners = s.listeners
    before.consumers = s.effects.consumers
    before.changes = s.changes
    s.listeners = s.openers = NULL
    s.effects.consumers = NULL
    special_set(&s.special, SPECIAL_EFFECTS, False)
    return before


cdef void hush_end(store *s, heard before) noexcept nogil:
    s.listeners = before.listeners
    find_openers(s)
    s.effects.consumers = before.consumers
    special_set(&s.special, SPECIAL_EFFECTS, before.consumers != NULL)
    s.changes = before.changes


cdef void consume(store *s, consumer *one) noexcept nogil:
    effects_consume(&s.effects, one)
    special_set(&s.special, SPECIAL_EFFECTS, True)


cdef void consume_stop(store *s, consumer *one) noexcept nogil:
    effects_forget(&s.effects, one)
    special_set(&s.special, SPECIAL_EFFECTS, s.effects.consumers != NULL)


cdef void notify_opened(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    cdef listener *l = s.openers
    s.ahead = False
    while l != NULL:
        if l.opens != NULL:
            l.opens(s, db, e, hash)
        l = l.next


cdef void notify_changed(store *s, database *db, view key, bint by_command) noexcept nogil:
    cdef listener *l = s.listeners
    while l != NULL:
        if l.changes != NULL:
            l.changes(s, db, key, by_command)
        l = l.next


cdef void notify_event(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    cdef listener *l = s.listeners
    while l != NULL:
        if l.event != NULL:
            l.event(s, db, key, event_class, event)
        l = l.next


cdef void notify_field(store *s, database *db, view key, view field, const char *event) noexcept nogil:
    cdef listener *l = s.listeners
    while l != NULL:
        if l.field != NULL:
            l.field(s, db, key, field, event)
        l = l.next


cdef inline void count(store *s, int64_t n) noexcept nogil:
    s.changes += n
    s.effects.moved = True


cdef void key_changed(store *s, database *db, view key, int64_t n, int event_class, const char *event) noexcept nogil:
    count(s, n)
    if s.listeners != NULL:
        notify_changed(s, db, key, True)
        notify_event(s, db, key, event_class, event)


cdef void key_event(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    if s.listeners != NULL:
        notify_event(s, db, key, event_class, event)


cdef void key_overwritten(store *s, database *db, view key, bint type_changed) noexcept nogil:
    if s.listeners != NULL:
        notify_event(s, db, key, EVENT_OVERWRITTEN, b"overwritten")
        if type_changed:
            notify_event(s, db, key, EVENT_TYPE_CHANGED, b"type_changed")


cdef void key_gone(store *s, database *db, view key, int event_class, const char *event) noexcept nogil:
    effect_begin(&s.effects, db.id, 2)
    effect_text(&s.effects, b"DEL")
    effect_word(&s.effects, key)
    if s.listeners != NULL:
        notify_changed(s, db, key, False)
        notify_event(s, db, key, event_class, event)


cdef void field_gone(store *s, database *db, view key, view field) noexcept nogil:
    effect_begin(&s.effects, db.id, 3)
    effect_text(&s.effects, b"HDEL")
    effect_word(&s.effects, key)
    effect_word(&s.effects, field)


cdef void fields_gone(store *s, database *db, view key) noexcept nogil:
    if s.listeners != NULL:
        notify_changed(s, db, key, False)


cdef void database_replaced(store *s, database *db, database *other, int64_t n) noexcept nogil:
    cdef listener *l = s.listeners
    count(s, n)
    while l != NULL:
        if l.replaces != NULL:
            l.replaces(s, db, other)
        l = l.next


cdef void others_changed(store *s, int64_t n) noexcept nogil:
    count(s, n)


cdef void changes_are_saved(store *s, int64_t n) noexcept nogil:
    s.changes_saved = n
