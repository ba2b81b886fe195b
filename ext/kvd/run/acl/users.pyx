"""Users and what they may do, as bits and patterns that checks read without parsing.

A user has one selector or more. A call is allowed if one of them allows all of it: the command, its keys, its channels, its database.
Every store has the user `default`, which connections are before they authenticate; it may do everything unless it is changed.

Passwords are kept as SHA-256. A user is changed as a copy, which replaces it when all rules were right (user_move): sessions point to
the user itself, so it keeps its address until it is deleted.
"""

from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

from kvd.core.buf cimport buf_add, buf_release
from kvd.core.glob cimport glob_is_literal
from kvd.core.view cimport view_compare, view_of, view_str
from kvd.store.config cimport OPT_ACL_PUBSUB_DEFAULT, cfg


# ---- selectors ---------------------------------------------------------------------------------------

cdef selector *selector_new(bint every_channel) noexcept nogil:
    cdef selector *x = <selector *>calloc(1, sizeof(selector))
    if x != NULL:
        x.every_channel = every_channel
        x.every_database = True
    return x


cdef void selector_delete(selector *x) noexcept nogil:
    cdef int i
    selector_drop(&x.keys, &x.key_count)
    selector_drop(&x.channels, &x.channel_count)
    for i in range(x.first_count):
        free(x.firsts[i].ptr)
    free(x.firsts)
    free(x.databases)
    buf_release(&x.rules)
    free(x)


cdef char *copy_bytes(view v) noexcept nogil:
    cdef char *copy = <char *>malloc(v.len + 1)
    if copy != NULL:
        memcpy(copy, v.ptr, v.len)
        copy[v.len] = 0
    return copy


cdef bint selector_add(pattern **list, int *count, view text, int access) noexcept nogil:
    cdef pattern *grown = <pattern *>realloc(list[0], (count[0] + 1) * sizeof(pattern))
    if grown == NULL:
        return False
    list[0] = grown
    grown[count[0]].ptr = copy_bytes(text)
    grown[count[0]].len = text.len
    grown[count[0]].access = access
    grown[count[0]].is_prefix = text.len != 0 and text.ptr[text.len - 1] == c'*' and glob_is_literal(view_of(text.ptr, text.len - 1))
    if grown[count[0]].ptr == NULL:
        return False
    count[0] += 1
    return True


cdef void selector_drop(pattern **list, int *count) noexcept nogil:
    cdef int i
    for i in range(count[0]):
        free(list[0][i].ptr)
    free(list[0])
    list[0] = NULL
    count[0] = 0


cdef bint copy_patterns(pattern **to, int *count, const pattern *source, int n) noexcept nogil:
    cdef int i
    to[0] = NULL
    count[0] = 0
    for i in range(n):
        if not selector_add(to, count, view_of(source[i].ptr, source[i].len), source[i].access):
            return False
    return True


cdef bint copy_firsts(selector *to, const selector *x) noexcept nogil:
    cdef int i
    to.firsts = <first_word *>calloc(x.first_count + 1, sizeof(first_word))
    to.first_count = 0
    if to.firsts == NULL:
        return False
    for i in range(x.first_count):
        to.firsts[i] = x.firsts[i]
        to.firsts[i].ptr = copy_bytes(view_of(x.firsts[i].ptr, x.firsts[i].len))
        if to.firsts[i].ptr == NULL:
            return False
        to.first_count += 1
    return True


cdef bint copy_databases(selector *to, const selector *x) noexcept nogil:
    to.databases = <int64_t *>malloc((x.database_count + 1) * sizeof(int64_t))
    if to.databases == NULL:
        return False
    if x.database_count:
        memcpy(to.databases, x.databases, x.database_count * sizeof(int64_t))
    return True


cdef bint fill(selector *to, const selector *x) noexcept nogil:
    """The parts of a copy that are memory of its own."""
    cdef bint ok = copy_patterns(&to.keys, &to.key_count, x.keys, x.key_count)
    ok = copy_patterns(&to.channels, &to.channel_count, x.channels, x.channel_count) and ok
    ok = copy_firsts(to, x) and ok
    ok = copy_databases(to, x) and ok
    memset(&to.rules, 0, sizeof(buf))
    buf_add(&to.rules, x.rules.ptr, x.rules.len)
    return ok and not to.rules.failed


cdef selector *selector_copy(const selector *x) noexcept nogil:
    cdef selector *to = <selector *>malloc(sizeof(selector))
    if to == NULL:
        return NULL
    to[0] = x[0]
    to.next = NULL
    if not fill(to, x):
        selector_delete(to)
        return NULL
    return to


# ---- users -------------------------------------------------------------------------------------------

cdef user *user_new(store *s, view name) noexcept nogil:
    cdef user *u = <user *>calloc(1, sizeof(user))
    if u == NULL:
        return NULL
    u.name = copy_bytes(name)
    u.name_len = name.len
    u.first = selector_new(cfg(&s.config, OPT_ACL_PUBSUB_DEFAULT) == 0)
    if u.name == NULL or u.first == NULL:
        user_delete(u)
        return NULL
    return u


cdef void empty(user *u) noexcept nogil:
    cdef selector *x = u.first
    cdef selector *following
    while x != NULL:
        following = x.next
        selector_delete(x)
        x = following
    u.first = NULL
    free(u.passwords)
    u.passwords = NULL
    u.password_count = 0


cdef void user_delete(user *u) noexcept nogil:
    empty(u)
    free(u.name)
    free(u)


