"""CONFIG: the option table at run time. run/options.pyx applies changed options."""

from libc.errno cimport ENOENT, ENOMEM, errno
from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memchr, memset, strerror
from posix.unistd cimport _SC_OPEN_MAX, sysconf

from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_printf, buf_release
from kvd.core.glob cimport glob_match
from kvd.core.textfile cimport textfile_read, textfile_replace
from kvd.core.view cimport view, view_is, view_of, view_str
from kvd.net.context cimport can_reach_masters, is_about_tls
from kvd.resp.writer cimport write_bulk, write_header_at
from kvd.run.accounts cimport accounts_reset
from kvd.run.acl.describe cimport describe_user
from kvd.run.acl.users cimport acl, acl_of
from kvd.run.args cimport reply_error, reply_error_about, reply_errorf, reply_ok, reply_text
from kvd.run.call cimport call
from kvd.run.errors cimport LOADING, NO_MEMORY
from kvd.run.figures cimport figures_reset
from kvd.run.options cimport options_applied
from kvd.run.registry cimport define
from kvd.store.config cimport (
    HIDDEN, MUTABLE, OPT_ACLFILE, OPT_APPENDONLY, OPT_BIND, OPT_DIR, OPT_ENABLE_PROTECTED_CONFIGS, OPT_MAXCLIENTS,
    OPT_PORT, OPT_TLS_PORT, PROTECTED, SPARE_DESCRIPTORS, WORDS, cfg, config, config_copy, config_init,
    config_is_default, config_print, config_release, config_set, config_text, option_at, option_count, option_find,
)
from kvd.store.log cimport LOG_WARNING, log_line
from kvd.store.store cimport LISTEN_TLS_FAILED, SPECIAL_LOADING

cdef extern from "<stdlib.h>" nogil:
    char *realpath(const char *path, char *out)

cdef enum:
    MAX_PATH = 4096


cdef void reply_option(call *c, const char *name, int id) noexcept nogil:
    cdef buf value
    memset(&value, 0, sizeof(value))
    config_print(&c.store.config, id, &value)
    reply_text(c, name)
    write_bulk(c.out, view_of(value.ptr, value.len))
    buf_release(&value)


cdef bint wanted(call *c, const char *name, bint hidden) noexcept nogil:
    cdef int i
    for i in range(2, c.argc):
        if view_is(c.argv[i], name) or (not hidden and glob_match(c.argv[i], view_str(name), True)):
            return True
    return False


define(config_get_command, """
    CONFIG|GET parameter [parameter ...]
    admin noscript loading stale | server | 2.0.0 | O(N) where N is the number of options
    Return the options whose names match patterns.
""")
cdef void config_get_command(call *c) noexcept nogil:
    cdef int64_t n = 0
    cdef int id
    cdef bint hidden
    cdef size_t at = c.out.len
    for id in range(option_count()):
        hidden = option_at(id).flags & HIDDEN != 0
        if wanted(c, option_at(id).name, hidden):
            reply_option(c, option_at(id).name, id)
            n += 1
        if option_at(id).alias != NULL and wanted(c, option_at(id).alias, hidden):
            reply_option(c, option_at(id).alias, id)
            n += 1
    write_header_at(c.out, at, c'%' if c.proto >= 3 else c'*', n if c.proto >= 3 else n * 2)


cdef void set_failed(call *c, view name, const char *why) noexcept nogil:
    cdef char text[400]
    snprintf(text, sizeof(text), b"ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
             <int>min(name.len, <size_t>64), name.ptr, why)
    reply_error(c, text)


cdef bint may_set(call *c, int id, int at) noexcept nogil:
    cdef int i
    cdef int64_t allowed = cfg(&c.store.config, OPT_ENABLE_PROTECTED_CONFIGS)
    if not option_at(id).flags & MUTABLE:
        set_failed(c, c.argv[at], b"can't set immutable config")
        return False
    if option_at(id).flags & PROTECTED and not (allowed == 1 or (allowed == 2 and c.session.local)) \
            and not c.session.in_process:
        set_failed(c, c.argv[at], b"can't set protected config")
        return False
    if id == OPT_DIR and c.store.special & SPECIAL_LOADING:
        reply_error(c, LOADING)
        return False
    for i in range(2, at, 2):
        if option_find(c.argv[i]) == id:
            set_failed(c, c.argv[at], b"duplicate parameter")
            return False
    return True


