"""The commands that rebuild a value in an empty database. See rewrite.pyx."""

from libc.stdint cimport int64_t

from kvd.core.entry cimport entry
from kvd.core.view cimport view

cdef struct command_sink:      # takes the commands
    bint (*take)(command_sink *to, int argc, view *argv) noexcept nogil    # the words are valid until it returns; False: stop
    void *context

# without the key's deadline (types/value.pyx); False: no memory, or the sink has refused
cdef bint string_rewrite(entry *e, view key, command_sink *to) noexcept nogil
cdef bint list_rewrite(entry *e, view key, command_sink *to) noexcept nogil
cdef bint set_rewrite(entry *e, view key, command_sink *to) noexcept nogil
cdef bint zset_rewrite(entry *e, view key, command_sink *to) noexcept nogil
cdef bint hash_rewrite(entry *e, view key, command_sink *to) noexcept nogil
cdef bint stream_rewrite(entry *e, view key, command_sink *to) noexcept nogil
cdef bint deadline_rewrite(view key, int64_t ms, command_sink *to) noexcept nogil
