"""DUMP and RESTORE: one value as bytes, followed by RDB version and checksum."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from kvd.commands.keyed cimport store_new_value
from kvd.core.buf cimport buf, buf_release
from kvd.core.entry cimport entry
from kvd.core.table cimport table_hash
from kvd.core.view cimport view, view_is, view_of
from kvd.persist.rdb.frame cimport FOOTER, payload_close, payload_whole
from kvd.persist.rdb.values cimport value_load, value_save
from kvd.run.args cimport (
    arg_int, changed, find_read, propagate_as, propagate_key, propagates, reply_bulk, reply_error, reply_null,
    reply_ok,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.access cimport access_set_frequency, access_set_idle, uses_lfu
from kvd.store.config cimport EVENT_GENERIC, OPT_RDBCOMPRESSION, cfg
from kvd.store.effects cimport effect_int, effect_text, effect_word, effects
from kvd.store.keyspace cimport keyspace_find, keyspace_remove, keyspace_replan_fields, keyspace_set_deadline
from kvd.store.store cimport DEBUG_CHECKSUMS_SKIPPED, expiry_now
from kvd.types.hash cimport hash_is_timed
from kvd.types.kind cimport HASH, type_of
from kvd.types.value cimport value_free

import importlib

# each type registers its forms when imported
for _type in ("strings", "lists", "sets", "zsets", "hashes", "streams", "arrays"):
    importlib.import_module(f"kvd.persist.rdb.{_type}")


define(dump_command, """
    DUMP key
    readonly keyspace | generic | 2.6.0 | O(N) where N is the size of the value
    Return the serialized value of a key, for RESTORE.
    tips: nondeterministic_output
""")
cdef void dump_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_read(c, c.argv[1], &hash)
    cdef buf out
    if e == NULL:
        reply_null(c)
        return
    memset(&out, 0, sizeof(out))
    payload_close(&out, value_save(c.store, &out, e, cfg(&c.store.config, OPT_RDBCOMPRESSION)))
    if out.failed:
        reply_error(c, NO_MEMORY)
    else:
        reply_bulk(c, view_of(out.ptr, out.len))
    buf_release(&out)


cdef struct restoring:
    bint replace
    bint absolute              # ABSTTL
    int64_t idle               # seconds; -1: not given
    int64_t frequency


cdef bint read_restoring(call *c, restoring *r) noexcept nogil:
    cdef int i = 4
    r.replace = r.absolute = False
    r.idle = r.frequency = -1
    while i < c.argc:
        if view_is(c.argv[i], b"replace"):
            r.replace = True
        elif view_is(c.argv[i], b"absttl"):
            r.absolute = True
        elif i + 1 < c.argc and view_is(c.argv[i], b"idletime") and r.frequency == -1:
            i += 1
            if not arg_int(c, i, &r.idle):
                return False
            if r.idle < 0:
                reply_error(c, b"ERR Invalid IDLETIME value, must be >= 0")
                return False
        elif i + 1 < c.argc and view_is(c.argv[i], b"freq") and r.idle == -1:
            i += 1
            if not arg_int(c, i, &r.frequency):
                return False
            if not 0 <= r.frequency <= 255:
                reply_error(c, b"ERR Invalid FREQ value, must be >= 0 and <= 255")
                return False
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    return True


cdef void propagate_restored(call *c, int64_t deadline) noexcept nogil:
    cdef effects *u = &c.store.effects
    if not propagates(c):
        return
    propagate_as(c, b"RESTORE", 6)
    effect_word(u, c.argv[1])
    effect_int(u, deadline)
    effect_word(u, c.argv[3])
    effect_text(u, b"REPLACE")
    effect_text(u, b"ABSTTL")


cdef void place_restored(call *c, entry *e, int64_t deadline, restoring *r) noexcept nogil:
    cdef view key = c.argv[1]
    cdef uint64_t hash = table_hash(key)
    if not store_new_value(c, c.db, key, e):
        return
    if r.idle >= 0 and not uses_lfu(c.store):
        access_set_idle(c.store, e, r.idle * 1000)
    if r.frequency >= 0 and uses_lfu(c.store):
        access_set_frequency(c.store, e, <int>r.frequency)
    if type_of(e) == HASH and hash_is_timed(e):
        keyspace_replan_fields(c.store, c.db, e)
    if deadline and keyspace_set_deadline(c.store, c.db, e, hash, deadline) == NULL:
        keyspace_remove(c.store, c.db, e, hash)
        reply_error(c, NO_MEMORY)
        return
    changed(c, key, 1, EVENT_GENERIC, b"restore")
    propagate_restored(c, deadline)
    reply_ok(c)


define(restore_command, """
    RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
    write denyoom dangerous keyspace | generic | 2.6.0 | O(N*M) where N is the number of elements of the value and M their size
    Create a key from the serialized value returned by DUMP.
    keys: OW update
""")
cdef void restore_command(call *c) noexcept nogil:
    cdef restoring r
    cdef int64_t ttl
    cdef entry *e
    cdef entry *old
    cdef uint64_t hash = table_hash(c.argv[1])
    if not read_restoring(c, &r):
        return
    old = keyspace_find(c.store, c.db, c.argv[1], hash)
    if old != NULL and not r.replace:
        reply_error(c, b"BUSYKEY Target key name already exists.")
        return
    if not arg_int(c, 2, &ttl):
        return
    if ttl < 0:
        reply_error(c, b"ERR Invalid TTL value, must be >= 0")
        return
    if not payload_whole(c.argv[3], not c.store.debug & DEBUG_CHECKSUMS_SKIPPED):
        reply_error(c, b"ERR DUMP payload version or checksum are wrong")
        return
    e = value_load(c.store, view_of(c.argv[3].ptr, c.argv[3].len - FOOTER), c.argv[1])
    if e == NULL:
        reply_error(c, b"ERR Bad data format")
        return
    if ttl and not r.absolute:
        ttl = min(ttl, <int64_t>0x7FFFFFFFFFFFFFFF - c.store.now) + c.store.now
    if ttl == 0 or ttl > expiry_now(c.store):
        place_restored(c, e, ttl, &r)
        return
    value_free(&c.store.mem, e)            # it has expired already
    if old != NULL:
        keyspace_remove(c.store, c.db, old, hash)
        changed(c, c.argv[1], 1, EVENT_GENERIC, b"del")
        propagate_key(c, b"DEL", c.argv[1])
    reply_ok(c)


define(restore_asking_command, """
    RESTORE-ASKING key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
    write denyoom asking dangerous keyspace | server | 3.0.0 | O(N*M) where N is the number of elements of the value and M their size
    Create a key from a serialized value, also in a slot that is being imported: RESTORE of MIGRATE between nodes of a cluster.
    keys: OW update
    categories: keyspace write slow dangerous
""")
cdef void restore_asking_command(call *c) noexcept nogil:
    restore_command(c)
