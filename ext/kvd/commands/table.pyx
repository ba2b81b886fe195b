"""The command table and the one gate through which every command goes.

`define` is called at import, above each handler, with the declaration that src/kvd/commands/spec.py
reads. After that the table is frozen and needs neither the GIL nor memory: names are found by open
addressing over their first eight bytes in lower case and their length.

`dispatch` is one sequence of early returns: known? subcommand? arity? password? transaction? memory?
paused? then queue or run. `run_command` measures, and is what EXEC calls for each queued command.

An error reply goes through reply_error, which counts it by its first word and marks the call failed.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset

from kvd.commands.errors cimport NO_MEMORY, NOAUTH, NOT_INT, OOM, WRONGTYPE
from kvd.commands.blocking cimport serve_ready
from kvd.commands.figures cimport MAX_COMMANDS, figure_call, figure_error, figure_latency, figure_slow, figures_of
from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_printf, buf_release
from kvd.core.clock cimport pace_update, ticks
from kvd.core.entry cimport entry
from kvd.core.slots cimport key_slot
from kvd.core.table cimport table_hash, table_prefetch, table_prefetch_entry
from kvd.core.text cimport parse_int
from kvd.core.view cimport lower, view, view_is, view_of, view_str
from kvd.session.channels cimport is_listening
from kvd.session.tracking cimport tracker, tracker_of, tracking_remember
from kvd.session.session cimport (
    REPLY_ON, REPLY_SKIP, REPLY_SKIP_NEXT, clients_of, is_paused, session, session_append_pushes, session_discard,
    session_queue,
)
from kvd.store.config cimport OPT_CLUSTER_ENABLED, OPT_SLOWLOG_LOG_SLOWER_THAN, cfg
from kvd.store.evict cimport access_touch, evict_until_fits, over_limit
from kvd.store.keyspace cimport hash_of, keyspace_find, keyspace_read, store, store_time
from kvd.types.kind cimport type_of

from kvd.commands import spec as _spec

cdef enum:
    HASH_SLOTS = 2048
    NAME_ROOM = 48

cdef command TABLE[MAX_COMMANDS]
cdef int COUNT = 0
cdef short INDEX[HASH_SLOTS]
cdef list KEPT = []
cdef dict SPECS = {}           # name -> Spec, for Python
cdef bint FROZEN = False
memset(INDEX, -1, sizeof(INDEX))

cdef dict FLAGS = {
    "write": F_WRITE, "readonly": F_READONLY, "denyoom": F_DENYOOM, "admin": F_ADMIN, "no_auth": F_NO_AUTH,
    "no_multi": F_NO_MULTI, "skip_monitor": F_SKIP_MONITOR, "skip_slowlog": F_SKIP_SLOWLOG,
    "noscript": F_NOSCRIPT, "allow_busy": F_ALLOW_BUSY, "no_mandatory_keys": F_NO_MANDATORY_KEYS,
}
LISTENING = {"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe", "ping", "quit", "reset"}
IN_MULTI = {"exec", "discard", "multi", "watch", "quit", "reset"}


cdef const char *keep(bytes b):
    KEPT.append(b)
    return b


cdef inline uint32_t slot_of(const char *name, size_t n) noexcept nogil:
    cdef uint64_t word = 0
    memcpy(&word, name, n if n < 8 else 8)
    word |= <uint64_t>0x2020202020202020ULL
    word ^= <uint64_t>n << 56
    if n > 8:
        word ^= <uint64_t>(<unsigned char>name[n - 1] | 32) << 40 ^ <uint64_t>(<unsigned char>name[n - 2] | 32) << 17
    word *= <uint64_t>0x9E3779B97F4A7C15ULL
    return <uint32_t>(word >> 53)


cdef object define(handler run, str text):
    global COUNT
    cdef command *d = &TABLE[COUNT]
    cdef bytes name
    cdef uint32_t slot
    if FROZEN or COUNT == MAX_COMMANDS:
        raise RuntimeError("the command table is closed")
    parsed = _spec.parse(text)
    name = parsed.name.encode()
    d.name = keep(name)
    d.name_len = len(name)
    d.run = run
    d.id = COUNT
    d.arity = parsed.arity
    d.flags = 0
    for flag in parsed.flags:
        d.flags |= <uint32_t>FLAGS.get(flag, 0)
    if parsed.name in IN_MULTI:
        d.flags |= F_IN_MULTI
    if parsed.name in LISTENING:
        d.flags |= F_LISTENING
    d.first = parsed.first
    d.last = parsed.last
    d.step = parsed.step
    d.numkeys_at = parsed.numkeys_at
    d.numkeys_step = parsed.numkeys_step
    for i in range(2):
        d.keywords[i] = keep(parsed.keywords[i].lower().encode()) if i < len(parsed.keywords) else NULL
    d.key_specs = len(parsed.key_flags)
    d.container = NULL
    d.group = keep(parsed.group.encode())
    SPECS[parsed.name] = parsed
    COUNT += 1
    slot = slot_of(d.name, d.name_len)
    while INDEX[slot] >= 0:
        slot = (slot + 1) % HASH_SLOTS
    INDEX[slot] = d.id
    return None


cdef void freeze() except *:
    """Adds containers and their HELP, and makes the replies of COMMAND INFO and COMMAND DOCS."""
    global FROZEN
    cdef int i
    cdef bytes entry_bytes
    if FROZEN:
        return
    for container in sorted({s.container for s in SPECS.values()} - set(SPECS) - {""}):
        group = next(s.group for s in SPECS.values() if s.container == container)
        define(not_reached, f"{container.upper()} subcommand\ncontainer | {group} | 1.0.0 | Depends on subcommand.\n"
               f"A container for {container.upper()} commands.\narity: -2")
    for container in sorted({s.container for s in SPECS.values()} - {""}):
        define(help_command, f"{container.upper()}|HELP\nloading stale | {SPECS[container].group} | 5.0.0 | O(1)\n"
               "Show what the subcommands do.")
    for i in range(COUNT):
        name = TABLE[i].name.decode()
        if "|" in name:
            entry_bytes = name.partition("|")[0].encode()
            TABLE[i].container = command_find(view_of(entry_bytes, len(entry_bytes)))
            (<command *>TABLE[i].container).flags |= F_CONTAINER
    subcommands = {}
    for parsed in SPECS.values():
        subcommands.setdefault(parsed.container, []).append(parsed)
    for i in range(COUNT):
        parsed = SPECS[TABLE[i].name.decode()]
        members = subcommands.get(parsed.name, ())
        if parsed.name.endswith("|help"):
            entry_bytes = _spec.help_reply(parsed.container, subcommands[parsed.container])
            TABLE[i].help = view_of(keep(entry_bytes), len(entry_bytes))
        entry_bytes = _spec.info_reply(parsed, [_spec.info_reply(m, []) for m in members])
        TABLE[i].info = view_of(keep(entry_bytes), len(entry_bytes))
        entry_bytes = _spec.docs_reply(parsed, [_spec.docs_reply(m, []) for m in members])
        TABLE[i].docs = view_of(keep(entry_bytes), len(entry_bytes))
    FROZEN = True


def specs():
    """Every command's declaration by name; see kvd.commands.spec.Spec."""
    return dict(SPECS)


