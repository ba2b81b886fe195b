"""A snapshot: the data set of one instant as an RDB file, taken in slices while writes go on. Without fork.

    snapshot_new            the instant
    snapshot_some ...       a slice; the caller takes the bytes from `out` and releases the lock in between
    snapshot_delete

The walk visits each database's table in the order of table_range; `at` is its frontier. A key behind the frontier is
written. A key ahead of it that is about to change is written first (`opens`), and marked (SEEN), so that the walk
passes over it; so is a key that comes into being there (keyspace.pyx). The walk removes the marks as it passes: when it ends,
there are none. Nothing is copied or kept but those keys' bytes in `out`.

A large value is written in slices. If it is opened meanwhile, the rest is written at once. Keys that are opened while a
value is half written wait in `aside`.

As commands (aof-use-rdb-preamble no) a value is written in commands of up to 64 elements (types/rewrite.pyx), and slices end between
two of them; all else is as above.

A database that is flushed is taken over and written from here; one that is swapped keeps its place under its new number.

Source of the order: the cursor of SCAN, which Pieter Noordhuis devised for tables of power-of-two size.
"""

from libc.stdlib cimport calloc, free

from kvd.core.buf cimport buf_add, buf_printf, buf_release
from kvd.core.clock cimport wall_ms
from kvd.core.entry cimport SEEN, entry, entry_deadline, entry_key
from kvd.core.table cimport table_hash, table_init, table_order, table_range, table_visit
from kvd.core.text cimport INT_TEXT, format_int
from kvd.core.view cimport view_of, view_str
from kvd.persist.origin cimport origin, origin_ask
from kvd.persist.rdb.forms cimport (
    RDB_AUX, RDB_DATABASE, RDB_DEADLINE_MS, RDB_END, RDB_FREQUENCY, RDB_FUNCTION, RDB_IDLE, RDB_LEAST, RDB_RESIZE,
    RDB_VERSION_VALKEY,
)
from kvd.persist.rdb.lengths cimport put_byte, put_length, put_little, put_string
from kvd.persist.rdb.values cimport value_save_drop, value_save_some, value_save_start
from kvd.resp.writer cimport write_array, write_bulk, write_bulk_int, write_command, write_text
from kvd.run.emulation cimport redis_version
from kvd.store.access cimport access_frequency, access_idle_ms, uses_lfu
from kvd.store.change cimport changes_made, listen, listen_stop
from kvd.store.config cimport (
    OPT_AOF_TIMESTAMP_ENABLED, OPT_DATABASES, OPT_MAXMEMORY_POLICY, OPT_RDBCOMPRESSION, OPT_RDB_VERSION,
    POLICY_ALLKEYS_LRU, POLICY_VOLATILE_LRU, cfg,
)
from kvd.store.keyspace cimport keyspace_bury, keyspace_expires
from kvd.store.store cimport database, store_memory
from kvd.types.rewrite cimport command_sink
from kvd.types.value cimport value_rewrite_drop, value_rewrite_some, value_rewrite_start


cdef enum:
    GROUP = 32                 # entries that are prefetched before they are written
    GATHERED = 640             # of a bucket at once

cdef struct gathering:
    entry *found[GATHERED]
    int n
    bint marked                # some of the bucket are marked
    bint full
    uint64_t from_place        # only those behind are wanted; 0: all

cdef struct command_output:    # of a slice
    buf *out
    size_t limit               # it ends when so much is in out

cdef libraries_visitor each_library = NULL
cdef int ASKED[8]              # the versions, in the order of the choices of rdb-version
ASKED[:] = [0, 9, 10, 11, 12, 13, 14, RDB_VERSION_VALKEY]


cdef void snapshot_libraries(libraries_visitor f) noexcept:
    global each_library
    each_library = f


cdef int snapshot_asked(store *s) noexcept nogil:
    return ASKED[cfg(&s.config, OPT_RDB_VERSION)]


