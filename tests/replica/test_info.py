"""INFO replication: the fields of a real server, in both roles."""

import pytest

import kvd

from ..conftest import REAL
from ..waiting import eventually
from .node import KVD, Node, agree, is_up
from .tap import Tap

OTHERS = {"slave0", "repl_backlog_size", "slave_repl_offset", "slave_read_repl_offset", "master_repl_offset", "repl_backlog_histlen", "repl_backlog_first_byte_offset", "master_host", "master_port",
          "master_replid", "master_replid2", "second_repl_offset", "master_last_io_seconds_ago", "master_link_down_since_seconds", "total_disconnect_time_sec"}  # fmt: skip
NEWER = {"replicas_repl_buffer_size", "replicas_repl_buffer_peak", "total_disconnect_time_sec", "master_current_sync_attempts", "master_total_sync_attempts", "master_link_up_since_seconds",
         "total_active_defrag_time", "replicas_waiting_psync", "replica_full_sync_buffer_size", "replica_full_sync_buffer_peak"}  # fmt: skip


@pytest.mark.parametrize("program", REAL)
def test_fields_are_a_real_servers(program):
    with Node(program) as theirs, Node(KVD) as ours, Node(program) as their_replica, Node(KVD) as our_replica:
        their_replica.follow(theirs.port)
        our_replica.follow(ours.port)
        agree(theirs, their_replica)
        agree(ours, our_replica)
        for mine, yours in ((ours, theirs), (our_replica, their_replica)):
            found, wanted = mine.info(), yours.info()
            assert set(found) == {name for name in wanted if name not in NEWER}
            assert list(found) == [name for name in wanted if name in found]
            assert {name: value for name, value in found.items() if name not in OTHERS} == {name: value for name, value in wanted.items() if name in found and name not in OTHERS}
            assert mine.info("clients")["connected_clients"] == yours.info("clients")["connected_clients"]
        theirs.kill()
        ours.kill()
        eventually(lambda: not is_up(their_replica) and not is_up(our_replica))
        assert set(our_replica.info()) - {"master_sync_total_bytes"} <= set(their_replica.info()) | {"master_sync_read_bytes", "master_sync_left_bytes", "master_sync_perc", "master_sync_last_io_seconds_ago"}


@pytest.mark.parametrize("ip", [b"\xb5", b"10.0.0.1\r\nrole:slave", b"a b", b"\0"])
def test_what_a_replica_says_of_itself_cannot_add_lines_or_make_info_unreadable(origin, ip):
    tap = Tap(origin.port, options=(("capa", "eof"), ("ip-address", ip)))
    assert origin.info("replication")["role"] == "master" and "127.0.0.1" in str(origin.info("replication")["slave0"])
    tap.close()
    with pytest.raises(kvd.ResponseError, match="Invalid master host"):
        origin.execute("REPLICAOF", ip, 1)
