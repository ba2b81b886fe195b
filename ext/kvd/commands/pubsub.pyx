"""Commands that publish and subscribe. session/channels.pyx stores the subscriptions."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf
from kvd.core.glob cimport glob_match
from kvd.core.view cimport view
from kvd.resp.writer cimport write_bulk, write_header_at, write_int, write_null, write_push, write_text
from kvd.run.args cimport propagate_words, reply_array, reply_bulk, reply_error, reply_errorf, reply_int
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY
from kvd.run.registry cimport define
from kvd.session.channels cimport (
    CHANNEL, PATTERN, SHARD, any_subscription, channel, channel_name, channels_of, listeners_of, publish, subscribe,
    subscriptions, unsubscribe,
)
from kvd.session.session cimport REPLY_ON, session
from kvd.store.effects cimport TO_REPLICAS


cdef buf *confirmations(call *c) noexcept nogil:
    """A reply, and also a message: CLIENT REPLY does not suppress it."""
    return c.out if c.session.reply == REPLY_ON else &c.session.pushes


cdef void confirm(call *c, const char *what, int kind, view name) noexcept nogil:
    """The message that confirms the begin or end of a subscription."""
    cdef session *s = c.session
    cdef buf *out = confirmations(c)
    write_push(out, 3, c.proto)
    write_text(out, what)
    if name.ptr == NULL:
        write_null(out, c.proto)
    else:
        write_bulk(out, name)
    write_int(out, subscriptions(s, SHARD) if kind == SHARD else subscriptions(s, CHANNEL) + subscriptions(s, PATTERN))


cdef void subscribe_generic(call *c, int kind, const char *what) noexcept nogil:
    cdef int i
    if c.session.in_process and c.session.wake == NULL:
        reply_errorf(c, b"ERR %s needs a session that receives messages: Store.pubsub()", c.command.name, NULL)
        return
    for i in range(1, c.argc):
        if subscribe(c.session, kind, c.argv[i]) < 0:
            reply_error(c, NO_MEMORY)
            return
        confirm(c, what, kind, c.argv[i])


cdef void unsubscribe_generic(call *c, int kind, const char *what) noexcept nogil:
    cdef view name
    cdef int i
    for i in range(1, c.argc):
        unsubscribe(c.session, kind, c.argv[i])
        confirm(c, what, kind, c.argv[i])
    if c.argc > 1:
        return
    name = any_subscription(c.session, kind)
    if name.ptr == NULL:
        confirm(c, what, kind, name)
    while name.ptr != NULL:
        leave_one(c, kind, what, name)
        name = any_subscription(c.session, kind)


cdef void leave_one(call *c, int kind, const char *what, view name) noexcept nogil:
    """The name is freed with the subscription, so its confirmation is written first and counted after."""
    cdef session *s = c.session
    cdef buf *out = confirmations(c)
    write_push(out, 3, c.proto)
    write_text(out, what)
    write_bulk(out, name)
    unsubscribe(s, kind, name)
    write_int(out, subscriptions(s, SHARD) if kind == SHARD else subscriptions(s, CHANNEL) + subscriptions(s, PATTERN))


define(subscribe_command, """
    SUBSCRIBE channel [channel ...]
    pubsub noscript loading stale listening | pubsub | 2.0.0 | O(N) where N is the number of channels
    Subscribe to channels.
    channels: 1 -1
""")
cdef void subscribe_command(call *c) noexcept nogil:
    subscribe_generic(c, CHANNEL, b"subscribe")


define(psubscribe_command, """
    PSUBSCRIBE pattern [pattern ...]
    pubsub noscript loading stale listening | pubsub | 2.0.0 | O(N) where N is the number of patterns
    Subscribe to all channels whose names match patterns.
    channels: 1 -1 pattern
""")
cdef void psubscribe_command(call *c) noexcept nogil:
    subscribe_generic(c, PATTERN, b"psubscribe")


define(ssubscribe_command, """
    SSUBSCRIBE shardchannel [shardchannel ...]
    pubsub noscript loading stale listening | pubsub | 7.0.0 | O(N) where N is the number of channels
    Subscribe to shard channels.
    channels: 1 -1
    keys: not_key
    at: 1 -1 1
""")
cdef void ssubscribe_command(call *c) noexcept nogil:
    if c.session.executing:
        reply_error(c, b"ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
        return
    subscribe_generic(c, SHARD, b"ssubscribe")


define(unsubscribe_command, """
    UNSUBSCRIBE [channel [channel ...]]
    pubsub noscript loading stale listening | pubsub | 2.0.0 | O(N) where N is the number of channels
    Unsubscribe from channels, or from all of them.
