"""INFO keysizes after the same random commands on kvd and on a real Redis: the same text.

Redis keeps its counts command by command, and 8.0.6 has two wrong: a key that SETRANGE or APPEND makes counts twice, and -1 times as empty.
So they are left out. What kvd counts is compared with the values themselves in tests/store/test_sizes.py.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvd

from .commands import FAMILIES, command_lines
from .test_differential import keys_of, known_difference
from .wire import RealServer, Wire, programs

EXAMPLES = int(os.environ.get("KVDDEV_COMPAT_EXAMPLES", "150"))
WRONG_THERE = {"append", "setrange"}

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module", params=programs())
def real(request):
    server = RealServer(request.param)
    if server.valkey or server.release < (8, 0):
        server.stop()
        pytest.skip("INFO keysizes came with Redis 8.0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ours():
    with kvd.Server(kvd.Store(enable_debug_command="yes")) as server:
        yield server


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"stream", "hyperloglog"}))
def test_sequences(real, ours, family):
    mine, theirs = Wire(("127.0.0.1", ours.port)), Wire(real.address)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize="CI" in os.environ)
    @given(st.lists(command_lines(family), min_size=1, max_size=30))
    def run(lines):
        for wire in (mine, theirs):
            for words in (("DISCARD",), ("UNWATCH",), ("SELECT", 0), ("FLUSHALL",)):
                wire(*words)
        log = []
        for words in lines:
            if known_difference(real, words, False) or words[0].lower() in WRONG_THERE:
                continue
            log.append((words, mine(*words), theirs(*words)))
        for wire in (mine, theirs):
            wire("DISCARD")
        shown = [wire("INFO", "keysizes") for wire in (mine, theirs)]
        if keys_of(mine) == keys_of(theirs):               # else expired keys wait there to be freed
            assert shown[0] == shown[1], log

    run()
    mine.close()
    theirs.close()


def test_the_bins_have_the_same_names(real, ours):
    mine, theirs = Wire(("127.0.0.1", ours.port)), Wire(real.address)
    for wire in (mine, theirs):
        wire("FLUSHALL")
        for size in range(1, 1030, 13):
            wire("SET", f"s{size}", "x" * size)
            wire("RPUSH", f"l{size}", *range(size))
            wire("SADD", f"t{size}", *range(size))
        for power in range(10, 26):
            wire("SET", f"s{power}", "x" * (1 << power))
    assert mine("INFO", "keysizes") == theirs("INFO", "keysizes")
    for section in ("keysizes", "all", "everything", "default"):
        assert b"# Keysizes" in mine("INFO", section) and b"# Keysizes" in theirs("INFO", section)
