"""DEBUG RELOAD and DEBUG LOADAOF: the data set goes through its files while all clients wait.

Unlike in Redis, nothing is lost if that fails: the data set is replaced when all has been read. RELOAD reads into databases of its
own (load.pyx). LOADAOF runs commands, which only the store's databases can take: what they hold is put aside, together with the
function libraries and all who listen to changes, until the log has been read.

To the others the data set is replaced at once. WATCH and tracking see a flush, as in Redis; a command that is
blocked on a key which comes into being is served, which in Redis it is not before the next write.
"""

from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t, uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from kvd.commands.debug cimport debug_subcommand
from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.view cimport view_is, view_of, view_str
from kvd.persist.file cimport ERROR_ROOM, PATH_ROOM, path_join
from kvd.persist.load cimport LOADING_HELD, LOADING_KEEP, LOADING_MERGE, LOADING_PREAMBLE, database_install, load_bytes
from kvd.persist.logfolder cimport journal_load
from kvd.persist.rdb.forms cimport RDB_END
from kvd.persist.rdb.lengths cimport put_byte, put_little, writer
from kvd.persist.rewrite cimport log_is_stale
from kvd.persist.saves cimport is_dumping, saves_now, saves_open
from kvd.persist.snapshot cimport snapshot_hurry, snapshot_put_libraries
from kvd.persist.start cimport dump_load
from kvd.run.args cimport propagate_nothing, reply_error, reply_ok
from kvd.run.call cimport call
from kvd.run.errors cimport LOADING, NO_MEMORY
from kvd.store.change cimport changes_are_saved, changes_made, heard, hush, hush_end, others_changed
from kvd.store.config cimport OPT_DATABASES, OPT_DBFILENAME, OPT_DIR, cfg, config_text
from kvd.store.keyspace cimport keyspace_empty, keyspace_hand
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.store cimport SPECIAL_LOADING, database, special_set, store

cdef void log_anew(call *c) noexcept nogil:
    """The log does not hold what was loaded: a rewrite is due. In a transaction its other commands have to be run first."""
    log_is_stale(c.store, not c.session.executing)


# ---- RELOAD ------------------------------------------------------------------------------------------

cdef struct options:
    uint32_t flags             # of loading
    bint saves


cdef bint read_options(call *c, options *o) noexcept nogil:
    cdef int i
    o.flags = LOADING_HELD | LOADING_PREAMBLE      # what has expired meanwhile is deleted as always: replicas and the log have it too
    o.saves = True
    for i in range(2, c.argc):
        if view_is(c.argv[i], b"merge"):
            o.flags |= LOADING_MERGE
        elif view_is(c.argv[i], b"noflush"):
            o.flags |= LOADING_KEEP
        elif view_is(c.argv[i], b"nosave"):
            o.saves = False
        else:
            return False
    return True


cdef bint load_dump(store *s, uint32_t flags) noexcept nogil:
    cdef char path[PATH_ROOM]
    cdef char error[ERROR_ROOM]
    cdef bint ok
    if not path_join(path, config_text(&s.config, OPT_DIR), view_str(config_text(&s.config, OPT_DBFILENAME))):
        return False
    ok = dump_load(s, path, flags, error)
    log_line(s, LOG_WARNING, <const char *>b"DB reloaded by DEBUG RELOAD" if ok else &error[0])
    return ok