cdef void not_reached(call *c) noexcept nogil:
    reply_error(c, b"ERR this command is a container")


cdef void help_command(call *c) noexcept nogil:
    buf_add(c.out, c.command.help.ptr, c.command.help.len)


cdef int command_count() noexcept nogil:
    return COUNT


cdef const command *command_at(int id) noexcept nogil:
    return &TABLE[id]


cdef const command *command_find(view name) noexcept nogil:
    cdef uint32_t slot
    cdef const command *d
    cdef size_t i
    if name.len == 0 or name.len >= NAME_ROOM:
        return NULL
    slot = slot_of(name.ptr, name.len)
    while INDEX[slot] >= 0:
        d = &TABLE[INDEX[slot]]
        if d.name_len == name.len:
            i = 0
            while i < name.len and lower(name.ptr[i]) == d.name[i]:
                i += 1
            if i == name.len:
                return d
        slot = (slot + 1) % HASH_SLOTS
    return NULL


cdef const command *subcommand(const command *container, view name) noexcept nogil:
    cdef char full[NAME_ROOM]
    if container.name_len + 1 + name.len >= NAME_ROOM:
        return NULL
    memcpy(full, container.name, container.name_len)
    full[container.name_len] = c'|'
    memcpy(full + container.name_len + 1, name.ptr, name.len)
    return command_find(view_of(full, container.name_len + 1 + name.len))


