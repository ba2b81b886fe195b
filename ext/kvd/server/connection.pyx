"""One socket and its session.

    readable: receive -> parse up to BATCH commands -> lock, run them, take the output, unlock
    at the end of the round: send

Receiving, parsing and sending hold no lock. A session's replies (`session.out`) are
only accessed under the lock; `sending` belongs to the connection, and the two are swapped, not copied.
Output that cannot be sent at once waits for the socket to become writable. How bytes travel is the channel's (net/channel.pyx): if
that begins with a handshake, it comes first, and counts as a connection meanwhile; one that takes too long is closed.

A connection's turn takes SLICE_US or one command: what is left of its input waits for the next turn. Light connections, whose turns take less
than LIGHT_US, are served as they come. Heavy ones queue for their turns, and in another queue strangers, which have not authenticated or have not done
their handshake (loop.pyx). So neither long pipelines nor many of them make others wait for long.

Limits: input (client-query-buffer-limit), output (client-output-buffer-limit), both close the
connection and are counted.

A large argument that a value can take over (run/large.pyx) is received into memory of its own, and the words of
the command before it are moved there too. A gap between both has room for the value's headers:

    +------------------------------+-----------+------------------------+----------------+
    | *3 $3 SET $3 key $100000000  | gap       | the argument           | what follows   |
    +------------------------------+-----------+------------------------+----------------+
    0                              head        apart

Such a command runs alone. If the value has taken the argument, the connection goes on with a new buffer.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

from kvd.core.buf cimport buf_add, buf_drop_front, buf_printf, buf_release, buf_reserve, buf_reserve_exactly
from kvd.core.clock cimport ticks, wall_ms
from kvd.core.mem cimport OFFERED_ROOM, ready, ready_new, ready_touch
from kvd.core.pages cimport use_huge_pages
from kvd.core.table cimport table, table_hash, table_prefetch, table_prefetch_entry
from kvd.core.threads cimport pthread_self
from kvd.core.view cimport view_of, view_str
from kvd.net.channel cimport GREET_DONE, GREET_FAILED
from kvd.net.plain cimport would_block
from kvd.resp.parser cimport (
    PARSE_COMMAND, PARSE_EMPTY, PARSE_ERROR, PARSE_MORE, parse, parser_dropped, parser_init, parser_moved,
    parser_release, parser_wants,
)
from kvd.run.client_eviction cimport clients_evict
from kvd.run.dispatch cimport DISPATCH_PAUSED, dispatch
from kvd.run.figures cimport figure_error, may_be_large, weigh
from kvd.run.large cimport USE_COPIED, USE_TAKEN, large_lend, large_reclaim, large_release, large_use, large_use_of
from kvd.server.poll cimport poll_forget, poll_watch, waker_wake
from kvd.server.socket cimport endpoint, socket_tune
from kvd.session.clients cimport session_delete, session_new
from kvd.session.session cimport (
    buf_set, clients_of, is_authenticated, session_account, session_end, session_limit_output, session_within_limits,
)
from kvd.store.clock cimport store_time
from kvd.store.config cimport OPT_CLIENT_QUERY_BUFFER_LIMIT, OPT_PROTO_MAX_BULK_LEN, OPT_TCP_KEEPALIVE, cfg
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.store cimport store_lock, store_unlock

cdef enum:
    CHUNK = 16384              # bytes received at once
    BIG_CHUNK = 262144         # while a large argument arrives
    HEAD_MAX = 4096            # words before an argument that is received into memory of its own: they stay there with it
    TAIL_MAX = 65536           # bytes after it
    UNREPORTED = 16384         # bytes that a half-received command may hold before they are reported to the store
    KEEP_BUFFER = 65536        # larger buffers are freed when empty
    SPARE_MAX = 1048576        # unless one of up to this size can be the thread's spare one
    GREETING_MS = 10000        # for a handshake
    SLICE_US = 300             # of commands in a turn
    LIGHT_US = 100             # on average
    AVERAGED = 8               # turns
    SEND_SLICE = 262144        # bytes sent in a turn


cdef void wake_connection(session *c) noexcept nogil:
    cdef connection *k = <connection *>c.link
    if k.is_pending:
        return
    k.is_pending = True
    k.next_pending = k.owner.pending
    k.owner.pending = k
    if k.owner.thread != pthread_self():
        waker_wake(k.owner.waker)


cdef connection *connection_new(network *net, channel *line, bint is_unix, const char *unix_path) noexcept nogil:
    cdef connection *k = <connection *>calloc(1, sizeof(connection))
    cdef session *c
    cdef char text[128]
    cdef int local = 1
    cdef int n
    if k == NULL:
        return NULL
    c = session_new(net.store, False)
    if c == NULL:
        free(k)
        return NULL
    k.session = c
    k.owner = net
    k.line = line[0]
    k.greeting = line.by.greets
    k.cost = 2 * as_ticks(k, LIGHT_US)
    k.greeted_until_ms = wall_ms() + GREETING_MS
    parser_init(&k.parser)
    c.fd = line.fd
    c.line = &k.line
    c.link = k
    c.wake = wake_connection
    if is_unix:
        buf_printf(&c.addr, b"%s:0", unix_path)
        buf_printf(&c.laddr, b"%s:0", unix_path)
    else:
        socket_tune(line.fd, <int>cfg(&net.store.config, OPT_TCP_KEEPALIVE))
        n = endpoint(line.fd, False, text, sizeof(text), NULL)
        buf_set(&c.laddr, view_of(text, max(n, 0)))
        n = endpoint(line.fd, True, text, sizeof(text), &local)
        buf_set(&c.addr, view_of(text, max(n, 0)))
    c.local = local
    session_account(c)
    return k


cdef void connection_free(connection *k) noexcept nogil:
    k.line.by.close(&k.line)
    session_delete(k.session)
    large_release(&k.large)
    buf_release(&k.input)
    buf_release(&k.sending)
    buf_release(&k.leaving)
    parser_release(&k.parser)
    free(k)


cdef void connection_drop(connection *k, bint forked) noexcept nogil:
    k.dead = True
    k.next_dead = k.owner.dead
    k.owner.dead = k
    if forked:                         # the poller is the parent's, too
        k.line.by.forget(&k.line)
        return
    poll_forget(k.owner.poller, k.line.fd)
    if k.session.replica != NULL:      # a transfer must not share it any more
        k.line.by.close(&k.line)


cdef void connection_close(connection *k) noexcept nogil:
    if k.dead:
        return
    if k.session.replica == NULL:
        connection_drop(k, False)
        return
    store_lock(k.owner.store)          # a transfer may be about to share its channel
    connection_drop(k, False)
    store_unlock(k.owner.store)


# ---- output -----------------------------------------------------------------------------------------

cdef inline void swap(buf *a, buf *b) noexcept nogil:
    cdef buf kept = a[0]
    a[0] = b[0]
    b[0] = kept


cdef inline void use_spare(connection *k) noexcept nogil:
    """Under the lock. Memory that has just been used costs less than new memory."""
    if k.needs_room and k.session.out.len == 0 and k.owner.spare.cap > k.session.out.cap:
        swap(&k.session.out, &k.owner.spare)


cdef void leave_sending(connection *k) noexcept nogil:
    """It is empty."""
    k.needs_room = k.sending.cap > KEEP_BUFFER
    if k.needs_room and k.owner.spare.cap < k.sending.cap <= SPARE_MAX:
        swap(&k.sending, &k.owner.spare)
    if k.sending.cap > KEEP_BUFFER:
        buf_release(&k.sending)


cdef void take_output(connection *k) noexcept nogil:
    """Under the lock: moves the session's output to the connection."""
    cdef session *c = k.session
    if c.out.failed:
        c.killed = True
        return
    if c.feed != NULL and c.out.len == 0 and k.sending.len == 0:
        c.feed(c)
        c.killed = c.killed or c.out.failed
    if c.out.len == 0:
        return
    if k.sending.len == 0:
        swap(&k.sending, &c.out)
        c.out.len = 0
        k.sending.limit = 0
    else:
        buf_add(&k.sending, c.out.ptr, c.out.len)
        c.killed = c.killed or k.sending.failed
        c.out.len = 0
        if c.out.cap > KEEP_BUFFER:
            buf_release(&c.out)
    c.pending = k.sending.len - k.sent


