"""Work after a command: serves commands that are blocked on the changed keys, and sends invalidations.

A handler that finds nothing calls wait_for_keys and returns. After any command that changed a key which
is waited for, the blocked commands run again, those of one key in the order in which they blocked. A handler that finds
nothing again stays blocked. Serving may change further keys that are waited for, so it repeats until no key is ready.

While a script keeps the store busy, nothing is served: that is done at the end of the script.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from libc.string cimport strcmp

from kvd.core.entry cimport entry
from kvd.core.table cimport table_hash
from kvd.core.view cimport view, view_str
from kvd.resp.writer cimport write_line, write_null, write_null_array
from kvd.run.acl.enforce cimport denies_again
from kvd.run.args cimport reply_error
from kvd.run.call cimport call_init, command
from kvd.run.errors cimport NO_MEMORY
from kvd.run.figures cimport figure_error
from kvd.run.run cimport run, run_ended
from kvd.session.clients cimport session_delete
from kvd.session.session cimport AFTER_INVALIDATE, AFTER_SERVE, REPLY_ON, session_append_pushes
from kvd.session.tracking cimport tracking_send
from kvd.session.waiters cimport (
    NULL_ARRAY, wait_end, wait_forget, wait_key, wait_key_db, wait_key_name, wait_late, wait_link, wait_of, wait_overdue,
    wait_renew, wait_start, waiter, waits_count, waits_ready,
)
from kvd.store.effects cimport unit_close, unit_open
from kvd.store.keyspace cimport keyspace_find
from kvd.store.store cimport SPECIAL_IMPORT, SPECIAL_REPLICA
from kvd.types.kind cimport type_of


# ---- waiting ----------------------------------------------------------------------------------------

cdef void reply_nothing(call *c, int null) noexcept nogil:
    if null == NULL_ARRAY:
        write_null_array(c.out, c.proto)
    else:
        write_null(c.out, c.proto)


cdef wanted wanted_keys(call *c, int at, int count, int type, int64_t deadline) noexcept nogil:
    cdef wanted what
    what.argv = c.argv
    what.argc = c.argc
    what.keys = c.argv + at
    what.count = count
    what.step = 1
    what.type = type
    what.on_gone = what.counts = what.claims = False
    what.null = NULL_ARRAY
    what.deadline = deadline
    what.recheck = 0
    return what


cdef void wait_for_keys(call *c, wanted what) noexcept nogil:
    cdef session *who = c.session
    if c.again:
        c.waits = wait_renew(who, what.recheck)
        if not c.waits:
            reply_error(c, NO_MEMORY)
    elif who.executing:
        reply_nothing(c, what.null)
    elif wait_start(who, c.command, &what):
        c.waits = True
    else:
        reply_error(c, NO_MEMORY)


cdef bint wait_until(call *c, int64_t timeout_ms) noexcept nogil:
    cdef wanted what
    if c.late or c.session.executing:
        return False
    if c.again:
        c.waits = True
        return True
    what = wanted_keys(c, 0, 0, 0, c.store.now + timeout_ms if timeout_ms else 0)
    what.counts = True
    c.waits = wait_start(c.session, c.command, &what)
    return c.waits


# ---- serving ----------------------------------------------------------------------------------------

cdef void call_of(call *c, waiter *w) noexcept nogil:
    call_init(c, w.who)
    c.command = <const command *>w.command
    c.flags = c.command.flags
    c.argv = w.argv
    c.argc = w.argc
    c.again = True


cdef void finish(call *c, size_t at) noexcept nogil:
    """It has replied: the session continues."""
    cdef session *who = c.session
    wait_end(who)
    if who.reply != REPLY_ON:
        who.out.len = at
    session_append_pushes(who)
    if who.wake != NULL:
        who.wake(who)
    if who.abandoned:
        session_delete(who)


cdef void run_again(store *s, waiter *w, bint late) noexcept nogil:
    cdef session *outer = clients_of(s).running
    cdef size_t at = w.who.out.len
    cdef call c
    call_of(&c, w)
    c.late = late
    clients_of(s).running = w.who
    unit_open(&s.effects)
    if not denies_again(&c):
        run(&c)
    unit_close(&s.effects)
    clients_of(s).running = outer
    if not c.waits:
        finish(&c, at)


cdef void serve_key(store *s, wait_key *k) noexcept nogil:
    """Runs the waiters that can use the key's value; the wait_key is kept meanwhile."""
    cdef wait_link *l = k.first
    cdef wait_link *following
    cdef wait_link *stop = k.last
    cdef entry *e
    cdef view name = wait_key_name(k)
    cdef int db = wait_key_db(k)
    while l != NULL:
        s.hides = s.special & (SPECIAL_REPLICA | SPECIAL_IMPORT) != 0   # an expired key is its master's, or its source's, to delete
        e = keyspace_find(s, &s.dbs[db], name, table_hash(name))
        s.hides = False
        if k.gone == 0 and e == NULL:
            return
        following = l.next if l != stop else NULL
        if (e != NULL and type_of(e) == l.w.type) or l.w.on_gone:
            run_again(s, l.w, False)
        l = following


cdef void waits_again(store *s, const char *name) noexcept nogil:
    cdef session *who = clients_of(s).first
    cdef session *following
    while who != NULL and waits_count(s):
        following = who.next
        if who.wait != NULL and strcmp((<const command *>wait_of(who).command).name, name) == 0:
            run_again(s, wait_of(who), False)
        who = following


cdef void serve(store *s) noexcept nogil:
    cdef wait_key *k
    if clients_of(s).busy != NULL:
        return
    while clients_of(s).after & AFTER_SERVE:
        k = waits_ready(s)
        if k == NULL:
            clients_of(s).after &= ~<uint32_t>AFTER_SERVE
            break
        k.held = True
        serve_key(s, k)
        k.held = False
        wait_forget(s, k)
    if clients_of(s).after & AFTER_INVALIDATE:
        tracking_send(s)


# ---- timeouts ---------------------------------------------------------------------------------------

cdef void end_wait(session *who, const char *error) noexcept nogil:
    cdef waiter *w = wait_of(who)
    cdef size_t at = who.out.len
    cdef uint64_t spent = w.spent
    cdef call c
    if error == NULL and w.counts:
        run_again(who.store, w, True)
        return
    call_of(&c, w)
    if error != NULL:
        figure_error(who.store, view_str(error))
        write_line(c.out, c'-', view_str(error))
    else:
        write_null_array(c.out, c.proto)
    run_ended(&c, spent, error != NULL)
    finish(&c, at)


cdef void expire_waits(store *s) noexcept nogil:
    cdef session *who
    while True:
        who = wait_overdue(s)
        if who == NULL:
            return
        if wait_late(who):
            end_wait(who, NULL)
        else:
            wait_renew(who, 0)
            run_again(s, wait_of(who), False)