cdef bint copy_selectors(user *to, const user *u) noexcept nogil:
    cdef selector *x = u.first
    cdef selector **at = &to.first
    while x != NULL:
        at[0] = selector_copy(x)
        if at[0] == NULL:
            return False
        at = &at[0].next
        x = x.next
    return True


cdef user *user_copy(const user *u) noexcept nogil:
    cdef user *to = <user *>malloc(sizeof(user))
    if to == NULL:
        return NULL
    to[0] = u[0]
    to.first = NULL
    to.name = copy_bytes(user_name(u))
    to.passwords = <uint8_t *>malloc((u.password_count + 1) * SHA256_BYTES)
    if to.name == NULL or to.passwords == NULL or not copy_selectors(to, u):
        user_delete(to)
        return NULL
    if u.password_count:
        memcpy(to.passwords, u.passwords, u.password_count * SHA256_BYTES)
    return to


cdef void user_move(user *to, user *src) noexcept nogil:
    cdef char *name = to.name
    cdef size_t n = to.name_len
    empty(to)
    to[0] = src[0]
    to.name = name
    to.name_len = n
    src.first = NULL
    src.passwords = NULL
    src.password_count = 0


cdef bint user_is_free(const user *u) noexcept nogil:
    cdef selector *x = u.first
    while x != NULL:
        if x.every_command and x.every_key and x.every_channel and x.every_database:
            return True
        x = x.next
    return False


# ---- passwords ---------------------------------------------------------------------------------------

cdef int differences(const uint8_t *a, const uint8_t *b) noexcept nogil:
    cdef int found = 0
    cdef int i
    for i in range(SHA256_BYTES):
        found |= a[i] ^ b[i]
    return found


cdef bint user_has_password(const user *u, const uint8_t *digest) noexcept nogil:
    cdef bint found = False
    cdef int i
    for i in range(u.password_count):
        found |= differences(u.passwords + i * SHA256_BYTES, digest) == 0
    return found


cdef bint user_add_password(user *u, const uint8_t *digest) noexcept nogil:
    cdef uint8_t *grown
    u.nopass = False
    if user_has_password(u, digest):
        return True
    grown = <uint8_t *>realloc(u.passwords, (u.password_count + 1) * SHA256_BYTES)
    if grown == NULL:
        return False
    u.passwords = grown
    memcpy(grown + u.password_count * SHA256_BYTES, digest, SHA256_BYTES)
    u.password_count += 1
    return True


cdef bint user_drop_password(user *u, const uint8_t *digest) noexcept nogil:
    cdef uint8_t *at
    cdef int i
    for i in range(u.password_count):
        at = u.passwords + i * SHA256_BYTES
        if differences(at, digest) == 0:
            u.password_count -= 1
            memmove(at, at + SHA256_BYTES, (u.password_count - i) * SHA256_BYTES)
            return True
    return False


# ---- the list ----------------------------------------------------------------------------------------

cdef int place_of(acl *a, view name) noexcept nogil:
    """Of the first user whose name is not less."""
    cdef int low = 0
    cdef int high = a.count
    cdef int middle
    while low < high:
        middle = (low + high) // 2
        if view_compare(user_name(a.users[middle]), name) < 0:
            low = middle + 1
        else:
            high = middle
    return low


cdef user *user_named(store *s, view name) noexcept nogil:
    return users_find(acl_of(s), name)


cdef user *users_find(acl *a, view name) noexcept nogil:
    cdef int at = place_of(a, name)
    return a.users[at] if at < a.count and view_compare(user_name(a.users[at]), name) == 0 else NULL


cdef bint users_add(acl *a, user *u) noexcept nogil:
    cdef user **grown
    cdef int at = place_of(a, user_name(u))
    if a.count == a.room:
        grown = <user **>realloc(a.users, (2 * a.room + 4) * sizeof(user *))
        if grown == NULL:
            return False
        a.users = grown
        a.room = 2 * a.room + 4
    memmove(a.users + at + 1, a.users + at, (a.count - at) * sizeof(user *))
    a.users[at] = u
    a.count += 1
    return True


cdef void users_remove(acl *a, user *u) noexcept nogil:
    cdef int at = place_of(a, user_name(u))
    a.count -= 1
    memmove(a.users + at, a.users + at + 1, (a.count - at) * sizeof(user *))
    user_delete(u)


cdef void allow_everything(selector *x) noexcept nogil:
    memset(x.commands, 0xff, sizeof(x.commands))
    x.every_command = x.from_all = x.every_key = x.every_channel = True


cdef user *new_standard(store *s) noexcept nogil:
    cdef user *u = user_new(s, view_str(b"default"))
    if u != NULL:
        u.enabled = u.nopass = True
        allow_everything(u.first)
    return u


cdef bint users_reset_standard(store *s) noexcept nogil:
    cdef user *fresh = new_standard(s)
    if fresh == NULL:
        return False
    user_move(acl_of(s).standard, fresh)
    user_delete(fresh)
    return True


cdef bint acl_init(store *s) noexcept nogil:
    cdef acl *a = <acl *>calloc(1, sizeof(acl))
    s.parts[<int>PART_ACL] = a
    if a == NULL:
        return False
    a.standard = new_standard(s)
    return a.standard != NULL and users_add(a, a.standard)


cdef void acl_release(store *s) noexcept nogil:
    cdef acl *a = acl_of(s)
    cdef int i
    if a == NULL:
        return
    for i in range(a.count):
        user_delete(a.users[i])
    free(a.users)
    buf_release(&a.requirepass)
    free(a)
    s.parts[<int>PART_ACL] = NULL
