"""Test probe for slab, policy, sketch and topk, without a cache around them."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.mem cimport heap, heap_destroy, heap_init
from kvd.core.policy cimport (
    policy, policy_add, policy_check, policy_first, policy_hit, policy_init, policy_kind, policy_limit, policy_miss,
    policy_name, policy_next, policy_remove, policy_victim, policy_weigh,
)
from kvd.core.sketch cimport sketch, sketch_add, sketch_count, sketch_fit, sketch_init
from kvd.core.slab cimport (
    column, column_at, column_close, column_init, column_release, column_reserve, node_at, slab, slab_give, slab_init,
    slab_release, slab_take,
)
from kvd.core.topk cimport top_key, topk, topk_add, topk_certain, topk_heaviest, topk_init, topk_release
from kvd.core.view cimport view_of


cdef class TopK:
    cdef topk t

    def __cinit__(self, int room):
        if not topk_init(&self.t, room):
            raise MemoryError()

    def __dealloc__(self):
        topk_release(&self.t)

    def add(self, bytes key, uint64_t weight=1):
        topk_add(&self.t, view_of(key, len(key)), weight)

    def heaviest(self, int n):
        """(key, what it has at least, what it has at most)."""
        cdef top_key *found[64]
        cdef int count = topk_heaviest(&self.t, found, n)
        return [(found[i].key[:found[i].len], topk_certain(found[i]), found[i].weight) for i in range(count)]

    def check(self):
        cdef int i, link
        cdef int chained = 0
        for i in range(self.t.count):
            assert self.t.keys[self.t.heap[i]].at == i and self.t.keys[i].over <= self.t.keys[i].weight
            assert i == 0 or self.t.keys[self.t.heap[(i - 1) // 2]].weight <= self.t.keys[self.t.heap[i]].weight
        for i in range(self.t.room):
            link = self.t.buckets[i]
            while link >= 0:
                assert self.t.keys[link].hash & self.t.mask == i
                chained += 1
                link = self.t.keys[link].next
        assert chained == self.t.count

    @property
    def bytes(self):
        return self.t.bytes


cdef class Sketch:
    cdef heap h
    cdef sketch s

    def __cinit__(self):
        heap_init(&self.h)
        sketch_init(&self.s, &self.h)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def fit(self, uint32_t items):
        assert sketch_fit(&self.s, items)

    def add(self, uint32_t hash):
        sketch_add(&self.s, hash)

    def count(self, uint32_t hash):
        return sketch_count(&self.s, hash)

    @property
    def seen(self):
        return self.s.seen


cdef class Slab:
    cdef heap h
    cdef slab s
    cdef column c

    def __cinit__(self):
        heap_init(&self.h)
        slab_init(&self.s, &self.h)
        column_init(&self.c, &self.h, sizeof(int64_t))

    def __dealloc__(self):
        heap_destroy(&self.h)

    def take(self, uint32_t hash):
        cdef uint32_t i = slab_take(&self.s)
        node_at(&self.s, i).hash = hash
        return i

    def give(self, uint32_t i):
        """Returns whether the segment was freed."""
        if slab_give(&self.s, i):
            column_close(&self.c, i >> 8)
            return True
        return False

    def hash(self, uint32_t i):
        return node_at(&self.s, i).hash

    def note(self, uint32_t i, int64_t value):
        assert column_reserve(&self.c, i)
        (<int64_t *>column_at(&self.c, i))[0] = value

    def noted(self, uint32_t i):
        cdef void *p = column_at(&self.c, i)
        return None if p == NULL else (<int64_t *>p)[0]

    def release(self):
        slab_release(&self.s)
        column_release(&self.c)

    @property
    def used(self):
        return self.s.used

    @property
    def bytes(self):
        return self.h.used


cdef class Policy:
    """A policy over nodes that are named by their hashes."""
    cdef heap h
    cdef slab s
    cdef column weights
    cdef policy p
    cdef bint weighing
    cdef dict numbers

    def __cinit__(self, int kind, int64_t limit, bint weighing=False):
        heap_init(&self.h)
        slab_init(&self.s, &self.h)
        column_init(&self.weights, &self.h, sizeof(int64_t))
        assert policy_init(&self.p, <policy_kind>kind, &self.s, &self.h, 7)
        policy_limit(&self.p, limit, &self.weights if weighing else NULL)
        self.weighing = weighing
        self.numbers = {}

    def __dealloc__(self):
        heap_destroy(&self.h)

    def add(self, uint32_t name, int64_t weight=1):
        cdef uint32_t i = slab_take(&self.s)
        node_at(&self.s, i).hash = name
        node_at(&self.s, i).key = <void *>1
        assert column_reserve(&self.weights, i)
        (<int64_t *>column_at(&self.weights, i))[0] = weight
        assert policy_add(&self.p, i)
        self.numbers[name] = i

    def use(self, uint32_t name):
        policy_hit(&self.p, self.numbers[name])

    def miss(self, uint32_t name):
        policy_miss(&self.p, name)

    def weigh(self, uint32_t name, int64_t weight):
        cdef uint32_t i = self.numbers[name]
        if self.weighing:
            policy_weigh(&self.p, i, weight)
        (<int64_t *>column_at(&self.weights, i))[0] = weight

    def remove(self, uint32_t name):
        cdef uint32_t i = self.numbers.pop(name)
        policy_remove(&self.p, i)
        slab_give(&self.s, i)

    def victim(self, newest=None):
        cdef uint32_t i = policy_victim(&self.p, 0 if newest is None else self.numbers[newest])
        return node_at(&self.s, i).hash if i else None

    def order(self):
        cdef uint32_t i = policy_first(&self.p)
        out = []
        while i:
            out.append(node_at(&self.s, i).hash)
            i = policy_next(&self.p, i)
        return out

    def check(self):
        cdef const char *what = policy_check(&self.p)
        assert what == NULL, what

    @property
    def window(self):
        return self.p.window


def names():
    """The policies' names, in the order of their numbers."""
    return [policy_name(k).decode() for k in range(7)]
