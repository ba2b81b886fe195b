"""The folder of an append-only log (Redis 7's form), read and begun: what the start of a store and DEBUG LOADAOF do.

    dir/appendonlydir/appendonly.aof.manifest           names the files that are valid, in the order in which they are read
                      appendonly.aof.2.base.rdb         a snapshot
                      appendonly.aof.2.incr.aof         effects since

The manifest is replaced after each file that it names is complete. What happens to the files while effects are logged is in
rewrite.pyx; here all is done under the lock, or before anything else uses the store.
"""

from libc.errno cimport EEXIST, ENOENT, ENOMEM, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport remove, snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.view cimport view_equal, view_str
from kvd.persist.file cimport (
    ERROR_ROOM, file_append, file_begin, file_make_folder, file_rename, file_size, folder_sync, path_join, rdb_file,
    say,
)
from kvd.persist.journal cimport journal_new, journal_note_names, journal_of, journal_release, journal_sync
from kvd.persist.latency cimport latency_begin, latency_ms, latency_note
from kvd.persist.logload cimport log_load
from kvd.persist.manifest cimport (
    NAME_ROOM, manifest_add, manifest_load, manifest_path, manifest_print, manifest_rename, manifest_write,
)
from kvd.persist.progress cimport progress_expect, progress_next
from kvd.persist.saves cimport is_plain, saves_of, saves_open_file, saves_write
from kvd.persist.snapshot cimport snapshot, snapshot_delete
from kvd.store.config cimport OPT_APPENDDIRNAME, OPT_APPENDFILENAME, OPT_DIR, config_text
from kvd.store.log cimport LOG_NOTICE, LOG_WARNING, log_line

cdef extern from "<stdlib.h>" nogil:
    char *realpath(const char *path, char *out)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)


# ---- names -------------------------------------------------------------------------------------------

cdef const char *log_name(store *s) noexcept nogil:
    return config_text(&s.config, OPT_APPENDFILENAME)


cdef void logfolder_increment(store *s, int64_t seq, char *out) noexcept nogil:
    snprintf(out, NAME_ROOM, b"%s.%lld.incr.aof", log_name(s), <long long>seq)


cdef void logfolder_base(store *s, int64_t seq, char *out) noexcept nogil:
    snprintf(out, NAME_ROOM, b"%s.%lld.base.%s", log_name(s), <long long>seq, <const char *>b"aof" if is_plain(s, True) else <const char *>b"rdb")


cdef bint logfolder_set(journal *j, char *error) noexcept nogil:
    cdef store *s = j.s
    cdef char absolute[PATH_ROOM]
    cdef int code
    path_join(j.folder, config_text(&s.config, OPT_DIR), view_str(config_text(&s.config, OPT_APPENDDIRNAME)))
    code = file_make_folder(j.folder)
    if code == 0:
        code = folder_sync(config_text(&s.config, OPT_DIR))
    if code and code != EEXIST:
        return say(error, b"Can't open or create append-only dir", j.folder, code)
    if realpath(j.folder, absolute) != NULL:        # the program may change its directory later
        snprintf(j.folder, PATH_ROOM, b"%s", absolute)
    return True


# ---- the manifest ------------------------------------------------------------------------------------

cdef bint logfolder_read(journal *j, bint *found, char *error) noexcept nogil:
    cdef char path[PATH_ROOM]
    manifest_path(path, j.folder, log_name(j.s))
    return manifest_load(&j.files, path, found, error)


cdef int logfolder_rename(store *s, const char *folder) noexcept nogil:
    cdef int64_t begun = latency_begin(s)
    cdef int error = manifest_rename(folder, log_name(s))
    latency_note(s, b"aof-rename", latency_ms(begun))
    return error


cdef bint keep_manifest(journal *j) noexcept nogil:
    """Replaces the manifest. False: the old one is valid."""
    cdef buf text
    cdef int error
    memset(&text, 0, sizeof(text))
    manifest_print(&j.files, &text)
    error = manifest_write(j.folder, log_name(j.s), &text)
    buf_release(&text)
    if error == 0:
        error = logfolder_rename(j.s, j.folder)
    if error:
        log_line(j.s, LOG_WARNING, b"The manifest of the append-only log could not be written")
        return False
    j.renames += 1
    journal_note_names(j, j.renames, folder_sync(j.folder))
    return True


cdef bint logfolder_begin(journal *j, int64_t seq, bint listed, char *error) noexcept nogil:
    cdef char name[NAME_ROOM]
    cdef char path[PATH_ROOM]
    cdef int64_t last = j.files.increment_seq
    cdef int fd
    logfolder_increment(j.s, seq, name)
    path_join(path, j.folder, view_str(name))
    fd = file_begin(path)
    if fd < 0:
        return say(error, b"Can't open the append-only file", path, errno)
    if not manifest_add(&j.files, c'i', seq, name):
        close(fd)
        return say(error, b"Can't list", path, ENOMEM)
    if listed and not keep_manifest(j):
        j.files.count -= 1
        j.files.increment_seq = last
        close(fd)
        remove(path)
        return say(error, b"Can't write the manifest for", path, 5)
    j.fd = fd
    j.before += j.size
    j.size = 0
    return True


# ---- loading -----------------------------------------------------------------------------------------