cdef bint listens(call *c, config *wanted) noexcept nogil:
    """Changes what the server listens with if the command sets port, bind, maxclients or an option about TLS. False: that failed, and the error is replied."""
    cdef int i, id
    cdef int failed = -1
    cdef bint asks = False
    cdef bint about_tls = False
    cdef char reason[512]
    cdef const char *why = b"Failed to bind to specified addresses."
    for i in range(2, c.argc, 2):
        id = option_find(c.argv[i])
        asks = asks or id == OPT_PORT or id == OPT_BIND or id == OPT_MAXCLIENTS or is_about_tls(id)
        about_tls = about_tls or is_about_tls(id)
    if about_tls and not can_reach_masters(wanted, reason, sizeof(reason)):
        log_line(c.store, LOG_WARNING, reason)
        failed = LISTEN_TLS_FAILED
    elif asks and c.store.on_listen != NULL:
        failed = c.store.on_listen(c.store, wanted, about_tls)
    if failed == OPT_MAXCLIENTS:
        snprintf(reason, sizeof(reason), b"The operating system is not able to handle the specified number of clients, try with %ld", sysconf(_SC_OPEN_MAX) - SPARE_DESCRIPTORS)
        why = reason
    elif failed == OPT_PORT or failed == OPT_TLS_PORT:
        why = b"Unable to listen on this port. Check server logs."
    elif failed == LISTEN_TLS_FAILED:
        why = b"Unable to update TLS configuration. Check server logs."
    for i in range(2, c.argc, 2):
        id = option_find(c.argv[i])
        if id == failed or (failed == LISTEN_TLS_FAILED and is_about_tls(id)):
            set_failed(c, c.argv[i], why)
            return False
    return failed == -1


cdef int make_absolute(call *c, config *wanted) noexcept nogil:
    """The option dir. The process, which may be a user's program, keeps its directory. 0, or the error of chdir."""
    cdef char joined[MAX_PATH * 2]
    cdef char whole[MAX_PATH]
    cdef buf why
    cdef const char *path = config_text(wanted, OPT_DIR)
    if path[0] == 0:
        return ENOENT
    snprintf(joined, sizeof(joined), b"%s%s%s/.", <const char *>b"" if path[0] == c'/' else config_text(&c.store.config, OPT_DIR),
             <const char *>b"" if path[0] == c'/' else <const char *>b"/", path)
    if realpath(joined, whole) == NULL:
        return errno
    memset(&why, 0, sizeof(why))
    return 0 if config_set(wanted, OPT_DIR, view_str(whole), &why) else ENOMEM


define(config_set_command, """
    CONFIG|SET parameter value [parameter value ...]
    admin noscript loading stale | server | 2.0.0 | O(N) where N is the number of options set
    Change options: all of them, or none after an error.
    tips: request_policy:all_nodes response_policy:all_succeeded
    secret: options
""")
cdef void config_set_command(call *c) noexcept nogil:
    cdef config trial
    cdef int i, id, failed
    cdef buf why
    if c.argc % 2:
        reply_errorf(c, b"ERR wrong number of arguments for 'config|set' command", NULL, NULL)
        return
    for i in range(2, c.argc, 2):
        id = option_find(c.argv[i])
        if id < 0:
            reply_error_about(c, b"ERR Unknown option or number of arguments for CONFIG SET - '%.*s'", c.argv[i])
            return
        if not may_set(c, id, i):
            return
    config_init(&trial)
    if not config_copy(&trial, &c.store.config):
        reply_error(c, NO_MEMORY)
        return
    memset(&why, 0, sizeof(why))
    for i in range(2, c.argc, 2):
        id = option_find(c.argv[i])
        if not config_set(&trial, id, c.argv[i + 1], &why):
            buf_add_char(&why, 0)
            set_failed(c, c.argv[i], why.ptr)
            buf_release(&why)
            config_release(&trial)
            return
        failed = make_absolute(c, &trial) if id == OPT_DIR else 0
        if failed:
            set_failed(c, c.argv[i], strerror(failed))
            config_release(&trial)
            return
    if not listens(c, &trial):
        config_release(&trial)
        return
    config_copy(&c.store.config, &trial)
    config_release(&trial)
    options_applied(c.store, True)
    if c.store.on_options != NULL:
        c.store.on_options(c.store)    # save points, and whether there is a log
    for i in range(2, c.argc, 2):
        if option_find(c.argv[i]) == OPT_APPENDONLY and view_is(c.argv[i + 1], b"yes") and not cfg(&c.store.config, OPT_APPENDONLY):
            set_failed(c, c.argv[i], b"Unable to turn on AOF. Check server logs.")
            return
    reply_ok(c)


