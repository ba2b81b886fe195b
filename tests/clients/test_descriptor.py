"""The descriptor of a connection in this process: readable exactly while a reply, a message or the end waits, as a socket's is."""

import asyncio
import select
import threading

import pytest
import redis
import redis.asyncio

import kvd
import kvd.asyncio
from kvd.testing import patch


def take(client):
    """A connection of the client's pool; redis-py 5 wants to know what for."""
    pool = client.connection_pool
    try:
        return pool.get_connection()
    except TypeError:
        return pool.get_connection("_")


def readable(descriptor, timeout=0.0):
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(timeout * 1000))


@pytest.fixture(params=[False, True], ids=["alone", "served"])
def store(request):
    """Alone, commands take no lock; served, they do."""
    store = kvd.Store()
    if request.param:
        store.serve()
    yield store
    store.close()


@pytest.fixture
def connection(store):
    client = kvd.Redis(store)
    connection = take(client)
    yield connection
    connection.disconnect()
    client.close()


def test_a_reply_of_ones_own_command(connection):
    descriptor = connection._sock.fileno()
    assert not readable(descriptor)
    connection.send_command("PING")
    connection.send_command("GET", "k")
    assert readable(descriptor)
    assert connection.read_response() in (b"PONG", "PONG") and readable(descriptor)
    assert connection.read_response() is None and not readable(descriptor)


def test_a_reply_that_was_there_before_it_was_watched(connection):
    connection.send_command("PING")
    assert readable(connection._sock.fileno())
    connection.read_response()
    assert not readable(connection._sock.fileno())


def test_a_reply_that_comes_later(connection, store):
    descriptor = connection._sock.fileno()
    connection.send_command("BRPOP", "l", 0)
    assert not readable(descriptor)
    store.rpush("l", "x")
    assert readable(descriptor)
    assert connection.read_response() == [b"l", b"x"]
    assert not readable(descriptor)
    connection.send_command("BRPOP", "l", 0)
    assert not readable(descriptor)


def test_a_reply_that_a_thread_has_waited_for(connection, store):
    got = []
    connection.send_command("BRPOP", "l", 0)
    thread = threading.Thread(target=lambda: got.append(connection.read_response()))
    thread.start()
    while not store.info("clients")["blocked_clients"]:
        pass
    store.rpush("l", "x")
    thread.join(20)
    assert got == [[b"l", b"x"]] and not readable(connection._sock.fileno())


def test_a_wait_that_ends_by_its_own_timeout(connection):
    connection.send_command("BRPOP", "l", 0.05)
    assert readable(connection._sock.fileno(), 20)
    assert connection.read_response() is None and not readable(connection._sock.fileno())


def test_messages(connection, store):
    descriptor = connection._sock.fileno()
    connection.send_command("SUBSCRIBE", "c")
    assert readable(descriptor)
    connection.read_response(push_request=True)
    assert not readable(descriptor)
    for text in ("one", "two"):
        store.publish("c", text)
    for text in (b"one", b"two"):
        assert readable(descriptor) and connection.read_response(push_request=True)[2] == text
    assert not readable(descriptor)


def test_invalidations_that_come_with_a_reply(store):
    ours = kvd.Redis(store, protocol=3)
    connection = take(ours)
    descriptor = connection._sock.fileno()
    for words in (("CLIENT", "TRACKING", "ON"), ("GET", "k")):
        connection.send_command(*words)
        connection.read_response()
    store.set("k", "v")
    assert readable(descriptor)
    assert connection._sock.call(("PING",), False) in (b"PONG", "PONG")
    assert readable(descriptor) and connection._sock.next(False)[0]
    assert not readable(descriptor)


@pytest.mark.parametrize("end", ["kill", "quit", "close"])
def test_the_end(connection, store, end):
    descriptor, link = connection._sock.fileno(), connection._sock
    number = kvd.Redis(connection_pool=connection_pool_of(connection)).client_id()
    if end == "kill":
        assert store.execute("CLIENT", "KILL", "ID", number) == 1
    elif end == "quit":
        connection.send_command("QUIT")
        connection.read_response()
    else:
        link.close()
    assert readable(descriptor)
    with pytest.raises(redis.ConnectionError):
        connection.read_response()


def connection_pool_of(connection):
    """A pool of just this connection."""

    class One(redis.ConnectionPool):
        def get_connection(self, *args, **kwargs):
            return connection

        def release(self, one):
            pass

    return One()


def test_an_asyncio_connection(store):
    async def run():
        ours = kvd.asyncio.Redis(store)
        connection = await take(ours)
        descriptor = connection._link.fileno()
        assert not readable(descriptor)
        await connection.send_command("PING")
        assert readable(descriptor)
        await connection.read_response()
        assert not readable(descriptor)
        await connection.send_command("BRPOP", "l", 0)
        task = asyncio.ensure_future(connection.read_response())
        await asyncio.sleep(0)
        store.rpush("l", "x")
        assert await task == [b"l", b"x"]
        assert not readable(descriptor)
        await connection.send_command("BRPOP", "l", 0.05)
        assert await connection.read_response() is None and not readable(descriptor)
        await connection.disconnect()

    asyncio.run(run())


