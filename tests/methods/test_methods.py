"""The methods of Store beside redis-py's, on the same data: same names, same arguments, same answers."""

import inspect
import threading
import time
from types import SimpleNamespace

import pytest
import redis

import kvd
from kvd import methods

from ..waiting import blocked

SKIPPED = {"self"}


@pytest.fixture(scope="module")
def both():
    """A Store, and redis-py on another one through a socket."""
    with kvd.Server(kvd.Store()) as server:
        yield kvd.Store(), redis.Redis(port=server.port, protocol=3)


def family_methods():
    for family in methods.__all__:
        for name, method in vars(getattr(methods, family)).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield pytest.param(name, method, id=name)


@pytest.mark.parametrize("name, method", family_methods())
def test_arguments_are_named_as_redis_py_names_them(name, method):
    theirs = getattr(redis.Redis, name, None)
    if theirs is None:
        pytest.skip(f"redis-py {redis.__version__} has no {name}")
    mine = [p for p in inspect.signature(method).parameters.values() if p.name not in SKIPPED]
    known = inspect.signature(theirs).parameters
    accepts_any = any(p.kind is p.VAR_KEYWORD for p in known.values())
    unknown = [p.name for p in mine if p.name not in known and p.kind is not p.VAR_POSITIONAL]
    assert not unknown or accepts_any, unknown


def member(word):
    """As a member of one of redis-py's enumerations."""
    return SimpleNamespace(value=word)


