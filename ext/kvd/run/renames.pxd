"""Renamed and removed commands of a store (rename-command). See renames.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport command
from kvd.run.emulation cimport is_unknown, known
from kvd.run.registry cimport command_named, command_of
from kvd.store.parts cimport PART_RENAMES
from kvd.store.store cimport SPECIAL_EMULATES, store

cdef const char *rename_add(store *s, view old, view new) noexcept nogil   # new empty: removes it; NULL, or what is wrong
cdef void renames_release(store *s) noexcept nogil
cdef const command *renamed(store *s, view name) noexcept nogil           # for stores with renamed commands; NULL: no such command
cdef const command *renamed_of(store *s, view *argv, int argc, const command **container) noexcept nogil
cdef bint is_removed(store *s, const command *d) noexcept nogil           # for stores with renamed commands: has neither it nor its container a name?


cdef inline const command *called_named(store *s, view name) noexcept nogil:
    """command_named, by the store's names; NULL also if the server that it emulates does not have the command."""
    return known(s, command_named(name) if s.parts[<int>PART_RENAMES] == NULL else renamed(s, name))


cdef inline const command *called(store *s, view *argv, int argc, const command **container) noexcept nogil:
    """The same for command_of."""
    cdef const command *d
    if s.parts[<int>PART_RENAMES] == NULL:
        d = command_of(argv, argc, container)
    else:
        d = renamed_of(s, argv, argc, container)
    if s.special & SPECIAL_EMULATES:
        container[0] = known(s, container[0] if d == NULL or d.container == NULL else d.container)
        d = known(s, d)
    return d


cdef inline bint is_hidden(store *s, const command *d) noexcept nogil:
    """Has the command no name in this store?"""
    return (s.parts[<int>PART_RENAMES] != NULL and is_removed(s, d)) or (s.special & SPECIAL_EMULATES and is_unknown(s, d))
