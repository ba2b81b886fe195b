"""Denials: found, told and logged.

A call is asked about when it passes the gate, and again when it runs later (queued until EXEC, or blocked): its user may have been
changed meanwhile.
"""

from libc.stdio cimport snprintf

from kvd.core.text cimport format_int
from kvd.core.view cimport view_of, view_str
from kvd.run.acl.access cimport user_of
from kvd.run.acl.check cimport (
    DENIED_CHANNEL, DENIED_COMMAND, DENIED_DATABASE, DENIED_KEY, DENIED_LOGIN, PERMITTED, check_reads_all, check_words,
    denial,
)
from kvd.run.acl.log cimport denied, log_denial
from kvd.run.acl.users cimport user, user_name
from kvd.run.args cimport reply_error
from kvd.run.client_line cimport print_client
from kvd.session.session cimport in_multi
from kvd.store.store cimport SPECIAL_RESTRICTED


cdef inline denial ask(call *c, int *at) noexcept nogil:
    return check_words(user_of(c.session), c.command, c.argv, c.argc, c.db.id, at)


cdef bint is_denied(call *c) noexcept nogil:
    cdef int at
    return ask(c, &at) != PERMITTED


cdef void note(call *c, denial reason, view object, view username) noexcept nogil:
    cdef const char *context = b"toplevel"
    cdef denied *entry
    if c.from_script:
        context = b"lua"
    elif in_multi(c.session) or c.session.executing:
        context = b"multi"
    entry = log_denial(c.store, reason, context, object, username)
    if entry != NULL:
        print_client(c.session, &entry.client)


cdef void note_denied(call *c, denial reason, int at) noexcept nogil:
    cdef char digits[32]
    cdef view object
    if reason == DENIED_COMMAND:
        object = view_str(c.command.name)
    elif at:
        object = c.argv[at]
    else:
        object = view_of(digits, format_int(digits, c.db.id))
    note(c, reason, object, user_name(user_of(c.session)))


cdef void print_denial(call *c, denial reason, char *text) noexcept nogil:
    cdef user *u = user_of(c.session)
    cdef const char *code = b"ERR ACL failure in script:" if c.from_script else b"NOPERM"
    if reason == DENIED_COMMAND:
        snprintf(text, DENIED_ROOM, b"%s User %.*s has no permissions to run the '%s' command", code, <int>min(u.name_len, <size_t>256), u.name, c.command.name)
    elif reason == DENIED_KEY:
        snprintf(text, DENIED_ROOM, b"%s No permissions to access a key", code)
    elif reason == DENIED_CHANNEL:
        snprintf(text, DENIED_ROOM, b"%s No permissions to access a channel", code)
    else:
        snprintf(text, DENIED_ROOM, b"%s No permissions to access database", code)


cdef void tell_denied(call *c, char *text) noexcept nogil:
    cdef int at
    cdef denial reason = ask(c, &at)
    note_denied(c, reason, at)
    print_denial(c, reason, text)


cdef const char *why_now(denial reason) noexcept nogil:
    if reason == DENIED_COMMAND:
        return b"no permission to execute the command or subcommand"
    if reason == DENIED_KEY:
        return b"no permission to touch the specified keys"
    if reason == DENIED_CHANNEL:
        return b"no permission to access one of the channels used as arguments"
    return b"no permission to access the database" if reason == DENIED_DATABASE else b"no permission"


cdef bint denies_queued(call *c) noexcept nogil:
    cdef char text[DENIED_ROOM]
    cdef int at
    cdef denial reason
    if not c.session.special & SPECIAL_RESTRICTED:
        return False
    reason = ask(c, &at)
    if reason == PERMITTED:
        return False
    note_denied(c, reason, at)
    snprintf(text, DENIED_ROOM, b"NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
             b"This command is no longer allowed for the following reason: %s", why_now(reason))
    reply_error(c, text)
    return True


cdef bint denies_again(call *c) noexcept nogil:
    cdef char text[DENIED_ROOM]
    if not c.session.special & SPECIAL_RESTRICTED or not is_denied(c):
        return False
    tell_denied(c, text)
    reply_error(c, text)
    return True


cdef void note_login_denied(call *c, view username) noexcept nogil:
    note(c, DENIED_LOGIN, c.argv[0], username)


cdef bint may_read_all(call *c) noexcept nogil:
    return not c.session.special & SPECIAL_RESTRICTED or check_reads_all(user_of(c.session), c.command, c.argv, c.argc)
