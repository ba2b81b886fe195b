"""A connection to a master, from its greeting to the answer to PSYNC.

    TLS, if tls-replication asks for it | PING | AUTH | REPLCONF listening-port, ip-address, capa eof psync2 | PSYNC id offset -> +FULLRESYNC id offset, or +CONTINUE id

Everything here waits without the lock. What a master of an old version does not know is not asked for again.
"""

from libc.errno cimport ENOMEM
from libc.stdio cimport snprintf
from libc.string cimport memchr, strerror, strncmp

from kvd.core.text cimport INT_TEXT, format_int, parse_int
from kvd.core.view cimport view_of, view_str
from kvd.core.word cimport view_is_word
from kvd.net.context cimport context, context_for_masters, context_release
from kvd.replica.replication cimport HANDOVER_ASKED, HANDOVER_DONE, HANDOVER_REFUSED, LINK_SYNC
from kvd.replica.wire cimport ECANCELED, wire_command, wire_error, wire_init, wire_line, wire_open, wire_secure
from kvd.session.session cimport clients_of
from kvd.store.config cimport (
    OPT_MASTERAUTH, OPT_MASTERUSER, OPT_PORT, OPT_REPLICA_ANNOUNCE_IP, OPT_REPLICA_ANNOUNCE_PORT, OPT_REPL_TIMEOUT,
    OPT_TLS_PORT, OPT_TLS_REPLICATION, cfg, config, config_copy, config_init, config_release, config_text,
)
from kvd.store.lock cimport usleep
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line
from kvd.store.parts cimport PART_SERVER
from kvd.store.store cimport store_lock, store_unlock

cdef enum:
    AWAIT_US = 1000
    WORD_ROOM = 512            # of a user name or password
    CLAIMED = 90100            # the version of Valkey whose snapshots and streams are understood: 9.1


cdef void make_printable(char *text) noexcept nogil:
    while text[0]:
        if not 32 <= <unsigned char>text[0] != 127:
            text[0] = c'?'
        text += 1


cdef void tell(attempt *a, int level, const char *format, view what) noexcept nogil:
    cdef char text[700]
    snprintf(text, sizeof(text), format, <int>min(what.len, <size_t>400), what.ptr)
    make_printable(text)
    log_line(a.s, level, text)
    if level == LOG_WARNING:
        store_lock(a.s)
        snprintf(a.r.up.why, sizeof(a.r.up.why), b"%s", text)
        store_unlock(a.s)


cdef void lock_between_commands(attempt *a) noexcept nogil:
    store_lock(a.s)
    while clients_of(a.s).busy != NULL and not a.r.up.changed:
        store_unlock(a.s)
        usleep(AWAIT_US)
        store_lock(a.s)


cdef bint lost(attempt *a, const char *format) noexcept nogil:
    """False. The connection has failed; nothing is logged if it was to end."""
    if a.w.error != ECANCELED:
        tell(a, LOG_WARNING, format, view_str(wire_error(&a.w)))
    return False


cdef bint ask(attempt *a, int argc, const view *argv, view *line) noexcept nogil:
    return wire_command(&a.w, argc, argv) and wire_line(&a.w, line)


cdef bint begins(view line, const char *text) noexcept nogil:
    cdef view t = view_str(text)
    return line.len >= t.len and strncmp(line.ptr, text, t.len) == 0


# ---- the greeting ------------------------------------------------------------------------------------

cdef bint connect(attempt *a) noexcept nogil:
    cdef int64_t seconds
    cdef char text[HOST_ROOM + 64]
    store_lock(a.s)
    seconds = cfg(&a.s.config, OPT_REPL_TIMEOUT)
    store_unlock(a.s)
    snprintf(text, sizeof(text), b"Connecting to MASTER %s:%d", a.host, a.port)
    log_line(a.s, LOG_NOTICE, text)
    wire_init(&a.w, 1000 * seconds, &a.r.up.changed)
    if not wire_open(&a.w, a.host, a.port):
        return lost(a, b"Error condition on socket for SYNC: %.*s")
    log_line(a.s, LOG_NOTICE, b"MASTER <-> REPLICA sync started")
    store_lock(a.s)
    a.r.up.fd = a.w.line.fd
    store_unlock(a.s)
    return True


