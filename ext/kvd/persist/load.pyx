"""Loading of an RDB file into a store, in slices.

    REDIS 4 digits of version, or VALKEY 3 digits | records | 255 | checksum 8 (since version 5; 0: none)
    record   opcode and its content, or type byte, key, value: see rdb/forms.pxd and rdb/values.pyx

Nothing is half loaded: keys go into databases that are not the store's yet, and replace its own, or are merged into them, only
after everything has been read and the checksum is right. After an error they are freed, and the store is as before. All
blocks come from the store's heap, so installing a database of any size moves three pointers.

The bytes are untrusted. `reader` checks every length against the bytes that are left before it is used, values check their
content, and tables are expanded for no more keys than the rest of the file can hold.

A file is read through a buffer, not mapped: a mapped file that another process truncates would kill this one.
With LOADING_LENDS the lock is lent to threads that wait for it in the middle of values, too. The slice ends after such a value,
so that the caller can wait until a script that was started meanwhile has ended, before a library is compiled or all is installed.

A record that the buffer does not hold whole ends the slice; loading_feed appends more of the file, and the record is read
again from its beginning. Records therefore change nothing before they are read completely.

Keys are placed in groups: while a group is being read, the buckets where its keys belong are fetched into the cache.
The checksum is computed of each slice, while its bytes are there too.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport int32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memmove, memset, strerror

from kvd.core.buf cimport buf_add, buf_release, buf_reserve_exactly
from kvd.core.crc64 cimport crc64
from kvd.core.entry cimport TIMED, entry_free, entry_key, entry_timer
from kvd.core.table cimport table_cursor, table_drain, table_expand, table_hash, table_init, table_next, table_prefetch
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_equal, view_of, view_str
from kvd.core.wheel cimport wheel_delete
from kvd.core.word cimport view_is_word
from kvd.persist.rdb.forms cimport (
    RDB_AUX, RDB_DATABASE, RDB_DEADLINE, RDB_DEADLINE_MS, RDB_END, RDB_FREQUENCY, RDB_FUNCTION, RDB_FUNCTION_PRE_GA,
    RDB_HASH_VALKEY_TIMED, RDB_IDLE, RDB_MODULE, RDB_MODULE_AUX, RDB_MODULE_PRE_GA, RDB_RESIZE, RDB_SLOT_IMPORT,
    RDB_SLOT_INFO, RDB_VERSION, RDB_VERSION_VALKEY,
)
from kvd.persist.rdb.lengths cimport get_bytes, get_few, get_length, get_string, more, reader_close, reader_open
from kvd.persist.rdb.values cimport form_type, value_read
from kvd.store.access cimport access_init, access_set_frequency, access_set_idle, uses_lfu
from kvd.store.change cimport database_replaced, key_changed
from kvd.store.clock cimport store_time
from kvd.store.config cimport OPT_DATABASES, cfg
from kvd.store.keyspace cimport keyspace_empty, keyspace_find, keyspace_hand, keyspace_insert, keyspace_load, keyspace_replace
from kvd.store.lock cimport guard_yield
from kvd.store.store cimport DEBUG_CHECKSUMS_SKIPPED, SPECIAL_REPLICA, store_lock, store_unlock
from kvd.store.tick cimport store_next
from kvd.types.hash cimport hash_is_timed, hash_table_of
from kvd.types.kind cimport HASH, type_of
from kvd.types.value cimport value_free, value_reshape

import importlib

# each type registers its forms when imported
for _type in ("strings", "lists", "sets", "zsets", "hashes", "streams", "arrays"):
    importlib.import_module(f"kvd.persist.rdb.{_type}")

cdef extern from "<unistd.h>" nogil:
    ssize_t read(int fd, void *p, size_t n)
    int close(int fd)

cdef extern from "<fcntl.h>" nogil:
    int open(const char *path, int flags)
    enum: O_RDONLY, O_CLOEXEC

cdef extern from "<sys/stat.h>" nogil:
    struct stat:
        long st_size
    int fstat(int fd, stat *st)

cdef enum:
    BUFFER = 1 << 19           # bytes read from a file at once, unless a record is longer
    SLICE = 1 << 18            # bytes of a slice of load_path
    EXPANDED_AT_ONCE = 1 << 20   # keys
    LEAST_RECORD = 3           # bytes of the smallest key with its value
    KEY_SHOWN = 64             # bytes of a key in an error text

cdef library_files *LIBRARIES = NULL


cdef void loading_libraries(library_files *by) noexcept:
    global LIBRARIES
    LIBRARIES = by


# ---- begin and end ------------------------------------------------------------------------------

cdef void begin(loading *l, store *s, view data, uint32_t flags) noexcept nogil:
    cdef int i
    memset(l, 0, sizeof(loading))
    l.s = s
    l.flags = flags
    l.fd = l.base = l.frequency = -1
    l.idle = l.origin.db = -1
    l.first = l.sum_from = <const uint8_t *>data.ptr
    l.size = data.len
    reader_open(&l.r, s, data)
    l.databases = <int>cfg(&s.config, OPT_DATABASES)
    l.dbs = <database *>calloc(l.databases, sizeof(database))
    if l.dbs == NULL:
        fail_call(l, b"no memory", 0)
        return
    for i in range(l.databases):
        l.dbs[i].id = i
        table_init(&l.dbs[i].keys, &s.mem)
    l.db = &l.dbs[0]


cdef void loading_open(loading *l, store *s, view data, uint32_t flags) noexcept nogil:
    begin(l, s, data, flags)
    l.whole = True


cdef void loading_open_file(loading *l, store *s, int fd, uint32_t flags) noexcept nogil:
    cdef stat st
    begin(l, s, view_of(NULL, 0), flags)
    l.fd = fd
    l.starved = True
    if fstat(fd, &st) == 0 and st.st_size > 0:
        l.size = st.st_size


cdef void loading_open_source(loading *l, store *s, bytes_source *source, uint32_t flags) noexcept nogil:
    begin(l, s, view_of(NULL, 0), flags)
    l.source = source
    l.starved = True


cdef view loading_rest(loading *l) noexcept nogil:
    return view_of(<const char *>l.r.p, l.r.end - l.r.p)


cdef uint64_t loading_offset(loading *l) noexcept nogil:
    return l.before + (l.r.p - l.first)


cdef void loading_drop(loading *l) noexcept nogil:
    cdef int i
    for i in range(l.waiting):
        value_free(&l.s.mem, l.placings[i].e)
    l.waiting = 0
    for i in range(l.databases if l.dbs != NULL else 0):
        keyspace_empty(l.s, &l.dbs[i], True)
    free(l.dbs)
    l.dbs = l.db = NULL
    if l.batch != NULL:
        LIBRARIES.drop(l.s, &l.batch)
    l.before = loading_offset(l)
    l.first = l.r.p = l.r.end = l.sum_from = NULL
    reader_close(&l.r)
    buf_release(&l.room)


# ---- errors -------------------------------------------------------------------------------------

cdef void fail_call(loading *l, const char *what, int code) noexcept nogil:
    """code: errno, or 0."""
    l.state = LOADING_FAILED
    l.failed_call = code
    l.offset = loading_offset(l)
    if code:
        snprintf(l.error, sizeof(l.error), b"%s: %s", what, strerror(code))
    else:
        snprintf(l.error, sizeof(l.error), b"%s", what)


cdef void fail(loading *l, const uint8_t *p, const char *reason) noexcept nogil:
    """p: where the file is wrong. Without effect if the record has to be read again with more bytes, or after another error."""
    if l.state == LOADING_FAILED or starves(l):
        return
    l.offset = l.before + (p - l.first)
    snprintf(l.error, sizeof(l.error), b"at offset %llu: %s", <unsigned long long>l.offset, reason)
    l.state = LOADING_FAILED


cdef void fail_number(loading *l, const uint8_t *p, const char *format, long long n) noexcept nogil:
    cdef char reason[256]
    snprintf(reason, sizeof(reason), format, n)
    fail(l, p, reason)


cdef void fail_key(loading *l, const uint8_t *p, const char *format, view key) noexcept nogil:
    """format: with %.*s for the key and %d for the number of the database."""
    cdef char reason[256]
    snprintf(reason, sizeof(reason), format, <int>min(key.len, <size_t>KEY_SHOWN), key.ptr, l.db.id)
    fail(l, p, reason)


cdef void fail_text(loading *l, const uint8_t *p, const char *what, buf *why) noexcept nogil:
    cdef char reason[256]
    snprintf(reason, sizeof(reason), b"%s: %.*s", what, <int>min(why.len, <size_t>200), why.ptr)
    fail(l, p, reason)


cdef inline bint starves(loading *l) noexcept nogil:
    """Has the record to be read again, with more of the file?"""
    return l.r.short and not l.whole


# ---- placing keys -------------------------------------------------------------------------------

cdef void place_waiting(loading *l) noexcept nogil:
    cdef int i, placed
    cdef entry *e
    for i in range(l.waiting):
        e = l.placings[i].e
        placed = -1
        if l.state != LOADING_FAILED:
            placed = keyspace_load(l.s, l.db, e, l.placings[i].hash, l.flags & LOADING_MERGE)
        if placed == 1:
            continue
        if placed == 0:
            fail_key(l, l.placings[i].at, b"key '%.*s' is in database %d twice", entry_key(e))
        elif l.state != LOADING_FAILED:
            fail_call(l, b"no memory", 0)
        value_free(&l.s.mem, e)
    l.waiting = 0


cdef inline void place(loading *l, entry *e, const uint8_t *start) noexcept nogil:
    cdef uint64_t hash = table_hash(entry_key(e))
    table_prefetch(&l.db.keys, hash)
    l.placings[l.waiting].e = e
    l.placings[l.waiting].hash = hash
    l.placings[l.waiting].at = start
    l.waiting += 1
    if l.waiting == PLACED_AT_ONCE:
        place_waiting(l)


cdef inline void forget_key(loading *l) noexcept nogil:
    """What was said of the key that follows has been used."""
    l.has_deadline = False
    l.idle = l.frequency = -1


cdef inline void set_access(loading *l, entry *e) noexcept nogil:
    e.access = l.access
    if l.idle >= 0 and not uses_lfu(l.s):
        access_set_idle(l.s, e, min(l.idle, <int64_t>0x7FFFFFFF) * 1000)
    if l.frequency >= 0 and uses_lfu(l.s):
        access_set_frequency(l.s, e, l.frequency)


cdef entry *with_deadline(loading *l, entry *e) noexcept nogil:
    """NULL: no memory; e is freed."""
    cdef entry *moved = e
    if not e.flags & TIMED:
        moved = value_reshape(&l.s.mem, e, entry_key(e), TIMED)
        if moved == NULL:
            value_free(&l.s.mem, e)
            return NULL
        entry_free(&l.s.mem, e)
    entry_timer(moved).deadline = l.deadline
    return moved


# ---- records ------------------------------------------------------------------------------------

cdef view module_name(uint64_t id, char *text) noexcept nogil:
    """The name in a module type's id: nine characters of six bits above a version of ten. text: 9 bytes."""
    cdef const char *letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    cdef int i
    for i in range(9):
        text[i] = letters[id >> (10 + 6 * (8 - i)) & 63]
    return view_of(text, 9)


