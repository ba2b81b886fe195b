"""Functions shared by the commands on lists, hashes, sets, sorted sets and streams. See keyed.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.entry cimport entry
from kvd.core.mem cimport heap
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.store.store cimport database, store
from kvd.types.kind cimport packing

ctypedef entry *(*maker)(heap *h, view key) noexcept nogil

cdef struct picks:             # numbers or addresses already drawn, for samples without repetition
    uint64_t *slots
    size_t mask

cdef bint picks_init(picks *p, size_t n) noexcept nogil                               # room for n; False: no memory
cdef bint picks_add(picks *p, uint64_t x) noexcept nogil                              # False: it was drawn before; x is not 0
cdef void picks_release(picks *p) noexcept nogil

cdef bint find_typed(call *c, view key, int type, bint reading, uint64_t *hash, entry **e) noexcept nogil
# *e may be NULL: no such key. False: another type, and the error is replied.
cdef bint first_filled(call *c, int type, int at, int count, int *found, entry **e, uint64_t *hash) noexcept nogil
# the first of `count` keys from argument `at` on that has a value of the type; *found 0: none has. False: another type, and the error is replied.
cdef entry *find_or_make(call *c, view key, int type, maker make, uint64_t *hash) noexcept nogil   # NULL: the error is replied
cdef entry *insert_new(call *c, view key, entry *e, uint64_t hash) noexcept nogil      # of a key that is missing; e may be NULL: no memory. NULL: e is freed, the error replied
cdef bint store_new_value(call *c, database *db, view key, entry *e) noexcept nogil   # replaces what is there; False: e is freed, the error replied
cdef bint delete_key(call *c, database *db, view key, const char *event) noexcept nogil   # without a reply, with the event; False: there was none
cdef void drop_empty(call *c, view key, entry *e, uint64_t hash) noexcept nogil       # after its last element was removed: deletes the key
cdef bint clip(int64_t n, int64_t *start, int64_t *end) noexcept nogil                # indexes as in LRANGE; False: an empty range
cdef bint read_numkeys(call *c, int at, int64_t *n) noexcept nogil                    # at least 1, and that many arguments follow; False: the error is replied
# a reply that repeats elements as often as the client says: of proto-max-bulk-len bytes at most, since nothing else limits it
cdef bint repeats_begin(call *c, int64_t count) noexcept nogil           # False: too many, and the error is replied
cdef bint repeats_fit(call *c, size_t begin) noexcept nogil              # begin: where the reply begins; False: it ends here, as an error or by the output limit
cdef bint read_random_count(call *c, const char *pairs_word, bint *pairs, int64_t *count) noexcept nogil
# [count [pairs_word]], 1 without; not below -2^63 / 2 where there are pairs (pairs_word NULL: never). False: the error is replied.
cdef bint read_pop_count(call *c, int at, int64_t *n) noexcept nogil                    # [COUNT count] to the end; False: the error is replied
cdef bint arg_double(call *c, int i, double *d) noexcept nogil                        # False: the error is replied
cdef bint arg_timeout(call *c, int i, int64_t *deadline) noexcept nogil               # seconds to a deadline in ms; 0: no limit
cdef void reply_double(call *c, double d) noexcept nogil
cdef packing hash_limits(store *s) noexcept nogil
cdef packing set_limits(store *s) noexcept nogil
cdef packing zset_limits(store *s) noexcept nogil
