"""Hashes that share the names of their fields: the same answers as others, less memory, and nothing is left when they are gone."""

import random

import pytest

import kvd

FIELDS = ["name", "age", "city", "7", "-1", "", "a" * 60]
VALUES = [b"", b"x", b"0", b"63", b"64", b"-1", b"4096", b"123456789", b"9223372036854775807", b"-9223372036854775808", b"007", b"v" * 63, b"v" * 64, b"v" * 65, b"Berlin"]


@pytest.fixture
def store():
    with kvd.Store() as s:
        yield s


def sound(store):
    assert store.execute("DEBUG", "CHECK") == b"OK"


def usage(store, key):
    return store.execute("MEMORY", "USAGE", key)


def pairs_of(words):
    return dict(zip(words[::2], words[1::2], strict=True))


def record(i):
    return ["name", f"user {i}", "age", i % 90, "city", "Berlin", "e-mail", f"user{i}@example.com", "customer_number", i]


def test_the_second_hash_of_a_shape_takes_less(store):
    for i in range(3):
        store.execute("HSET", f"h{i}", *record(i))
        assert store.execute("HGETALL", f"h{i}") == {b"name": b"user %d" % i, b"age": b"%d" % i, b"city": b"Berlin", b"e-mail": b"user%d@example.com" % i, b"customer_number": b"%d" % i}
        assert store.execute("OBJECT", "ENCODING", f"h{i}") == b"listpack"
    assert usage(store, "h1") == usage(store, "h2") <= usage(store, "h0") - len("nameagecitye-mailcustomer_number")
    sound(store)


def test_himport_shares_from_the_first_hash_on(store):
    store.execute("HIMPORT", "PREPARE", "people", *record(0)[::2])
    with kvd.Store() as other, kvd.Redis(store) as client:
        client.execute_command("HIMPORT", "PREPARE", "people", *record(0)[::2])
        client.execute_command("HIMPORT", "SET", "h", "people", *record(1)[1::2])
        other.execute("HSET", "h", *record(1))
        assert client.hgetall("h") == other.execute("HGETALL", "h")
        assert usage(store, "h") < usage(other, "h") - 20


@pytest.mark.parametrize("one_by_one", [False, True])
def test_hashes_are_moved_to_other_templates(store, one_by_one):
    """Fields are added, one by one or together, and deleted: equal hashes take equal memory, however they came about."""
    for i in range(4):
        if one_by_one:
            for field in "abcd":
                store.execute("HSET", f"h{i}", field, i)
        else:
            store.execute("HSET", f"h{i}", "a", i, "b", i)
            store.execute("HSET", f"h{i}", "c", i, "d", i)
    assert usage(store, "h3") < usage(store, "h0")
    for i in range(4):
        store.execute("HDEL", f"h{i}", "c", "e")
        assert list(store.execute("HGETALL", f"h{i}")) == [b"a", b"b", b"d"]
    assert usage(store, "h3") == usage(store, "h2")
    sound(store)


def test_names_that_only_one_hash_has_are_not_shared(store):
    """So a template is not made for each of them: the memory is that of hashes without templates, and a table of constant size."""
    store.execute("HSET", "first", "f", 1)
    before = store.info("memory")["used_memory"]
    for i in range(1000):
        store.execute("HSET", f"h{i:04}", f"field:{i}", 1, f"other:{i}", 2)
    with kvd.Store() as other:
        other.execute("HSET", "h", "field:999", 1, "other:999", 2)
        assert usage(store, "h0999") == usage(other, "h")
    assert store.info("memory")["used_memory"] - before < 1000 * (usage(store, "h0999") + 20)
    for i in range(40):
        store.execute("HSET", f"common{i}", *record(i))                        # after many without luck
    assert usage(store, "common39") < usage(store, "common0")


def test_templates_go_with_their_hashes(store):
    def fill():
        for n in range(1, 40):
            for i in range(3):
                store.execute("HSET", f"{n}:{i}", *[w for j in range(n) for w in (f"field{j}", i)])

    def empty():
        for key in list(store.keys()):
            store.execute(*random.choice([("DEL", key), ("HDEL", key, *store.execute("HKEYS", key)), ("SET", key, "x"), ("PEXPIRE", key, 0), ("RENAME", key, "same")]))
        store.flushall()

    used = []
    for _ in range(3):
        fill()
        sound(store)
        empty()
        used.append(store.info("memory")["used_memory"])
    assert used[1] == used[2]


