"""The ACL command."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_add_char, buf_printf, buf_release
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view, view_equal, view_is, view_of, view_str
from kvd.core.word cimport view_has_space
from kvd.resp.writer cimport write_double, write_set
from kvd.run.acl.access cimport user_leaves, user_of
from kvd.run.acl.check cimport DENIED_CHANNEL, DENIED_COMMAND, DENIED_KEY, PERMITTED, check_words, denial
from kvd.run.acl.declare cimport user_set, users_load, users_save
from kvd.run.acl.describe cimport (
    describe_channels, describe_commands, describe_databases, describe_keys, describe_password, describe_user,
)
from kvd.run.acl.log cimport denial_name, denials_of, denied, log_reset
from kvd.run.acl.rules cimport RULE_MEMORY, RULE_RIGHT, rule_error, rule_error_text, rules_merge
from kvd.run.acl.users cimport acl, acl_of, selector, user, user_name, user_named, users_remove
from kvd.run.args cimport (
    arg_int, reply_array, reply_bulk, reply_error, reply_error_about, reply_errorf, reply_int, reply_map, reply_null,
    reply_ok, reply_text,
)
from kvd.run.call cimport F_CONTAINER, arity_fits, call, command
from kvd.run.emulation cimport NEVER, known, replies_like_valkey, replies_since
from kvd.run.errors cimport NO_MEMORY
from kvd.run.registry cimport category_bit, category_name, command_at, command_count, define
from kvd.run.renames cimport called
from kvd.store.config cimport OPT_ACLFILE, config_text

cdef extern from "<unistd.h>" nogil:
    int getentropy(void *buffer, size_t n)

cdef enum:
    BITS = 256                 # of GENPASS
    MOST_BITS = 4096
    MOST_BYTES = 512
    SHOWN = 10                 # entries of LOG

cdef const char *NO_FILE = (
    b"ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then "
    b"issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
)


cdef void reply_arguments(call *c, const char *name) noexcept nogil:
    reply_errorf(c, b"ERR unknown subcommand or wrong number of arguments for '%s'. Try ACL HELP.", name, NULL)


ctypedef void (*describing)(const selector *x, buf *out) noexcept nogil


cdef void reply_described(call *c, const selector *x, describing describe) noexcept nogil:
    cdef buf text
    memset(&text, 0, sizeof(text))
    describe(x, &text)
    reply_bulk(c, view_of(text.ptr, text.len))
    buf_release(&text)


# ---- users -------------------------------------------------------------------------------------------

define(acl_whoami, """
    ACL|WHOAMI
    noscript loading stale | server | 6.0.0 | O(1)
    Return the name of the user of the connection.
""")
cdef void acl_whoami(call *c) noexcept nogil:
    reply_bulk(c, user_name(user_of(c.session)))


define(acl_users, """
    ACL|USERS
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of users
    Return the names of all users.
""")
cdef void acl_users(call *c) noexcept nogil:
    cdef acl *a = acl_of(c.store)
    cdef int i
    reply_array(c, a.count)
    for i in range(a.count):
        reply_bulk(c, user_name(a.users[i]))


cdef inline bint shows_sanitizing(call *c) noexcept nogil:
    return replies_since(c.store, 70200, 0) and not replies_like_valkey(c.store, 90100)


define(acl_list, """
    ACL|LIST
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of users
    Return all users as the rules that make them.