cdef inline void account(connection *k) noexcept nogil:
    """Under the lock. It may be killed by that, or another one."""
    session_account(k.session)
    clients_evict(k.owner.store)


cdef void watch(connection *k) noexcept nogil:
    """For writing too, if there is anything to write. More of a stream is taken when it can be sent."""
    cdef bint writing = k.sending.len != 0 or k.line.unsent or (k.session.feed != NULL and k.session.behind != 0)
    if writing != k.writing:
        k.writing = writing
        poll_watch(k.owner.poller, k.line.fd, k, writing, False)


cdef void look_after(connection *k) noexcept nogil:
    """What the socket's readiness to be read does not tell of its channel. Replies of this round are sent at its end."""
    if not k.is_replying:
        watch(k)
    if k.line.buffered:
        connection_queue(k)


cdef void send_output(connection *k) noexcept nogil:
    """Without the lock."""
    cdef size_t end = min(k.sending.len, k.sent + SEND_SLICE)
    cdef ssize_t n
    cdef bint rest
    if k.line.unsent and k.line.by.flush(&k.line) < 0:
        connection_close(k)
        return
    while k.sent < end:
        n = k.line.by.write(&k.line, k.sending.ptr + k.sent, end - k.sent)
        if n <= 0:
            if n < 0 and would_block():
                break
            connection_close(k)
            return
        k.sent += n
        k.owner.net_out += n
        k.owner.writes += 1
    rest = k.sent < k.sending.len
    k.session.pending = k.sending.len - k.sent     # a figure, and written by this thread alone
    if not rest:
        if k.session.behind == 0:
            k.session.soft_since_ms = 0
        k.sent = k.sending.len = 0
        leave_sending(k)
    watch(k)


