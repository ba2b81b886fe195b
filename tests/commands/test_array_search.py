"""ARSCAN, ARGREP and AROP, as Redis 8.8 documents them."""

import random
import time

import pytest

import kvd

from .test_arrays import runs

TOP = 2**64 - 2


@pytest.mark.parametrize("examples", [
    """
    ARMSET k 0 a 5 b 9 c -> 3
    ARSCAN k 0 10 -> [[0, "a"], [5, "b"], [9, "c"]]
    ARSCAN k 0 10 LIMIT 2 -> [[0, "a"], [5, "b"]]
    ARSCAN k 9 1 -> [[9, "c"], [5, "b"]]
    ARSCAN k 9 1 limit 1 -> [[9, "c"]]
    ARSCAN k 6 8 -> []
    ARSCAN none 0 10 -> []
    """, """
    ARMSET log 0 boot:ok 1 warn:disk 2 ERROR:cpu 3 info:ready 4 error:net -> 5
    ARGREP log - + MATCH error NOCASE -> [2, 4]
    ARGREP log - + MATCH error NOCASE WITHVALUES -> [[2, "ERROR:cpu"], [4, "error:net"]]
    ARGREP log 0 4 GLOB warn:* OR GLOB error:* -> [1, 4]
    ARGREP log 0 4 RE ^[A-Za-z]+:(cpu|net)$ NOCASE WITHVALUES -> [[2, "ERROR:cpu"], [4, "error:net"]]
    ARGREP log 0 4 EXACT info:ready -> [3]
    ARGREP log 0 4 EXACT INFO:READY -> []
    ARGREP log 0 4 EXACT INFO:READY NOCASE -> [3]
    ARGREP log - + MATCH error NOCASE LIMIT 1 -> [2]
    ARGREP log + - MATCH error NOCASE LIMIT 1 -> [4]
    ARGREP log 3 3 RE . -> [3]
    ARGREP none - + MATCH foo -> []
    """, """
    ARMSET k 0 RedisArray 1 redis-match 2 array-only 3 plain -> 4
    ARGREP k - + MATCH redis GLOB *array* AND NOCASE -> [0]
    ARGREP k - + OR MATCH redis LIMIT 3 GLOB *array* AND LIMIT 1 NOCASE -> [0]
    ARGREP k - + AND MATCH redis MATCH plain OR -> [1, 3]
    ARGREP k 18446744073709551614 0 RE n$ -> [3]
    """, """
    ARMSET k 0 10 1 20 2 30 -> 3
    AROP k 0 2 SUM -> "60"
    AROP k 2 0 MIN -> "10"
    AROP k 0 2 max -> "30"
    AROP k 0 2 MATCH 10 -> 1
    AROP k 0 1 USED -> 2
    ARMSET flags 0 255 1 15 2 240 -> 3
    AROP flags 0 2 AND -> 0
    AROP flags 0 2 OR -> 255
    AROP flags 0 2 XOR -> 0
    """, """
    ARMSET k 0 7.9 1 3.2 2 1.8 3 text 4 -0.5 -> 5
    AROP k 0 2 AND -> 1
    AROP k 0 2 OR -> 7
    AROP k 0 3 XOR -> 5
    AROP k 3 3 SUM -> nil
    AROP k 3 3 AND -> nil
    AROP k 4 4 OR -> 0
    AROP k 0 18446744073709551614 SUM -> "12.4"
    AROP k 7 9 MIN -> nil
    AROP none 0 9 SUM -> nil
    AROP none 0 9 USED -> 0
    AROP none 0 9 MATCH x -> 0
    """, """
    ARMSET k 0 1e30 1 inf 2 9223372036854775807 3 -9223372036854775808 -> 4
    AROP k 0 0 SUM -> "1e+30"
    AROP k 0 1 SUM -> "inf"
    AROP k 0 1 OR -> nil
    AROP k 2 3 XOR -> -1
    AROP k 2 2 MAX -> "9.2233720368547758e+18"
    ARMSET d 0 1.0 1 0.10 2 nan -> 3
    AROP d 0 2 SUM -> "1.1"
    AROP d 0 2 MATCH 1.0 -> 1
    AROP d 0 2 MATCH 1 -> 0
    """,
])  # fmt: skip
def test_examples_of_the_documentation(run, examples):
    runs(run, examples)


