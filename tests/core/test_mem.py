"""The heap: what it counts, that blocks do not overlap, that nothing is left."""

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kvd.core import _probe

SIZES = st.one_of(st.integers(0, 200), st.integers(0, 5000), st.sampled_from([128, 129, 256, 257, 2048, 2049, 100_000]))


class HeapMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.heap = _probe.Heap()
        self.names = []

    @rule(n=SIZES)
    def alloc(self, n):
        self.names.append(self.heap.alloc(n))

    @rule(n=st.integers(1, 300), size=st.integers(1, 100))
    def alloc_many(self, n, size):
        for _ in range(n):
            self.alloc(size)

    @rule(n=SIZES, returned=st.booleans())
    def take(self, n, returned):
        name = self.heap.take(n, returned)
        if name is not None:
            self.names.append(name)

    @rule(n=st.integers(3000, 100_000), other=st.integers(-2000, 20_000))
    def alloc_ready(self, n, other):
        name, used = self.heap.alloc_ready(n, other)
        self.names.append(name)
        assert used == (other <= 8192 - 64 and n + other > self.heap.small)

    @rule(data=st.data(), n=SIZES)
    def realloc(self, data, n):
        if self.names:
            self.heap.realloc(data.draw(st.sampled_from(self.names)), n)

    @rule(data=st.data(), n=st.integers(1, 200))
    def free(self, data, n):
        for _ in range(min(n, len(self.names))):
            i = data.draw(st.integers(0, len(self.names) - 1)) if n < 5 else 0
            self.heap.free(self.names.pop(i))

    @invariant()
    def counted_and_whole(self):
        assert self.heap.used == self.heap.expected()
        assert all(self.heap.intact(name) for name in self.names[:50])


TestHeapMachine = HeapMachine.TestCase
TestHeapMachine.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="the sanitizer keeps freed blocks, and there are no slabs")
def test_memory_goes_back_to_the_system_as_blocks_are_freed():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    heap = _probe.Heap()
    names = [heap.alloc(1000) for _ in range(50_000)]
    full = resident()
    for name in names[::2] + names[1::2]:
        heap.free(name)
    assert resident() < full - 45_000_000
    assert heap.used == 0
    assert all(heap.intact(heap.alloc(n)) for n in range(1, 2048, 7))


def test_dropping_a_heap_gives_everything_back():
    before = _probe.total()
    heap = _probe.Heap()
    for n in (1, 100, 3000, 70_000):
        for _ in range(500):
            heap.alloc(n)
    assert _probe.total() > before + 30_000_000
    del heap
    assert _probe.total() <= before
