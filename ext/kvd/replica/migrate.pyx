"""MIGRATE: keys are dumped, restored by another server, and deleted here.

The store's lock is held from the first key to the last deletion, so that the move is atomic for all clients, as where one thread serves all: no
client of this store gets a reply meanwhile. Each wait is bounded by the timeout of the command: the connection, each 64 KiB that is sent, and
each reply, also one that comes byte by byte. Other Python threads of a program that calls it go on, and a Ctrl-C ends the wait for replies.

All commands are sent before the replies are needed: AUTH if it is asked for, SELECT, a RESTORE for each key. A key is deleted only when its own
RESTORE was acknowledged, and AUTH and SELECT too; deleted keys are propagated as one DEL. As in Redis, a RESTORE after a SELECT or an AUTH that is
refused may have been executed: the key is then at both sides. The payloads have the lowest version that holds the value.

Every call makes a connection and closes it. A connection that is kept would have to be tried again when the other side has closed it, which
restores keys twice if only the reply was lost.
"""

from libc.errno cimport ECONNREFUSED
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memchr, memcpy, memset

from kvd.commands.keyed cimport delete_key
from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.entry cimport entry, entry_deadline
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.persist.rdb.frame cimport payload_close
from kvd.persist.rdb.values cimport value_save
from kvd.replica.wire cimport wire, wire_close, wire_data, wire_fill, wire_init, wire_line, wire_open, wire_send
from kvd.resp.writer cimport write_command, write_status
from kvd.run.args cimport arg_int, find_read, propagate_as, propagates, reply_error, reply_error_about, reply_ok
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.session cimport session
from kvd.store.clock cimport store_time
from kvd.store.config cimport OPT_CLUSTER_ENABLED, OPT_RDBCOMPRESSION, cfg
from kvd.store.effects cimport effect_word

cdef enum:
    USUAL_MS = 1000            # of a timeout that is not positive
    HOST_MAX = 256             # bytes of a host name
    PIECE = 65536              # bytes sent between two looks at the replies
    STEP_MS = 100              # between two looks for a Ctrl-C
    LONG_US = 1000000          # a time for which a script runs that releases the GIL
    ERROR_MAX = 1022           # bytes of an error of the other side that are passed on
    OPTIONS = 6                # the first argument that may be an option

cdef struct migration:
    session *who
    wire peer
    buf out                    # the commands
    buf keys                   # numbers of arguments, as ints: the keys that are sent; later those that were acknowledged
    buf error                  # the first error of the other side
    int64_t begun_us
    int64_t timeout            # ms
    int64_t db
    bint copy
    bint replace
    bint failed                # the other side has replied with an error
    int user                   # arguments; 0: not given
    int password
    int first                  # of the keys
    int end


# ---- arguments ---------------------------------------------------------------------------------------