@pytest.mark.parametrize("options", [{}, {"hash-max-listpack-entries": 3}, {"hash-max-listpack-value": 4}, {"hash-max-listpack-value": 5000}])
def test_many_hashes_against_dicts(options, tmp_path):
    """All that can happen to a hash of a template, in the order of a dictionary as long as it is small."""
    dice = random.Random(9)
    with kvd.Store(tmp_path / "a.kvd") as store:
        for name, value in options.items():
            store.configure(name, value)
        model = {}
        for step in range(6000):
            key, field, value = f"h{dice.randrange(8)}", dice.choice(FIELDS), dice.choice(VALUES)
            h = model.setdefault(key, {})
            what = dice.randrange(12)
            if what < 5:
                pairs = {name: dice.choice([*VALUES, b"w" * dice.randrange(300)]) for name in dice.sample(FIELDS, dice.randrange(1, 6))}
                assert store.execute("HSET", key, *[w for pair in pairs.items() for w in pair]) == len(pairs.keys() - h.keys())
                h.update(pairs)
            elif what == 5:
                names = dice.sample(FIELDS, dice.randrange(1, 6))
                assert store.execute("HDEL", key, *names) == sum(h.pop(name, None) is not None for name in names)
            elif what == 6:
                h["counter"] = b"%d" % (int(h.get("counter", 0)) + 1000 * step)
                assert store.execute("HINCRBY", key, "counter", 1000 * step) == int(h["counter"])
            elif what == 7:
                assert store.execute("HSETNX", key, field, value) == (field not in h)
                h.setdefault(field, value)
            elif what == 8 and h:
                other = f"h{dice.randrange(8)}"
                if other != key:
                    assert store.execute("COPY", key, other, "REPLACE") == 1
                    model[other] = dict(h)
                store.execute("PEXPIRE" if step % 2 else "PERSIST", other, *[10**9] * (step % 2))
            elif what == 9 and h and step % 5 == 0:
                assert store.execute("HPEXPIRE", key, 10**9 if step % 2 else 0, "FIELDS", 1, field) == [-2 if field not in h else 1 if step % 2 else 2]
                if step % 2 == 0:
                    h.pop(field, None)
            elif what == 10 and h:
                store.execute("RESTORE", "copy", 0, store.execute("DUMP", key), "REPLACE")
                assert store.execute("HGETALL", "copy") == {k.encode(): v for k, v in h.items()}
                store.delete("copy")
            elif step % 50 == 0:
                store.delete(key)
                model[key] = {}
            if not model[key]:
                assert not store.execute("EXISTS", key)
            else:
                assert store.execute("HMGET", key, field, "none") == [model[key].get(field), None]
                assert store.execute("HLEN", key) == len(model[key])
                found = store.execute("HGETALL", key)
                assert found == {k.encode(): v for k, v in model[key].items()}
                assert store.execute("HRANDFIELD", key) in found and pairs_of(store.execute("HSCAN", key, 0)[1]) == found
            if step % 100 == 0:
                sound(store)
        assert store.execute("BGREWRITEAOF")
        digest = store.execute("DEBUG", "DIGEST")
    with kvd.Store(tmp_path / "a.kvd") as again:
        assert again.execute("DEBUG", "DIGEST") == digest
        sound(again)


def test_a_row_that_grows_too_large_is_an_ordinary_hash(store):
    store.configure("hash-max-listpack-value", 100000)
    for key in ("a", "b", "c"):
        store.execute("HSET", key, "f", "1", "g", "2")
    store.execute("HSET", "b", "f", "x" * 5000)
    store.execute("HSET", "c", "f", "x" * 500, "g", "y" * 500)
    for key in ("b", "c"):
        assert store.execute("OBJECT", "ENCODING", key) == b"listpack" and len(store.execute("HGET", key, "f")) in (500, 5000)
    store.execute("HSET", "c", *[w for i in range(600) for w in (i, i)])
    assert store.execute("OBJECT", "ENCODING", "c") == b"hashtable" and store.execute("HLEN", "c") == 602
    sound(store)


