"""Runs a client's command, from its words to its reply.

    gate -> between MULTI and EXEC: the command is queued
         -> else: run, then propagate, serve blocked commands, send invalidations

A call with all that happens inside it is one unit of propagation (store/effects.pyx). CLIENT REPLY is applied here
too, to the reply of any command.
"""

from kvd.resp.writer cimport write_status
from kvd.run.after cimport after
from kvd.run.args cimport reply_error
from kvd.run.call cimport F_IN_MULTI, call, call_init
from kvd.run.errors cimport NO_MEMORY
from kvd.run.gate cimport PASSED, PAUSED, gate
from kvd.run.run cimport run
from kvd.session.session cimport (
    REPLY_ON, REPLY_SKIP, REPLY_SKIP_NEXT, clients_of, in_multi, session_append_pushes, session_queue, session_replies,
)
from kvd.store.effects cimport unit_close, unit_open


cdef void enqueue(call *c) noexcept nogil:
    if session_queue(c.session, c.command, c.flags, c.argv, c.argc):
        write_status(c.out, b"QUEUED")
    else:
        c.session.aborted = True
        reply_error(c, NO_MEMORY)


cdef void finish(call *c) noexcept nogil:
    """Discards the reply if CLIENT REPLY is OFF or SKIP."""
    cdef session *who = c.session
    if who.reply == REPLY_SKIP_NEXT:           # CLIENT REPLY SKIP itself
        session_replies(who, REPLY_SKIP)
    elif who.reply != REPLY_ON:
        who.out.len = c.reply_at
        if who.reply == REPLY_SKIP:
            session_replies(who, REPLY_ON)


cdef int dispatch(session *who, view *argv, int argc) noexcept nogil:
    cdef call c
    cdef session *outer = clients_of(who.store).running    # of a script that lets other commands run meanwhile
    cdef int verdict
    call_init(&c, who)
    c.argv = argv
    c.argc = argc
    who.failed = False
    unit_open(&who.store.effects)
    verdict = gate(&c)
    if verdict == PASSED:
        who.commands += 1
        who.last_ms = who.store.now
        if in_multi(who) and not c.flags & F_IN_MULTI:
            enqueue(&c)
        else:
            clients_of(who.store).running = who
            run(&c)
    unit_close(&who.store.effects)
    clients_of(who.store).running = outer
    if who.reply != REPLY_ON:
        finish(&c)
    session_append_pushes(who)
    after(who.store)
    return DISPATCH_PAUSED if verdict == PAUSED else DISPATCHED
