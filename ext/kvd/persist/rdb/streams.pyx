"""Streams in RDB files: nodes as in memory, then counters, groups, and their pending entries.

A pending entry is written with its group, and by its id alone with its consumer; both have to agree. The counters
that XINFO shows are written since version 10, and the time of a consumer's last activity since 11. An older version, if it is
asked for, holds a stream for which its readers assume what it leaves out. Producers and their ids follow the groups, since version 13.
Released entries need version 14: they are those of the group without a consumer, and their ids follow the consumers, in their order.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from kvd.core.buf cimport buf
from kvd.core.entry cimport entry, entry_key
from kvd.core.idmap cimport id_compare, id_lowest, id_of, idmap_next, idmap_seek, idpos, stream_id
from kvd.core.listpack cimport lp_bytes
from kvd.core.mem cimport mem_free
from kvd.core.view cimport view
from kvd.persist.rdb.forms cimport RDB_STREAM_1, RDB_STREAM_2, RDB_STREAM_3, RDB_STREAM_4, RDB_STREAM_5
from kvd.persist.rdb.lengths cimport (
    get_bytes, get_few, get_length, get_listpack, get_string, put_big, put_blob, put_length, put_little, put_string,
    reader,
)
from kvd.persist.rdb.values cimport put_form, saving, value_form, value_needs
from kvd.store.config cimport OPT_STREAM_IDMP_DURATION, OPT_STREAM_IDMP_MAXSIZE, cfg
from kvd.types.group cimport (
    consumer, group, group_add, group_consumer, group_consumer_add, group_find, group_pend, nack,
    nack_delivered, nack_of, name_of,
)
from kvd.types.kind cimport STREAM
from kvd.types.producers cimport (
    IDMP_LONGEST, IDMP_MOST, iid_target, producer, producer_at, producers, producers_add, producers_free, producers_new,
)
from kvd.types.stream cimport stream, stream_adopt, stream_entries_read, stream_new, stream_node, stream_of
from kvd.types.value cimport value_files

cdef enum:
    ID_BYTES = 16

cdef struct pending:           # of a group, before its consumer is known
    stream_id id
    int64_t delivered_ms
    uint64_t deliveries
    bint taken


# ---- writing ----------------------------------------------------------------------------------------

cdef void put_id(buf *out, stream_id id) noexcept nogil:
    """As a key of Redis's radix tree: 16 bytes, big endian."""
    put_big(out, id.ms, 8)
    put_big(out, id.seq, 8)


cdef void put_id_lengths(buf *out, stream_id id) noexcept nogil:
    put_length(out, id.ms)
    put_length(out, id.seq)


cdef void save_group(saving *w, group *g) noexcept nogil:
    cdef buf *out = w.to.out
    cdef idpos at
    cdef nack *p
    cdef consumer *who
    cdef uint32_t i
    put_string(&w.to, name_of(g))
    put_id_lengths(out, g.last)
    if w.form != RDB_STREAM_1:
        put_length(out, <uint64_t>g.entries_read)
    put_length(out, g.pending.count)
    p = <nack *>idmap_seek(&g.pending, id_lowest(), &at)
    while p != NULL:
        put_id(out, p.id)
        put_little(out, <uint64_t>nack_delivered(p), 8)
        put_length(out, p.deliveries)
        p = <nack *>idmap_next(&g.pending, &at)
    put_length(out, g.consumers.count)
    for i in range(g.consumers.count):
        who = <consumer *>g.consumers.item[i]
        put_string(&w.to, name_of(who))
        put_little(out, <uint64_t>who.seen_ms, 8)
        if w.form >= RDB_STREAM_3:
            put_little(out, <uint64_t>who.active_ms, 8)
        put_length(out, who.pending.count)
        p = <nack *>idmap_seek(&who.pending, id_lowest(), &at)
        while p != NULL:
            put_id(out, p.id)
            p = <nack *>idmap_next(&who.pending, &at)
    if w.form == RDB_STREAM_5:
        save_released(out, g)


cdef void save_released(buf *out, group *g) noexcept nogil:
    cdef idpos at
    cdef void *turn = idmap_seek(&g.order, id_lowest(), &at)
    put_length(out, g.released)
    for _ in range(<int64_t>g.released):
        put_id(out, nack_of(turn).id)
        turn = idmap_next(&g.order, &at)


