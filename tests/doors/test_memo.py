"""Arguments to key, key to value: which calls are the same call, and whose they are."""

import gc
import pickle
import weakref

import pytest

import kvd
from kvd.doors.memo import KEYWORDS


def counted(**options):
    calls = []

    @kvd.cached(**options)
    def f(*args, **kwargs):
        calls.append((args, kwargs))
        return len(calls)

    return f, calls


@pytest.mark.parametrize(("one", "other", "same"), [
    (((1,), {}), ((1,), {}), True), (((1,), {}), ((1.0,), {}), False), (((1, 2), {}), ((1.0, 2.0), {}), True), (((1, 2), {}), ((2, 1), {}), False), (((), {"a": 1}), ((), {"a": 1}), True), (((), {"a": 1, "b": 2}), ((), {"b": 2, "a": 1}), False),
    (((1,), {"a": 1}), ((1, "a", 1), {}), False), (((), {}), (((),), {}), False), ((("a",), {}), ((("a",),), {}), False), (((True,), {}), ((True,), {}), True), (((1,), {}), (("1",), {}), False), (((), {"a": 1}), (("a", 1), {}), False),
])  # fmt: skip
def test_same_and_other_calls(one, other, same):
    """As functools.lru_cache has it."""
    f, calls = counted()
    f(*one[0], **one[1])
    f(*other[0], **other[1])
    assert len(calls) == (1 if same else 2)


@pytest.mark.parametrize(("one", "other"), [(((1,), {}), ((1.0,), {})), (((1,), {}), ((True,), {})), (((), {"a": 1}), ((), {"a": 1.0}))])
def test_types_may_count(one, other):
    f, calls = counted(typed=True)
    for args, kwargs in (one, other, one, other):
        f(*args, **kwargs)
    assert len(calls) == 2


def test_what_cannot_be_hashed_is_refused_before_the_call():
    f, calls = counted()
    with pytest.raises(TypeError, match="unhashable"):
        f([])
    assert calls == []


def test_an_exception_is_not_a_result():
    calls = []

    @kvd.cached
    def f(x):
        calls.append(x)
        if len(calls) < 3:
            raise ValueError(x)
        return x

    for _ in range(2):
        with pytest.raises(ValueError, match="5"):
            f(5)
    assert f(5) == f(5) == 5 and len(calls) == 3


@pytest.mark.parametrize("make", [lambda: iter_sync(), lambda: iter_async()])
def test_a_result_that_can_be_used_once_is_an_error(make):
    @kvd.cached
    def f():
        return make()

    with pytest.raises(TypeError, match="can be used only once"):
        f()


async def iter_async():
    return 1


def iter_sync():
    yield 1


def test_instances_have_results_of_their_own_and_take_them_along():
    class Thing:
        def __init__(self, n):
            self.n = n

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

        @kvd.cached
        def add(self, x):
            return self.n + x

    one, other = Thing(1), Thing(2)
    assert (one.add(1), other.add(1), one.add(1), Thing.add(other, 1)) == (2, 3, 2, 3)
    ref = weakref.ref(one)
    del one
    gc.collect()
    assert ref() is None and other.add(1) == 3 and len(Thing.add.plan.cache) == 1
    with pytest.raises(TypeError, match="needs an instance"):
        Thing.add()


def test_many_instances_at_the_same_address():
    """An address of an instance that is gone is soon another's."""
    class Thing:
        def __init__(self, n):
            self.n = n

        @kvd.cached
        def own(self):
            return self.n

    assert [Thing(i).own() for i in range(2000)] == list(range(2000))


def test_the_mark_in_keys_is_one_object():
    assert pickle.loads(pickle.dumps(KEYWORDS)) is KEYWORDS