# ---- handshake --------------------------------------------------------------------------------------

cdef void log_refusal(connection *k, const char *why) noexcept nogil:
    cdef char text[600]
    snprintf(text, sizeof(text), b"Error accepting a client connection: %s (addr=%.*s laddr=%.*s)", why, <int>k.session.addr.len,
             k.session.addr.ptr, <int>k.session.laddr.len, k.session.laddr.ptr)
    log_line(k.owner.store, LOG_WARNING, text)


cdef void greet(connection *k) noexcept nogil:
    """A step of the handshake. When it is done, the words of a refusal can be sent."""
    cdef int state = k.line.by.greet(&k.line)
    if state == GREET_FAILED:
        log_refusal(k, k.line.why)
        connection_close(k)
        return
    if state == GREET_DONE:
        k.greeting = False
        if k.session.out.len:
            connection_resume(k)
    if not k.dead:
        look_after(k)


cdef void connection_hasten(connection *k, int64_t now) noexcept nogil:
    if k.greeting and now >= k.greeted_until_ms and not k.dead:
        log_refusal(k, b"the handshake takes too long")
        connection_close(k)


cdef void finish_round(connection *k) noexcept nogil:
    """After the lock is released: sends, and closes if requested."""
    if k.session.killed:
        connection_close(k)
        return
    if k.sending.len:
        send_output(k)
    if k.session.closing and not k.dead and k.sending.len == 0 and not k.line.unsent:
        connection_close(k)


cdef void connection_writable(connection *k) noexcept nogil:
    if k.greeting:
        greet(k)
        return
    send_output(k)
    if not k.dead:
        store_lock(k.owner.store)
        take_output(k)
        k.session.pending = k.sending.len - k.sent
        account(k)
        store_unlock(k.owner.store)
        finish_round(k)


# ---- debugging a script --------------------------------------------------------------------------------

cdef void connection_tell(connection *k) noexcept nogil:
    take_output(k)