cdef void save_settings(saving *w, producers *all) noexcept nogil:
    cdef buf *out = w.to.out
    put_length(out, all.duration if all != NULL else cfg(&w.s.config, OPT_STREAM_IDMP_DURATION))
    put_length(out, all.maxsize if all != NULL else cfg(&w.s.config, OPT_STREAM_IDMP_MAXSIZE))
    put_length(out, all.list.count if all != NULL else 0)


cdef void save_producer(saving *w, producer *p) noexcept nogil:
    cdef uint32_t i
    put_string(&w.to, name_of(p))
    put_length(w.to.out, p.count)
    for i in range(p.count):
        put_string(&w.to, entry_key(producer_at(p, i)))
        put_id_lengths(w.to.out, iid_target(producer_at(p, i)))


cdef bint save_producers(saving *w, producers *all) noexcept nogil:
    """w.producer: the settings are 0. False: the slice ends before its end."""
    if w.producer == 0:
        save_settings(w, all)
        w.producer = 1
    while all != NULL and w.producer <= all.list.count:
        if w.to.out.len >= w.upto:
            return False
        save_producer(w, <producer *>all.list.item[w.producer - 1])
        w.producer += 1
    put_length(w.to.out, all.added if all != NULL else 0)
    put_length(w.to.out, all.duplicates if all != NULL else 0)
    return True


cdef bint has_released(stream *s) noexcept nogil:
    cdef uint32_t i
    for i in range(s.groups.count):
        if (<group *>s.groups.item[i]).released:
            return True
    return False


cdef bint has_consumers(stream *s, bint deviating) noexcept nogil:
    """deviating: only those count that were not active when they were seen last."""
    cdef group *g
    cdef consumer *who
    cdef uint32_t i, k
    for i in range(s.groups.count):
        g = <group *>s.groups.item[i]
        for k in range(g.consumers.count):
            who = <consumer *>g.consumers.item[k]
            if not deviating or who.seen_ms != who.active_ms:
                return True
    return False


cdef bint has_counters(stream *s) noexcept nogil:
    """Does it have others than follow from its entries? One that is not known does not count."""
    cdef group *g
    cdef uint32_t i
    if s.added != s.length or id_compare(s.max_deleted, id_lowest()) != 0:
        return True
    for i in range(s.groups.count):
        g = <group *>s.groups.item[i]
        if g.entries_read >= 0 and g.entries_read != stream_entries_read(s, g.last):
            return True
    return False


cdef int form_of(saving *w, stream *s) noexcept nogil:
    """-1: there is none that the version which was asked for has."""
    if has_released(s):
        return RDB_STREAM_5 if value_needs(w, 14, b"a stream with released entries, which needs version 14") else -1
    if s.known != NULL:
        return RDB_STREAM_4 if value_needs(w, 13, b"a stream with ids of producers, which needs version 13") else -1
    if has_consumers(s, 0 < w.asked < 11) and not (w.lenient and 0 < w.asked < 11):
        return RDB_STREAM_3 if value_needs(w, 11, b"a stream with consumers that were seen without being active, which needs version 11") else -1
    if w.version >= 10:
        return RDB_STREAM_2
    if has_counters(s) and not w.lenient:
        return RDB_STREAM_2 if value_needs(w, 10, b"a stream with deleted entries or counters of its own, which needs version 10") else -1
    return RDB_STREAM_1


cdef bint start(saving *w, stream *s) noexcept nogil:
    """False: it cannot be written (w.unfit)."""
    cdef int form = form_of(w, s)
    if form < 0:
        return False
    put_form(w, form)
    put_length(w.to.out, s.nodes.count)
    w.node = <stream_node *>idmap_seek(&s.nodes, id_lowest(), &w.at.id)
    w.group = 0
    w.producer = 0
    return True


cdef void save_counters(saving *w, stream *s) noexcept nogil:
    cdef buf *out = w.to.out
    put_length(out, s.length)
    put_id_lengths(out, s.last)
    if w.form != RDB_STREAM_1:
        put_id_lengths(out, s.first)
        put_id_lengths(out, s.max_deleted)
        put_length(out, s.added)
    put_length(out, s.groups.count)


