"""Commands of the connection: PING, HELLO, AUTH, SELECT and CLIENT."""

from libc.limits cimport INT_MAX, INT_MIN
from libc.stdint cimport int64_t
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is, view_of, view_str
from kvd.core.word cimport view_is_word
from kvd.resp.writer cimport write_status, write_verbatim
from kvd.run.acl.access cimport session_becomes, user_with
from kvd.run.acl.enforce cimport note_login_denied
from kvd.run.acl.users cimport user
from kvd.run.after cimport end_wait
from kvd.run.args cimport (
    arg_int, arg_int_within, reply_array, reply_bulk, reply_error, reply_error_about, reply_errorf, reply_int,
    reply_map, reply_null, reply_ok, reply_text,
)
from kvd.run.call cimport call
from kvd.run.client_line cimport print_client
from kvd.run.emulation cimport redis_version, valkey_version
from kvd.run.errors cimport DB_RANGE, SYNTAX
from kvd.run.registry cimport define
from kvd.session.clients cimport session_reset
from kvd.session.session cimport (
    REPLY_OFF, REPLY_ON, REPLY_SKIP_NEXT, buf_set, client_by_id, clients_of, is_authenticated, is_listening, pause_set,
    session, session_end, session_replies,
)
from kvd.store.config cimport OPT_AVAILABILITY_ZONE, OPT_CLUSTER_ENABLED, OPT_DATABASES, OPT_IMPORT_MODE, cfg, config_text
from kvd.store.store cimport SPECIAL_NO_TOUCH, SPECIAL_REPLICA, special_set

define(ping_command, """
    PING [message]
    fast listening | connection | 1.0.0 | O(1)
    Return PONG, or the message.
    tips: request_policy:all_shards response_policy:all_succeeded
""")
cdef void ping_command(call *c) noexcept nogil:
    if c.argc > 2:
        reply_errorf(c, b"ERR wrong number of arguments for '%s' command", b"ping", NULL)
    elif c.proto < 3 and is_listening(c.session):
        reply_array(c, 2)
        reply_text(c, b"pong")
        reply_bulk(c, c.argv[1] if c.argc == 2 else view_of(b"", 0))
    elif c.argc == 2:
        reply_bulk(c, c.argv[1])
    else:
        write_status(c.out, b"PONG")


define(echo_command, """
    ECHO message
    loading stale fast | connection | 1.0.0 | O(1)
    Return the message.
""")
cdef void echo_command(call *c) noexcept nogil:
    reply_bulk(c, c.argv[1])


cdef bint authenticate(call *c, view name, view password) noexcept nogil:
    """False: refused, and the error is replied."""
    cdef user *u = user_with(c.store, name, password)
    if u != NULL:
        session_becomes(c.session, u)
        return True
    note_login_denied(c, name)
    reply_error(c, b"WRONGPASS invalid username-password pair or user is disabled.")
    return False


define(auth_command, """
    AUTH [username] password
    noscript loading stale fast no_auth allow_busy | connection | 1.0.0 | O(1)
    Authenticate as a user, or as the default user, whose password requirepass sets.
    secret: 1 -1
""")
cdef void auth_command(call *c) noexcept nogil:
    if c.argc > 3:
        reply_error(c, SYNTAX)
        return
    if c.argc == 2 and clients_of(c.store).passwordless:
        reply_error(c, b"ERR AUTH <password> called without any password configured for the default user. "
                       b"Are you sure your configuration is correct?")
        return
    if authenticate(c, view_str(b"default") if c.argc == 2 else c.argv[1], c.argv[c.argc - 1]):
        reply_ok(c)


cdef bint set_name(call *c, view name) noexcept nogil:
    if not view_is_word(name):
        reply_error(c, b"ERR Client names cannot contain spaces, newlines or special characters.")
        return False
    buf_set(&c.session.name, name)
    return True