def test_long_names_and_many_fields_are_not_shared(store):
    store.configure("hash-max-listpack-value", 100000)
    for i in range(3):
        store.execute("HSET", f"long{i}", "n" * 256, 1)
        store.execute("HSET", f"all{i}", *[w for j in range(30) for w in (f"{j}" * 50, j)])
        store.execute("HSET", f"many{i}", *[w for j in range(65) for w in (j, j)])
        store.execute("HSET", f"most{i}", *[w for j in range(64) for w in (j, j)])
    assert all(usage(store, f"{name}0") == usage(store, f"{name}2") for name in ("long", "all", "many")) and usage(store, "most2") < usage(store, "most0")
    assert store.execute("HLEN", "most2") == 64 and store.execute("HGET", "most2", 63) == b"63" and store.execute("HLEN", "many2") == 65
    sound(store)


def test_a_field_twice_in_one_command(store):
    for i in range(4):
        assert store.execute("HSET", f"h{i}", "a", 1, "b", 2, "a", 3) == 2
        assert store.execute("HGETALL", f"h{i}") == {b"a": b"3", b"b": b"2"}
    sound(store)


def test_a_snapshot_has_what_a_row_was_when_it_began(store, tmp_path):
    """Values change in place and entries move while a snapshot runs: it has the old ones."""
    for i in range(3000):
        store.execute("HSET", f"h{i}", "a", i, "b", "x" * (i % 40))
    digest = store.execute("DEBUG", "DIGEST")
    with kvd.Store(tmp_path / "copy.kvd") as copy, store.serve() as server:
        copy.replicate_from(f"redis://127.0.0.1:{server.port}", timeout=60)
        assert copy.execute("DEBUG", "DIGEST") == digest
        for i in range(3000):
            store.execute("HSET", f"h{i}", "a", -i, "b", "y" * (i % 60), "c", i)
            store.execute("HDEL", f"h{i}", "a")
        store.execute("WAIT", 1, 0)
        assert copy.execute("DEBUG", "DIGEST") == store.execute("DEBUG", "DIGEST") != digest


@pytest.mark.parametrize(("names", "values"), [("n" * 20, "v" * 45), ("n" * 50, "v" * 58), ("n", "v" * 63), ("n", "1"), ("n" * 13, "")])
def test_rows_stay_rows_when_they_are_loaded_or_changed(store, names, values):
    """Near the limits, of which that of values counts these alone."""
    for i in range(3):
        store.execute("HSET", f"h{i}", *[w for j in range(16) for w in (f"{names}{j:02}", values)])
    rows = usage(store, "h2")
    assert rows < usage(store, "h0")
    store.execute("RESTORE", "copy", 0, store.execute("DUMP", "h2"))
    store.execute("HSET", "h2", "extra", 1)
    store.execute("HDEL", "h2", "extra")
    assert usage(store, "h2") == rows and usage(store, "copy") - len("copy") <= rows - len("h2") + 8
    store.execute("DEBUG", "RELOAD")
    store.execute("RESTORE", "last", 0, store.execute("DUMP", "h1"))
    assert usage(store, "last") - len("last") <= rows - len("h2") + 8
    sound(store)


def test_a_value_may_become_long_and_short_again(store):
    store.configure("hash-max-listpack-value", 1000)
    for i in range(3):
        store.execute("HSET", f"h{i}", "f", "x", "g", "y" * 500)
    row = usage(store, "h2")
    store.execute("HSET", "h2", "f", "x" * 400)
    assert row < usage(store, "h2") < usage(store, "h0") + 400
    store.execute("HSET", "h2", "f", "x")
    assert usage(store, "h2") == row
    sound(store)


def test_deleting_fields_notes_the_names_that_are_left_once(store):
    for i in range(4):
        store.execute("HSET", f"h{i}", "a", 1, "b", 2, "c", 3)
    store.execute("HDEL", "h1", "b")
    alone = usage(store, "h1")                                     # no other hash has a and c
    store.execute("HDEL", "h2", "b")
    assert usage(store, "h2") < alone
    sound(store)


def test_more_pairs_than_a_listpack_may_have_make_a_table(store):
    """Even if they are the same field again and again, and whatever form the hash had."""
    store.configure("hash-max-listpack-entries", 4)
    for key in ("alone", "row1", "row2"):
        store.execute("HSET", key, "g" if key != "alone" else "x", 0)
        store.execute("HSET", key, *["f", 1] * 6)
        assert store.execute("OBJECT", "ENCODING", key) == b"hashtable"
    sound(store)
