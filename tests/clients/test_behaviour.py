"""What redis-py users rely on, from one source for every door."""

import threading
import time
from datetime import timedelta

import pytest
import redis


def values(reply):
    """Without the differences that redis-py makes between RESP2 and RESP3."""
    if isinstance(reply, (list, tuple)):
        return [values(r) for r in reply]
    return reply


def test_strings(r):
    assert r.set("k", "v") is True and r.get("k") == "v" and r.get("none") is None
    assert r.set("k", "w", nx=True) is None and r.set("k", "w", xx=True, get=True) == "v"
    assert r.set("n", 10) and r.incr("n") == 11 and r.decrby("n", 2) == 9 and r.incrbyfloat("n", 0.5) == 9.5
    assert r.mset({"a": 1, "b": 2.5}) and r.mget("a", "b", "c") == ["1", "2.5", None]
    assert r.setex("t", timedelta(seconds=100), "x") and 98 < r.ttl("t") <= 100 and r.persist("t") is True and r.ttl("t") == -1 and r.ttl("none") == -2
    assert r.append("k", "!") == 2 and r.strlen("k") == 2 and r.getrange("k", 0, 0) == "w" and r.setrange("k", 1, "xyz") == 4
    assert r.getdel("k") == "wxyz" and r.exists("k", "a", "a") == 2 and r.delete("a", "b", "none") == 2
    assert r.setbit("bits", 7, 1) == 0 and r.getbit("bits", 7) == 1 and r.bitcount("bits") == 1


def test_values_that_are_no_values(r):
    for bad in (None, True, [], {}, object()):
        with pytest.raises(redis.DataError):
            r.set("k", bad)
    assert r.set("k", b"\x00\xff" if r.get is None else "ü") and r.get("k") == "ü"
    assert r.set(b"bytes", memoryview(b"abc")) and r.get("bytes") == "abc"


def test_bytes_and_encodings(make):
    raw = make(decode_responses=False)
    assert raw.set("k", b"\x00\xff\r\n") and raw.get("k") == b"\x00\xff\r\n" and raw.hgetall("none") == {}
    latin = make(encoding="latin-1", decode_responses=True)
    raw.set("l", b"\xe9")                 # redis-py with hiredis sends UTF-8 whatever the encoding
    if make.door == "inprocess":
        assert latin.set("m", "é") and raw.get("m") == b"\xe9"
    assert latin.get("l") == "é" and latin.lrange("none", 0, -1) == []
    raw.rpush("list", b"\xe4")
    assert latin.lrange("list", 0, -1) == ["ä"]
    text = make()
    with pytest.raises(UnicodeDecodeError):
        text.get("l")
    assert text.get("none") is None
    lenient = make(encoding_errors="replace")
    assert lenient.get("l") == "\ufffd"


def test_collections(r):
    assert r.hset("h", mapping={"f": 1, "g": "x"}) == 2 and r.hgetall("h") == {"f": "1", "g": "x"} and r.hmget("h", ["f", "z"]) == ["1", None]
    assert r.rpush("l", "a", "b", "c") == 3 and r.lrange("l", 0, -1) == ["a", "b", "c"] and r.lpop("l", 2) == ["a", "b"] and r.lpop("none") is None
    assert r.sadd("s", "a", "b") == 2 and set(r.smembers("s")) == {"a", "b"} and bool(r.sismember("s", "a")) and r.smismember("s", ["a", "z"]) == [1, 0]
    assert r.zadd("z", {"a": 1, "b": 2.5}) == 2 and r.zscore("z", "b") == 2.5 and values(r.zrange("z", 0, -1, withscores=True)) == [["a", 1.0], ["b", 2.5]]
    assert r.zadd("z", {"a": 5}, incr=True) == 6.0 and r.zincrby("z", 1, "b") == 3.5 and r.zrank("z", "none") is None and values(r.zpopmin("z")) in ([["b", 3.5]], ["b", 3.5])
    assert r.xadd("x", {"f": "v"}, id="1-1") == "1-1" and values(r.xrange("x")) == [["1-1", {"f": "v"}]] and r.xlen("x") == 1
    assert r.geoadd("g", (13.4, 52.5, "berlin")) == 1 and r.geopos("g", "none") == [None]
    assert r.pfadd("p", "a", "b") == 1 and r.pfcount("p") == 2
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        r.incr("h")


def test_scanning(r):
    r.mset({f"key:{i}": i for i in range(150)})
    r.hset("h", mapping={f"f{i}": i for i in range(200)})
    r.sadd("s", *range(200))
    assert set(r.scan_iter("key:*")) == {f"key:{i}" for i in range(150)}
    assert len(set(r.scan_iter(count=7))) == 152 and set(r.scan_iter(_type="hash")) == {"h"}
    assert dict(r.hscan_iter("h")) == {f"f{i}": str(i) for i in range(200)} and set(r.sscan_iter("s")) == {str(i) for i in range(200)}


