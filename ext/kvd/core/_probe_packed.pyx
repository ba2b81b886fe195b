"""Test probes: the packed and ordered structures as Python classes, each on a heap of its own."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from kvd.core._probe_views cimport as_bytes, as_view
from kvd.core.crc64 cimport crc64
from kvd.core.entry cimport entry, entry_free, entry_key, entry_new
from kvd.core.geohash cimport (
    GEO_AREAS, geo_cover, geo_decode, geo_distance, geo_encode, geo_range, geo_shape, geo_text, geo_within,
)
from kvd.core.hll cimport (
    HLL_DENSE, HLL_REGISTERS, hll, hll_add, hll_estimate, hll_init, hll_is_dense, hll_merge, hll_to_dense,
)
from kvd.core.idmap cimport (
    id_of, idmap, idmap_bytes, idmap_check, idmap_find, idmap_init, idmap_insert, idmap_move, idmap_next, idmap_prev,
    idmap_release, idmap_remove, idmap_seek, idmap_seek_last, idpos, stream_id,
)
from kvd.core.intset cimport (
    intset_add, intset_at, intset_bytes, intset_check, intset_count, intset_free, intset_has, intset_new,
    intset_remove,
)
from kvd.core.listpack cimport (
    lp_append, lp_append_int, lp_bytes, lp_check, lp_copy, lp_count, lp_delete, lp_equal, lp_find, lp_first, lp_free,
    lp_get, lp_get_int, lp_insert, lp_join, lp_last, lp_new, lp_next, lp_prev, lp_replace, lp_replace_int, lp_seek,
    lp_settle,
)
from kvd.core.lzf cimport lzf_compress, lzf_decompress
from kvd.core.mem cimport heap, heap_destroy, heap_init, mem_alloc, mem_free
from kvd.core.quicklist cimport (
    quicklist, quicklist_bytes, quicklist_check, quicklist_cut, quicklist_free, quicklist_insert, quicklist_new,
    quicklist_next, quicklist_prev, quicklist_push, quicklist_remove, quicklist_replace, quicklist_seek,
    quicklist_settle, quickpos,
)
from kvd.core.ranked cimport (
    place, place_next, place_prev, ranked, ranked_at, ranked_before, ranked_below, ranked_bytes, ranked_check,
    ranked_free_some, ranked_init, ranked_insert, ranked_lex_below, ranked_remove,
)
from kvd.core.view cimport view


cdef object verdict(const char *what):
    assert what == NULL, what


def crc(bytes data, uint64_t start=0):
    return crc64(start, <const char *>data, len(data))


# ---- lzf --------------------------------------------------------------------------------------------

def compress(bytes data, size_t room):
    """The compressed bytes, or None if they do not fit."""
    cdef uint8_t *out = <uint8_t *>malloc(room + 1)
    cdef size_t n = lzf_compress(<const uint8_t *><const char *>data, len(data), out, room)
    try:
        return (<char *>out)[:n] if n else None
    finally:
        free(out)


def decompress(bytes data, size_t size):
    """The bytes, or None if the data is broken. A copy on the heap lets the sanitizer detect reads beyond its end."""
    cdef uint8_t *source = <uint8_t *>malloc(max(len(data), 1))
    cdef uint8_t *out = <uint8_t *>malloc(max(size, 1))
    memcpy(source, <const char *>data, len(data))
    try:
        return (<char *>out)[:size] if lzf_decompress(source, len(data), out, size) else None
    finally:
        free(source)
        free(out)


# ---- listpack ---------------------------------------------------------------------------------------

def listpack_is_sound(bytes data):
    """What lp_check reports for bytes from outside; those that pass are walked both ways."""
    cdef uint8_t *copy = <uint8_t *>malloc(max(len(data), 1))
    cdef uint8_t *p
    cdef char scratch[24]
    memcpy(copy, <const char *>data, len(data))
    try:
        if lp_check(copy, len(data)) != NULL:
            return None
        found = []
        p = lp_first(copy)
        while p != NULL:
            found.append(as_bytes(lp_get(p, scratch)))
            p = lp_next(p)
        p = lp_last(copy)
        back = []
        while p != NULL:
            back.append(as_bytes(lp_get(p, scratch)))
            p = lp_prev(copy, p)
        assert back[::-1] == found
        return found
    finally:
        free(copy)


cdef class Listpack:
    cdef heap h
    cdef uint8_t *lp

    def __cinit__(self):
        heap_init(&self.h)
        self.lp = lp_new(&self.h)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def __len__(self):
        return lp_count(self.lp)

    @property
    def raw(self):
        return (<char *>self.lp)[:lp_bytes(self.lp)]

    def items(self):
        return listpack_is_sound(self.raw)

    def append(self, bytes v):
        assert lp_append(&self.h, &self.lp, as_view(v))

    def append_int(self, int64_t n):
        assert lp_append_int(&self.h, &self.lp, n)

    def insert(self, int64_t index, bytes v):
        assert lp_insert(&self.h, &self.lp, lp_seek(self.lp, index), as_view(v))

    def replace(self, int64_t index, bytes v):
        assert lp_replace(&self.h, &self.lp, lp_seek(self.lp, index), as_view(v))

    def replace_int(self, int64_t index, int64_t n):
        assert lp_replace_int(&self.h, &self.lp, lp_seek(self.lp, index), n)

    def delete(self, int64_t index, size_t n):
        """Returns the element that follows them now."""
        cdef char scratch[24]
        cdef uint8_t *p = lp_delete(&self.h, &self.lp, lp_seek(self.lp, index), n)
        return None if p == NULL else as_bytes(lp_get(p, scratch))

    def get(self, int64_t index):
        cdef char scratch[24]
        cdef uint8_t *p = lp_seek(self.lp, index)
        return None if p == NULL else as_bytes(lp_get(p, scratch))

    def get_int(self, int64_t index):
        cdef int64_t n
        return n if lp_get_int(lp_seek(self.lp, index), &n) else None

    def find(self, bytes v, int skip):
        """Its text there, to be compared; None: not found."""
        cdef char scratch[24]
        cdef uint8_t *p = lp_find(self.lp, lp_first(self.lp), as_view(v), skip)
        if p == NULL:
            return None
        assert lp_equal(p, as_view(v))
        return as_bytes(lp_get(p, scratch))

    def settle(self):
        lp_settle(&self.h, &self.lp)

    def join(self, Listpack other):
        assert lp_join(&self.h, &self.lp, other.lp)

    def check(self):
        verdict(lp_check(self.lp, lp_bytes(self.lp)))
        copy = lp_copy(&self.h, self.lp)
        assert (<char *>copy)[:lp_bytes(copy)] == self.raw
        lp_free(&self.h, copy)

    def release(self):
        """Returns the bytes still in use after the release."""
        lp_free(&self.h, self.lp)
        self.lp = NULL
        return self.h.used


# ---- intset -----------------------------------------------------------------------------------------

def intset_is_sound(bytes data):
    cdef uint8_t *copy = <uint8_t *>malloc(max(len(data), 1))
    memcpy(copy, <const char *>data, len(data))
    try:
        if intset_check(copy, len(data)) != NULL:
            return None
        return [intset_at(copy, i) for i in range(intset_count(copy))]
    finally:
        free(copy)


cdef class Intset:
    cdef heap h
    cdef uint8_t *s

    def __cinit__(self):
        heap_init(&self.h)
        self.s = intset_new(&self.h)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def add(self, int64_t n):
        return intset_add(&self.h, &self.s, n)

    def remove(self, int64_t n):
        return intset_remove(&self.h, &self.s, n)

    def has(self, int64_t n):
        return intset_has(self.s, n)

    @property
    def raw(self):
        return (<char *>self.s)[:intset_bytes(self.s)]

    def items(self):
        return [intset_at(self.s, i) for i in range(intset_count(self.s))]

    def check(self):
        verdict(intset_check(self.s, intset_bytes(self.s)))

    def release(self):
        intset_free(&self.h, self.s)
        return self.h.used


# ---- quicklist --------------------------------------------------------------------------------------

cdef class Quicklist:
    cdef heap h
    cdef quicklist *q

    def __cinit__(self, int64_t fill=-2, int64_t depth=0):
        heap_init(&self.h)
        self.q = quicklist_new(&self.h, fill, depth)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def __len__(self):
        return self.q.count

    @property
    def nodes(self):
        return self.q.nodes

    @property
    def bytes(self):
        return quicklist_bytes(self.q)

    def push(self, bytes v, bint front):
        assert quicklist_push(self.q, as_view(v), front)
        quicklist_settle(self.q)

    cdef bint seek(self, int64_t index, quickpos *at):
        return quicklist_seek(self.q, index, at)

    def get(self, int64_t index):
        cdef quickpos at
        cdef char scratch[24]
        found = as_bytes(lp_get(at.p, scratch)) if self.seek(index, &at) else None
        quicklist_settle(self.q)
        return found

    def items(self, bint backwards=False):
        cdef quickpos at
        cdef char scratch[24]
        cdef bint more = self.seek(-1 if backwards else 0, &at)
        found = []
        while more:
            found.append(as_bytes(lp_get(at.p, scratch)))
            more = quicklist_prev(self.q, &at) if backwards else quicklist_next(self.q, &at)
        quicklist_settle(self.q)
        return found

    def insert(self, int64_t index, bytes v, bint after):
        cdef quickpos at
        assert self.seek(index, &at)
        assert quicklist_insert(self.q, &at, as_view(v), after)
        quicklist_settle(self.q)

    def replace(self, int64_t index, bytes v):
        cdef quickpos at
        assert self.seek(index, &at)
        assert quicklist_replace(self.q, &at, as_view(v))
        quicklist_settle(self.q)

    def remove(self, int64_t index):
        """Returns the element that follows it now, or None."""
        cdef quickpos at
        cdef char scratch[24]
        assert self.seek(index, &at)
        found = as_bytes(lp_get(at.p, scratch)) if quicklist_remove(self.q, &at) else None
        quicklist_settle(self.q)
        return found

    def cut(self, int64_t start, size_t n):
        quicklist_cut(self.q, start, n)
        quicklist_settle(self.q)

    def check(self):
        verdict(quicklist_check(self.q))

    def release(self):
        quicklist_free(self.q)
        return self.h.used


# ---- ranked -----------------------------------------------------------------------------------------

cdef class Ranked:
    """Names with scores; owns the entries that the tree borrows."""
    cdef heap h
    cdef ranked t
    cdef dict entries

    def __cinit__(self):
        heap_init(&self.h)
        ranked_init(&self.t, &self.h)
        self.entries = {}

    def __dealloc__(self):
        heap_destroy(&self.h)

    def __len__(self):
        return self.t.count

    def insert(self, double score, bytes name):
        cdef entry *e = entry_new(&self.h, as_view(name), 0, 0)
        assert ranked_insert(&self.t, score, e)
        self.entries[name] = (<size_t>e, score)

    def remove(self, bytes name):
        cdef entry *e
        address, score = self.entries.pop(name)
        e = <entry *><size_t>address
        assert ranked_remove(&self.t, score, e)
        assert not ranked_remove(&self.t, score, e)
        entry_free(&self.h, e)

    def before(self, double score, bytes name):
        return ranked_before(&self.t, score, as_view(name))

    def below(self, double score, bint equal):
        return ranked_below(&self.t, score, equal)

    def lex_below(self, bytes name, bint equal):
        return ranked_lex_below(&self.t, as_view(name), equal)

    def at(self, size_t rank):
        cdef place p
        if not ranked_at(&self.t, rank, &p):
            return None
        return p.at.score[p.i], as_bytes(entry_key(p.at.item[p.i]))

    def items(self, bint backwards=False):
        cdef place p
        cdef bint more = self.t.count > 0 and ranked_at(&self.t, self.t.count - 1 if backwards else 0, &p)
        found = []
        while more:
            found.append((p.at.score[p.i], as_bytes(entry_key(p.at.item[p.i]))))
            more = place_prev(&p) if backwards else place_next(&p)
        return found

    @property
    def bytes(self):
        return ranked_bytes(&self.t)

    def check(self):
        verdict(ranked_check(&self.t))

    def release(self):
        while ranked_free_some(&self.t):
            pass
        for address, _ in self.entries.values():
            entry_free(&self.h, <entry *><size_t>address)
        return self.h.used


# ---- idmap ------------------------------------------------------------------------------------------

cdef struct item:
    stream_id id
    uint64_t payload


cdef class IdMap:
    cdef heap h
    cdef idmap m

    def __cinit__(self):
        heap_init(&self.h)
        idmap_init(&self.m, &self.h)

    def __dealloc__(self):
        heap_destroy(&self.h)

    def __len__(self):
        return self.m.count

    def insert(self, uint64_t ms, uint64_t seq):
        cdef item *i = <item *>mem_alloc(&self.h, sizeof(item))
        i.id = id_of(ms, seq)
        i.payload = ms ^ seq
        assert idmap_insert(&self.m, i)

    def find(self, uint64_t ms, uint64_t seq):
        return idmap_find(&self.m, id_of(ms, seq)) != NULL

    def remove(self, uint64_t ms, uint64_t seq):
        cdef item *i = <item *>idmap_remove(&self.m, id_of(ms, seq))
        if i == NULL:
            return False
        assert i.payload == ms ^ seq
        mem_free(&self.h, i, sizeof(item))
        return True

    def move(self, uint64_t ms, uint64_t seq, uint64_t new_ms, uint64_t new_seq):
        cdef item *i = <item *>idmap_find(&self.m, id_of(ms, seq))
        assert idmap_move(&self.m, i, id_of(new_ms, new_seq))
        i.payload = new_ms ^ new_seq

    def since(self, uint64_t ms, uint64_t seq):
        cdef idpos at
        cdef item *i = <item *>idmap_seek(&self.m, id_of(ms, seq), &at)
        found = []
        while i != NULL:
            found.append((i.id.ms, i.id.seq))
            i = <item *>idmap_next(&self.m, &at)
        return found

    def until(self, uint64_t ms, uint64_t seq):
        """Backwards."""
        cdef idpos at
        cdef item *i = <item *>idmap_seek_last(&self.m, id_of(ms, seq), &at)
        found = []
        while i != NULL:
            found.append((i.id.ms, i.id.seq))
            i = <item *>idmap_prev(&self.m, &at)
        return found

    @property
    def bytes(self):
        return idmap_bytes(&self.m)

    def check(self):
        verdict(idmap_check(&self.m))

    def release(self):
        idmap_release(&self.m)


# ---- hyperloglog ------------------------------------------------------------------------------------

cdef class Hll:
    cdef hll x
    cdef size_t sparse_max

    def __cinit__(self, size_t sparse_max=3000):
        self.x.room = HLL_DENSE + 64
        self.x.p = <uint8_t *>malloc(self.x.room)
        self.sparse_max = sparse_max
        hll_init(&self.x)

    def __dealloc__(self):
        free(self.x.p)

    def add(self, bytes element):
        return hll_add(&self.x, as_view(element), self.sparse_max)

    def to_dense(self):
        return hll_to_dense(&self.x)

    @property
    def dense(self):
        return hll_is_dense(self.x.p)

    @property
    def size(self):
        return self.x.len

    def registers(self):
        cdef uint8_t found[HLL_REGISTERS]
        cdef view v
        v.ptr = <char *>self.x.p
        v.len = self.x.len
        memset(found, 0, sizeof(found))
        assert hll_merge(v, found)
        return (<char *>found)[:HLL_REGISTERS]

    def estimate(self):
        cdef bytes registers = self.registers()
        return hll_estimate(<const uint8_t *><const char *>registers)


# ---- geohash ----------------------------------------------------------------------------------------

def geohash(double lon, double lat):
    cdef char text[12]
    geo_text(lon, lat, text)
    return geo_encode(lon, lat), text[:11]


def geo_place(uint64_t hash):
    cdef double lon, lat
    geo_decode(hash, &lon, &lat)
    return lon, lat


def distance(double lon1, double lat1, double lon2, double lat2):
    return geo_distance(lon1, lat1, lon2, lat2)


def cover(double lon, double lat, double radius=0, double width=0, double height=0):
    """The ranges that cover a circle, or with width and height a box."""
    cdef geo_shape s
    cdef geo_range out[GEO_AREAS]
    s.lon, s.lat, s.radius, s.width, s.height = lon, lat, radius, width, height
    s.is_box = width > 0
    s.corner_count = 0
    return [(out[i].low, out[i].high) for i in range(geo_cover(&s, out))]


def within(double lon, double lat, double x, double y, double radius=0, double width=0, double height=0):
    cdef geo_shape s
    cdef double d
    s.lon, s.lat, s.radius, s.width, s.height = lon, lat, radius, width, height
    s.is_box = width > 0
    s.corner_count = 0
    return geo_within(&s, x, y, &d)
