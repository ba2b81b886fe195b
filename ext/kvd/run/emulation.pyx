"""Emulation of older servers: the option `emulate`, for tests of code that has to work with them.

A store that emulates a server has its commands, its options of commands, its version and some of its error texts. What came
later is unknown, as it would be there. Releases stand in the declarations of the commands (src/kvd/run/spec.py); a
store without emulation knows everything, and tests one bit for it.

A reply that has changed asks for the release that changed it (replies_since): fields of XINFO, CLIENT LIST and ACL, names of encodings,
digits of GEOPOS, texts of unknown commands. Not emulated: configuration parameters, fields of INFO, COMMAND DOCS.
"""

from libc.stdint cimport int64_t
from libc.string cimport strcmp

from kvd.core.text cimport parse_int
from kvd.core.view cimport view_is
from kvd.run.call cimport REDIS, VALKEY, newer_word
from kvd.store.config cimport OPT_EMULATE, cfg
from kvd.store.store cimport special_set

cdef extern from * nogil:
    """
    #define KVD_REDIS_VERSION "8.4.0"
    """
    const char *REDIS_VERSION "KVD_REDIS_VERSION"

cdef struct server:
    int kind                   # REDIS or VALKEY
    int release                # as in the declarations: 80400 is 8.4
    const char *version

cdef enum:
    SERVERS = 15

cdef server EMULATED[SERVERS]      # in the order of the option's choices
EMULATED[:] = [
    server(REDIS, 0, REDIS_VERSION),       # no emulation
    server(REDIS, 60299, b"6.2.14"),
    server(REDIS, 70099, b"7.0.15"),
    server(REDIS, 70299, b"7.2.7"),
    server(REDIS, 70499, b"7.4.2"),
    server(REDIS, 80099, b"8.0.6"),
    server(REDIS, 80299, b"8.2.3"),
    server(REDIS, 80499, b"8.4.0"),
    server(REDIS, 80699, b"8.6.0"),
    server(REDIS, 80899, b"8.8.0"),
    server(VALKEY, 70299, b"7.2.11"),
    server(VALKEY, 80099, b"8.0.6"),
    server(VALKEY, 80199, b"8.1.4"),
    server(VALKEY, 90099, b"9.0.1"),
    server(VALKEY, 90199, b"9.1.2"),
]

cdef struct wording:
    int since                  # which Valkey says so
    const char *redis
    const char *valkey

cdef enum:
    WORDINGS = 5

cdef wording WORDS[WORDINGS]
WORDS[:] = [
    wording(90000, b"ERR This Redis command is not allowed from script", b"ERR This Valkey command is not allowed from script"),
    wording(80000, b"ERR Unknown Redis command called from script", b"ERR Unknown command called from script"),
    wording(80000, b"ERR Wrong number of args calling Redis command from script", b"ERR Wrong number of args calling command from script"),
    wording(80000, b"NOSCRIPT No matching script. Please use EVAL.", b"NOSCRIPT No matching script."),
    wording(80000, b"ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then "
            b"issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.",
            b"ERR This instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then "
            b"issue a CONFIG REWRITE (assuming you have a configuration file set) in order to store users in the configuration."),
]


cdef inline const server *server_of(store *s) noexcept nogil:
    return &EMULATED[cfg(&s.config, OPT_EMULATE)]


cdef void emulation_applied(store *s) noexcept nogil:
    special_set(&s.special, SPECIAL_EMULATES, cfg(&s.config, OPT_EMULATE) != 0)


cdef bint is_unknown(store *s, const command *d) noexcept nogil:
    return d.since[server_of(s).kind] > server_of(s).release


cdef inline bint names(const newer_word *w, call *c, int i) noexcept nogil:
    return view_is(c.argv[i], w.word) and (w.after == NULL or view_is(c.argv[i - 1], w.after))


cdef int first_option(call *c) noexcept nogil:
    """The first word that may be an option: after the keys that a number announces."""
    cdef int at = c.command.options_at
    cdef int64_t n
    cdef int i
    for i in range(c.command.key_specs):
        if c.command.keys[i].counted and c.command.keys[i].begin < c.argc and parse_int(c.argv[c.command.keys[i].begin], &n) and 0 < n < c.argc:
            at = c.command.keys[i].begin + 1 + <int>n
    return at


cdef int behind_options(call *c) noexcept nogil:
    """The word at which they end: one that is followed by keys (STREAMS), or the end."""
    cdef const char *keyword
    cdef int i, k
    for i in range(c.command.key_specs):
        keyword = c.command.keys[i].keyword
        if keyword != NULL:
            for k in range(1, c.argc):
                if view_is(c.argv[k], keyword):
                    return k
    return c.argc


cdef const newer_word *newer_used(call *c) noexcept nogil:
    cdef const server *like = server_of(c.store)
    cdef const newer_word *w
    cdef int first = first_option(c)
    cdef int end = behind_options(c)
    cdef int i, k
    for i in range(c.command.newer_count):
        w = &c.command.newer[i]
        if w.asked or w.since[like.kind] <= like.release:
            continue
        for k in range(w.at or first, min(w.at + 1, c.argc) if w.at else end):
            if names(w, c, k):
                return w
    return NULL


cdef bint is_known_later(call *c, view word) noexcept nogil:
    cdef const server *like = server_of(c.store)
    cdef int i
    for i in range(c.command.newer_count):
        if view_is(word, c.command.newer[i].word):
            return c.command.newer[i].since[like.kind] > like.release
    return False


cdef bint is_later(store *s, int redis, int valkey) noexcept nogil:
    return (valkey if server_of(s).kind == VALKEY else redis) > server_of(s).release


cdef const char *emulated_text(store *s, const char *text) noexcept nogil:
    cdef int i
    if server_of(s).kind == VALKEY:
        for i in range(WORDINGS):
            if WORDS[i].since <= server_of(s).release and strcmp(text, WORDS[i].redis) == 0:
                return WORDS[i].valkey
    return text


cdef const char *redis_version(store *s) noexcept nogil:
    if server_of(s).kind == VALKEY:
        return b"7.2.4"
    return server_of(s).version


cdef const char *valkey_version(store *s) noexcept nogil:
    return server_of(s).version if server_of(s).kind == VALKEY else NULL
