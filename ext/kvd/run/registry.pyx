"""The registry of commands.

`define` is called at import, above each handler, with the declaration that src/kvd/run/spec.py
reads. After that the registry is frozen and needs neither the GIL nor memory: names are found by open
addressing over their first eight bytes in lower case and their length. All stores of a process share the
registry: it is constant.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from kvd.core.buf cimport buf_add
from kvd.core.text cimport parse_int
from kvd.core.view cimport lower, view_is, view_of
from kvd.run.call cimport (
    F_ADMIN, F_ALLOW_BUSY, F_CONTAINER, F_DENYOOM, F_ENDS_MULTI, F_IN_MULTI, F_KEEPS_CACHING, F_LISTENING, F_LOADING,
    F_MAY_REPLICATE, F_NESTS, F_NOSCRIPT, F_NO_AUTH, F_NO_MANDATORY_KEYS, F_NO_MULTI, F_READONLY, F_SHOWN_FIRST, F_STALE,
    F_SKIP_MONITOR, F_SKIP_SLOWLOG, F_TAKES_VALUE, F_WRITE, KEY_VARIABLE, MAX_KEY_SPECS, MAX_NEWER, MAX_SECRETS, REDIS, VALKEY,
    key_spec, secret,
)
from kvd.store.config cimport SECRET, option_at, option_find

from kvd.run import spec as _spec

cdef enum:
    HASH_SLOTS = 2048
    NAME_ROOM = 48

cdef command TABLE[MAX_COMMANDS]
cdef int COUNT = 0
cdef short INDEX[HASH_SLOTS]
cdef list KEPT = []            # owns the strings that the rows point to
cdef dict SPECS = {}           # name -> Spec, for Python
cdef bint FROZEN = False
memset(INDEX, -1, sizeof(INDEX))

cdef dict FLAGS = {
    "write": F_WRITE, "readonly": F_READONLY, "denyoom": F_DENYOOM, "admin": F_ADMIN, "no_auth": F_NO_AUTH,
    "no_multi": F_NO_MULTI, "skip_monitor": F_SKIP_MONITOR, "skip_slowlog": F_SKIP_SLOWLOG,
    "noscript": F_NOSCRIPT, "allow_busy": F_ALLOW_BUSY, "no_mandatory_keys": F_NO_MANDATORY_KEYS,
    "in_multi": F_IN_MULTI, "ends_multi": F_ENDS_MULTI, "listening": F_LISTENING, "nests": F_NESTS,
    "may_replicate": F_MAY_REPLICATE, "keeps_caching": F_KEEPS_CACHING, "shown_first": F_SHOWN_FIRST,
    "takes_value": F_TAKES_VALUE, "loading": F_LOADING, "stale": F_STALE,
}

cdef const char *KEY_FLAG_NAMES[16]
cdef const char *CATEGORY_NAMES[64]
memset(KEY_FLAG_NAMES, 0, sizeof(KEY_FLAG_NAMES))
memset(CATEGORY_NAMES, 0, sizeof(CATEGORY_NAMES))
for _i, _name in enumerate(_spec.KEY_FLAGS):
    KEY_FLAG_NAMES[<int>_i] = keep(_name.encode())
for _i, _name in enumerate(_spec.ACL_CATEGORIES):
    CATEGORY_NAMES[<int>_i] = keep(_name.encode())


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


cdef uint64_t bits(list names, list all_names):
    cdef uint64_t found = 0
    for name in names:
        found |= <uint64_t>1 << <int>all_names.index(name)
    return found


cdef void set_key_spec(key_spec *k, object spec):
    k.flags = <uint32_t>bits(spec.flags, _spec.KEY_FLAGS)
    k.begin = spec.begin
    k.keyword = keep(spec.keyword.lower().encode()) if spec.keyword else NULL
    k.last = spec.last
    k.step = spec.step
    k.limit = spec.limit
    k.counted = spec.counted
    k.or_empty = spec.or_empty


cdef void set_secret(secret *s, object spec):
    s.at = spec.at
    s.count = spec.count
    s.keyword = keep(spec.keyword.lower().encode()) if spec.keyword else NULL
    s.options = spec.options


cdef void set_channels(command *d, object spec):
    if spec is not None:
        d.channels.at, d.channels.count, d.channels.patterns = spec.at, spec.count, spec.patterns


cdef void set_databases(command *d, object spec):
    if spec is not None:
        d.databases.first, d.databases.last, d.databases.elsewhere = spec.first, spec.last, spec.elsewhere
        d.databases.keyword = keep(spec.keyword.lower().encode()) if spec.keyword else NULL


cdef void set_newer(command *d, object parsed) except *:
    d.since[REDIS], d.since[VALKEY] = parsed.releases
    d.options_at = parsed.options_at
    d.newer_count = len(parsed.newer)
    if d.newer_count > MAX_NEWER:
        raise ValueError(f"{parsed.name}: too many newer tokens")
    for i, one in enumerate(parsed.newer):
        d.newer[<int>i].word = keep(one.word.lower().encode())
        d.newer[<int>i].after = keep(one.after.lower().encode()) if one.after else NULL
        d.newer[<int>i].at = one.at
        d.newer[<int>i].asked = one.kind == "other"
        d.newer[<int>i].widens = one.kind == "arity"
        d.newer[<int>i].since[REDIS], d.newer[<int>i].since[VALKEY] = one.since


cdef object define(handler run, str text):
    global COUNT
    cdef command *d = &TABLE[COUNT]
    cdef bytes name
    cdef uint32_t slot
    if FROZEN or COUNT == MAX_COMMANDS:
        raise RuntimeError("the registry of commands is closed")
    parsed = _spec.parse(text)
    name = parsed.name.encode()
    memset(d, 0, sizeof(command))
    d.name = keep(name)
    d.name_len = len(name)
    d.run = run
    d.id = COUNT
    d.arity = parsed.arity
    for flag in parsed.flags + parsed.marks:
        d.flags |= <uint32_t>FLAGS.get(flag, 0)
    d.categories = bits(parsed.categories, _spec.ACL_CATEGORIES)
    d.key_specs = len(parsed.key_flags)
    d.secret_count = len(parsed.secrets)
    if d.key_specs > MAX_KEY_SPECS or d.secret_count > MAX_SECRETS:
        raise ValueError(f"{parsed.name}: too many key specifications or secrets")
    for i, spec in enumerate(parsed.key_specs):
        set_key_spec(&d.keys[<int>i], spec)
    for i, spec in enumerate(parsed.secrets):
        set_secret(&d.secrets[<int>i], spec)
    set_newer(d, parsed)
    set_channels(d, parsed.channels)
    set_databases(d, parsed.databases)
    SPECS[parsed.name] = parsed
    COUNT += 1
    slot = slot_of(d.name, d.name_len)
    while INDEX[slot] >= 0:
        slot = (slot + 1) % HASH_SLOTS
    INDEX[slot] = d.id
    return None


cdef command *defined(str name) except NULL:
    cdef bytes text = name.encode()
    cdef const command *d = command_named(view_of(text, len(text)))
    if d == NULL:
        raise LookupError(name)
    return <command *>d


cdef object define_narrowing(str name, narrowing f):
    defined(name).narrow = f


cdef object define_key_narrowing(str name, key_narrowing f):
    defined(name).narrow_keys = f


def first_help(container):
    """Since when a container has HELP: 5.0, or its own begin."""
    return container.since if _spec.release(container.since) > _spec.release("5.0.0") else "5.0.0"


def of_valkey(container):
    """The line for a container of Valkey's, and for its HELP."""
    members = [s for s in SPECS.values() if s.container == container]
    return "\nvalkey: only" if all(s.releases[0] == _spec.NEVER for s in members) else ""