cdef bint save(void *context) noexcept nogil:
    cdef saving *w = <saving *>context
    cdef stream *s = stream_of(w.e)
    if not w.begun and not start(w, s):
        return True
    while w.node != NULL:
        if w.to.out.len >= w.upto:
            return False
        put_length(w.to.out, ID_BYTES)
        put_id(w.to.out, w.node.first)
        put_blob(&w.to, w.node.lp, lp_bytes(w.node.lp))
        w.node = <stream_node *>idmap_next(&s.nodes, &w.at.id)
    if w.group == 0 and w.producer == 0:
        save_counters(w, s)
    while w.group < s.groups.count:
        save_group(w, <group *>s.groups.item[w.group])
        w.group += 1
        if w.to.out.len >= w.upto and w.group < s.groups.count:
            return False
    return w.form < RDB_STREAM_4 or save_producers(w, s.known)


# ---- reading ----------------------------------------------------------------------------------------

cdef stream_id get_id(reader *r) noexcept nogil:
    cdef uint64_t ms = get_bytes(r, 8, True)
    return id_of(ms, get_bytes(r, 8, True))


cdef stream_id get_id_lengths(reader *r) noexcept nogil:
    cdef uint64_t ms = get_length(r)
    return id_of(ms, get_length(r))


cdef pending *find_pending(pending *all, uint64_t n, stream_id id) noexcept nogil:
    cdef uint64_t lo = 0
    cdef uint64_t hi = n
    cdef uint64_t middle
    while lo < hi:
        middle = (lo + hi) >> 1
        if id_compare(all[middle].id, id) < 0:
            lo = middle + 1
        else:
            hi = middle
    return &all[lo] if lo < n and id_compare(all[lo].id, id) == 0 and not all[lo].taken else NULL


cdef void load_consumer(reader *r, stream *s, group *g, pending *all, uint64_t total, int form) noexcept nogil:
    cdef view name = get_string(r, 0)
    cdef consumer *who
    cdef pending *p
    cdef nack *n
    cdef uint64_t count
    cdef int64_t seen = <int64_t>get_bytes(r, 8, False)
    cdef int64_t active = <int64_t>get_bytes(r, 8, False) if form >= RDB_STREAM_3 else seen
    count = get_few(r, 16)
    who = group_consumer_add(s.mem, g, name, seen) if not r.bad and group_consumer(g, name) == NULL else NULL
    if who == NULL:
        r.bad = True
        return
    who.active_ms = active
    while count and not r.bad:
        p = find_pending(all, total, get_id(r))
        n = group_pend(s.mem, g, who, p.id, p.delivered_ms) if p != NULL else NULL
        if n == NULL:
            r.bad = True
            return
        n.deliveries = p.deliveries
        p.taken = True
        count -= 1


cdef void load_released(reader *r, stream *s, group *g, pending *all, uint64_t total) noexcept nogil:
    cdef uint64_t count = get_few(r, ID_BYTES)
    cdef pending *p
    cdef nack *n
    while count and not r.bad:
        p = find_pending(all, total, get_id(r))
        n = group_pend(s.mem, g, NULL, p.id, 0) if p != NULL else NULL
        if n == NULL:
            r.bad = True
            return
        n.deliveries = p.deliveries
        p.taken = True
        count -= 1


cdef void load_producer(reader *r, stream *s) noexcept nogil:
    cdef view pid = get_string(r, 0)
    cdef view iid
    cdef stream_id id
    cdef uint64_t n = get_few(r, 3)
    if pid.len == 0 or n > <uint64_t>s.known.maxsize:
        r.bad = True
    while n and not r.bad:
        iid = get_string(r, 1)
        id = get_id_lengths(r)
        if not r.bad and (iid.len == 0 or not producers_add(s.mem, s.known, pid, iid, id)):
            r.bad = True
        n -= 1


