"""A command, and a call of it, which handlers receive. See registry.pyx, gate.pyx and run.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.session.session cimport session
from kvd.store.store cimport database, store

cdef enum command_flag:
    F_WRITE = 1
    F_READONLY = 2
    F_DENYOOM = 4
    F_ADMIN = 8
    F_NO_AUTH = 16             # allowed before AUTH
    F_NO_MULTI = 32
    F_SKIP_MONITOR = 64
    F_SKIP_SLOWLOG = 128
    F_NOSCRIPT = 256           # not from a script
    F_ALLOW_BUSY = 512         # also while a script keeps the store busy
    F_NO_MANDATORY_KEYS = 1024     # its numkeys may be 0
    F_CONTAINER = 2048
    F_LOADING = 4096           # also while the data set is being loaded
    F_STALE = 8192             # also by a replica whose master is gone (replica-serve-stale-data no)
    # flags of kvd only, as described by MARKS in kvd/run/spec.py
    F_IN_MULTI = 1 << 16
    F_ENDS_MULTI = 1 << 17
    F_LISTENING = 1 << 18
    F_NESTS = 1 << 19
    F_MAY_REPLICATE = 1 << 20
    F_KEEPS_CACHING = 1 << 21
    F_SHOWN_FIRST = 1 << 22
    F_TAKES_VALUE = 1 << 23
    F_CROSS_SLOTS = 1 << 24    # of a call: its keys may be in several slots of a cluster

cdef enum key_flag:            # in the order of KEY_FLAGS in kvd/run/spec.py
    KEY_RO = 1
    KEY_RW = 2
    KEY_OW = 4
    KEY_RM = 8
    KEY_ACCESS = 16
    KEY_UPDATE = 32
    KEY_INSERT = 64
    KEY_DELETE = 128
    KEY_NOT_KEY = 256          # a shard channel
    KEY_INCOMPLETE = 512
    KEY_VARIABLE = 1024

cdef enum:
    MAX_KEY_SPECS = 4
    MAX_SECRETS = 2
    MAX_NEWER = 32             # tokens of a command that came later

cdef struct key_spec:          # where keys are in the words of a call
    uint32_t flags
    int begin                  # the word at which the keys begin, or from which `keyword` is searched; negative: among the options
    const char *keyword        # lower case; NULL: none
    int last                   # the last key, counted from the first; negative: from the end
    int step
    int limit                  # above 1: keys are the first 1/limit of what follows
    bint counted               # the first word is the number of keys that follow
    bint or_empty              # an empty word is no key

cdef struct key_at:            # a key of a call
    int at                     # word
    uint32_t flags

cdef struct key_walk:          # over the keys of a call, by keys_start and keys_next (run/registry.pxd)
    const command *command
    view *argv
    int argc
    int spec                   # the next of the command's specifications
    int next                   # the next key of this one
    int last
    int step
    uint32_t flags
    bint bad                   # a number of keys is not one, or larger than the number of words

cdef struct channel_words:     # of a command: the channels that a user must be allowed
    int at                     # the first word; 0: there are none
    int count                  # -1: up to the end
    bint patterns

cdef enum:
    DB_EVERY = -1              # in place of a word: every database

cdef struct database_words:    # the databases that a call names, beside the one that is selected
    int first                  # the first word; 0: there are none; DB_EVERY
    int last
    const char *keyword        # lower case: the word after it, from `first` on; or NULL
    bint elsewhere             # the selected one does not matter

cdef struct secret:            # words that MONITOR and the slow log do not show
    int at
    int count                  # -1: up to the end
    const char *keyword        # lower case: `count` words after it; NULL: from `at` on
    bint options               # pairs of an option and its value: those of secret options

cdef enum:
    REDIS = 0                  # whose releases: index of `since`
    VALKEY = 1

cdef struct newer_word:        # a token that came later than its command
    const char *word           # lower case
    const char *after          # the word before it; or NULL
    int at                     # the only word that it may be; 0: any, from options_at on
    bint asked                 # it is not looked for: the handler asks
    bint widens                # without it the command takes fewer words
    int since[2]

cdef struct call:
    store *store
    session *session
    database *db
    const command *command
    uint32_t flags             # the command's, as changed by the arguments of this call (command.narrow)
    const void *target         # what command.narrow has found, for the handler; or NULL
    uint32_t forbids           # flags that its caller may not use: F_WRITE in a read-only script, F_DENYOOM without memory
    view *argv
    int argc
    int proto
    buf *out
    size_t reply_at            # where its reply begins in out
    bint from_script
    bint again                 # a blocked command is run again
    bint waits                 # it is blocked: neither replied nor measured yet
    bint late                  # it was blocked, and its time is over: it replies what there is

ctypedef void (*handler)(call *c) noexcept nogil
ctypedef uint32_t (*narrowing)(call *c) noexcept nogil                 # the flags of this call
ctypedef uint32_t (*key_narrowing)(view *argv, int argc) noexcept nogil    # the flags of its keys, where variable

cdef struct command:
    const char *name           # lower case; a subcommand as container|name
    size_t name_len
    handler run
    narrowing narrow           # or NULL
    key_narrowing narrow_keys  # or NULL
    int id
    int arity                  # negative: the minimum number of words
    uint32_t flags
    uint64_t categories        # bits in the order of ACL_CATEGORIES in kvd/run/spec.py
    key_spec keys[MAX_KEY_SPECS]
    int key_specs
    channel_words channels
    database_words databases
    secret secrets[MAX_SECRETS]
    int secret_count
    const command *container   # of a subcommand; NULL
    int since[2]               # the releases of Redis and Valkey that have it first: 80400 is 8.4
    int options_at             # the first word that may be an option
    newer_word newer[MAX_NEWER]
    int newer_count
    view info                  # entries of COMMAND INFO and COMMAND DOCS, as RESP3
    view docs
    view help                  # of a HELP subcommand: its whole reply


cdef inline bint arity_fits(const command *d, int argc) noexcept nogil:
    return argc == d.arity if d.arity >= 0 else argc >= -d.arity


cdef inline void call_init(call *c, session *who) noexcept nogil:
    """A call by the session; command, flags and words are the caller's to set."""
    c.store = who.store
    c.session = who
    c.db = &who.store.dbs[who.db]
    c.proto = who.proto
    c.out = &who.out
    c.reply_at = who.out.len
    c.target = NULL
    c.forbids = 0
    c.from_script = c.again = c.waits = c.late = False
