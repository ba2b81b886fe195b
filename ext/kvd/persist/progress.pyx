"""How far the loading at a server's start is, for INFO, and the lines that tell the log of it.

A server listens before it loads. Until the data set is complete, commands without the mark `loading` are refused, nothing expires,
is evicted or saved (SPECIAL_LOADING), and its figures are here.
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport strlen

from kvd.core.buf cimport buf_printf
from kvd.core.clock cimport wall_ms
from kvd.persist.file cimport file_size
from kvd.persist.load cimport LOADING_HELD, LOADING_UNCHECKED, load_path, loading_offset
from kvd.store.config cimport OPT_KEY_LOAD_DELAY, OPT_RDBCHECKSUM, cfg
from kvd.store.lock cimport usleep
from kvd.store.log cimport LOG_NOTICE, log_line
from kvd.store.store cimport SPECIAL_LOADING, special_set, store_lock, store_unlock

cdef struct telling:
    loading *l
    bint told                  # of the server that wrote the file
    uint64_t keys              # loaded before the slice


cdef bint progress_begin(store *s) noexcept nogil:
    cdef progress *p = <progress *>calloc(1, sizeof(progress))
    if p == NULL:
        return False
    p.begun_ms = wall_ms()
    s.parts[<int>PART_LOADING] = p
    special_set(&s.special, SPECIAL_LOADING, True)
    return True


cdef void progress_expect(store *s, const char *path) noexcept nogil:
    if progress_of(s) != NULL:
        progress_of(s).total += <uint64_t>max(file_size(path), <long>0)


cdef void progress_at(store *s, uint64_t offset) noexcept nogil:
    if progress_of(s) != NULL:
        progress_of(s).at = offset


cdef void progress_rest(store *s, uint64_t n) noexcept nogil:
    cdef int64_t delay = cfg(&s.config, OPT_KEY_LOAD_DELAY)
    if progress_of(s) != NULL and delay:
        usleep(<unsigned int>min(n * <uint64_t>delay if delay > 0 else n // <uint64_t>-delay, <uint64_t>1000000))


cdef void progress_next(store *s) noexcept nogil:
    cdef progress *p = progress_of(s)
    if p != NULL:
        p.before += p.at
        p.at = 0


cdef void progress_end(store *s) noexcept nogil:
    free(progress_of(s))
    s.parts[<int>PART_LOADING] = NULL
    special_set(&s.special, SPECIAL_LOADING, False)


cdef void progress_print(store *s, buf *out) noexcept nogil:
    cdef progress *p = progress_of(s)
    cdef uint64_t loaded = p.before + p.at
    cdef uint64_t total = max(p.total, loaded, <uint64_t>1)
    cdef int64_t took = wall_ms() - p.begun_ms
    buf_printf(out, b"loading_start_time:%lld\r\nloading_total_bytes:%llu\r\nloading_rdb_used_mem:%lld\r\nloading_loaded_bytes:%llu\r\n"
               b"loading_loaded_perc:%.2f\r\nloading_eta_seconds:%lld\r\n",
               <long long>(p.begun_ms // 1000), <unsigned long long>p.total, <long long>p.used_memory, <unsigned long long>loaded,
               loaded * 100.0 / total, <long long>(took * <double>(total - loaded) / loaded / 1000 if loaded else 1))


# ---- a snapshot ----------------------------------------------------------------------------------------

cdef void tell_origin(store *s, const loading *l) noexcept nogil:
    cdef char text[128]
    cdef size_t i
    if l.server[0]:
        snprintf(text, sizeof(text), b"Loading RDB produced by version %s", l.server)
        for i in range(strlen(text)):
            if not c' ' <= text[i] <= c'~':
                text[i] = c'?'         # it is the file's, and a line of the log must stay one
        log_line(s, LOG_NOTICE, text)
    if l.created:
        snprintf(text, sizeof(text), b"RDB age %lld seconds", <long long>(wall_ms() // 1000 - l.created))
        log_line(s, LOG_NOTICE, text)
    if l.used_memory:
        snprintf(text, sizeof(text), b"RDB memory usage when created %.2f Mb", l.used_memory / 1048576.0)
        log_line(s, LOG_NOTICE, text)
    if l.base == 1:
        log_line(s, LOG_NOTICE, b"RDB is base AOF")


cdef void after_slice(void *context) noexcept nogil:
    cdef telling *t = <telling *>context
    cdef store *s = t.l.s
    if not t.told:
        tell_origin(s, t.l)
        t.told = True
    if t.l.flags & LOADING_HELD or progress_of(s) == NULL:
        return
    store_lock(s)
    progress_of(s).used_memory = t.l.used_memory
    progress_at(s, loading_offset(t.l))
    store_unlock(s)
    progress_rest(s, t.l.keys - t.keys)
    t.keys = t.l.keys


cdef bint load_told(store *s, const char *path, uint32_t flags, loading *l) noexcept nogil:
    cdef telling t
    cdef char text[128]
    t.l = l
    t.told = False
    t.keys = 0
    if not cfg(&s.config, OPT_RDBCHECKSUM):
        flags |= LOADING_UNCHECKED
    if not load_path(s, path, flags, l, after_slice, &t):
        return False
    snprintf(text, sizeof(text), b"Done loading RDB, keys loaded: %llu, keys expired: %llu.", <unsigned long long>l.keys,
             <unsigned long long>l.expired)
    log_line(s, LOG_NOTICE, text)
    return True