cdef const command *command_of(view *argv, int argc) noexcept nogil:
    cdef const command *d = command_find(argv[0])
    if d == NULL or not d.flags & F_CONTAINER or argc < 2:
        return d
    return subcommand(d, argv[1])


cdef int keys_behind_words(const command *d, view *argv, int argc, int *at, int n, int room) noexcept nogil:
    """STREAMS key ... id ...: the first half of what follows, in a command without other keys. STORE key: one."""
    cdef int i, k, count
    for i in range(d.last + 1 if d.first else 1, argc):
        for k in range(2):
            if d.keywords[k] == NULL or not view_is(argv[i], d.keywords[k]):
                continue
            count = 1 if d.first else (argc - i - 1) // 2
            count = min(count, argc - i - 1)
            while count > 0 and n < room:
                at[n] = i + 1
                n += 1
                i += 1
                count -= 1
            if not d.first:
                return n
            break
    return n


cdef int command_keys(const command *d, view *argv, int argc, int *at, int room) noexcept nogil:
    cdef int n = 0
    cdef int i, last
    cdef int64_t count
    if d.numkeys_at:
        if not parse_int(argv[d.numkeys_at], &count) or count < 1 or count > (argc - d.numkeys_at - 1) // d.numkeys_step:
            return 0 if d.flags & F_NO_MANDATORY_KEYS else -1
        i = d.numkeys_at + 1
        while n < count and n < room and i < argc:
            at[n] = i
            n += 1
            i += d.numkeys_step
        return n
    if d.first:
        last = d.last if d.last >= 0 else argc + d.last
        i = d.first
        while i <= last and i < argc and n < room:
            at[n] = i
            n += 1
            i += d.step
    return n if d.keywords[0] == NULL else keys_behind_words(d, argv, argc, at, n, room)


cdef void reply_error(call *c, const char *text) noexcept nogil:
    reply_error_counted(c, view_str(text), True)


cdef void reply_error_counted(call *c, view text, bint counted) noexcept nogil:
    """Line breaks in what a client sent must not break the frame."""
    c.session.failed = True
    if counted:
        figure_error(c.store, text.ptr)
    write_line(c.out, c'-', text)


cdef void reply_errorf(call *c, const char *format, const char *a, const char *b) noexcept nogil:
    cdef char text[512]
    snprintf(text, sizeof(text), format, a, b)
    reply_error(c, text)


cdef void reply_error_about(call *c, const char *format, view word) noexcept nogil:
    cdef buf text
    memset(&text, 0, sizeof(text))
    buf_printf(&text, format, <int>word.len, word.ptr)
    buf_add_char(&text, 0)
    reply_error(c, NO_MEMORY if text.failed else <const char *>text.ptr)
    buf_release(&text)


cdef bint arg_int(call *c, int i, int64_t *n) noexcept nogil:
    if parse_int(c.argv[i], n):
        return True
    reply_error(c, NOT_INT)
    return False


cdef bint arg_range(call *c, int i, int64_t lo, int64_t hi, int64_t *n) noexcept nogil:
    if parse_int(c.argv[i], n) and lo <= n[0] <= hi:
        return True
    reply_error(c, NOT_INT)
    return False