cdef bint connection_converse(connection *k, buf *heard) noexcept nogil:
    """What arrived behind EVAL is in the input."""
    cdef size_t waiting = k.input.len - k.parser.used
    cdef ssize_t n
    if k.sending.len:
        send_output(k)
    if not k.dead and (k.line.unsent or k.sending.len or k.writing):
        watch(k)
    if waiting:
        buf_add(heard, k.input.ptr + k.parser.used, waiting)
        k.input.len = k.parser.used
    if k.dead or k.session.killed or not buf_reserve(heard, CHUNK):
        return False
    n = k.line.by.read(&k.line, heard.ptr + heard.len, heard.cap - heard.len)
    if n > 0:
        heard.len += n
        k.owner.net_in += n
    return n > 0 or (n < 0 and would_block())


# ---- turns --------------------------------------------------------------------------------------------

cdef inline uint64_t as_ticks(connection *k, int us) noexcept nogil:
    return <uint64_t>(us * k.owner.store.clock.pace.ticks_per_us)


cdef inline bint is_stranger(connection *k) noexcept nogil:
    return k.greeting or not is_authenticated(k.session)


cdef bint connection_is_light(connection *k) noexcept nogil:
    return k.cost < as_ticks(k, LIGHT_US) and not k.unfinished and k.queue == NULL and not is_stranger(k)


cdef void connection_queue(connection *k) noexcept nogil:
    if k.queue != NULL:
        return
    k.queue = &k.owner.strangers if is_stranger(k) else &k.owner.heavy
    k.next_turn = NULL
    k.prev_turn = k.queue.last
    if k.queue.last != NULL:
        k.queue.last.next_turn = k
    else:
        k.queue.first = k
    k.queue.last = k


cdef void connection_unqueue(connection *k) noexcept nogil:
    if k.queue == NULL:
        return
    if k.prev_turn != NULL:
        k.prev_turn.next_turn = k.next_turn
    else:
        k.queue.first = k.next_turn
    if k.next_turn != NULL:
        k.next_turn.prev_turn = k.prev_turn
    else:
        k.queue.last = k.prev_turn
    k.queue = NULL


cdef inline bint is_free(session *c) noexcept nogil:
    """Can it run commands?"""
    return not (c.paused or c.closing or c.wait != NULL)


cdef void connection_turn(connection *k) noexcept nogil:
    if not k.unfinished:
        connection_readable(k)
    elif is_free(k.session):
        k.begun = ticks()
        process(k)


cdef inline bint is_late(connection *k) noexcept nogil:
    return ticks() - k.begun > as_ticks(k, SLICE_US)


cdef void end_turn(connection *k) noexcept nogil:
    """One long turn may be an accident: the average counts."""
    k.cost += (ticks() - k.begun) // AVERAGED - k.cost // AVERAGED
    if k.unfinished or k.line.buffered:
        connection_queue(k)


# ---- large arguments ---------------------------------------------------------------------------------

cdef void receive_apart(connection *k) noexcept nogil:
    """Moves the command that is being received, so that its large argument can be taken over."""
    cdef parser *p = &k.parser
    cdef size_t head = p.used - p.start
    cdef size_t at = (head + OFFERED_ROOM + 15) & ~<size_t>15
    cdef size_t had = k.input.len - p.used
    cdef size_t room = at + p.bulk + 2
    cdef char *base
    if head > HEAD_MAX:
        return
    base = <char *>malloc(room)
    if base == NULL:
        return
    use_huge_pages(base, room)
    memcpy(base, k.input.ptr + p.start, head)
    memcpy(base + at, k.input.ptr + p.used, had)
    buf_release(&k.input)
    k.input.ptr = base
    k.input.len = at + had
    k.input.cap = room
    k.head = head
    k.apart = at
    parser_moved(p, at)
    k.large.offer.len = p.bulk


cdef void add_ready(connection *k) noexcept nogil:
    cdef ready *r = ready_new(k.parser.bulk)
    if r != NULL:
        r.next = k.large.blocks
        k.large.blocks = r


cdef size_t ready_bytes(ready *r) noexcept nogil:
    cdef size_t n = 0
    while r != NULL:
        n += r.room
        r = r.next
    return n


