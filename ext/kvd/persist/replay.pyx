"""Replay of the commands of an append-only file: read, found in the registry, run. No gate, no figures, no replies.

A transaction is run when its EXEC has been read, so that a file that ends within one changes nothing of it. While
a log is replayed no deadline has passed (expiry_now): what expired is a deletion in the log.

No byte is parsed more than twice, however small the pieces in which a transaction arrives: once to find its EXEC, once to run it.

Lines that begin with # are annotations (aof-timestamp-enabled).
"""

from libc.errno cimport EINTR, ENOMEM, errno
from libc.stdio cimport snprintf
from libc.string cimport memchr, memset

from kvd.core.buf cimport buf_drop_front, buf_release, buf_reserve
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_is, view_of
from kvd.persist.progress cimport progress_at, progress_rest
from kvd.resp.parser cimport (
    PARSE_COMMAND, PARSE_ERROR, PARSE_MORE, parse, parser_dropped, parser_init, parser_release,
)
from kvd.run.after cimport after
from kvd.run.call cimport F_ADMIN, arity_fits, call, call_init, command
from kvd.run.registry cimport command_of
from kvd.run.run cimport run_quietly
from kvd.session.clients cimport session_delete, session_new
from kvd.store.clock cimport store_time
from kvd.store.config cimport OPT_DATABASES, cfg
from kvd.store.lock cimport guard_yield
from kvd.store.store cimport store_lock, store_unlock

cdef extern from "<unistd.h>" nogil:
    ssize_t read(int fd, void *p, size_t n)
    int close(int fd)
    long lseek(int fd, long offset, int whence)
    int SEEK_SET

cdef extern from "<fcntl.h>" nogil:
    int open(const char *path, int flags)
    int O_RDONLY
    int O_CLOEXEC

cdef enum:
    CHUNK = 4194304            # bytes read at once
    SLICE = 256                # commands run under the lock at once

cdef void take_lock(replaying *y) noexcept nogil:
    if not y.held:
        store_lock(y.s)


cdef void give_lock(replaying *y) noexcept nogil:
    if not y.held:
        store_unlock(y.s)


cdef bint replay_bad(replaying *y, const char *why, view what) noexcept nogil:
    snprintf(y.result.error, sizeof(y.result.error), b"at offset %llu: %s%.*s", <unsigned long long>(y.before + y.p.start), why,
             <int>min(what.len, <size_t>64), what.ptr)
    return False


cdef bint feed(replaying *y) noexcept nogil:
    """False: at the end of the file, or it cannot be read, or no memory."""
    cdef ssize_t n
    if y.ended or y.result.failed_call or not buf_reserve(&y.data, CHUNK):
        return False
    while True:
        n = read(y.fd, y.data.ptr + y.data.len, CHUNK)
        if n >= 0 or errno != EINTR:
            break
    if n < 0:
        y.result.failed_call = errno
        return False
    y.data.len += n
    y.ended = n == 0
    return n > 0


cdef bint run_words(replaying *y) noexcept nogil:
    cdef call c
    cdef const command *container
    call_init(&c, y.c)
    c.command = command_of(y.p.argv, y.p.argc, &container)
    if c.command == NULL or not arity_fits(c.command, y.p.argc):
        return replay_bad(y, b"not a command, or a wrong number of arguments: ", y.p.argv[0])
    c.flags = c.command.flags
    if c.flags & F_ADMIN:
        return replay_bad(y, b"a command that no log contains: ", y.p.argv[0])
    c.argv = y.p.argv
    c.argc = y.p.argc
    run_quietly(&c)
    y.c.out.len = 0
    y.result.commands += 1
    return True


cdef void begin_at(parser *p, size_t at) noexcept nogil:
    p.used = p.start = at
    p.missing = p.bulk = -1
    p.argc = 0


cdef void skip_notes(replaying *y) noexcept nogil:
    """Annotations that are whole."""
    cdef const char *end
    while y.p.missing < 0 and y.p.used < y.data.len and y.data.ptr[y.p.used] == c'#':
        end = <const char *>memchr(y.data.ptr + y.p.used, c'\n', y.data.len - y.p.used)
        if end == NULL:
            return
        y.p.used = end + 1 - y.data.ptr


cdef int next_command(replaying *y) noexcept nogil:
    """PARSE_COMMAND, PARSE_ERROR (error is set), or PARSE_MORE: more of the file is needed."""
    cdef int state
    skip_notes(y)
    if y.p.missing < 0 and y.p.used < y.data.len and y.data.ptr[y.p.used] == c'#':
        return PARSE_MORE
    if y.p.missing < 0 and y.p.used < y.data.len and y.data.ptr[y.p.used] != c'*':
        y.p.start = y.p.used
        y.result.malformed = True
        replay_bad(y, b"not the begin of a command", view_of(NULL, 0))
        return PARSE_ERROR
    state = parse(&y.p, y.data.ptr, y.data.len)
    y.result.malformed = state != PARSE_COMMAND and state != PARSE_MORE
    if state == PARSE_ERROR:
        replay_bad(y, y.p.error, view_of(NULL, 0))
    elif state == PARSE_COMMAND or state == PARSE_MORE:
        return state
    else:
        replay_bad(y, b"an empty command", view_of(NULL, 0))
    return PARSE_ERROR