def test_a_loop_of_ones_own_does_not_spin(connection, store):
    """Each wake-up has something to read."""
    connection.send_command("SUBSCRIBE", "c")
    connection.read_response(push_request=True)
    descriptor = connection._sock.fileno()
    publisher = threading.Thread(target=lambda: [store.publish("c", i) for i in range(100)])
    publisher.start()
    wakes = seen = 0
    while seen < 100:
        assert readable(descriptor, 20)
        wakes += 1
        while connection.can_read(0):
            assert connection.read_response(push_request=True)[2] == b"%d" % seen
            seen += 1
    publisher.join()
    assert wakes <= 100 and not readable(descriptor)


# ---- woken by others


def start(target):
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def client(store, patched):
    return redis.Redis() if patched else kvd.Redis(store)


@pytest.fixture(params=[False, True], ids=["in process", "patched"])
def patched(request, store):
    if request.param:
        with patch({("localhost", 6379): store}):
            yield True
    else:
        yield False


def test_a_listener_is_woken_by_its_own_connection(store, patched):
    listener = client(store, patched).pubsub()
    listener.subscribe("a")
    got = []
    thread = start(lambda: got.extend((m["type"], m["channel"]) for m in listener.listen()))
    while not got:
        pass
    listener.subscribe("b")
    while len(got) < 2:
        pass
    listener.unsubscribe()
    thread.join(20)
    assert not thread.is_alive()
    assert got[:2] == [("subscribe", b"a"), ("subscribe", b"b")] and {kind for kind, _ in got[2:]} == {"unsubscribe"}


def test_an_asyncio_listener_is_woken_by_its_own_connection(store, patched):
    async def run():
        listener = (redis.asyncio.Redis() if patched else kvd.asyncio.Redis(store)).pubsub()
        await listener.subscribe("a")
        got = []

        async def listen():
            async for message in listener.listen():
                got.append((message["type"], message["channel"]))

        task = asyncio.ensure_future(listen())
        while not got:
            await asyncio.sleep(0)
        await listener.subscribe("b")
        while len(got) < 2:
            await asyncio.sleep(0)
        await listener.unsubscribe()
        await asyncio.wait_for(task, 20)
        assert [kind for kind, _ in got] == ["subscribe", "subscribe", "unsubscribe", "unsubscribe"]
        await listener.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("how", ["connection", "pool", "link"])
def test_disconnecting_from_elsewhere_wakes_a_reader(store, patched, how):
    ours = client(store, patched)
    pool, connection = ours.connection_pool, take(ours)
    connection.send_command("BLPOP", "l", 0)
    raised = []

    def read():
        try:
            connection.read_response()
        except redis.ConnectionError as error:
            raised.append(error)

    thread = start(read)
    while not store.info("clients")["blocked_clients"]:
        pass
    {"connection": connection.disconnect, "pool": pool.disconnect, "link": connection._sock.close}[how]()
    thread.join(20)
    assert raised and store.info("clients")["blocked_clients"] == 0


def test_closing_a_client_wakes_its_commands(store):
    waiting = kvd.Redis(store, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    raised = []

    def wait():
        try:
            waiting.blpop("l", timeout=60)
        except redis.ConnectionError as error:
            raised.append(error)

    thread = start(wait)
    while not store.info("clients")["blocked_clients"]:
        pass
    waiting.close()
    thread.join(20)
    assert raised


def test_an_asyncio_task_is_woken_by_disconnect(store):
    async def run():
        ours = kvd.asyncio.Redis(store)
        connection = await take(ours)
        await connection.send_command("BLPOP", "l", 0)
        task = asyncio.ensure_future(connection.read_response())
        while not store.info("clients")["blocked_clients"]:
            await asyncio.sleep(0)
        await connection.disconnect()
        with pytest.raises(redis.ConnectionError):
            await asyncio.wait_for(task, 20)

    asyncio.run(run())


def test_client_kill_reaches_clients_in_process(store):
    """By each filter, those that wait too; a Store's own session is passed over."""
    idle = kvd.Redis(store, client_name="idle")
    number = idle.client_id()
    assert store.execute("CLIENT", "KILL", "ID", number) == 1
    assert idle.client_id() != number                 # redis-py has connected again
    number, address = idle.client_id(), idle.client_list()[-1]["addr"]
    assert store.execute("CLIENT", "KILL", "ADDR", address) >= 1 and idle.client_id() != number
    raised = []

    def wait():
        try:
            store.blpop("l", timeout=60)
        except kvd.ClosedError as error:
            raised.append(error)

    thread = start(wait)
    while not store.info("clients")["blocked_clients"]:
        pass
    assert store.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") >= 2
    thread.join(20)
    assert raised and store.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") == 0
    assert store.ping()
