"""The loop of a network thread.

    wait for sockets -> serve each -> serve the queues -> serve those that other sessions woke -> free the closed -> (thread 0) tick

Heavy connections and strangers (connection.pyx) queue. A queue is served for TURNS_US in a round, the rest of it in the next rounds: light
clients wait no longer than that, however many attack.

A replica is woken by every write. It is sent the stream when no other socket is ready, or STREAM_US after the last time: so a
write does not cost a system call for each replica.

Thread 0 also accepts, and does the store's background work in slices: expiry and freeing delay sockets
by one slice at most. When nothing is due it sleeps until the next deadline or the next round of
statistics (`hz` a second).
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free
from libc.string cimport memset, strlen

from kvd.core.buf cimport buf, buf_add, buf_printf, buf_release
from kvd.core.clock cimport mono_us, pace_update, ticks, wall_ms
from kvd.core.view cimport view, view_of
from kvd.net.channel cimport channel
from kvd.persist.journal cimport journal_flush, journal_is_strict
from kvd.resp.writer cimport write_command
from kvd.run.after cimport after, expire_waits
from kvd.server.connection cimport (
    connection, connection_close, connection_converse, connection_free, connection_hasten, connection_is_light,
    connection_new, connection_queue, connection_readable, connection_reply, connection_report_rounds,
    connection_resume, connection_tell, connection_turn, connection_unqueue, connection_writable, round_state, turns,
)
from kvd.server.listening cimport MAX_LISTENERS, listener, server, server_admit, server_assign
from kvd.server.poll cimport (
    POLL_EVENTS, poll_event, poll_forget, poll_wait, poll_watch, waker_drain, waker_wake,
)
from kvd.server.socket cimport accept_one, is_out_of_descriptors, last_errno, strerror
from kvd.session.session cimport (
    DEBUG_NONE, clients_of, is_listening, pause_set, session, session_end, session_kill, session_within_limits,
)
from kvd.session.waiters cimport waits_next
from kvd.store.clock cimport store_time
from kvd.store.config cimport OPT_ACTIVE_EXPIRE_EFFORT, OPT_HZ, OPT_TIMEOUT, cfg
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.parts cimport PART_SERVER
from kvd.store.store cimport OPS_SAMPLES, rate, store, store_lend, store_lock, store_unlock
from kvd.store.tick cimport store_next, store_tick

cdef extern from "<unistd.h>" nogil:
    void _exit(int status)

cdef enum:
    RATE_MS = 100
    IDLE_CHECK_MS = 1000
    STREAM_US = 200            # for which a busy thread gathers what replicas are sent
    STREAM_BYTES = 16384       # unless there is so much
    CONVERSE_MS = 100          # that a debugger waits for its client before it looks whether it is to end
    TURNS_US = 500             # of a round: for each queue, for accepting connections, and for freeing them


cdef int64_t slice_us(store *s) noexcept nogil:
    """The time limit of a slice of background work."""
    return 250 + (cfg(&s.config, OPT_ACTIVE_EXPIRE_EFFORT) - 1) * 83


cdef void pause_accepting(network *net, server *v) noexcept nogil:
    """Clients wait to be accepted until there may be descriptors again; their sockets are not polled in vain meanwhile."""
    cdef char text[128]
    cdef int i
    snprintf(text, sizeof(text), b"Accepting client connection: %s", strerror(last_errno()))
    log_line(net.store, LOG_WARNING, text)
    net.accepts_again_ms = wall_ms() + IDLE_CHECK_MS
    for i in range(v.listener_count):
        if v.listeners[i].fd >= 0:
            poll_forget(net.poller, v.listeners[i].fd)


cdef void resume_accepting(network *net) noexcept nogil:
    cdef server *v = <server *>net.store.parts[<int>PART_SERVER]
    cdef int i
    net.accepts_again_ms = 0
    for i in range(v.listener_count):
        if v.listeners[i].fd >= 0:
            poll_watch(net.poller, v.listeners[i].fd, &v.listeners[i], False, True)


cdef void accept_all(network *net, listener *l) noexcept nogil:
    cdef server *v = <server *>net.store.parts[<int>PART_SERVER]
    cdef int fd
    cdef int64_t end = mono_us() + TURNS_US
    cdef network *target
    cdef connection *k
    cdef channel line
    cdef const char *denied
    while mono_us() < end:             # the rest in the next round
        fd = accept_one(l.fd)
        if fd < 0:
            if is_out_of_descriptors():
                pause_accepting(net, v)
            return
        store_lock(net.store)
        store_time(net.store)
        if not server_admit(v, l, fd, &line, &denied):
            store_unlock(net.store)
            continue
        target = server_assign(v)
        k = connection_new(target, &line, l.is_unix, l.path)
        if k == NULL:
            log_line(net.store, LOG_WARNING, b"Out of memory for a new client")
            line.by.close(&line)
        else:
            if denied != NULL:
                buf_add(&k.session.out, denied, strlen(denied))
                session_end(k.session)
            hand_over(net, k)
        store_unlock(net.store)
        if k != NULL and target != net:
            waker_wake(target.waker)


cdef void hand_over(network *net, connection *k) noexcept nogil:
    """To its thread."""
    if k.owner == net:
        adopt(net, k)
    else:
        k.next_pending = k.owner.arrivals
        k.owner.arrivals = k


cdef void adopt(network *net, connection *k) noexcept nogil:
    k.prev = NULL
    k.next = net.connections
    if net.connections != NULL:
        net.connections.prev = k
    net.connections = k
    net.count += 1
    k.session.relax = relax
    k.session.converse = converse
    k.session.leave = leave
    poll_watch(net.poller, k.line.fd, k, False, True)


cdef bint gathers(network *net, connection *k) noexcept nogil:
    """Can a replica wait for more of the stream?"""
    cdef int64_t now
    if k.session.feed == NULL or net.idle or k.session.killed or k.session.behind > STREAM_BYTES:
        return False
    now = mono_us()
    if now - k.streamed_us < STREAM_US:
        return True
    k.streamed_us = now
    return False


cdef connection *pop_pending(network *net, connection **held) noexcept nogil:
    """held: receives those that can wait; they stay marked as pending."""
    cdef connection *k
    store_lock(net.store)
    k = net.pending
    while k != NULL:
        net.pending = k.next_pending
        if k.dead or not gathers(net, k):
            k.is_pending = False
            break
        k.next_pending = held[0]
        held[0] = k
        k = net.pending
    store_unlock(net.store)
    return k


cdef void put_back(network *net, connection *held) noexcept nogil:
    """To be looked at again in the next round, which does not wait for sockets."""
    cdef connection *following
    store_lock(net.store)
    while held != NULL:
        following = held.next_pending
        held.next_pending = net.pending
        net.pending = held
        held = following
    store_unlock(net.store)


cdef void serve_woken(network *net) noexcept nogil:
    cdef connection *k
    cdef connection *held = NULL
    store_lock(net.store)
    while net.arrivals != NULL:
        k = net.arrivals
        net.arrivals = k.next_pending
        adopt(net, k)
    store_unlock(net.store)
    while True:
        k = pop_pending(net, &held)
        if k == NULL:
            break
        if not k.dead:
            connection_resume(k)
    if held != NULL:
        put_back(net, held)


cdef void forget_pending(network *net, connection *k) noexcept nogil:
    cdef connection **link = &net.pending
    while link[0] != NULL and link[0] != k:
        link = &link[0].next_pending
    if link[0] == k:
        link[0] = k.next_pending


cdef void free_dead(network *net) noexcept nogil:
    """Many clients may leave at once: what takes too long waits for the next round."""
    cdef connection *k
    cdef int64_t end = mono_us() + TURNS_US
    store_lock(net.store)
    while net.dead != NULL and mono_us() < end:
        k = net.dead
        net.dead = k.next_dead
        if k.is_pending:
            forget_pending(net, k)
        connection_unqueue(k)
        if k.prev != NULL:
            k.prev.next = k.next
        else:
            net.connections = k.next
        if k.next != NULL:
            k.next.prev = k.prev
        net.count -= 1
        connection_free(k)
    store_unlock(net.store)


cdef void close_idle(network *net, int64_t now) noexcept nogil:
    cdef int64_t seconds = cfg(&net.store.config, OPT_TIMEOUT)
    cdef connection *k = net.connections
    if seconds == 0:
        return
    while k != NULL:
        if now - k.session.last_ms > seconds * 1000 and not (
                k.session.monitor or k.session.syncs or is_listening(k.session) or k.session.paused or k.session.wait != NULL):
            connection_close(k)
        k = k.next


cdef void close_slow_handshakes(network *net, int64_t now) noexcept nogil:
    cdef connection *k = net.connections
    while k != NULL:
        connection_hasten(k, now)
        k = k.next


cdef void close_slow_readers(network *net) noexcept nogil:
    """Closes clients that have exceeded their soft output limit for too long, even if nothing is written to them meanwhile."""
    cdef connection *k = net.connections
    while k != NULL:
        if k.session.soft_since_ms and not k.dead:
            store_lock(net.store)
            store_time(net.store)
            if not session_within_limits(k.session):
                net.store.stats.output_limit_closed += 1
                k.session.killed = True
            store_unlock(net.store)
            if k.session.killed:
                connection_close(k)
        k = k.next


cdef void sample(rate *r, uint64_t total, int64_t now) noexcept nogil:
    if r.last_ms and now > r.last_ms:
        r.samples[r.next] = <int64_t>((total - r.last) * 1000 // (now - r.last_ms)) if total >= r.last else 0
        r.next = (r.next + 1) % OPS_SAMPLES
    r.last = total
    r.last_ms = now


cdef void statistics(store *s, int64_t now) noexcept nogil:
    pace_update(&s.clock.pace)
    sample(&s.stats.ops, s.stats.commands, now)
    sample(&s.stats.input, s.stats.net_in, now)
    sample(&s.stats.output, s.stats.net_out, now)
    sample(&s.stats.rounds, s.stats.polls, now)
    sample(&s.stats.rounds_us, <uint64_t>(s.stats.rounds_spent / s.clock.pace.ticks_per_us), now)


cdef void end_pause(store *s, int64_t now) noexcept nogil:
    if s.paused_until and now >= s.paused_until:
        pause_set(s, 0, False)


cdef int64_t background(network *net, int64_t *next_round) noexcept nogil:
    """Background work of thread 0; returns the ms it may sleep."""
    cdef store *s = net.store
    cdef int64_t now = wall_ms()
    cdef int64_t next_ms
    if now < s.planned and now < next_round[0]:
        return min(s.planned, next_round[0]) - now
    store_lock(s)
    if clients_of(s).busy != NULL:                 # nothing expires while a script runs
        store_unlock(s)
        return RATE_MS
    store_tick(s, slice_us(s))
    expire_waits(s)
    after(s)
    if now >= next_round[0] or next_round[0] > now + 2000:
        connection_report_rounds(net)
        statistics(s, now)
        end_pause(s, now)
        next_round[0] = now + min(1000 // cfg(&s.config, OPT_HZ), <int64_t>RATE_MS)
    next_ms = min(store_next(s), waits_next(s))
    if s.paused_until:
        next_ms = min(next_ms, s.paused_until)
    s.planned = next_ms
    store_unlock(s)
    next_ms = min(next_ms, next_round[0])
    return next_ms - now if next_ms > now else 0


cdef void lose_replies(network *net) noexcept nogil:
    """What must be in the log cannot be written: nothing is acknowledged. kvd serve ends, as Redis does; the process of a program goes on,
    and its clients see that their connections are closed."""
    cdef connection *k = net.replying
    if net.store.ends_unlogged:
        log_line(net.store, LOG_WARNING, b"Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
        _exit(1)
    while k != NULL:
        k.session.killed = True
        k = k.next_replying


cdef void depart(connection *k) noexcept nogil:
    """Hands its client over, with what it has not been sent yet, its command, and what it has sent after that."""
    cdef session *c = k.session
    cdef server *v = <server *>c.store.parts[<int>PART_SERVER]
    cdef bint left
    buf_add(&k.leaving, k.input.ptr + k.parser.used, k.input.len - k.parser.used)
    left = not k.leaving.failed and v.debug_apart(v.owner, k.line.fd, c.db, c.proto, view_of(k.sending.ptr + k.sent, k.sending.len - k.sent),
                                                  view_of(k.leaving.ptr, k.leaving.len))
    buf_release(&k.leaving)
    store_lock(c.store)
    c.debugs = DEBUG_NONE
    if left:
        k.sending.len = k.sent = 0
        session_kill(c)
    else:
        buf_printf(&c.out, b"-ERR the debugging session cannot begin: there are too many, or not enough memory\r\n")
        connection_tell(k)
    store_unlock(c.store)


cdef void send_replies(network *net) noexcept nogil:
    """A reply to a write is sent after the write is in the log."""
    cdef connection *k
    if net.store.unwritten and not journal_flush(net.store, False) and journal_is_strict(net.store):
        lose_replies(net)
    while net.replying != NULL:
        k = net.replying
        net.replying = k.next_replying
        if k.leaving.len and not k.dead:
            depart(k)
        connection_reply(k)


cdef void serve_ready(connection *k, bint readable, bint writable) noexcept nogil:
    if k.greeting:
        connection_queue(k)
        return
    if writable and not k.dead:
        connection_writable(k)
    if readable and not k.dead:
        if connection_is_light(k):
            connection_readable(k)
        else:
            connection_queue(k)


cdef void serve_queue(turns *queue, connection *but) noexcept nogil:
    """A turn each, as far as the time reaches. Those with replies to be sent wait for the next round: a connection that has ended is
    closed after them."""
    cdef connection *last = queue.last
    cdef connection *k
    cdef int64_t end
    if last == NULL:
        return
    end = mono_us() + TURNS_US
    while queue.first != NULL:
        k = queue.first
        connection_unqueue(k)
        if k == but or k.is_replying:
            connection_queue(k)
        elif not k.dead:
            connection_turn(k)
        if k == last or mono_us() > end:
            return


cdef void serve_events(network *net, poll_event *events, int n, connection *but) noexcept nogil:
    """Serves ready sockets, except one connection."""
    cdef server *v = <server *>net.store.parts[<int>PART_SERVER]
    cdef connection *k
    cdef int i
    for i in range(n):
        if events[i].tag == &net.waker:
            waker_drain(net.waker)
        elif <size_t>events[i].tag >= <size_t>&v.listeners[0] and <size_t>events[i].tag < <size_t>(v.listeners + MAX_LISTENERS):
            accept_all(net, <listener *>events[i].tag)
        else:
            k = <connection *>events[i].tag
            if k == but:
                continue
            serve_ready(k, events[i].readable, events[i].writable)
    serve_queue(&net.heavy, but)
    serve_queue(&net.strangers, but)
    send_replies(net)
    if net.pending != NULL or net.arrivals != NULL:
        serve_woken(net)
        send_replies(net)


cdef bint serve_others(connection *k, int ms, buf *heard) noexcept nogil:
    """A command of this connection runs, under the lock: gives the lock to others, and serves the other connections of this thread, after a wait of
    so many ms. heard: or NULL. False: the server ends, or the client whose words are to be heard has left."""
    cdef network *net = k.owner
    cdef round_state outer = net.round
    cdef poll_event events[POLL_EVENTS]
    cdef bint stays = True
    cdef size_t had = heard.len if heard != NULL else 0
    cdef int n
    memset(&net.round, 0, sizeof(round_state))     # the batch of the script is finished later
    store_unlock(net.store)
    if heard != NULL:
        stays = connection_converse(k, heard)
        ms = 0 if heard.len > had or not stays else ms
    n = poll_wait(net.poller, events, ms)
    if heard != NULL and stays and heard.len == had:
        stays = connection_converse(k, heard)
    serve_events(net, events, n, k)
    store_lock(net.store)
    store_lend(net.store)
    free(net.round.argv)
    net.round = outer
    return stays and not net.stopping


cdef bint relax(session *c, bint busy, int64_t spent_us) noexcept nogil:
    """A script of this connection runs for long, under the lock: others get BUSY errors, and may kill it."""
    return not busy or serve_others(<connection *>c.link, 0, NULL)


cdef bint converse(session *c, buf *heard) noexcept nogil:
    connection_tell(<connection *>c.link)
    return serve_others(<connection *>c.link, CONVERSE_MS, heard)


cdef bint leave(session *c, view *argv, int argc) noexcept nogil:
    """A debugging session apart begins with this command, when the round has ended: that takes the GIL, and therefore not the lock."""
    cdef connection *k = <connection *>c.link
    write_command(&k.leaving, argc, argv)
    return not k.leaving.failed


cdef void network_run(network *net) noexcept nogil:
    cdef poll_event events[POLL_EVENTS]
    cdef int n
    cdef int64_t next_round = 0
    cdef int64_t next_idle = 0
    cdef int64_t sleep_ms = 0
    cdef int64_t now
    cdef uint64_t begun
    while not net.stopping:
        n = poll_wait(net.poller, events, <int>sleep_ms)
        begun = ticks()
        net.polls += 1
        net.idle = n == 0
        serve_events(net, events, n, NULL)
        sleep_ms = IDLE_CHECK_MS
        if net.index == 0:
            sleep_ms = background(net, &next_round)
        now = wall_ms()
        if net.accepts_again_ms and now >= net.accepts_again_ms:
            resume_accepting(net)
        if now >= next_idle:
            close_idle(net, now)
            close_slow_readers(net)
            close_slow_handshakes(net, now)
            next_idle = now + IDLE_CHECK_MS
        if net.dead != NULL:
            free_dead(net)
        if net.dead != NULL or net.pending != NULL or net.heavy.first != NULL or net.strangers.first != NULL:
            sleep_ms = 0
        net.spent += ticks() - begun
