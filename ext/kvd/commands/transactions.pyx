"""MULTI, EXEC, DISCARD, WATCH and UNWATCH. Queue and watches are parts of the session."""

from kvd.resp.writer cimport write_null_array
from kvd.run.acl.enforce cimport denies_queued
from kvd.run.args cimport reply_array, reply_error, reply_ok
from kvd.run.call cimport call, command
from kvd.run.errors cimport EXECABORT, NO_MEMORY
from kvd.run.registry cimport define
from kvd.run.run cimport run
from kvd.session.clients cimport session_discard
from kvd.session.session cimport in_multi, queued, session
from kvd.session.watches cimport unwatch, watch, watch_expiry
from kvd.store.store cimport SPECIAL_MULTI, special_set


define(multi_command, """
    MULTI
    noscript loading stale fast allow_busy in_multi | transactions | 1.2.0 | O(1)
    Begin a transaction: the following commands are queued.
""")
cdef void multi_command(call *c) noexcept nogil:
    if in_multi(c.session):
        reply_error(c, b"ERR MULTI calls can not be nested")
        return
    special_set(&c.session.special, SPECIAL_MULTI, True)
    reply_ok(c)


define(exec_command, """
    EXEC
    noscript loading stale skip_slowlog in_multi ends_multi nests | transactions | 1.2.0 | Depends on the commands of the transaction.
    Run the queued commands of a transaction, unless a watched key has changed.
""")
cdef void exec_command(call *c) noexcept nogil:
    cdef session *s = c.session
    cdef call inner = c[0]
    cdef queued *q
    cdef int i
    if not in_multi(s):
        reply_error(c, b"ERR EXEC without MULTI")
        return
    if s.aborted:
        session_discard(s)
        reply_error(c, EXECABORT)
        return
    watch_expiry(s)        # a watched key whose deadline has passed has changed
    if s.touched:
        session_discard(s)
        write_null_array(c.out, c.proto)
        return
    unwatch(s)
    special_set(&s.special, SPECIAL_MULTI, False)
    s.executing = True
    reply_array(c, s.queue_len)
    for i in range(s.queue_len):
        q = &s.queue[i]
        inner.command = <const command *>q.command
        inner.flags = q.flags
        inner.argv = q.argv
        inner.argc = q.argc
        inner.db = &c.store.dbs[s.db]
        inner.proto = s.proto
        inner.reply_at = s.out.len
        if denies_queued(&inner):
            continue
        c.store.mem.offer = &q.offer
        run(&inner)
        if q.offer.taken:
            q.offer.base = NULL
    c.store.mem.offer = NULL
    s.executing = False
    s.failed = False
    session_discard(s)


define(discard_command, """
    DISCARD
    noscript loading stale fast allow_busy in_multi | transactions | 2.0.0 | O(N) where N is the number of queued commands
    Discard the queued commands of a transaction.
""")
cdef void discard_command(call *c) noexcept nogil:
    if not in_multi(c.session):
        reply_error(c, b"ERR DISCARD without MULTI")
        return
    session_discard(c.session)
    reply_ok(c)


define(watch_command, """
    WATCH key [key ...]
    noscript loading stale fast allow_busy in_multi | transactions | 2.2.0 | O(1) for each key
    Make the next EXEC fail if one of the keys changes before it.
    keys: RO
""")
cdef void watch_command(call *c) noexcept nogil:
    cdef int i
    if in_multi(c.session):
        reply_error(c, b"ERR WATCH inside MULTI is not allowed")
        return
    for i in range(1, c.argc):
        if not watch(c.session, c.argv[i]):
            reply_error(c, NO_MEMORY)
            return
    reply_ok(c)


define(unwatch_command, """
    UNWATCH
    noscript loading stale fast allow_busy | transactions | 2.2.0 | O(N) where N is the number of watched keys
    Stop watching all keys.
""")
cdef void unwatch_command(call *c) noexcept nogil:
    unwatch(c.session)
    reply_ok(c)