define(hello_command, """
    HELLO [protover [AUTH username password] [SETNAME clientname]]
    noscript loading stale fast no_auth allow_busy | connection | 6.0.0 | O(1)
    Negotiate the protocol version and, optionally, authenticate and set the connection name.
    secret: AUTH 2
""")
cdef void hello_command(call *c) noexcept nogil:
    cdef const char *zone = config_text(&c.store.config, OPT_AVAILABILITY_ZONE)
    cdef const char *valkey = valkey_version(c.store)
    cdef int64_t version = c.session.proto
    cdef int i = 2
    cdef int name_at = 0
    if c.argc >= 2:
        if not parse_int(c.argv[1], &version):
            reply_error(c, b"ERR Protocol version is not an integer or out of range")
            return
        if version < 2 or version > 3:
            reply_error(c, b"NOPROTO unsupported protocol version")
            return
    while i < c.argc:
        if view_is(c.argv[i], b"auth") and i + 2 < c.argc:
            if not authenticate(c, c.argv[i + 1], c.argv[i + 2]):
                return
            i += 3
        elif view_is(c.argv[i], b"setname") and i + 1 < c.argc:
            if not view_is_word(c.argv[i + 1]):
                set_name(c, c.argv[i + 1])
                return
            name_at = i + 1
            i += 2
        else:
            reply_error_about(c, b"ERR Syntax error in HELLO option '%.*s'", c.argv[i])
            return
    if not is_authenticated(c.session):
        reply_error(c, b"NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> "
                       b"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol "
                       b"version at the same time")
        return
    if name_at:
        set_name(c, c.argv[name_at])
    c.session.proto = c.proto = <int>version
    reply_map(c, 7 + (zone[0] != 0))
    reply_text(c, b"server")
    reply_text(c, b"redis" if valkey == NULL else b"valkey")
    reply_text(c, b"version")
    reply_text(c, redis_version(c.store) if valkey == NULL else valkey)
    reply_text(c, b"proto")
    reply_int(c, version)
    reply_text(c, b"id")
    reply_int(c, c.session.id)
    reply_text(c, b"mode")
    reply_text(c, b"standalone")
    reply_text(c, b"role")
    reply_text(c, b"replica" if c.store.special & SPECIAL_REPLICA else b"master")
    reply_text(c, b"modules")
    reply_array(c, 0)
    if zone[0] != 0:
        reply_text(c, b"availability_zone")
        reply_text(c, zone)


define(select_command, """
    SELECT index
    loading stale fast | connection | 1.0.0 | O(1)
    Select the database of the connection.
    databases: 1 1 elsewhere
""")
cdef void select_command(call *c) noexcept nogil:
    cdef int64_t n
    if not arg_int_within(c, 1, INT_MIN, INT_MAX, &n):
        return
    if n < 0 or n >= cfg(&c.store.config, OPT_DATABASES):
        reply_error(c, DB_RANGE)
    elif n and cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        reply_error(c, b"ERR SELECT is not allowed in cluster mode")
    else:
        c.session.db = <int>n
        reply_ok(c)


define(quit_command, """
    QUIT
    noscript loading stale fast no_auth allow_busy listening in_multi | connection | 1.0.0 | O(1)
    Close the connection.
    arity: -1
""")
cdef void quit_command(call *c) noexcept nogil:
    session_end(c.session)
    reply_ok(c)


define(reset_command, """
    RESET
    noscript loading stale fast no_auth allow_busy listening in_multi | connection | 6.2.0 | O(1)
    Reset the state of the connection.
""")
cdef void reset_command(call *c) noexcept nogil:
    session_reset(c.session)
    c.proto = 2
    write_status(c.out, b"RESET")


# ---- CLIENT -----------------------------------------------------------------------------------------

define(client_id, """
    CLIENT|ID
    noscript loading stale keeps_caching | connection | 5.0.0 | O(1)
    Return the id of the connection.
""")
cdef void client_id(call *c) noexcept nogil:
    reply_int(c, c.session.id)


define(client_getname, """
    CLIENT|GETNAME
    noscript loading stale keeps_caching | connection | 2.6.9 | O(1)
    Return the name of the connection.
""")
cdef void client_getname(call *c) noexcept nogil:
    if c.session.name.len:
        reply_bulk(c, view_of(c.session.name.ptr, c.session.name.len))
    else:
        reply_null(c)


define(client_setname, """
    CLIENT|SETNAME connection-name
    noscript loading stale keeps_caching | connection | 2.6.9 | O(1)
    Set the name of the connection.
""")
cdef void client_setname(call *c) noexcept nogil:
    if set_name(c, c.argv[2]):
        reply_ok(c)


define(client_setinfo, """
    CLIENT|SETINFO attribute value
    noscript loading stale keeps_caching | connection | 7.2.0 | O(1)
    Set the name or version of the client library (LIB-NAME, LIB-VER).
""")
cdef void client_setinfo(call *c) noexcept nogil:
    cdef buf *target
    if view_is(c.argv[2], b"lib-name"):
        target = &c.session.lib_name
    elif view_is(c.argv[2], b"lib-ver"):
        target = &c.session.lib_ver
    else:
        reply_error_about(c, b"ERR Unrecognized option '%.*s'", c.argv[2])
        return
    if not view_is_word(c.argv[3]):
        reply_errorf(c, b"ERR %s cannot contain spaces, newlines or special characters.",
                     <const char *>b"lib-name" if target == &c.session.lib_name else <const char *>b"lib-ver", NULL)
        return
    buf_set(target, c.argv[3])
    reply_ok(c)


define(client_info, """
    CLIENT|INFO
    noscript loading stale keeps_caching | connection | 6.2.0 | O(1)
    Return information about the connection.
    tips: nondeterministic_output
""")
cdef void client_info(call *c) noexcept nogil:
    cdef buf text
    memset(&text, 0, sizeof(text))
    print_client(c.session, &text)
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


