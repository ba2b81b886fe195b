"""Users from lines of text, `user name rule rule ...`, and back.

A file of users replaces all of them at one instant, or none if any line has an error. Users that stay keep their address, so that
sessions stay theirs.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memset, strerror

from kvd.core.buf cimport buf_add_char, buf_printf, buf_release
from kvd.core.textfile cimport textfile_read, textfile_replace
from kvd.core.view cimport view_is, view_of
from kvd.run.acl.access cimport user_leaves, user_loses_channels, users_changed
from kvd.run.acl.describe cimport describe_user
from kvd.run.acl.rules cimport RULE_MEMORY, RULE_RIGHT, RULE_UNKNOWN, rule_error_text, rules_apply, rules_merge
from kvd.run.acl.users cimport (
    acl, acl_of, user, user_copy, user_delete, user_move, user_name, user_named, user_new, users_add, users_find,
    users_remove, users_reset_standard,
)
from kvd.store.log cimport LOG_WARNING, log_line

cdef struct words:             # of a line
    view *all                  # and room for as many merged ones behind them
    char *room
    int count


cdef inline bint is_blank(char ch) noexcept nogil:
    return ch == c' ' or ch == c'\t' or ch == c'\r' or ch == c'\n'


cdef view trimmed(view line) noexcept nogil:
    while line.len and is_blank(line.ptr[0]):
        line = view_of(line.ptr + 1, line.len - 1)
    while line.len and is_blank(line.ptr[line.len - 1]):
        line.len -= 1
    return line


cdef bint split(view line, words *w) noexcept nogil:
    """False: no memory."""
    cdef size_t at = 0
    cdef size_t begin
    w.count = 0
    w.all = <view *>malloc(2 * (line.len // 2 + 2) * sizeof(view))
    w.room = <char *>malloc(2 * line.len + 2)
    while w.all != NULL and w.room != NULL and at < line.len:
        begin = at
        while at < line.len and line.ptr[at] != c' ':
            at += 1
        if at > begin:
            w.all[w.count] = view_of(line.ptr + begin, at - begin)
            w.count += 1
        at += 1
    return w.all != NULL and w.room != NULL


cdef void drop(words *w) noexcept nogil:
    free(w.all)
    free(w.room)


# ---- one user ----------------------------------------------------------------------------------------

cdef rule_error install_user(store *s, user *known, user *u) noexcept nogil:
    """known: whom u is a changed copy of, or NULL."""
    if known == NULL:
        if not users_add(acl_of(s), u):
            user_delete(u)
            return RULE_MEMORY
    else:
        user_move(known, u)
        user_delete(u)
        user_loses_channels(s, known)
    users_changed(s)
    return RULE_RIGHT


cdef rule_error user_set(store *s, view name, const view *rules, int count, view *failed) noexcept nogil:
    cdef user *known = user_named(s, name)
    cdef user *u = user_copy(known) if known != NULL else user_new(s, name)
    cdef rule_error found
    failed[0] = view_of(b"", 0)
    if u == NULL:
        return RULE_MEMORY
    found = rules_apply(s, u, rules, count, failed)
    if found == RULE_RIGHT:
        return install_user(s, known, u)
    user_delete(u)
    return found


# ---- the configuration -------------------------------------------------------------------------------

cdef bint declare_words(store *s, words *w, buf *error) noexcept nogil:
    cdef view *rules = w.all + w.count
    cdef view failed
    cdef rule_error found
    cdef int n
    if not rules_merge(w.all + 1, w.count - 1, rules, &n, w.room):
        buf_printf(error, b"Unmatched parenthesis in selector definition.")
        return False
    found = user_set(s, w.all[0], rules, n, &failed)
    if found != RULE_RIGHT:
        buf_printf(error, b"Error loading ACL rule '%.*s' for the user named '%.*s': %s", <int>failed.len, failed.ptr,
                   <int>w.all[0].len, w.all[0].ptr, rule_error_text(found))
    return found == RULE_RIGHT


cdef bint user_declare(store *s, view line, buf *error) noexcept nogil:
    cdef words w
    cdef bint ok = split(trimmed(line), &w) and w.count > 0 and declare_words(s, &w, error)
    drop(&w)
    return ok


# ---- files -------------------------------------------------------------------------------------------

cdef void read_words(store *s, acl *fresh, words *w, const char *path, int number, buf *error) noexcept nogil:
    cdef view *rules = w.all + w.count
    cdef view failed
    cdef rule_error found
    cdef user *u
    cdef int n
    if w.count < 2 or not view_is(w.all[0], b"user"):
        buf_printf(error, b"%s:%d should start with user keyword followed by the username. ", path, number)
        return
    if users_find(fresh, w.all[1]) != NULL:
        buf_printf(error, b"WARNING: Duplicate user '%.*s' found on line %d. ", <int>w.all[1].len, w.all[1].ptr, number)
        return
    if not rules_merge(w.all + 2, w.count - 2, rules, &n, w.room):
        buf_printf(error, b"%s:%d: Unmatched parenthesis in selector definition.", path, number)
        return
    u = user_new(s, w.all[1])
    if u == NULL or not users_add(fresh, u):
        buf_printf(error, b"%s:%d: Out of memory. ", path, number)
        if u != NULL:
            user_delete(u)
        return
    found = rules_apply(s, u, rules, n, &failed)
    if found == RULE_UNKNOWN:
        buf_printf(error, b"%s:%d: Error in applying operation '%.*s': %s. ", path, number, <int>failed.len, failed.ptr, rule_error_text(found))
    elif found != RULE_RIGHT:
        buf_printf(error, b"%s:%d: %s. ", path, number, rule_error_text(found))


cdef void read_lines(store *s, acl *fresh, view text, const char *path, buf *error) noexcept nogil:
    cdef const char *end
    cdef view line
    cdef words w
    cdef int number = 0
    while text.len:
        end = <const char *>memchr(text.ptr, c'\n', text.len)
        line = view_of(text.ptr, end - text.ptr if end != NULL else text.len)
        text = view_of(text.ptr + line.len, text.len - line.len)
        if end != NULL:
            text = view_of(text.ptr + 1, text.len - 1)
        number += 1
        line = trimmed(line)
        if line.len == 0:
            continue
        if split(line, &w):
            read_words(s, fresh, &w, path, number, error)
        else:
            buf_printf(error, b"%s:%d: Out of memory. ", path, number)
        drop(&w)


cdef bint install(store *s, acl *fresh) noexcept nogil:
    """False: no memory; then some of them are there. Users that the list does not have end, the default user excepted."""
    cdef acl *a = acl_of(s)
    cdef user *known
    cdef bint ok = True
    cdef int i
    for i in range(a.count - 1, -1, -1):
        if a.users[i] != a.standard and users_find(fresh, user_name(a.users[i])) == NULL:
            user_leaves(s, a.users[i])
            users_remove(a, a.users[i])
    if users_find(fresh, user_name(a.standard)) == NULL:
        ok = users_reset_standard(s)
    for i in range(fresh.count):
        known = user_named(s, user_name(fresh.users[i]))
        if known != NULL:
            user_move(known, fresh.users[i])
            user_loses_channels(s, known)
        elif users_add(a, fresh.users[i]):
            fresh.users[i] = NULL
        else:
            ok = False
    users_changed(s)
    return ok


cdef bint users_load(store *s, const char *path, buf *error) noexcept nogil:
    cdef acl fresh
    cdef buf text
    cdef int failed
    cdef int i
    memset(&fresh, 0, sizeof(fresh))
    memset(&text, 0, sizeof(text))
    failed = textfile_read(path, &text)
    if failed:
        buf_release(&text)
        buf_printf(error, b"Error loading ACLs, opening file '%s': %s", path, strerror(failed))
        return False
    read_lines(s, &fresh, view_of(text.ptr, text.len), path, error)
    buf_release(&text)
    if error.len == 0 and not install(s, &fresh):
        buf_printf(error, b"Out of memory")
    elif error.len:
        buf_printf(error, b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
    for i in range(fresh.count):
        if fresh.users[i] != NULL:
            user_delete(fresh.users[i])
    free(fresh.users)
    return error.len == 0


cdef bint users_save(store *s, const char *path, buf *error) noexcept nogil:
    cdef acl *a = acl_of(s)
    cdef buf text
    cdef int failed
    cdef int i
    memset(&text, 0, sizeof(text))
    for i in range(a.count):
        describe_user(a.users[i], True, &text)
        buf_add_char(&text, c'\n')
    failed = textfile_replace(path, &text)
    buf_release(&text)
    if failed:
        buf_printf(error, b"Writing ACL file %s: %s", path, strerror(failed))
        buf_add_char(error, 0)
        log_line(s, LOG_WARNING, error.ptr)
    return failed == 0
