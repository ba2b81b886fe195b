"""Publishing and listening where it is not a matter of course; tests/session/test_channels.py has what is sent to whom."""

import pytest

import kvd


def test_shard_channels_are_not_subscribed_to_in_a_transaction(peer):
    """SUBSCRIBE is, for the sake of old clients."""
    wire = peer.open(3)
    for line in ("MULTI", "SUBSCRIBE a", "SSUBSCRIBE b", "EXEC"):
        reply = wire(*line.split())
    replies = [reply] if isinstance(reply, list) and reply[0] != b"subscribe" else []
    while not replies or not isinstance(replies[-1], list) or not any(isinstance(one, Exception) for one in replies[-1]):
        replies.append(wire.read())
    assert "isn't allowed for a DENY BLOCKING client" in str(replies[-1])
    assert peer("PUBSUB", "SHARDNUMSUB", "b") == [b"b", 0] and peer("PUBSUB", "NUMSUB", "a") == [b"a", 1]


def test_a_store_says_how_to_listen(store):
    for command in ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"):
        with pytest.raises(kvd.ResponseError, match="Store.pubsub"):
            store.execute(command, "c")
    assert store.execute("PUBSUB", "NUMSUB", "c") in ([b"c", 0], {b"c": 0})


def test_publish_in_a_transaction_and_a_script(peer):
    listener = peer.open()
    listener("SUBSCRIBE", "c")
    wire = peer.open()
    wire("MULTI")
    wire("PUBLISH", "c", "1")
    assert wire("EXEC") == [1] and wire("EVAL", "return redis.call('publish', 'c', '2')", 0) == 1
    assert [listener.read()[2], listener.read()[2]] == [b"1", b"2"]
