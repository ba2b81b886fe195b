"""Sessions of a store: apart from each other, closed once, without effect on the store's own."""

import threading

import pytest

import kvd


def test_state_belongs_to_one_session(store):
    with store.session() as one, store.session() as other:
        one.execute("SELECT", 3)
        one.execute("MULTI")
        assert other.execute("SET", "k", "v") == b"OK" and one.execute("GET", "k") == b"QUEUED" and store.execute("DBSIZE") == 1
        assert one.execute("EXEC") == [None]


def test_closing(store):
    session = store.session()
    session.execute("WATCH", "k")
    session.close()
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.execute("PING")
    assert store.ping()


def test_a_transaction_that_is_left_open_is_discarded(store):
    with store.session() as session:
        session.execute("MULTI")
        session.execute("SET", "k", "v")
    assert store.get("k") is None


def test_a_session_outlives_the_name_of_its_store():
    session = kvd.Store().session()
    assert session.execute("SET", "k", "v") == b"OK" and session.execute("GET", "k") == b"v"


def test_many_threads_with_one_session_each(store):
    def work():
        with store.session() as session:
            for _ in range(300):
                session.execute("MULTI")
                session.execute("INCR", "n")
                session.execute("EXEC")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("n") == b"2400"


def test_sessions_of_a_closed_store(store):
    session = store.session()
    store.close()
    with pytest.raises(ConnectionError):
        session.execute("PING")
    session.close()
