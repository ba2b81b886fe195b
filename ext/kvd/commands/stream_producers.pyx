"""Settings of the producers of a stream, and the command that restores what is known of them. XADD IDMP is in streams.pyx."""

from libc.stdint cimport int64_t

from kvd.commands.streams cimport arg_id, arg_stream, stream_producers
from kvd.core.idmap cimport id_compare, stream_id
from kvd.core.view cimport view_is
from kvd.run.args cimport arg_int, reply_error, reply_errorf, reply_ok
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.change cimport others_changed
from kvd.types.producers cimport (
    IDMP_LONGEST, IDMP_MOST, producers, producers_clear, producers_find, producers_record,
)
from kvd.types.stream cimport stream, stream_has


cdef bint read_setting(call *c, int i, int64_t most, const char *refusal, int64_t *n) noexcept nogil:
    if i == c.argc:
        reply_error(c, SYNTAX)
        return False
    if not arg_int(c, i, n):
        return False
    if not 1 <= n[0] <= most:
        reply_error(c, refusal)
        return False
    return True


cdef bint read_settings(call *c, int64_t *duration, int64_t *maxsize) noexcept nogil:
    """0: not given."""
    cdef int i = 2
    duration[0] = maxsize[0] = 0
    if c.argc == 2:
        reply_error(c, b"ERR At least one parameter must be specified")
        return False
    while i < c.argc:
        if view_is(c.argv[i], b"idmp-duration"):
            if not read_setting(c, i + 1, IDMP_LONGEST, b"ERR IDMP-DURATION must be between 1 and 86400 seconds", duration):
                return False
        elif view_is(c.argv[i], b"idmp-maxsize"):
            if not read_setting(c, i + 1, IDMP_MOST, b"ERR IDMP-MAXSIZE must be between 1 and 10000", maxsize):
                return False
        else:
            reply_error(c, SYNTAX)
            return False
        i += 2
    return True


define(xcfgset_command, """
    XCFGSET key [IDMP-DURATION idmp-duration] [IDMP-MAXSIZE idmp-maxsize]
    write denyoom fast | stream | 8.6.0 | O(1), O(N) where N is the number of ids that are forgotten
    Set for how many seconds, and how many, ids of each producer of a stream are known. Another value makes it forget all of them.
    keys: RW update
    arity: -2
""")
cdef void xcfgset_command(call *c) noexcept nogil:
    cdef int64_t duration, maxsize
    cdef stream *s
    cdef producers *all
    if not read_settings(c, &duration, &maxsize):
        return
    s = arg_stream(c, 1, False)
    if s == NULL:
        return
    all = stream_producers(c, s)
    if all == NULL:
        reply_error(c, NO_MEMORY)
        return
    duration = duration or all.duration
    maxsize = maxsize or all.maxsize
    if duration != all.duration or maxsize != all.maxsize:
        producers_clear(s.mem, all)
        all.duration = duration
        all.maxsize = maxsize
    others_changed(c.store, 1)
    reply_ok(c)


define(xidmprecord_command, """
    XIDMPRECORD key pid iid stream-id
    write denyoom fast | stream | 8.8.0 | O(log(N)) where N is the number of ids known of the producer
    Record under which id a producer has added an entry. Used by replication and the append-only log.
    keys: RW update
    at: 1 1 1
""")
cdef void xidmprecord_command(call *c) noexcept nogil:
    cdef stream_id id, known
    cdef stream *s
    cdef producers *all
    if c.argv[2].len == 0 or c.argv[3].len == 0:
        reply_errorf(c, b"ERR %s requires a non-empty %s ID", b"XIDMPRECORD", b"producer" if c.argv[2].len == 0 else b"idempotent")
        return
    if not arg_id(c, 4, &id):
        return
    s = arg_stream(c, 1, False)
    if s == NULL:
        return
    if not stream_has(s, id):
        reply_error(c, b"ERR The specified stream ID was deleted or doesn't exist")
        return
    all = stream_producers(c, s)
    if all == NULL:
        reply_error(c, NO_MEMORY)
        return
    if producers_find(all, c.argv[2], c.argv[3], id.ms, &known):
        if id_compare(known, id) != 0:
            reply_error(c, b"ERR The specified IDMP producer-id/idempotent-id pair maps to a different stream ID")
            return
    elif producers_record(s.mem, all, c.argv[2], c.argv[3], id):
        all.added += 1
        others_changed(c.store, 1)
    else:
        reply_error(c, NO_MEMORY)
        return
    reply_ok(c)
