"""LMOVEM and BLMOVEM, as Redis 8.10 documents them; none of the servers that tests compare with has them. tests/commands/test_lists.py has LMOVE."""

import random

import pytest

import kvd

from ..waiting import blocked
from .events import events_of

ENDS = [(a, b) for a in ("LEFT", "RIGHT") for b in ("LEFT", "RIGHT")]


def moved(source, target, ends, n, order):
    """What the lists hold afterwards: a model with one deque operation after the other."""
    source, target = list(source), list(target)
    if order == "OBO":
        for _ in range(n):
            element = source.pop(0 if ends[0] == "LEFT" else -1)
            target.insert(0 if ends[1] == "LEFT" else len(target), element)
        return source, target
    block = source[:n] if ends[0] == "LEFT" else source[len(source) - n :]
    rest = source[n:] if ends[0] == "LEFT" else source[: len(source) - n]
    return rest, block + target if ends[1] == "LEFT" else target + block


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("order", ["OBO", "BULK"])
@pytest.mark.parametrize("options", [{}, {"list_max_listpack_size": 2}, {"list_max_listpack_size": 3, "list_compress_depth": 1}], ids=["packed", "open", "compressed"])
def test_elements_arrive_in_the_order_that_was_asked_for(ends, order, options):
    dice = random.Random(f"{ends}{order}")
    for size in (1, 2, 5, 40):
        for count in (1, 2, 5, 39, 40, 100):
            store = kvd.Store(enable_debug_command="yes", **options)
            source, target = [b"%d" % i * dice.choice((1, 30)) for i in range(size)], [b"x", b"y"]
            store.rpush("l", *source)
            store.rpush("m", *target)
            n = min(count, size)
            rest, after = moved(source, target, ends, n, order)
            found = store.execute("LMOVEM", "l", "m", *ends, "COUNT", count, order)
            assert store.execute("LRANGE", "l", 0, -1) == rest and store.execute("LRANGE", "m", 0, -1) == after
            assert found == (after[:n] if ends[1] == "LEFT" else after[-n:]) and store.execute("EXISTS", "l") == (size > count)
            assert store.execute("DEBUG", "CHECK") == b"OK"


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("order", ["OBO", "BULK"])
def test_within_one_list(ends, order):
    for count in (1, 2, 3, 5):
        store = kvd.Store()
        store.rpush("l", *"abcde")
        store.expire("l", 1000)
        elements = [c.encode() for c in "abcde"]
        if order == "BULK":
            block = elements[:count] if ends[0] == "LEFT" else elements[5 - count :]
            rest = elements[count:] if ends[0] == "LEFT" else elements[: 5 - count]
            wanted = block + rest if ends[1] == "LEFT" else rest + block
        else:
            wanted = list(elements)
            for _ in range(count):
                wanted.insert(0 if ends[1] == "LEFT" else 4, wanted.pop(0 if ends[0] == "LEFT" else -1))
        assert store.execute("LMOVEM", "l", "l", *ends, "EXACTLY", count, order) == (wanted[:count] if ends[1] == "LEFT" else wanted[5 - count :])
        assert store.execute("LRANGE", "l", 0, -1) == wanted and store.execute("TTL", "l") > 900


def test_a_number_that_is_not_there(run):
    run("RPUSH", "l", "a", "b")
    assert run("LMOVEM", "l", "m", "LEFT", "LEFT", "EXACTLY", 3, "BULK") is None and run("LLEN", "l") == 2
    assert run("LMOVEM", "none", "m", "LEFT", "LEFT") == [] and run("LMOVEM", "none", "m", "LEFT", "LEFT", "COUNT", 2, "OBO") == []
    assert run("LMOVEM", "none", "m", "LEFT", "LEFT", "EXACTLY", 1, "OBO") is None and run("LMOVEM", "l", "m", "LEFT", "RIGHT") == [b"a"]


@pytest.mark.parametrize("words", ["UP LEFT", "LEFT LEFT COUNT", "LEFT LEFT COUNT 2", "LEFT LEFT COUNT 2 ALL", "LEFT LEFT SOME 2 OBO", "LEFT LEFT COUNT 2 OBO more"])
def test_wrong_forms(run, words):
    run("RPUSH", "l", "a", "b")
    assert run("LMOVEM", "l", "m", *words.split()) == "ERR syntax error"
    assert run("LMOVEM", "l", "m", "LEFT", "LEFT", "COUNT", 0, "OBO") == "ERR count should be greater than 0" and run("LLEN", "l") == 2


def test_other_types(run):
    run("RPUSH", "l", "a", "b")
    run("SET", "s", "v")
    for ends in (("l", "s"), ("s", "l")):
        for order in ("OBO", "BULK"):
            assert str(run("LMOVEM", *ends, "LEFT", "LEFT", "COUNT", 2, order)).startswith("WRONGTYPE")
    assert run("LLEN", "l") == 2


def test_events(store):
    store.rpush("l", *"abc")
    assert [name for name in events_of(store, "LMOVEM l m LEFT LEFT COUNT 9 BULK") if name != "new"] == ["lpush", "lpop", "del"]


def test_waiting_for_a_number_of_elements(store):
    link = store._link(kvd.ResponseError)
    link.call(("BLMOVEM", "l", "m", "LEFT", "LEFT", "0", "EXACTLY", "3", "BULK"), False)
    blocked(store)
    store.rpush("l", "a", "b")
    assert store.execute("LLEN", "l") == 2                     # not enough yet
    store.rpush("l", "c", "d")
    assert store.execute("LRANGE", "m", 0, -1) == [b"a", b"b", b"c"] and store.execute("LRANGE", "l", 0, -1) == [b"d"]


def test_waiting_with_a_count_takes_what_comes(store):
    link = store._link(kvd.ResponseError)
    link.call(("BLMOVEM", "l", "m", "LEFT", "RIGHT", "0", "COUNT", "3", "OBO"), False)
    blocked(store)
    store.rpush("l", "a", "b")
    assert store.execute("LRANGE", "m", 0, -1) == [b"a", b"b"] and store.execute("EXISTS", "l") == 0


def test_those_who_wait_for_less_are_served_before_those_who_wait_for_more(store):
    many, few = store._link(kvd.ResponseError), store._link(kvd.ResponseError)
    many.call(("BLMOVEM", "l", "m", "LEFT", "LEFT", "0", "EXACTLY", "3", "BULK"), False)
    few.call(("BLPOP", "l", "0"), False)
    blocked(store, 2)
    store.rpush("l", "a")
    assert store.info("clients")["blocked_clients"] == 1 and store.execute("EXISTS", "l") == 0


def test_in_a_transaction_it_does_not_wait(store):
    with store.session() as session:
        for line in ("MULTI", "BLMOVEM l m LEFT LEFT 0 EXACTLY 2 OBO", "BLMOVEM l m LEFT LEFT 0"):
            session.execute(*line.split())
        assert session.execute("EXEC") == [None, None]
