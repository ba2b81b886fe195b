"""Test probe: a sparse array as a Python class, on a heap of its own."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core._probe_views cimport as_bytes, as_view
from kvd.core.mem cimport heap, heap_destroy, heap_init
from kvd.core.sparse cimport (
    SPARSE_TEXT, sparse, sparse_check, sparse_copy, sparse_cursor, sparse_delete, sparse_free_some, sparse_get,
    sparse_init, sparse_int, sparse_last, sparse_look, sparse_next, sparse_release, sparse_set, sparse_start,
    sparse_survey, sparse_used, sparse_view,
)


cdef class Sparse:
    cdef heap h
    cdef sparse a

    def __cinit__(self):
        heap_init(&self.h)
        sparse_init(&self.a, &self.h)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def __len__(self):
        return self.a.count

    @property
    def bytes(self):
        return self.a.bytes

    @property
    def used_memory(self):
        return self.h.used

    def get(self, uint64_t index):
        cdef char scratch[SPARSE_TEXT]
        cdef uint64_t word = sparse_get(&self.a, index)
        return as_bytes(sparse_view(word, scratch)) if word else None

    def number(self, uint64_t index):
        """The integer as which it is held, or None."""
        cdef int64_t n
        return n if sparse_int(sparse_get(&self.a, index), &n) else None

    def set(self, uint64_t index, bytes v):
        cdef int done = sparse_set(&self.a, index, as_view(v))
        assert done >= 0
        return bool(done)

    def delete(self, uint64_t low, uint64_t high):
        return sparse_delete(&self.a, low, high)

    def used(self, uint64_t low, uint64_t high):
        return sparse_used(&self.a, low, high)

    def last(self):
        cdef uint64_t index
        return index if sparse_last(&self.a, &index) else None

    def walk(self, uint64_t first, uint64_t last):
        cdef sparse_cursor c
        cdef uint64_t index, word
        cdef char scratch[SPARSE_TEXT]
        sparse_start(&self.a, &c, first, last)
        found = []
        while sparse_next(&c, &index, &word):
            found.append((index, as_bytes(sparse_view(word, scratch))))
        return found

    def copy(self):
        cdef Sparse other = Sparse()
        assert sparse_copy(&other.a, &self.a)
        return other

    def survey(self, uint64_t above):
        cdef sparse_survey s
        sparse_look(&self.a, above, &s)
        return s.dense, s.sparse, s.dense_count, s.dense_room, s.sparse_room

    def free_some(self):
        return sparse_free_some(&self.a)

    def check(self):
        cdef const char *wrong = sparse_check(&self.a)
        assert wrong == NULL, wrong
        assert self.h.used == self.a.bytes

    def release(self):
        sparse_release(&self.a)
        assert self.h.used == 0 and self.a.bytes == 0 and self.a.blocks == 0
