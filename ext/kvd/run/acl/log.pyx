"""What users were denied, the newest first. Denials that differ in nothing but the time are one entry if they are within a minute."""

from libc.stdlib cimport calloc, free
from libc.string cimport strcmp

from kvd.core.buf cimport buf_add, buf_release
from kvd.core.clock cimport wall_ms
from kvd.core.view cimport view_equal, view_of
from kvd.run.acl.check cimport DENIED_CHANNEL, DENIED_COMMAND, DENIED_DATABASE, DENIED_KEY
from kvd.run.acl.users cimport acl_of
from kvd.store.config cimport OPT_ACLLOG_MAX_LEN, cfg

cdef enum:
    TOGETHER_MS = 60000
    SEARCHED = 10              # entries that a new one is compared with


cdef denials *denials_of(store *s) noexcept nogil:
    return <denials *>acl_of(s).log


cdef const char *denial_name(denial reason) noexcept nogil:
    if reason == DENIED_COMMAND:
        return b"command"
    if reason == DENIED_KEY:
        return b"key"
    if reason == DENIED_CHANNEL:
        return b"channel"
    return b"database" if reason == DENIED_DATABASE else b"auth"


cdef void forget(denied *one) noexcept nogil:
    buf_release(&one.object)
    buf_release(&one.username)
    buf_release(&one.client)
    free(one)


cdef void log_shorten(store *s) noexcept nogil:
    cdef denials *all = denials_of(s)
    cdef denied **at
    cdef denied *one
    cdef int64_t kept = 0
    if all == NULL:
        return
    at = &all.first
    while at[0] != NULL:
        one = at[0]
        if kept < cfg(&s.config, OPT_ACLLOG_MAX_LEN):
            kept += 1
            at = &one.next
        else:
            at[0] = one.next
            forget(one)
    all.count = kept


cdef void log_reset(store *s) noexcept nogil:
    cdef denials *all = denials_of(s)
    cdef denied *one
    while all != NULL and all.first != NULL:
        one = all.first
        all.first = one.next
        forget(one)
    if all != NULL:
        all.count = 0


cdef denied *same(denials *all, denial reason, const char *context, view object, view username, int64_t now) noexcept nogil:
    """Removed from the list."""
    cdef denied **at = &all.first
    cdef denied *one
    cdef int _
    for _ in range(SEARCHED):
        one = at[0]
        if one == NULL:
            return NULL
        if (one.reason == reason and strcmp(one.context, context) == 0 and view_equal(view_of(one.object.ptr, one.object.len), object)
                and view_equal(view_of(one.username.ptr, one.username.len), username) and now - one.updated_ms <= TOGETHER_MS):
            at[0] = one.next
            all.count -= 1
            return one
        at = &one.next
    return NULL


cdef denials *opened(store *s) noexcept nogil:
    if acl_of(s).log == NULL:
        acl_of(s).log = calloc(1, sizeof(denials))
    return denials_of(s)


cdef denied *entry_for(denials *all, denial reason, const char *context, view object, view username, int64_t now) noexcept nogil:
    cdef denied *one = same(all, reason, context, object, username, now)
    if one != NULL:
        return one
    one = <denied *>calloc(1, sizeof(denied))
    if one == NULL:
        return NULL
    one.id = all.next_id
    all.next_id += 1
    one.reason = reason
    one.context = context
    one.created_ms = now
    buf_add(&one.object, object.ptr, object.len)
    buf_add(&one.username, username.ptr, username.len)
    return one


cdef denied *log_denial(store *s, denial reason, const char *context, view object, view username) noexcept nogil:
    cdef denials *all = opened(s)
    cdef denied *one
    if all == NULL:
        return NULL
    all.counts[<int>reason] += 1
    if cfg(&s.config, OPT_ACLLOG_MAX_LEN) == 0:
        return NULL
    one = entry_for(all, reason, context, object, username, wall_ms())
    if one == NULL:
        return NULL
    one.count += 1
    one.updated_ms = wall_ms()
    one.next = all.first
    all.first = one
    all.count += 1
    one.client.len = 0
    log_shorten(s)
    return one


cdef void log_release(store *s) noexcept nogil:
    if acl_of(s) != NULL:
        log_reset(s)
        free(acl_of(s).log)
        acl_of(s).log = NULL
