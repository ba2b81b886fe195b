"""CLUSTER, for clients that require a cluster: one node with all slots, at the address by which the client reached it.

With cluster-enabled yes a store answers as a cluster of one shard: the gate (run/gate.pyx) refuses keys of several slots,
and databases other than 0 cannot be selected. There are no other nodes, no bus and no slot migrations.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport strtol
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_printf, buf_release
from kvd.core.entry cimport entry, entry_key
from kvd.core.slots cimport SLOTS, key_slot
from kvd.core.table cimport table_cursor, table_next
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_equal, view_of
from kvd.resp.writer cimport write_header_at, write_verbatim
from kvd.run.args cimport (
    arg_int, reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_map, reply_ok, reply_text,
)
from kvd.run.call cimport call
from kvd.run.registry cimport define
from kvd.store.config cimport OPT_CLUSTER_ENABLED, cfg


cdef bint cluster_enabled(call *c) noexcept nogil:
    if cfg(&c.store.config, OPT_CLUSTER_ENABLED):
        return True
    reply_error(c, b"ERR This instance has cluster support disabled")
    return False


cdef bint arg_slot(call *c, int at, int *slot) noexcept nogil:
    cdef int64_t n
    if not parse_int(c.argv[at], &n) or not 0 <= n < SLOTS:
        reply_error(c, b"ERR Invalid or out of range slot")
        return False
    slot[0] = <int>n
    return True


cdef view host(call *c, int *port) noexcept nogil:
    """The address by which the client reached the server."""
    cdef buf *at = &c.session.laddr
    cdef size_t n = at.len
    port[0] = 0
    while n and at.ptr[n - 1] != c':':
        n -= 1
    if n == 0 or at.ptr[0] == c'/':
        return view_of(b"127.0.0.1", 9)
    port[0] = <int>strtol(at.ptr + n, NULL, 10)
    n -= 1
    if at.ptr[0] == c'[':
        return view_of(at.ptr + 1, n - 2)
    return view_of(at.ptr, n)


cdef view node_id(call *c) noexcept nogil:
    return view_of(c.store.run_id, 40)


define(cluster_info, """
    CLUSTER|INFO
    stale | cluster | 3.0.0 | O(1)
    Return the state of the cluster.
    tips: nondeterministic_output
""")
cdef void cluster_info(call *c) noexcept nogil:
    cdef buf text
    if not cluster_enabled(c):
        return
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\n"
               b"cluster_slots_fail:0\r\ncluster_known_nodes:1\r\ncluster_size:1\r\ncluster_current_epoch:0\r\ncluster_my_epoch:0\r\n"
               b"cluster_stats_messages_sent:0\r\ncluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n")
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


define(cluster_slots, """
    CLUSTER|SLOTS
    loading stale | cluster | 3.0.0 | O(1)
    Return the slot ranges and their nodes.
    tips: nondeterministic_output
""")
cdef void cluster_slots(call *c) noexcept nogil:
    cdef int port
    cdef view ip = host(c, &port)
    if not cluster_enabled(c):
        return
    reply_array(c, 1)
    reply_array(c, 3)
    reply_int(c, 0)
    reply_int(c, SLOTS - 1)
    reply_array(c, 4)
    reply_bulk(c, ip)
    reply_int(c, port)
    reply_bulk(c, node_id(c))
    reply_array(c, 0)


define(cluster_shards, """
    CLUSTER|SHARDS
    loading stale | cluster | 7.0.0 | O(1)
    Return the shards and their nodes.
    tips: nondeterministic_output
""")
cdef void cluster_shards(call *c) noexcept nogil:
    cdef int port
    cdef view ip = host(c, &port)
    if not cluster_enabled(c):
        return
    reply_array(c, 1)
    reply_map(c, 2)
    reply_text(c, b"slots")
    reply_array(c, 2)
    reply_int(c, 0)
    reply_int(c, SLOTS - 1)
    reply_text(c, b"nodes")
    reply_array(c, 1)
    reply_map(c, 7)
    reply_text(c, b"id")
    reply_bulk(c, node_id(c))
    reply_text(c, b"port")
    reply_int(c, port)
    reply_text(c, b"ip")
    reply_bulk(c, ip)
    reply_text(c, b"endpoint")
    reply_bulk(c, ip)
    reply_text(c, b"role")
    reply_text(c, b"master")
    reply_text(c, b"replication-offset")
    reply_int(c, 0)
    reply_text(c, b"health")
    reply_text(c, b"online")


define(cluster_nodes, """
    CLUSTER|NODES
    stale | cluster | 3.0.0 | O(1)
    Return the nodes, one per line of text.
    tips: nondeterministic_output
