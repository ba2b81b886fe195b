"""Replication over TLS: kvd and real servers in both roles; what is sent and how it ends are the same as without."""

import os
import random

import pytest

import kvd

from ..compat.wire import free_port
from ..conftest import REAL
from ..server.certificates import certificates, needs_openssl
from ..waiting import eventually
from .node import KVD, Line, Node, agree, is_up, write_lines
from .tap import info
from .tap import is_up as follows

pytestmark = needs_openssl
SERVERS = REAL if os.environ.get("KVDDEV_LONG") else REAL[-2:]      # the newest of each, unless there is time
PROGRAMS = [pytest.param(KVD, id="kvd"), *SERVERS]


class SecureNode(Node):
    """One with a TLS port beside the plain one, whose link to a master is encrypted."""

    def __init__(self, program, *options, **tls):
        self.tls_port = free_port()
        super().__init__(program, "--tls-port", str(self.tls_port), *certificates().options(tls_replication="yes", **tls), *options)


def pairs():
    return [pytest.param(KVD, KVD, id="kvd-kvd"), *[pytest.param(KVD, p.values[0], marks=p.marks) for p in SERVERS], *[pytest.param(p.values[0], KVD, marks=p.marks) for p in SERVERS]]


@pytest.mark.parametrize("diskless", ["yes", "no"])
@pytest.mark.parametrize(("theirs", "ours"), pairs())
def test_a_replica_becomes_its_masters_copy(theirs, ours, diskless):
    dice = random.Random(4)
    with SecureNode(theirs, "--repl-diskless-sync", diskless) as master, SecureNode(ours) as replica:
        master.pipeline(write_lines(dice, 2000))
        master("SET", "large", "x" * 3_000_000)
        replica.follow(master.tls_port)
        eventually(lambda: is_up(replica))
        master.pipeline(write_lines(dice, 2000))
        agree(master, replica)
        assert master("WAIT", 1, 60000) == 1
        assert master.info()["slave0"].split(",")[1] == f"port={replica.tls_port}"


@pytest.mark.parametrize(("theirs", "ours"), pairs())
def test_a_cut_line_is_made_again_and_the_stream_goes_on(theirs, ours):
    dice = random.Random(5)
    with SecureNode(theirs) as master, SecureNode(ours) as replica:
        line = Line(master.tls_port)
        replica.follow(line.port)
        eventually(lambda: is_up(replica))
        for cut in (None, 3000, 700):
            master.pipeline(write_lines(dice, 300))
            line.cut(after=cut)
            master.pipeline(write_lines(dice, 300))
        agree(master, replica)
        line.close()


def test_several_replicas_share_a_snapshot_whether_encrypted_or_not():
    dice = random.Random(6)
    with SecureNode(KVD, "--repl-diskless-sync-delay", "1") as master, SecureNode(KVD) as first, SecureNode(KVD) as second, Node(KVD) as plain:
        master.pipeline(write_lines(dice, 3000))
        master("SET", "large", "x" * 3_000_000)
        first.follow(master.tls_port)
        second.follow(master.tls_port)
        plain.follow(master.port)
        agree(master, first, second, plain)


def test_a_replica_that_is_killed_during_its_snapshot_harms_no_other():
    with SecureNode(KVD) as master, SecureNode(KVD) as other:
        for i in range(8):
            master("SET", f"large{i}", "x" * 1_000_000)
        doomed = SecureNode(KVD)
        line = Line(master.tls_port)
        line.cut(after=300_000)
        doomed.follow(line.port)
        other.follow(master.tls_port)
        eventually(lambda: master.number("connected_slaves"))
        doomed.stop()
        agree(master, other)
        line.close()


def test_sub_replicas():
    with SecureNode(KVD) as master, SecureNode(KVD) as middle, SecureNode(KVD) as last:
        master.pipeline(write_lines(random.Random(7), 500))
        middle.follow(master.tls_port)
        last.follow(middle.tls_port)
        master.pipeline(write_lines(random.Random(8), 500))
        agree(master, middle, last)


def test_a_master_that_is_not_trusted_or_does_not_trust_is_named_in_the_log():
    certs = certificates()
    with SecureNode(KVD) as master, SecureNode(KVD, tls_ca_cert_file=certs("other.crt")) as distrusts, \
            SecureNode(KVD, tls_client_cert_file=certs("stranger.crt"), tls_client_key_file=certs("stranger.key")) as stranger:  # fmt: skip
        distrusts.follow(master.tls_port)
        stranger.follow(master.tls_port)
        eventually(lambda: "certificate verify failed" in distrusts.said())
        eventually(lambda: "alert" in stranger.said())
        assert not is_up(distrusts) and not is_up(stranger)
        stranger("CONFIG", "SET", "tls-client-cert-file", certs("client.crt"), "tls-client-key-file", certs("client.key"))
        eventually(lambda: is_up(stranger))


def test_one_side_alone_is_encrypted():
    with SecureNode(KVD) as master, Node(KVD) as plain:
        plain.follow(master.tls_port)
        eventually(lambda: "Error accepting a client connection" in master.said())
        assert not is_up(plain)
        secure = SecureNode(KVD)
        secure.follow(plain.port)
        eventually(lambda: "Error condition on socket for SYNC" in secure.said())
        secure("CONFIG", "SET", "tls-replication", "no")
        secure.follow(master.port)
        eventually(lambda: is_up(secure))
        secure.stop()


def test_a_store_in_a_program_follows_by_url():
    certs = certificates()
    with SecureNode(KVD, tls_auth_clients="no") as master:
        master("SET", "k", "v")
        store = kvd.Store(tls_ca_cert_file=certs("ca.crt"))
        store.replicate_from(f"rediss://localhost:{master.tls_port}", timeout=60)
        assert follows(store) and store.get("k") == b"v" and info(store)["master_host"] == "localhost"
        assert store.option("tls-replication") == "yes"
        store.replicate_from(f"redis://localhost:{master.port}", timeout=60)
        assert store.option("tls-replication") == "no"
        store.close()
        with pytest.raises(kvd.ConfigError, match="tls-ca-cert-file"):
            kvd.Store().replicate_from(f"rediss://localhost:{master.tls_port}", timeout=60)