def test_databases_names_and_admin(make):
    one, other = make(client_name="tester"), make(db=3)
    one.set("k", "here")
    assert other.get("k") is None and one.client_getname() == "tester" and one.dbsize() == 1 and other.flushdb() and one.get("k") == "here"
    assert one.ping() is True and one.echo("hi") == "hi" and one.type("k") == "string" and one.object("encoding", "k") == "embstr"
    assert one.config_set("hz", 20) and one.config_get("hz") == {"hz": "20"} and one.config_set("hz", 10)
    assert "redis_version" in one.info() and one.time()[0] > 1e9 and one.client_id() > 0 and any(c["name"] == "tester" for c in one.client_list())
    assert one.move("k", 3) and other.get("k") == "here" and other.rename("k", "q") and other.randomkey() == "q" and one.swapdb(0, 3) and one.get("q") == "here"


def test_pipelines(r):
    with r.pipeline() as pipe:
        pipe.set("a", 1)
        pipe.incr("a")
        pipe.hset("h", mapping={"f": "v"})
        pipe.hgetall("h")
        assert len(pipe) == 4 and pipe.execute() == [True, 2, 1, {"f": "v"}] and pipe.execute() == []
    with r.pipeline(transaction=False) as pipe:
        pipe.get("a")
        pipe.lpush("a", "x")
        pipe.get("none")
        found = pipe.execute(raise_on_error=False)
        assert found[0] == "2" and isinstance(found[1], redis.ResponseError) and found[2] is None
    with r.pipeline() as pipe:
        pipe.set("b", 1)
        pipe.lpush("a", "x")
        with pytest.raises(redis.ResponseError, match=r"Command # 2 \(LPUSH a x\) of pipeline caused error: (.*WRONGTYPE|{exception)"):     # redis-py 6.4
            pipe.execute()
    assert r.get("b") == "1"
    with r.pipeline() as pipe:
        pipe.execute_command("NOSUCH")
        with pytest.raises(redis.ResponseError, match=r"unknown command|{exception"):
            pipe.execute()
    big = r.pipeline(transaction=False)
    for i in range(2000):
        big.set(f"many:{i}", i)
    assert big.execute() == [True] * 2000


def test_watch(make):
    r, other = make(), make()
    r.set("k", 1)
    with r.pipeline() as pipe:
        pipe.watch("k")
        seen = int(pipe.get("k"))
        other.set("k", 10)
        pipe.multi()
        pipe.set("k", seen + 1)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    with r.pipeline() as pipe:
        pipe.watch("k")
        seen = int(pipe.get("k"))
        pipe.multi()
        pipe.set("k", seen + 1)
        assert pipe.execute() == [True]
        pipe.watch("k")
        pipe.unwatch()
    assert r.get("k") == "11"


def test_transaction(make):
    if make.kind == "async":
        pytest.skip("takes a callback that redis-py awaits")
    r = make()
    r.set("k", 5)

    def double(pipe):
        value = int(pipe.get("k"))
        pipe.multi()
        pipe.set("k", value * 2)

    assert r.transaction(double, "k") == [True] and r.get("k") == "10"


def test_publish_and_subscribe(make):
    r, other = make(), make()
    with r.pubsub() as listener:
        listener.subscribe("c")
        listener.psubscribe("p*")
        assert listener.get_message(timeout=2) == {"type": "subscribe", "pattern": None, "channel": "c", "data": 1}
        assert listener.get_message(timeout=2)["type"] == "psubscribe"
        assert other.publish("c", "hello") == 1 and other.publish("pattern", "hi") == 1 and other.publish("none", "x") == 0
        assert listener.get_message(timeout=2) == {"type": "message", "pattern": None, "channel": "c", "data": "hello"}
        assert listener.get_message(timeout=2) == {"type": "pmessage", "pattern": "p*", "channel": "pattern", "data": "hi"}
        begun = time.monotonic()
        assert listener.get_message(timeout=0.1) is None and time.monotonic() - begun < 1.5
        assert other.pubsub_channels() == ["c"] and other.pubsub_numpat() == 1 and values(other.pubsub_numsub("c")) == [["c", 1]]
        listener.unsubscribe("c")
        assert listener.get_message(timeout=2)["type"] == "unsubscribe" and other.publish("c", "x") == 0
        got = []
        listener.subscribe(**{"handled": got.append})
        listener.get_message(timeout=2)
        other.publish("handled", "data")
        deadline = time.monotonic() + 5
        while not got and time.monotonic() < deadline:
            listener.get_message(timeout=0.1)
        assert got[0]["data"] == "data"
    quiet = r.pubsub(ignore_subscribe_messages=True)
    quiet.subscribe("c")
    assert quiet.get_message(timeout=0.2) is None
    other.publish("c", "m")
    assert quiet.get_message(timeout=2)["data"] == "m"
    quiet.close()


