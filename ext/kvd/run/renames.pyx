"""Renamed and removed commands of a store: the directive rename-command.

A table of names is searched before the registry: a name in it is that of its command, or of none; other names have their usual
meaning. It is made with the first renamed command and does not change while commands run. A renamed command keeps
its own name in COMMAND, INFO and the slow log, as in Redis; scripts, too, must use the new one.

Fast paths do not look up names, so a store with renamed commands raises SPECIAL_RENAMED and takes no fast path.
"""

from libc.string cimport memset

from kvd.core.mem cimport mem_alloc, mem_free
from kvd.core.entry cimport entry, entry_free
from kvd.core.pointers cimport pointer_find, pointer_put, pointer_take
from kvd.core.table cimport table, table_drain, table_init, table_release
from kvd.core.view cimport lower, view_of
from kvd.run.registry cimport MAX_COMMANDS, command_within
from kvd.store.store cimport SPECIAL_RENAMED

cdef enum:
    NAME_ROOM = 128

cdef struct renames:
    table words                # lower case -> a command, or &NOTHING
    bint removed[MAX_COMMANDS]     # by id: it has no name

cdef command NOTHING


cdef inline renames *renames_of(store *s) noexcept nogil:
    return <renames *>s.parts[<int>PART_RENAMES]


cdef bint open_renames(store *s) noexcept nogil:
    cdef renames *r
    if s.parts[<int>PART_RENAMES] != NULL:
        return True
    r = <renames *>mem_alloc(&s.mem, sizeof(renames))
    if r == NULL:
        return False
    memset(r, 0, sizeof(renames))
    table_init(&r.words, &s.mem)
    s.parts[<int>PART_RENAMES] = r
    s.special |= SPECIAL_RENAMED
    return True


cdef void renames_release(store *s) noexcept nogil:
    cdef renames *r = renames_of(s)
    cdef entry *e
    if r == NULL:
        return
    while True:
        e = table_drain(&r.words)
        if e == NULL:
            break
        entry_free(&s.mem, e)
    table_release(&r.words)
    mem_free(&s.mem, r, sizeof(renames))
    s.parts[<int>PART_RENAMES] = NULL


cdef view lowered(view name, char *room) noexcept nogil:
    """Empty: the name is longer than any renamed one."""
    cdef size_t i
    if name.len > NAME_ROOM:
        return view_of(room, 0)
    for i in range(name.len):
        room[i] = lower(name.ptr[i])
    return view_of(room, name.len)


cdef bint set_word(renames *r, view word, const command *d) noexcept nogil:
    pointer_take(&r.words, word)
    return pointer_put(&r.words, word, <void *>d)


cdef const char *rename_add(store *s, view old, view new) noexcept nogil:
    cdef char old_room[NAME_ROOM]
    cdef char new_room[NAME_ROOM]
    cdef const command *d
    cdef renames *r
    cdef view before = lowered(old, old_room)
    cdef view after = lowered(new, new_room)
    if new.len > NAME_ROOM:
        return b"The new name of the command is too long"
    if not open_renames(s):
        return b"Out of memory"
    d = renamed(s, before)
    if d == NULL or d.container != NULL:
        return b"No such command in rename-command"
    if after.len and renamed(s, after) != NULL:
        return b"Target command name already exists"
    r = renames_of(s)
    if not set_word(r, before, &NOTHING) or (after.len and not set_word(r, after, d)):
        return b"Out of memory"
    r.removed[d.id] = after.len == 0
    return NULL


cdef const command *renamed(store *s, view name) noexcept nogil:
    cdef char room[NAME_ROOM]
    cdef view word = lowered(name, room)
    cdef const command *d = <const command *>pointer_find(&renames_of(s).words, word)
    if d == &NOTHING:
        return NULL
    return d if d != NULL else command_named(name)


cdef const command *renamed_of(store *s, view *argv, int argc, const command **container) noexcept nogil:
    return command_within(renamed(s, argv[0]), argv, argc, container)


cdef bint is_removed(store *s, const command *d) noexcept nogil:
    return renames_of(s).removed[d.id if d.container == NULL else d.container.id]