""")
cdef void acl_list(call *c) noexcept nogil:
    cdef acl *a = acl_of(c.store)
    cdef buf text
    cdef int i
    memset(&text, 0, sizeof(text))
    reply_array(c, a.count)
    for i in range(a.count):
        text.len = 0
        describe_user(a.users[i], shows_sanitizing(c), &text)
        reply_bulk(c, view_of(text.ptr, text.len))
    buf_release(&text)


cdef void reply_flags(call *c, const user *u) noexcept nogil:
    cdef bint sanitizing = shows_sanitizing(c)
    write_set(c.out, 1 + u.nopass + sanitizing, c.proto)
    reply_text(c, b"on" if u.enabled else b"off")
    if u.nopass:
        reply_text(c, b"nopass")
    if sanitizing:
        reply_text(c, b"skip-sanitize-payload" if u.skips_sanitizing else b"sanitize-payload")


cdef void reply_passwords(call *c, const user *u) noexcept nogil:
    cdef buf text
    cdef int i
    memset(&text, 0, sizeof(text))
    reply_array(c, u.password_count)
    for i in range(u.password_count):
        text.len = 0
        describe_password(u, i, &text)
        reply_bulk(c, view_of(text.ptr, text.len))
    buf_release(&text)


cdef inline bint shows_databases(call *c, const selector *x) noexcept nogil:
    """They are Valkey's. Redis's users see them if they are restricted."""
    return not x.every_database or replies_like_valkey(c.store, 90100)


cdef inline int rows_of(call *c, const selector *x) noexcept nogil:
    return 3 + shows_databases(c, x)


cdef void reply_selector(call *c, const selector *x) noexcept nogil:
    reply_text(c, b"commands")
    reply_described(c, x, describe_commands)
    reply_text(c, b"keys")
    reply_described(c, x, describe_keys)
    reply_text(c, b"channels")
    reply_described(c, x, describe_channels)
    if shows_databases(c, x):
        reply_text(c, b"databases")
        reply_described(c, x, describe_databases)


cdef void reply_further(call *c, const selector *x) noexcept nogil:
    cdef const selector *one = x
    cdef int n = 0
    while one != NULL:
        n += 1
        one = one.next
    reply_array(c, n)
    while x != NULL:
        reply_map(c, rows_of(c, x))
        reply_selector(c, x)
        x = x.next


define(acl_getuser, """
    ACL|GETUSER username
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of passwords and rules of the user
    Return the flags, passwords and rules of a user.
""")
cdef void acl_getuser(call *c) noexcept nogil:
    cdef user *u = user_named(c.store, c.argv[2])
    if u == NULL:
        reply_null(c)
        return
    reply_map(c, 3 + rows_of(c, u.first))
    reply_text(c, b"flags")
    reply_flags(c, u)
    reply_text(c, b"passwords")
    reply_passwords(c, u)
    reply_selector(c, u.first)
    reply_text(c, b"selectors")
    reply_further(c, u.first.next)


# ---- changes -----------------------------------------------------------------------------------------

cdef void set_user(call *c, const view *rules, int count) noexcept nogil:
    cdef view failed
    cdef rule_error found = user_set(c.store, c.argv[2], rules, count, &failed)
    cdef buf text
    if found == RULE_RIGHT:
        reply_ok(c)
        return
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"ERR Error in ACL SETUSER modifier '%.*s': %s", <int>min(failed.len, <size_t>4096), failed.ptr, rule_error_text(found))
    buf_add_char(&text, 0)
    reply_error(c, NO_MEMORY if text.failed or found == RULE_MEMORY else text.ptr)
    buf_release(&text)


define(acl_setuser, """
    ACL|SETUSER username [rule [rule ...]]
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of rules
    Create a user, or change it: by all rules, or by none after an error.
    tips: request_policy:all_nodes response_policy:all_succeeded
    secret: 2 -1
""")
cdef void acl_setuser(call *c) noexcept nogil:
    cdef size_t bytes = 1
    cdef view *rules
    cdef char *room
    cdef int i
    cdef int n
    if view_has_space(c.argv[2]):
        reply_error(c, b"ERR Usernames can't contain spaces or null characters")
        return
    for i in range(3, c.argc):
        bytes += c.argv[i].len + 1
    rules = <view *>malloc(c.argc * sizeof(view))
    room = <char *>malloc(bytes)
    if rules == NULL or room == NULL:
        reply_error(c, NO_MEMORY)
    elif rules_merge(c.argv + 3, c.argc - 3, rules, &n, room):
        set_user(c, rules, n)
    else:
        reply_error_about(c, b"ERR Unmatched parenthesis in acl selector starting at '%.*s'.", c.argv[3 + n])
    free(rules)
    free(room)


define(acl_deluser, """
    ACL|DELUSER username [username ...]
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of connections
    Delete users, and close their connections.
    tips: request_policy:all_nodes response_policy:all_succeeded