cdef void touch_ready(connection *k, size_t n) noexcept nogil:
    """n bytes have arrived: obtains as many of the memory that they will be copied to, or all that is left of it."""
    cdef size_t begin = max(k.input.len, k.large_at) - k.large_at
    cdef size_t end = begin + n
    ready_touch(k.large.blocks, begin, <size_t>-1 if parser_wants(&k.parser, k.input.len + n) == 0 else end)


cdef void expect_large(connection *k) noexcept nogil:
    """A large argument is about to be received: decides where its bytes go."""
    cdef parser *p = &k.parser
    cdef large_use use
    if p.argc == 0 or k.large_at == p.used:
        return
    use = large_use_of(k.session, view_of(k.input.ptr + p.offsets[0], p.argv[0].len), p.bulk)
    if use == USE_TAKEN and k.apart == 0:
        receive_apart(k)
    elif use == USE_COPIED:
        add_ready(k)
    k.large_at = p.used


cdef void lend(connection *k) noexcept nogil:
    """Under the lock: offers what has been received apart to the command that runs next."""
    if k.apart and k.input.cap - k.large.offer.len <= HEAD_MAX + OFFERED_ROOM + TAIL_MAX:
        k.large.offer.base = k.input.ptr
        k.large.offer.bytes = k.input.ptr + k.apart
    large_lend(k.owner.store, &k.large)


cdef void leave_input(connection *k, size_t end) noexcept nogil:
    """The input up to `end` belongs to a value now; the rest moves to a new buffer."""
    cdef buf rest
    memset(&rest, 0, sizeof(rest))
    if k.input.len > end:
        buf_add(&rest, k.input.ptr + end, k.input.len - end)
        k.session.killed = k.session.killed or rest.failed
    k.input = rest
    k.apart = 0
    parser_dropped(&k.parser, end)


cdef size_t close_gap(connection *k) noexcept nogil:
    """Moves the words before the argument that was received apart up to it; returns where the command begins now."""
    memmove(k.input.ptr + k.apart - k.head, k.input.ptr, k.head)
    return k.apart - k.head


# ---- input ------------------------------------------------------------------------------------------

cdef bint add_to_batch(network *net, parser *p, int n, int *used) noexcept nogil:
    cdef void *grown
    cdef int i
    if used[0] + p.argc > net.round.argv_room:
        grown = realloc(net.round.argv, (used[0] + p.argc) * 2 * sizeof(view))
        if grown == NULL:
            return False
        net.round.argv = <view *>grown
        net.round.argv_room = (used[0] + p.argc) * 2
    net.round.batch[n].first = used[0]
    net.round.batch[n].argc = p.argc
    for i in range(p.argc):
        net.round.argv[used[0] + i] = p.argv[i]
    used[0] += p.argc
    return True


cdef void protocol_error(connection *k) noexcept nogil:
    """Under the lock."""
    cdef session *c = k.session
    buf_printf(&c.out, b"-ERR Protocol error: %s\r\n", k.parser.error)
    figure_error(k.owner.store, view_str(b"ERR"))
    session_end(c)


cdef void prefetch_batch(connection *k, int n) noexcept nogil:
    """Prefetches all buckets of the batch, then all entries."""
    cdef network *net = k.owner
    cdef table *t = &net.store.dbs[k.session.db].keys
    cdef int i
    for i in range(n):
        if net.round.batch[i].argc > 1:
            net.round.hashes[i] = table_hash(net.round.argv[net.round.batch[i].first + 1])
            table_prefetch(t, net.round.hashes[i])
    for i in range(n):
        if net.round.batch[i].argc > 1:
            table_prefetch_entry(t, net.round.hashes[i])


cdef int run_batch(connection *k, int n) noexcept nogil:
    """Under the lock; returns the number run (fewer when the session is paused or closes, or its time is up)."""
    cdef int done
    if n > 1:
        prefetch_batch(k, n)
    done = run_each(k, n, n > 1)
    k.session.hinted = view_of(NULL, 0)
    return done


