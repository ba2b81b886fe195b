"""Link: commands at once or later, messages in their order, waits that leave it blocked, and an end from either side."""

import select

import pytest

import kvd
from kvd.doors.link import WAITING


@pytest.fixture
def link(store):
    return store._link(kvd.ResponseError)


def readable(link):
    return bool(select.select([link.fileno()], [], [], 0)[0])


def test_a_call_returns_its_reply_and_an_error_as_a_value(link):
    assert link.call(("SET", "k", "v"), False) == b"OK" and link.call(("GET", "k"), True) == "v"
    assert isinstance(link.call(("INCR", "k"), False), kvd.ResponseError) and isinstance(link.call(("NOSUCH",), False), kvd.ResponseError)
    with pytest.raises(TypeError):
        link.call(("SET", "k", None), False)
    assert link.call(("PING",), True) == "PONG"


def test_the_short_ways_do_what_the_call_does(store, link):
    assert link.set("k", b"v") is True and link.get("k", False) == b"v" and link.get("k", True) == "v" and link.get("none", False) is None
    store.rpush("l", "a")
    assert link.get("l", False) is WAITING and isinstance(link.call(("GET", "l"), False), kvd.ResponseError)
    link.call(("MULTI",), False)
    assert link.set("k", "w") is WAITING and link.get("k", False) is WAITING and store.get("k") == b"v"


def test_replies_come_in_the_order_of_what_was_sent(link):
    for i in range(5):
        link.send(("ECHO", str(i)))
    assert [link.next(False) for _ in range(5)] == [(False, b"%d" % i) for i in range(5)]
    with pytest.raises(RuntimeError, match="nothing to receive"):
        link.next(False)


def test_messages_around_a_reply_are_kept(store, link):
    link.call(("HELLO", 3), False)
    link.call(("CLIENT", "TRACKING", "ON"), False)
    link.call(("GET", "k"), False)
    store.set("k", 1)
    assert link.call(("ECHO", "x"), False) == b"x" and link.next(False) == (True, [b"invalidate", [b"k"]]) and not link.ready()


def test_a_reply_that_is_put_back_comes_first(link):
    link.send(("ECHO", "later"))
    link.put("first")
    assert readable(link) and link.next(False) == (False, "first") and link.next(False) == (False, b"later") and not readable(link)


def test_the_descriptor_tells_exactly_when_there_is_something(store, link):
    assert not readable(link)
    link.send(("PING",))
    assert readable(link) and link.next(True) == (False, "PONG") and not readable(link)
    link.send(("BLPOP", "l", 0))
    assert not readable(link) and link.waits()
    store.rpush("l", "a")
    assert readable(link) and link.next(False) == (False, [b"l", b"a"]) and not readable(link) and not link.waits()


def test_a_wait_ends_by_its_own_time(link):
    assert link.call(("BLPOP", "l", "0.01"), False) is WAITING and link.patience() is not None
    while not link.ready():
        link.sleep(60)
    assert link.next(False) == (False, None) and link.patience() is None


def test_a_wait_that_is_given_up_has_no_reply(store, link):
    assert link.call(("BLPOP", "l", 0), False) is WAITING and link.waits()
    link.give_up()
    store.rpush("l", "a")
    assert not link.waits() and not link.ready() and store.llen("l") == 1 and link.call(("LPOP", "l"), False) == b"a"


@pytest.mark.parametrize("end", ["close", "kill", "quit", "store"])
def test_after_the_end_everything_is_a_connection_error(store, link, end):
    link.fileno()
    number = link.call(("CLIENT", "ID"), False)
    if end == "close":
        link.close()
        link.close()
    elif end == "kill":
        assert store.execute("CLIENT", "KILL", "ID", number) == 1
    elif end == "quit":
        assert link.call(("QUIT",), False) == b"OK"
    else:
        store.close()
    for use in (lambda: link.call(("PING",), False), lambda: link.send(("PING",)), link.ready, lambda: link.next(False)):
        with pytest.raises(ConnectionError):
            use()
    assert link.get("k", False) is WAITING


def test_a_link_that_is_dropped_ends_its_session(store):
    link = store._link(kvd.ResponseError)
    link.call(("SUBSCRIBE", "c"), False)
    assert store.publish("c", "m") == 1
    del link
    assert store.publish("c", "m") == 0


def test_replies_that_are_off(store, link):
    assert not link.silent() and link.call(("CLIENT", "REPLY", "OFF"), False) is None and link.silent() and link.call(("SET", "k", 1), False) is None
    assert link.call(("CLIENT", "REPLY", "ON"), False) == b"OK" and not link.silent() and store.get("k") == b"1"