define(config_resetstat, """
    CONFIG|RESETSTAT
    admin noscript loading stale | server | 2.0.0 | O(1)
    Reset the counters shown by INFO.
    tips: request_policy:all_nodes response_policy:all_succeeded
""")
cdef void config_resetstat(call *c) noexcept nogil:
    figures_reset(c.store)
    accounts_reset(c.store)
    reply_ok(c)


# ---- REWRITE ----------------------------------------------------------------------------------------

cdef void print_line(call *c, int id, buf *out) noexcept nogil:
    """`name value`, quoted if necessary."""
    cdef buf value
    cdef size_t i
    cdef bint quoted
    memset(&value, 0, sizeof(value))
    config_print(&c.store.config, id, &value)
    quoted = value.len == 0
    if not option_at(id).flags & WORDS:
        for i in range(value.len):
            if value.ptr[i] <= c' ' or value.ptr[i] == c'"' or value.ptr[i] == c"'" or value.ptr[i] == c'\\' or value.ptr[i] == c'#':
                quoted = True
    buf_printf(out, b"%s ", option_at(id).name)
    if quoted:
        buf_add_char(out, c'"')
    for i in range(value.len):
        if quoted and (value.ptr[i] == c'"' or value.ptr[i] == c'\\'):
            buf_add_char(out, c'\\')
        if 0 <= value.ptr[i] < c' ':
            buf_printf(out, b"\\x%02x", <unsigned char>value.ptr[i])
        else:
            buf_add_char(out, value.ptr[i])
    if quoted:
        buf_add_char(out, c'"')
    buf_add_char(out, c'\n')
    buf_release(&value)


cdef bint users_are_listed(call *c) noexcept nogil:
    """Else they are in the file of users."""
    return config_text(&c.store.config, OPT_ACLFILE)[0] == 0


cdef void print_users(call *c, buf *out) noexcept nogil:
    cdef acl *a = acl_of(c.store)
    cdef int i
    for i in range(a.count):
        describe_user(a.users[i], True, out)
        buf_add_char(out, c'\n')


cdef void rewrite_lines(call *c, const char *p, const char *end, buf *out) noexcept nogil:
    """Old lines keep their order and comments; the first line of each option gets its value, further ones are removed. Users follow."""
    cdef bint done[512]
    cdef const char *eol
    cdef const char *word
    cdef view name
    cdef int id
    memset(done, 0, sizeof(done))
    while p < end:
        eol = <const char *>memchr(p, c'\n', end - p)
        if eol == NULL:
            eol = end
        word = p
        while word < eol and (word[0] == c' ' or word[0] == c'\t'):
            word += 1
        name.ptr = word
        while word < eol and not (word[0] <= c' '):
            word += 1
        name.len = word - name.ptr
        id = option_find(name) if name.len and name.ptr[0] != c'#' else -1
        if view_is(name, b"user") and users_are_listed(c):
            p = eol + 1
            continue
        if id < 0:
            buf_add(out, p, eol - p)
            buf_add_char(out, c'\n')
        elif not done[id]:
            print_line(c, id, out)
            done[id] = True
        p = eol + 1
    for id in range(option_count()):
        if not done[id] and not config_is_default(&c.store.config, id):
            print_line(c, id, out)
    if users_are_listed(c):
        print_users(c, out)


define(config_rewrite, """
    CONFIG|REWRITE
    admin noscript loading stale | server | 2.8.0 | O(N) where N is the number of options
    Write the current options to the configuration file.
""")
cdef void config_rewrite(call *c) noexcept nogil:
    cdef buf old, new
    cdef int failed
    if c.store.config_path == NULL:
        reply_error(c, b"ERR The server is running without a config file")
        return
    memset(&old, 0, sizeof(old))
    memset(&new, 0, sizeof(new))
    failed = textfile_read(c.store.config_path, &old)
    if failed == 0 or failed == ENOENT:        # a file that is gone is written anew; of another that cannot be read nothing must be lost
        rewrite_lines(c, old.ptr, old.ptr + old.len, &new)
        failed = textfile_replace(c.store.config_path, &new)
    if failed == 0:
        reply_ok(c)
    else:
        reply_error(c, b"ERR Rewriting config file: the file cannot be written")
    buf_release(&old)
    buf_release(&new)