""")
cdef void acl_deluser(call *c) noexcept nogil:
    cdef user *u
    cdef int64_t n = 0
    cdef int i
    for i in range(2, c.argc):
        if view_equal(c.argv[i], view_str(b"default")):
            reply_error(c, b"ERR The 'default' user cannot be removed")
            return
    for i in range(2, c.argc):
        u = user_named(c.store, c.argv[i])
        if u != NULL:
            user_leaves(c.store, u)
            users_remove(acl_of(c.store), u)
            n += 1
    reply_int(c, n)


# ---- files -------------------------------------------------------------------------------------------

define(acl_load, """
    ACL|LOAD
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of users
    Replace all users by those of the file of users, or none after an error.
""")
cdef void acl_load(call *c) noexcept nogil:
    cdef const char *path = config_text(&c.store.config, OPT_ACLFILE)
    cdef buf error
    cdef buf text
    if path[0] == 0:
        reply_error(c, NO_FILE)
        return
    memset(&error, 0, sizeof(error))
    memset(&text, 0, sizeof(text))
    if users_load(c.store, path, &error):
        reply_ok(c)
    else:
        buf_printf(&text, b"ERR %.*s", <int>error.len, error.ptr)
        buf_add_char(&text, 0)
        reply_error(c, NO_MEMORY if text.failed else text.ptr)
    buf_release(&text)
    buf_release(&error)


define(acl_save, """
    ACL|SAVE
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of users
    Write all users into the file of users.
    tips: request_policy:all_nodes response_policy:all_succeeded
""")
cdef void acl_save(call *c) noexcept nogil:
    cdef const char *path = config_text(&c.store.config, OPT_ACLFILE)
    cdef buf error
    if path[0] == 0:
        reply_error(c, NO_FILE)
        return
    memset(&error, 0, sizeof(error))
    if users_save(c.store, path, &error):
        reply_ok(c)
    else:
        reply_error(c, b"ERR There was an error trying to save the ACLs. Please check the server logs for more information")
    buf_release(&error)


# ---- questions ---------------------------------------------------------------------------------------

cdef inline bint is_listed(call *c, const command *d, uint64_t bit) noexcept nogil:
    """Containers are not, their subcommands are."""
    return d.categories & bit != 0 and not d.flags & F_CONTAINER and known(c.store, d) != NULL


cdef void reply_commands_of(call *c, uint64_t bit) noexcept nogil:
    cdef const command *d
    cdef int64_t n = 0
    cdef int i
    for i in range(command_count()):
        d = command_at(i)
        n += is_listed(c, d, bit)
    reply_array(c, n)
    for i in range(command_count()):
        d = command_at(i)
        if is_listed(c, d, bit):
            reply_text(c, d.name)


cdef void reply_categories(call *c) noexcept nogil:
    cdef int n = 0
    cdef int i
    while category_name(n) != NULL:
        n += 1
    n -= not replies_since(c.store, 80800, NEVER)      # the last one is that of arrays
    reply_array(c, n)
    for i in range(n):
        reply_text(c, category_name(i))


define(acl_cat, """
    ACL|CAT [category]
    noscript loading stale | server | 6.0.0 | O(N) where N is the number of commands
    Return the categories of commands, or the commands of a category.
""")
cdef void acl_cat(call *c) noexcept nogil:
    cdef uint64_t bit
    if c.argc > 3:
        reply_arguments(c, b"CAT")
        return
    if c.argc == 2:
        reply_categories(c)
        return
    bit = category_bit(c.argv[2])
    if bit:
        reply_commands_of(c, bit)
    else:
        reply_error_about(c, b"ERR Unknown category '%.*s'", c.argv[2])


cdef void reply_random(call *c, int64_t bits) noexcept nogil:
    cdef uint8_t bytes[MOST_BYTES]
    cdef char text[2 * MOST_BYTES]
    cdef const char *digits = b"0123456789abcdef"
    cdef int n = <int>((bits + 3) // 4)
    cdef int i
    for i in range(0, MOST_BYTES, 256):
        if getentropy(bytes + i, 256) != 0:
            reply_error(c, b"ERR The system has no random bytes")
            return
    for i in range(n):
        text[i] = digits[(bytes[i // 2] >> (4 * (i & 1))) & 15]
    reply_bulk(c, view_of(text, n))


define(acl_genpass, """
    ACL|GENPASS [bits]
    noscript loading stale | server | 6.0.0 | O(1)
    Return a random password in hexadecimal: of 256 bits, or of another number up to 4096.
