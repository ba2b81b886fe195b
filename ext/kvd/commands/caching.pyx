"""CLIENT TRACKING and its relatives: client-side caching. session/tracking.pyx sends the invalidations."""

from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy, memset

from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_header_at
from kvd.run.args cimport reply_array, reply_bulk, reply_error, reply_errorf, reply_int, reply_map, reply_ok, reply_text
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.session cimport client_by_id, is_tracking, session
from kvd.session.tracking cimport (
    tracked_prefix, tracker, tracker_of, tracking_overlap, tracking_prefix, tracking_prefixes, tracking_start,
    tracking_stop, tracks_prefix,
)


cdef bint read_tracking(call *c, tracker *how, bint *prefixed) noexcept nogil:
    """The options after CLIENT TRACKING ON; prefixes are only validated. False: the error is replied."""
    cdef int i = 3
    memset(how, 0, sizeof(tracker))
    prefixed[0] = False
    while i < c.argc:
        if view_is(c.argv[i], b"redirect") and i + 1 < c.argc:
            i += 1
            if how.redirect:
                reply_error(c, b"ERR A client can only redirect to a single other client")
                return False
            if not parse_int(c.argv[i], &how.redirect):
                reply_error(c, b"ERR Invalid client ID")
                return False
            if client_by_id(c.store, how.redirect) == NULL:
                reply_error(c, b"ERR The client ID you want redirect to does not exist")
                return False
        elif view_is(c.argv[i], b"bcast"):
            how.bcast = True
        elif view_is(c.argv[i], b"optin"):
            how.optin = True
        elif view_is(c.argv[i], b"optout"):
            how.optout = True
        elif view_is(c.argv[i], b"noloop"):
            how.noloop = True
        elif view_is(c.argv[i], b"prefix") and i + 1 < c.argc:
            i += 1
            prefixed[0] = True
        else:
            reply_error(c, SYNTAX)
            return False
        i += 1
    return True


cdef bint is_consistent(call *c, tracker *how, bint prefixed) noexcept nogil:
    cdef session *s = c.session
    if not how.bcast and prefixed:
        reply_error(c, b"ERR PREFIX option requires BCAST mode to be enabled")
    elif is_tracking(s) and tracker_of(s).bcast != how.bcast:
        reply_error(c, b"ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.")
    elif how.bcast and (how.optin or how.optout):
        reply_error(c, b"ERR OPTIN and OPTOUT are not compatible with BCAST")
    elif how.optin and how.optout:
        reply_error(c, b"ERR You can't specify both OPTIN mode and OPTOUT mode")
    elif is_tracking(s) and ((how.optin and tracker_of(s).optout) or (how.optout and tracker_of(s).optin)):
        reply_error(c, b"ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.")
    else:
        return True
    return False


cdef void overlap_error(call *c, view a, view b) noexcept nogil:
    cdef char first[128]
    cdef char second[128]
    copy_text(first, a)
    copy_text(second, b)
    reply_errorf(c, b"ERR Prefix '%s' overlaps with an existing prefix '%s'. Prefixes for a single client must not overlap.",
                 first, second)


cdef void copy_text(char *to, view v) noexcept nogil:
    cdef size_t n = min(v.len, <size_t>127)
    memcpy(to, v.ptr, n)
    to[n] = 0


cdef bint prefixes_fit(call *c) noexcept nogil:
    """No prefix may begin with another of the command or of the session."""
    cdef int i, k
    cdef view old
    cdef size_t n
    for i in range(3, c.argc):
        if not view_is(c.argv[i - 1], b"prefix"):
            continue
        old = tracking_overlap(c.session, c.argv[i])
        if old.ptr != NULL:
            overlap_error(c, c.argv[i], old)
            return False
        for k in range(i + 1, c.argc):
            if not view_is(c.argv[k - 1], b"prefix"):
                continue
            n = min(c.argv[i].len, c.argv[k].len)
            if memcmp(c.argv[i].ptr, c.argv[k].ptr, n) == 0:
                overlap_error(c, c.argv[i], c.argv[k])
                return False
    return True


