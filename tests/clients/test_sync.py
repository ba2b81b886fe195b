"""kvd.Redis: threads that share a client, waits that end by their own time, and clients that work on after an interruption."""

import subprocess
import sys
import threading
import time

import pytest
import redis
import redis.asyncio
import redis.backoff
import redis.retry

import kvd
import kvd.asyncio


def test_sync_threads_share_a_client():
    client = kvd.Redis()

    def work():
        for i in range(500):
            client.incr("n")
            client.set("k", i)
            assert client.get("k") is not None

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("n") == b"4000"


def test_waits_end_by_their_own_timeout_not_by_that_of_sockets():
    client = kvd.Redis(socket_timeout=0.05, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    with pytest.raises(redis.TimeoutError):
        client.blpop("none", timeout=5)
    assert client.ping() and kvd.Redis().connection_pool.take()._patience is None


def test_a_listening_thread_stops():
    client = kvd.Redis()
    got = []
    listener = client.pubsub()
    listener.subscribe(c=got.append)
    thread = listener.run_in_thread(sleep_time=0.05, daemon=True)
    while client.publish("c", "m") == 0:
        time.sleep(0.01)
    deadline = time.monotonic() + 5
    while not got and time.monotonic() < deadline:
        time.sleep(0.01)
    thread.stop()
    thread.join(5)
    assert got and not thread.is_alive()


def test_an_interrupted_wait_leaves_a_working_client():
    code = """
import os, signal, threading, kvd
client = kvd.Redis()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    client.blpop("none")
except KeyboardInterrupt:
    assert client.set("k", "v") and client.get("k") == b"v"
    print("fine")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "fine\n" and not done.stderr, done.stderr


def test_a_signal_that_another_thread_takes_ends_a_wait():
    """As one does that comes when the waiting thread is about to wait. Here that thread takes none at all."""
    code = """
import os, signal, threading, kvd
client = kvd.Redis()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
try:
    client.blpop("none")
except KeyboardInterrupt:
    print("fine")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "fine\n", done.stderr

