"""The gate: the one place that decides whether a call may run.

Every command passes here, from a socket, an in-process client or a script. (A queued command has passed
when it was queued, a blocked command when it blocked.) First the registry finds the command and checks
the number of words; then the refusals below apply, one row each, in Redis's order.

A row names the SPECIAL_ bits, of the store and of the session, that it depends on. Usually no bit is raised, and
no row is evaluated. The other columns give the callers it applies to and the error, in which %s is the command's name; a NULL error is
printed by the function in the last column.
"""

from libc.stdint cimport uint32_t
from libc.stdio cimport snprintf
from libc.string cimport memset, strchr, strerror, strncmp

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.core.slots cimport key_slot
from kvd.core.view cimport view, view_is
from kvd.run.acl.enforce cimport DENIED_ROOM, is_denied, tell_denied
from kvd.run.args cimport reply_error, reply_errorf
from kvd.run.call cimport (
    F_ALLOW_BUSY, F_CROSS_SLOTS, F_DENYOOM, F_ENDS_MULTI, F_LISTENING, F_LOADING, F_MAY_REPLICATE, F_NOSCRIPT,
    F_NO_AUTH, F_NO_MULTI, F_READONLY, F_STALE, F_WRITE, arity_fits, command, key_at, key_walk,
)
from kvd.run.emulation cimport replies_since
from kvd.run.errors cimport LOADING, NOAUTH, OOM
from kvd.run.figures cimport figures_of
from kvd.run.registry cimport keys_next, keys_start
from kvd.run.renames cimport called
from kvd.session.clients cimport session_discard
from kvd.session.session cimport (
    AFTER_INVALIDATE, ANY_SLOT, NO_SLOT, clients_of, in_multi, is_paused, session, session_kill,
)
from kvd.session.tracking cimport tracking_send
from kvd.store.config cimport (
    OPT_REPLICAOF, OPT_REPLICA_READ_ONLY, OPT_REPLICA_SERVE_STALE_DATA, OPT_SAVE, OPT_STOP_WRITES_ON_BGSAVE_ERROR, cfg,
    config_text,
)
from kvd.store.evict cimport evict_until_fits, is_the_masters, over_limit
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.store cimport (
    DEBUG_NOSCRIPT_ALLOWED, SPECIAL_BUSY, SPECIAL_CLUSTER, SPECIAL_FEW_REPLICAS, SPECIAL_LISTENS, SPECIAL_LOADING,
    SPECIAL_LOCKED_OUT, SPECIAL_MEMORY, SPECIAL_MULTI, SPECIAL_PAUSED, SPECIAL_REPLICA, SPECIAL_RESTRICTED, SPECIAL_STALE,
    SPECIAL_UNLOGGED, SPECIAL_UNSAVED,
)

cdef enum caller:
    CLIENTS = 1
    SCRIPTS = 2

ctypedef bint (*predicate)(call *c) noexcept nogil
ctypedef void (*printer)(call *c, char *text) noexcept nogil       # DENIED_ROOM bytes

cdef struct refusal:
    uint32_t when              # SPECIAL_ bits, one of which must be raised; 0: none is needed
    int asked                  # callers: CLIENTS, SCRIPTS
    predicate applies
    const char *error
    printer tell               # if that is NULL
    bint bare                  # EXEC replies it as it is, not as an EXECABORT

cdef enum:
    ROWS = 18