cdef void refuse_module(loading *l, const uint8_t *p, const char *format) noexcept nogil:
    """p: where the record begins. format: with %.*s for the module's name."""
    cdef char text[9]
    cdef uint64_t id = get_length(&l.r)
    if not l.r.bad:
        fail_key(l, p, format, module_name(id, text))


cdef void refuse_form(loading *l, const uint8_t *p, int form) noexcept nogil:
    if form == RDB_MODULE or form == RDB_MODULE_PRE_GA:
        get_string(&l.r, 2)
        refuse_module(l, p, b"a value of the module type '%.*s', in database %d: kvd has no modules")
    elif form == RDB_HASH_VALKEY_TIMED or form == RDB_HASH_VALKEY_TIMED + 1:
        fail(l, p, b"a hash with field expiry in the format of release candidates of Redis 7.4")
    else:
        fail_number(l, p, b"unknown type or opcode %lld", form)


cdef bint is_readable(loading *l, int form) noexcept nogil:
    """Release candidates of Redis used numbers that have another meaning in Valkey."""
    return form_type(form) >= 0 and (form != RDB_HASH_VALKEY_TIMED or l.version == RDB_VERSION_VALKEY)


cdef bint keeps_expired(loading *l) noexcept nogil:
    """Others have the same data set: they are told when the key is deleted."""
    return l.flags & LOADING_PREAMBLE or l.s.special & SPECIAL_REPLICA or (l.flags & LOADING_CONTINUES and l.origin.id[0])


