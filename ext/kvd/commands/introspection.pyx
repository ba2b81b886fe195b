"""COMMAND: the registry's contents, for clients and tools."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.glob cimport glob_match
from kvd.core.view cimport view_is, view_of
from kvd.resp.writer cimport write_bulk, write_header_at, write_lowered, write_status
from kvd.run.args cimport reply_array, reply_bulk, reply_error, reply_int, reply_null
from kvd.run.call cimport F_NO_MANDATORY_KEYS, KEY_NOT_KEY, arity_fits, call, command, key_at, key_walk
from kvd.run.errors cimport SYNTAX
from kvd.run.registry cimport category_bit, command_at, command_count, define, key_flag_name, keys_next, keys_start
from kvd.run.renames cimport called, called_named, is_hidden


define(command_command, """
    COMMAND
    loading stale connection | server | 2.8.13 | O(N) where N is the number of commands
    Return information about all commands.
    arity: -1
    tips: nondeterministic_output_order
""")
cdef void command_command(call *c) noexcept nogil:
    cdef int i
    cdef size_t at = c.out.len
    cdef int64_t n = 0
    for i in range(command_count()):
        if command_at(i).container == NULL and not is_hidden(c.store, command_at(i)):
            write_lowered(c.out, command_at(i).info, c.proto)
            n += 1
    write_header_at(c.out, at, c'*', n)


define(command_count_command, """
    COMMAND|COUNT
    loading stale connection | server | 2.8.13 | O(1)
    Return the number of commands.
""")
cdef void command_count_command(call *c) noexcept nogil:
    cdef int i
    cdef int64_t n = 0
    for i in range(command_count()):
        n += command_at(i).container == NULL and not is_hidden(c.store, command_at(i))
    reply_int(c, n)


define(command_info, """
    COMMAND|INFO [command-name [command-name ...]]
    loading stale connection | server | 2.8.13 | O(N) where N is the number of commands
    Return information about some commands, or all.
    tips: nondeterministic_output_order
""")
cdef void command_info(call *c) noexcept nogil:
    cdef int i
    cdef const command *d
    if c.argc == 2:
        command_command(c)
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        d = called_named(c.store, c.argv[i])
        if d == NULL:
            reply_null(c)
        else:
            write_lowered(c.out, d.info, c.proto)


define(command_docs, """
    COMMAND|DOCS [command-name [command-name ...]]
    loading stale connection | server | 7.0.0 | O(N) where N is the number of commands
    Return the documentation of some commands, or all.
    tips: nondeterministic_output_order
""")
cdef void command_docs(call *c) noexcept nogil:
    cdef int i
    cdef const command *d
    cdef int64_t n = 0
    cdef size_t at = c.out.len
    if c.argc == 2:
        for i in range(command_count()):
            if command_at(i).container == NULL and not is_hidden(c.store, command_at(i)):
                write_lowered(c.out, command_at(i).docs, c.proto)
                n += 1
    for i in range(2, c.argc):
        d = called_named(c.store, c.argv[i])
        if d != NULL:
            write_lowered(c.out, d.docs, c.proto)
            n += 1
    if c.proto >= 3:
        write_header_at(c.out, at, c'%', n)
    else:
        write_header_at(c.out, at, c'*', n * 2)


define(command_list, """
    COMMAND|LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]
    loading stale connection | server | 7.0.0 | O(N) where N is the number of commands
    Return the names of all commands, or of those that pass a filter.
    tips: nondeterministic_output_order
""")
cdef void command_list(call *c) noexcept nogil:
    cdef int i
    cdef int64_t n = 0
    cdef size_t at = c.out.len
    cdef const command *d
    cdef uint64_t category = 0
    cdef int filter = 0
    if c.argc == 5 and view_is(c.argv[2], b"filterby"):
        filter = (1 if view_is(c.argv[3], b"module") else 2 if view_is(c.argv[3], b"aclcat")
                  else 3 if view_is(c.argv[3], b"pattern") else 0)
    if c.argc != 2 and filter == 0:
        reply_error(c, SYNTAX)
        return
    if filter == 2:
        category = category_bit(c.argv[4])
    for i in range(command_count()):
        d = command_at(i)
        if (is_hidden(c.store, d) or filter == 1 or (filter == 2 and not d.categories & category)
                or (filter == 3 and not glob_match(c.argv[4], view_of(d.name, d.name_len), True))):
            continue
        write_bulk(c.out, view_of(d.name, d.name_len))
        n += 1
    write_header_at(c.out, at, c'~' if c.proto >= 3 else c'*', n)


cdef bint next_key(key_walk *w, key_at *key) noexcept nogil:
    """Leaves out shard channels: they have slots, as keys do, but are no keys."""
    while keys_next(w, key):
        if not key.flags & KEY_NOT_KEY:
            return True
    return False


cdef int keys_of(call *c, key_walk *w) noexcept nogil:
    """Starts the walk over the keys of the inner command; their number, -1: the error is replied."""
    cdef const command *container
    cdef const command *d = called(c.store, c.argv + 2, c.argc - 2, &container)
    cdef key_at key
    cdef int n = 0
    if d == NULL:
        reply_error(c, b"ERR Invalid command specified")
        return -1
    if d.key_specs == 0 or d.keys[0].flags & KEY_NOT_KEY:
        reply_error(c, b"ERR The command has no key arguments")
        return -1
    if not arity_fits(d, c.argc - 2):
        reply_error(c, b"ERR Invalid number of arguments specified for command")
        return -1
    keys_start(w, d, c.argv + 2, c.argc - 2)
    while next_key(w, &key):
        n += 1
    if w.bad or (n == 0 and not d.flags & F_NO_MANDATORY_KEYS):
        reply_error(c, b"ERR Invalid arguments specified for command")
        return -1
    keys_start(w, d, c.argv + 2, c.argc - 2)
    return n


define(command_getkeys, """
    COMMAND|GETKEYS word [word ...]
    loading stale connection | server | 2.8.13 | O(N) where N is the number of arguments
    Return the keys of a command.
""")
cdef void command_getkeys(call *c) noexcept nogil:
    cdef key_walk w
    cdef key_at key
    cdef int n = keys_of(c, &w)
    if n < 0:
        return
    reply_array(c, n)
    while next_key(&w, &key):
        reply_bulk(c, c.argv[2 + key.at])


cdef void reply_key_flags(call *c, uint32_t flags) noexcept nogil:
    cdef size_t at = c.out.len
    cdef int64_t n = 0
    cdef int bit = 0
    while key_flag_name(bit) != NULL:
        if flags >> bit & 1:
            write_status(c.out, key_flag_name(bit))
            n += 1
        bit += 1
    write_header_at(c.out, at, c'~' if c.proto >= 3 else c'*', n)


define(command_getkeysandflags, """
    COMMAND|GETKEYSANDFLAGS word [word ...]
    loading stale connection | server | 7.0.0 | O(N) where N is the number of arguments
    Return the keys of a command and how each is accessed.
""")
cdef void command_getkeysandflags(call *c) noexcept nogil:
    cdef key_walk w
    cdef key_at key
    cdef int n = keys_of(c, &w)
    if n < 0:
        return
    reply_array(c, n)
    while next_key(&w, &key):
        reply_array(c, 2)
        reply_bulk(c, c.argv[2 + key.at])
        reply_key_flags(c, key.flags)