cdef refusal REFUSALS[ROWS]
REFUSALS[:] = [
    refusal(SPECIAL_LOCKED_OUT, CLIENTS, needs_login, NOAUTH, NULL, False),
    refusal(SPECIAL_MULTI, CLIENTS, not_in_multi, b"ERR Command not allowed inside a transaction", NULL, False),
    refusal(0, SCRIPTS, not_in_script, b"ERR This Redis command is not allowed from script", NULL, False),
    refusal(SPECIAL_RESTRICTED, CLIENTS | SCRIPTS, is_denied, NULL, tell_denied, False),
    refusal(0, SCRIPTS, writes_forbidden, b"ERR Write commands are not allowed from read-only scripts.", NULL, False),
    refusal(SPECIAL_CLUSTER, CLIENTS, crosses_slots, b"CROSSSLOT Keys in request don't hash to the same slot", NULL, True),
    refusal(SPECIAL_CLUSTER, SCRIPTS, crosses_slots, b"ERR Script attempted to access keys that do not hash to the same slot", NULL, False),
    refusal(SPECIAL_REPLICA, CLIENTS, must_go_to_master, NULL, tell_master, True),
    refusal(SPECIAL_LOADING, CLIENTS, must_wait_for_load, LOADING, NULL, False),
    refusal(SPECIAL_MEMORY, CLIENTS, lacks_memory, OOM, NULL, False),
    refusal(SPECIAL_UNSAVED, CLIENTS | SCRIPTS, cannot_be_saved,
            b"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set "
            b"are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails "
            b"(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.", NULL, False),
    refusal(SPECIAL_UNLOGGED, CLIENTS | SCRIPTS, writes, NULL, tell_log_error, False),
    refusal(SPECIAL_FEW_REPLICAS, CLIENTS | SCRIPTS, is_write, b"NOREPLICAS Not enough good replicas to write.", NULL, False),
    refusal(SPECIAL_REPLICA, CLIENTS | SCRIPTS, must_not_write, b"READONLY You can't write against a read only replica.", NULL, False),
    refusal(0, SCRIPTS, script_lacks_memory, OOM, NULL, False),
    refusal(SPECIAL_LISTENS, CLIENTS, only_listens,
            b"ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", NULL, False),
    refusal(SPECIAL_STALE, CLIENTS | SCRIPTS, must_not_be_stale,
            b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", NULL, False),
    refusal(SPECIAL_BUSY, CLIENTS, must_wait_for_script, NULL, tell_busy, False),
]


cdef bint needs_login(call *c) noexcept nogil:
    return not c.flags & F_NO_AUTH


cdef bint not_in_multi(call *c) noexcept nogil:
    return c.flags & F_NO_MULTI


cdef bint not_in_script(call *c) noexcept nogil:
    return c.flags & F_NOSCRIPT and not c.store.debug & DEBUG_NOSCRIPT_ALLOWED


cdef bint writes_forbidden(call *c) noexcept nogil:
    return c.forbids & F_WRITE and c.flags & (F_WRITE | F_MAY_REPLICATE)


cdef bint script_lacks_memory(call *c) noexcept nogil:
    return c.flags & c.forbids & F_DENYOOM


cdef bint only_listens(call *c) noexcept nogil:
    return c.session.proto < 3 and not c.flags & F_LISTENING


cdef bint must_wait_for_script(call *c) noexcept nogil:
    return not c.flags & F_ALLOW_BUSY


cdef uint32_t flags_of_work(call *c) noexcept nogil:
    """The flags of the commands that would run: EXEC includes those of the queue."""
    cdef uint32_t flags = c.flags
    cdef int i
    if flags & F_ENDS_MULTI and in_multi(c.session):
        for i in range(c.session.queue_len):
            flags |= c.session.queue[i].flags
    return flags


cdef bint lacks_memory(call *c) noexcept nogil:
    """Evicts first. Invalidations of evicted keys are sent before the reply."""
    cdef bint fits
    if not over_limit(c.store) or is_the_masters(c.store):
        return False
    fits = evict_until_fits(c.store)
    if clients_of(c.store).after & AFTER_INVALIDATE:
        tracking_send(c.store)
        c.reply_at = c.out.len
    return not fits and flags_of_work(c) & F_DENYOOM


cdef bint writes(call *c) noexcept nogil:
    """PING is refused too: health checks are to notice."""
    return flags_of_work(c) & F_WRITE or (not c.from_script and view_is(c.argv[0], b"ping"))


cdef void tell_log_error(call *c, char *text) noexcept nogil:
    snprintf(text, DENIED_ROOM, b"MISCONF Errors writing to the AOF file: %s", strerror(c.store.log_error))


cdef void tell_busy(call *c, char *text) noexcept nogil:
    snprintf(text, DENIED_ROOM, b"%s", clients_of(c.store).busy)


cdef bint is_write(call *c) noexcept nogil:
    return flags_of_work(c) & F_WRITE


cdef bint must_go_to_master(call *c) noexcept nogil:
    cdef uint32_t flags = flags_of_work(c)
    return c.session.redirects and (flags & F_WRITE or (flags & F_READONLY and not c.session.reads_replica))


cdef void tell_master(call *c, char *text) noexcept nogil:
    """With the address and port of replicaof."""
    cdef int at = snprintf(text, DENIED_ROOM, b"REDIRECT ")
    cdef char *blank
    snprintf(text + at, DENIED_ROOM - at, b"%s", config_text(&c.store.config, OPT_REPLICAOF))
    blank = strchr(text + at, c' ')
    if blank != NULL:
        blank[0] = c':'


cdef bint must_not_write(call *c) noexcept nogil:
    return is_write(c) and not c.session.master and cfg(&c.store.config, OPT_REPLICA_READ_ONLY)


cdef bint must_not_be_stale(call *c) noexcept nogil:
    return not (c.flags & F_STALE or c.session.master or cfg(&c.store.config, OPT_REPLICA_SERVE_STALE_DATA))


cdef bint cannot_be_saved(call *c) noexcept nogil:
    return (cfg(&c.store.config, OPT_STOP_WRITES_ON_BGSAVE_ERROR) and config_text(&c.store.config, OPT_SAVE)[0] != 0
            and writes(c))


cdef bint must_wait_for_load(call *c) noexcept nogil:
    return not c.flags & F_LOADING


cdef bint share_slot(const command *d, view *argv, int argc, int *slot) noexcept nogil:
    """Are all keys in *slot? NO_SLOT: in that of the first key, which is stored there."""
    cdef key_walk w
    cdef key_at key
    cdef int found
    keys_start(&w, d, argv, argc)
    while keys_next(&w, &key):
        found = key_slot(argv[key.at])
        if slot[0] == NO_SLOT:
            slot[0] = found
        elif slot[0] != found:
            return False
    return True


cdef bint queue_crosses_slots(session *s) noexcept nogil:
    cdef int slot = NO_SLOT
    cdef int i
    for i in range(s.queue_len):
        if not s.queue[i].flags & F_CROSS_SLOTS and \
                not share_slot(<const command *>s.queue[i].command, s.queue[i].argv, s.queue[i].argc, &slot):
            return True
    return False


cdef bint crosses_slots(call *c) noexcept nogil:
    """In a cluster: are the keys in several slots, or, in a script, in another slot than its keys and earlier calls?"""
    cdef int slot = NO_SLOT
    if c.flags & F_ENDS_MULTI and in_multi(c.session):
        return queue_crosses_slots(c.session)
    if not share_slot(c.command, c.argv, c.argc, &slot):
        return not c.flags & F_CROSS_SLOTS
    if slot == NO_SLOT or not c.from_script or c.session.script_slot == ANY_SLOT:
        return False
    if c.session.script_slot == NO_SLOT:
        c.session.script_slot = slot
    return c.session.script_slot != slot


# ---- refusing ---------------------------------------------------------------------------------------

cdef void refuse(call *c, const char *text, bint bare) noexcept nogil:
    """Refuses the call; between MULTI and EXEC this aborts the transaction. bare: also for EXEC, the text is the error."""
    if in_multi(c.session):
        c.session.aborted = True
    if c.command != NULL:
        figures_of(c.store).commands[c.command.id].rejected += 1
        if c.command.flags & F_ENDS_MULTI and not c.from_script:
            session_discard(c.session)
            if not bare:
                reply_errorf(c, b"EXECABORT Transaction discarded because of: %s", text + 4 if strncmp(text, b"ERR ", 4) == 0 else text, NULL)
                return
    reply_error(c, text)


cdef void quote(buf *out, view v, size_t most) noexcept nogil:
    """Truncates at `most` bytes."""
    cdef size_t i
    for i in range(min(v.len, most)):
        buf_add_char(out, v.ptr[i] if v.ptr[i] != 0 else c' ')


cdef bint is_http(call *c) noexcept nogil:
    """A browser can be made to send an HTTP request to this port, whose body contains commands."""
    return not c.session.in_process and (view_is(c.argv[0], b"post") or view_is(c.argv[0], b"host:"))


cdef void refuse_unknown(call *c) noexcept nogil:
    """Redis 6.2 has backticks, and commas between the words."""
    cdef bint commas = not replies_since(c.store, 70000, 70200)
    cdef char mark = c'`' if commas else c"'"
    cdef buf text
    cdef int i
    if is_http(c):
        log_line(c.store, LOG_WARNING, b"A client sent an HTTP request, perhaps an attack by a web page (cross-protocol scripting): its connection is closed")
        session_kill(c.session)
        return
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"ERR unknown command %c", mark)
    quote(&text, c.argv[0], 128)
    buf_printf(&text, b"%c, with args beginning with: ", mark)
    for i in range(1, c.argc):
        if text.len > 128 + 50 + 128:
            break
        buf_add_char(&text, mark)
        quote(&text, c.argv[i], 128)
        buf_add_char(&text, mark)
        if commas:
            buf_add_char(&text, c',')
        buf_add_char(&text, c' ')
    buf_add_char(&text, 0)
    if not text.failed:
        refuse(c, text.ptr, False)
    buf_release(&text)