cdef void refuse(snapshot *w, const char *what) noexcept nogil:
    w.unfit = what
    snapshot_give_up(w)


# ---- records -----------------------------------------------------------------------------------------

cdef void put_aux(writer *to, const char *name, view value) noexcept nogil:
    put_byte(to.out, RDB_AUX)
    put_string(to, view_str(name))
    put_string(to, value)


cdef void put_aux_int(writer *to, const char *name, int64_t n) noexcept nogil:
    cdef char text[INT_TEXT]
    put_aux(to, name, view_of(text, format_int(text, n)))


cdef void put_library(void *to, view code) noexcept nogil:
    put_byte((<writer *>to).out, RDB_FUNCTION)
    put_string(<writer *>to, code)


cdef void snapshot_put_libraries(store *s, writer *to) noexcept nogil:
    if each_library != NULL:
        each_library(s, put_library, to)


cdef void put_origin(snapshot *w, writer *to) noexcept nogil:
    cdef origin o
    origin_ask(w.s, &o)
    if o.id[0]:
        put_aux_int(to, b"repl-stream-db", o.db)
        put_aux(to, b"repl-id", view_str(o.id))
        put_aux_int(to, b"repl-offset", o.offset)


cdef void put_head(snapshot *w, bint is_base) noexcept nogil:
    cdef writer to
    cdef size_t begin
    to.out = &w.out
    to.compresses = w.compresses
    buf_add(&w.out, b"REDIS0010", 9)           # the version is corrected at the end (file.pyx)
    put_aux(&to, b"redis-ver", view_str(redis_version(w.s)))
    put_aux_int(&to, b"redis-bits", 64)
    put_aux_int(&to, b"ctime", wall_ms() // 1000)
    put_aux_int(&to, b"used-mem", <int64_t>store_memory(w.s))
    if not is_base:
        put_origin(w, &to)             # a log goes on after it
    put_aux_int(&to, b"aof-base", is_base)
    begin = w.libraries_at = w.out.len
    snapshot_put_libraries(w.s, &to)
    if w.version < 10 and w.out.len != begin:
        refuse(w, b"function libraries, which need version 10")


cdef void select_database(snapshot *w, buf *out, int db) noexcept nogil:
    if w.selected == db:
        return
    if w.commands:
        write_array(out, 2)
        write_text(out, b"SELECT")
        write_bulk_int(out, db)
    else:
        put_byte(out, RDB_DATABASE)
        put_length(out, db)
    w.selected = db


cdef void put_access(store *s, buf *out, entry *e) noexcept nogil:
    cdef int64_t policy = cfg(&s.config, OPT_MAXMEMORY_POLICY)
    if uses_lfu(s):
        put_byte(out, RDB_FREQUENCY)
        put_byte(out, access_frequency(s, e))
    elif policy == POLICY_ALLKEYS_LRU or policy == POLICY_VOLATILE_LRU:
        put_byte(out, RDB_IDLE)
        put_length(out, access_idle_ms(s, e) // 1000)


cdef bint put_entry(snapshot *w, saving *v, rewrite_walk *r, buf *out, int db, entry *e, size_t bytes) noexcept nogil:
    """v, r: the walk through the value, one of them is used. False: it is longer than `bytes`, and continues."""
    select_database(w, out, db)
    if w.commands:
        w.keys += 1
        value_rewrite_start(r, e)
        return put_commands(r, out, bytes)
    if entry_deadline(e) >= 0:
        put_byte(out, RDB_DEADLINE_MS)
        put_little(out, <uint64_t>entry_deadline(e), 8)
    put_access(w.s, out, e)
    w.keys += 1
    value_save_start(v, w.s, out, e, True, w.compresses, w.asked)
    v.lenient = w.lenient
    if not value_save_some(v, bytes):
        return False
    w.version = max(w.version, v.version)
    if v.unfit != NULL:
        refuse(w, v.unfit)
    return True


# ---- commands ----------------------------------------------------------------------------------------

cdef bint print_command(command_sink *to, int argc, view *argv) noexcept nogil:
    cdef command_output *output = <command_output *>to.context
    write_command(output.out, argc, argv)
    to.full = output.out.len >= output.limit
    return not output.out.failed


cdef bint put_commands(rewrite_walk *r, buf *out, size_t bytes) noexcept nogil:
    """A slice of about so many bytes; True: the value is whole."""
    cdef command_sink to
    cdef command_output output
    output.out = out
    output.limit = out.len + bytes if bytes < <size_t>-1 - out.len else <size_t>-1
    to.take = print_command
    to.context = &output
    if not value_rewrite_some(r, &to):
        return False
    out.failed = out.failed or r.failed
    return True


cdef void load_library(void *to, view code) noexcept nogil:
    write_array(<buf *>to, 3)
    write_text(<buf *>to, b"FUNCTION")
    write_text(<buf *>to, b"LOAD")
    write_bulk(<buf *>to, code)


cdef void put_libraries(snapshot *w) noexcept nogil:
    if each_library != NULL:
        each_library(w.s, load_library, &w.out)


# ---- what happens meanwhile --------------------------------------------------------------------------

cdef entry *half_written(snapshot *w) noexcept nogil:
    """The key whose value is; NULL: none."""
    if not w.inside:
        return NULL
    return w.rewrite.e if w.commands else w.value.e


cdef bint continue_value(snapshot *w, size_t bytes) noexcept nogil:
    """True: it is whole."""
    return put_commands(&w.rewrite, &w.out, bytes) if w.commands else value_save_some(&w.value, bytes)


cdef void value_is_whole(snapshot *w) noexcept nogil:
    half_written(w).flags |= SEEN
    w.inside = False
    if not w.commands:
        w.version = max(w.version, w.value.version)
    buf_add(&w.out, w.aside.ptr, w.aside.len)
    w.failed = w.failed or w.aside.failed
    buf_release(&w.aside)


cdef void opens(store *s, database *db, entry *e, uint64_t hash) noexcept nogil:
    cdef snapshot *w = snapshot_of(s)
    cdef place *p = &w.places[db.id]
    cdef saving v
    cdef rewrite_walk r
    if w.muted or p.done or table_order(hash) < p.at:
        return
    s.ahead = True
    if e == NULL or e.flags & SEEN:
        return
    if half_written(w) == e:
        continue_value(w, <size_t>-1)
        value_is_whole(w)
        return
    put_entry(w, &v, &r, &w.aside if w.inside else &w.out, p.db, e, <size_t>-1)
    e.flags |= SEEN


cdef void swap_places(snapshot *w, int a, int b) noexcept nogil:
    cdef place p = w.places[a]
    w.places[a] = w.places[b]
    w.places[b] = p
    w.places[a].keys = &w.s.dbs[a].keys
    w.places[b].keys = &w.s.dbs[b].keys


cdef void replaces(store *s, database *db, database *other) noexcept nogil:
    cdef snapshot *w = snapshot_of(s)
    cdef place *p = &w.places[db.id]
    cdef place *taken
    if other != NULL and other.id != db.id:    # SWAPDB, which calls it for both; else a data set that was loaded
        if db.id < other.id:
            swap_places(w, db.id, other.id)
        return
    if p.done or w.muted or db.keys.items == 0:
        p.done = p.done or not w.muted
        return
    taken = <place *>calloc(1, sizeof(place))
    if taken == NULL:
        w.failed = True
        snapshot_give_up(w)
        return
    taken[0] = p[0]
    taken.flushed = db.keys
    taken.keys = &taken.flushed
    taken.next = w.flushed
    w.flushed = taken
    table_init(&db.keys, &s.mem)
    p.done = True


# ---- the walk ----------------------------------------------------------------------------------------

cdef void gather(entry *e, void *context) noexcept nogil:
    cdef gathering *g = <gathering *>context
    if e.flags & SEEN:
        g.marked = True
    elif g.from_place and table_order(table_hash(entry_key(e))) < g.from_place:
        return
    elif g.n == GATHERED:
        g.full = True
    else:
        g.found[g.n] = e
        g.n += 1


cdef void unmark(entry *e, void *context) noexcept nogil:
    e.flags &= ~SEEN


cdef uint64_t gather_group(place *p, gathering *g) noexcept nogil:
    """The entries of the next buckets; returns where they end, 0: at the end of the table."""
    cdef uint64_t begin
    cdef uint64_t end = p.at
    cdef size_t bucket
    g.n = 0
    g.marked = g.full = False
    while True:
        bucket = table_range(p.keys, end, &begin, &end)
        g.from_place = p.at if begin < p.at else 0
        table_visit(p.keys, bucket, gather, g)
        if end == 0 or g.n >= GROUP or g.full:
            return end


cdef void unmark_group(place *p, uint64_t upto) noexcept nogil:
    cdef uint64_t begin
    cdef uint64_t end = p.at
    while True:
        table_visit(p.keys, table_range(p.keys, end, &begin, &end), unmark, NULL)
        if end == upto or end == 0:
            return


cdef void advance(snapshot *w, place *p, uint64_t end) noexcept nogil:
    p.at = end
    if end == 0:
        p.done = True
        if p.keys == &p.flushed:
            keyspace_bury(w.s, &p.flushed)


cdef void mark_written(gathering *g, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        g.found[i].flags |= SEEN


cdef void write_group(snapshot *w, place *p, size_t limit) noexcept nogil:
    """Ends early within a large value or after large ones, with marks on what is written of the group."""
    cdef gathering g
    cdef uint64_t end = gather_group(p, &g)
    cdef int i
    for i in range(g.n):
        if not put_entry(w, &w.value, &w.rewrite, &w.out, p.db, g.found[i], limit - w.out.len if w.out.len < limit else 1):
            w.inside = True
            mark_written(&g, i)
            return
        if w.commands and w.out.len >= limit:
            mark_written(&g, i + 1)
            return
        if w.muted:
            return
    if g.full:
        mark_written(&g, g.n)
        return
    if g.marked:
        unmark_group(p, end)
    advance(w, p, end)


cdef place *next_place(snapshot *w) noexcept nogil:
    cdef int i
    cdef place *p
    while w.flushed != NULL and w.flushed.done:
        p = w.flushed
        w.flushed = p.next
        free(p)
    if w.flushed != NULL:
        return w.flushed
    for i in range(w.databases):
        if not w.places[i].done:
            return &w.places[i]
    return NULL


cdef void begin_place(snapshot *w, place *p) noexcept nogil:
    p.begun = True
    if p.keys == &p.flushed or w.muted:
        return
    if w.commands:
        return
    select_database(w, &w.out, p.db)
    put_byte(&w.out, RDB_RESIZE)
    put_length(&w.out, p.keys.items)
    put_length(&w.out, keyspace_expires(&w.s.dbs[p - w.places]))


cdef void finish(snapshot *w) noexcept nogil:
    listen_stop(w.s, &w.listener)
    w.s.parts[<int>PART_SNAPSHOT] = NULL
    if not w.muted and not w.commands:
        put_byte(&w.out, RDB_END)
    w.failed = w.failed or w.out.failed
    w.finished = True


cdef void unmark_some(snapshot *w, place *p, size_t bytes) noexcept nogil:
    """A slice of the walk of a snapshot that is given up."""
    cdef uint64_t begin
    cdef uint64_t end
    while bytes >= 64 and not p.done:
        table_visit(p.keys, table_range(p.keys, p.at, &begin, &end), unmark, NULL)
        advance(w, p, end)
        bytes -= 64


cdef bint snapshot_some(snapshot *w, size_t bytes) noexcept nogil:
    cdef size_t limit = w.out.len + bytes if bytes < <size_t>-1 - w.out.len else <size_t>-1
    cdef place *p
    while not w.finished:
        if w.out.failed and not w.muted:
            snapshot_give_up(w)
        if w.inside:
            if not continue_value(w, limit - w.out.len):
                return False
            value_is_whole(w)
        p = next_place(w)
        if p == NULL:
            finish(w)
            return True
        if p.keys.items == 0:
            advance(w, p, 0)
        elif w.muted:
            unmark_some(w, p, bytes)
            return False
        else:
            if not p.begun:
                begin_place(w, p)
            write_group(w, p, limit)
        if w.out.len >= limit:
            return False
    return True


cdef void snapshot_hurry(store *s) noexcept nogil:
    while snapshot_of(s) != NULL and not snapshot_some(snapshot_of(s), <size_t>-1):
        pass


# ---- begin and end -----------------------------------------------------------------------------------

cdef snapshot *start(store *s, int asked) noexcept nogil:
    cdef snapshot *w = <snapshot *>calloc(1, sizeof(snapshot)) if snapshot_of(s) == NULL else NULL
    cdef int i
    if w == NULL:
        return NULL
    w.s = s
    w.databases = <int>cfg(&s.config, OPT_DATABASES)
    w.places = <place *>calloc(w.databases, sizeof(place))
    if w.places == NULL:
        free(w)
        return NULL
    for i in range(w.databases):
        w.places[i].keys = &s.dbs[i].keys
        w.places[i].db = i
        w.places[i].done = s.dbs[i].keys.items == 0
        w.total += s.dbs[i].keys.items
    w.selected = -1
    w.compresses = cfg(&s.config, OPT_RDBCOMPRESSION)
    w.asked = asked
    w.version = asked if asked else RDB_LEAST
    w.begun_ms = wall_ms()
    w.changes = changes_made(s)
    s.parts[<int>PART_SNAPSHOT] = w
    w.listener.opens = opens
    w.listener.replaces = replaces
    listen(s, &w.listener)
    return w


cdef snapshot *snapshot_new(store *s, bint is_base, int asked) noexcept nogil:
    cdef snapshot *w = start(s, asked)
    if w != NULL:
        put_head(w, is_base)
    return w


cdef snapshot *snapshot_new_commands(store *s) noexcept nogil:
    cdef snapshot *w = start(s, 0)
    if w != NULL:
        w.commands = True
        if cfg(&s.config, OPT_AOF_TIMESTAMP_ENABLED):
            buf_printf(&w.out, b"#TS:%lld\r\n", <long long>(w.begun_ms // 1000))
        put_libraries(w)
    return w


cdef void snapshot_filter(snapshot *w, bint libraries) noexcept nogil:
    cdef int i
    for i in range(w.databases):
        w.places[i].done = True
    if not libraries:
        w.out.len = w.libraries_at


cdef void snapshot_give_up(snapshot *w) noexcept nogil:
    if w.finished:
        w.failed = True
        return
    w.muted = True
    if w.inside and w.commands:
        value_rewrite_drop(&w.rewrite)
    elif w.inside:
        value_save_drop(&w.value)
    w.inside = False
    buf_release(&w.out)
    buf_release(&w.aside)


cdef void snapshot_delete(snapshot *w) noexcept nogil:
    cdef place *p
    while w.flushed != NULL:
        p = w.flushed
        w.flushed = p.next
        free(p)
    buf_release(&w.out)
    buf_release(&w.aside)
    free(w.places)
    free(w)


cdef void snapshot_abandon(snapshot *w) noexcept nogil:
    snapshot_give_up(w)
    while not snapshot_some(w, <size_t>-1):
        pass
    snapshot_delete(w)
