"""Replies to Lua values and back.

    RESP2 and 3   integer number   bulk string   array table   status {ok=}   error {err=}   null false
    RESP3 only    null nil   boolean   double {double=}   map {map=}   set {set={member=true}}
                  big number {big_number=}   verbatim {verbatim_string={string=, format=}}

In the other direction the same tables give the same replies; a number loses its fraction, true is 1 and false is
null (in RESP3 true and false, if the script has selected RESP3), an array ends at its first nil. Fields are read
raw: no metamethod of a script runs here.
"""

from libc.stdint cimport int64_t
from libc.string cimport memchr

from kvd.core.text cimport parse_double, parse_int
from kvd.core.view cimport view_of
from kvd.resp.writer cimport (
    write_bool, write_bulk, write_clean, write_double, write_header, write_header_at, write_int, write_line,
    write_null, write_verbatim,
)
from kvd.run.args cimport reply_error, reply_error_counted
from kvd.script.lua cimport T_BOOLEAN, T_NUMBER, T_STRING, T_TABLE, is_nil, lua, pop

cdef enum:
    LARGEST_REPLY = 0x20000000  # bytes
    MOST_VALUES = 0x1000000    # a table that contains itself twice at each level would never end


# ---- reply to value ----------------------------------------------------------------------------------

cdef void push_named(lua_State *L, const char *name, const char *p, size_t n) noexcept nogil:
    """{name = text}"""
    lua.createtable(L, 0, 1)
    lua.pushlstring(L, p, n)
    lua.setfield(L, -2, name)


cdef void push_error(lua_State *L, const char *p, size_t n) noexcept nogil:
    push_named(L, b"err", p, n)
    lua.pushboolean(L, True)           # the command has counted it already
    lua.setfield(L, -2, b"ignore_error_stats_update")


cdef const char *push_pairs(lua_State *L, const char *p, int64_t n, bint is_map) noexcept nogil:
    lua.createtable(L, 0, 1)
    lua.createtable(L, 0, <int>n)
    while n > 0:
        p = push_one(L, p)
        if is_map:
            p = push_one(L, p)
        else:
            lua.pushboolean(L, True)
        if is_nil(L, -2):
            pop(L, 2)                  # null cannot be a key
        else:
            lua.rawset(L, -3)
        n -= 1
    lua.setfield(L, -2, b"map" if is_map else b"set")
    return p


cdef const char *push_one(lua_State *L, const char *p) noexcept nogil:
    """Pushes the value that begins at p; returns the position after it. Replies of kvd are always complete."""
    cdef const char *eol = <const char *>memchr(p, c'\r', <size_t>-1 >> 1)
    cdef int64_t n = 0
    cdef int64_t i
    cdef double d
    cdef char kind = p[0]
    cdef const char *after = eol + 2
    if not lua.checkstack(L, 6):
        lua.pushstring(L, b"reached lua stack limit")
        lua.error(L)
    if kind == c'$' or kind == c'*' or kind == c':' or kind == c'%' or kind == c'~' or kind == c'>' or kind == c'=':
        parse_int(view_of(p + 1, eol - p - 1), &n)
    if kind == c':':
        lua.pushnumber(L, <double>n)
    elif kind == c'$' and n >= 0:
        lua.pushlstring(L, after, n)
        after += n + 2
    elif (kind == c'*' or kind == c'>') and n >= 0:
        lua.createtable(L, <int>n, 0)
        for i in range(n):
            after = push_one(L, after)
            lua.rawseti(L, -2, <int>i + 1)
    elif kind == c'$' or kind == c'*':
        lua.pushboolean(L, False)
    elif kind == c'+':
        push_named(L, b"ok", p + 1, eol - p - 1)
    elif kind == c'-':
        push_error(L, p + 1, eol - p - 1)
    elif kind == c'%' or kind == c'~':
        after = push_pairs(L, after, n, kind == c'%')
    elif kind == c',':
        d = 0
        parse_double(view_of(p + 1, eol - p - 1), &d)
        lua.createtable(L, 0, 1)
        lua.pushnumber(L, d)
        lua.setfield(L, -2, b"double")
    elif kind == c'#':
        lua.pushboolean(L, p[1] == c't')
    elif kind == c'(':
        push_named(L, b"big_number", p + 1, eol - p - 1)
    elif kind == c'=':
        lua.createtable(L, 0, 1)
        push_named(L, b"string", after + 4, n - 4)
        lua.pushlstring(L, after, 3)
        lua.setfield(L, -2, b"format")
        lua.setfield(L, -2, b"verbatim_string")
        after += n + 2
    else:
        lua.pushnil(L)
    return after


cdef void push_reply(lua_State *L, view reply) noexcept nogil:
    push_one(L, reply.ptr)


cdef int give_error(lua_State *L, const char *text, bint throws) noexcept nogil:
    """An error of redis.call (thrown) or redis.pcall (returned), which no command has counted."""
    lua.createtable(L, 0, 1)
    lua.pushstring(L, text)
    lua.setfield(L, -2, b"err")
    return lua.error(L) if throws else 1


# ---- value to reply ----------------------------------------------------------------------------------

cdef int64_t whole(double d) noexcept nogil:
    """Truncates it; a number beyond any integer becomes the smallest."""
    return <int64_t>d if -9223372036854775808.0 <= d < 9223372036854775808.0 else -<int64_t>0x7FFFFFFFFFFFFFFF - 1