cdef void load_producers(reader *r, stream *s) noexcept nogil:
    """A stream that has none, nor settings of its own, is as good as one of an older version."""
    cdef uint64_t duration = get_length(r)
    cdef uint64_t maxsize = get_length(r)
    cdef uint64_t n = get_few(r, 2)
    if not 1 <= duration <= IDMP_LONGEST or not 1 <= maxsize <= IDMP_MOST:
        r.bad = True
    s.known = producers_new(s.mem, <int64_t>duration, <int64_t>maxsize) if not r.bad else NULL
    if s.known == NULL:
        r.bad = True
        return
    while n and not r.bad:
        load_producer(r, s)
        n -= 1
    s.known.added = get_length(r)
    s.known.duplicates = get_length(r)
    if (s.known.list.count == 0 and s.known.added == 0 and s.known.duplicates == 0
            and <int64_t>duration == cfg(&r.s.config, OPT_STREAM_IDMP_DURATION) and <int64_t>maxsize == cfg(&r.s.config, OPT_STREAM_IDMP_MAXSIZE)):
        producers_free(s.mem, s.known)
        s.known = NULL


cdef void load_group(reader *r, stream *s, int form) noexcept nogil:
    cdef view name = get_string(r, 0)
    cdef stream_id last = get_id_lengths(r)
    cdef int64_t read = <int64_t>get_length(r) if form != RDB_STREAM_1 else stream_entries_read(s, last)
    cdef group *g
    cdef pending *all
    cdef uint64_t total, count, i
    g = group_add(s.mem, &s.groups, name, last, read) if not r.bad and group_find(&s.groups, name) == NULL else NULL
    total = get_few(r, 25)
    all = <pending *>malloc(total * sizeof(pending) + 1)
    if g == NULL or all == NULL:
        r.bad = True
    for i in range(total if not r.bad else 0):
        all[i].id = get_id(r)
        all[i].delivered_ms = max(<int64_t>get_bytes(r, 8, False), <int64_t>0)
        all[i].deliveries = get_length(r)
        all[i].taken = False
        if i and id_compare(all[i - 1].id, all[i].id) >= 0:
            r.bad = True
    count = get_few(r, 10)
    while count and not r.bad:
        load_consumer(r, s, g, all, total, form)
        count -= 1
    if form == RDB_STREAM_5:
        load_released(r, s, g, all, total)
    if not r.bad and g.pending.count != total:
        r.bad = True                   # a pending entry has no consumer
    free(all)


cdef void load_node(reader *r, stream *s) noexcept nogil:
    cdef view key = get_string(r, 1)
    cdef uint8_t *lp
    cdef size_t n
    cdef uint64_t ms = 0
    cdef uint64_t seq = 0
    cdef int i
    if key.len != 16:
        r.bad = True
        return
    for i in range(8):
        ms = ms << 8 | <uint8_t>key.ptr[i]
        seq = seq << 8 | <uint8_t>key.ptr[8 + i]
    lp = get_listpack(r)
    if lp == NULL:
        r.empty = False                # no server has written an empty node
        return
    n = lp_bytes(lp)
    if not stream_adopt(s, id_of(ms, seq), lp, n):
        mem_free(r.mem, lp, n)
        r.bad = True


cdef void fill(reader *r, stream *s, int form) noexcept nogil:
    cdef uint64_t n = get_few(r, 1)
    cdef stream_id last
    while n and not r.bad:
        load_node(r, s)
        n -= 1
    if get_length(r) != s.length:
        r.bad = True
    last = get_id_lengths(r)
    if id_compare(last, s.last) < 0:
        r.bad = True
    s.last = last
    if form != RDB_STREAM_1:
        get_id_lengths(r)              # the first id follows from the entries
        s.max_deleted = get_id_lengths(r)
        s.added = get_length(r)
    n = get_few(r, 1)
    while n and not r.bad:
        load_group(r, s, form)
        n -= 1
    if form >= RDB_STREAM_4:
        load_producers(r, s)


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef entry *e = stream_new(r.mem, key)
    if e != NULL:
        fill(r, stream_of(e), form)
    return e


value_files(STREAM, save, load)
for _form in (RDB_STREAM_1, RDB_STREAM_2, RDB_STREAM_3, RDB_STREAM_4, RDB_STREAM_5):
    value_form(_form, STREAM)