cdef void take_value(loading *l, entry *e, const uint8_t *start) noexcept nogil:
    """Of a key that was read completely. e: freed or placed."""
    if l.has_deadline and l.deadline <= l.s.now and not keeps_expired(l):
        l.expired += 1
        value_free(&l.s.mem, e)
        return
    l.keys += 1
    l.types[type_of(e)] += 1
    l.timed += l.has_deadline
    if l.flags & LOADING_INSPECT:
        value_free(&l.s.mem, e)
        return
    if l.has_deadline:
        e = with_deadline(l, e)
        if e == NULL:
            fail_call(l, b"no memory", 0)
            return
    set_access(l, e)
    place(l, e, start)


cdef void read_key(loading *l, const uint8_t *start, int form) noexcept nogil:
    cdef view key
    cdef entry *e
    if not is_readable(l, form):
        refuse_form(l, start, form)
        return
    key = get_string(&l.r, 2)
    if l.r.bad:
        return
    l.r.timed = TIMED if l.has_deadline else 0
    e = value_read(&l.r, form, key)
    if e != NULL:
        take_value(l, e, start)
    elif l.r.empty:
        l.r.bad = l.r.empty = False
        l.empty += 1
    else:
        fail_key(l, l.r.p, b"the value of key '%.*s' in database %d is incomplete" if l.r.short else
                 b"the value of key '%.*s' in database %d is broken", key)
        return
    forget_key(l)


