"""What is known of producers, against dictionaries in order of time."""

import random

import kvd

START = 1_700_000_000_000


def test_a_random_life():
    """Ids expire after 2 s of the newest entry's id, and beyond 5 of a producer; entries may be recorded late, and several ids be of one."""
    chance, store, known, newest = random.Random(11), kvd.Store(enable_debug_command="yes"), {}, START
    store.clock.freeze(START / 1000)
    store.xadd("s", {"f": "v"}, id=f"{START}-0")
    store.xcfgset("s", idmp_duration=2, idmp_maxsize=5)
    ids = [START]
    for step in range(4000):
        newest += chance.choice((1, 1, 1, 30, 400))
        store.xadd("s", {"f": "v"}, id=f"{newest}-0")
        ids = [*ids[-20:], newest]
        pid, iid = f"p{chance.randrange(12)}", f"i{chance.randrange(9)}"
        ms = chance.choice(ids) if chance.random() < 0.3 else newest
        mine = known.setdefault(pid, {})
        old = mine.get(iid)
        if old is not None and ms - old < 2000 <= newest - old:
            continue                               # it may have been forgotten, or not yet
        words = ("XIDMPRECORD", "s", pid, iid, f"{ms}-0")
        if old is not None and ms - old < 2000:
            if old != ms:
                try:
                    store.execute(*words)
                    raise AssertionError("it was taken")
                except kvd.ResponseError as error:
                    assert "different stream ID" in str(error)
            else:
                store.execute(*words)
        else:
            store.execute(*words)
            mine.pop(iid, None)
            mine[iid] = ms
            for name in [name for name, at in mine.items() if ms - at >= 2000]:
                del mine[name]
            while len(mine) > 5:
                del mine[min(mine, key=lambda name: (mine[name], list(mine).index(name)))]
        if step % 50 == 0:
            info = store.xinfo_stream("s")
            now = max(newest, START)
            living = {pid: [at for at in mine.values() if now - at < 2000] for pid, mine in known.items()}
            assert (info["iids-tracked"], info["pids-tracked"]) == (sum(map(len, living.values())), sum(map(bool, living.values()))) and store.execute("DEBUG", "CHECK") == b"OK"


def test_memory_comes_back():
    store = kvd.Store()
    before = store.used_memory
    for i in range(5000):
        store.xadd("s", {"f": "v"}, idmp=(f"p{i % 700}", f"i{i}"))
    full, usage = store.used_memory, store.execute("MEMORY", "USAGE", "s")
    assert usage > 5000 * 40
    store.execute("COPY", "s", "t")
    assert abs(store.used_memory - 2 * full + before) < full * 0.2
    store.execute("DEL", "s")
    store.execute("UNLINK", "t")
    store.execute("DBSIZE")
    while store.used_memory > before + 2000:
        store._expire(1000)


def test_forgetting_all_frees_it():
    store = kvd.Store()
    store.xadd("s", {"f": "v"}, idmp=("p", "i"))
    store.xtrim("s", 0, approximate=False)
    store.xcfgset("s", idmp_maxsize=10000)
    before = store.used_memory
    for i in range(5000):
        store.xadd("s", {"f": "v"}, idmp=("p", f"i{i}"), maxlen=0, approximate=False)
    assert store.used_memory > before + 100_000
    store.xcfgset("s", idmp_maxsize=9999)
    assert store.used_memory < before + 1000
