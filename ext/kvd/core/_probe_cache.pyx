"""Test probe for cells and lives: the object cache's index and lifetimes without a cache around them."""

from libc.stdint cimport int64_t, uint32_t

from kvd.core.cells cimport (
    cells, cells_count, cells_double, cells_full, cells_have, cells_init, cells_insert, cells_remove, cells_shrink,
)
from kvd.core.clock cimport NEVER
from kvd.core.lives cimport (
    lives, lives_close, lives_deadline, lives_due, lives_end, lives_forget, lives_give, lives_init, lives_last,
    lives_look, lives_neglected, lives_over, lives_release, lives_soften, lives_stale, lives_start, lives_tti,
    lives_use,
)
from kvd.core.mem cimport heap, heap_destroy, heap_init
from kvd.core.random cimport rng, rng_seed
from kvd.core.wheel cimport wheel_check


cdef class Cells:
    cdef heap h
    cdef cells c

    def __cinit__(self):
        heap_init(&self.h)
        assert cells_init(&self.c, &self.h)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def insert(self, uint32_t hash, uint32_t id):
        if cells_full(&self.c, cells_count(&self.c)):
            assert cells_double(&self.c)
        cells_insert(&self.c, hash, id)

    def remove(self, uint32_t hash, uint32_t id):
        cells_remove(&self.c, hash, id)

    def have(self, uint32_t hash, uint32_t id):
        return cells_have(&self.c, hash, id)

    def shrink(self):
        return cells_shrink(&self.c)

    @property
    def count(self):
        return cells_count(&self.c)

    @property
    def room(self):
        return self.c.mask + 1

    @property
    def bytes(self):
        return self.h.used


cdef class Lives:
    """Times are microseconds passed by the test; no clock is read."""
    cdef heap h
    cdef lives l
    cdef rng chance

    def __cinit__(self, int64_t now=1, double jitter=0.0):
        heap_init(&self.h)
        rng_seed(&self.chance, 7)
        lives_init(&self.l, &self.h)
        self.l.real = False
        self.l.jitter = jitter
        assert lives_start(&self.l, now)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def give(self, uint32_t i, int64_t now, ttl=None, tti=None):
        assert lives_give(&self.l, i, now, NEVER if ttl is None else ttl, NEVER if tti is None else tti, &self.chance)

    def end(self, uint32_t i, int64_t deadline):
        assert lives_end(&self.l, i, deadline)

    def use(self, uint32_t i, int64_t now):
        lives_use(&self.l, i, now)

    def over(self, uint32_t i, int64_t now):
        return lives_over(&self.l, i, now)

    def neglected(self, uint32_t i):
        return lives_neglected(&self.l, i)

    def forget(self, uint32_t i):
        lives_forget(&self.l, i)

    def due(self, int64_t now, int budget=1000):
        """The numbers that have expired, and the budget left."""
        cdef uint32_t i = lives_due(&self.l, now, &budget)
        out = []
        while i:
            out.append(i)
            i = lives_due(&self.l, now, &budget)
        lives_look(&self.l)
        return out, budget

    def soften(self, uint32_t i, int64_t at):
        assert lives_soften(&self.l, i, at)

    def stale(self, uint32_t i, int64_t now):
        return lives_stale(&self.l, i, now)

    def deadline(self, uint32_t i):
        return lives_deadline(&self.l, i)

    def tti(self, uint32_t i):
        return lives_tti(&self.l, i)

    def last(self, uint32_t i):
        cdef int64_t last = lives_last(&self.l, i)
        return None if last == NEVER else last

    def close(self, uint32_t segment):
        lives_close(&self.l, segment)

    def release(self):
        lives_release(&self.l)

    def check(self):
        cdef const char *what = wheel_check(self.l.due)
        assert what == NULL, what

    @property
    def soonest(self):
        return None if self.l.soonest == NEVER else self.l.soonest

    @property
    def hurry(self):
        return self.l.hurry

    @property
    def bytes(self):
        return self.h.used