HELP_MARKS = {"client": " keeps_caching", "command": " connection"}
HELP_EXTRAS = {"pubsub": "\ncategories: slow"}


cdef void freeze() except *:
    """Adds containers and their HELP, and makes the replies of COMMAND INFO and COMMAND DOCS."""
    global FROZEN
    cdef int i
    cdef bytes entry_bytes
    if FROZEN:
        return
    for container in sorted({s.container for s in SPECS.values()} - set(SPECS) - {""}):
        members = [s for s in SPECS.values() if s.container == container]
        group, first = members[0].group, min(members, key=lambda s: _spec.release(s.since))
        define(not_reached, f"{container.upper()} subcommand\ncontainer | {group} | {first.since} | Depends on subcommand.\n"
               f"A container for {container.upper()} commands.\narity: -2{of_valkey(container)}")
    for container in sorted({s.container for s in SPECS.values()} - {""}):
        define(help_command, f"{container.upper()}|HELP\nloading stale{HELP_MARKS.get(container, '')} | {SPECS[container].group} | {first_help(SPECS[container])} | O(1)\n"
               f"Show what the subcommands do.{HELP_EXTRAS.get(container, '')}{of_valkey(container)}")
    for i in range(COUNT):
        name = TABLE[i].name.decode()
        if "|" in name:
            entry_bytes = name.partition("|")[0].encode()
            TABLE[i].container = command_named(view_of(entry_bytes, len(entry_bytes)))
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
    """Return every command's declaration by name; see kvd.run.spec.Spec."""
    return dict(SPECS)


