"""One socket and its session. See connection.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.threads cimport pthread_t
from kvd.core.view cimport view
from kvd.net.channel cimport channel
from kvd.resp.parser cimport parser
from kvd.run.large cimport large_args
from kvd.session.session cimport session
from kvd.store.store cimport store

cdef enum:
    BATCH = 64                 # commands parsed before the lock is taken

cdef struct parsed:            # a command of the batch: its arguments in the thread's argv
    int first
    int argc

cdef struct round_state:       # commands that are parsed and run together
    view *argv                 # arguments of the batch
    int argv_room
    parsed batch[BATCH]
    uint64_t hashes[BATCH]     # of each command's first argument, which usually is a key

cdef struct turns:             # a queue of connections
    connection *first
    connection *last

cdef struct network:           # a network thread
    store *store
    int index
    pthread_t thread
    int poller
    int waker[2]
    connection *connections    # owned by this thread
    connection *pending        # have output or were killed, caused by another session; under the store's lock
    connection *arrivals       # accepted for this thread; under the store's lock
    connection *dead           # closed in this round, freed at its end
    size_t count
    round_state round
    connection *replying       # have output to send at the end of the round
    int64_t accepts_again_ms   # there are no descriptors for new clients; 0: it listens
    buf spare                  # a large one, for the next connection with large replies
    turns heavy                # after light connections
    turns strangers            # after heavy ones: they have not authenticated, or their handshake is not done
    uint64_t reads             # since last reported to the store
    uint64_t writes
    uint64_t net_in
    uint64_t net_out
    uint64_t polls             # rounds since they were reported
    uint64_t spent             # ticks of them, without waiting
    bint stopping
    bint idle                  # no socket was ready in this round

cdef struct connection:
    session *session
    network *owner
    channel line               # its socket, plain or encrypted
    bint greeting              # its handshake is not done
    int64_t greeted_until_ms   # wall; when that has to be done
    connection *next
    connection *prev
    connection *next_pending   # in pending or arrivals
    connection *next_dead
    connection *next_replying
    connection *next_turn
    connection *prev_turn
    bint is_replying
    bint is_pending
    turns *queue               # that it is in; or NULL
    bint unfinished            # its last turn left commands that had arrived
    uint64_t begun             # its turn; ticks
    uint64_t cost              # of its turns, the average of the last ones; ticks
    buf input
    parser parser
    large_args large           # memory for the large arguments of the command that is being received
    size_t large_at            # where the last of these begins in input; 0: there is none
    size_t apart               # where the one that a value can take over begins in input; 0: there is none
    size_t head                # bytes of the words before it
    buf sending                # output taken from the session
    size_t sent
    bint needs_room            # its last output was large
    int64_t streamed_us        # of a replica: when it was sent the stream last
    bint writing               # the poller watches for writing
    buf leaving                # the command with which its client goes on elsewhere, at the end of the round; or empty
    bint dead                  # to be closed and freed at the end of the round

cdef connection *connection_new(network *net, channel *line, bint is_unix, const char *unix_path) noexcept nogil   # under the lock; takes the channel over, or NULL
cdef void connection_readable(connection *k) noexcept nogil
cdef bint connection_is_light(connection *k) noexcept nogil     # it need not queue
cdef void connection_queue(connection *k) noexcept nogil       # for its turn, if it is not queued
cdef void connection_unqueue(connection *k) noexcept nogil     # if it is queued
cdef void connection_turn(connection *k) noexcept nogil        # it is not queued any more
cdef void connection_writable(connection *k) noexcept nogil
cdef void connection_reply(connection *k) noexcept nogil       # sends the output of the round
cdef void connection_tell(connection *k) noexcept nogil        # under the lock: takes the output of its session, for the next
cdef bint connection_converse(connection *k, buf *heard) noexcept nogil   # sends what can be sent, and appends what has arrived; False: the client has left
cdef void connection_resume(connection *k) noexcept nogil      # after a pause, a wake or a kill
cdef void connection_close(connection *k) noexcept nogil       # marks it dead; the loop closes its socket and frees it
cdef void connection_drop(connection *k, bint forked) noexcept nogil   # the same under the lock, of one that is not dead. forked: without a byte to the client
cdef void connection_hasten(connection *k, int64_t now) noexcept nogil   # closes it if its handshake takes too long
cdef void connection_free(connection *k) noexcept nogil        # under the lock
cdef void connection_report_rounds(network *net) noexcept nogil     # under the lock: adds the thread's rounds to the figures
