"""Applies changed options: the bits of store.special that depend on them, listeners, eviction.

Called when a store is made and after every change of its configuration, by CONFIG SET and by Store.configure.
"""

from libc.stdint cimport int64_t

from kvd.run.accounts cimport accounts_applied
from kvd.run.acl.access cimport requirepass_applied
from kvd.run.acl.log cimport log_shorten
from kvd.run.client_eviction cimport client_limit_applied
from kvd.run.emulation cimport emulation_applied
from kvd.session.channels cimport events_published
from kvd.session.tracking cimport tracking_send, tracking_shrink
from kvd.store.config cimport (
    OPT_CLUSTER_ENABLED, OPT_COMMANDLOG_REPLY_LARGER_THAN, OPT_COMMANDLOG_REQUEST_LARGER_THAN, OPT_IMPORT_MODE, OPT_MAXMEMORY,
    OPT_NOTIFY_KEYSPACE_EVENTS, OPT_SLOWLOG_LOG_SLOWER_THAN, cfg,
)
from kvd.store.evict cimport evict_forget, evict_until_fits
from kvd.store.store cimport SPECIAL_CLUSTER, SPECIAL_IMPORT, SPECIAL_MEMORY, SPECIAL_SLOWLOG, special_set

cdef enum:
    FAST_US = 100              # no plain GET or SET takes longer: with a higher threshold, the slow log ignores them
    SMALL = 1 << 20            # nor has more bytes, except a value that GET returns


cdef void import_mode_applied(store *s, bint on) noexcept nogil:
    cdef bint ends = s.special & SPECIAL_IMPORT and not on
    special_set(&s.special, SPECIAL_IMPORT, on)
    if ends and s.on_deadline != NULL:     # much may have expired
        s.on_deadline(s, s.now)


cdef void options_applied(store *s, bint evict_now) noexcept nogil:
    cdef int64_t slow = cfg(&s.config, OPT_SLOWLOG_LOG_SLOWER_THAN)
    cdef int64_t request = cfg(&s.config, OPT_COMMANDLOG_REQUEST_LARGER_THAN)
    cdef int64_t reply = cfg(&s.config, OPT_COMMANDLOG_REPLY_LARGER_THAN)
    import_mode_applied(s, cfg(&s.config, OPT_IMPORT_MODE) != 0)
    emulation_applied(s)
    accounts_applied(s)
    special_set(&s.special, SPECIAL_MEMORY, cfg(&s.config, OPT_MAXMEMORY) != 0)
    special_set(&s.special, SPECIAL_CLUSTER, cfg(&s.config, OPT_CLUSTER_ENABLED) != 0)
    special_set(&s.special, SPECIAL_SLOWLOG, 0 <= slow < FAST_US or 0 <= request < SMALL or 0 <= reply < SMALL)
    events_published(s, cfg(&s.config, OPT_NOTIFY_KEYSPACE_EVENTS) != 0)
    requirepass_applied(s)
    client_limit_applied(s)
    log_shorten(s)
    evict_forget(s)
    if evict_now:
        evict_until_fits(s)
        tracking_shrink(s)
        tracking_send(s)
