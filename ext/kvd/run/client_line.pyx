"""A client as a line of CLIENT LIST, which the log of denials keeps too."""

from libc.stdint cimport int64_t

from kvd.core.buf cimport buf_add_char, buf_printf
from kvd.run.acl.access cimport user_of
from kvd.run.call cimport command
from kvd.run.emulation cimport NEVER, replies_since
from kvd.session.channels cimport CHANNEL, PATTERN, SHARD, subscriptions
from kvd.session.session cimport FREE_OUTPUT, in_multi, is_listening, is_tracking, session_memory, session_output
from kvd.session.tracking cimport tracker_of
from kvd.store.store cimport SPECIAL_NO_TOUCH


cdef const char *known_flags() noexcept nogil:
    return b"bcdeirtuxABEIMNOPRSTU"


cdef void client_flags(session *s, buf *out) noexcept nogil:
    cdef size_t plain = out.len
    if s.monitor:
        buf_add_char(out, c'O')
    if s.syncs:
        buf_add_char(out, c'S')
    if s.master:
        buf_add_char(out, c'M')
    if is_listening(s):
        buf_add_char(out, c'P')
    if s.wait != NULL or s.paused:
        buf_add_char(out, c'b')
    if is_tracking(s):
        buf_add_char(out, c't')
        if tracker_of(s).broken:
            buf_add_char(out, c'R')
        if tracker_of(s).bcast:
            buf_add_char(out, c'B')
    if in_multi(s) or s.executing:
        buf_add_char(out, c'x')
    if s.touched:
        buf_add_char(out, c'd')
    if s.closing:
        buf_add_char(out, c'c')
    if s.addr.len and s.addr.ptr[0] == c'/':
        buf_add_char(out, c'U')
    if s.no_evict:
        buf_add_char(out, c'e')
    if s.special & SPECIAL_NO_TOUCH:
        buf_add_char(out, c'T')
    if s.reads_replica:
        buf_add_char(out, c'r')
    if s.import_source:
        buf_add_char(out, c'I')
    if out.len == plain:
        buf_add_char(out, c'N')


cdef void print_client(session *s, buf *out) noexcept nogil:
    cdef const command *last = <const command *>s.last_command
    cdef int64_t now = s.store.now
    cdef size_t output = session_output(s)
    buf_printf(out, b"id=%lld addr=%.*s laddr=%.*s fd=%d name=%.*s", <long long>s.id, <int>s.addr.len, s.addr.ptr,
               <int>s.laddr.len, s.laddr.ptr, s.fd, <int>s.name.len, s.name.ptr)
    buf_printf(out, b" age=%lld idle=%lld flags=", <long long>((now - s.created_ms) // 1000),
               <long long>((now - s.last_ms) // 1000))
    client_flags(s, out)
    if replies_since(s.store, NEVER, 80000):
        buf_printf(out, b" capa=%s", <const char *>b"r" if s.redirects else <const char *>b"")
    buf_printf(out, b" db=%d sub=%zu psub=%zu", s.db, subscriptions(s, CHANNEL), subscriptions(s, PATTERN))
    if replies_since(s.store, 70000, 70200):
        buf_printf(out, b" ssub=%zu", subscriptions(s, SHARD))
    buf_printf(out, b" multi=%d", <int>(s.queue_len if in_multi(s) else -1))
    if replies_since(s.store, 70400, 80000):
        buf_printf(out, b" watch=%d", s.watch_len)
    buf_printf(out, b" qbuf=%zu qbuf-free=%zu argv-mem=%zu", s.input_used, s.input_free, s.argv_bytes)
    if replies_since(s.store, 70000, 70200):
        buf_printf(out, b" multi-mem=%zu rbs=%zu rbp=%zu", s.queue_bytes, s.out.cap, s.out.cap)
    buf_printf(out, b" obl=%zu oll=%zu omem=%zu tot-mem=%zu events=%s cmd=%s user=%.*s redir=%lld",
               min(s.pending + s.out.len, <size_t>FREE_OUTPUT), (output + FREE_OUTPUT - 1) // FREE_OUTPUT, output, session_memory(s),
               <const char *>b"rw" if s.pending else <const char *>b"r",
               last.name if last != NULL else <const char *>b"NULL",
               <int>user_of(s).name_len, user_of(s).name, <long long>(tracker_of(s).redirect if is_tracking(s) else -1))
    if replies_since(s.store, 70000, 70200):
        buf_printf(out, b" resp=%d", s.proto)
    if replies_since(s.store, 70200, 70200):
        buf_printf(out, b" lib-name=%.*s lib-ver=%.*s", <int>s.lib_name.len, s.lib_name.ptr, <int>s.lib_ver.len, s.lib_ver.ptr)
    if replies_since(s.store, 80000, NEVER):
        buf_printf(out, b" io-thread=0")
    buf_add_char(out, c'\n')
