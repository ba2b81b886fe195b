"""Rules: `on`, `>password`, `+@read`, `~key:*`, `&channel`, `(selector)` and the like, each applied to a user or a selector.

Commands are kept as bits, and as the list of rules that GETUSER and LIST show: a new rule removes those that it overrides, which are
those of the same command or category, and those of its subcommands. +@all and -@all remove all.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy, memmove, memset

from kvd.core.buf cimport buf, buf_add, buf_add_char
from kvd.core.sha256 cimport SHA256_BYTES, SHA256_TEXT, sha256
from kvd.core.text cimport parse_int
from kvd.core.view cimport lower, view_equal, view_is, view_of, view_str
from kvd.core.word cimport view_has_space
from kvd.run.acl.users cimport (
    MAY_READ, MAY_WRITE, copy_bytes, first_word, selector, selector_add, selector_delete, selector_drop, selector_new,
    user_add_password, user_delete, user_drop_password, user_move, user_new,
)
from kvd.run.call cimport F_CONTAINER, command
from kvd.run.registry cimport category_bit, command_at, command_count, command_named
from kvd.store.config cimport OPT_ACL_PUBSUB_DEFAULT, cfg

cdef enum:
    NAME_ROOM = 128            # of a command or category, with its sign


cdef const char *rule_error_text(rule_error e) noexcept nogil:
    if e == RULE_UNKNOWN:
        return b"Unknown command or category name in ACL"
    if e == RULE_KEYS_COVERED:
        return (b"Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
                b"Try 'resetkeys' to start with an empty list of patterns")
    if e == RULE_CHANNELS_COVERED:
        return (b"Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. "
                b"Try 'resetchannels' to start with an empty list of channels")
    if e == RULE_NO_PASSWORD:
        return b"The password you are trying to remove from the user does not exist"
    if e == RULE_HASH:
        return b"The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    if e == RULE_FIRST_WORD:
        return b"Allowing first-arg of a subcommand is not supported"
    return b"Out of memory" if e == RULE_MEMORY else b"Syntax error"


cdef inline view after(view v, size_t n) noexcept nogil:
    return view_of(v.ptr + n, v.len - n)


cdef inline bint begins(view v, view with_) noexcept nogil:
    return v.len >= with_.len and view_equal(view_of(v.ptr, with_.len), with_)


# ---- the list of command rules -----------------------------------------------------------------------

cdef bint overrides(view new, view old) noexcept nogil:
    """Names without signs: the same, or old is a subcommand of new."""
    return begins(old, new) and (old.len == new.len or old.ptr[new.len] == c'|')


cdef void forget_overridden(buf *rules, view name) noexcept nogil:
    cdef size_t at = 0
    cdef size_t kept = 0
    cdef size_t n
    cdef const char *space
    while at < rules.len:
        space = <const char *>memchr(rules.ptr + at, c' ', rules.len - at)
        n = <size_t>(space - rules.ptr) - at if space != NULL else rules.len - at
        if not overrides(name, view_of(rules.ptr + at + 1, n - 1)):
            if kept:
                rules.ptr[kept] = c' '
                kept += 1
            memmove(rules.ptr + kept, rules.ptr + at, n)
            kept += n
        at += n + 1
    rules.len = kept


cdef rule_error note_rule(selector *x, bint allows, view name) noexcept nogil:
    cdef char small[NAME_ROOM]
    cdef size_t i
    if name.len >= NAME_ROOM:
        return RULE_UNKNOWN
    for i in range(name.len):
        small[i] = lower(name.ptr[i])
    forget_overridden(&x.rules, view_of(small, name.len))
    if x.rules.len:
        buf_add_char(&x.rules, c' ')
    buf_add_char(&x.rules, c'+' if allows else c'-')
    buf_add(&x.rules, small, name.len)
    return RULE_MEMORY if x.rules.failed else RULE_RIGHT


# ---- commands ----------------------------------------------------------------------------------------

cdef void forget_firsts(selector *x, int id) noexcept nogil:
    cdef int i = 0
    while i < x.first_count:
        if x.firsts[i].command == id:
            free(x.firsts[i].ptr)
            x.first_count -= 1
            x.firsts[i] = x.firsts[x.first_count]
        else:
            i += 1


cdef void set_bit(selector *x, int id, bint allows) noexcept nogil:
    cdef uint64_t bit = <uint64_t>1 << (id % 64)
    x.commands[id // 64] = x.commands[id // 64] | bit if allows else x.commands[id // 64] & ~bit
    forget_firsts(x, id)


cdef void set_command(selector *x, const command *d, bint allows) noexcept nogil:
    """With its subcommands."""
    cdef int i
    set_bit(x, d.id, allows)
    if d.flags & F_CONTAINER:
        for i in range(command_count()):
            if command_at(i).container == d:
                set_bit(x, i, allows)
    if not allows:
        x.every_command = False


cdef rule_error set_all(selector *x, bint allows) noexcept nogil:
    memset(x.commands, 0xff if allows else 0, sizeof(x.commands))
    x.every_command = x.from_all = allows
    x.rules.len = 0
    while x.first_count:
        forget_firsts(x, x.firsts[0].command)
    return RULE_RIGHT


cdef rule_error set_category(selector *x, view name, bint allows) noexcept nogil:
    """name: with its @."""
    cdef uint64_t bit
    cdef int i
    if view_is(name, b"@all"):
        return set_all(x, allows)
    bit = category_bit(after(name, 1))
    if bit == 0:
        return RULE_UNKNOWN
    for i in range(command_count()):
        if command_at(i).categories & bit:
            set_bit(x, i, allows)
    if not allows:
        x.every_command = False
    return note_rule(x, allows, name)


cdef rule_error add_first(selector *x, const command *d, view word) noexcept nogil:
    cdef first_word *grown
    cdef int i
    for i in range(x.first_count):
        if x.firsts[i].command == d.id and view_equal(view_of(x.firsts[i].ptr, x.firsts[i].len), word):
            return RULE_RIGHT
    grown = <first_word *>realloc(x.firsts, (x.first_count + 1) * sizeof(first_word))
    if grown == NULL:
        return RULE_MEMORY
    x.firsts = grown
    grown[x.first_count].ptr = copy_bytes(word)
    if grown[x.first_count].ptr == NULL:
        return RULE_MEMORY
    grown[x.first_count].len = word.len
    grown[x.first_count].command = d.id
    x.first_count += 1
    return RULE_RIGHT


cdef rule_error allow_first_word(selector *x, view name, size_t bar) noexcept nogil:
    """command|word, which is no subcommand: allowed with this first argument only."""
    cdef const command *d = command_named(view_of(name.ptr, bar))
    cdef const char *second = <const char *>memchr(name.ptr + bar + 1, c'|', name.len - bar - 1)
    cdef rule_error found
    if second != NULL and command_named(view_of(name.ptr, second - name.ptr)) != NULL:
        return RULE_FIRST_WORD
    if d == NULL or d.flags & F_CONTAINER or second != NULL or bar + 1 == name.len:
        return RULE_UNKNOWN
    found = add_first(x, d, after(name, bar + 1))
    return note_rule(x, True, name) if found == RULE_RIGHT else found


cdef rule_error command_rule(selector *x, view name, bint allows) noexcept nogil:
    cdef const char *bar
    cdef const command *d
    if name.len and name.ptr[0] == c'@':
        return set_category(x, name, allows)
    d = command_named(name)
    if d != NULL:
        set_command(x, d, allows)
        return note_rule(x, allows, name)
    bar = <const char *>memchr(name.ptr, c'|', name.len)
    return allow_first_word(x, name, bar - name.ptr) if bar != NULL and allows else RULE_UNKNOWN


# ---- keys, channels, databases -----------------------------------------------------------------------

cdef rule_error key_rule(selector *x, view text, int access) noexcept nogil:
    cdef int i
    if view_has_space(text):
        return RULE_SYNTAX
    if x.every_key:
        return RULE_KEYS_COVERED
    if view_is(text, b"*") and access == MAY_READ | MAY_WRITE:
        selector_drop(&x.keys, &x.key_count)
        x.every_key = True
        return RULE_RIGHT
    for i in range(x.key_count):
        if view_equal(view_of(x.keys[i].ptr, x.keys[i].len), text):
            x.keys[i].access |= access
            return RULE_RIGHT
    return RULE_RIGHT if selector_add(&x.keys, &x.key_count, text, access) else RULE_MEMORY


cdef rule_error access_rule(selector *x, view rule) noexcept nogil:
    """%R~pattern, %W~, %RW~."""
    cdef int access = 0
    cdef int bit
    cdef size_t i
    for i in range(1, rule.len):
        if rule.ptr[i] == c'~' and access:
            return key_rule(x, after(rule, i + 1), access)
        bit = MAY_READ if lower(rule.ptr[i]) == c'r' else MAY_WRITE if lower(rule.ptr[i]) == c'w' else 0
        if bit == 0 or access & bit:
            return RULE_SYNTAX
        access |= bit
    return key_rule(x, view_of(b"", 0), access) if access else RULE_SYNTAX      # as Redis reads `%R`


cdef rule_error channel_rule(selector *x, view text) noexcept nogil:
    cdef int i
    if view_has_space(text):
        return RULE_SYNTAX
    if x.every_channel:
        return RULE_CHANNELS_COVERED
    if view_is(text, b"*"):
        selector_drop(&x.channels, &x.channel_count)
        x.every_channel = True
        return RULE_RIGHT
    for i in range(x.channel_count):
        if view_equal(view_of(x.channels[i].ptr, x.channels[i].len), text):
            return RULE_RIGHT
    return RULE_RIGHT if selector_add(&x.channels, &x.channel_count, text, 0) else RULE_MEMORY


cdef rule_error add_database(selector *x, view number) noexcept nogil:
    cdef int64_t n
    cdef int64_t *grown
    cdef int i
    if not parse_int(number, &n) or n < 0:
        return RULE_SYNTAX
    for i in range(x.database_count):
        if x.databases[i] == n:
            return RULE_RIGHT
    grown = <int64_t *>realloc(x.databases, (x.database_count + 1) * sizeof(int64_t))
    if grown == NULL:
        return RULE_MEMORY
    x.databases = grown
    x.databases[x.database_count] = n
    x.database_count += 1
    return RULE_RIGHT


cdef rule_error database_rule(selector *x, view rest) noexcept nogil:
    """Numbers between commas, which replace those before."""
    cdef rule_error found = RULE_RIGHT
    cdef const char *comma
    cdef size_t n
    x.every_database = False
    x.database_count = 0
    while found == RULE_RIGHT:
        comma = <const char *>memchr(rest.ptr, c',', rest.len)
        n = comma - rest.ptr if comma != NULL else rest.len
        found = add_database(x, view_of(rest.ptr, n))
        if comma == NULL:
            return found
        rest = after(rest, n + 1)
    return found


# ---- selectors ---------------------------------------------------------------------------------------

cdef bint flag_rule(selector *x, view rule) noexcept nogil:
    """True: it was a word that needs nothing else."""
    if view_is(rule, b"allkeys"):
        key_rule(x, view_str(b"*"), MAY_READ | MAY_WRITE)
    elif view_is(rule, b"resetkeys"):
        selector_drop(&x.keys, &x.key_count)
        x.every_key = False
    elif view_is(rule, b"allchannels"):
        channel_rule(x, view_str(b"*"))
    elif view_is(rule, b"resetchannels"):
        selector_drop(&x.channels, &x.channel_count)
        x.every_channel = False
    elif view_is(rule, b"allcommands"):
        set_all(x, True)
    elif view_is(rule, b"nocommands"):
        set_all(x, False)
    elif view_is(rule, b"alldbs") or view_is(rule, b"resetdbs"):
        x.every_database = view_is(rule, b"alldbs")
        x.database_count = 0
    else:
        return rule.len == 0
    return True


cdef rule_error selector_rule(selector *x, view rule) noexcept nogil:
    if flag_rule(x, rule):
        return RULE_RIGHT
    if rule.ptr[0] == c'+' or rule.ptr[0] == c'-':
        return command_rule(x, after(rule, 1), rule.ptr[0] == c'+')
    if rule.ptr[0] == c'~':
        return RULE_RIGHT if x.every_key and view_is(rule, b"~*") else key_rule(x, after(rule, 1), MAY_READ | MAY_WRITE)
    if rule.ptr[0] == c'%':
        return access_rule(x, rule)
    if rule.ptr[0] == c'&':
        return RULE_RIGHT if x.every_channel and view_is(rule, b"&*") else channel_rule(x, after(rule, 1))
    if rule.len > 3 and view_is(view_of(rule.ptr, 3), b"db="):
        return database_rule(x, after(rule, 3))
    return RULE_SYNTAX


cdef rule_error apply_words(selector *x, view rest) noexcept nogil:
    cdef const char *space
    cdef size_t n
    cdef rule_error found = RULE_RIGHT
    while rest.len and found == RULE_RIGHT:
        space = <const char *>memchr(rest.ptr, c' ', rest.len)
        n = space - rest.ptr if space != NULL else rest.len
        found = selector_rule(x, view_of(rest.ptr, n))
        rest = after(rest, n + (space != NULL))
    return found


cdef rule_error add_selector(store *s, user *u, view rule) noexcept nogil:
    """rule: in parentheses."""
    cdef selector *x = selector_new(cfg(&s.config, OPT_ACL_PUBSUB_DEFAULT) == 0)
    cdef selector *last = u.first
    cdef rule_error found
    if x == NULL:
        return RULE_MEMORY
    found = apply_words(x, view_of(rule.ptr + 1, rule.len - 2))
    if found != RULE_RIGHT:
        selector_delete(x)
        return found
    while last.next != NULL:
        last = last.next
    last.next = x
    return RULE_RIGHT


cdef void clear_selectors(user *u) noexcept nogil:
    cdef selector *x
    while u.first.next != NULL:
        x = u.first.next
        u.first.next = x.next
        selector_delete(x)


# ---- users -------------------------------------------------------------------------------------------

cdef int hex_digit(char ch) noexcept nogil:
    return ch - c'0' if c'0' <= ch <= c'9' else ch - c'a' + 10 if c'a' <= ch <= c'f' else -1


cdef bint read_hash(view text, uint8_t *digest) noexcept nogil:
    cdef int i, high, low
    if text.len != SHA256_TEXT:
        return False
    for i in range(SHA256_BYTES):
        high = hex_digit(text.ptr[2 * i])
        low = hex_digit(text.ptr[2 * i + 1])
        if high < 0 or low < 0:
            return False
        digest[i] = <uint8_t>(16 * high + low)
    return True


cdef rule_error password_rule(user *u, view rule) noexcept nogil:
    cdef uint8_t digest[SHA256_BYTES]
    cdef char sign = rule.ptr[0]
    if sign == c'>' or sign == c'<':
        sha256(after(rule, 1), digest)
    elif not read_hash(after(rule, 1), digest):
        return RULE_HASH
    if sign == c'>' or sign == c'#':
        return RULE_RIGHT if user_add_password(u, digest) else RULE_MEMORY
    return RULE_RIGHT if user_drop_password(u, digest) else RULE_NO_PASSWORD


cdef rule_error reset(store *s, user *u) noexcept nogil:
    cdef user *blank = user_new(s, view_of(u.name, u.name_len))
    if blank == NULL:
        return RULE_MEMORY
    user_move(u, blank)
    user_delete(blank)
    return RULE_RIGHT


cdef bint state_rule(user *u, view rule) noexcept nogil:
    """True: it was such a word."""
    if view_is(rule, b"on") or view_is(rule, b"off"):
        u.enabled = view_is(rule, b"on")
    elif view_is(rule, b"nopass") or view_is(rule, b"resetpass"):
        u.nopass = view_is(rule, b"nopass")
        u.password_count = 0
    elif view_is(rule, b"sanitize-payload") or view_is(rule, b"skip-sanitize-payload"):
        u.skips_sanitizing = view_is(rule, b"skip-sanitize-payload")
    elif view_is(rule, b"clearselectors"):
        clear_selectors(u)
    else:
        return False
    return True


cdef rule_error rule_apply(store *s, user *u, view rule) noexcept nogil:
    if rule.len == 0 or state_rule(u, rule):
        return RULE_RIGHT
    if view_is(rule, b"reset"):
        return reset(s, u)
    if rule.ptr[0] == c'>' or rule.ptr[0] == c'<' or rule.ptr[0] == c'#' or rule.ptr[0] == c'!':
        return password_rule(u, rule)
    if rule.len > 1 and rule.ptr[0] == c'(' and rule.ptr[rule.len - 1] == c')':
        return add_selector(s, u, rule)
    return selector_rule(u.first, rule)


cdef rule_error rules_apply(store *s, user *u, const view *rules, int count, view *failed) noexcept nogil:
    cdef rule_error found = RULE_RIGHT
    cdef int i
    for i in range(count):
        found = rule_apply(s, u, rules[i])
        if found != RULE_RIGHT:
            failed[0] = rules[i]
            break
    return found


# ---- several words -----------------------------------------------------------------------------------

cdef bint rules_merge(const view *words, int count, view *rules, int *found, char *room) noexcept nogil:
    cdef int i
    cdef int opened = -1
    cdef char *begin = room
    found[0] = 0
    for i in range(count):
        if opened < 0 and not (words[i].len and words[i].ptr[0] == c'(' and words[i].ptr[words[i].len - 1] != c')'):
            rules[found[0]] = words[i]
            found[0] += 1
            continue
        if opened < 0:
            opened = i
            begin = room
        else:
            room[0] = c' '
            room += 1
        memcpy(room, words[i].ptr, words[i].len)
        room += words[i].len
        if opened < i and words[i].len and words[i].ptr[words[i].len - 1] == c')':
            rules[found[0]] = view_of(begin, room - begin)
            found[0] += 1
            opened = -1
    if opened >= 0:
        found[0] = opened
    return opened < 0