def test_blocking_commands(make):
    r, other = make(), make()
    begun = time.monotonic()
    assert r.blpop("none", timeout=0.1) is None and 0.08 < time.monotonic() - begun < 2
    r.rpush("l", "a", "b")
    assert values(r.blpop(["none", "l"], timeout=1)) == ["l", "a"] and r.brpoplpush("l", "m", timeout=1) == "b" and r.blmove("m", "n", 1) == "b"
    r.zadd("z", {"a": 1})
    assert values(r.bzpopmin("z", timeout=1)) == ["z", "a", 1.0]
    assert values(r.xread({"x": "$"}, block=50)) in ([], {})
    if make.kind == "sync":
        done = []
        thread = threading.Thread(target=lambda: done.append(values(r.blpop("later", timeout=10))))
        thread.start()
        time.sleep(0.05)
        other.rpush("later", "v")
        thread.join(5)
        assert done == [["later", "v"]]


def test_scripts_and_locks(make):
    r = make()
    script = r.register_script("redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])")
    assert script(keys=["k"], args=["v"]) == "v"
    r.script_flush()
    assert script(keys=["k"], args=["w"]) == "w" and r.eval("return {1, 'a', false}", 0) == [1, "a", None]
    with pytest.raises(redis.exceptions.NoScriptError):
        r.evalsha("0" * 40, 0)
    lock = r.lock("lock", timeout=10)
    assert lock.acquire(blocking=False) is True and r.lock("lock").acquire(blocking=False) is False
    assert lock.owned() is True and lock.extend(5) is True
    lock.release()
    with r.lock("lock", timeout=5):
        assert r.get("lock")
    assert r.get("lock") is None


def test_errors(r):
    for call, kind, text in (
        (lambda: r.execute_command("NOSUCH", "x"), redis.ResponseError, "unknown command 'NOSUCH'"),
        (lambda: r.execute_command("GET"), redis.ResponseError, "wrong number of arguments for 'get' command"),
        (lambda: r.set("k", "v", ex=0), redis.ResponseError, "invalid expire time in 'set' command"),
        (lambda: r.lset("none", 0, "x"), redis.ResponseError, "no such key"),
        (lambda: r.execute_command("CONFIG SET", "nosuch", "x"), redis.ResponseError, "Unknown option"),
        (lambda: r.restore("k", 0, b"bad"), redis.ResponseError, "DUMP payload version or checksum are wrong"),
    ):
        with pytest.raises(kind, match=text):
            call()
    assert r.ping() is True


def test_dump_is_not_decoded(r):
    r.set("k", "v" * 10)
    payload = r.dump("k")
    assert isinstance(payload, bytes) and r.restore("k2", 0, payload) and r.get("k2") == "v" * 10


def test_options_of_clients(make):
    single = make(single_connection_client=True)
    assert single.set("k", "v") and single.get("k") == "v" and single.client_id() == single.client_id()
    checked = make(health_check_interval=1)
    assert checked.get("k") == "v"
    callbacks = make()
    callbacks.set_response_callback("GET", lambda reply, **options: f"<{reply}>")
    assert callbacks.get("k") == "<v>"
    copied = make()
    assert copied.client_setname("x") and copied.get("k") == "v"


def test_client_side_caching(make):
    if make.proto != 3 or make.kind == "async" or make.door == "real":
        pytest.skip("redis-py caches with RESP3, sync, and not over unix sockets")
    CacheConfig = pytest.importorskip("redis.cache").CacheConfig
    if redis.__version__.startswith("5."):
        pytest.skip("redis-py 5 does not cache with hiredis")

    r, other = make(cache_config=CacheConfig(max_size=10)), make()
    other.set("k", "v")
    assert r.get("k") == "v" and r.get("k") == "v" and r.get_cache().size == 1
    other.set("k", "w")
    deadline = time.monotonic() + 5
    while r.get("k") != "w" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert r.get("k") == "w"


def test_monitor(make):
    r, other = make(), make()
    other.ping()
    with r.monitor() as monitor:
        other.set("seen", "v")
        found = monitor.next_command()
        assert found["command"] == "SET seen v" and found["db"] == 0 and found["time"] > 1e9


def test_passwords(make):
    if make.door == "real":
        pytest.skip("others use the real server")
    admin = make()
    admin.config_set("requirepass", "secret")
    for options in ({}, {"password": "wrong"}):
        with pytest.raises((redis.AuthenticationError, redis.ResponseError)):
            make(**options).get("k")
    assert make(password="secret").set("k", "v") is True and make(username="default", password="secret").get("k") == "v"
