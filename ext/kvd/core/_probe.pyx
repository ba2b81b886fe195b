"""Test probes into the structures of this layer. Built in every form but release."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from kvd.core._probe_views cimport as_bytes, as_view
from kvd.core.entry cimport (
    TIMED, entry, entry_free, entry_inline, entry_key, entry_new, entry_timer, timer, timer_entry,
)
from kvd.core.find cimport view_find
from kvd.core.glob cimport glob_match
from kvd.core.mem cimport (
    OFFERED_ROOM, heap, heap_destroy, heap_init, mem_alloc, mem_cost, mem_free, mem_realloc, mem_take, mem_total,
    offered, ready, ready_free, ready_new, ready_touch,
)
from kvd.core.random cimport rng, rng_seed
from kvd.core.regex cimport REGEX_MOST, regex, regex_compile, regex_free, regex_match
from kvd.core.table cimport (
    table, table_bytes, table_check, table_cursor, table_drain, table_expand, table_find, table_hash, table_init,
    table_insert, table_next, table_random, table_release, table_remove, table_replace, table_sample, table_scan,
)
from kvd.core.text cimport (
    DOUBLE_TEXT, INT_TEXT, LONG_DOUBLE_TEXT, format_double, format_int, format_long_double, parse_double, parse_int,
    parse_long_double, parse_memory,
)
from kvd.core.view cimport view, view_of
from kvd.core.wheel cimport (
    wheel, wheel_add, wheel_cancel, wheel_check, wheel_delete, wheel_due, wheel_new, wheel_next, wheel_sample,
    wheel_soonest,
)
from kvd.core.xxh3 cimport xxh3_64


def find(bytes text, bytes part, bint nocase=False):
    """Like bytes.find."""
    cdef const char *at = view_find(as_view(text), as_view(part), nocase)
    return at - <const char *>text if at != NULL else -1


def glob(bytes pattern, bytes text, bint nocase=False):
    return bool(glob_match(as_view(pattern), as_view(text), nocase))


def xxh3(bytes data):
    return xxh3_64(data, len(data))


def read_int(bytes text):
    cdef int64_t n
    return n if parse_int(as_view(text), &n) else None


def read_double(bytes text):
    cdef double d
    return d if parse_double(as_view(text), &d) else None


def read_memory(bytes text):
    cdef int64_t n
    return n if parse_memory(as_view(text), &n) else None


def print_int(int64_t n):
    cdef char out[INT_TEXT]
    return out[:format_int(out, n)]


def print_double(double d):
    cdef char out[DOUBLE_TEXT]
    return out[:format_double(out, d)]


def add_long_doubles(bytes a, bytes b):
    cdef char out[LONG_DOUBLE_TEXT]
    cdef long double x, y
    if not parse_long_double(as_view(a), &x) or not parse_long_double(as_view(b), &y):
        return None
    return out[:format_long_double(out, x + y)]


cdef class Heap:
    """A heap with blocks named by integers."""
    cdef heap h
    cdef dict blocks
    cdef size_t next_id

    def __cinit__(self):
        heap_init(&self.h)
        self.blocks = {}

    def __dealloc__(self):
        heap_destroy(&self.h)

    @property
    def used(self):
        return self.h.used

    @property
    def small(self):
        return self.h.small

    def alloc(self, size_t n):
        cdef char *p = <char *>mem_alloc(&self.h, n)
        cdef size_t i
        self.next_id += 1
        for i in range(n):
            p[i] = <char>(self.next_id + i)
        self.blocks[self.next_id] = (<size_t>p, n)
        return self.next_id

    def take(self, size_t n, bint returned):
        """A block of n bytes and a header of 16 that takes over offered memory; returned: it is freed while that is on offer."""
        cdef offered o
        cdef char *base = <char *>malloc(OFFERED_ROOM + n)
        cdef char *p
        cdef size_t i
        cdef view v
        v.ptr = base + OFFERED_ROOM
        v.len = n
        self.next_id += 1
        o.base, o.bytes, o.len, o.taken = base, v.ptr, n, False
        for i in range(n):
            base[OFFERED_ROOM + i] = <char>(self.next_id + i + 16)
        self.h.offer = &o
        p = <char *>mem_take(&self.h, v, 16)
        assert (p != NULL) == (n + 16 > self.h.small) and (p == NULL or mem_take(&self.h, v, 16) == NULL)
        if returned and p != NULL:
            p = <char *>mem_realloc(&self.h, p, n + 16, 2 * n + 64)
            assert not o.taken and p + 16 != v.ptr
            mem_free(&self.h, p, 2 * n + 64)
        self.h.offer = NULL
        if not o.taken:
            free(base)
            return None
        for i in range(16):
            p[i] = <char>(self.next_id + i)
        self.blocks[self.next_id] = (<size_t>p, n + 16)
        return self.next_id

    def alloc_ready(self, size_t n, Py_ssize_t other):
        """A block of n + other bytes, while memory for n bytes is ready; returns (name, whether it was used)."""
        cdef ready *r = ready_new(n)
        ready_touch(r, 0, r.room)
        self.h.ready = r
        name = self.alloc(n + other)
        used = self.h.ready == NULL
        ready_free(self.h.ready)
        self.h.ready = NULL
        return name, used

    def intact(self, size_t name):
        address, n = self.blocks[name]
        cdef char *p = <char *><size_t>address
        cdef size_t i
        for i in range(<size_t>n):
            if p[i] != <char>(name + i):
                return False
        return True

    def realloc(self, size_t name, size_t n):
        address, old = self.blocks[name]
        cdef char *p = <char *>mem_realloc(&self.h, <void *><size_t>address, old, n)
        cdef size_t i
        for i in range(old, n):
            p[i] = <char>(name + i)
        self.blocks[name] = (<size_t>p, n)

    def free(self, size_t name):
        address, n = self.blocks.pop(name)
        mem_free(&self.h, <void *><size_t>address, n)

    def expected(self):
        return sum(mem_cost(n) for _, n in self.blocks.values())


def total():
    return mem_total()


cdef void collect(entry *e, void *context) noexcept nogil:
    with gil:
        (<list>context).append(as_bytes(entry_key(e)))


cdef class Table:
    """A table of bytes to bytes (values up to 1 KiB)."""
    cdef heap h
    cdef table t
    cdef rng r

    def __cinit__(self, uint64_t seed=1):
        heap_init(&self.h)
        table_init(&self.t, &self.h)
        rng_seed(&self.r, seed)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def __len__(self):
        return self.t.items

    def check(self):
        cdef const char *what = table_check(&self.t)
        assert what == NULL, what

    @property
    def used(self):
        return self.h.used

    @property
    def bytes(self):
        return table_bytes(&self.t)

    @property
    def buckets(self):
        return self.t.buckets

    def get(self, bytes key):
        cdef entry *e = table_find(&self.t, as_view(key), table_hash(as_view(key)))
        return None if e == NULL else as_bytes(entry_inline(e))

    def set(self, bytes key, bytes value):
        cdef uint64_t h = table_hash(as_view(key))
        cdef entry *old = table_find(&self.t, as_view(key), h)
        cdef entry *e = entry_new(&self.h, as_view(key), len(value), 0)
        cdef view v = entry_inline(e)
        memcpy(<char *>v.ptr, <const char *>value, v.len)
        if old != NULL:
            assert table_replace(&self.t, old, e, h)
            entry_free(&self.h, old)
        else:
            assert table_insert(&self.t, e, h)

    def remove(self, bytes key):
        cdef uint64_t h = table_hash(as_view(key))
        cdef entry *e = table_find(&self.t, as_view(key), h)
        if e == NULL:
            return False
        assert table_remove(&self.t, e, h)
        entry_free(&self.h, e)
        return True

    def expand(self, size_t n):
        return table_expand(&self.t, n)

    def scan(self, uint64_t cursor):
        found = []
        cursor = table_scan(&self.t, cursor, collect, <void *>found)
        return cursor, found

    def random(self):
        cdef entry *e = table_random(&self.t, &self.r)
        return None if e == NULL else as_bytes(entry_key(e))

    def sample(self, size_t n):
        cdef entry *out[64]
        cdef size_t got = table_sample(&self.t, &self.r, out, min(n, 64))
        return [as_bytes(entry_key(out[i])) for i in range(got)]

    def keys(self):
        cdef table_cursor c
        cdef entry *e
        c.at = 0
        c.inside = NULL
        c.slot = 0
        found = []
        while True:
            e = table_next(&self.t, &c)
            if e == NULL:
                return found
            found.append(as_bytes(entry_key(e)))

    def drain(self):
        cdef entry *e = table_drain(&self.t)
        if e == NULL:
            return None
        key = as_bytes(entry_key(e))
        entry_free(&self.h, e)
        return key

    def release(self):
        table_release(&self.t)


cdef class Wheel:
    """A wheel of named timers."""
    cdef heap h
    cdef wheel *w
    cdef dict entries
    cdef rng r

    def __cinit__(self, int64_t now=0):
        heap_init(&self.h)
        self.w = wheel_new(&self.h, now)
        self.entries = {}
        rng_seed(&self.r, 7)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def __len__(self):
        return self.w.count

    def check(self):
        cdef const char *what = wheel_check(self.w)
        assert what == NULL, what

    @property
    def used(self):
        return self.h.used

    def add(self, bytes name, int64_t deadline):
        cdef entry *e = entry_new(&self.h, as_view(name), 0, TIMED)
        entry_timer(e).deadline = deadline
        assert wheel_add(self.w, entry_timer(e))
        self.entries[name] = <size_t>e

    def cancel(self, bytes name):
        cdef entry *e = <entry *><size_t>self.entries.pop(name)
        wheel_cancel(self.w, entry_timer(e))
        entry_free(&self.h, e)

    def due(self, int64_t now, int budget=1000000):
        """Returns the timers taken out, in order, until none is due or the budget is spent."""
        cdef timer *t
        cdef int left = budget
        out = []
        while True:
            t = wheel_due(self.w, now, &left)
            if t == NULL:
                return out
            name = as_bytes(entry_key(timer_entry(t)))
            out.append((name, t.deadline))
            entry_free(&self.h, timer_entry(t))
            del self.entries[name]

    def next(self):
        return wheel_next(self.w)

    def sample(self, size_t n):
        cdef timer *out[64]
        cdef size_t got = wheel_sample(self.w, &self.r, out, min(n, 64))
        return [as_bytes(entry_key(timer_entry(out[i]))) for i in range(got)]

    def soonest(self, size_t n):
        cdef timer *out[64]
        cdef size_t got = wheel_soonest(self.w, out, min(n, 64))
        return [as_bytes(entry_key(timer_entry(out[i]))) for i in range(got)]

    def delete(self):
        wheel_delete(self.w)
        self.w = NULL


# ---- regular expressions ----------------------------------------------------------------------------

def matches(bytes pattern, bytes text, bint nocase=False, int most=REGEX_MOST):
    """Whether the pattern matches somewhere in the text, or what is wrong with it. Copies on the heap let the sanitizer detect reads beyond their ends."""
    cdef regex r
    cdef char *p = <char *>malloc(max(len(pattern), 1))
    cdef char *t = <char *>malloc(max(len(text), 1))
    cdef const char *wrong
    memcpy(p, <const char *>pattern, len(pattern))
    memcpy(t, <const char *>text, len(text))
    wrong = regex_compile(&r, view_of(p, len(pattern)), nocase, most)
    try:
        return (<bytes>wrong).decode() if wrong != NULL else regex_match(&r, view_of(t, len(text)))
    finally:
        regex_free(&r)
        free(p)
        free(t)
