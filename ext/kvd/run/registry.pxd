"""The registry of commands: declarations, lookup, key positions. See registry.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from kvd.core.view cimport view
from kvd.run.call cimport call, command, handler, key_at, key_narrowing, key_walk, narrowing

cdef enum:
    MAX_COMMANDS = 640

cdef object define(handler run, str text)                              # at import: declares a command
cdef object define_narrowing(str name, narrowing f)                    # at import: some calls of it have other flags
cdef object define_key_narrowing(str name, key_narrowing f)            # at import: its keys' flags depend on the call
cdef void freeze() except *                                            # after all modules are imported

cdef const command *command_named(view name) noexcept nogil            # or NULL; a subcommand as container|name
cdef const command *command_of(view *argv, int argc, const command **container) noexcept nogil
# finds the command of the words; NULL: no such command, or no such subcommand of *container (else NULL)
cdef const command *command_within(const command *d, view *argv, int argc, const command **container) noexcept nogil   # as command_of, and the first word calls d
cdef int command_count() noexcept nogil
cdef const command *command_at(int id) noexcept nogil
cdef void keys_start(key_walk *w, const command *d, view *argv, int argc) noexcept nogil
cdef bint keys_next(key_walk *w, key_at *key) noexcept nogil    # False: no more, or w.bad
cdef view shown_word(const command *d, view *argv, int argc, int i) noexcept nogil   # word i as MONITOR and the slow log show it
cdef const char *key_flag_name(int bit) noexcept nogil                 # NULL after the last
cdef uint64_t category_bit(view name) noexcept nogil                   # 0: no such category
cdef const char *category_name(int bit) noexcept nogil                 # NULL after the last
