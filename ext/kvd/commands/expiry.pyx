"""EXPIRE and its relatives, TTL and its relatives, and the parsing of times for every command.

All of them work on one deadline in milliseconds since 1970; they differ in the unit and in whether the
argument is relative to now.
"""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport TIMED, entry_deadline
from kvd.core.table cimport table_hash
from kvd.core.view cimport view_is
from kvd.run.args cimport (
    arg_int, changed, find_write, propagate_as, propagate_key, propagates, reply_error, reply_error_about,
    reply_errorf, reply_int,
)
from kvd.run.errors cimport NO_MEMORY
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_GENERIC
from kvd.store.effects cimport effect_int, effect_word
from kvd.store.keyspace cimport keyspace_find, keyspace_persist, keyspace_remove, keyspace_set_deadline
from kvd.store.store cimport expiry_now


cdef bint bad_time(call *c) noexcept nogil:
    reply_errorf(c, b"ERR invalid expire time in '%s' command", c.command.name, NULL)
    return False


cdef bint read_deadline(call *c, int at, int64_t unit, bint relative, bint positive, int64_t *ms) noexcept nogil:
    cdef int64_t n
    cdef int64_t most = 0x7FFFFFFFFFFFFFFF
    if not arg_int(c, at, &n):
        return False
    if positive and n <= 0:
        return bad_time(c)
    if n > most // unit or n < (-most - 1) // unit:
        return bad_time(c)
    n *= unit
    if relative:
        if n > most - c.store.now:
            return bad_time(c)
        n += c.store.now
    ms[0] = n
    return True


cdef bint read_conditions(call *c, int *flags) noexcept nogil:
    cdef int i
    flags[0] = 0
    for i in range(3, c.argc):
        if view_is(c.argv[i], b"nx"):
            flags[0] |= EXPIRE_NX
        elif view_is(c.argv[i], b"xx"):
            flags[0] |= EXPIRE_XX
        elif view_is(c.argv[i], b"gt"):
            flags[0] |= EXPIRE_GT
        elif view_is(c.argv[i], b"lt"):
            flags[0] |= EXPIRE_LT
        else:
            reply_error_about(c, b"ERR Unsupported option %.*s", c.argv[i])
            return False
    if flags[0] & EXPIRE_NX and flags[0] & ~EXPIRE_NX:
        reply_error(c, b"ERR NX and XX, GT or LT options at the same time are not compatible")
        return False
    if flags[0] & EXPIRE_GT and flags[0] & EXPIRE_LT:
        reply_error(c, b"ERR GT and LT options at the same time are not compatible")
        return False
    return True


cdef bint condition_allows(int flags, int64_t before, int64_t after) noexcept nogil:
    if flags & EXPIRE_NX and before >= 0 or flags & EXPIRE_XX and before < 0:
        return False
    if flags & EXPIRE_GT and (before < 0 or after <= before):
        return False
    return not flags & EXPIRE_LT or before < 0 or after < before


cdef bint set_deadline(call *c, entry *e, uint64_t hash, int64_t ms) noexcept nogil:
    if ms <= expiry_now(c.store):
        keyspace_remove(c.store, c.db, e, hash)
        changed(c, c.argv[1], 1, EVENT_GENERIC, b"del")
        propagate_key(c, b"DEL", c.argv[1])
        return True
    if keyspace_set_deadline(c.store, c.db, e, hash, ms) == NULL:
        return False
    changed(c, c.argv[1], 1, EVENT_GENERIC, b"expire")
    if propagates(c):
        propagate_as(c, b"PEXPIREAT", 3)
        effect_word(&c.store.effects, c.argv[1])
        effect_int(&c.store.effects, ms)
    return True


cdef void expire_generic(call *c, int64_t unit, bint relative) noexcept nogil:
    cdef int flags
    cdef int64_t ms
    cdef uint64_t hash
    cdef entry *e
    if not read_conditions(c, &flags) or not read_deadline(c, 2, unit, relative, False, &ms):
        return
    e = find_write(c, c.argv[1], &hash)
    if e == NULL:
        reply_int(c, 0)
        return
    if not condition_allows(flags, entry_deadline(e), ms):
        reply_int(c, 0)
        return
    if set_deadline(c, e, hash, ms):
        reply_int(c, 1)
    else:
        reply_error(c, NO_MEMORY)


