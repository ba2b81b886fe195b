"""Random commands on one value, answered by a store and by a model in Python: what tests of single types share."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .values import OPTIONS, new_store

MEMBERS = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f", b"1", b"-7", b"9223372036854775807", b"long" * 20, b""])
INDEXES = st.integers(-8, 8)


def against(model, steps):
    """A test that runs steps on a store and on model(): both answer alike, and DEBUG CHECK finds the value sound.

    model: a class with a method for each command name, in lower case, that takes the words behind the key. steps: strategy of (name, *words)."""

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(steps, min_size=1, max_size=60), OPTIONS)
    def test(commands, options):
        store, held = new_store(options), model()
        for name, *words in commands:
            reply = store.execute(name, "k", *words)
            assert reply == getattr(held, name.lower())(*words), (name, words)
            assert store.execute("DEBUG", "CHECK") == b"OK", (name, words)
        assert store.execute("EXISTS", "k") == bool(held)

    return test