""")
cdef void unsubscribe_command(call *c) noexcept nogil:
    unsubscribe_generic(c, CHANNEL, b"unsubscribe")


define(punsubscribe_command, """
    PUNSUBSCRIBE [pattern [pattern ...]]
    pubsub noscript loading stale listening | pubsub | 2.0.0 | O(N) where N is the number of patterns
    Unsubscribe from patterns, or from all of them.
""")
cdef void punsubscribe_command(call *c) noexcept nogil:
    unsubscribe_generic(c, PATTERN, b"punsubscribe")


define(sunsubscribe_command, """
    SUNSUBSCRIBE [shardchannel [shardchannel ...]]
    pubsub noscript loading stale listening | pubsub | 7.0.0 | O(N) where N is the number of channels
    Unsubscribe from shard channels, or from all of them.
    keys: not_key
    at: 1 -1 1
""")
cdef void sunsubscribe_command(call *c) noexcept nogil:
    unsubscribe_generic(c, SHARD, b"sunsubscribe")


define(publish_command, """
    PUBLISH channel message
    pubsub loading stale fast may_replicate | pubsub | 2.0.0 | O(N+M) where N is the number of listeners and M the number of patterns
    Send a message to the subscribers of a channel and return their number.
    channels: 1 1
""")
cdef void publish_command(call *c) noexcept nogil:
    reply_int(c, publish(c.store, CHANNEL, c.argv[1], c.argv[2]))
    propagate_words(c, TO_REPLICAS)


define(spublish_command, """
    SPUBLISH shardchannel message
    pubsub loading stale fast may_replicate | pubsub | 7.0.0 | O(N) where N is the number of listeners
    Send a message to the subscribers of a shard channel and return their number.
    channels: 1 1
    keys: not_key
    at: 1 1 1
""")
cdef void spublish_command(call *c) noexcept nogil:
    reply_int(c, publish(c.store, SHARD, c.argv[1], c.argv[2]))
    propagate_words(c, TO_REPLICAS)


cdef void list_channels(call *c, int kind) noexcept nogil:
    cdef channel *ch = channels_of(c.store).first[kind]
    cdef size_t at = c.out.len
    cdef int64_t n = 0
    while ch != NULL:
        if c.argc == 2 or glob_match(c.argv[2], channel_name(ch), False):
            reply_bulk(c, channel_name(ch))
            n += 1
        ch = ch.next
    write_header_at(c.out, at, c'*', n)


cdef void count_listeners(call *c, int kind) noexcept nogil:
    cdef int i
    reply_array(c, (c.argc - 2) * 2)
    for i in range(2, c.argc):
        reply_bulk(c, c.argv[i])
        reply_int(c, listeners_of(c.store, kind, c.argv[i]))


define(pubsub_channels, """
    PUBSUB|CHANNELS [pattern]
    pubsub loading stale | pubsub | 2.8.0 | O(N) where N is the number of channels
    Return the channels that have subscribers.
""")
cdef void pubsub_channels(call *c) noexcept nogil:
    list_channels(c, CHANNEL)


define(pubsub_shardchannels, """
    PUBSUB|SHARDCHANNELS [pattern]
    pubsub loading stale | pubsub | 7.0.0 | O(N) where N is the number of channels
    Return the shard channels that have subscribers.
""")
cdef void pubsub_shardchannels(call *c) noexcept nogil:
    list_channels(c, SHARD)


define(pubsub_numsub, """
    PUBSUB|NUMSUB [channel [channel ...]]
    pubsub loading stale | pubsub | 2.8.0 | O(N) where N is the number of channels
    Return the number of subscribers of channels, not counting patterns.
""")
cdef void pubsub_numsub(call *c) noexcept nogil:
    count_listeners(c, CHANNEL)


define(pubsub_shardnumsub, """
    PUBSUB|SHARDNUMSUB [shardchannel [shardchannel ...]]
    pubsub loading stale | pubsub | 7.0.0 | O(N) where N is the number of channels
    Return the number of subscribers of shard channels.
""")
cdef void pubsub_shardnumsub(call *c) noexcept nogil:
    count_listeners(c, SHARD)


define(pubsub_numpat, """
    PUBSUB|NUMPAT
    pubsub loading stale | pubsub | 2.8.0 | O(1)
    Return the number of patterns that have subscribers.
""")
cdef void pubsub_numpat(call *c) noexcept nogil:
    reply_int(c, channels_of(c.store).counts[<int>PATTERN])
