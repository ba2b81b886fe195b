"""Functions shared by the commands on lists, hashes, sets, sorted sets and streams: lookup of a value of one
type, creation if it is missing, deletion when it is empty, and parsing of common arguments."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from kvd.core.table cimport table_hash
from kvd.core.text cimport parse_double, parse_int
from kvd.core.view cimport view_is
from kvd.resp.writer cimport write_double
from kvd.run.args cimport arg_int_within, event_of, find_read, find_write, reply_error, wrong_type
from kvd.run.errors cimport NOT_FLOAT, NO_MEMORY, OUT_OF_RANGE, SYNTAX
from kvd.store.access cimport access_init
from kvd.store.change cimport key_changed, key_event, key_overwritten
from kvd.store.config cimport (
    EVENT_GENERIC, EVENT_NEW, OPT_HASH_MAX_LISTPACK_ENTRIES, OPT_HASH_MAX_LISTPACK_VALUE, OPT_PROTO_MAX_BULK_LEN,
    OPT_SET_MAX_INTSET_ENTRIES, OPT_SET_MAX_LISTPACK_ENTRIES, OPT_SET_MAX_LISTPACK_VALUE,
    OPT_ZSET_MAX_LISTPACK_ENTRIES, OPT_ZSET_MAX_LISTPACK_VALUE, cfg,
)
from kvd.store.keyspace cimport keyspace_find, keyspace_insert, keyspace_remove, keyspace_replace
from kvd.types.kind cimport type_of
from kvd.types.value cimport value_free

cdef extern from "<math.h>" nogil:
    double ceil(double)


cdef int64_t MOST = 0x7FFFFFFFFFFFFFFF     # elements of a reply

cdef enum:
    SHORTEST = 6               # bytes of an element of a reply


cdef bint picks_init(picks *p, size_t n) noexcept nogil:
    cdef size_t room = 16
    while room < n * 2:
        room *= 2
    p.slots = <uint64_t *>calloc(room, sizeof(uint64_t))
    p.mask = room - 1
    return p.slots != NULL


cdef bint picks_add(picks *p, uint64_t x) noexcept nogil:
    cdef size_t i = (x * <uint64_t>0x9E3779B97F4A7C15ULL >> 20) & p.mask
    while p.slots[i]:
        if p.slots[i] == x:
            return False
        i = (i + 1) & p.mask
    p.slots[i] = x
    return True


cdef void picks_release(picks *p) noexcept nogil:
    free(p.slots)


cdef bint find_typed(call *c, view key, int type, bint reading, uint64_t *hash, entry **e) noexcept nogil:
    e[0] = find_read(c, key, hash) if reading else find_write(c, key, hash)
    return e[0] == NULL or not wrong_type(c, e[0], type)


cdef bint first_filled(call *c, int type, int at, int count, int *found, entry **e, uint64_t *hash) noexcept nogil:
    cdef int i
    found[0] = 0
    for i in range(at, at + count):
        if not find_typed(c, c.argv[i], type, False, hash, e):
            return False
        if e[0] != NULL:
            found[0] = i
            return True
    return True


cdef entry *find_or_make(call *c, view key, int type, maker make, uint64_t *hash) noexcept nogil:
    cdef entry *e
    if not find_typed(c, key, type, False, hash, &e):
        return NULL
    return e if e != NULL else insert_new(c, key, make(&c.store.mem, key), hash[0])


cdef entry *insert_new(call *c, view key, entry *e, uint64_t hash) noexcept nogil:
    if e != NULL:
        access_init(c.store, e)
        if keyspace_insert(c.store, c.db, e, hash):
            event_of(c, key, EVENT_NEW, b"new")
            return e
        value_free(&c.store.mem, e)
    reply_error(c, NO_MEMORY)
    return NULL


cdef bint store_new_value(call *c, database *db, view key, entry *e) noexcept nogil:
    cdef uint64_t hash = table_hash(key)
    cdef entry *old = keyspace_find(c.store, db, key, hash)
    access_init(c.store, e)
    if old != NULL:
        key_overwritten(c.store, db, key, type_of(old) != type_of(e))
        keyspace_replace(c.store, db, old, e, hash)
        return True
    if keyspace_insert(c.store, db, e, hash):
        key_event(c.store, db, key, EVENT_NEW, b"new")
        return True
    value_free(&c.store.mem, e)
    reply_error(c, NO_MEMORY)
    return False


cdef bint delete_key(call *c, database *db, view key, const char *event) noexcept nogil:
    cdef uint64_t hash = table_hash(key)
    cdef entry *e = keyspace_find(c.store, db, key, hash)
    if e == NULL:
        return False
    keyspace_remove(c.store, db, e, hash)
    key_changed(c.store, db, key, 1, EVENT_GENERIC, event)
    return True


cdef void drop_empty(call *c, view key, entry *e, uint64_t hash) noexcept nogil:
    keyspace_remove(c.store, c.db, e, hash)
    event_of(c, key, EVENT_GENERIC, b"del")


cdef bint clip(int64_t n, int64_t *start, int64_t *end) noexcept nogil:
    if start[0] < 0:
        start[0] = max(start[0] + n, <int64_t>0)
    if end[0] < 0:
        end[0] += n
    if end[0] >= n:
        end[0] = n - 1
    return start[0] <= end[0] and start[0] < n


cdef bint read_numkeys(call *c, int at, int64_t *n) noexcept nogil:
    if not parse_int(c.argv[at], n) or n[0] < 1:
        reply_error(c, b"ERR numkeys should be greater than 0")
        return False
    if n[0] > c.argc - at - 1:
        reply_error(c, b"ERR Number of keys can't be greater than number of args")
        return False
    return True


cdef bint read_random_count(call *c, const char *pairs_word, bint *pairs, int64_t *count) noexcept nogil:
    count[0] = 1
    pairs[0] = c.argc == 4
    if c.argc >= 3 and not arg_int_within(c, 2, -MOST, MOST, count):
        return False
    if c.argc > 4 or (pairs[0] and (pairs_word == NULL or not view_is(c.argv[3], pairs_word))):
        reply_error(c, SYNTAX)
        return False
    if pairs[0] and not -MOST // 2 <= count[0] <= MOST // 2:
        reply_error(c, OUT_OF_RANGE)
        return False
    return True


cdef bint repeats_begin(call *c, int64_t count) noexcept nogil:
    if count <= cfg(&c.store.config, OPT_PROTO_MAX_BULK_LEN) // SHORTEST:
        return True
    reply_error(c, OUT_OF_RANGE)
    return False


cdef bint repeats_fit(call *c, size_t begin) noexcept nogil:
    if c.out.len - begin > <size_t>cfg(&c.store.config, OPT_PROTO_MAX_BULK_LEN):
        c.out.len = begin
        reply_error(c, b"ERR reply exceeds maximum allowed size (proto-max-bulk-len)")
        return False
    return not c.out.failed


cdef bint read_pop_count(call *c, int at, int64_t *n) noexcept nogil:
    n[0] = -1
    while at < c.argc:
        if n[0] != -1 or at + 1 == c.argc or not view_is(c.argv[at], b"count"):
            reply_error(c, SYNTAX)
            return False
        if not parse_int(c.argv[at + 1], n) or n[0] < 1:
            reply_error(c, b"ERR count should be greater than 0")
            return False
        at += 2
    n[0] = max(n[0], <int64_t>1)
    return True


cdef bint arg_double(call *c, int i, double *d) noexcept nogil:
    if parse_double(c.argv[i], d):
        return True
    reply_error(c, NOT_FLOAT)
    return False


cdef bint arg_timeout(call *c, int i, int64_t *deadline) noexcept nogil:
    cdef double seconds
    if not parse_double(c.argv[i], &seconds):
        reply_error(c, b"ERR timeout is not a float or out of range")
        return False
    if seconds * 1000 > 9.2e18 - <double>c.store.now or seconds != seconds:
        reply_error(c, b"ERR timeout is out of range")
        return False
    if seconds < 0:
        reply_error(c, b"ERR timeout is negative")
        return False
    deadline[0] = c.store.now + <int64_t>ceil(seconds * 1000) if seconds > 0 else 0
    return True


cdef void reply_double(call *c, double d) noexcept nogil:
    write_double(c.out, d, c.proto)


cdef packing hash_limits(store *s) noexcept nogil:
    cdef packing p
    p.entries = cfg(&s.config, OPT_HASH_MAX_LISTPACK_ENTRIES)
    p.value = cfg(&s.config, OPT_HASH_MAX_LISTPACK_VALUE)
    p.integers = 0
    return p


cdef packing set_limits(store *s) noexcept nogil:
    cdef packing p
    p.entries = cfg(&s.config, OPT_SET_MAX_LISTPACK_ENTRIES)
    p.value = cfg(&s.config, OPT_SET_MAX_LISTPACK_VALUE)
    p.integers = cfg(&s.config, OPT_SET_MAX_INTSET_ENTRIES)
    return p


cdef packing zset_limits(store *s) noexcept nogil:
    cdef packing p
    p.entries = cfg(&s.config, OPT_ZSET_MAX_LISTPACK_ENTRIES)
    p.value = cfg(&s.config, OPT_ZSET_MAX_LISTPACK_VALUE)
    p.integers = 0
    return p