CALLS = [
    ("rpush", "l", "a", "b", "c", "1"), ("lpush", "l", "z"), ("lpushx", "no", "z"), ("rpushx", "l", "y"), ("llen", "l"), ("lrange", "l", 0, -1), ("lindex", "l", 1),
    ("linsert", "l", "BEFORE", "b", "x"), ("lset", "l", 0, "first"), ("lrem", "l", 0, "x"), ("lpos", "l", "c"), ("lpos", "l", "c", 1, 0), ("ltrim", "l", 0, 4),
    ("lmove", "l", "l2", "LEFT", "RIGHT"), ("rpoplpush", "l", "l2"), ("lpop", "l"), ("rpop", "l"), ("lpop", "l2", 2), ("lpop", "none"),
    ("hset", "h", "f", "v"), ("hset", "h", None, None, {"a": 1, "b": 2}), ("hget", "h", "f"), ("hmget", "h", ["a", "no"]), ("hgetall", "h"), ("hkeys", "h"), ("hvals", "h"),
    ("hlen", "h"), ("hstrlen", "h", "f"), ("hexists", "h", "f"), ("hincrby", "h", "a", 5), ("hincrbyfloat", "h", "a", 0.5), ("hsetnx", "h", "a", 1), ("hdel", "h", "b"),
    ("hscan", "h"), ("hexpire", "h", 100, "f"), ("hpersist", "h", "f"), ("httl", "h", "f", "no"),
    ("sadd", "s", "a", "b", "c"), ("sadd", "s2", "b", "c", "d"), ("srem", "s", "none"), ("sismember", "s", "a"), ("smismember", "s", ["a", "z"]), ("smembers", "s"), ("scard", "s"),
    ("sinter", ["s", "s2"]), ("sunion", ["s", "s2"]), ("sdiff", ["s", "s2"]), ("sinterstore", "s3", ["s", "s2"]), ("sintercard", 2, ["s", "s2"]), ("smove", "s", "s2", "a"), ("sscan", "s3"),
    ("zadd", "z", {"a": 1, "b": 2.5, "c": 3}), ("zadd", "z2", {"b": 1, "c": 1}), ("zscore", "z", "b"), ("zmscore", "z", ["a", "no"]), ("zcard", "z"), ("zcount", "z", 1, 2), ("zincrby", "z", 2, "a"),
    ("zrank", "z", "c"), ("zrevrank", "z", "c"), ("zrange", "z", 0, -1), ("zrangebyscore", "z", "-inf", "+inf"), ("zrevrangebyscore", "z", 10, 0), ("zrangestore", "z4", "z", 0, 1), ("zlexcount", "z", "-", "+"),
    ("zunionstore", "z3", {"z": 2, "z2": 3}), ("zinter", ["z", "z2"]), ("zdiff", ["z", "z2"]), ("zintercard", 2, ["z", "z2"]), ("zrem", "z", "c"), ("zremrangebyscore", "z3", 0, 5),
    ("xadd", "x", {"f": "v"}, "1-1"), ("xadd", "x", {"f": "w", "g": 1}, "2-1"), ("xlen", "x"), ("xrange", "x"), ("xrevrange", "x"), ("xgroup_create", "x", "g", "0"), ("xpending", "x", "g"),
    ("xdel", "x", "1-1"), ("xtrim", "x", 10), ("xack", "x", "g", "2-1"), ("xgroup_createconsumer", "x", "g", "c"), ("xgroup_delconsumer", "x", "g", "c"), ("xgroup_destroy", "x", "g"),
    ("arset", "ar", 0, "a", "5", "7.5"), ("armset", "ar", {9: "x", 4: "a"}), ("arget", "ar", 9), ("arget", "none", 1), ("armget", "ar", 0, 3, 9), ("argetrange", "ar", 4, 0), ("arscan", "ar", 0, 9), ("arscan", "ar", 9, 0, 2),
    ("argrep", "ar", 0, 9, [(member("EXACT"), "a")]), ("argrep", "ar", "+", "-", [(member("RE"), "^[a-x]$"), (member("MATCH"), "X")], member("AND"), 5, True, True),
    ("arop", "ar", 0, 9, member("SUM")), ("arop", "ar", 0, 9, member("MATCH"), "a"), ("arcount", "ar"), ("arlen", "ar"), ("arinfo", "ar"), ("arinfo", "ar", True), ("ardel", "ar", 0, 1), ("ardelrange", "ar", (9, 5), (0, 1)),
    ("arinsert", "ar", "p", "q"), ("arnext", "ar"), ("arseek", "ar", 20), ("arring", "ar", 3, "r", "s"), ("arlastitems", "ar", 2), ("arlastitems", "ar", 5, True),
    ("setbit", "b", 7, 1), ("getbit", "b", 7), ("bitcount", "b"), ("bitpos", "b", 1), ("bitop", "NOT", "b2", "b"), ("pfadd", "p", "a", "b"), ("pfcount", "p"), ("pfmerge", "p2", "p"),
    ("geoadd", "geo", [13.36, 38.11, "P", 15.08, 37.5, "C"]), ("geodist", "geo", "P", "C", "km"), ("geohash", "geo", "P"), ("geopos", "geo", "P", "no"),
    ("sort", "l", None, None, None, None, False, True), ("dump", "none"), ("publish", "c", "m"), ("pubsub_channels",), ("pubsub_numpat",),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c[0])
def test_answers_are_those_of_redis_py(both, call):
    if not hasattr(redis.Redis, call[0]):
        pytest.skip(f"redis-py {redis.__version__} has no {call[0]}")
    mine, theirs = (getattr(one, call[0])(*call[1:]) for one in both)
    if call[0] == "sscan":
        mine, theirs = (mine[0], sorted(mine[1])), (theirs[0], sorted(theirs[1]))
    assert plain(mine) == plain(theirs)