cdef bint logfolder_adopt(journal *j, bint found, char *error) noexcept nogil:
    """A file of the single form (before Redis 7) becomes the base: it is listed, then moved. found: a manifest, perhaps of an
    adoption that was interrupted before the file was moved."""
    cdef char old[PATH_ROOM]
    cdef char new[PATH_ROOM]
    cdef int code
    path_join(old, config_text(&j.s.config, OPT_DIR), view_str(log_name(j.s)))
    path_join(new, j.folder, view_str(log_name(j.s)))
    if file_size(old) < 0 or (found and (file_size(new) >= 0 or not view_equal(view_str(j.files.files[0].name), view_str(log_name(j.s))))):
        return True
    if not found and not (manifest_add(&j.files, c'b', 1, log_name(j.s)) and keep_manifest(j)):
        return say(error, b"Can't write the manifest of", old, ENOMEM)
    code = file_rename(old, new)
    if code:
        return say(error, b"Can't move", old, code)
    log_line(j.s, LOG_NOTICE, b"Successfully migrated an old-style AOF into the AOF directory")
    return True


cdef bint logfolder_load(journal *j, bint held, char *error) noexcept nogil:
    cdef char path[PATH_ROOM]
    cdef char text[640]
    cdef int64_t begun_us
    cdef int i
    for i in range(j.files.count):
        path_join(path, j.folder, view_str(j.files.files[i].name))
        progress_expect(j.s, path)
    for i in range(j.files.count):
        path_join(path, j.folder, view_str(j.files.files[i].name))
        begun_us = mono_us()
        if not log_load(j.s, path, i == j.files.count - 1, held, error):
            return False
        progress_next(j.s)
        snprintf(text, sizeof(text), b"DB loaded from %s file %s: %.3f seconds", <const char *>b"base" if j.files.files[i].type == c'b' else
                 <const char *>b"incr", j.files.files[i].name, (mono_us() - begun_us) / 1e6)
        log_line(j.s, LOG_NOTICE, text)
        j.before += j.size
        j.size = <uint64_t>max(file_size(path), <long>0)
    return True


cdef bint load_listed(store *s, const char *folder, char *error) noexcept nogil:
    """The files that the manifest of a folder names."""
    cdef journal *j = journal_new(s)
    cdef bint found = False
    cdef bint ok
    if j == NULL:
        return say(error, b"Can't load", folder, ENOMEM)
    snprintf(j.folder, PATH_ROOM, b"%s", folder)
    ok = logfolder_read(j, &found, error) and (found or say(error, b"There is no manifest in", folder, ENOENT)) and logfolder_load(j, True, error)
    journal_release(j)
    return ok


cdef void note_size(journal *j) noexcept nogil:
    """Of the file that is appended to, whose end may have been cut off: a short write is undone by cutting it to this size."""
    cdef char path[PATH_ROOM]
    if j.single[0]:
        j.size = <uint64_t>max(file_size(j.single), <long>0)
    elif path_join(path, j.folder, view_str(j.files.files[j.files.count - 1].name)):
        j.size = <uint64_t>max(file_size(path), <long>0)


cdef bint journal_load(store *s, char *error) noexcept nogil:
    cdef journal *j = journal_of(s)
    cdef char folder[PATH_ROOM]
    if j == NULL:
        path_join(folder, config_text(&s.config, OPT_DIR), view_str(config_text(&s.config, OPT_APPENDDIRNAME)))
        return load_listed(s, folder, error)
    if not journal_sync(j):
        return say(error, b"Can't write", j.folder, j.error)
    if j.baseless or j.stale:
        snprintf(error, ERROR_ROOM, b"The first base of the append-only log is being written")
        return False
    if not (log_load(s, j.single, True, True, error) if j.single[0] else load_listed(s, j.folder, error)):
        return False
    note_size(j)
    return True


cdef bint logfolder_open(journal *j, char *error) noexcept nogil:
    """Appends to the last increment; without a base, the data set becomes it first."""
    cdef char path[PATH_ROOM]
    if j.files.count == 0:
        return make_base(j, error) and logfolder_begin(j, 1, True, error)
    if j.files.files[j.files.count - 1].type != c'i':
        return logfolder_begin(j, j.files.increment_seq + 1, True, error)
    path_join(path, j.folder, view_str(j.files.files[j.files.count - 1].name))
    j.fd = file_append(path)
    return j.fd >= 0 or say(error, b"Can't open the append-only file", path, errno)


cdef bint make_base(journal *j, char *error) noexcept nogil:
    cdef rdb_file *f = <rdb_file *>calloc(1, sizeof(rdb_file))
    cdef snapshot *w = NULL
    cdef char name[NAME_ROOM]
    cdef bint ok
    if f == NULL:
        return say(error, b"Can't write", j.folder, ENOMEM)
    logfolder_base(j.s, 1, name)
    ok = saves_open_file(j.s, f, j.folder, view_str(name), True) and saves_write(j.s, f, True, &w)
    if w != NULL:
        snapshot_delete(w)
    if ok:
        j.before = f.written
        ok = manifest_add(&j.files, c'b', 1, name)
    elif saves_of(j.s) != NULL and saves_of(j.s).unfit:
        snprintf(error, ERROR_ROOM, b"Can't write the base of the append-only log: %.300s", saves_of(j.s).why)
    else:
        say(error, b"Can't write the base of the append-only log", f.path, f.error)
    free(f)
    return ok
