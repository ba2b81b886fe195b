"""HIMPORT: hashes of the same fields, of which a connection names the fields once (session/fieldsets.pyx).

A fieldset is the connection's own state and is not propagated; a hash that is set is, as DEL and HSET. The hashes share the names of
their fields (types/template.pyx), from the first one on.
"""

from libc.stdint cimport uint64_t

from kvd.commands.keyed cimport hash_limits, store_new_value
from kvd.core.entry cimport entry
from kvd.core.table cimport table_hash
from kvd.core.view cimport view
from kvd.run.args cimport changed, propagate_as, propagates, reply_error, reply_int, reply_ok
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY
from kvd.run.registry cimport define
from kvd.session.fieldsets cimport fieldset, fieldset_drop, fieldset_find, fieldset_put, fieldsets_clear
from kvd.session.session cimport session_account
from kvd.store.change cimport key_field
from kvd.store.config cimport EVENT_HASH
from kvd.store.effects cimport effect_word
from kvd.store.keyspace cimport keyspace_find
from kvd.types.hash cimport hash_expand, hash_new, hash_of_template, hash_set
from kvd.types.kind cimport packing
from kvd.types.template cimport MOST_FIELDS
from kvd.types.value cimport value_free


define(himport_prepare, """
    HIMPORT|PREPARE fieldset-name field [field ...]
    denyoom | hash | 8.10.0 | O(N*log(N)) where N is the number of fields
    Name fields for HIMPORT SET on this connection.
    tips: request_policy:all_shards
""")
cdef void himport_prepare(call *c) noexcept nogil:
    cdef int made = fieldset_put(c.session, c.argv[2], c.argv + 3, c.argc - 3)
    if made > 0:
        reply_ok(c)
    elif made == 0:
        reply_error(c, b"ERR duplicate field name in fieldset")
    else:
        reply_error(c, NO_MEMORY)


cdef entry *filled_one_by_one(call *c, const fieldset *f, packing *limits) noexcept nogil:
    cdef entry *e = hash_new(&c.store.mem, c.argv[2])
    cdef int i
    if e == NULL:
        return NULL
    if hash_expand(&c.store.mem, e, f.count, limits):
        for i in range(f.count):
            if hash_set(&c.store.mem, e, f.slots[i].field, c.argv[4 + f.slots[i].value], limits, False) < 0:
                break
        else:
            return e
    value_free(&c.store.mem, e)
    return NULL


cdef entry *filled(call *c, const fieldset *f) noexcept nogil:
    """A hash with the fields, and the values from argument 4 on; NULL: no memory."""
    cdef packing limits = hash_limits(c.store)
    cdef view fields[MOST_FIELDS]
    cdef view values[MOST_FIELDS]
    cdef entry *e = NULL
    cdef int i
    if f.count <= MOST_FIELDS:
        for i in range(f.count):
            fields[i] = f.slots[i].field
            values[i] = c.argv[4 + f.slots[i].value]
        e = hash_of_template(&c.store.mem, c.argv[2], fields, values, 1, f.count, &limits, True)
    return e if e != NULL else filled_one_by_one(c, f, &limits)


cdef void propagate_hash(call *c, const fieldset *f, bint existed) noexcept nogil:
    cdef int i
    if not propagates(c):
        return
    if existed:
        propagate_as(c, b"DEL", 2)
        effect_word(&c.store.effects, c.argv[2])
    propagate_as(c, b"HSET", 2 + 2 * f.count)
    effect_word(&c.store.effects, c.argv[2])
    for i in range(f.count):
        effect_word(&c.store.effects, f.slots[i].field)
        effect_word(&c.store.effects, c.argv[4 + f.slots[i].value])


define(himport_set, """
    HIMPORT|SET key fieldset-name value [value ...]
    write denyoom | hash | 8.10.0 | O(N) where N is the number of fields of the fieldset
    Set a key to a hash of the prepared fields with these values, in the order of the fields.
    keys: OW update
""")
cdef void himport_set(call *c) noexcept nogil:
    cdef const fieldset *f = fieldset_find(c.session, c.argv[3])
    cdef uint64_t hash = table_hash(c.argv[2])
    cdef entry *e
    cdef int i
    if f == NULL:
        reply_error(c, b"ERR no such fieldset")
        return
    if f.count != c.argc - 4:
        reply_error(c, b"ERR value count does not match fieldset field count")
        return
    e = filled(c, f)
    if e == NULL:
        reply_error(c, NO_MEMORY)
        return
    propagate_hash(c, f, keyspace_find(c.store, c.db, c.argv[2], hash) != NULL)
    if not store_new_value(c, c.db, c.argv[2], e):
        return
    for i in range(f.count):
        key_field(c.store, c.db, c.argv[2], f.slots[i].field, b"hset")
    changed(c, c.argv[2], f.count, EVENT_HASH, b"hset")
    reply_ok(c)


define(himport_discard, """
    HIMPORT|DISCARD fieldset-name
    | hash | 8.10.0 | O(N) where N is the number of fieldsets of the connection
    Forget a fieldset of this connection.
    tips: request_policy:all_shards
""")
cdef void himport_discard(call *c) noexcept nogil:
    reply_int(c, fieldset_drop(c.session, c.argv[2]))


define(himport_discardall, """
    HIMPORT|DISCARDALL
    | hash | 8.10.0 | O(N) where N is the number of fieldsets of the connection
    Forget all fieldsets of this connection.
    tips: request_policy:all_shards
""")
cdef void himport_discardall(call *c) noexcept nogil:
    reply_int(c, fieldsets_clear(c.session))
    session_account(c.session)