""")
cdef void acl_genpass(call *c) noexcept nogil:
    cdef int64_t bits = BITS
    if c.argc > 3:
        reply_arguments(c, b"GENPASS")
        return
    if c.argc == 3 and not arg_int(c, 2, &bits):
        return
    if not 0 < bits <= MOST_BITS:
        reply_error(c, b"ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096")
        return
    reply_random(c, bits)


cdef void reply_verdict(call *c, const user *u, const command *d, denial found, int at) noexcept nogil:
    cdef view word = c.argv[3 + at]
    cdef buf text
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"User %.*s has no permissions to ", <int>u.name_len, u.name)
    if found == DENIED_COMMAND:
        buf_printf(&text, b"run the '%s' command", d.name)
    elif found == DENIED_KEY or found == DENIED_CHANNEL:
        buf_printf(&text, b"access the '%.*s' %s", <int>word.len, word.ptr, denial_name(found))
    else:
        buf_printf(&text, b"access database")
    reply_bulk(c, view_of(text.ptr, text.len))
    buf_release(&text)


define(acl_dryrun, """
    ACL|DRYRUN username command [arg [arg ...]]
    admin noscript loading stale | server | 7.0.0 | O(1)
    Return OK if the user may run the command with these arguments, or why not.
""")
cdef void acl_dryrun(call *c) noexcept nogil:
    cdef user *u = user_named(c.store, c.argv[2])
    cdef const command *container
    cdef const command *d
    cdef denial found
    cdef int at
    if u == NULL:
        reply_error_about(c, b"ERR User '%.*s' not found", c.argv[2])
        return
    d = called(c.store, c.argv + 3, c.argc - 3, &container)
    if d == NULL:
        reply_error_about(c, b"ERR Command '%.*s' not found", c.argv[3])
    elif not arity_fits(d, c.argc - 3):
        reply_errorf(c, b"ERR wrong number of arguments for '%s' command", d.name, NULL)
    else:
        found = check_words(u, d, c.argv + 3, c.argc - 3, c.db.id, &at)
        if found == PERMITTED:
            reply_ok(c)
        else:
            reply_verdict(c, u, d, found, at)


# ---- the log of denials ------------------------------------------------------------------------------

cdef void reply_denied(call *c, const denied *one, int64_t now) noexcept nogil:
    reply_map(c, 10)
    reply_text(c, b"count")
    reply_int(c, one.count)
    reply_text(c, b"reason")
    reply_text(c, denial_name(one.reason))
    reply_text(c, b"context")
    reply_text(c, one.context)
    reply_text(c, b"object")
    reply_bulk(c, view_of(one.object.ptr, one.object.len))
    reply_text(c, b"username")
    reply_bulk(c, view_of(one.username.ptr, one.username.len))
    reply_text(c, b"age-seconds")
    write_double(c.out, (now - one.updated_ms) / 1000.0, c.proto)
    reply_text(c, b"client-info")
    reply_bulk(c, view_of(one.client.ptr, one.client.len - 1 if one.client.len else 0))
    reply_text(c, b"entry-id")
    reply_int(c, one.id)
    reply_text(c, b"timestamp-created")
    reply_int(c, one.created_ms)
    reply_text(c, b"timestamp-last-updated")
    reply_int(c, one.updated_ms)


cdef void reply_log(call *c, int64_t most) noexcept nogil:
    cdef const denied *one = denials_of(c.store).first if denials_of(c.store) != NULL else NULL
    cdef int64_t n = min(max(most, 0), denials_of(c.store).count) if one != NULL else 0
    cdef int64_t now = wall_ms()
    reply_array(c, n)
    while n:
        reply_denied(c, one, now)
        one = one.next
        n -= 1


define(acl_log, """
    ACL|LOG [count | RESET]
    admin noscript loading stale | server | 6.0.0 | O(N) where N is the number of entries shown
    Return what users were denied, the newest first, or forget it.
""")
cdef void acl_log(call *c) noexcept nogil:
    cdef int64_t most = SHOWN
    if c.argc > 3:
        reply_arguments(c, b"LOG")
    elif c.argc == 3 and view_is(c.argv[2], b"reset"):
        log_reset(c.store)
        reply_ok(c)
    elif c.argc == 2 or arg_int(c, 2, &most):
        reply_log(c, most)
