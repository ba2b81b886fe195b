"""Loading of a file of the append-only log: a base, an increment, or both in one.

Only the last file can end in the middle of a command, after a crash: that end is cut off (aof-load-truncated). A broken end is cut off
if it is short enough (aof-load-corrupt-tail-max-size). Everything else that cannot be read is an error with its offset.
"""

from libc.errno cimport ENOMEM, errno
from libc.stdint cimport uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from kvd.persist.file cimport ERROR_ROOM, file_append, file_size, file_truncate, say
from kvd.persist.load cimport LOADING_HELD, LOADING_PREAMBLE, loading, loading_offset
from kvd.persist.progress cimport load_told
from kvd.persist.replay cimport REPLAY_BAD, REPLAY_TORN, REPLAY_UNREADABLE, replay_end, replay_file, replayed
from kvd.store.config cimport OPT_AOF_LOAD_CORRUPT_TAIL_MAX_SIZE, OPT_AOF_LOAD_TRUNCATED, cfg
from kvd.store.log cimport LOG_WARNING, log_line

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    ssize_t read(int fd, void *p, size_t n)

cdef extern from "<fcntl.h>" nogil:
    int open(const char *path, int flags)
    int O_RDONLY


cdef bint cut_to(const char *path, replayed *r, char *error) noexcept nogil:
    cdef int fd = file_append(path)
    cdef int code = errno if fd < 0 else file_truncate(fd, r.valid)
    if fd >= 0:
        close(fd)
    r.size = r.valid
    return code == 0 or say(error, b"Can't cut", path, code)


cdef bint cut_broken(store *s, const char *path, replayed *r, char *error) noexcept nogil:
    """Removes a broken end that is not longer than aof-load-corrupt-tail-max-size. False: it is to be refused."""
    cdef char text[512]
    cdef uint64_t size = <uint64_t>max(file_size(path), <long>0)
    if not r.malformed or size - r.valid > <uint64_t>cfg(&s.config, OPT_AOF_LOAD_CORRUPT_TAIL_MAX_SIZE) or not cut_to(path, r, error):
        return False
    snprintf(text, sizeof(text), b"!!! Warning: corrupt AOF file tail: cut off %llu bytes of %.300s at offset %llu !!!",
             <unsigned long long>(size - r.valid), path, <unsigned long long>r.valid)
    log_line(s, LOG_WARNING, text)
    log_line(s, LOG_WARNING, b"AOF loaded anyway because aof-load-corrupt-tail-max-size is enabled")
    return True


cdef bint cut(store *s, const char *path, replayed *r, char *error) noexcept nogil:
    """Removes a torn end, or refuses to."""
    cdef char text[512]
    snprintf(text, sizeof(text), b"!!! Warning: short read while loading the AOF file %s: %llu bytes after the last whole command, at offset %llu !!!",
             path, <unsigned long long>(r.size - r.valid), <unsigned long long>r.valid)
    log_line(s, LOG_WARNING, text)
    if not cfg(&s.config, OPT_AOF_LOAD_TRUNCATED):
        snprintf(error, ERROR_ROOM, b"Unexpected end of file reading the append only file %.120s at offset %llu. You can: 1) Make a backup of it, then "
                 b"use kvd check --fix. 2) Set the option aof-load-truncated to yes and restart.", path, <unsigned long long>r.valid)
        return False
    if not cut_to(path, r, error):
        return False
    log_line(s, LOG_WARNING, b"AOF loaded anyway because aof-load-truncated is enabled")
    return True


cdef bint starts_as_rdb(const char *path) noexcept nogil:
    cdef char head[5]
    cdef int fd = open(path, O_RDONLY)
    cdef bint found = False
    if fd >= 0:
        found = read(fd, head, 5) == 5 and (memcmp(head, b"REDIS", 5) == 0 or memcmp(head, b"VALKE", 5) == 0)
        close(fd)
    return found


cdef bint load_rdb(store *s, const char *path, bint held, uint64_t *end, char *error) noexcept nogil:
    cdef loading *l = <loading *>calloc(1, sizeof(loading))
    cdef bint ok
    if l == NULL:
        return say(error, b"Can't load", path, ENOMEM)
    ok = load_told(s, path, LOADING_PREAMBLE | (LOADING_HELD if held else 0), l)
    if ok:
        end[0] = loading_offset(l)
    else:
        snprintf(error, ERROR_ROOM, b"Can't load %.200s: %s", path, l.error)
    free(l)
    return ok


cdef bint load_commands(store *s, const char *path, uint64_t begin, bint is_last, bint held, char *error) noexcept nogil:
    cdef replayed r
    cdef replay_end how = replay_file(s, path, begin, held, &r)
    cdef const char *why = &r.error[0]
    if how == REPLAY_UNREADABLE:
        return say(error, b"Can't read", path, r.failed_call)
    if how == REPLAY_BAD and is_last and cut_broken(s, path, &r, error):
        return True
    if how == REPLAY_BAD or (how == REPLAY_TORN and not is_last):
        if how == REPLAY_TORN:
            why = b"(it ends within a command, and is not the last one)"
        snprintf(error, ERROR_ROOM, b"Bad file format reading the append only file %.120s %s: make a backup of it, then use kvd check --fix", path, why)
        return False
    return how != REPLAY_TORN or cut(s, path, &r, error)


cdef bint log_load(store *s, const char *path, bint is_last, bint held, char *error) noexcept nogil:
    cdef uint64_t begin = 0
    if starts_as_rdb(path) and not load_rdb(s, path, held, &begin, error):
        return False
    return load_commands(s, path, begin, is_last, held, error)