cdef bint encrypt(attempt *a) noexcept nogil:
    """If tls-replication asks for that. Files are read without the lock."""
    cdef config own
    cdef context x
    cdef char why[512]
    cdef bint ok, on
    config_init(&own)
    store_lock(a.s)
    on = cfg(&a.s.config, OPT_TLS_REPLICATION) and a.host[0] != c'/'
    ok = not on or config_copy(&own, &a.s.config)
    store_unlock(a.s)
    if on:
        snprintf(why, sizeof(why), b"%s", strerror(ENOMEM))
        ok = ok and context_for_masters(&x, &own, why, sizeof(why))
        if ok:
            ok = wire_secure(&a.w, &x, a.host) or lost(a, b"Error condition on socket for SYNC: %.*s")
            context_release(&x)
        else:
            tell(a, LOG_WARNING, b"The link to the master cannot be encrypted: %.*s", view_str(why))
    config_release(&own)
    return ok


cdef bint ping(attempt *a) noexcept nogil:
    cdef view word = view_str(b"PING")
    cdef view line
    if not ask(a, 1, &word, &line):
        return lost(a, b"Error reply to PING from master: '%.*s'")
    if begins(line, b"+") or begins(line, b"-NOAUTH") or begins(line, b"-NOPERM") or begins(line, b"-ERR operation not permitted"):
        log_line(a.s, LOG_NOTICE, b"Master replied to PING, replication can continue...")
        return True
    tell(a, LOG_WARNING, b"Error reply to PING from master: '%.*s'", line)
    return False


cdef bint log_in(attempt *a) noexcept nogil:
    cdef char user[WORD_ROOM]
    cdef char password[WORD_ROOM]
    cdef view argv[3]
    cdef view line
    cdef int n = 1
    store_lock(a.s)
    snprintf(user, WORD_ROOM, b"%s", config_text(&a.s.config, OPT_MASTERUSER))
    snprintf(password, WORD_ROOM, b"%s", config_text(&a.s.config, OPT_MASTERAUTH))
    store_unlock(a.s)
    if password[0] == 0:
        return True
    argv[0] = view_str(b"AUTH")
    if user[0]:
        argv[1] = view_str(user)
        n = 2
    argv[n] = view_str(password)
    if not ask(a, n + 1, argv, &line):
        return lost(a, b"Unable to AUTH to MASTER: %.*s")
    if begins(line, b"-"):
        tell(a, LOG_WARNING, b"Unable to AUTH to MASTER: %.*s", line)
        return False
    return True


cdef bint configure(attempt *a, const char *option, view value, view more) noexcept nogil:
    """REPLCONF option value; more: `capa` and a second capability. An error is not critical."""
    cdef view argv[5]
    cdef view line
    cdef char text[128]
    argv[0] = view_str(b"REPLCONF")
    argv[1] = argv[3] = view_str(option)
    argv[2] = value
    argv[4] = more
    if not ask(a, 5 if more.len else 3, argv, &line):
        return lost(a, b"Master is not able to accept REPLCONF: %.*s")
    if begins(line, b"-"):
        snprintf(text, sizeof(text), b"(Non critical) Master does not understand REPLCONF %s: %%.*s", option)
        tell(a, LOG_NOTICE, text, line)
    return True


