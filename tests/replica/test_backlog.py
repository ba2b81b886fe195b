"""What is kept of the stream: any replica that comes back gets exactly the bytes it lacks, or a snapshot."""

import random

import pytest

from ..waiting import eventually
from .tap import Tap, info, offset_of


@pytest.mark.parametrize("size", [1, 20_000, 300_000])
@pytest.mark.parametrize("seed", range(3))
def test_a_replica_continues_from_every_byte_that_is_kept(origin, size, seed):
    dice = random.Random(seed)
    origin.config_set("repl-backlog-size", size)
    first = Tap(origin.port)
    for _ in range(12):
        for _ in range(dice.randrange(1, 40)):
            origin.set(f"k{dice.randrange(9)}", bytes(dice.randrange(256) for _ in range(dice.choice([3, 700, 9000]))))
        end = offset_of(origin)
        stream = first.read(end - first.offset)
        first.acknowledge(end)
        kept = int(info(origin)["repl_backlog_first_byte_offset"])
        assert end + 1 - kept == int(info(origin)["repl_backlog_histlen"])
        assert kept <= first.offset + 1 or end - kept + 1 >= size
        for wanted in {kept, end + 1, kept - 1, end + 2, dice.randrange(kept, end + 2)}:
            tap = Tap(origin.port, "PSYNC", first.id, wanted, acks=False)
            if max(kept, first.offset + 1) <= wanted <= end + 1:
                assert tap.answer == b"+CONTINUE " + first.id
                assert tap.read(end + 1 - wanted) == stream[wanted - 1 - first.offset :]
            elif not kept <= wanted <= end + 1:
                assert tap.answer.startswith(b"+FULLRESYNC")
            tap.close()
    first.close()


def test_a_replica_that_does_not_read_keeps_the_stream_for_itself(origin):
    """Up to its limit: then it is cut, and the memory is free."""
    origin.config_set("repl-backlog-size", 20_000)
    origin.config_set("client-output-buffer-limit", "replica 30mb 0 0")
    slow = Tap(origin.port)
    origin.set("k", "v")
    slow.read(10)
    for _ in range(20):
        origin.set("k", "x" * 1_000_000)
    assert int(info(origin)["repl_backlog_histlen"]) > 10_000_000
    assert int(info(origin, "memory")["mem_replication_backlog"]) < 100_000        # what maxmemory is compared with has no part in it
    for _ in range(30):
        origin.set("k", "x" * 1_000_000)
    eventually(lambda: info(origin)["connected_slaves"] == "0")
    origin.set("k", "v")
    assert int(info(origin)["repl_backlog_histlen"]) < 3_000_000
    assert info(origin, "stats")["client_output_buffer_limit_disconnections"] == "1"
    slow.close()


def test_a_larger_or_smaller_size_counts_from_now_on(origin):
    tap = Tap(origin.port)
    origin.set("k", "x" * 500_000)
    tap.read(500_000)
    origin.config_set("repl-backlog-size", 20_000)
    origin.set("k", "x" * 50_000)
    eventually(lambda: tap.read(550_000) and origin.set("k", "x") and int(info(origin)["repl_backlog_histlen"]) < 250_000)
    tap.close()