define(client_capa, """
    CLIENT|CAPA capability [capability ...]
    noscript loading stale allow_busy keeps_caching | connection | 8.0.0 | O(1)
    Tell what the client is capable of: with REDIRECT, a replica answers its reads and writes with the address of the master. Others are ignored.
    valkey: only
""")
cdef void client_capa(call *c) noexcept nogil:
    cdef int i
    for i in range(2, c.argc):
        if view_is(c.argv[i], b"redirect"):
            c.session.redirects = True
    reply_ok(c)


define(client_import_source, """
    CLIENT|IMPORT-SOURCE <ON | OFF>
    noscript loading stale keeps_caching | connection | 8.1.0 | O(1)
    While import-mode is on: choose whether the connection sees keys that have expired, as the source of an import has to.
    valkey: only
""")
cdef void client_import_source(call *c) noexcept nogil:
    cdef int on
    if not cfg(&c.store.config, OPT_IMPORT_MODE):
        reply_error(c, b"ERR Server is not in import mode")
        return
    on = read_switch(c)
    if on >= 0:
        c.session.import_source = on
        reply_ok(c)


define(client_unblock, """
    CLIENT|UNBLOCK client-id [TIMEOUT | ERROR]
    admin noscript loading stale keeps_caching | connection | 5.0.0 | O(1)
    Unblock a connection as if it had timed out, or with an error.
""")
cdef void client_unblock(call *c) noexcept nogil:
    cdef int64_t id
    cdef session *s
    if c.argc == 4 and not view_is(c.argv[3], b"timeout") and not view_is(c.argv[3], b"error"):
        reply_error(c, b"ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
        return
    if not arg_int(c, 2, &id):
        return
    s = client_by_id(c.store, id)
    if s == NULL or s.wait == NULL:
        reply_int(c, 0)
        return
    if c.argc == 4 and view_is(c.argv[3], b"error"):
        end_wait(s, b"UNBLOCKED client unblocked via CLIENT UNBLOCK")
    else:
        end_wait(s, NULL)
    reply_int(c, 1)


define(client_pause, """
    CLIENT|PAUSE timeout [WRITE | ALL]
    admin noscript loading stale keeps_caching | connection | 3.0.0 | O(1)
    Suspend the commands, or only the writes, of all connections for some milliseconds.
""")
cdef void client_pause(call *c) noexcept nogil:
    cdef int64_t ms
    cdef bint writes_only = False
    if c.argc == 4:
        if view_is(c.argv[3], b"write"):
            writes_only = True
        elif not view_is(c.argv[3], b"all"):
            reply_error(c, b"ERR CLIENT PAUSE mode must be WRITE or ALL")
            return
    if not parse_int(c.argv[2], &ms) or ms > <int64_t>0x7FFFFFFFFFFFFFFFLL - c.store.now:
        reply_error(c, b"ERR timeout is not an integer or out of range")
        return
    if ms < 0:
        reply_error(c, b"ERR timeout is negative")
        return
    pause_set(c.store, max(c.store.now + ms, c.store.paused_until), writes_only)
    reply_ok(c)


define(client_unpause, """
    CLIENT|UNPAUSE
    admin noscript loading stale keeps_caching | connection | 6.2.0 | O(N) where N is the number of paused connections
    Resume the commands suspended by CLIENT PAUSE.
""")
cdef void client_unpause(call *c) noexcept nogil:
    pause_set(c.store, 0, False)
    reply_ok(c)


cdef int read_switch(call *c) noexcept nogil:
    """1 for ON, 0 for OFF; -1: neither, and the error is replied."""
    if view_is(c.argv[2], b"on"):
        return 1
    if view_is(c.argv[2], b"off"):
        return 0
    reply_error(c, SYNTAX)
    return -1


define(client_reply, """
    CLIENT|REPLY <ON | OFF | SKIP>
    noscript loading stale keeps_caching | connection | 3.2.0 | O(1)
    Choose whether the server replies to all commands, to none, or not to the next one.
""")
cdef void client_reply(call *c) noexcept nogil:
    if view_is(c.argv[2], b"skip"):
        if c.session.reply == REPLY_ON:
            session_replies(c.session, REPLY_SKIP_NEXT)
        return
    cdef int on = read_switch(c)
    if on == 1:
        session_replies(c.session, REPLY_ON)
        reply_ok(c)
    elif on == 0:
        session_replies(c.session, REPLY_OFF)


define(client_no_evict, """
    CLIENT|NO-EVICT <ON | OFF>
    admin noscript loading stale keeps_caching | connection | 7.0.0 | O(1)
    Exempt the connection from client eviction.
""")
cdef void client_no_evict(call *c) noexcept nogil:
    cdef int on = read_switch(c)
    if on >= 0:
        c.session.no_evict = on
        reply_ok(c)


define(client_no_touch, """
    CLIENT|NO-TOUCH <ON | OFF>
    noscript loading stale keeps_caching | connection | 7.2.0 | O(1)
    Choose whether the connection's commands update the access clocks of keys.
""")
cdef void client_no_touch(call *c) noexcept nogil:
    cdef int on = read_switch(c)
    if on >= 0:
        special_set(&c.session.special, SPECIAL_NO_TOUCH, on)
        reply_ok(c)
