"""The invariants of a whole store. O(N) of all that it holds, so for tests and DEBUG CHECK only.

Each structure checks itself (table_check, wheel_check, value_check); the checks here are between them:

    a key with a deadline is in the wheel of its database, or in none if there was no memory; the wheel holds nothing else
    a hash whose fields have deadlines is in the wheel of fields, by a time not after the soonest of them, and refers to its key
    for each size, as many keys are counted as have it
    no key holds an empty collection; a stream may be empty
    templates count their hashes: those of the databases, and of values that are still to be freed or are being loaded
"""

from libc.string cimport memcmp, memset

from kvd.core.entry cimport TIMED, entry, entry_key, entry_timer
from kvd.core.table cimport table_check, table_cursor, table_next
from kvd.core.view cimport view_of
from kvd.core.wheel cimport wheel, wheel_check, wheel_holds
from kvd.store.config cimport OPT_DATABASES, cfg
from kvd.store.sizes cimport sizes_count, sizes_settle
from kvd.store.store cimport database
from kvd.types.array cimport array_len
from kvd.types.hash cimport hash_is_row, hash_is_timed, hash_len, hash_soonest, hash_table, hash_table_of
from kvd.types.kind cimport ARRAY, HASH, LIST, SET, ZSET, type_of
from kvd.types.list cimport list_len
from kvd.types.set cimport set_len
from kvd.types.template cimport templates_used
from kvd.types.value cimport value_check
from kvd.types.zset cimport zset_len


cdef struct tally:             # met so far
    size_t keys                # with a timer in the database's wheel
    size_t fields              # hashes with a timer in the wheel of fields
    size_t rows                # hashes of a template


cdef bint is_empty(entry *e) noexcept nogil:
    cdef int type = type_of(e)
    if type == LIST:
        return list_len(e) == 0
    if type == SET:
        return set_len(e) == 0
    if type == ZSET:
        return zset_len(e) == 0
    if type == ARRAY:
        return array_len(e) == 0
    return type == HASH and hash_len(e) == 0


cdef const char *check_key_timer(database *db, entry *e, tally *n) noexcept nogil:
    if not e.flags & TIMED or entry_timer(e).place == 0:
        return NULL
    n.keys += 1
    if db.expires == NULL or not wheel_holds(db.expires, entry_timer(e)):
        return b"a key's timer is not at its position in the wheel"
    return NULL


cdef const char *check_field_timer(database *db, entry *e, tally *n) noexcept nogil:
    cdef hash_table *t
    if type_of(e) != HASH or not hash_is_timed(e) or hash_table_of(e).due.place == 0:
        return NULL
    t = hash_table_of(e)
    n.fields += 1
    if db.fields == NULL or not wheel_holds(db.fields, &t.due):
        return b"a hash's timer is not at its position in the wheel"
    if t.owner != e:
        return b"a hash's timer does not know its key"
    if hash_soonest(e) < 0 or t.due.deadline > hash_soonest(e):
        return b"a hash's timer comes after a field's deadline"
    return NULL


cdef const char *check_key(database *db, entry *e, tally *n) noexcept nogil:
    cdef const char *wrong = value_check(e)
    n.rows += type_of(e) == HASH and hash_is_row(e)
    if wrong == NULL and is_empty(e):
        wrong = b"a key holds an empty collection"
    if wrong == NULL:
        wrong = check_key_timer(db, e, n)
    if wrong == NULL:
        wrong = check_field_timer(db, e, n)
    return wrong


cdef const char *check_wheel(wheel *w, size_t planned) noexcept nogil:
    if w == NULL:
        if planned:
            return b"timers without a wheel"
        return NULL
    if w.count != planned:
        return b"a wheel holds timers without keys"
    return wheel_check(w)


cdef const char *check_database(database *db, view *key, size_t *rows) noexcept nogil:
    cdef const char *wrong = table_check(&db.keys)
    cdef tally n
    cdef table_cursor at
    cdef entry *e
    cdef database counted
    memset(&counted, 0, sizeof(counted))
    memset(&at, 0, sizeof(at))
    memset(&n, 0, sizeof(n))
    if wrong != NULL:
        return wrong
    e = table_next(&db.keys, &at)
    while e != NULL:
        wrong = check_key(db, e, &n)
        if wrong != NULL:
            key[0] = entry_key(e)
            return wrong
        sizes_count(&counted, e, 1)
        e = table_next(&db.keys, &at)
    rows[0] += n.rows
    if memcmp(counted.sizes, db.sizes, sizeof(db.sizes)):
        return b"keys are counted with sizes that they do not have"
    wrong = check_wheel(db.expires, n.keys)
    return wrong if wrong != NULL else check_wheel(db.fields, n.fields)


cdef const char *store_check(store *s, view *key) noexcept nogil:
    cdef const char *wrong
    cdef size_t rows = 0
    cdef size_t used = templates_used(&s.mem)
    cdef int i
    key[0] = view_of(NULL, 0)
    sizes_settle(s)
    for i in range(<int>cfg(&s.config, OPT_DATABASES)):
        wrong = check_database(&s.dbs[i], key, &rows)
        if wrong != NULL:
            return wrong
    if rows > used:
        return b"templates count fewer hashes than there are"
    return NULL
