"""Values as the debugger shows them, on one line: of Lua as Lua writes them, replies of commands with their types."""

from libc.stdint cimport int64_t
from libc.string cimport memchr

from kvd.core.buf cimport buf_add, buf_add_char, buf_printf
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_is, view_of
from kvd.run.run cimport quote_byte
from kvd.script.lua cimport (
    T_BOOLEAN, T_FUNCTION, T_LIGHTUSERDATA, T_NUMBER, T_STRING, T_TABLE, T_THREAD, T_USERDATA, lua, pop,
)
from kvd.script.protect cimport resolve

cdef enum:
    DEEPEST = 10               # levels of tables, which may contain themselves, and of replies
    STACK = 8                  # values on Lua's stack for a level


cdef void quote(view v, buf *out) noexcept nogil:
    cdef size_t i
    buf_add_char(out, c'"')
    for i in range(v.len):
        quote_byte(out, <unsigned char>v.ptr[i])
    buf_add_char(out, c'"')


# ---- of Lua ------------------------------------------------------------------------------------------

cdef bint is_list(lua_State *L) noexcept nogil:
    """Are the keys of the table on top 1, 2, 3 and so on?"""
    cdef int n = 0
    lua.pushnil(L)
    while lua.next(L, -2):
        n += 1
        if lua.type(L, -2) != T_NUMBER or lua.tonumber(L, -2) != n:
            pop(L, 2)
            return False
        pop(L, 1)
    return True


cdef void show_table(lua_State *L, buf *out, size_t end, int depth) noexcept nogil:
    """The one on top."""
    cdef bint plain = is_list(L)
    cdef bint first = True
    buf_add_char(out, c'{')
    lua.pushnil(L)
    while lua.next(L, -2):
        if not first:
            buf_add(out, b"; ", 2)
        first = False
        if not plain:
            buf_add_char(out, c'[')
            show_at(L, -2, out, end, depth + 1)
            buf_add(out, b"]=", 2)
        show_at(L, -1, out, end, depth + 1)
        pop(L, 1)
        if out.len > end or out.failed:
            pop(L, 1)
            break
    buf_add_char(out, c'}')


cdef void show_at(lua_State *L, int i, buf *out, size_t end, int depth) noexcept nogil:
    cdef int type = lua.type(L, i)
    cdef view v
    if type == T_STRING:
        v.ptr = lua.tolstring(L, i, &v.len)
        quote(view_of(v.ptr, min(v.len, end - min(end, out.len) + 1)), out)
    elif type == T_NUMBER:
        buf_printf(out, b"%.14g", lua.tonumber(L, i))
    elif type == T_BOOLEAN:
        buf_printf(out, b"%s", b"true" if lua.toboolean(L, i) else b"false")
    elif type == T_TABLE:
        if depth >= DEEPEST or not lua.checkstack(L, STACK):
            buf_printf(out, b"<a table, not shown: too many levels>")
            return
        resolve(L, i)
        show_table(L, out, end, depth)
        pop(L, 1)
    elif type == T_FUNCTION or type == T_USERDATA or type == T_THREAD or type == T_LIGHTUSERDATA:
        buf_printf(out, b"\"%s@%p\"", lua.typename(L, type), lua.topointer(L, i))
    else:
        buf_printf(out, b"nil")


cdef void show_value(lua_State *L, int i, buf *out, size_t most) noexcept nogil:
    show_at(L, i, out, out.len + most, 0)


# ---- of commands ---------------------------------------------------------------------------------------

cdef bint take_line(view *rest, view *line) noexcept nogil:
    cdef const char *end = <const char *>memchr(rest.ptr, c'\n', rest.len) if rest.len else NULL
    if end == NULL or end == rest.ptr:
        return False
    line[0] = view_of(rest.ptr, end - rest.ptr - 1)
    rest.len -= end + 1 - rest.ptr
    rest.ptr = end + 1
    return True


cdef bint show_many(view *rest, buf *out, int64_t n, const char *ends, bint paired, int depth) noexcept nogil:
    cdef int64_t i
    buf_add_char(out, ends[0])
    for i in range(n):
        if i:
            if paired and i % 2:
                buf_add(out, b" => ", 4)
            else:
                buf_add_char(out, c',')
        if not show_next(rest, out, depth + 1):
            return False
    buf_add_char(out, ends[1])
    return True


cdef bint show_text(view *rest, buf *out, int64_t n) noexcept nogil:
    if n < 0 or <size_t>n + 2 > rest.len:
        return False
    quote(view_of(rest.ptr, n), out)
    rest.ptr += n + 2
    rest.len -= n + 2
    return True


cdef bint show_next(view *rest, buf *out, int depth) noexcept nogil:
    """False: it is broken, or has too many levels."""
    cdef view line
    cdef int64_t n
    cdef char type
    if depth > DEEPEST * 10 or not take_line(rest, &line) or line.len == 0:
        return False
    type = line.ptr[0]
    if type == c'+' or type == c'-':
        quote(line, out)
        return True
    line = view_of(line.ptr + 1, line.len - 1)
    if type == c':':
        buf_add(out, line.ptr, line.len)
    elif type == c',' or type == c'(':
        buf_printf(out, b"(%s) %.*s", <const char *>b"double" if type == c',' else <const char *>b"big number", <int>line.len, line.ptr)
    elif type == c'#':
        buf_printf(out, b"%s", b"#true" if view_is(line, b"t") else b"#false")
    elif type == c'_' or view_is(line, b"-1"):
        buf_printf(out, b"NULL")
    elif not parse_int(line, &n):
        return False
    elif type == c'$' or type == c'=':
        return show_text(rest, out, n)
    elif type == c'*' or type == c'>':
        return show_many(rest, out, n, b"[]", False, depth)
    elif type == c'%':
        return show_many(rest, out, 2 * n, b"{}", True, depth)
    elif type == c'~':
        buf_add_char(out, c'~')
        return show_many(rest, out, n, b"()", False, depth)
    else:
        return False
    return True


cdef void show_reply(view reply, buf *out) noexcept nogil:
    if not show_next(&reply, out, 0):
        buf_printf(out, b"...")