cdef int run_each(connection *k, int n, bint hashed) noexcept nogil:
    cdef network *net = k.owner
    cdef uint64_t enough = net.store.stats.spent + as_ticks(k, SLICE_US)
    cdef bint weighs = may_be_large(net.store, k.input.len)
    cdef int i
    k.session.request = 0
    for i in range(n):
        if hashed and net.round.batch[i].argc > 1:
            k.session.hinted = net.round.argv[net.round.batch[i].first + 1]
            k.session.hint = net.round.hashes[i]
        if weighs:
            weigh(k.session, net.round.argv + net.round.batch[i].first, net.round.batch[i].argc)
        if dispatch(k.session, net.round.argv + net.round.batch[i].first, net.round.batch[i].argc) == DISPATCH_PAUSED:
            return i
        if k.session.closing or k.session.killed or k.session.wait != NULL or k.session.debugs or k.session.out.failed or net.store.stats.spent > enough:
            return i + 1
    return n


cdef void connection_report_rounds(network *net) noexcept nogil:
    net.store.stats.polls += net.polls
    net.store.stats.rounds_spent += net.spent
    net.polls = net.spent = 0


cdef void report(connection *k) noexcept nogil:
    """Under the lock: reports the figures of the round."""
    cdef network *net = k.owner
    cdef session *c = k.session
    c.input_used = k.input.len
    c.input_free = k.input.cap - k.input.len + ready_bytes(k.large.blocks)
    if k.input.len > clients_of(net.store).max_input:
        clients_of(net.store).max_input = k.input.len
    connection_report_rounds(net)
    net.store.stats.net_in += net.net_in
    net.store.stats.net_out += net.net_out
    net.store.stats.reads += net.reads
    net.store.stats.writes += net.writes
    net.net_in = net.net_out = net.reads = net.writes = 0
    account(k)


cdef void consume(connection *k, size_t upto) noexcept nogil:
    """Drops parsed input: usually all of it, else only when much has accumulated at the front."""
    if upto == k.input.len:
        k.input.len = 0
        if k.input.cap > KEEP_BUFFER * 2:
            buf_release(&k.input)
    elif upto >= KEEP_BUFFER or upto > k.input.len // 2:
        buf_drop_front(&k.input, upto)
    else:
        return
    parser_dropped(&k.parser, upto)


cdef size_t parse_batch(connection *k, int *count, int *state, size_t *ends) noexcept nogil:
    """Parses until the batch is full or the input is used up. ends[i]: the end of command i."""
    cdef parser *p = &k.parser
    cdef int used = 0
    cdef int limit = BATCH if p.trusted and k.apart == 0 and not k.session.debugs else 1    # what follows an EVAL is for its debugger
    count[0] = 0
    while count[0] < limit:
        state[0] = parse(p, k.input.ptr, k.input.len)
        if state[0] == PARSE_EMPTY:
            continue
        if state[0] != PARSE_COMMAND:
            break
        if not add_to_batch(k.owner, p, count[0], &used):
            p.error = b"out of memory"
            state[0] = PARSE_ERROR
            break
        ends[count[0]] = p.used
        count[0] += 1
        if p.argc and p.argv[0].ptr >= p.line.ptr and p.argv[0].ptr < p.line.ptr + p.line.len:
            break                  # an inline command's words are in the parser until the next one
    return p.used


