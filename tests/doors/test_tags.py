"""Tags: which entries carry one, as entries come, change and go; names may be anything that can be hashed."""

import gc

import pytest

import kvd


def test_all_that_carry_a_tag_go_and_nothing_else():
    cache = kvd.Cache()
    for i in range(10):
        cache.set(i, i, tags=["even" if i % 2 == 0 else "odd", "all"] if i else "even")
    assert cache.invalidate_tag("none") == 0 and cache.invalidate_tag("even") == 5 and list(cache) == [1, 3, 5, 7, 9] and cache.invalidate_tag("odd", "all") == 5 and len(cache) == 0


def test_one_name_or_several(clock):
    cache = kvd.Cache()
    cache.set("a", 1, tags="text")
    cache.set("b", 1, tags=("x", 5, ("t", 1), "x"))
    cache.set("c", 1, tags=(name for name in "yz"))
    cache.set("d", 1, tags=[])
    assert [cache.tags_of(key) for key in "abcd"] == [{"text"}, {"x", 5, ("t", 1)}, {"y", "z"}, set()] and cache.tags_of("none") == set() and cache.invalidate_tag(("t", 1)) == 1


def test_a_new_value_has_its_own_tags():
    cache = kvd.Cache()
    cache.set("a", 1, tags="old")
    cache.set("a", 2, tags="new")
    assert cache.invalidate_tag("old") == 0 and cache.tags_of("a") == {"new"}
    cache["a"] = 3
    assert cache.tags_of("a") == set() and cache.invalidate_tag("new") == 0 and cache["a"] == 3


@pytest.mark.parametrize("leave", [lambda c, clock: c.delete("a"), lambda c, clock: c.clear(), lambda c, clock: c.pop("a"), lambda c, clock: c.set("b", 1), lambda c, clock: (clock.advance(5), len(c))])
def test_a_number_that_is_used_again_carries_no_old_tag(clock, leave):
    """Entries are numbered, and numbers of those that left are given again."""
    cache = kvd.Cache(1, clock=clock)
    cache.set("a", 1, ttl=5, tags="t")
    leave(cache, clock)
    cache.set("new", 1)
    assert cache.invalidate_tag("t") == 0 and cache.tags_of("new") == set() and "new" in cache


def test_tags_that_cannot_be_hashed_store_nothing():
    cache = kvd.Cache()
    cache["a"] = 1
    for tags in ([[]], 5, [{}]):
        with pytest.raises(TypeError):
            cache.set("a", 2, tags=tags)
    assert dict(cache) == {"a": 1}


def test_tags_without_entries_are_forgotten():
    class Name:
        pass

    cache = kvd.Cache(10)
    for i in range(1000):
        cache.set(i, i, tags=[Name(), "stays"])
    gc.collect()
    assert sum(type(o) is Name for o in gc.get_objects()) == 10
    cache.clear()
    gc.collect()
    assert not any(type(o) is Name for o in gc.get_objects())


def test_a_name_that_compares_slowly_loses_no_tag():
    """Comparing it removes the last entry of the tag that is being looked up."""
    cache = kvd.Cache()

    class Name:
        def __hash__(self):
            return 7

        def __eq__(self, other):
            cache.delete("first")
            return isinstance(other, Name)

    cache.set("first", 1, tags=[Name()])
    cache.set("second", 2, tags=[Name()])
    assert "first" not in cache and cache.invalidate_tag(Name()) == 1 and len(cache) == 0
    cache._check()
