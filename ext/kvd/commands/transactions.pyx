"""MULTI, EXEC, DISCARD, WATCH and UNWATCH. The queue and the watches are the session's."""

from kvd.commands.errors cimport EXECABORT, NO_MEMORY
from kvd.commands.table cimport (
    call, command, define, reply_array, reply_error, reply_ok, run_command,
)
from kvd.core.table cimport table_hash
from kvd.resp.writer cimport write_null_array
from kvd.session.session cimport queued, session, session_discard, session_unwatch, session_watch
from kvd.store.keyspace cimport keyspace_find


define(multi_command, """
    MULTI
    noscript loading stale fast allow_busy | transactions | 1.2.0 | O(1)
    Begin a transaction: the commands that follow are queued.
""")
cdef void multi_command(call *c) noexcept nogil:
    if c.session.multi:
        reply_error(c, b"ERR MULTI calls can not be nested")
        return
    c.session.multi = True
    reply_ok(c)


cdef void expire_watched(session *s) noexcept nogil:
    """A watched key whose deadline has passed has changed, also if nobody has looked for it yet."""
    cdef int i
    for i in range(s.watch_len):
        keyspace_find(s.store, &s.store.dbs[s.watches[i].db], s.watches[i].key, table_hash(s.watches[i].key))


define(exec_command, """
    EXEC
    noscript loading stale skip_slowlog | transactions | 1.2.0 | Depends on the commands of the transaction.
    Run the commands of a transaction, unless a watched key has changed.
""")
cdef void exec_command(call *c) noexcept nogil:
    cdef session *s = c.session
    cdef call inner = c[0]
    cdef queued *q
    cdef int i
    if not s.multi:
        reply_error(c, b"ERR EXEC without MULTI")
        return
    if s.aborted:
        session_discard(s)
        reply_error(c, EXECABORT)
        return
    expire_watched(s)
    if s.touched:
        session_discard(s)
        write_null_array(c.out, c.proto)
        return
    session_unwatch(s)
    s.multi = False
    s.executing = True
    reply_array(c, s.queue_len)
    for i in range(s.queue_len):
        q = &s.queue[i]
        inner.command = <const command *>q.command
        inner.argv = q.argv
        inner.argc = q.argc
        inner.db = &c.store.dbs[s.db]
        inner.proto = s.proto
        run_command(&inner)
    s.executing = False
    s.failed = False
    session_discard(s)


define(discard_command, """
    DISCARD
    noscript loading stale fast allow_busy | transactions | 2.0.0 | O(N) where N is the number of queued commands
    Forget a transaction.
""")
cdef void discard_command(call *c) noexcept nogil:
    if not c.session.multi:
        reply_error(c, b"ERR DISCARD without MULTI")
        return
    session_discard(c.session)
    reply_ok(c)


define(watch_command, """
    WATCH key [key ...]
    noscript loading stale fast allow_busy | transactions | 2.2.0 | O(1) for each key
    Let the next EXEC fail if one of the keys changes before it.
    keys: RO
""")
cdef void watch_command(call *c) noexcept nogil:
    cdef int i
    if c.session.multi:
        reply_error(c, b"ERR WATCH inside MULTI is not allowed")
        return
    for i in range(1, c.argc):
        if not session_watch(c.session, c.argv[i]):
            reply_error(c, NO_MEMORY)
            return
    reply_ok(c)


define(unwatch_command, """
    UNWATCH
    noscript loading stale fast allow_busy | transactions | 2.2.0 | O(N) where N is the number of watched keys
    Forget all watched keys.
""")
cdef void unwatch_command(call *c) noexcept nogil:
    session_unwatch(c.session)
    reply_ok(c)
