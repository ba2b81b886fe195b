"""CLIENT LIST and CLIENT KILL: clients chosen by filters.

A filter is a row: its name, how its value is read, and whether it holds for a session. NOT- before the name of most of them asks for
those for which it does not hold. A client is chosen if all filters that are given agree; of one that is given twice the second counts,
except that numbers of clients add up.
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport bsearch, free, malloc, qsort
from libc.string cimport memchr, memset, strlen

from kvd.core.buf cimport buf, buf_release
from kvd.core.text cimport parse_int
from kvd.core.view cimport view, view_equal, view_is, view_of
from kvd.resp.writer cimport write_verbatim
from kvd.run.acl.access cimport user_of
from kvd.run.acl.users cimport user, user_named
from kvd.run.args cimport reply_error, reply_error_about, reply_errorf, reply_int, reply_ok
from kvd.run.call cimport call
from kvd.run.client_line cimport client_flags, known_flags, print_client
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.session cimport DOOR_STORE, client_by_id, clients_of, is_listening, session, session_end, session_kill
from kvd.store.config cimport OPT_DATABASES, cfg

cdef enum client_type:
    TYPE_NORMAL
    TYPE_PUBSUB
    TYPE_MASTER
    TYPE_REPLICA

cdef enum:
    BY_ID = 0                  # numbers of rows; the values of this one are read by read_ids: there may be many
    BY_ADDR = 2
    FILTERS = 14

cdef struct condition:
    bint given
    view text
    int64_t number
    user *user
    int64_t *ids               # of BY_ID, sorted if they are unwanted; own memory
    size_t id_count

ctypedef bint (*reader)(call *c, view name, view value, condition *f) noexcept nogil     # False: the error is replied
ctypedef bint (*tester)(session *s, condition *f) noexcept nogil

cdef struct filter_row:
    const char *name
    reader read
    tester holds
    bint positive              # there is no NOT- of it

cdef struct selection:
    condition wanted[FILTERS]
    condition unwanted[FILTERS]
    bint skip_me

cdef struct walk:              # over the clients that are selected
    session *next
    size_t id                  # the next of the wanted ones, if numbers are given

cdef filter_row ROWS[FILTERS]
ROWS[:] = [
    filter_row(b"id", NULL, has_id, False),
    filter_row(b"type", read_type, is_of_type, False),
    filter_row(b"addr", read_text, has_addr, False),
    filter_row(b"laddr", read_text, has_laddr, False),
    filter_row(b"user", read_user, is_user, False),
    filter_row(b"name", read_text, has_name, False),
    filter_row(b"ip", read_text, has_ip, False),
    filter_row(b"flags", read_flags, has_flags, False),
    filter_row(b"lib-name", read_text, has_lib_name, False),
    filter_row(b"lib-ver", read_text, has_lib_ver, False),
    filter_row(b"db", read_db, is_in_db, False),
    filter_row(b"capa", read_capa, has_capa, False),
    filter_row(b"idle", read_seconds, is_idle, True),
    filter_row(b"maxage", read_seconds, is_old, True),
]


# ---- reading values ---------------------------------------------------------------------------------

cdef bint read_text(call *c, view name, view value, condition *f) noexcept nogil:
    f.text = value
    return True


cdef bint read_type(call *c, view name, view value, condition *f) noexcept nogil:
    if view_is(value, b"normal"):
        f.number = TYPE_NORMAL
    elif view_is(value, b"pubsub"):
        f.number = TYPE_PUBSUB
    elif view_is(value, b"master") or view_is(value, b"primary"):
        f.number = TYPE_MASTER
    elif view_is(value, b"replica") or view_is(value, b"slave"):
        f.number = TYPE_REPLICA
    else:
        reply_error_about(c, b"ERR Unknown client type '%.*s'", value)
        return False
    return True


cdef bint read_user(call *c, view name, view value, condition *f) noexcept nogil:
    f.user = user_named(c.store, value)
    if f.user == NULL:
        reply_error_about(c, b"ERR No such user '%.*s'", value)
    return f.user != NULL


cdef bint read_letters(call *c, const char *known, view value, condition *f, const char *unknown) noexcept nogil:
    cdef size_t i
    f.text = value
    for i in range(value.len):
        if value.ptr[i] == 0 or memchr(known, value.ptr[i], strlen(known)) == NULL:
            reply_error_about(c, unknown, value)
            return False
    return True


cdef bint read_flags(call *c, view name, view value, condition *f) noexcept nogil:
    return read_letters(c, known_flags(), value, f, b"ERR Unknown flags found in the NOT-FLAGS filter: %.*s" if is_negative(name)
                        else b"ERR Unknown flags found in the provided filter: %.*s")


cdef bint read_capa(call *c, view name, view value, condition *f) noexcept nogil:
    return read_letters(c, b"r", value, f, b"ERR Unknown capa found in the NOT-CAPA filter: %.*s" if is_negative(name)
                        else b"ERR Unknown capa found in the provided filter: %.*s")


cdef bint read_db(call *c, view name, view value, condition *f) noexcept nogil:
    cdef char most[24]
    cdef const char *word = b"NOT-DB" if is_negative(name) else b"DB"
    if not parse_int(value, &f.number):
        reply_errorf(c, b"ERR %s is not an integer or out of range", word, NULL)
        return False
    if not 0 <= f.number < cfg(&c.store.config, OPT_DATABASES):
        snprintf(most, sizeof(most), b"%lld", <long long>cfg(&c.store.config, OPT_DATABASES) - 1)
        reply_errorf(c, b"ERR %s number should be between 0 and %s", word, most)
        return False
    return True


cdef bint read_seconds(call *c, view name, view value, condition *f) noexcept nogil:
    cdef const char *word = b"idle" if view_is(name, b"idle") else b"maxage"
    if not parse_int(value, &f.number):
        reply_errorf(c, b"ERR %s is not an integer or out of range", word, NULL)
        return False
    if f.number <= 0:
        reply_errorf(c, b"ERR %s should be greater than 0", word, NULL)
    return f.number > 0


# ---- testing sessions --------------------------------------------------------------------------------

cdef inline view text_of(buf *b) noexcept nogil:
    return view_of(b.ptr, b.len)


cdef int compare_ids(const void *a, const void *b) noexcept nogil:
    cdef int64_t first = (<const int64_t *>a)[0]
    cdef int64_t second = (<const int64_t *>b)[0]
    return (first > second) - (first < second)


cdef bint has_id(session *s, condition *f) noexcept nogil:
    """Of unwanted ones; the wanted ones are looked up (next_client)."""
    return bsearch(&s.id, f.ids, f.id_count, sizeof(int64_t), compare_ids) != NULL


cdef bint is_of_type(session *s, condition *f) noexcept nogil:
    return f.number == (TYPE_MASTER if s.master else TYPE_REPLICA if s.syncs else TYPE_PUBSUB if is_listening(s) else TYPE_NORMAL)


cdef bint has_addr(session *s, condition *f) noexcept nogil:
    return view_equal(f.text, text_of(&s.addr))


cdef bint has_laddr(session *s, condition *f) noexcept nogil:
    return view_equal(f.text, text_of(&s.laddr))


cdef bint is_user(session *s, condition *f) noexcept nogil:
    return user_of(s) == f.user


cdef bint has_text(view wanted, buf *b) noexcept nogil:
    """What is not set equals nothing."""
    return b.len != 0 and view_equal(wanted, text_of(b))


cdef bint has_name(session *s, condition *f) noexcept nogil:
    return has_text(f.text, &s.name)


cdef bint has_lib_name(session *s, condition *f) noexcept nogil:
    return has_text(f.text, &s.lib_name)


cdef bint has_lib_ver(session *s, condition *f) noexcept nogil:
    return has_text(f.text, &s.lib_ver)


cdef bint has_ip(session *s, condition *f) noexcept nogil:
    """The address without its port; a unix socket has none."""
    cdef view ip = text_of(&s.addr)
    while ip.len and ip.ptr[ip.len - 1] != c':':
        ip.len -= 1
    if ip.len < 2 or ip.ptr[0] == c'/':
        return False
    ip.len -= 1
    if ip.ptr[0] == c'[':
        ip = view_of(ip.ptr + 1, ip.len - 2)
    return view_equal(f.text, ip)


cdef bint has_flags(session *s, condition *f) noexcept nogil:
    """All of them."""
    cdef buf text
    cdef bint all = True
    cdef size_t i
    memset(&text, 0, sizeof(text))
    client_flags(s, &text)
    for i in range(f.text.len):
        all = all and text.len != 0 and memchr(text.ptr, f.text.ptr[i], text.len) != NULL
    buf_release(&text)
    return all


cdef bint is_in_db(session *s, condition *f) noexcept nogil:
    return s.db == f.number


cdef bint has_capa(session *s, condition *f) noexcept nogil:
    return s.redirects or f.text.len == 0


cdef bint is_idle(session *s, condition *f) noexcept nogil:
    return (s.store.now - s.last_ms) // 1000 >= f.number


cdef bint is_old(session *s, condition *f) noexcept nogil:
    return (s.store.now - s.created_ms) // 1000 >= f.number


# ---- selecting ----------------------------------------------------------------------------------------

cdef inline bint is_negative(view name) noexcept nogil:
    return name.len > 4 and view_is(view_of(name.ptr, 4), b"not-")


cdef int filter_named(view name) noexcept nogil:
    """The number of its row; -1: there is none."""
    cdef bint negative = is_negative(name)
    cdef view rest = view_of(name.ptr + 4, name.len - 4) if negative else name
    cdef int i
    for i in range(FILTERS):
        if view_is(rest, ROWS[i].name):
            return -1 if negative and ROWS[i].positive else i
    return -1


cdef inline bint is_filter(view name) noexcept nogil:
    return view_is(name, b"skipme") or filter_named(name) >= 0


cdef int read_ids(call *c, int at, condition *f, bint from_one) noexcept nogil:
    """The number of words from `at` on that are numbers of clients; 0: the first is none, and the error is replied."""
    cdef int first = at
    cdef int64_t id
    if f.ids == NULL:
        f.ids = <int64_t *>malloc(c.argc * sizeof(int64_t))
        if f.ids == NULL:
            reply_error(c, NO_MEMORY)
            return 0
    while at < c.argc and parse_int(c.argv[at], &id):
        if id < 1 and from_one:
            break
        f.ids[f.id_count] = id
        f.id_count += 1
        at += 1
    if at == first or (at < c.argc and not from_one and not is_filter(c.argv[at])):
        reply_error(c, b"ERR client-id should be greater than 0" if from_one else b"ERR Invalid client ID")
        return 0
    return at - first


cdef bint read_skip_me(call *c, view value, selection *all) noexcept nogil:
    all.skip_me = view_is(value, b"yes")
    if not all.skip_me and not view_is(value, b"no"):
        reply_error(c, SYNTAX)
        return False
    return True


cdef int read_filter(call *c, int at, selection *all, bint kills) noexcept nogil:
    """Reads the filter that begins at word `at`, which is not the last; returns the number of its words, 0 after an error."""
    cdef int i = filter_named(c.argv[at])
    cdef condition *f
    cdef int n
    if view_is(c.argv[at], b"skipme"):
        return 2 if read_skip_me(c, c.argv[at + 1], all) else 0
    if i < 0:
        reply_error(c, SYNTAX)
        return 0
    f = &all.unwanted[i] if is_negative(c.argv[at]) else &all.wanted[i]
    f.given = True
    if i == BY_ID:
        n = read_ids(c, at + 1, f, kills)
        return n + 1 if n else 0
    return 2 if ROWS[i].read(c, c.argv[at], c.argv[at + 1], f) else 0


cdef bint read_selection(call *c, selection *all, bint kills) noexcept nogil:
    cdef int at = 2
    cdef int n
    memset(all, 0, sizeof(selection))
    all.skip_me = kills
    while at < c.argc:
        if at + 1 == c.argc:
            reply_error(c, SYNTAX)
            return False
        n = read_filter(c, at, all, kills)
        if n == 0:
            return False
        at += n
    if all.unwanted[<int>BY_ID].given:
        qsort(all.unwanted[<int>BY_ID].ids, all.unwanted[<int>BY_ID].id_count, sizeof(int64_t), compare_ids)
    return True


cdef void release_selection(selection *all) noexcept nogil:
    free(all.wanted[<int>BY_ID].ids)
    free(all.unwanted[<int>BY_ID].ids)


cdef bint is_shown(call *c, session *s) noexcept nogil:
    """Sessions of this process are shown only to each other: they are no connections."""
    return not s.killed and (not s.in_process or c.session.in_process or (s.master and s.fd > 0))


cdef bint is_selected(call *c, selection *all, session *s) noexcept nogil:
    cdef int i
    if not is_shown(c, s) or (all.skip_me and s == c.session):
        return False
    for i in range(FILTERS):
        if all.wanted[i].given and i != BY_ID and not ROWS[i].holds(s, &all.wanted[i]):
            return False
        if all.unwanted[i].given and ROWS[i].holds(s, &all.unwanted[i]):
            return False
    return True


cdef session *next_client(call *c, selection *all, walk *w) noexcept nogil:
    """The next client that is selected, or NULL: those with the wanted numbers in their order, or all from the oldest on."""
    cdef condition *by_id = &all.wanted[<int>BY_ID]
    cdef session *s
    while w.id < by_id.id_count if by_id.given else w.next != NULL:
        if by_id.given:
            s = client_by_id(c.store, by_id.ids[w.id])
            w.id += 1
        else:
            s = w.next
            w.next = s.next
        if s != NULL and is_selected(c, all, s):
            return s
    return NULL


define(client_list, """
    CLIENT|LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [NOT-TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]] [NOT-ID client-id [client-id ...]] [USER username] [NOT-USER username] [ADDR ip:port] [NOT-ADDR ip:port] [LADDR ip:port] [NOT-LADDR ip:port] [SKIPME <YES | NO>] [MAXAGE maxage] [IDLE idle] [NAME name] [NOT-NAME name] [FLAGS flags] [NOT-FLAGS flags] [LIB-NAME lib-name] [NOT-LIB-NAME lib-name] [LIB-VER lib-version] [NOT-LIB-VER lib-version] [DB db] [NOT-DB db] [CAPA capability] [NOT-CAPA capability] [IP ip] [NOT-IP ip]
    admin noscript loading stale keeps_caching | connection | 2.4.0 | O(N) where N is the number of connections
    Return information about all connections, or about those that fit the filters.
    newer: USER ADDR LADDR SKIPME MAXAGE -/8.1.0; NAME IDLE FLAGS LIB-NAME LIB-VER DB CAPA IP NOT-TYPE NOT-ID NOT-USER NOT-ADDR NOT-LADDR NOT-NAME NOT-FLAGS NOT-LIB-NAME NOT-LIB-VER NOT-DB NOT-CAPA NOT-IP -/9.0.0
    tips: nondeterministic_output