def plain(value):
    """Lists and tuples alike; mapping keys as they are."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k.decode() if isinstance(k, bytes) else k: plain(v) for k, v in value.items()}
    return value


@pytest.fixture
def store():
    return kvd.Store()


def test_iteration(store):
    store.hset("h", mapping={f"f{i}": i for i in range(500)})
    store.sadd("s", *range(500))
    store.zadd("z", {f"m{i}": i for i in range(500)})
    assert dict(store.hscan_iter("h")) == store.hgetall("h")
    assert set(store.hscan_iter("h", no_values=True)) == set(store.hkeys("h"))
    assert set(store.sscan_iter("s")) == store.smembers("s")
    assert sorted(store.zscan_iter("z"), key=lambda p: p[1]) == store.zrange("z", 0, -1, withscores=True)
    assert set(store.hscan_iter("h", match="f1?")) == {(b"f%d" % i, b"%d" % i) for i in range(10, 20)}


def test_producers(store):
    first = store.xadd("x", {"n": 1}, idmp=("p", "a"))
    assert store.xadd("x", {"n": 2}, idmp=("p", "a"), maxlen=10) == first and store.xadd("x", {"n": 1}, idmpauto="p") == store.xadd("x", {"n": 1}, idmpauto="p") != first
    assert store.xcfgset("x", idmp_duration=5, idmp_maxsize=6) and store.xlen("x") == 2
    info = store.xinfo_stream("x")
    assert [info[name] for name in ("idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates")] == [5, 6, 0, 0, 2, 2]


def test_groups(store):
    for i in range(5):
        store.xadd("x", {"n": i}, id=f"{i + 1}-0")
    store.xgroup_create("x", "g", "0")
    assert store.xreadgroup("g", "a", {"x": ">"}, count=2) == [[b"x", [(b"1-0", {b"n": b"0"}), (b"2-0", {b"n": b"1"})]]]
    assert store.xpending("x", "g") == {"pending": 2, "min": b"1-0", "max": b"2-0", "consumers": [{"name": b"a", "pending": 2}]}
    assert [p["times_delivered"] for p in store.xpending_range("x", "g", "-", "+", 10)] == [1, 1]
    assert store.xclaim("x", "g", "b", 0, ["1-0"]) == [(b"1-0", {b"n": b"0"})]
    assert store.xautoclaim("x", "g", "b", 0, justid=True) == [b"1-0", b"2-0"]
    assert store.xreadgroup("g", "c", {"x": ">"}, count=1, claim_min_idle_time=0, noack=True) == [[b"x", [(b"1-0", {b"n": b"0"}, 0, 2)]]]
    assert store.xread({"x": 0}, count=1, max_count=5, max_size=1) == [[b"x", [(b"1-0", {b"n": b"0"})]]]
    assert store.xreadgroup("g", "d", {"x": "0"}, max_count=1, max_size=1) == [[b"x", []]]
    assert store.xnack("x", "g", "fail", "1-0", "9-0") == 1 and store.xnack("x", "g", "SILENT", "3-0", retrycount=7, force=True) == 1
    assert [(p["consumer"], p["time_since_delivered"], p["times_delivered"]) for p in store.xpending_range("x", "g", "-", "+", 10)][::2] == [(b"", -1, 3), (b"", -1, 7)]
    assert store.xack("x", "g", "3-0") == 1 and store.xreadgroup("g", "c", {"x": ">"}, count=1, claim_min_idle_time=10**9) != []
    assert store.xackdel("x", "g", "1-0", ref_policy="DELREF") == [1]
    assert store.xdelex("x", "2-0", "9-0", ref_policy="ACKED") == [2, -1]
    assert store.xinfo_stream("x", full=True)["groups"][0]["consumers"][1]["name"] == b"b"
    assert store.xinfo_groups("x")[0]["pending"] == 1 and store.xinfo_consumers("x", "g")[0]["name"] == b"a"


def test_bitfield_geo_sort_restore(store):
    assert store.bitfield("b").set("u8", 0, 255).incrby("u8", 0, 1, overflow="FAIL").get("u8", 0).execute() == [0, None, 255]
    assert store.bitfield_ro("b", "u4", 0) == [15]
    store.geoadd("g", [13.361389, 38.115556, "P", 15.087269, 37.502669, "C"])
    assert store.geosearch("g", longitude=15, latitude=37, radius=200, unit="km", sort="ASC", withdist=True) == [[b"C", 56.4413], [b"P", 190.4424]]
    assert store.georadius("g", 15, 37, 200, unit="km", store="near") == 2
    store.rpush("l", 2, 1, 3)
    store.mset({"w1": 3, "w2": 2, "w3": 1, "n1": "one", "n2": "two", "n3": "three"})
    assert store.sort("l", by="w*", get=["#", "n*"], groups=True) == [(b"3", b"three"), (b"2", b"two"), (b"1", b"one")]
    payload = store.dump("l")
    assert store.restore("copy", 0, payload) and store.lrange("copy", 0, -1) == [b"2", b"1", b"3"]
    with pytest.raises(kvd.ResponseError, match="BUSYKEY"):
        store.restore("copy", 0, payload)


@pytest.mark.parametrize("served", [False, True])
def test_waiting_lets_other_threads_run(served):
    store = kvd.Store()
    server = store.serve() if served else None
    ticks = []
    thread = threading.Thread(target=lambda: [(time.sleep(0.01), ticks.append(1)) for _ in range(10)] and store.rpush("q", "x"))
    thread.start()
    assert store.blpop("q", timeout=60) == (b"q", b"x")
    assert len(ticks) == 10
    thread.join()
    begin = time.monotonic()
    assert store.blpop(["q", "r"], timeout=0.1) is None
    assert time.monotonic() - begin > 0.09
    if server:
        server.stop()


def test_many_threads_wait_each_for_its_own(store):
    found = []
    threads = [threading.Thread(target=lambda i=i: found.append(store.bzpopmin(f"z{i}", timeout=60))) for i in range(20)]
    for t in threads:
        t.start()
    blocked(store, 20)
    for i in range(20):
        store.zadd(f"z{i}", {"m": i})
    for t in threads:
        t.join(60)
    assert sorted(found) == sorted((b"z%d" % i, b"m", float(i)) for i in range(20))
    assert store.dbsize() == 0


def test_a_forked_child_does_not_serve_the_parents_waiters(store):
    import os

    thread = threading.Thread(target=store.blpop, args=("q", 60))
    thread.start()
    blocked(store)
    child = os.fork()
    if child == 0:
        store.rpush("q", "x")
        os._exit(0 if store.llen("q") == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    store.rpush("q", "y")
    thread.join(5)
    assert store.llen("q") == 0


def test_pubsub(store):
    got = []
    listener = store.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news", special=got.append)
    listener.psubscribe("n*")
    assert store.publish("news", "hi") == 2
    assert store.publish("special", "quiet") == 1
    messages = [m for m in (listener.get_message(timeout=0.1) for _ in range(8)) if m]
    assert [m["type"] for m in messages] == ["message", "pmessage"]
    assert messages[1] == {"type": "pmessage", "pattern": b"n*", "channel": b"news", "data": b"hi"}
    assert [m["data"] for m in got] == [b"quiet"]
    listener.unsubscribe()
    listener.punsubscribe()
    while listener.subscribed:
        listener.get_message(timeout=0.1)
    assert store.publish("news", "nobody") == 0
    listener.close()


def test_pubsub_thread_and_wire(store):
    got = threading.Event()
    with store.serve() as server:
        listener = store.pubsub()
        listener.subscribe(jobs=lambda m: got.set())
        thread = listener.run_in_thread(sleep_time=0.05)
        assert redis.Redis(port=server.port).publish("jobs", "x") == 1
        assert got.wait(5)
        thread.stop()
        thread.join(5)
        assert store.pubsub_numsub("jobs") == [(b"jobs", 0)]


def test_the_shared_session_may_not_subscribe(store):
    with pytest.raises(kvd.ResponseError, match="pubsub"):
        store.execute("SUBSCRIBE", "c")
    assert store.set("k", "v") and store.get("k") == b"v"


def test_text_answers():
    store = kvd.Store(decode_responses=True)
    store.hset("h", "f", "v")
    store.xadd("x", {"a": "b"}, id="1-1")
    assert store.hgetall("h") == {"f": "v"} and store.xrange("x") == [("1-1", {"a": "b"})]
    listener = store.pubsub()
    listener.subscribe("c")
    store.publish("c", "m")
    listener.get_message(timeout=1)
    assert listener.get_message(timeout=1)["data"] == "m"


def test_ctrl_c_ends_a_wait_and_loses_nothing(store):
    import signal

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            store.blpop("q")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    store.rpush("q", "x")
    assert store.lrange("q", 0, -1) == [b"x"]  # nobody waits any more


def test_no_keys_no_values(store):
    assert store.mget([]) == []