@pytest.mark.parametrize(("line", "error"), [
    ("ARSCAN k 0 x", "ERR invalid array index"), ("ARSCAN k - +", "ERR invalid array index"), ("ARSCAN k 0 1 LIMIT", "ERR wrong number of arguments for 'arscan' command"), ("ARSCAN k 0 1 COUNT 1", "ERR syntax error"),
    ("ARSCAN k 0 1 LIMIT 0", "ERR LIMIT must be positive"), ("ARSCAN k 0 1 LIMIT x", "ERR value is not an integer or out of range"),
    ("ARGREP k x + MATCH a", "ERR invalid array index"), ("ARGREP k - y MATCH a", "ERR invalid array index"), ("ARGREP k - + LIMIT 1", "ERR syntax error"), ("ARGREP k - + MATCH a FOO", "ERR syntax error"),
    ("ARGREP k - + MATCH a LIMIT", "ERR syntax error"), ("ARGREP k - + MATCH a MATCH", "ERR syntax error"), ("ARGREP k - + MATCH a LIMIT 0", "ERR LIMIT must be positive"), ("ARGREP k - + MATCH a LIMIT x", "ERR value is not an integer or out of range"),
    ("ARGREP k - + RE (", "ERR invalid regular expression: Missing ')'"), (r"ARGREP k - + RE (a)\1", "ERR regular expression backreferences are not supported"), ("ARGREP none - + RE (", "ERR invalid regular expression: Missing ')'"),
    (r"ARGREP k - + RE \x{1 NOCASE", "ERR invalid regular expression: Missing '}'"), ("ARGREP k - + RE " + "a" * 2049, "ERR regular expression is too long, maximum is 2048 bytes"),
    ("ARGREP k - +" + " MATCH a" * 251, "ERR too many predicates, maximum is 250"), ("ARGREP k - + RE ((a{255}){255}){255}", "ERR invalid regular expression: Out of memory"),
    ("ARGREP k - +" + " RE a{255}" * 100, "ERR invalid regular expression: Out of memory"),
    ("AROP k 0 x SUM", "ERR invalid array index"), ("AROP k 0 1 AVG", "ERR unknown operation"), ("AROP k 0 1 MATCH", "ERR MATCH requires a value argument"), ("AROP k 0 1 MATCH a b", "ERR MATCH requires a value argument"),
    ("AROP k 0 1 SUM a", "ERR wrong number of arguments for 'arop' command"),
])  # fmt: skip
def test_errors(run, line, error):
    run("ARSET", "k", 0, "a", "b")
    assert run(*line.split()).removeprefix("ERR ") == error.removeprefix("ERR ")


def test_an_empty_regular_expression_is_refused_and_an_empty_part_is_everywhere(run):
    run("ARSET", "k", 0, "a", "")
    assert run("ARGREP", "k", "-", "+", "RE", "") == "ERR regular expression is empty" and run("ARGREP", "k", "-", "+", "MATCH", "") == [0, 1] and run("ARGREP", "k", "-", "+", "EXACT", "") == [1]


def test_many_predicates_and_a_long_one(run):
    run("ARSET", "k", 0, "a" * 2048, "foo")
    assert run("ARGREP", "k", "-", "+", "RE", "a" * 2048) == [0] and run("ARGREP", "k", "-", "+", *["MATCH", "foo"] * 250) == [1]


def test_random_searches_agree_with_python():
    store, chance = kvd.Store(), random.Random(5)
    held = {}
    for _ in range(400):
        index = chance.choice([chance.randrange(300), chance.randrange(4000, 9000), 2**40 + chance.randrange(100), TOP - chance.randrange(50)])
        held[index] = "".join(chance.choice("abAB1") for _ in range(chance.randrange(12)))
        store.execute("ARSET", "k", index, held[index])
    for _ in range(400):
        first, last = (chance.choice([0, 150, 299, 5000, 2**40 + 50, TOP, chance.choice(list(held))]) for _ in "ab")
        wanted = sorted((i for i in held if min(first, last) <= i <= max(first, last)), reverse=first > last)
        part, limit, nocase = "".join(chance.choice("abAB1") for _ in range(chance.randrange(4))), chance.randrange(1, 300), chance.random() < 0.5
        fold = str.lower if nocase else str
        words = ["NOCASE"] * nocase
        assert store.execute("ARSCAN", "k", first, last, "LIMIT", limit) == [[i, held[i].encode()] for i in wanted[:limit]]
        assert store.execute("ARGREP", "k", first, last, "MATCH", part, "LIMIT", limit, *words) == [i for i in wanted if fold(part) in fold(held[i])][:limit]
        assert store.execute("ARGREP", "k", first, last, "EXACT", part, "MATCH", "1", *words) == [i for i in wanted if fold(part) == fold(held[i]) or "1" in held[i]]
        assert store.execute("ARGREP", "k", first, last, "RE", f"{part}$", "GLOB", "*b*", "AND", *words) == [i for i in wanted if fold(held[i]).endswith(fold(part)) and "b" in fold(held[i])]
        assert store.execute("AROP", "k", first, last, "USED") == len(wanted) and store.execute("AROP", "k", first, last, "MATCH", part) == sum(held[i] == part for i in wanted)


@pytest.mark.parametrize("words", [("MATCH",), ("MATCH", "NOCASE"), ("GLOB",), ("GLOB", "NOCASE")], ids=" ".join)
def test_long_patterns_on_long_elements_take_linear_time(words):
    kind, *nocase = words
    part = b"a" * 500_000 + b"b"
    with kvd.Store() as store:
        store.arset("k", 0, b"a" * 1_000_000)
        start = time.process_time()
        assert store.execute("ARGREP", "k", "-", "+", kind, b"*%b*" % part if kind == "GLOB" else part, *nocase) == []
        assert time.process_time() - start < 1