cdef void refuse_subcommand(call *c, const command *container) noexcept nogil:
    cdef char text[256]
    cdef char name[64]
    cdef size_t i
    for i in range(container.name_len + 1):
        name[i] = container.name[i] - 32 if c'a' <= container.name[i] <= c'z' else container.name[i]
    snprintf(text, sizeof(text), b"ERR %s '%.*s'. Try %s HELP.",
             <const char *>b"unknown subcommand" if replies_since(c.store, 70000, 70200) else <const char *>b"Unknown subcommand or wrong number of arguments for",
             <int>min(c.argv[1].len, <size_t>128), c.argv[1].ptr, name)
    refuse(c, text, False)


cdef bint identify(call *c) noexcept nogil:
    """Finds the command; False: unknown, or wrong number of words, and the error is replied."""
    cdef const command *container
    cdef char text[128]
    c.command = called(c.store, c.argv, c.argc, &container)
    if c.command == NULL:
        if c.from_script:
            refuse(c, b"ERR Unknown Redis command called from script", False)
        elif container != NULL:
            refuse_subcommand(c, container)
        else:
            refuse_unknown(c)
        return False
    if not arity_fits(c.command, c.argc):
        if c.from_script:
            refuse(c, b"ERR Wrong number of args calling Redis command from script", False)
        else:
            snprintf(text, sizeof(text), b"ERR wrong number of arguments for '%s' command", c.command.name)
            refuse(c, text, False)
        return False
    c.flags = c.command.flags
    if c.command.narrow != NULL:
        c.flags = c.command.narrow(c)
    return True


cdef int ask(call *c, uint32_t raised) noexcept nogil:
    cdef int who = SCRIPTS if c.from_script else CLIENTS
    cdef const refusal *r
    cdef char text[DENIED_ROOM]
    cdef int i
    for i in range(ROWS):
        r = &REFUSALS[i]
        if not r.asked & who or (r.when and not r.when & raised) or not r.applies(c):
            continue
        if r.error != NULL:
            snprintf(text, sizeof(text), r.error, c.command.name)
        else:
            r.tell(c, text)
        refuse(c, text, r.bare)
        return REFUSED
    if raised & SPECIAL_PAUSED and not c.from_script and is_paused(
            c.session, flags_of_work(c) & (F_WRITE | F_MAY_REPLICATE)) and not c.session.in_process:
        c.session.paused = True
        return PAUSED
    return PASSED


cdef int gate(call *c) noexcept nogil:
    cdef uint32_t raised
    if not identify(c):
        return REFUSED
    if not c.from_script:
        c.session.last_command = c.command
    raised = c.store.special | c.session.special
    if raised == SPECIAL_RESTRICTED and not is_denied(c):      # no other row can apply
        raised = 0
    return ask(c, raised) if raised or c.from_script else PASSED