""")
cdef void client_list(call *c) noexcept nogil:
    cdef selection all
    cdef walk w = walk(clients_of(c.store).first, 0)
    cdef buf text
    cdef session *s
    memset(&text, 0, sizeof(text))
    if read_selection(c, &all, False):
        s = next_client(c, &all, &w)
        while s != NULL:
            print_client(s, &text)
            s = next_client(c, &all, &w)
        write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)
    release_selection(&all)


cdef void kill(call *c, session *s) noexcept nogil:
    if s == c.session:
        session_end(s)
    else:
        session_kill(s)


cdef int64_t kill_all(call *c, selection *all) noexcept nogil:
    cdef walk w = walk(clients_of(c.store).first, 0)
    cdef session *s = next_client(c, all, &w)
    cdef int64_t killed = 0
    while s != NULL:
        if s.door != DOOR_STORE:
            kill(c, s)
            killed += 1
        s = next_client(c, all, &w)
    return killed


cdef void kill_address(call *c) noexcept nogil:
    """The old form."""
    cdef selection all
    memset(&all, 0, sizeof(all))
    all.wanted[<int>BY_ADDR].given = True
    all.wanted[<int>BY_ADDR].text = c.argv[2]
    if kill_all(c, &all):
        reply_ok(c)
    else:
        reply_error(c, b"ERR No such client")


define(client_kill, """
    CLIENT|KILL <old-ip-port | filter value [filter value ...]>
    admin noscript loading stale keeps_caching | connection | 2.4.0 | O(N) where N is the number of connections
    Close the connections that fit the filters, which are those of CLIENT LIST; SKIPME no includes the caller.
    newer: MAXAGE 7.4.0/8.0.0; PRIMARY -/8.0.0; NAME IDLE FLAGS LIB-NAME LIB-VER DB CAPA IP NOT-TYPE NOT-ID NOT-USER NOT-ADDR NOT-LADDR NOT-NAME NOT-FLAGS NOT-LIB-NAME NOT-LIB-VER NOT-DB NOT-CAPA NOT-IP -/9.0.0
""")
cdef void client_kill(call *c) noexcept nogil:
    cdef selection all
    if c.argc == 3:
        kill_address(c)
        return
    if read_selection(c, &all, True):
        reply_int(c, kill_all(c, &all))
    release_selection(&all)