cdef void copy_text(char *to, size_t room, view v) noexcept nogil:
    cdef size_t n = min(v.len, room - 1)
    memcpy(to, v.ptr, n)
    to[n] = 0


cdef void keep_aux(loading *l, view v) noexcept nogil:
    cdef uint32_t n = <uint32_t>v.len
    buf_add(&l.aux, &n, 4)
    buf_add(&l.aux, v.ptr, v.len)


cdef bint aux_is(view name, const char *wanted) noexcept nogil:
    return view_equal(name, view_str(wanted))


cdef void read_aux(loading *l) noexcept nogil:
    cdef view name = get_string(&l.r, 0)
    cdef view value = get_string(&l.r, 1)
    cdef int64_t n = 0
    if l.r.bad:
        return
    parse_int(value, &n)
    if l.flags & LOADING_INSPECT and l.aux.len + name.len + value.len + 8 <= AUX_ROOM:
        keep_aux(l, name)
        keep_aux(l, value)
    if aux_is(name, b"redis-ver") or aux_is(name, b"valkey-ver") or aux_is(name, b"kvd-ver"):
        copy_text(l.server, sizeof(l.server), value)
    elif aux_is(name, b"ctime"):
        l.created = n
    elif aux_is(name, b"used-mem"):
        l.used_memory = n
    elif aux_is(name, b"aof-base"):
        l.base = n != 0
    elif aux_is(name, b"repl-id") and value.len == 40 and view_is_word(value):
        copy_text(l.origin.id, sizeof(l.origin.id), value)
    elif aux_is(name, b"repl-offset"):
        l.origin.offset = n
    elif aux_is(name, b"repl-stream-db"):
        l.origin.db = n


cdef void read_library(loading *l, const uint8_t *start) noexcept nogil:
    cdef view code = get_string(&l.r, 0)
    cdef buf why
    if l.r.bad:
        return
    l.libraries += 1
    if l.flags & LOADING_INSPECT:
        return
    if LIBRARIES == NULL:
        fail(l, start, b"a library of functions, but there is no script engine")
        return
    memset(&why, 0, sizeof(why))
    if not LIBRARIES.make(l.s, &l.batch, code, l.flags & LOADING_MERGE or not l.flags & LOADING_KEEP, &why):
        fail_text(l, start, b"a library of functions cannot be loaded", &why)
    buf_release(&why)


cdef void read_database(loading *l, const uint8_t *start) noexcept nogil:
    cdef uint64_t n = get_length(&l.r)
    if l.r.bad:
        return
    if n >= <uint64_t>l.databases:
        fail_number(l, start, b"database %lld, but the option databases allows fewer", <long long>min(n, <uint64_t>1 << 62))
        return
    place_waiting(l)
    l.db = &l.dbs[n]


