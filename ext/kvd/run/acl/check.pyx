"""Decides whether a user may run a command with its arguments: bits for the command, patterns for keys and channels.

A call of a user that may do everything does not come here (session.special, SPECIAL_RESTRICTED).

Of a key, what the command does with it counts: reading needs MAY_READ, changing MAY_WRITE; a command that does neither (EXISTS) needs
any access. A pattern of channels must be among the user's patterns itself.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcmp

from kvd.core.glob cimport glob_match
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_equal, view_equal_folded, view_is, view_of
from kvd.run.acl.users cimport MAY_READ, MAY_WRITE, pattern, selector
from kvd.run.call cimport (
    DB_EVERY, F_NO_AUTH, F_READONLY, F_WRITE, KEY_ACCESS, KEY_DELETE, KEY_INSERT, KEY_NOT_KEY, KEY_UPDATE, key_at,
    key_walk,
)
from kvd.run.registry cimport keys_next, keys_start


# ---- commands ----------------------------------------------------------------------------------------

cdef bint allows_command(const selector *x, const command *d, view *argv, int argc) noexcept nogil:
    cdef int i
    if d.flags & F_NO_AUTH or x.commands[d.id // 64] >> (d.id % 64) & 1:
        return True
    for i in range(x.first_count):
        if x.firsts[i].command == d.id and argc > 1 and view_equal_folded(argv[1], view_of(x.firsts[i].ptr, x.firsts[i].len)):
            return True
    return False


# ---- keys --------------------------------------------------------------------------------------------

cdef inline bint fits(const pattern *p, view name) noexcept nogil:
    if p.is_prefix:
        return name.len >= p.len - 1 and memcmp(p.ptr, name.ptr, p.len - 1) == 0
    return glob_match(view_of(p.ptr, p.len), name, False)


cdef bint allows_key(const selector *x, view key, int access) noexcept nogil:
    cdef int i
    for i in range(x.key_count):
        if x.keys[i].access & access == access and fits(&x.keys[i], key):
            return True
    return False


cdef inline int access_of(const key_at *key) noexcept nogil:
    return (MAY_READ if key.flags & KEY_ACCESS else 0) | (MAY_WRITE if key.flags & (KEY_INSERT | KEY_UPDATE | KEY_DELETE) else 0)


cdef bint allows_keys(const selector *x, const command *d, view *argv, int argc, int *at) noexcept nogil:
    cdef key_walk w
    cdef key_at key
    keys_start(&w, d, argv, argc)
    while keys_next(&w, &key):
        if not key.flags & KEY_NOT_KEY and not allows_key(x, argv[key.at], access_of(&key)):
            at[0] = key.at
            return False
    return True


# ---- channels ----------------------------------------------------------------------------------------

cdef bint allows_channel(const selector *x, view name, bint is_pattern) noexcept nogil:
    cdef const pattern *p
    cdef int i
    if x.every_channel:
        return True
    for i in range(x.channel_count):
        p = &x.channels[i]
        if view_equal(view_of(p.ptr, p.len), name) if is_pattern else fits(p, name):
            return True
    return False


cdef bint allows_channels(const selector *x, const command *d, view *argv, int argc, int *at) noexcept nogil:
    cdef int end = argc if d.channels.count < 0 else min(argc, d.channels.at + d.channels.count)
    cdef int i
    for i in range(d.channels.at, end):
        if not allows_channel(x, argv[i], d.channels.patterns):
            at[0] = i
            return False
    return True


cdef bint check_listens(const user *u, view name, bint is_pattern) noexcept nogil:
    cdef const selector *x = u.first
    while x != NULL:
        if allows_channel(x, name, is_pattern):
            return True
        x = x.next
    return False


# ---- databases ---------------------------------------------------------------------------------------

cdef bint has_database(const selector *x, int64_t db) noexcept nogil:
    cdef int i
    for i in range(x.database_count):
        if x.databases[i] == db:
            return True
    return False


cdef bint allows_named(const selector *x, const command *d, view *argv, int argc, int *at) noexcept nogil:
    """The databases that the arguments name. A word that is no number is the command's to refuse."""
    cdef int64_t n
    cdef int first = d.databases.first
    cdef int i
    if d.databases.keyword != NULL:
        for i in range(first, argc - 1):
            if view_is(argv[i], d.databases.keyword) and parse_int(argv[i + 1], &n) and not has_database(x, n):
                at[0] = i + 1
                return False
        return True
    for i in range(first, min(argc, d.databases.last + 1)):
        if parse_int(argv[i], &n) and not has_database(x, n):
            at[0] = i
            return False
    return True


cdef bint allows_databases(const selector *x, const command *d, view *argv, int argc, int db, int *at) noexcept nogil:
    if d.databases.first == DB_EVERY:
        return False
    if d.databases.first and not allows_named(x, d, argv, argc, at):
        return False
    return has_database(x, db) or d.databases.elsewhere or not (d.flags & (F_WRITE | F_READONLY) or (d.key_specs and not d.keys[0].flags & KEY_NOT_KEY))


# ---- the decision ------------------------------------------------------------------------------------

cdef denial ask_selector(const selector *x, const command *d, view *argv, int argc, int db, int *at) noexcept nogil:
    at[0] = 0
    if not allows_command(x, d, argv, argc):
        return DENIED_COMMAND
    if not x.every_database and not allows_databases(x, d, argv, argc, db, at):
        return DENIED_DATABASE
    if not x.every_key and d.key_specs and not allows_keys(x, d, argv, argc, at):
        return DENIED_KEY
    if not x.every_channel and d.channels.at and not allows_channels(x, d, argv, argc, at):
        return DENIED_CHANNEL
    return PERMITTED


cdef denial check_words(const user *u, const command *d, view *argv, int argc, int db, int *at) noexcept nogil:
    """Of several selectors that deny, the reason of the one that came farthest."""
    cdef const selector *x = u.first
    cdef denial found
    cdef denial worst = PERMITTED
    cdef int where
    at[0] = 0
    while x != NULL:
        found = ask_selector(x, d, argv, argc, db, &where)
        if found == PERMITTED:
            return PERMITTED
        if found > worst or (found == worst and where > at[0]):
            worst = found
            at[0] = where
        x = x.next
    return worst


cdef bint reads_all(const selector *x) noexcept nogil:
    cdef int i
    for i in range(x.key_count):
        if x.keys[i].access & MAY_READ and x.keys[i].len == 1 and x.keys[i].ptr[0] == c'*':
            return True
    return x.every_key


cdef bint check_reads_all(const user *u, const command *d, view *argv, int argc) noexcept nogil:
    cdef const selector *x = u.first
    while x != NULL:
        if allows_command(x, d, argv, argc) and reads_all(x):
            return True
        x = x.next
    return False
