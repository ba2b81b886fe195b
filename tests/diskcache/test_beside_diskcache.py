"""The same calls on diskcache's Cache and on a DiskCache, if the package is installed."""

import io

import pytest

import kvd

diskcache = pytest.importorskip("diskcache")


@pytest.fixture
def both(tmp_path):
    theirs = diskcache.Cache(str(tmp_path))
    yield theirs, kvd.DiskCache()
    theirs.close()


def outcome(call):
    """What a call returns, or the class of what it raises."""
    try:
        return call()
    except Exception as error:
        return type(error)


def steps(c):
    """Results of calls that must be the same."""
    yield c.set("a", 1), c.set("b", [1, (2, {"x": None})]), c.set("a", 2), c["a"], c["b"], len(c)
    yield list(c), list(reversed(c)), list(c.iterkeys()), list(c.iterkeys(reverse=True)), c.peekitem(), c.peekitem(last=False)
    yield c.get("no"), c.get("no", 5), "no" in c, "a" in c, outcome(lambda: c["no"]), outcome(lambda: c.__delitem__("no")), c.delete("no")
    yield c.set("x", 1, expire=0), c.get("x"), "x" in c, c.set("x", 1, expire=-1), c.get("x"), c.delete("x"), c.expire() and None
    yield c.add("n", 1), c.add("n", 2), c.incr("n"), c.incr("m"), c.incr("q", 5, default=10), c.decr("n", 7)
    yield outcome(lambda: c.incr("zz", default=None)), outcome(lambda: c.incr("b"))
    yield c.pop("n"), c.pop("n"), c.pop("n", "d"), c.pop("n", tag=True), c.pop("n", 3, expire_time=True)
    c.set("e", 1, expire=1000, tag="t")
    yield c.get("e", tag=True), c.get("a", expire_time=True), c.get("a", expire_time=True, tag=True), c.get("no", 7, expire_time=True)
    yield c.touch("e", 5), c.touch("no"), c.touch("e"), c.get("e", expire_time=True, tag=True), c.pop("e", tag=True)
    yield c.push("v1"), c.push("v2"), c.push("v0", side="front"), c.push("p", prefix="w"), c.push("p2", prefix="w", side="front")
    yield c.peek(), c.peek(side="back"), c.pull(), c.pull(side="back"), c.pull(prefix="w"), c.pull(prefix="none"), c.pull(prefix="none", default=1, tag=True)
    yield c.clear() > 0, c.clear(), outcome(c.peekitem), c.check(), c.cull(), len(c)
    yield c.set("f", io.BytesIO(b"hello"), read=True), c["f"], c.read("f").read(), outcome(lambda: c.read("no"))
    yield [c.set(i, i, tag=i % 2) for i in range(10)], c.evict(1), c.evict(1), c.evict(None), c.evict("0"), len(c)
    yield c.stats(), c.get(0), c.get(1), c.stats(enable=False, reset=True), c.stats()

    @c.memoize("f", ignore=("log",))
    def f(a, b=2, log=None):
        return a + b

    yield f(1), f(1, b=5, log=3), f.__cache_key__(1), f.__cache_key__(1, b=5, log=3), c[f.__cache_key__(1)], outcome(lambda: c.memoize(f))
    with c.transact():
        c["t"] = 1
        with c.transact():
            c.incr("t")
    try:
        with c.transact():
            c["t"] = 5
            raise KeyError
    except KeyError:
        pass
    yield c["t"], outcome(lambda: c.push(1, side="top")) is not None


def test_calls_return_the_same(both):
    for number, (theirs, ours) in enumerate(zip(*map(steps, both), strict=True)):
        assert theirs == ours, number


def test_the_methods_have_the_same_names_and_arguments():
    import inspect

    for name in dir(diskcache.Cache):
        method = getattr(diskcache.Cache, name)
        if name.startswith("_") or not callable(method) or name == "reset":
            continue
        theirs = list(inspect.signature(method).parameters)
        assert list(inspect.signature(getattr(kvd.DiskCache, name)).parameters)[: len(theirs)] == theirs, name
