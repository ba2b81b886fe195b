"""The start of a server: the append-only log is loaded if there is to be one, else the snapshot file.

The server listens meanwhile, and refuses commands that need the data set. It is complete, and the log is attached, before the
first of them is accepted: so no write is missing in the log.
"""

from libc.errno cimport ENOMEM
from libc.stdint cimport int64_t, uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free

from kvd.core.clock cimport mono_us
from kvd.core.view cimport view_str
from kvd.persist.attach cimport journal_options, journal_start
from kvd.persist.file cimport ERROR_ROOM, file_is_missing, path_join, say
from kvd.persist.load cimport LOADING_CONTINUES, LOADING_HELD, loading
from kvd.persist.origin cimport origin_begin
from kvd.persist.progress cimport load_told, progress, progress_begin, progress_end, progress_expect, progress_of
from kvd.persist.saves cimport saves_of, saves_open, saves_tick
from kvd.store.change cimport changes_are_saved, changes_made
from kvd.store.config cimport OPT_APPENDONLY, OPT_DBFILENAME, OPT_DIR, cfg, config_text
from kvd.store.log cimport LOG_NOTICE, log_line
from kvd.store.store cimport store_lock, store_unlock
from kvd.store.tick cimport store_next


cdef bint start_begin(store *s) noexcept nogil:
    """What is loaded is decided here: clients may change options as soon as there is a server."""
    cdef progress *p
    if not progress_begin(s):
        return False
    p = progress_of(s)
    p.logs = cfg(&s.config, OPT_APPENDONLY) != 0
    if not path_join(p.dump, config_text(&s.config, OPT_DIR), view_str(config_text(&s.config, OPT_DBFILENAME))):
        p.dump[0] = 0
    if not p.logs:
        progress_expect(s, p.dump)
    return True


cdef void tell_time(store *s, const char *source, int64_t begun_us) noexcept nogil:
    cdef char text[128]
    snprintf(text, sizeof(text), b"DB loaded from %s: %.3f seconds", source, (mono_us() - begun_us) / 1e6)
    log_line(s, LOG_NOTICE, text)


cdef bint dump_load(store *s, const char *path, uint32_t flags, char *error) noexcept nogil:
    cdef loading *l = <loading *>calloc(1, sizeof(loading))
    cdef bint held = flags & LOADING_HELD
    cdef bint ok
    if l == NULL:
        return say(error, b"Can't load", path, ENOMEM)
    ok = load_told(s, path, flags, l)
    if not ok:
        snprintf(error, ERROR_ROOM, b"Can't load %.200s: %s", path, l.error)
    if not held:
        store_lock(s)
    if ok and saves_open(s) != NULL:
        saves_of(s).loaded = l.keys
        saves_of(s).load_expired = l.expired
    if ok and flags & LOADING_CONTINUES:
        progress_of(s).origin = l.origin
    if not held:
        store_unlock(s)
    free(l)
    return ok


cdef bint load_dump(store *s, bint *found, char *error) noexcept nogil:
    cdef const char *path = progress_of(s).dump
    if path[0] == 0:
        snprintf(error, ERROR_ROOM, b"Can't load a snapshot: the path that dir and dbfilename make is too long")
        return False
    found[0] = not file_is_missing(path)
    return not found[0] or dump_load(s, path, LOADING_CONTINUES, error)


cdef void serve(store *s) noexcept nogil:
    """What has been loaded needs no saving. Options that were changed meanwhile count from now on."""
    store_lock(s)
    changes_are_saved(s, changes_made(s))
    origin_begin(s, &progress_of(s).origin)
    progress_end(s)
    journal_options(s)
    saves_tick(s)
    if s.on_deadline != NULL:
        s.on_deadline(s, store_next(s))
    store_unlock(s)


cdef bint start_load(store *s, char *error) noexcept nogil:
    cdef int64_t begun_us = mono_us()
    cdef bint logs = progress_of(s).logs
    cdef bint found = True
    if not (journal_start(s, error) != NULL if logs else load_dump(s, &found, error)):
        return False
    if found:
        tell_time(s, b"append only file" if logs else b"disk", begun_us)
    serve(s)
    return True
