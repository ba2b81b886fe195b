"""Client-side caching where it meets eviction, expiry, scripts and a full table; test_tracking.py has the plain cases."""

import kvd

from ..compat.wire import Wire


def used(peer):
    return int(next(line for line in peer("INFO", "memory").decode().splitlines() if line.startswith("used_memory:")).split(":")[1])


def invalidated(wire, until):
    """Keys of the invalidations that come before the reply of `until`."""
    keys = []
    wire.send(Wire.frame(until))
    while True:
        reply = wire.read()
        if not isinstance(reply, list) or not reply or reply[0] != b"invalidate":
            return keys, reply
        keys += reply[1] or [None]


def test_eviction_does_not_feed_itself(peer):
    """The invalidations that are being sent are no memory that has to be evicted for."""
    cache = peer.open(3)
    names = [f"key:{i:06}{'x' * 200}" for i in range(300)]
    for name in names:
        peer("SET", name, "v" * 1000)
    cache("CLIENT", "TRACKING", "ON")
    for name in names:
        cache("GET", name)
    peer("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    try:
        peer("CONFIG", "SET", "maxmemory", used(peer) - 40_000)
        peer("SET", "z", "1")
    finally:
        peer("CONFIG", "SET", "maxmemory", 0)
        peer("CONFIG", "SET", "maxmemory-policy", "noeviction")
    keys, reply = invalidated(cache, ("ECHO", "end"))
    gone = [name for name in names if not peer("EXISTS", name)]
    assert reply == b"end" and 30 <= len(gone) < 150 and sorted(keys) == [name.encode() for name in gone]


def test_evicted_keys_are_told_before_the_reply(store):
    store.config_set("maxmemory-policy", "allkeys-random")
    with store.serve() as server:
        wire = Wire(("127.0.0.1", server.port), 3)
        wire("CLIENT", "TRACKING", "ON", "BCAST")
        for i in range(50):
            store.set(f"k{i}", "v" * 1000)
        assert len(invalidated(wire, ("PING",))[0]) == 50
        store.configure("maxmemory", store.used_memory - 5000)
        keys, reply = invalidated(wire, ("SET", "new", "v" * 1000))
        assert reply == b"OK" and len(keys) >= 5 and set(keys) <= {f"k{i}".encode() for i in range(50)} | {b"new"}


def test_a_smaller_table_forgets_keys_and_tells(peer):
    cache = peer.open(3)
    cache("CLIENT", "TRACKING", "ON")
    for i in range(20):
        cache("GET", f"k{i}")
    peer("CONFIG", "SET", "tracking-table-max-keys", 5)
    keys = []
    try:
        while len(keys) < 15:
            more, reply = invalidated(cache, ("PING",))
            assert reply == b"PONG"
            keys += more
        assert b"tracking_total_keys:5" in peer("INFO", "stats")
    finally:
        peer("CONFIG", "SET", "tracking-table-max-keys", 1_000_000)
    assert len(keys) == len(set(keys)) == 15


def test_noloop_does_not_hide_an_expiry(store):
    with store.serve() as server:
        store.clock.freeze(1_700_000_000)
        cache = Wire(("127.0.0.1", server.port), 3)
        cache("CLIENT", "TRACKING", "ON", "NOLOOP")
        cache("SET", "k", "v", "PX", 1000)
        cache("GET", "k")
        store.clock.advance(2)
        keys, reply = invalidated(cache, ("GET", "k"))
        assert keys == [b"k"] and reply is None or (keys, reply) == ([], None) and cache.read() == [b"invalidate", [b"k"]]


def test_scripts_track_what_they_read_and_nothing_else(peer):
    for name in ("EVAL", "EVAL_RO") if peer.version > (7, 4) else ():      # Redis 7.0 tracks all keys of scripts
        cache, other = peer.open(3), peer.open()
        cache("CLIENT", "TRACKING", "ON")
        cache(name, "return redis.call('get', KEYS[1])", 2, "read", "not-read")
        other("MSET", "not-read", 1)
        assert invalidated(cache, ("PING",)) == ([], b"PONG")
        other("MSET", "read", 1)
        assert invalidated(cache, ("PING",)) == ([b"read"], b"PONG")


def test_a_client_whose_redirection_has_ended_is_told(peer):
    messages, data, other = peer.open(3), peer.open(3), peer.open()
    data("CLIENT", "TRACKING", "ON", "REDIRECT", messages("CLIENT", "ID"))
    data("GET", "k")
    messages.close()
    peer.wires.remove(messages)
    while f"id={data('CLIENT', 'GETREDIR')} ".encode() in other("CLIENT", "LIST"):
        pass
    other("SET", "k", 1)
    assert data.read()[0] == b"tracking-redir-broken"


def test_nothing_is_left_of_clients_that_leave(store):
    links = [store._link(kvd.ResponseError) for _ in range(20)]
    for link in links:
        link.call(("HELLO", "3"), False)
        link.call(("CLIENT", "TRACKING", "ON"), False)
        for i in range(100):
            link.call(("GET", f"k{i}"), False)
    assert store.info("stats")["tracking_total_items"] == 2000 and store.info("clients")["tracking_clients"] == 20
    for link in links:
        link.close()
    for i in range(100):
        store.set(f"k{i}", "v")
    found = store.info("stats")
    assert found["tracking_total_items"] == found["tracking_total_keys"] == 0 and store.info("clients")["tracking_clients"] == 0