cdef void process(connection *k) noexcept nogil:
    """Runs the commands in the input, batch after batch, until the turn ends."""
    cdef store *s = k.owner.store
    cdef session *c = k.session
    cdef int n, done, state
    cdef bint stopped
    cdef size_t ends[BATCH]
    cdef size_t begin
    k.unfinished = False
    while True:
        begin = k.parser.start if k.parser.missing >= 0 else k.parser.used
        k.parser.trusted = is_authenticated(c)
        k.parser.max_bulk = cfg(&s.config, OPT_PROTO_MAX_BULK_LEN)
        parse_batch(k, &n, &state, ends)
        if n == 0 and state == PARSE_MORE:
            if c.syncs:
                c.alive_ms = wall_ms()
            if k.input.cap > c.input_used + c.input_free + UNREPORTED or k.input.len > c.input_used + UNREPORTED:
                store_lock(s)
                report(k)
                store_unlock(s)
            break
        store_lock(s)
        store_time(s)
        use_spare(k)
        session_limit_output(c)
        lend(k)
        done = run_batch(k, n)
        if large_reclaim(s, &k.large):
            leave_input(k, ends[0])
            ends[0] = 0
        k.large.offer.base = NULL
        if done == n and state == PARSE_ERROR and not c.closing and c.wait == NULL:
            protocol_error(k)
        if not session_within_limits(c):
            log_line(s, LOG_WARNING, b"Client scheduled to be closed ASAP for overcoming of output buffer limits.")
            s.stats.output_limit_closed += 1
            c.killed = True
        take_output(k)
        report(k)
        stopped = c.paused or c.wait != NULL
        store_unlock(s)
        large_release(&k.large)
        if stopped or (done < n and not (c.closing or c.killed)):
            rewind_to(k, begin if done == 0 else ends[done - 1])
            k.unfinished = not stopped
            break
        k.large_at = k.apart = 0
        if c.closing or c.killed or state == PARSE_ERROR:
            k.input.len = 0
            parser_dropped(&k.parser, k.parser.used)
            break
        if state == PARSE_MORE:
            break
        if is_late(k) or c.debugs:     # replies to what preceded a debugging session are sent before it
            k.unfinished = True
            break
    if k.input.len:
        consume(k, k.parser.used if k.parser.missing < 0 else k.parser.start)
    end_turn(k)
    if not k.is_replying:
        k.is_replying = True
        k.next_replying = k.owner.replying
        k.owner.replying = k


cdef void connection_reply(connection *k) noexcept nogil:
    """All replies of a round are sent after its commands: a client that waits for many of them
    wakes once, and sends more commands at a time."""
    k.is_replying = False
    if not k.dead:
        finish_round(k)


cdef void rewind_to(connection *k, size_t at) noexcept nogil:
    """The next parse begins at `at` again."""
    if k.apart and at == 0:
        at = close_gap(k)
    k.large_at = k.apart = 0
    k.parser.used = at
    k.parser.start = at
    k.parser.missing = -1
    k.parser.bulk = -1
    k.parser.argc = 0


cdef void connection_readable(connection *k) noexcept nogil:
    if k.greeting:
        greet(k)
    else:
        receive_some(k)
        if not k.dead and (k.line.unsent or k.line.buffered):
            look_after(k)


cdef void receive_some(connection *k) noexcept nogil:
    cdef size_t room = parser_wants(&k.parser, k.input.len)
    cdef ssize_t n
    cdef int64_t limit = cfg(&k.owner.store.config, OPT_CLIENT_QUERY_BUFFER_LIMIT)
    k.begun = ticks()
    if room > CHUNK:
        expect_large(k)
    if not (buf_reserve_exactly(&k.input, max(room, <size_t>CHUNK)) if room > CHUNK or k.large_at else buf_reserve(&k.input, CHUNK)):
        connection_close(k)            # a large argument is not moved while it arrives
        return
    n = k.line.by.read(&k.line, k.input.ptr + k.input.len, min(k.input.cap - k.input.len, <size_t>BIG_CHUNK))
    if n <= 0:
        if n == 0 or not would_block():
            connection_close(k)
        return
    if k.large.blocks != NULL:
        touch_ready(k, n)
    k.input.len += n
    k.owner.net_in += n
    k.owner.reads += 1
    if k.input.len > <size_t>limit:
        log_line(k.owner.store, LOG_WARNING, b"Closing client that reached max query buffer length")
        k.owner.store.stats.query_limit_closed += 1
        connection_close(k)
        return
    if is_free(k.session):
        process(k)


cdef void connection_resume(connection *k) noexcept nogil:
    """Processes what other sessions have done to this one while it was not running."""
    if k.session.killed:
        connection_close(k)
        return
    if k.session.scripting:            # its script runs, and lets others be served: it goes on afterwards
        return
    if k.session.wait == NULL and (k.session.paused or k.input.len):
        k.session.paused = False
        k.begun = ticks()
        process(k)
        if k.dead:
            return
    store_lock(k.owner.store)
    if not session_within_limits(k.session):
        k.owner.store.stats.output_limit_closed += 1
        k.session.killed = True
    take_output(k)
    account(k)
    store_unlock(k.owner.store)
    finish_round(k)
