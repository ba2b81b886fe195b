"""The commands that rebuild a value in an empty database. See rewrite.pyx."""

from libc.stdint cimport int64_t, uint32_t

from kvd.core.entry cimport entry
from kvd.core.idmap cimport idpos, stream_id
from kvd.core.sparse cimport sparse_cursor
from kvd.core.view cimport view
from kvd.types.group cimport nack
from kvd.types.hash cimport hash_cursor
from kvd.types.list cimport list_cursor
from kvd.types.set cimport set_cursor
from kvd.types.stream cimport stream_walk
from kvd.types.zset cimport zset_cursor

cdef struct command_sink:      # takes the commands
    bint (*take)(command_sink *to, int argc, view *argv) noexcept nogil    # the words are valid until it returns; False: stop
    void *context
    bint full                  # set by `take`: it wants no more for now

cdef struct stream_place:
    stream_walk walk
    bint has_id                # the walk is at an entry that is not written yet
    bint ended                 # there are no more
    bint haunted               # there is another ghost
    stream_id id
    stream_id ghost
    uint32_t group             # the next
    bint created               # that one is
    uint32_t consumer          # its next
    bint releasing             # released entries are being written; `at` is then a position in their order
    bint claiming              # its pending entries are being written
    nack *pending              # the next of them
    bint configured            # the settings of producers are written
    uint32_t producer          # the next
    uint32_t iid               # its next
    idpos at

cdef union rewrite_place:      # where it continues: of the value's type
    list_cursor elements
    set_cursor members
    zset_cursor scored
    hash_cursor fields
    stream_place stream
    sparse_cursor places

cdef struct rewrite_walk:      # a value that is being written as commands; it must not change meanwhile
    entry *e
    command_sink *to
    int stage                  # 0: it has not begun
    bint failed                # no memory, or the sink has refused
    bint more                  # of a sorted set: the cursor is at a member
    bint timed                 # of a hash: some field has a deadline
    rewrite_place at

# a slice, which ends after the command with which the sink is full; True: the value is whole, or w.failed. Without the key's deadline (types/value.pyx)
cdef bint string_rewrite(rewrite_walk *w) noexcept nogil
cdef bint list_rewrite(rewrite_walk *w) noexcept nogil
cdef bint set_rewrite(rewrite_walk *w) noexcept nogil
cdef bint zset_rewrite(rewrite_walk *w) noexcept nogil
cdef bint hash_rewrite(rewrite_walk *w) noexcept nogil
cdef bint stream_rewrite(rewrite_walk *w) noexcept nogil
cdef bint array_rewrite(rewrite_walk *w) noexcept nogil
cdef bint deadline_rewrite(view key, int64_t ms, command_sink *to) noexcept nogil     # all of it; False: it has failed