cdef bint introduce(attempt *a) noexcept nogil:
    cdef char ip[HOST_ROOM]
    cdef char digits[INT_TEXT]
    cdef char version[32]
    cdef int64_t port
    cdef view none = view_of(NULL, 0)
    store_lock(a.s)
    port = cfg(&a.s.config, OPT_REPLICA_ANNOUNCE_PORT)
    if port == 0 and a.s.parts[<int>PART_SERVER] != NULL:      # without a server it listens nowhere
        port = cfg(&a.s.config, OPT_TLS_PORT) if cfg(&a.s.config, OPT_TLS_REPLICATION) else 0
        port = port or cfg(&a.s.config, OPT_PORT)
    snprintf(ip, HOST_ROOM, b"%s", config_text(&a.s.config, OPT_REPLICA_ANNOUNCE_IP))
    store_unlock(a.s)
    snprintf(version, sizeof(version), b"%d.%d.%d", <int>CLAIMED // 10000, <int>CLAIMED // 100 % 100, <int>CLAIMED % 100)
    return (configure(a, b"listening-port", view_of(digits, format_int(digits, port)), none)
            and (ip[0] == 0 or configure(a, b"ip-address", view_str(ip), none))
            and configure(a, b"capa", view_str(b"eof"), view_str(b"psync2"))
            and configure(a, b"capa", view_str(b"kvd"), none)
            and configure(a, b"version", view_str(version), none))


cdef bint shake_hands(attempt *a) noexcept nogil:
    return connect(a) and encrypt(a) and ping(a) and log_in(a) and introduce(a)


# ---- PSYNC -------------------------------------------------------------------------------------------

cdef bint next_field(view *rest, view *field) noexcept nogil:
    cdef const char *end
    while rest.len and rest.ptr[0] == c' ':
        rest.ptr += 1
        rest.len -= 1
    if rest.len == 0:
        return False
    end = <const char *>memchr(rest.ptr, c' ', rest.len)
    field[0] = view_of(rest.ptr, end - rest.ptr if end != NULL else rest.len)
    rest.ptr += field.len
    rest.len -= field.len
    return True


cdef bint read_answer(attempt *a, view line, bint needs_offset) noexcept nogil:
    """The id and the offset after the first word."""
    cdef view field
    next_field(&line, &field)
    if not next_field(&line, &field) or field.len != ID_ROOM - 1 or not view_is_word(field):
        return False
    snprintf(a.id, ID_ROOM, b"%.*s", <int>field.len, field.ptr)
    return not needs_offset or (next_field(&line, &field) and parse_int(field, &a.offset) and a.offset >= 0)


cdef bint request(attempt *a) noexcept nogil:
    """Where this store's history ends, if it has one."""
    cdef view argv[4]
    cdef char digits[INT_TEXT]
    cdef char id[ID_ROOM]
    cdef char text[128]
    cdef bint fails_over
    store_lock(a.s)
    fails_over = a.r.up.handover == HANDOVER_ASKED
    snprintf(id, ID_ROOM, b"%s", <const char *>a.r.id if a.r.kept and not a.r.stream.failed and not a.r.up.mistrusted else <const char *>b"?")
    argv[2] = view_of(digits, format_int(digits, a.r.stream.offset + 1 if id[0] != c'?' else -1))
    a.r.up.state = LINK_SYNC
    store_unlock(a.s)
    argv[0] = view_str(b"PSYNC")
    argv[1] = view_str(id)
    argv[3] = view_str(b"FAILOVER")
    if id[0] == c'?':
        log_line(a.s, LOG_NOTICE, b"Partial resynchronization not possible (no cached master)")
    else:
        snprintf(text, sizeof(text), b"Trying a partial resynchronization (request %s:%.*s).", id, <int>argv[2].len, argv[2].ptr)
        log_line(a.s, LOG_NOTICE, text)
    return wire_command(&a.w, 4 if fails_over else 3, argv)


cdef void note_handover(attempt *a, int answer) noexcept nogil:
    store_lock(a.s)
    if a.r.up.handover == HANDOVER_ASKED and not a.r.up.changed:
        a.r.up.handover = answer
    store_unlock(a.s)


cdef int ask_for_stream(attempt *a) noexcept nogil:
    cdef view line
    cdef char text[128]
    if not request(a):
        lost(a, b"Error sending PSYNC to master: %.*s")
        return SYNC_FAILED
    line.len = 0
    while line.len == 0:                       # a line break is a sign of life
        if not wire_line(&a.w, &line):
            lost(a, b"Master did not reply to PSYNC: %.*s")
            return SYNC_FAILED
    note_handover(a, HANDOVER_DONE if begins(line, b"+") else HANDOVER_REFUSED)
    if begins(line, b"+FULLRESYNC"):
        if not read_answer(a, line, True):
            tell(a, LOG_WARNING, b"Master replied with wrong +FULLRESYNC syntax: %.*s", line)
            return SYNC_FAILED
        snprintf(text, sizeof(text), b"Full resync from master: %s:%lld", a.id, <long long>a.offset)
        log_line(a.s, LOG_NOTICE, text)
        return SYNC_FULL
    if begins(line, b"+CONTINUE"):
        if not read_answer(a, line, False):
            a.id[0] = 0                        # it is still the same
        log_line(a.s, LOG_NOTICE, b"Successful partial resynchronization with master.")
        return SYNC_CONTINUED
    tell(a, LOG_WARNING, b"Master refuses to synchronize, it will be asked again: %.*s", line)
    return SYNC_FAILED