define(client_tracking, """
    CLIENT|TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
    noscript loading stale keeps_caching | connection | 6.0.0 | O(1)
    Track the keys that the connection reads, or that have prefixes, and receive invalidation messages when they change.
""")
cdef void client_tracking(call *c) noexcept nogil:
    cdef tracker how
    cdef bint prefixed
    cdef int i
    if not read_tracking(c, &how, &prefixed):
        return
    if view_is(c.argv[2], b"off"):
        tracking_stop(c.session)
        reply_ok(c)
        return
    if not view_is(c.argv[2], b"on"):
        reply_error(c, SYNTAX)
        return
    if not is_consistent(c, &how, prefixed) or (how.bcast and not prefixes_fit(c)):
        return
    if not tracking_start(c.session, &how):
        reply_error(c, NO_MEMORY)
        return
    if how.bcast and not prefixed and tracker_of(c.session).prefixes == 0:
        tracking_prefix(c.session, view_of(b"", 0))
    for i in range(4, c.argc):
        if how.bcast and view_is(c.argv[i - 1], b"prefix"):
            tracking_prefix(c.session, c.argv[i])
    reply_ok(c)


define(client_caching, """
    CLIENT|CACHING <YES | NO>
    noscript loading stale keeps_caching | connection | 6.0.0 | O(1)
    Choose whether the keys of the next command are tracked, in OPTIN or OPTOUT mode.
""")
cdef void client_caching(call *c) noexcept nogil:
    cdef session *s = c.session
    if not is_tracking(s):
        reply_error(c, b"ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
    elif view_is(c.argv[2], b"yes"):
        if not tracker_of(s).optin:
            reply_error(c, b"ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
            return
        tracker_of(s).caching = True
        reply_ok(c)
    elif view_is(c.argv[2], b"no"):
        if not tracker_of(s).optout:
            reply_error(c, b"ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
            return
        tracker_of(s).caching = True
        reply_ok(c)
    else:
        reply_error(c, SYNTAX)


define(client_getredir, """
    CLIENT|GETREDIR
    noscript loading stale keeps_caching | connection | 6.0.0 | O(1)
    Return the id of the connection that receives invalidation messages: 0 for none, -1 if tracking is off.
""")
cdef void client_getredir(call *c) noexcept nogil:
    reply_int(c, tracker_of(c.session).redirect if is_tracking(c.session) else -1)


cdef int64_t flag(call *c, bint on, const char *name) noexcept nogil:
    if on:
        reply_text(c, name)
    return on


define(client_trackinginfo, """
    CLIENT|TRACKINGINFO
    noscript loading stale keeps_caching | connection | 6.2.0 | O(1)
    Return the connection's tracking options.
""")
cdef void client_trackinginfo(call *c) noexcept nogil:
    cdef session *s = c.session
    cdef tracker *t = tracker_of(s)
    cdef tracked_prefix *p = tracking_prefixes(c.store)
    cdef size_t at
    cdef int64_t n
    reply_map(c, 3)
    reply_text(c, b"flags")
    at = c.out.len
    n = flag(c, not is_tracking(s), b"off") + flag(c, is_tracking(s), b"on")
    if is_tracking(s):
        n += flag(c, t.bcast, b"bcast") + flag(c, t.optin, b"optin")
        n += flag(c, t.optin and t.caching, b"caching-yes") + flag(c, t.optout, b"optout")
        n += flag(c, t.optout and t.caching, b"caching-no") + flag(c, t.noloop, b"noloop")
        n += flag(c, t.broken, b"broken_redirect")
    write_header_at(c.out, at, c'~' if c.proto >= 3 else c'*', n)
    reply_text(c, b"redirect")
    reply_int(c, t.redirect if is_tracking(s) else -1)
    reply_text(c, b"prefixes")
    if is_tracking(s) and t.bcast:
        reply_array(c, t.prefixes)
        while p != NULL:
            if tracks_prefix(s, p):
                reply_bulk(c, view_of(p.text, p.len))
            p = p.next
    else:
        reply_array(c, 0)
