"""Users: names, passwords, and selectors, which say what a user may do. See users.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.sha256 cimport SHA256_BYTES
from kvd.core.view cimport view
from kvd.run.registry cimport MAX_COMMANDS
from kvd.store.parts cimport PART_ACL
from kvd.store.store cimport store

cdef enum:
    COMMAND_WORDS = 10         # of 64 bits: MAX_COMMANDS

cdef enum pattern_access:      # of a key pattern
    MAY_READ = 1
    MAY_WRITE = 2

cdef struct pattern:           # of keys or channels
    char *ptr
    size_t len
    int access                 # pattern_access; of keys
    bint is_prefix             # it is plain bytes and a star at the end, as most patterns are

cdef struct first_word:        # +select|0: the command is allowed if its first argument is this
    char *ptr
    size_t len
    int command                # its id

cdef struct selector:
    selector *next
    uint64_t commands[COMMAND_WORDS]   # a bit for the id of each allowed command
    bint every_command         # no command was taken away since +@all
    bint from_all              # it began with +@all: later commands are allowed too
    buf rules                  # of commands, in the order given, without those that later ones override
    first_word *firsts
    int first_count
    bint every_key
    pattern *keys
    int key_count
    bint every_channel
    pattern *channels
    int channel_count
    bint every_database
    int64_t *databases
    int database_count

cdef struct user:
    char *name
    size_t name_len
    bint enabled
    bint nopass                # any password is right
    bint skips_sanitizing
    uint8_t *passwords         # SHA256_BYTES each
    int password_count
    selector *first            # the root; further ones are alternatives

cdef struct acl:               # part PART_ACL of every store; all under the store's lock
    user **users               # by name
    int count
    int room
    user *standard             # the user called default
    buf requirepass            # as last applied
    void *log                  # see log.pyx

cdef char *copy_bytes(view v) noexcept nogil                            # with a NUL behind them, to be freed; NULL: no memory
cdef user *user_new(store *s, view name) noexcept nogil                # off, and may do nothing; in no list. NULL: no memory
cdef user *user_copy(const user *u) noexcept nogil                     # NULL: no memory
cdef void user_move(user *to, user *src) noexcept nogil                # everything but the name; src is empty then
cdef void user_delete(user *u) noexcept nogil
cdef selector *selector_new(bint every_channel) noexcept nogil          # allows nothing
cdef void selector_delete(selector *x) noexcept nogil
cdef bint selector_add(pattern **list, int *count, view text, int access) noexcept nogil   # False: no memory
cdef void selector_drop(pattern **list, int *count) noexcept nogil
cdef bint user_is_free(const user *u) noexcept nogil                   # may it do everything?
cdef bint user_has_password(const user *u, const uint8_t *digest) noexcept nogil   # in a time that does not depend on which
cdef bint user_add_password(user *u, const uint8_t *digest) noexcept nogil         # False: no memory
cdef bint user_drop_password(user *u, const uint8_t *digest) noexcept nogil        # False: it has no such one
cdef user *user_named(store *s, view name) noexcept nogil              # or NULL
cdef user *users_find(acl *a, view name) noexcept nogil                  # or NULL
cdef bint users_reset_standard(store *s) noexcept nogil                # the default user may do everything, without password; False: no memory
cdef bint users_add(acl *a, user *u) noexcept nogil                    # False: no memory
cdef void users_remove(acl *a, user *u) noexcept nogil                 # and deletes it
cdef bint acl_init(store *s) noexcept nogil
cdef void acl_release(store *s) noexcept nogil


cdef inline acl *acl_of(store *s) noexcept nogil:
    return <acl *>s.parts[<int>PART_ACL]


cdef inline view user_name(const user *u) noexcept nogil:
    cdef view v
    v.ptr = u.name
    v.len = u.name_len
    return v