cdef entry *find_read(call *c, view key, uint64_t *hash) noexcept nogil:
    hash[0] = hash_of(c.store, key)
    return keyspace_read(c.store, c.db, key, hash[0])


cdef entry *find_write(call *c, view key, uint64_t *hash) noexcept nogil:
    cdef entry *e
    hash[0] = hash_of(c.store, key)
    e = keyspace_find(c.store, c.db, key, hash[0])
    if e != NULL and not c.store.no_touch:
        access_touch(c.store, e)
    return e


cdef void hash_ahead(call *c, int at, int step, int count, uint64_t *hashes) noexcept nogil:
    cdef int i
    for i in range(min(count, <int>AHEAD)):
        hashes[i] = table_hash(c.argv[at + i * step])
        table_prefetch(&c.db.keys, hashes[i])
    for i in range(min(count, <int>AHEAD)):
        table_prefetch_entry(&c.db.keys, hashes[i])


cdef bint wrong_type(call *c, entry *e, int type) noexcept nogil:
    if type_of(e) == type:
        return False
    reply_error(c, WRONGTYPE)
    return True


cdef void quote(buf *out, view v, size_t most) noexcept nogil:
    """Printable, in one line, cut at `most` bytes."""
    cdef size_t i
    for i in range(min(v.len, most)):
        buf_add_char(out, v.ptr[i] if v.ptr[i] != 0 else c' ')


cdef void reject(call *c, const command *d, const char *text) noexcept nogil:
    """Refused before it ran: that also spoils the transaction it would have been part of."""
    c.session.aborted = c.session.aborted or c.session.multi
    if d != NULL:
        figures_of(c.store).commands[d.id].rejected += 1
        if is_exec(d):             # EXEC itself is refused: the transaction is over
            session_discard(c.session)
            reply_errorf(c, b"EXECABORT Transaction discarded because of: %s", text + 4 if text[0] == c'E' else text, NULL)
            return
    reply_error(c, text)


cdef inline bint is_exec(const command *d) noexcept nogil:
    return d.flags & F_IN_MULTI and d.name[0] == c'e'


cdef void reject_unknown(call *c) noexcept nogil:
    cdef buf text
    cdef int i
    memset(&text, 0, sizeof(text))
    buf_printf(&text, b"ERR unknown command '")
    quote(&text, c.argv[0], 128)
    buf_printf(&text, b"', with args beginning with: ")
    for i in range(1, c.argc):
        if text.len > 128 + 50 + 128:
            break
        buf_add_char(&text, c"'")
        quote(&text, c.argv[i], 128)
        buf_printf(&text, b"' ")
    buf_add_char(&text, 0)
    if not text.failed:
        reject(c, NULL, text.ptr)
    buf_release(&text)


cdef void reject_subcommand(call *c, const command *container) noexcept nogil:
    cdef char text[256]
    cdef char upper_name[NAME_ROOM]
    cdef size_t i
    for i in range(container.name_len):
        upper_name[i] = container.name[i] - 32 if c'a' <= container.name[i] <= c'z' else container.name[i]
    upper_name[container.name_len] = 0
    snprintf(text, sizeof(text), b"ERR unknown subcommand '%.*s'. Try %s HELP.",
             <int>min(c.argv[1].len, <size_t>128), c.argv[1].ptr, upper_name)
    reject(c, NULL, text)


cdef bint arity_fits(const command *d, int argc) noexcept nogil:
    return argc == d.arity if d.arity >= 0 else argc >= -d.arity


