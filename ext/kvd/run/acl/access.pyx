"""Sessions and their users.

A session whose user is NULL is the default user. Two bits of a session say what the gate has to ask: SPECIAL_LOCKED_OUT (it has to
authenticate first) and SPECIAL_RESTRICTED (its user may not do everything). They are set when users change, so that commands need not
look at the user. New sessions get theirs from the registry of clients (session/clients.pyx), which this module keeps up to date.

Sessions of the program itself (session.trusted: Store methods, the log, a master's stream) may do everything until they authenticate.
"""

from libc.stdint cimport uint8_t

from kvd.core.buf cimport buf_add
from kvd.core.sha256 cimport SHA256_BYTES, sha256
from kvd.core.view cimport view_equal, view_of, view_str
from kvd.run.acl.check cimport check_listens
from kvd.run.acl.users cimport acl, acl_of, user_add_password, user_has_password, user_is_free, user_named
from kvd.session.channels cimport KINDS, PATTERN, channel, channel_name, channels_of, subscription
from kvd.session.session cimport clients, clients_of, running_session, session_end, session_kill
from kvd.store.config cimport OPT_REQUIREPASS, config_text
from kvd.store.store cimport SPECIAL_LOCKED_OUT, SPECIAL_RESTRICTED, special_set


cdef user *user_with(store *s, view name, view password) noexcept nogil:
    """The password is hashed in any case: the time does not tell whether there is such a user."""
    cdef user *u = user_named(s, name)
    cdef uint8_t digest[SHA256_BYTES]
    cdef bint right
    sha256(password, digest)
    if u == NULL:
        return NULL
    right = user_has_password(u, digest)
    return u if u.enabled and (u.nopass or right) else NULL


cdef void prepare(session *c) noexcept nogil:
    cdef user *u = user_of(c)
    special_set(&c.special, SPECIAL_LOCKED_OUT, not c.entered and clients_of(c.store).locks_out)
    special_set(&c.special, SPECIAL_RESTRICTED, not (c.trusted and c.user == NULL) and not user_is_free(u))


cdef void session_becomes(session *c, user *u) noexcept nogil:
    c.user = u
    c.entered = True
    prepare(c)


cdef void users_changed(store *s) noexcept nogil:
    cdef clients *all = clients_of(s)
    cdef user *standard = acl_of(s).standard
    cdef session *c = all.first
    all.passwordless = standard.nopass
    all.locks_out = not (standard.nopass and standard.enabled)
    all.restricts = not user_is_free(standard)
    while c != NULL:
        prepare(c)
        c = c.next


cdef void leave(session *c) noexcept nogil:
    """The reply to its own command is still sent."""
    if c == running_session(c.store):
        session_end(c)
    else:
        session_kill(c)


cdef bint is_trusted(session *c) noexcept nogil:
    return c.trusted and c.user == NULL


cdef void leave_channel(channel *ch, user *u) noexcept nogil:
    cdef subscription *one = ch.first
    cdef subscription *following
    while one != NULL:
        following = one.next
        if user_of(one.who) == u and not is_trusted(one.who):
            leave(one.who)
        one = following


cdef void user_loses_channels(store *s, user *u) noexcept nogil:
    cdef channel *ch
    cdef channel *following
    cdef int kind
    for kind in range(KINDS):
        ch = channels_of(s).first[kind]
        while ch != NULL:
            following = ch.next
            if not check_listens(u, channel_name(ch), kind == PATTERN):
                leave_channel(ch, u)
            ch = following


cdef void user_leaves(store *s, user *u) noexcept nogil:
    cdef session *c = clients_of(s).first
    cdef session *following
    while c != NULL:
        following = c.next
        if c.user == u:
            c.user = NULL
            c.entered = False
            special_set(&c.special, SPECIAL_LOCKED_OUT, True)
            leave(c)
        c = following


cdef void requirepass_applied(store *s) noexcept nogil:
    cdef acl *a = acl_of(s)
    cdef view wanted = view_str(config_text(&s.config, OPT_REQUIREPASS))
    cdef uint8_t digest[SHA256_BYTES]
    if view_equal(wanted, view_of(a.requirepass.ptr, a.requirepass.len)):
        return
    a.requirepass.len = 0
    buf_add(&a.requirepass, wanted.ptr, wanted.len)
    a.standard.password_count = 0
    a.standard.nopass = wanted.len == 0
    if wanted.len:
        sha256(wanted, digest)
        user_add_password(a.standard, digest)
    users_changed(s)