cdef void not_reached(call *c) noexcept nogil:
    """Handler of a container without a subcommand: never called, its arity requires more words."""


cdef void help_command(call *c) noexcept nogil:
    buf_add(c.out, c.command.help.ptr, c.command.help.len)


cdef int command_count() noexcept nogil:
    return COUNT


cdef const command *command_at(int id) noexcept nogil:
    return &TABLE[id]


cdef const command *command_named(view name) noexcept nogil:
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
    return command_named(view_of(full, container.name_len + 1 + name.len))


cdef const command *command_of(view *argv, int argc, const command **container) noexcept nogil:
    return command_within(command_named(argv[0]), argv, argc, container)


cdef const command *command_within(const command *d, view *argv, int argc, const command **container) noexcept nogil:
    container[0] = NULL
    if d == NULL or not (d.flags & F_CONTAINER or d.container != NULL):
        return d
    if d.container != NULL:            # `config|get` is not a name that clients send
        return NULL
    if argc < 2:
        return d
    container[0] = d
    return subcommand(d, argv[1])


# ---- keys -------------------------------------------------------------------------------------------

cdef int word_after(const char *keyword, view *argv, int argc, int begin) noexcept nogil:
    """The position after the keyword; argc: it is not there."""
    cdef int i
    for i in range(begin, argc):
        if view_is(argv[i], keyword):
            return i + 1
    return argc


cdef int last_key(const key_spec *k, int first, int argc) noexcept nogil:
    if k.last >= 0:
        return first + k.last
    if k.limit > 1:
        return first + (argc - first) // k.limit + k.last
    return argc + k.last


cdef void keys_start(key_walk *w, const command *d, view *argv, int argc) noexcept nogil:
    w.command = d
    w.argv = argv
    w.argc = argc
    w.spec = 0
    w.next = argc
    w.last = 0
    w.bad = False


cdef bint open_spec(key_walk *w, const key_spec *k) noexcept nogil:
    """Finds the keys of a specification; False: their number is wrong."""
    cdef int64_t count
    w.step = k.step
    w.flags = k.flags
    w.next = k.begin if k.keyword == NULL else word_after(k.keyword, w.argv, w.argc, k.begin if k.begin >= 0 else -w.command.arity)
    if w.next < w.argc and k.or_empty and not w.argv[w.next].len:
        w.next = w.argc
    if w.next >= w.argc:
        return True
    w.last = last_key(k, w.next, w.argc)
    if k.counted:
        if not parse_int(w.argv[w.next], &count) or count < 1 or count > (w.argc - w.next - 1) // k.step:
            return False
        w.last = w.next + <int>count * k.step
        w.next += 1
    if w.flags & KEY_VARIABLE and w.command.narrow_keys != NULL:
        w.flags = w.command.narrow_keys(w.argv, w.argc)
    return True


cdef bint keys_next(key_walk *w, key_at *key) noexcept nogil:
    while w.next > w.last or w.next >= w.argc:
        if w.spec == w.command.key_specs:
            return False
        w.spec += 1
        if not open_spec(w, &w.command.keys[w.spec - 1]):
            w.bad = not w.command.flags & F_NO_MANDATORY_KEYS
            w.next = w.argc
            w.spec = w.command.key_specs
    key.at = w.next
    key.flags = w.flags
    w.next += w.step
    return True


cdef const char *key_flag_name(int bit) noexcept nogil:
    return KEY_FLAG_NAMES[bit]


cdef const char *category_name(int bit) noexcept nogil:
    return CATEGORY_NAMES[bit]


cdef uint64_t category_bit(view name) noexcept nogil:
    cdef int i = 0
    while CATEGORY_NAMES[i] != NULL:
        if view_is(name, CATEGORY_NAMES[i]):
            return <uint64_t>1 << i
        i += 1
    return 0


# ---- secrets ----------------------------------------------------------------------------------------

cdef bint secret_holds(const secret *s, view *argv, int argc, int i) noexcept nogil:
    cdef int begin = s.at
    cdef int option
    if s.options:
        option = option_find(argv[i - 1]) if i > s.at and (i - s.at) % 2 else -1
        return option >= 0 and option_at(option).flags & SECRET
    if s.keyword != NULL:
        begin = word_after(s.keyword, argv, argc, s.at)
    return begin <= i and (s.count < 0 or i < begin + s.count)


cdef view shown_word(const command *d, view *argv, int argc, int i) noexcept nogil:
    cdef int k
    for k in range(d.secret_count):
        if secret_holds(&d.secrets[k], argv, argc, i):
            return view_of(b"(redacted)", 10)
    return argv[i]
