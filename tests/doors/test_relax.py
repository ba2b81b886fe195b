"""Long scripts in the caller's thread: signals are handled meanwhile, and an exception of a handler ends the script."""

import signal
import threading

import pytest

import kvd

from ..waiting import eventually
from .conftest import Interruption

ENDLESS = "redis.call('incr', 'n') while true do end"


def busy(store):
    try:
        store.execute("PING")
    except kvd.ResponseError as error:
        return str(error).startswith("BUSY")
    return False


@pytest.mark.parametrize("served", [False, True])
def test_an_exception_of_a_handler_ends_the_script(interrupt, served):
    store = kvd.Store(busy_reply_threshold=20)
    server = store.serve() if served else None
    interrupt(lambda: busy(store))
    with pytest.raises(Interruption):
        store.eval(ENDLESS, 0)
    assert store.get("n") == b"1" and store.eval("return redis.call('incr', 'n')", 0) == 2
    if server:
        server.stop()


def test_also_of_a_session_and_in_a_transaction(interrupt):
    store = kvd.Store(busy_reply_threshold=20)
    with store.session() as session:
        session.execute("MULTI")
        session.execute("EVAL", ENDLESS, 0)
        interrupt(lambda: busy(store))
        with pytest.raises(Interruption):
            session.execute("EXEC")
        assert session.execute("GET", "n") == b"1"
    assert store.incr("n") == 2


def test_a_handler_that_returns_changes_nothing():
    store = kvd.Store(busy_reply_threshold=20)
    handled = []
    usual = signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
    main = threading.main_thread().ident

    def send():
        eventually(lambda: busy(store))
        signal.pthread_kill(main, signal.SIGUSR1)
        eventually(lambda: handled)
        store.script_kill()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with pytest.raises(kvd.ResponseError, match="Script killed by user"):
            store.eval("while true do end", 0)
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, usual)
    assert handled == [1]


def test_a_short_script_in_a_store_without_a_server_takes_no_lock():
    """Threads that run many short ones end, and lose nothing."""
    store = kvd.Store()
    threads = [threading.Thread(target=lambda: [store.eval("return redis.call('incr', 'n')", 0) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("n") == b"2000"