cdef bint field(lua_State *L, int table, const char *name, int type) noexcept nogil:
    """Pushes the field if it has the type."""
    lua.pushstring(L, name)
    lua.rawget(L, table)
    if lua.type(L, -1) == type:
        return True
    pop(L, 1)
    return False


cdef inline bint too_large(running *run) noexcept nogil:
    return run.c.out.len - run.reply_at > LARGEST_REPLY or run.written > MOST_VALUES


cdef void write_big_number(running *run, view digits) noexcept nogil:
    if run.c.proto >= 3:
        write_line(run.c.out, c'(', digits)
    else:
        write_header(run.c.out, c'$', digits.len)
        write_clean(run.c.out, digits)


cdef void write_keyed(lua_State *L, running *run, bint is_map) noexcept nogil:
    """The table on top as a map, or its keys as a set."""
    cdef size_t at = run.c.out.len
    cdef int64_t n = 0
    cdef int proto = run.c.proto
    lua.pushnil(L)
    while lua.next(L, -2):
        n += 1
        lua.pushvalue(L, -2)
        write_value(L, run)           # the key's copy
        if is_map:
            write_value(L, run)
        else:
            pop(L, 1)
        if too_large(run):
            pop(L, 1)
            break
    write_header_at(run.c.out, at, (c'%' if proto >= 3 else c'*') if is_map else (c'~' if proto >= 3 else c'*'),
                    2 * n if is_map and proto < 3 else n)


cdef void write_array_of(lua_State *L, running *run) noexcept nogil:
    cdef size_t at = run.c.out.len
    cdef int n = 0
    while not too_large(run):
        lua.rawgeti(L, -1, n + 1)
        if is_nil(L, -1):
            pop(L, 1)
            break
        n += 1
        write_value(L, run)
    write_header_at(run.c.out, at, c'*', n)


cdef bint write_special(lua_State *L, running *run) noexcept nogil:
    """Tables with special fields; keeps the table on the stack."""
    cdef int t = lua.gettop(L)
    cdef size_t n
    cdef const char *p
    cdef bint counted
    if field(L, t, b"err", T_STRING):
        p = lua.tolstring(L, -1, &n)
        lua.pushstring(L, b"ignore_error_stats_update")
        lua.rawget(L, t)
        counted = not lua.toboolean(L, -1)
        reply_error_counted(run.c, view_of(p, n), counted)
    elif field(L, t, b"ok", T_STRING):
        p = lua.tolstring(L, -1, &n)
        write_line(run.c.out, c'+', view_of(p, n))
    elif field(L, t, b"double", T_NUMBER):
        write_double(run.c.out, lua.tonumber(L, -1), run.c.proto)
    elif field(L, t, b"map", T_TABLE):
        write_keyed(L, run, True)
    elif field(L, t, b"set", T_TABLE):
        write_keyed(L, run, False)
    elif field(L, t, b"big_number", T_STRING):
        p = lua.tolstring(L, -1, &n)
        write_big_number(run, view_of(p, n))
    elif field(L, t, b"verbatim_string", T_TABLE):
        if field(L, t + 1, b"string", T_STRING) and field(L, t + 1, b"format", T_STRING):
            write_verbatim_of(L, run, t)
        else:
            lua.settop(L, t)
            return False
    else:
        return False
    lua.settop(L, t)
    return True


cdef void write_verbatim_of(lua_State *L, running *run, int t) noexcept nogil:
    """string and format are above the table at t + 1."""
    cdef size_t n, k
    cdef size_t i
    cdef char kind[4]
    cdef const char *text = lua.tolstring(L, t + 2, &n)
    cdef const char *format = lua.tolstring(L, t + 3, &k)
    for i in range(3):
        kind[i] = format[i] if i < k else c' '
    kind[3] = 0
    write_verbatim(run.c.out, view_of(text, n), kind, run.c.proto)


cdef void write_value(lua_State *L, running *run) noexcept nogil:
    """Of the value on top, which is popped."""
    cdef int type = lua.type(L, -1)
    cdef size_t n
    cdef const char *p
    run.written += 1
    if not lua.checkstack(L, 8):
        reply_error_counted(run.c, view_of(b"ERR reached lua stack limit", 27), True)
    elif type == T_STRING:
        p = lua.tolstring(L, -1, &n)
        write_bulk(run.c.out, view_of(p, n))
    elif type == T_NUMBER:
        write_int(run.c.out, whole(lua.tonumber(L, -1)))
    elif type == T_BOOLEAN:
        if run.proto >= 3 and run.c.proto >= 3:
            write_bool(run.c.out, lua.toboolean(L, -1), 3)
        elif run.proto >= 3:
            write_int(run.c.out, lua.toboolean(L, -1))
        elif lua.toboolean(L, -1):
            write_int(run.c.out, 1)
        else:
            write_null(run.c.out, run.c.proto)
    elif type == T_TABLE:
        if not write_special(L, run):
            write_array_of(L, run)
    else:
        write_null(run.c.out, run.c.proto)
    pop(L, 1)


cdef void reply_from_value(lua_State *L, running *run) noexcept nogil:
    write_value(L, run)
    if too_large(run):
        run.c.out.len = run.reply_at
        reply_error(run.c, b"ERR the reply of the script is too large")
