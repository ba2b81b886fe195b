"""What is known of the producers of a stream: under which ids of its own (iids) each has added its last entries (XADD IDMP).

    producers   duration, maxsize, figures; producers in order of their names
    producer    iids in a hash table: each an entry, whose value is the id of the stream's entry
                the same in a ring, in order of those ids

An iid is known until its producer has added maxsize others, or an entry is `duration` seconds after its own. Both times are those
of the ids: what is known follows from the commands alone, so replicas and a log that is replayed later agree. An iid
outlives its entry.

Forgetting is done when iids are recorded: of the same producer, and of the next two others (sweep). Since a call
adds one producer at most, those that have stopped do not pile up.

The iid of an entry's content (IDMPAUTO) is the sum of the SHA-1 digests of its pairs, as two 64-bit numbers: the order of the fields does not matter.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memset

from kvd.core.entry cimport entry_bytes, entry_free, entry_key, entry_new
from kvd.core.idmap cimport id_compare
from kvd.core.mem cimport mem_alloc, mem_cost, mem_free
from kvd.core.sha1 cimport SHA1_BYTES, sha1
from kvd.core.table cimport (
    table_bytes, table_check, table_find, table_hash, table_init, table_insert, table_release, table_remove,
)
from kvd.core.view cimport view_of
from kvd.types.group cimport name_add, name_find, name_of, name_remove

cdef enum:
    FIRST = 4                  # room of a ring
    SWEPT = 2                  # other producers looked at for each iid that is recorded


cdef producers *producers_new(heap *h, int64_t duration, int64_t maxsize) noexcept nogil:
    cdef producers *all = <producers *>mem_alloc(h, sizeof(producers))
    if all != NULL:
        memset(all, 0, sizeof(producers))
        all.duration = duration
        all.maxsize = maxsize
    return all


cdef inline bint is_over(producers *all, stream_id id, uint64_t ms) noexcept nogil:
    """Is the iid of this entry not known any more at that time?"""
    return ms > id.ms and ms - id.ms >= <uint64_t>all.duration * 1000


# ---- a producer -------------------------------------------------------------------------------------

cdef producer *producer_new(heap *h, producers *all, view pid) noexcept nogil:
    cdef producer *p = <producer *>mem_alloc(h, sizeof(producer))
    if p == NULL:
        return NULL
    memset(p, 0, sizeof(producer))
    table_init(&p.iids, h)
    if name_add(h, &all.list, p, pid):
        return p
    mem_free(h, p, sizeof(producer))
    return NULL


cdef void producer_remove(heap *h, producers *all, producer *p) noexcept nogil:
    while p.count:
        remove_at(h, p, p.count - 1)
    table_release(&p.iids)
    mem_free(h, p.ring, p.room * sizeof(void *))
    name_remove(h, &all.list, p)
    mem_free(h, p, sizeof(producer))


cdef void remove_at(heap *h, producer *p, uint32_t i) noexcept nogil:
    cdef entry *e = producer_at(p, i)
    if i == 0:
        p.head = (p.head + 1) & (p.room - 1)
    else:
        for i in range(i, p.count - 1):
            p.ring[(p.head + i) & (p.room - 1)] = producer_at(p, i + 1)
    p.count -= 1
    table_remove(&p.iids, e, table_hash(entry_key(e)))
    entry_free(h, e)


cdef uint32_t place_of(producer *p, stream_id id) noexcept nogil:
    """The number of its iids whose entries are not above id."""
    cdef uint32_t lo = 0
    cdef uint32_t hi = p.count
    cdef uint32_t middle
    while lo < hi:
        middle = (lo + hi) >> 1
        if id_compare(iid_target(producer_at(p, middle)), id) <= 0:
            lo = middle + 1
        else:
            hi = middle
    return lo


cdef bint grow(heap *h, producer *p) noexcept nogil:
    cdef uint32_t room = p.room * 2 if p.room else FIRST
    cdef entry **ring = <entry **>mem_alloc(h, room * sizeof(void *))
    cdef uint32_t i
    if ring == NULL:
        return False
    for i in range(p.count):
        ring[i] = producer_at(p, i)
    mem_free(h, p.ring, p.room * sizeof(void *))
    p.ring = ring
    p.room = room
    p.head = 0
    return True


cdef bint insert(heap *h, producer *p, view iid, stream_id id) noexcept nogil:
    """Almost always at the end."""
    cdef entry *e
    cdef uint32_t i = p.count
    cdef uint32_t at
    if p.count == p.room and not grow(h, p):
        return False
    e = entry_new(h, iid, sizeof(stream_id), 0)
    if e == NULL:
        return False
    memcpy(<char *>entry_inline(e).ptr, &id, sizeof(stream_id))
    if not table_insert(&p.iids, e, table_hash(iid)):
        entry_free(h, e)
        return False
    at = place_of(p, id)
    while i > at:
        p.ring[(p.head + i) & (p.room - 1)] = producer_at(p, i - 1)
        i -= 1
    p.ring[(p.head + at) & (p.room - 1)] = e
    p.count += 1
    return True


cdef void forget_old(heap *h, producers *all, producer *p, uint64_t ms) noexcept nogil:
    while p.count and is_over(all, iid_target(producer_at(p, 0)), ms):
        remove_at(h, p, 0)


cdef void forget_iid(heap *h, producer *p, view iid) noexcept nogil:
    cdef entry *e = table_find(&p.iids, iid, table_hash(iid))
    cdef uint32_t i
    if e == NULL:
        return
    i = place_of(p, iid_target(e)) - 1
    while producer_at(p, i) != e:          # several of one entry
        i -= 1
    remove_at(h, p, i)


# ---- all of them ------------------------------------------------------------------------------------

cdef bint producers_find(producers *all, view pid, view iid, uint64_t ms, stream_id *id) noexcept nogil:
    cdef producer *p = <producer *>name_find(&all.list, pid)
    cdef entry *e = table_find(&p.iids, iid, table_hash(iid)) if p != NULL else NULL
    if e == NULL:
        return False
    id[0] = iid_target(e)
    return not is_over(all, id[0], ms)


cdef bint producers_add(heap *h, producers *all, view pid, view iid, stream_id id) noexcept nogil:
    cdef producer *p = <producer *>name_find(&all.list, pid)
    cdef bint new = p == NULL
    if new:
        p = producer_new(h, all, pid)
        if p == NULL:
            return False
    if table_find(&p.iids, iid, table_hash(iid)) == NULL and insert(h, p, iid, id):
        return True
    if new:
        producer_remove(h, all, p)
    return False


cdef void sweep(heap *h, producers *all, producer *kept, uint64_t ms) noexcept nogil:
    cdef producer *p
    for _ in range(SWEPT):
        all.swept = all.swept + 1 if all.swept + 1 < all.list.count else 0
        p = <producer *>all.list.item[all.swept]
        if p == kept:
            continue
        forget_old(h, all, p, ms)
        if p.count == 0:
            producer_remove(h, all, p)


cdef bint producers_record(heap *h, producers *all, view pid, view iid, stream_id id) noexcept nogil:
    cdef producer *p
    producers_forget(h, all, pid, iid)
    if not producers_add(h, all, pid, iid, id):
        return False
    p = <producer *>name_find(&all.list, pid)
    forget_old(h, all, p, id.ms)
    while <int64_t>p.count > all.maxsize:
        remove_at(h, p, 0)
    sweep(h, all, p, id.ms)
    return True


cdef void producers_forget(heap *h, producers *all, view pid, view iid) noexcept nogil:
    cdef producer *p = <producer *>name_find(&all.list, pid)
    if p != NULL:
        forget_iid(h, p, iid)
        if p.count == 0:
            producer_remove(h, all, p)


cdef uint32_t producers_drop(heap *h, producers *all) noexcept nogil:
    cdef producer *p = <producer *>all.list.item[all.list.count - 1]
    cdef uint32_t n = p.count
    producer_remove(h, all, p)
    return n


cdef void producers_clear(heap *h, producers *all) noexcept nogil:
    while all.list.count:
        producers_drop(h, all)


cdef void producers_free(heap *h, producers *all) noexcept nogil:
    producers_clear(h, all)
    mem_free(h, all, sizeof(producers))


cdef uint64_t producers_known(producers *all, uint64_t ms, uint64_t *pids) noexcept nogil:
    cdef stream_id last
    cdef uint64_t n = 0
    cdef uint32_t i, known
    cdef producer *p
    cdef uint64_t span = <uint64_t>all.duration * 1000
    pids[0] = 0
    last.seq = <uint64_t>-1
    for i in range(all.list.count):
        p = <producer *>all.list.item[i]
        known = p.count
        if ms >= span:
            last.ms = ms - span
            known -= place_of(p, last)
        n += known
        pids[0] += known != 0
    return n


cdef bint producers_next(producers *all, stream_id after, stream_id *id) noexcept nogil:
    cdef bint found = False
    cdef uint32_t i, at
    cdef producer *p
    cdef stream_id one
    for i in range(all.list.count):
        p = <producer *>all.list.item[i]
        at = place_of(p, after)
        if at == p.count:
            continue
        one = iid_target(producer_at(p, at))
        if not found or id_compare(one, id[0]) < 0:
            id[0] = one
            found = True
    return found


cdef producers *producers_copy(heap *h, producers *all) noexcept nogil:
    cdef producers *new = producers_new(h, all.duration, all.maxsize)
    cdef producer *p
    cdef uint32_t i, k
    if new == NULL:
        return NULL
    new.added = all.added
    new.duplicates = all.duplicates
    for i in range(all.list.count):
        p = <producer *>all.list.item[i]
        for k in range(p.count):
            if not producers_add(h, new, name_of(p), entry_key(producer_at(p, k)), iid_target(producer_at(p, k))):
                producers_free(h, new)
                return NULL
    return new


cdef size_t producers_bytes(producers *all) noexcept nogil:
    cdef size_t n = mem_cost(sizeof(producers)) + mem_cost(all.list.room * sizeof(void *))
    cdef producer *p
    cdef uint32_t i, k
    for i in range(all.list.count):
        p = <producer *>all.list.item[i]
        n += mem_cost(sizeof(producer)) + mem_cost(p.name.len) + mem_cost(p.room * sizeof(void *)) + table_bytes(&p.iids)
        for k in range(p.count):
            n += mem_cost(entry_bytes(producer_at(p, k)))
    return n


cdef const char *check_producer(producer *p) noexcept nogil:
    cdef const char *wrong = table_check(&p.iids)
    cdef uint32_t i
    cdef entry *e
    if wrong != NULL:
        return wrong
    if p.count == 0 or p.count > p.room or p.iids.items != p.count:
        return b"the ids of a producer are counted wrongly"
    for i in range(p.count):
        e = producer_at(p, i)
        if table_find(&p.iids, entry_key(e), table_hash(entry_key(e))) != e:
            return b"an id of a producer is not in its table"
        if i and id_compare(iid_target(producer_at(p, i - 1)), iid_target(e)) > 0:
            return b"the ids of a producer are out of order"
    return NULL


cdef const char *producers_check(producers *all) noexcept nogil:
    cdef const char *wrong = NULL
    cdef uint32_t i
    for i in range(all.list.count):
        if wrong == NULL:
            wrong = check_producer(<producer *>all.list.item[i])
    return wrong


# ---- content ----------------------------------------------------------------------------------------

cdef void content_iid(view *pairs, int count, char *out) noexcept nogil:
    cdef uint64_t sum[2]
    cdef uint64_t one[2]
    cdef uint8_t both[2 * SHA1_BYTES]
    cdef int i
    sum[0] = sum[1] = <uint64_t>count
    for i in range(count):
        sha1(pairs[2 * i], both)
        sha1(pairs[2 * i + 1], both + <int>SHA1_BYTES)
        sha1(view_of(<char *>both, sizeof(both)), both)
        memcpy(one, both, sizeof(one))
        sum[0] += one[0]
        sum[1] += one[1]
    memcpy(out, sum, sizeof(sum))