define(expire_command, """
    EXPIRE key seconds [NX | XX | GT | LT]
    write fast | generic | 1.0.0 | O(1)
    Set the time to live of a key, in seconds.
    newer: NX XX GT LT 7.0.0/7.0.0
    keys: RW update
""")
cdef void expire_command(call *c) noexcept nogil:
    expire_generic(c, 1000, True)


define(pexpire_command, """
    PEXPIRE key milliseconds [NX | XX | GT | LT]
    write fast | generic | 2.6.0 | O(1)
    Set the time to live of a key, in milliseconds.
    newer: NX XX GT LT 7.0.0/7.0.0
    keys: RW update
""")
cdef void pexpire_command(call *c) noexcept nogil:
    expire_generic(c, 1, True)


define(expireat_command, """
    EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
    write fast | generic | 1.2.0 | O(1)
    Set the time at which a key expires, in seconds since 1970.
    newer: NX XX GT LT 7.0.0/7.0.0
    keys: RW update
""")
cdef void expireat_command(call *c) noexcept nogil:
    expire_generic(c, 1000, False)


define(pexpireat_command, """
    PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
    write fast | generic | 2.6.0 | O(1)
    Set the time at which a key expires, in milliseconds since 1970.
    newer: NX XX GT LT 7.0.0/7.0.0
    keys: RW update
""")
cdef void pexpireat_command(call *c) noexcept nogil:
    expire_generic(c, 1, False)


cdef void ttl_generic(call *c, bint milliseconds, bint absolute) noexcept nogil:
    cdef uint64_t hash = table_hash(c.argv[1])
    cdef entry *e = keyspace_find(c.store, c.db, c.argv[1], hash)
    cdef int64_t ms
    if e == NULL:
        c.store.stats.misses += 1
        reply_int(c, -2)
        return
    c.store.stats.hits += 1
    ms = entry_deadline(e)
    if ms < 0:
        reply_int(c, -1)
        return
    if not absolute:
        ms = max(ms - c.store.now, 0)
    reply_int(c, ms if milliseconds else ms // 1000 + (ms % 1000 >= 500))


define(ttl_command, """
    TTL key
    readonly fast | generic | 1.0.0 | O(1)
    Return the remaining time to live of a key, in seconds; -1 without a deadline, -2 if there is no key.
    tips: nondeterministic_output
""")
cdef void ttl_command(call *c) noexcept nogil:
    ttl_generic(c, False, False)


define(pttl_command, """
    PTTL key
    readonly fast | generic | 2.6.0 | O(1)
    Return the remaining time to live of a key, in milliseconds; -1 without a deadline, -2 if there is no key.
    tips: nondeterministic_output
""")
cdef void pttl_command(call *c) noexcept nogil:
    ttl_generic(c, True, False)


define(expiretime_command, """
    EXPIRETIME key
    readonly fast | generic | 7.0.0 | O(1)
    Return the time at which a key expires, in seconds since 1970; -1 without a deadline, -2 if there is no key.
""")
cdef void expiretime_command(call *c) noexcept nogil:
    ttl_generic(c, False, True)


define(pexpiretime_command, """
    PEXPIRETIME key
    readonly fast | generic | 7.0.0 | O(1)
    Return the time at which a key expires, in milliseconds since 1970; -1 without a deadline, -2 if there is no key.
""")
cdef void pexpiretime_command(call *c) noexcept nogil:
    ttl_generic(c, True, True)


define(persist_command, """
    PERSIST key
    write fast | generic | 2.2.0 | O(1)
    Remove the deadline of a key.
    keys: RW update
""")
cdef void persist_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e = find_write(c, c.argv[1], &hash)
    if e == NULL or not e.flags & TIMED:
        reply_int(c, 0)
        return
    if keyspace_persist(c.store, c.db, e, hash) == NULL:
        reply_error(c, NO_MEMORY)
        return
    changed(c, c.argv[1], 1, EVENT_GENERIC, b"persist")
    reply_int(c, 1)