cdef void feed_monitors(session *from_, view *argv, int argc) noexcept nogil:
    """A line for each MONITOR: time, database, address, quoted arguments."""
    cdef session *m = clients_of(from_.store).first
    cdef buf line
    cdef int i
    cdef size_t k
    cdef unsigned char ch
    cdef int64_t us = from_.store.now * 1000
    memset(&line, 0, sizeof(line))
    buf_printf(&line, b"+%lld.%06lld [%d ", <long long>(us // 1000000), <long long>(us % 1000000), from_.db)
    if from_.scripting:
        buf_printf(&line, b"lua")
    elif from_.in_process:
        buf_printf(&line, b"in-process:%lld", <long long>from_.id)
    else:
        buf_add(&line, from_.addr.ptr, from_.addr.len)
    buf_add_char(&line, c']')
    for i in range(argc):
        buf_printf(&line, b" \"")
        for k in range(argv[i].len):
            ch = <unsigned char>argv[i].ptr[k]
            if ch == c'"' or ch == c'\\':
                buf_add_char(&line, c'\\')
                buf_add_char(&line, <char>ch)
            elif ch == c'\n':
                buf_printf(&line, b"\\n")
            elif ch == c'\r':
                buf_printf(&line, b"\\r")
            elif ch == c'\t':
                buf_printf(&line, b"\\t")
            elif ch == 7:
                buf_printf(&line, b"\\a")
            elif ch == 8:
                buf_printf(&line, b"\\b")
            elif 32 <= ch < 127:
                buf_add_char(&line, <char>ch)
            else:
                buf_printf(&line, b"\\x%02x", ch)
        buf_add_char(&line, c'"')
    buf_add(&line, b"\r\n", 2)
    while m != NULL:
        if m.monitor and not line.failed:
            buf_add(&m.out, line.ptr, line.len)
            if m != from_ and m.wake != NULL:
                m.wake(m)
        m = m.next
    buf_release(&line)


cdef void slow_path(call *c, uint64_t spent) noexcept nogil:
    """The command took long enough to look closer."""
    cdef int64_t us
    cdef int64_t threshold = cfg(&c.store.config, OPT_SLOWLOG_LOG_SLOWER_THAN)
    pace_update(&c.store.pace)
    us = <int64_t>(spent / c.store.pace.ticks_per_us)
    if us > 1000 and not c.session.scripting:      # a script sees one moment
        store_time(c.store)
    if threshold >= 0 and us >= threshold and not c.command.flags & F_SKIP_SLOWLOG and not c.session.scripting:
        figure_slow(c.session, c.argv, c.argc, us)
    figure_latency(c.store, b"command", us // 1000)


cdef inline bint is_client(const command *d) noexcept nogil:
    return d.container != NULL and d.container.name_len == 6 and d.container.name[0] == c'c' and d.container.name[1] == c'l'


cdef void track_reads(call *c) noexcept nogil:
    """The session wants to hear when the keys that it has read change."""
    cdef tracker *t = tracker_of(c.session)
    cdef int at[64]
    cdef int n, i
    if c.command.flags & F_READONLY and not t.bcast and t.caching == t.optin:
        n = command_keys(c.command, c.argv, c.argc, at, 64)
        for i in range(n):
            tracking_remember(c.session, c.argv[at[i]])
    if t.caching and not c.session.executing and not c.session.multi and not is_client(c.command):
        t.caching = False


cdef void run_command(call *c) noexcept nogil:
    cdef store *s = c.store
    cdef uint64_t begun = ticks()
    cdef uint64_t spent
    cdef int64_t threshold
    cdef int id = c.command.id
    if clients_of(s).monitors and not c.command.flags & (F_ADMIN | F_SKIP_MONITOR):
        feed_monitors(c.session, c.argv, c.argc)
    c.session.failed = False
    s.no_touch = c.session.no_touch
    c.command.run(c)
    s.no_touch = False
    if c.session.tracks:
        track_reads(c)
    spent = ticks() - begun
    s.stats.commands += 1
    figure_call(s, id, spent, c.session.failed)
    threshold = cfg(&s.config, OPT_SLOWLOG_LOG_SLOWER_THAN)
    if spent > 1000000 or (threshold >= 0 and spent >= threshold * s.pace.ticks_per_us):
        slow_path(c, spent)


cdef bint crosses_slots(const command *d, view *argv, int argc) noexcept nogil:
    """In a cluster: do the keys lie in several slots?"""
    cdef int at[256]
    cdef int i
    cdef int n = command_keys(d, argv, argc, at, 256)
    for i in range(1, n):
        if key_slot(argv[at[i]]) != key_slot(argv[at[0]]):
            return True
    return False


cdef bint queue_has(session *c, uint32_t flag) noexcept nogil:
    """Does a queued command have the flag?"""
    cdef int i
    for i in range(c.queue_len):
        if (<const command *>c.queue[i].command).flags & flag:
            return True
    return False


cdef int dispatch(session *who, view *argv, int argc) noexcept nogil:
    cdef call c
    cdef store *s = who.store
    cdef const command *d
    cdef const command *container
    cdef char text[192]
    cdef size_t at = who.out.len
    cdef bint executes
    cdef void *script
    c.store = s
    c.session = who
    c.db = &s.dbs[who.db]
    c.argv = argv
    c.argc = argc
    c.proto = who.proto
    c.out = &who.out
    who.failed = False
    d = command_find(argv[0])
    c.command = d
    if d != NULL and d.flags & F_CONTAINER and argc >= 2:
        container = d
        d = subcommand(container, argv[1])
        c.command = d
        if d == NULL:
            reject_subcommand(&c, container)
            return finish(&c, at)
    if d == NULL:
        reject_unknown(&c)
        return finish(&c, at)
    if not arity_fits(d, argc):
        snprintf(text, sizeof(text), b"ERR wrong number of arguments for '%s' command", d.name)
        reject(&c, d, text)
        return finish(&c, at)
    who.last_command = d
    if not who.authenticated and not d.flags & F_NO_AUTH:
        reject(&c, d, NOAUTH)
        return finish(&c, at)
    if who.proto < 3 and is_listening(who) and not d.flags & F_LISTENING:
        snprintf(text, sizeof(text), b"ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", d.name)
        reject(&c, d, text)
        return finish(&c, at)
    if who.multi and d.flags & F_NO_MULTI:
        reject(&c, d, b"ERR Command not allowed inside a transaction")
        return finish(&c, at)
    if s.busy != NULL and not d.flags & F_ALLOW_BUSY:
        reject(&c, d, s.busy)
        return finish(&c, at)
    if cfg(&s.config, OPT_CLUSTER_ENABLED) and crosses_slots(d, argv, argc):
        reject(&c, d, b"CROSSSLOT Keys in request don't hash to the same slot")
        return finish(&c, at)
    executes = who.multi and is_exec(d)
    if over_limit(s) and not evict_until_fits(s) and (
            d.flags & F_DENYOOM or (executes and queue_has(who, F_DENYOOM))):
        reject(&c, d, OOM)
        return finish(&c, at)
    if clients_of(s).pause_until_ms and not who.in_process and is_paused(
            who, d.flags & F_WRITE or (executes and queue_has(who, F_WRITE))):
        who.paused = True
        return DISPATCH_PAUSED
    who.commands += 1
    who.last_ms = s.now
    if who.multi and not d.flags & F_IN_MULTI:
        if session_queue(who, d, argv, argc):
            write_status(c.out, b"QUEUED")
        else:
            reject(&c, d, NO_MEMORY)
        return finish(&c, at)
    script = s.running         # a script that lets others in for a moment
    s.running = who
    run_command(&c)
    s.running = script
    finish(&c, at)
    session_append_pushes(who)
    if s.ready and s.busy == NULL:
        serve_ready(s)
    return DISPATCHED


cdef inline int finish(call *c, size_t at) noexcept nogil:
    """Throws the reply away where CLIENT REPLY says so."""
    cdef session *who = c.session
    if who.reply != REPLY_ON:
        if who.reply == REPLY_SKIP_NEXT:
            who.reply = REPLY_SKIP
        else:
            who.out.len = at
            if who.reply == REPLY_SKIP:
                who.reply = REPLY_ON
    return DISPATCHED
