"""Commands that wait for keys, and how they are served.

A handler that finds nothing calls wait_for_keys and returns. After any command that changed a key which
is waited for, serve_ready runs the waiting commands again, those of one key in the order they came.
A handler that then finds nothing again, waits on.
"""

from libc.stdint cimport int64_t

from kvd.commands.errors cimport NO_MEMORY
from kvd.commands.table cimport call, command, reply_error, reply_null
from kvd.core.entry cimport entry
from kvd.core.table cimport table_hash
from kvd.core.view cimport view
from kvd.resp.writer cimport write_null_array
from kvd.session.session cimport REPLY_ON, session, session_append_pushes
from kvd.session.tracking cimport tracking_send
from kvd.session.waiters cimport (
    NULL_ARRAY, wait_end, wait_forget, wait_key, wait_key_db, wait_key_name, wait_link, wait_of, wait_start, waiter,
    waits_ready,
)
from kvd.store.keyspace cimport keyspace_find, store
from kvd.types.kind cimport type_of


cdef void wait_for_keys(call *c, view *argv, int at, int count, int step, int64_t deadline, int type, bint on_gone,
                        int null) noexcept nogil:
    cdef session *who = c.session
    if who.wait != NULL:
        wait_of(who).again = True
    elif who.executing:
        if null == NULL_ARRAY:
            write_null_array(c.out, c.proto)
        else:
            reply_null(c)
    elif not wait_start(who, c.command, argv, c.argc, argv + at, count, step, deadline, type, on_gone, null, not who.in_process or who.wake != NULL):
        reply_error(c, NO_MEMORY)


cdef void run_again(store *s, waiter *w) noexcept nogil:
    cdef session *who = w.who
    cdef size_t at = who.out.len
    cdef void *outer = s.running
    cdef call c
    c.store = s
    c.session = who
    c.db = &s.dbs[who.db]
    c.command = <const command *>w.command
    c.argv = w.argv
    c.argc = w.argc
    c.proto = who.proto
    c.out = &who.out
    w.again = False
    s.running = who
    c.command.run(&c)
    s.running = outer
    if w.again:
        return
    wait_end(who)
    if who.reply != REPLY_ON:
        who.out.len = at
    session_append_pushes(who)
    if who.wake != NULL:
        who.wake(who)


cdef void serve_key(store *s, wait_key *k) noexcept nogil:
    """Runs the waiters that can use what the key holds now; the key is held meanwhile."""
    cdef wait_link *l = k.first
    cdef wait_link *following
    cdef wait_link *stop = k.last
    cdef entry *e
    cdef view name = wait_key_name(k)
    cdef int db = wait_key_db(k)
    while l != NULL:
        e = keyspace_find(s, &s.dbs[db], name, table_hash(name))
        if k.gone == 0 and e == NULL:
            return
        following = l.next if l != stop else NULL
        if (e != NULL and type_of(e) == l.w.type) or l.w.on_gone:
            run_again(s, l.w)
        l = following


cdef void serve_ready(store *s) noexcept nogil:
    cdef wait_key *k
    while True:
        k = waits_ready(s)
        if k == NULL:
            break
        k.held = True
        serve_key(s, k)
        k.held = False
        wait_forget(s, k)
    tracking_send(s)
