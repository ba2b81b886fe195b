"""Histories that survive a restart: snapshot files name theirs, and the server that loads one at start continues it.

As a replica, it asks its master for what follows the loaded data. As a master, it begins a history whose former one is the file's:
a replica that has all that the file has, and no more, needs no snapshot. What expired while no server ran is loaded all the same
(LOADING_CONTINUES), and deleted for replicas too. The append-only log names no history.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_str
from kvd.persist.origin cimport origin, origin_by
from kvd.replica.link cimport link_follow
from kvd.replica.replication cimport (
    ID_ROOM, is_replica, replication, replication_of, replication_open, stream_begin, stream_new_id,
)
from kvd.store.config cimport OPT_DATABASES, OPT_REPLICAOF, cfg, config_text, next_word
from kvd.store.log cimport LOG_NOTICE, log_line
from kvd.store.store cimport store


cdef void tell_origin(store *s, origin *o) noexcept nogil:
    """In the middle of a unit, the data set has more than the stream: no place in it could be named."""
    cdef replication *r = replication_of(s)
    if r == NULL or not r.kept or r.stream.failed or s.effects.count or s.effects.bytes.failed:
        return
    memcpy(o.id, r.id, ID_ROOM)
    o.offset = r.stream.offset
    o.db = r.up.c.db if is_replica(s) else max(r.db, 0)


cdef bint take_up(replication *r, const origin *o) noexcept nogil:
    """The stream goes on where the data set ends. False: it cannot."""
    if o.id[0] == 0 or r.kept or not 0 <= o.offset <= <int64_t>1 << 62:
        return False
    memcpy(r.id, o.id, ID_ROOM)
    r.stream.offset = o.offset
    return stream_begin(r)


cdef void begin(store *s, const origin *o) noexcept nogil:
    """As a replica, this store asks for what follows the loaded data; as a master, it begins a history that continues it."""
    cdef view rest = view_str(config_text(&s.config, OPT_REPLICAOF))
    cdef view host, word
    cdef int64_t port
    cdef bint follows = next_word(&rest, &host) and next_word(&rest, &word) and parse_int(word, &port)
    cdef replication *r = replication_open(s) if follows or o.id[0] else NULL
    cdef bint continues = r != NULL and take_up(r, o)
    if follows:
        if continues:
            r.db = <int>o.db if 0 <= o.db < cfg(&s.config, OPT_DATABASES) else 0
        link_follow(s, host, <int>port, False)
    elif continues:
        stream_new_id(r, True)
        log_line(s, LOG_NOTICE, b"The history of the loaded file is continued: replicas that have all of it need no snapshot")


origin_by(tell_origin, begin)