cdef bint read_options(call *c, migration *m) noexcept nogil:
    """False: a syntax error, which is replied."""
    cdef int i = OPTIONS
    cdef int left
    m.first, m.end = 3, 4
    while i < c.argc:
        left = c.argc - 1 - i
        if view_is(c.argv[i], b"copy"):
            m.copy = True
        elif view_is(c.argv[i], b"replace"):
            m.replace = True
        elif view_is(c.argv[i], b"auth") and left >= 1:
            m.password = i + 1
            i += 1
        elif view_is(c.argv[i], b"auth2") and left >= 2:
            m.user, m.password = i + 1, i + 2
            i += 2
        elif view_is(c.argv[i], b"keys"):
            m.first, m.end = i + 1, c.argc
            break
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    if m.end == c.argc and m.first > OPTIONS and c.argv[3].len:
        reply_error(c, b"ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
        return False
    return True


cdef bint read_migration(call *c, migration *m) noexcept nogil:
    if not read_options(c, m) or not arg_int(c, 5, &m.timeout) or not arg_int(c, 4, &m.db):
        return False
    if m.timeout <= 0:
        m.timeout = USUAL_MS
    return True


# ---- what is sent ------------------------------------------------------------------------------------

cdef view number(int64_t n, char *text) noexcept nogil:
    return view_of(text, snprintf(text, 24, b"%lld", <long long>n))


cdef void write_login(call *c, migration *m) noexcept nogil:
    cdef view words[3]
    cdef int n = 1
    cdef char text[24]
    if m.password:
        words[0] = view_of(b"AUTH", 4)
        if m.user:
            words[1] = c.argv[m.user]
            n = 2
        words[n] = c.argv[m.password]
        write_command(&m.out, n + 1, words)
    words[0] = view_of(b"SELECT", 6)
    words[1] = number(m.db, text)
    write_command(&m.out, 2, words)


cdef void write_key(call *c, migration *m, int at, entry *e) noexcept nogil:
    cdef view words[5]
    cdef char text[24]
    cdef buf payload
    cdef int64_t ttl = max(entry_deadline(e) - c.store.now, <int64_t>1) if entry_deadline(e) >= 0 else 0
    memset(&payload, 0, sizeof(payload))
    payload_close(&payload, value_save(c.store, &payload, e, cfg(&c.store.config, OPT_RDBCOMPRESSION)))
    words[0] = view_of(b"RESTORE-ASKING", 14 if cfg(&c.store.config, OPT_CLUSTER_ENABLED) else 7)
    words[1] = c.argv[at]
    words[2] = number(ttl, text)
    words[3] = view_of(payload.ptr, payload.len)
    words[4] = view_of(b"REPLACE", 7)
    if payload.failed:
        m.out.failed = True
    else:
        write_command(&m.out, 5 if m.replace else 4, words)
    buf_release(&payload)
    buf_add(&m.keys, &at, sizeof(int))


cdef void gather(call *c, migration *m) noexcept nogil:
    """Writes the commands for the keys that there are."""
    cdef int i
    cdef uint64_t hash
    cdef entry *e
    write_login(c, m)
    for i in range(m.first, m.end):
        e = find_read(c, c.argv[i], &hash)
        if e != NULL:
            write_key(c, m, i, e)


cdef bint connects(call *c, migration *m) noexcept nogil:
    """A path is no host: clients of this store have no business with the sockets of its machine's file system."""
    cdef char host[HOST_MAX]
    cdef view name = c.argv[1]
    cdef int64_t port
    if not 0 < name.len < HOST_MAX or name.ptr[0] == c'/' or memchr(name.ptr, 0, name.len) != NULL:
        return False
    if not parse_int(c.argv[2], &port) or not 0 < port < 65536:
        m.peer.error = ECONNREFUSED
        return False
    memcpy(host, name.ptr, name.len)
    host[name.len] = 0
    return wire_open(&m.peer, host, <int>port)


cdef bint sends(migration *m) noexcept nogil:
    """All of it. Replies are taken meanwhile, so that the other side never waits for this one while it is waited for; what is wrong with them is found
    when they are read."""
    cdef size_t at = 0
    cdef size_t n
    while at < m.out.len:
        n = min(m.out.len - at, <size_t>PIECE)
        if not wire_send(&m.peer, m.out.ptr + at, n):
            return False
        wire_fill(&m.peer, 0)
        at += n
    return True


cdef bint goes_on(migration *m) noexcept nogil:
    """In the thread of a Python program, lets its other threads run. False: it was interrupted."""
    return not m.who.in_process or m.who.relax == NULL or m.who.relax(m.who, False, LONG_US + mono_us() - m.begun_us)


# ---- what is replied ---------------------------------------------------------------------------------

cdef bint next_reply(migration *m, view *line) noexcept nogil:
    """The next reply, valid until the next call; False: it has not come in time, or the connection has ended."""
    cdef int64_t until = mono_us() + m.timeout * 1000
    cdef int64_t left
    cdef view have = wire_data(&m.peer)
    while not have.len or memchr(have.ptr, c'\n', have.len) == NULL:
        left = (until - mono_us() + 999) // 1000
        if left <= 0 or have.len > PIECE or not goes_on(m) or wire_fill(&m.peer, min(left, <int64_t>STEP_MS)) < 0:
            return False
        have = wire_data(&m.peer)
    return wire_line(&m.peer, line)


cdef bint reads(migration *m, bint *accepted) noexcept nogil:
    """A reply, and whether it is no error; the first error is kept. False: there is none."""
    cdef view line
    cdef size_t i
    if not next_reply(m, &line):
        return False
    accepted[0] = not line.len or line.ptr[0] != c'-'
    if accepted[0] or m.failed:
        return True
    m.failed = True
    buf_add(&m.error, line.ptr + 1, min(line.len - 1, <size_t>ERROR_MAX))
    for i in range(m.error.len):
        if <unsigned char>m.error.ptr[i] < 32:
            m.error.ptr[i] = c' '          # it becomes a part of a line
    return True


cdef bint read_replies(migration *m) noexcept nogil:
    """Leaves the acknowledged keys in m.keys. False: the connection has failed before the last of them."""
    cdef int *keys = <int *>m.keys.ptr
    cdef int n = <int>(m.keys.len // sizeof(int))
    cdef int i, _i
    cdef bint opened = True
    cdef bint accepted = True
    m.keys.len = 0
    for _i in range(2 if m.password else 1):
        if not reads(m, &accepted):
            return False
        opened = opened and accepted
    for i in range(n):
        if not reads(m, &accepted):
            return False
        if opened and accepted:
            keys[m.keys.len // sizeof(int)] = keys[i]
            m.keys.len += sizeof(int)
    return True


cdef void delete_acknowledged(call *c, migration *m) noexcept nogil:
    cdef int *keys = <int *>m.keys.ptr
    cdef int n = <int>(m.keys.len // sizeof(int))
    cdef int i
    for i in range(n):
        delete_key(c, c.db, c.argv[keys[i]], b"del")
    if n and propagates(c):
        propagate_as(c, b"DEL", n + 1)
        for i in range(n):
            effect_word(&c.store.effects, c.argv[keys[i]])


cdef void transfer(call *c, migration *m) noexcept nogil:
    cdef bint whole
    goes_on(m)
    if not connects(c, m) and m.peer.error != ECONNREFUSED:
        reply_error(c, b"IOERR error or timeout connecting to the client")
        return
    if m.peer.line.fd < 0 or not sends(m):      # a connection that is refused is one that cannot be written to: Redis does not look
        reply_error(c, b"IOERR error or timeout writing to target instance")
        return
    whole = read_replies(m)
    if not m.copy:
        delete_acknowledged(c, m)
    if m.failed:
        reply_error_about(c, b"ERR Target instance replied with error: %.*s", view_of(m.error.ptr, m.error.len))
    elif whole:
        reply_ok(c)
    else:
        reply_error(c, b"IOERR error or timeout reading to target instance")


define(migrate_command, """
    MIGRATE host port <key | ""> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] [KEYS key [key ...]]
    write dangerous keyspace | generic | 2.6.0 | O(N) where N is the size of the values, and the time of the transfer
    Move keys to another server atomically.
    keys: RW access delete; RW access delete incomplete
    words: -2 KEYS
    tips: nondeterministic_output
    secret: AUTH 1; AUTH2 2
""")
cdef void migrate_command(call *c) noexcept nogil:
    cdef migration m
    memset(&m, 0, sizeof(m))
    if not read_migration(c, &m):
        return
    m.who = c.session
    m.begun_us = mono_us()
    wire_init(&m.peer, m.timeout, NULL)
    gather(c, &m)
    if m.out.failed or m.keys.failed:
        reply_error(c, NO_MEMORY)
    elif not m.keys.len:
        write_status(c.out, b"NOKEY")
    else:
        transfer(c, &m)
        store_time(c.store)
    wire_close(&m.peer)
    buf_release(&m.out)
    buf_release(&m.keys)
    buf_release(&m.error)
