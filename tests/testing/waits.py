"""Commands that wait in threads, for tests of what cuts them."""

import threading

import redis
import redis.backoff
import redis.retry


def wait_for_blocked(store, n=1):
    while store.info("clients")["blocked_clients"] < n:
        pass


def waiting(store, call):
    """A thread that waits in call; what ends it is collected."""
    ended = []

    def wait():
        try:
            ended.append(call())
        except redis.ConnectionError as error:
            ended.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, ended


NO_RETRY = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