""")
cdef void cluster_nodes(call *c) noexcept nogil:
    cdef int port
    cdef view ip = host(c, &port)
    cdef buf text
    if not cluster_enabled(c):
        return
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"%s %.*s:%d@%d myself,master - 0 0 0 connected 0-16383\n", c.store.run_id, <int>ip.len, ip.ptr, port,
               <int>(port + 10000 if 0 < port < 55536 else 0))
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


define(cluster_myid, """
    CLUSTER|MYID
    stale | cluster | 3.0.0 | O(1)
    Return the id of this node.
""")
cdef void cluster_myid(call *c) noexcept nogil:
    if cluster_enabled(c):
        reply_bulk(c, node_id(c))


define(cluster_myshardid, """
    CLUSTER|MYSHARDID
    stale | cluster | 7.2.0 | O(1)
    Return the id of this node's shard.
    tips: nondeterministic_output
""")
cdef void cluster_myshardid(call *c) noexcept nogil:
    if cluster_enabled(c):
        reply_bulk(c, node_id(c))


define(cluster_links, """
    CLUSTER|LINKS
    stale | cluster | 7.0.0 | O(1)
    Return the links to other nodes: an empty list, kvd has none.
    tips: nondeterministic_output
""")
cdef void cluster_links(call *c) noexcept nogil:
    if cluster_enabled(c):
        reply_array(c, 0)


define(cluster_replicas, """
    CLUSTER|REPLICAS node-id
    admin stale | cluster | 5.0.0 | O(1)
    Return the replicas of a node: an empty list, kvd has none.
    tips: nondeterministic_output
""")
cdef void cluster_replicas(call *c) noexcept nogil:
    if not cluster_enabled(c):
        return
    if view_equal(c.argv[2], node_id(c)):
        reply_array(c, 0)
    else:
        reply_error_about(c, b"ERR Unknown node %.*s", c.argv[2])


define(cluster_keyslot, """
    CLUSTER|KEYSLOT key
    stale | cluster | 3.0.0 | O(N) where N is the number of bytes in the key
    Return the slot of a key.
    at: 0 0 0
""")
cdef void cluster_keyslot(call *c) noexcept nogil:
    if cluster_enabled(c):
        reply_int(c, key_slot(c.argv[2]))


define(cluster_countkeysinslot, """
    CLUSTER|COUNTKEYSINSLOT slot
    stale | cluster | 3.0.0 | O(N) where N is the number of keys
    Return the number of keys in a slot.
""")
cdef void cluster_countkeysinslot(call *c) noexcept nogil:
    cdef int64_t slot
    cdef int64_t n = 0
    cdef table_cursor at
    cdef entry *e
    if not cluster_enabled(c) or not arg_int(c, 2, &slot):
        return
    if not 0 <= slot < SLOTS:
        reply_error(c, b"ERR Invalid slot")
        return
    memset(&at, 0, sizeof(at))
    while True:
        e = table_next(&c.db.keys, &at)
        if e == NULL:
            break
        n += key_slot(entry_key(e)) == slot
    reply_int(c, n)


define(cluster_getkeysinslot, """
    CLUSTER|GETKEYSINSLOT slot count
    stale | cluster | 3.0.0 | O(N) where N is the number of keys
    Return keys of a slot.
    tips: nondeterministic_output
""")
cdef void cluster_getkeysinslot(call *c) noexcept nogil:
    cdef int64_t slot, most
    cdef int64_t n = 0
    cdef size_t begin = c.out.len
    cdef table_cursor at
    cdef entry *e
    if not cluster_enabled(c) or not arg_int(c, 2, &slot) or not arg_int(c, 3, &most):
        return
    if not 0 <= slot < SLOTS or most < 0:
        reply_error(c, b"ERR Invalid slot or number of keys")
        return
    memset(&at, 0, sizeof(at))
    while n < most:
        e = table_next(&c.db.keys, &at)
        if e == NULL:
            break
        if key_slot(entry_key(e)) == slot:
            reply_bulk(c, entry_key(e))
            n += 1
    write_header_at(c.out, begin, c'*', n)


define(readonly_command, """
    READONLY
    loading stale fast | connection | 3.0.0 | O(1)
    Allow reads on a replica to a client that has told that it follows redirections (CLIENT CAPA).
""")
cdef void readonly_command(call *c) noexcept nogil:
    if c.session.redirects or cluster_enabled(c):
        c.session.reads_replica = True
        reply_ok(c)


define(readwrite_command, """
    READWRITE
    loading stale fast | connection | 3.0.0 | O(1)
    Undo READONLY.
""")
cdef void readwrite_command(call *c) noexcept nogil:
    if c.session.redirects or cluster_enabled(c):
        c.session.reads_replica = False
        reply_ok(c)


define(asking_command, """
    ASKING
    fast | connection | 3.0.0 | O(1)
    Allow the next command to access an importing slot. No effect in kvd.
""")
cdef void asking_command(call *c) noexcept nogil:
    if cluster_enabled(c):
        reply_ok(c)
