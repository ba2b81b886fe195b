"""What holds for every value, whatever its type and encoding: copies and payloads are equal to it, and sound."""

import pytest
from hypothesis import given, settings

import kvd

from .values import ANY, OPTIONS, TYPES, details, digest, new_store, run

FEW = settings(max_examples=100, deadline=None)
NOTHING = b"0" * 40


@pytest.mark.parametrize("type_", TYPES)
def test_a_value_is_sound_after_each_command(type_):
    @FEW
    @given(TYPES[type_], OPTIONS)
    def sound(commands, options):
        run(new_store(options), commands, check=True)

    sound()


@FEW
@given(ANY, OPTIONS)
def test_a_copy_has_the_same_digest(commands, options):
    store = new_store(options)
    run(store, commands)
    if store.copy("k", "copy"):
        assert digest(store, "copy") == digest(store) != NOTHING
        assert details(store, "copy") == details(store)
        assert store.execute("DEBUG", "CHECK") == b"OK"


@FEW
@given(ANY, OPTIONS, OPTIONS)
def test_a_dump_restores_to_the_same_digest(commands, options, others):
    store, other = new_store(options), new_store(others)
    run(store, commands)
    if store.exists("k"):
        other.restore("k", 0, store.dump("k"))
        assert digest(other) == digest(store)
        assert details(other) == details(store)
        assert other.execute("DEBUG", "CHECK") == b"OK"


def test_expired_keys_and_fields_are_not_digested():
    store, other = new_store({}), new_store({})
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    with store.clock.frozen() as clock:
        for one in (store, other):
            one.hset("h", mapping={"a": 1})
            one.set("s", 1)
        store.hset("h", mapping={"b": 2})
        store.hexpire("h", 10, "b")
        store.hset("gone", mapping={"a": 1})
        store.hexpire("gone", 10, "a")
        store.set("t", 1, ex=10)
        assert store.execute("DEBUG", "DIGEST") != other.execute("DEBUG", "DIGEST")
        clock.advance(11)
        assert store.execute("DEBUG", "DIGEST") == other.execute("DEBUG", "DIGEST")


def test_digests_of_in_process_clients():
    """DEBUG DIGEST once took every value for a string, and ended the process."""
    client = kvd.Redis(new_store({}))
    client.rpush("l", "a")
    assert client.execute_command("DEBUG", "DIGEST-VALUE", "l")[0] != NOTHING.decode()
    assert client.execute_command("DEBUG", "DIGEST") != NOTHING.decode()
