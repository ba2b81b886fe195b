"""The clock of the tests of caches, and a signal that interrupts the main thread."""

import signal
import threading

import pytest

from ..caching.conftest import clock as clock
from ..waiting import eventually


class Interruption(Exception):
    pass


@pytest.fixture
def interrupt():
    """A function that arms a signal: its handler raises Interruption in the main thread as soon as a condition holds."""
    def handle(signum, frame):
        raise Interruption

    usual = signal.signal(signal.SIGUSR1, handle)
    main = threading.main_thread().ident
    threads = []

    def arm(condition):
        def send():
            eventually(condition)
            signal.pthread_kill(main, signal.SIGUSR1)

        threads.append(threading.Thread(target=send))
        threads[-1].start()

    yield arm
    for thread in threads:
        thread.join()
    signal.signal(signal.SIGUSR1, usual)
