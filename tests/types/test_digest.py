"""DEBUG DIGEST and DIGEST-VALUE are those of real servers, of which some are recorded here."""

import pytest
from hypothesis import given, settings

import kvd

from ..compat.wire import RealServer, Wire, programs
from ..persist.test_dumping import GROUPED, VALUES
from .values import OLD, OPTIONS, digest, new_store, run

LINES = {
    **VALUES, "groups": GROUPED, "deadline": [("SET", "k", "v"), ("PEXPIREAT", "k", 40_000_000_000_000)],
    "scores": [("ZADD", "k", "0.1", "a", "1e300", "b", "-1.5", "c", "93.48095", "d", "1e15", "e", "inf", "f", "-0.001", "g")],
    "field deadlines": [("HSET", "k", "a", 1, "b", 2), ("HPEXPIREAT", "k", 40_000_000_000_000, "FIELDS", 1, "a")],
}  # fmt: skip
RECORDED = {  # by redis-server 8.0.6
    "string": "36b23a1456b2dce2c3ed252c456761301dba8060",
    "integer": "9bd36e8bf9d776ed443894efb97046c21a06916d",
    "big integer": "740f3d80eb4e51ce571db1772e687df8d366aa6d",
    "compressible": "d68e668fd08b0ed62b30d1c37ede40ef59125e83",
    "long": "4a765c01af1f8a825c4b65fa7dea8a2d614197d1",
    "empty": "8b3447c33a834b810e3e181b6fd6a2ee1020921c",
    "small list": "e1ea8f55f54d901969f2f3300a3513f9ff8dc366",
    "long list": "b8fef4df5f8c9f7402d1ab197df0506ad1b9c92c",
    "list of a large element": "cdb830ceb1753219b7ba5cbebfba87fa85e9bc38",
    "integers": "4fe6c4673a8e9fce843ffd9d873a8091bcc08fcc",
    "wide integers": "f7c59f93dda830ef767f9de8ad1fa44ce53469cf",
    "small set": "aa475a4a8f122ca5936aa41d911aacf8c93b827d",
    "large set": "e47a04dbf44db020aa5173a8bd443b5fbac05537",
    "small hash": "ea69d3c3d8de54e59d43f9b1c7e1a7323eecb6bf",
    "large hash": "0d888b592db77678a7cc12019e29d3af1601c69a",
    "hash of a long value": "948d9903a2a860c86967b6bf3b87e12d6f2efe3f",
    "small zset": "5cee395489a3553c8442a288a1ab2f7e1e929e64",
    "large zset": "13e6202a075255cff4f69f020a06db42be19f48a",
    "hyperloglog": "f579608d33b88f5e9f7172d6fb480ecf5d13ddf5",
    "stream": "20ba5b1881bd9f4bd63028dde370081202337f18",
    "mixed stream": "c062545e164ef69eef20bbc72039c50d150be067",
    "empty stream": "06bd01623de1d087bbd377851096317b1af476a2",
    "groups": "321cff7187eebfd60ec1205c04e22decc91c5c0f",
    "deadline": "311b17018163335616e089f6b951c82c477335ac",
    "scores": "2a35bc247902bfababb9e52e5906c4feca4cd4c4",
    "field deadlines": "c07db73128914a41e685572f9d83e5ec946f598d",
}  # fmt: skip
ALL = "4fa9120cf7f3eaf12c5b24f4020f69a006a0f7b0"  # of all of them in two databases, each under its name


@pytest.mark.parametrize("name", LINES)
def test_digest_of_a_value(name):
    store = new_store({})
    run(store, LINES[name])
    assert digest(store).decode() == RECORDED[name]


def test_digest_of_a_store():
    store = new_store({})
    for db in (0, 3):
        store.select(db)
        for name, lines in LINES.items():
            run(store, lines)
            store.rename("k", name)
    assert store.execute("DEBUG", "DIGEST").decode() == ALL


def test_digest_of_nothing():
    store = new_store({})
    assert store.execute("DEBUG", "DIGEST") == b"0" * 40
    assert store.execute("DEBUG", "DIGEST-VALUE", "a", "b") == [b"0" * 40] * 2


def test_digest_is_the_same_in_every_encoding():
    for name, small, large in (
        ("SADD", ["1", "2"], ["set-max-intset-entries", "set-max-listpack-entries"]), ("HSET", ["a", "1"], ["hash-max-listpack-entries"]),
        ("ZADD", ["1", "a"], ["zset-max-listpack-entries"]), ("RPUSH", ["a", "b"], ["list-max-listpack-size"]),
    ):  # fmt: skip
        digests, encodings = set(), set()
        for options in ({}, dict.fromkeys(large, "0" if name != "RPUSH" else "1")):
            store = new_store({option.replace("-", "_"): value for option, value in options.items()})
            store.execute(name, "k", *small)
            digests.add(digest(store))
            encodings.add(store.object("encoding", "k"))
        assert len(digests) == 1 and len(encodings) == 2


@pytest.fixture(scope="module", params=programs())
def theirs(request):
    server = RealServer(request.param)
    wire = Wire(server.address)
    wire.release, wire.redis = server.release, not server.valkey
    yield wire
    wire.close()
    server.stop()


def same(store, wire):
    """Whether its digest is to be the same there: Redis 7.0 prints scores otherwise, Valkey digests fields' deadlines otherwise."""
    if store.type("k") == b"zset" and wire.release < (7, 2):
        return all(abs(score) < 1e15 and score == int(score) for _, score in store.zrange("k", 0, -1, withscores=True))
    if store.type("k") == b"hash":
        return wire.redis and wire.release >= (7, 4) or set(store.execute("HPTTL", "k", "FIELDS", store.hlen("k"), *store.hkeys("k"))) == {-1}
    return True


@pytest.mark.compat
@settings(max_examples=200, deadline=None)
@given(commands=OLD, options=OPTIONS)
def test_real_servers_agree_after_the_same_rewritten_commands(theirs, commands, options):
    store = new_store(options)
    run(store, commands)
    if not store.exists("k") or not same(store, theirs):
        return
    theirs("FLUSHALL")
    lines = store.execute("DEBUG", "REWRITE", "k")
    if any(words[0] in (b"XNACK", b"XCFGSET") for words in lines):   # newer than they are
        return
    for words in lines:
        reply = theirs(*words)
        assert not isinstance(reply, Exception), (words, reply)
    assert theirs("DEBUG", "DIGEST-VALUE", "k")[0] == digest(store)


@pytest.mark.compat
@pytest.mark.parametrize("name", LINES)
def test_real_servers_agree(theirs, name):
    store = kvd.Store(enable_debug_command="yes")
    run(store, LINES[name])
    theirs("FLUSHALL")
    if same(store, theirs):
        for words in LINES[name]:
            theirs(*words)
        assert theirs("DEBUG", "DIGEST-VALUE", "k")[0] == digest(store)
        assert store.restore("copy", 0, theirs("DUMP", "k"))
        if store.pttl("k") == -1:
            assert digest(store, "copy") == digest(store)