cdef void read_sizes(loading *l) noexcept nogil:
    cdef uint64_t n = get_length(&l.r)
    cdef uint64_t left = l.r.end - l.r.p
    get_length(&l.r)                   # those with a deadline
    if l.r.bad or l.flags & LOADING_INSPECT:
        return
    if l.size > loading_offset(l):
        left = l.size - loading_offset(l)
    l.expected = min(n, left // LEAST_RECORD)
    if l.promised + l.expected > (l.size + left) // LEAST_RECORD:
        l.expected = 0                 # the file announces the same room again and again
    l.promised += l.expected


cdef void read_deadline(loading *l, int opcode) noexcept nogil:
    cdef uint64_t n = get_bytes(&l.r, 8 if opcode == RDB_DEADLINE_MS else 4, False)
    l.deadline = <int64_t>n if opcode == RDB_DEADLINE_MS else <int64_t><int32_t>n * 1000
    l.deadline = max(l.deadline, <int64_t>0)
    l.has_deadline = True


cdef void skip_lengths(loading *l, uint64_t n) noexcept nogil:
    while n and not l.r.bad:
        get_length(&l.r)
        n -= 1


cdef void read_end(loading *l) noexcept nogil:
    cdef uint64_t crc = 0
    cdef const uint8_t *end = l.r.p
    if l.version >= 5:
        crc = get_bytes(&l.r, 8, False)
    if l.r.bad:
        return
    place_waiting(l)
    if l.state == LOADING_FAILED:
        return
    sum_up(l, end)
    if crc and not l.flags & LOADING_UNCHECKED and not l.s.debug & DEBUG_CHECKSUMS_SKIPPED and crc != l.crc:
        fail(l, end, b"the checksum is wrong: the file has been changed or damaged")
        return
    l.summed_up = crc == l.crc and l.version >= 5
    l.state = LOADING_WHOLE


cdef void read_opcode(loading *l, const uint8_t *start, int opcode) noexcept nogil:
    cdef uint64_t n
    if opcode == RDB_DEADLINE_MS or opcode == RDB_DEADLINE:
        read_deadline(l, opcode)
    elif opcode == RDB_DATABASE:
        read_database(l, start)
    elif opcode == RDB_RESIZE:
        read_sizes(l)
    elif opcode == RDB_AUX:
        read_aux(l)
    elif opcode == RDB_IDLE:
        n = get_length(&l.r)
        l.idle = <int64_t>min(n, <uint64_t>0x7FFFFFFF)
    elif opcode == RDB_FREQUENCY:
        l.frequency = <int>get_bytes(&l.r, 1, False)
    elif opcode == RDB_FUNCTION:
        read_library(l, start)
    elif opcode == RDB_SLOT_INFO:
        skip_lengths(l, 3)
    elif opcode == RDB_SLOT_IMPORT and l.version == RDB_VERSION_VALKEY:
        get_string(&l.r, 0)
        skip_lengths(l, 2 * get_few(&l.r, 2))
    elif opcode == RDB_MODULE_AUX:
        refuse_module(l, start, b"data of the module '%.*s': kvd has no modules")
    elif opcode == RDB_FUNCTION_PRE_GA:
        fail(l, start, b"functions in the format of release candidates of Redis 7.0")
    elif opcode == RDB_END:
        read_end(l)
    else:
        read_key(l, start, opcode)


cdef void read_head(loading *l) noexcept nogil:
    cdef const uint8_t *p = l.r.p
    cdef int i
    cdef int digits = 4
    if not more(&l.r, 9):
        fail(l, p, b"this is not an RDB file: it is shorter than the first nine bytes of one")
        return
    if memcmp(p, b"VALKEY", 6) == 0:
        l.valkey = True
        digits = 3
    elif memcmp(p, b"REDIS", 5) != 0:
        fail(l, p, b"this is not an RDB file: it does not begin with REDIS or VALKEY")
        return
    for i in range(9 - digits, 9):
        if not c'0' <= p[i] <= c'9':
            fail(l, p + i, b"the version of the format is not a number")
            return
        l.version = 10 * l.version + p[i] - c'0'
    if l.version != RDB_VERSION_VALKEY and (l.valkey or not 1 <= l.version <= RDB_VERSION):
        fail_number(l, p, b"format version %lld is unknown: kvd reads 1 to 14 of Redis and 80 of Valkey", l.version)
        return
    l.r.p += 9
    l.state = LOADING_RECORDS


cdef void read_record(loading *l) noexcept nogil:
    cdef const uint8_t *start = l.r.p
    if l.state == LOADING_HEAD:
        read_head(l)
    else:
        read_opcode(l, start, <int>get_bytes(&l.r, 1, False))
    if starves(l):
        l.r.p = start
        l.r.bad = l.r.short = l.r.empty = False
        l.starved = True
    elif l.r.bad:
        fail(l, l.r.p, b"the file ends in the middle of a record" if l.r.short else b"the record is broken")


# ---- slices -------------------------------------------------------------------------------------

cdef void sum_up(loading *l, const uint8_t *until) noexcept nogil:
    if until > l.sum_from:
        l.crc = crc64(l.crc, l.sum_from, until - l.sum_from)
        l.sum_from = until


cdef bint expand(loading *l) noexcept nogil:
    """Makes room for some of the keys that the file announces; True: more remains to be done."""
    cdef uint64_t step = min(l.expected, l.db.keys.buckets * 6 + EXPANDED_AT_ONCE)
    if not table_expand(&l.db.keys, step) or step == l.expected:
        l.expected = 0                 # without memory it grows later, or fails there
    return l.expected != 0


cdef bint loading_some(loading *l, size_t bytes) noexcept nogil:
    cdef entry one
    cdef const uint8_t *begin = l.r.p
    if l.state > LOADING_RECORDS:
        return False
    store_time(l.s)
    access_init(l.s, &one)
    l.access = one.access
    l.r.lends_at = l.r.p if l.flags & LOADING_LENDS else NULL
    l.r.lent = False
    while l.state <= LOADING_RECORDS and not l.starved and not l.r.lent and <size_t>(l.r.p - begin) < bytes:
        if l.expected and expand(l):
            break
        read_record(l)
    place_waiting(l)
    if l.state <= LOADING_RECORDS:
        sum_up(l, l.r.p)
    return l.state <= LOADING_RECORDS


cdef bint make_room(loading *l) noexcept nogil:
    """Moves the bytes that are not read yet to the beginning of the buffer; it grows if they fill it."""
    cdef size_t left = l.r.end - l.r.p
    l.before += l.r.p - l.first
    if left and l.r.p != l.first:
        memmove(l.room.ptr, l.r.p, left)
    l.room.len = left
    if l.room.cap < BUFFER or left > l.room.cap // 2:
        if not buf_reserve_exactly(&l.room, max(<size_t>BUFFER, left)):
            return False
    l.first = l.r.p = l.sum_from = <const uint8_t *>l.room.ptr
    return True


cdef ssize_t take(loading *l, char *p, size_t n) noexcept nogil:
    cdef ssize_t got
    if l.source != NULL:
        return l.source.take(l.source, p, n)
    while True:
        got = read(l.fd, p, n)
        if got >= 0 or errno != EINTR:
            return got


cdef void loading_feed(loading *l) noexcept nogil:
    cdef ssize_t n
    if not l.starved or l.state > LOADING_RECORDS:
        return
    if not make_room(l):
        fail_call(l, b"no memory", 0)
        return
    while l.room.len < l.room.cap:
        n = take(l, l.room.ptr + l.room.len, l.room.cap - l.room.len)
        if n < 0:
            fail_call(l, b"cannot read the file", errno)
            return
        if n == 0:
            l.whole = True
            break
        l.room.len += n
        if l.source != NULL:
            break
    l.r.end = l.first + l.room.len
    l.starved = False


# ---- installation -------------------------------------------------------------------------------

cdef bint keys_are_free(loading *l) noexcept nogil:
    """With LOADING_KEEP alone: no key of the file is in the store."""
    cdef table_cursor at
    cdef entry *e
    cdef view key
    cdef int i
    for i in range(l.databases):
        memset(&at, 0, sizeof(at))
        e = table_next(&l.dbs[i].keys, &at)
        while e != NULL:
            key = entry_key(e)
            if keyspace_find(l.s, &l.s.dbs[i], key, table_hash(key)) != NULL:
                l.db = &l.dbs[i]
                fail_key(l, l.r.p, b"key '%.*s' is in database %d already", key)
                return False
            e = table_next(&l.dbs[i].keys, &at)
    return True


cdef bint install_libraries(loading *l) noexcept nogil:
    cdef buf why
    cdef bint ok
    if LIBRARIES == NULL or (l.batch == NULL and l.flags & LOADING_KEEP):
        return True
    memset(&why, 0, sizeof(why))
    ok = LIBRARIES.install(l.s, &l.batch, not l.flags & LOADING_KEEP, l.flags & LOADING_MERGE, &why)
    if not ok:
        fail_text(l, l.r.p, b"the libraries of functions cannot be installed", &why)
    buf_release(&why)
    return ok


cdef void database_install(store *s, database *to, database *fresh) noexcept nogil:
    database_replaced(s, to, fresh, to.keys.items + fresh.keys.items)
    keyspace_empty(s, to, True)
    keyspace_hand(s, to, fresh)


cdef bint merge_entry(store *s, database *to, entry *e) noexcept nogil:
    cdef view key = entry_key(e)
    cdef uint64_t hash = table_hash(key)
    cdef entry *old = keyspace_find(s, to, key, hash)
    if e.flags & TIMED:
        entry_timer(e).place = 0
    if type_of(e) == HASH and hash_is_timed(e):
        hash_table_of(e).due.place = 0
    if old != NULL:
        keyspace_replace(s, to, old, e, hash)
    elif not keyspace_insert(s, to, e, hash):
        value_free(&s.mem, e)
        return False
    key_changed(s, to, key, 1, 0, b"restore")
    return True


cdef bint merge_database(store *s, database *to, database *fresh) noexcept nogil:
    cdef entry *e
    wheel_delete(fresh.expires)
    wheel_delete(fresh.fields)
    fresh.expires = fresh.fields = NULL
    if not table_expand(&to.keys, to.keys.items + fresh.keys.items):
        return False
    while True:
        e = table_drain(&fresh.keys)
        if e == NULL:
            return True
        if not merge_entry(s, to, e):
            return False


cdef void plan_next(store *s) noexcept nogil:
    cdef int64_t next = store_next(s)
    if next < s.planned and s.on_deadline != NULL:
        s.on_deadline(s, next)


cdef bint loading_finish(loading *l) noexcept nogil:
    cdef int i
    cdef uint32_t both = LOADING_KEEP | LOADING_MERGE
    if l.state != LOADING_WHOLE or l.flags & LOADING_INSPECT:
        return False
    store_time(l.s)
    if l.flags & both == LOADING_KEEP and not keys_are_free(l):
        return False
    if not install_libraries(l):
        return False
    for i in range(l.databases):
        if not l.flags & LOADING_KEEP:
            database_install(l.s, &l.s.dbs[i], &l.dbs[i])
        elif l.dbs[i].keys.items and not merge_database(l.s, &l.s.dbs[i], &l.dbs[i]):
            fail_call(l, b"no memory", 0)
            return False
    plan_next(l.s)
    return True


# ---- a file -------------------------------------------------------------------------------------

cdef bint load_path(store *s, const char *path, uint32_t flags, loading *l,
                    void (*between)(void *context) noexcept nogil, void *context) noexcept nogil:
    cdef bint ok = False
    cdef bint going = True
    cdef bint held = flags & LOADING_HELD
    cdef int fd = open(path, O_RDONLY | O_CLOEXEC)
    cdef int code = errno
    loading_open_file(l, s, fd, flags | (0 if held else LOADING_LENDS))
    if fd < 0:
        fail_call(l, b"cannot open the file", code)
    while going:
        loading_feed(l)
        if not held:
            store_lock(s)
        going = loading_some(l, SLICE)
        if not going:
            ok = loading_finish(l)
            loading_drop(l)
        if not held:
            store_unlock(s)
        if between != NULL:
            between(context)
        if not held:
            guard_yield(&s.guard)
    if fd >= 0:
        close(fd)
    return ok


cdef bint load_bytes(store *s, view data) noexcept nogil:
    cdef loading *l = <loading *>calloc(1, sizeof(loading))
    cdef bint ok
    if l == NULL:
        return False
    loading_open(l, s, data, 0)
    while loading_some(l, SLICE):
        pass
    ok = loading_finish(l)
    loading_drop(l)
    free(l)
    return ok