cdef bint selects_nothing(replaying *y) noexcept nogil:
    """A database that does not exist, so that what follows would go to another one."""
    cdef int64_t n
    if y.p.argc != 2 or not view_is(y.p.argv[0], b"select"):
        return False
    if parse_int(y.p.argv[1], &n) and 0 <= n < cfg(&y.s.config, OPT_DATABASES):
        return False
    replay_bad(y, b"a database that does not exist: ", y.p.argv[1])
    return True


cdef int find_exec(replaying *y, size_t *end) noexcept nogil:
    """After MULTI: does its EXEC follow in what has been read?"""
    cdef int state
    while True:
        state = next_command(y)
        if state != PARSE_COMMAND:
            return state
        if selects_nothing(y):
            return PARSE_ERROR
        if y.p.argc == 1 and view_is(y.p.argv[0], b"exec"):
            end[0] = y.p.used
            return PARSE_COMMAND
        if view_is(y.p.argv[0], b"multi"):
            replay_bad(y, b"MULTI within MULTI", view_of(NULL, 0))
            return PARSE_ERROR


cdef void begin_unit(replaying *y) noexcept nogil:
    skip_notes(y)
    y.begin = y.p.used
    y.inside = 0
    y.pending = True
    if y.begin == y.data.len:              # annotations alone are not a torn end
        y.result.valid = y.before + y.begin


cdef int replay_unit(replaying *y) noexcept nogil:
    """Runs a command, or all of a transaction, at replay_at."""
    cdef size_t end = 0
    cdef int state
    if not y.pending or (y.inside == 0 and y.p.missing < 0):       # nothing of it was parsed: annotations may have come
        begin_unit(y)
    if y.inside == 0:
        state = next_command(y)
        if state != PARSE_COMMAND:
            return state
        if not (y.p.argc == 1 and view_is(y.p.argv[0], b"multi")):
            y.pending = False
            return PARSE_COMMAND if not selects_nothing(y) and y.run(y) else PARSE_ERROR
        y.inside = y.p.used
    state = find_exec(y, &end)
    if state != PARSE_COMMAND:
        return state
    y.pending = False
    begin_at(&y.p, y.inside)
    while next_command(y) == PARSE_COMMAND and y.p.used < end:
        if not y.run(y):
            return PARSE_ERROR
    return PARSE_COMMAND


cdef int run_slice(replaying *y) noexcept nogil:
    """Under the lock."""
    cdef int _
    cdef int state = PARSE_COMMAND
    store_time(y.s)
    for _ in range(SLICE):
        state = replay_unit(y)
        if state != PARSE_COMMAND:
            break
        y.result.valid = y.before + y.p.used
    progress_at(y.s, y.result.valid)
    if not y.held:                     # else after the command that holds it
        after(y.s)
    return state


cdef replay_end run_all(replaying *y) noexcept nogil:
    cdef int state
    cdef uint64_t before
    while True:
        before = y.result.commands
        take_lock(y)
        state = run_slice(y)
        give_lock(y)
        if state == PARSE_ERROR:
            return REPLAY_BAD
        if not y.held:
            guard_yield(&y.s.guard)
            progress_rest(y.s, y.result.commands - before)
        if state == PARSE_MORE:
            replay_drop(y)
            if not feed(y):
                break
    if y.result.failed_call:
        return REPLAY_UNREADABLE
    if not y.ended:
        replay_bad(y, b"out of memory", view_of(NULL, 0))
        return REPLAY_BAD
    return REPLAY_WHOLE if y.data.len == 0 else REPLAY_TORN


cdef void replay_init(replaying *y, store *s, replayed *result) noexcept nogil:
    memset(y, 0, sizeof(replaying))
    memset(result, 0, sizeof(replayed))
    y.s = s
    y.result = result
    y.run = run_words
    y.fd = -1
    parser_init(&y.p)
    y.p.trusted = True
    y.p.max_bulk = <int64_t>1 << 40


cdef void replay_drop(replaying *y) noexcept nogil:
    cdef size_t n = replay_at(y)
    if n == 0:
        return
    y.before += n
    buf_drop_front(&y.data, n)
    if not y.pending:
        begin_at(&y.p, 0)
        return
    parser_dropped(&y.p, n)
    y.begin = 0
    y.inside -= n if y.inside else 0


cdef void replay_release(replaying *y) noexcept nogil:
    parser_release(&y.p)
    buf_release(&y.data)


cdef replay_end replay_file(store *s, const char *path, uint64_t begin, bint held, replayed *r) noexcept nogil:
    cdef replaying y
    cdef replay_end end = REPLAY_UNREADABLE
    replay_init(&y, s, r)
    y.held = held
    y.before = r.valid = begin
    y.fd = open(path, O_RDONLY | O_CLOEXEC)
    if y.fd < 0 or lseek(y.fd, <long>begin, SEEK_SET) < 0:
        r.failed_call = errno
        return REPLAY_UNREADABLE
    take_lock(&y)
    y.c = session_new(s, True)
    give_lock(&y)
    if y.c != NULL:
        end = run_all(&y)
        take_lock(&y)
        session_delete(y.c)
        give_lock(&y)
    else:
        r.failed_call = ENOMEM
    r.size = y.before + y.data.len
    replay_release(&y)
    close(y.fd)
    return end
