"""Changes of a store, for tests: effects as they are propagated, and pre-images as a snapshot would take them."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.entry cimport entry, entry_deadline, entry_key
from kvd.core.table cimport table_cursor, table_hash, table_next
from kvd.core.view cimport view
from kvd.doors.store cimport Store
from kvd.persist.rdb.values cimport value_save
from kvd.store.change cimport consume, consume_stop, listen, listen_stop
from kvd.store.config cimport OPT_DATABASES, cfg
from kvd.store.effects cimport consumer, effect, effect_bytes, effect_next, effects
from kvd.store.store cimport database, listener, store

import hiredis

cdef struct recording:
    consumer consumer          # first: take gets a pointer to it
    buf units                  # for each unit: the number of its effects, then each one's database, targets, length and words

cdef struct opening:
    listener listener          # first, as well
    buf keys                   # for each: database, hash, length of the encoded value (-1: there was none) and that


cdef void put(buf *b, int64_t n) noexcept nogil:
    buf_add(b, &n, sizeof(n))


cdef void take(consumer *self, effects *unit) noexcept nogil:
    cdef recording *r = <recording *>self
    cdef effect *e = effect_next(unit, NULL)
    cdef view v
    put(&r.units, unit.count)
    while e != NULL:
        v = effect_bytes(e)
        put(&r.units, e.db)
        put(&r.units, e.targets)
        put(&r.units, v.len)
        buf_add(&r.units, v.ptr, v.len)
        e = effect_next(unit, e)


cdef int64_t number(bytes data, size_t at):
    return int.from_bytes(data[at:at + 8], "little", signed=True)


cdef class Recorder:
    """Takes the effects of a store. `units()` returns those since the last call: lists of (database, targets, words)."""

    cdef Store owner
    cdef recording *r

    def __init__(self, Store owner not None):
        self.owner = owner
        self.r = <recording *>calloc(1, sizeof(recording))
        self.r.consumer.take = take
        consume(owner.s, &self.r.consumer)

    def units(self):
        cdef bytes data = self.r.units.ptr[:self.r.units.len] if self.r.units.len else b""
        self.r.units.len = 0
        found, at = [], 0
        while at < len(data):
            count, at = number(data, at), at + 8
            unit = []
            for _ in range(count):
                db, at = number(data, at), at + 8
                targets, at = number(data, at), at + 8
                length, at = number(data, at), at + 8
                reader = hiredis.Reader()
                reader.feed(data[at:at + length])
                unit.append((db, targets, reader.gets()))
                at += length
            found.append(unit)
        return found

    def __dealloc__(self):
        if self.r != NULL:
            consume_stop(self.owner.s, &self.r.consumer)
            buf_release(&self.r.units)
            free(self.r)


cdef void opened(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    cdef listener *l = s.listeners
    cdef opening *o
    cdef buf value
    while l.opens != opened:
        l = l.next
    o = <opening *>l
    put(&o.keys, db.id)
    put(&o.keys, <int64_t>hash)
    memset(&value, 0, sizeof(buf))
    if e != NULL:
        value_save(s, &value, e, True)
    put(&o.keys, <int64_t>value.len if e != NULL else -1)
    buf_add(&o.keys, value.ptr, value.len)
    buf_release(&value)


cdef class Openings:
    """Records keys before they change. `seen()` returns those since the last call: (database, hash, encoded value or None)."""

    cdef Store owner
    cdef opening *o

    def __init__(self, Store owner not None):
        self.owner = owner
        self.o = <opening *>calloc(1, sizeof(opening))
        self.o.listener.opens = opened
        listen(owner.s, &self.o.listener)

    def seen(self):
        cdef bytes data = self.o.keys.ptr[:self.o.keys.len] if self.o.keys.len else b""
        self.o.keys.len = 0
        found, at = [], 0
        while at < len(data):
            db, at = number(data, at), at + 8
            hash, at = number(data, at), at + 8
            length, at = number(data, at), at + 8
            found.append((db, hash, data[at:at + length] if length >= 0 else None))
            at += max(length, 0)
        return found

    def values(self):
        """All keys as they are: {(database, hash): encoded value}."""
        cdef table_cursor at
        cdef entry *e
        cdef buf value
        cdef int i
        found = {}
        for i in range(cfg(&self.owner.s.config, OPT_DATABASES)):
            memset(&at, 0, sizeof(at))
            while True:
                e = table_next(&self.owner.s.dbs[i].keys, &at)
                if e == NULL:
                    break
                memset(&value, 0, sizeof(buf))
                value_save(self.owner.s, &value, e, True)
                found[i, <int64_t>table_hash(entry_key(e))] = value.ptr[:value.len], entry_deadline(e)
                buf_release(&value)
        return found

    def __dealloc__(self):
        if self.o != NULL:
            listen_stop(self.owner.s, &self.o.listener)
            buf_release(&self.o.keys)
            free(self.o)