cdef void reload(call *c) noexcept nogil:
    cdef options o
    cdef int64_t changes = changes_made(c.store)
    if c.store.special & SPECIAL_LOADING:
        reply_error(c, LOADING)
    elif not read_options(c, &o):
        reply_error(c, b"ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    elif saves_open(c.store) == NULL:
        reply_error(c, NO_MEMORY)
    elif o.saves and is_dumping(c.store):      # it would replace the file that is to be loaded
        reply_error(c, b"ERR Background save already in progress")
    elif o.saves and not saves_now(c.store):
        reply_error(c, b"ERR")
    elif not load_dump(c.store, o.flags):
        reply_error(c, b"ERR Error trying to load the RDB dump, check server logs.")
    else:
        if not o.saves or o.flags & LOADING_KEEP:
            log_anew(c)
        reply_ok(c)
    others_changed(c.store, changes - changes_made(c.store))       # what was loaded does not count, as in Redis
    propagate_nothing(c)


# ---- LOADAOF -----------------------------------------------------------------------------------------

cdef struct aside:
    database *dbs
    int count
    buf libraries              # a file of them
    heard heard


cdef void print_libraries(store *s, buf *out, bint any) noexcept nogil:
    """An RDB file of the function libraries, or of nothing."""
    cdef writer to
    memset(out, 0, sizeof(buf))
    to.out = out
    to.compresses = False
    buf_add(out, b"REDIS0010", 9)
    if any:
        snapshot_put_libraries(s, &to)
    put_byte(out, RDB_END)
    put_little(out, 0, 8)


cdef bint empty(store *s) noexcept nogil:
    """Of keys, which are aside, and function libraries."""
    cdef buf nothing
    cdef bint ok
    print_libraries(s, &nothing, False)
    ok = not nothing.failed and load_bytes(s, view_of(nothing.ptr, nothing.len))
    buf_release(&nothing)
    return ok


cdef bint put_aside(store *s, aside *a) noexcept nogil:
    cdef int i
    a.count = <int>cfg(&s.config, OPT_DATABASES)
    a.dbs = <database *>calloc(a.count, sizeof(database))
    print_libraries(s, &a.libraries, True)
    if a.dbs == NULL or a.libraries.failed:
        free(a.dbs)
        buf_release(&a.libraries)
        return False
    a.heard = hush(s)
    for i in range(a.count):
        keyspace_hand(s, &a.dbs[i], &s.dbs[i])
    return True


cdef void put_back(store *s, aside *a, bint loaded) noexcept nogil:
    """loaded: what the store holds now replaces it after all."""
    cdef database fresh
    cdef int i
    if not loaded and not load_bytes(s, view_of(a.libraries.ptr, a.libraries.len)):
        log_line(s, LOG_WARNING, b"The function libraries could not be restored")
    for i in range(a.count):
        keyspace_hand(s, &fresh, &s.dbs[i])
        fresh.id = i
        keyspace_hand(s, &s.dbs[i], &a.dbs[i])
        a.dbs[i] = fresh
    hush_end(s, a.heard)
    for i in range(a.count):
        if loaded:
            database_install(s, &s.dbs[i], &a.dbs[i])
        else:
            keyspace_empty(s, &a.dbs[i], True)
    free(a.dbs)
    buf_release(&a.libraries)


cdef bint load_log(store *s) noexcept nogil:
    cdef char error[ERROR_ROOM]
    cdef aside a
    cdef bint ok
    snprintf(error, ERROR_ROOM, b"no memory")
    snapshot_hurry(s)
    if not put_aside(s, &a):
        return False
    special_set(&s.special, SPECIAL_LOADING, True)
    ok = empty(s) and journal_load(s, error)
    special_set(&s.special, SPECIAL_LOADING, False)
    put_back(s, &a, ok)
    if ok:
        changes_are_saved(s, changes_made(s))
    log_line(s, LOG_WARNING, <const char *>b"Append Only File loaded by DEBUG LOADAOF" if ok else &error[0])
    return ok


cdef void loadaof(call *c) noexcept nogil:
    if c.store.special & SPECIAL_LOADING:
        reply_error(c, LOADING)
    elif load_log(c.store):
        if c.store.effects.count:      # of a transaction: they follow in the log, and are not in what was loaded
            log_anew(c)
        reply_ok(c)
    else:
        reply_error(c, b"ERR Error trying to load the AOF files, check server logs.")
    propagate_nothing(c)


debug_subcommand(b"reload", b"RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
                 b"Save the snapshot file and load it. MERGE: replace keys that exist. NOFLUSH: keep those that are not in it. NOSAVE: only load.", 2, INT_MAX, reload)
debug_subcommand(b"loadaof", b"LOADAOF", b"Load the append-only log, as a start would.", 2, INT_MAX, loadaof)
