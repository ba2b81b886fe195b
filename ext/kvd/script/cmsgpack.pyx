"""The library `cmsgpack` of scripts: MessagePack.

A table is an array if its keys are 1 to n, without a hole; tables deeper than MOST_NESTED are written as nil, and so are
types that MessagePack does not have. Numbers without a fraction are integers, others a float if that is exact, else
a double. Input (the types of 2012: no bin, no ext) is checked byte by byte: "Missing bytes in input." or "Bad data format in input.".
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from kvd.core.buf cimport buf, buf_add, buf_add_char
from kvd.script.lua cimport T_BOOLEAN, T_NIL, T_NUMBER, T_STRING, T_TABLE, lua, pop, raise_text
from kvd.script.protect cimport add_functions, named, protect
from kvd.script.runtime cimport runtime_of

cdef enum:
    MOST_NESTED = 16
    DEEPEST_READ = 1000


# ---- writing -------------------------------------------------------------------------------------------

cdef void put(buf *out, int tag, uint64_t n, int size) noexcept nogil:
    """A tag and a big-endian integer of `size` bytes."""
    buf_add_char(out, <char>tag)
    while size > 0:
        size -= 1
        buf_add_char(out, <char>(n >> (8 * size) & 255))


cdef void put_integer(buf *out, int64_t n) noexcept nogil:
    if n >= 0:
        if n <= 127:
            put(out, <int>n, 0, 0)
        elif n <= 0xFF:
            put(out, 0xCC, n, 1)
        elif n <= 0xFFFF:
            put(out, 0xCD, n, 2)
        elif n <= <int64_t>0xFFFFFFFF:
            put(out, 0xCE, n, 4)
        else:
            put(out, 0xCF, n, 8)
    elif n >= -32:
        put(out, <int>(n & 255), 0, 0)
    elif n >= -128:
        put(out, 0xD0, <uint64_t>n, 1)
    elif n >= -32768:
        put(out, 0xD1, <uint64_t>n, 2)
    elif n >= -<int64_t>0x80000000:
        put(out, 0xD2, <uint64_t>n, 4)
    else:
        put(out, 0xD3, <uint64_t>n, 8)


cdef void put_number(buf *out, double d) noexcept nogil:
    cdef float single
    cdef uint32_t word
    cdef uint64_t wide
    if -9223372036854775808.0 <= d < 9223372036854775808.0 and <double><int64_t>d == d:
        put_integer(out, <int64_t>d)
        return
    single = <float>d
    if <double>single == d:
        memcpy(&word, &single, 4)
        put(out, 0xCA, word, 4)
    else:
        memcpy(&wide, &d, 8)
        put(out, 0xCB, wide, 8)


cdef void put_string(buf *out, const char *p, size_t n) noexcept nogil:
    if n < 32:
        put(out, 0xA0 | <int>n, 0, 0)
    elif n <= 0xFF:
        put(out, 0xD9, n, 1)
    elif n <= 0xFFFF:
        put(out, 0xDA, n, 2)
    else:
        put(out, 0xDB, n, 4)
    buf_add(out, p, n)


cdef bint is_array(lua_State *L, int64_t *items) noexcept nogil:
    """The table on top. Counts its items either way."""
    cdef int64_t n = 0
    cdef int64_t most = 0
    cdef double key
    cdef bint only_indices = True
    lua.pushnil(L)
    while lua.next(L, -2):
        pop(L, 1)
        n += 1
        if only_indices:
            key = lua.tonumber(L, -1) if lua.type(L, -1) == T_NUMBER else 0
            if not 1 <= key <= 9.0e15 or <double><int64_t>key != key:
                only_indices = False
            elif <int64_t>key > most:
                most = <int64_t>key
    items[0] = n
    return only_indices and most == n


cdef void put_table(lua_State *L, buf *out, int level) noexcept nogil:
    cdef int64_t n, i
    if is_array(L, &n):
        if n <= 15:
            put(out, 0x90 | <int>n, 0, 0)
        elif n <= 0xFFFF:
            put(out, 0xDC, n, 2)
        else:
            put(out, 0xDD, n, 4)
        for i in range(n):
            lua.rawgeti(L, -1, <int>i + 1)
            put_value(L, out, level + 1)
        return
    if n <= 15:
        put(out, 0x80 | <int>n, 0, 0)
    elif n <= 0xFFFF:
        put(out, 0xDE, n, 2)
    else:
        put(out, 0xDF, n, 4)
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.pushvalue(L, -2)
        put_value(L, out, level + 1)
        put_value(L, out, level + 1)


cdef void put_value(lua_State *L, buf *out, int level) noexcept nogil:
    """Of the value on top, which is popped."""
    cdef int type = lua.type(L, -1)
    cdef size_t n
    cdef const char *p
    if not lua.checkstack(L, 6):
        raise_text(L, b"stack overflow")
    if type == T_TABLE and level == MOST_NESTED:
        type = T_NIL
    if type == T_STRING:
        p = lua.tolstring(L, -1, &n)
        put_string(out, p, n)
    elif type == T_NUMBER:
        put_number(out, lua.tonumber(L, -1))
    elif type == T_BOOLEAN:
        put(out, 0xC3 if lua.toboolean(L, -1) else 0xC2, 0, 0)
    elif type == T_TABLE:
        put_table(L, out, level)
    else:
        put(out, 0xC0, 0, 0)
    pop(L, 1)


cdef int pack(lua_State *L) noexcept nogil:
    cdef buf *out = &runtime_of(L).text
    cdef int argc = lua.gettop(L)
    cdef int i
    if argc == 0:
        return lua.argerror(L, 0, b"MessagePack pack needs input.")
    out.len = 0
    for i in range(argc):
        lua.pushvalue(L, i + 1)
        put_value(L, out, 0)
    if out.failed:
        out.failed = False
        return raise_text(L, b"not enough memory")
    lua.pushlstring(L, out.ptr, out.len)
    return 1


# ---- reading -------------------------------------------------------------------------------------------

cdef struct source:
    const uint8_t *at
    size_t left
    int depth


cdef void need(lua_State *L, source *s, size_t n) noexcept nogil:
    if s.left < n:
        raise_text(L, b"Missing bytes in input.")


cdef uint64_t big_endian(lua_State *L, source *s, int size) noexcept nogil:
    cdef uint64_t n = 0
    cdef int i
    need(L, s, size)
    for i in range(size):
        n = n << 8 | s.at[i]
    s.at += size
    s.left -= size
    return n


cdef void get_string(lua_State *L, source *s, size_t n) noexcept nogil:
    need(L, s, n)
    lua.pushlstring(L, <const char *>s.at, n)
    s.at += n
    s.left -= n


cdef void get_array(lua_State *L, source *s, uint64_t n) noexcept nogil:
    cdef uint64_t i
    lua.createtable(L, <int>n if n <= s.left else 0, 0)
    for i in range(n):
        get_value(L, s)
        lua.rawseti(L, -2, <int>i + 1)


cdef void get_map(lua_State *L, source *s, uint64_t n) noexcept nogil:
    cdef uint64_t _
    lua.createtable(L, 0, <int>n if n <= s.left else 0)
    for _ in range(n):
        get_value(L, s)
        get_value(L, s)
        lua.settable(L, -3)


cdef void get_float(lua_State *L, source *s, int size) noexcept nogil:
    cdef uint64_t wide = big_endian(L, s, size)
    cdef uint32_t word = <uint32_t>wide
    cdef float single
    cdef double d
    if size == 4:
        memcpy(&single, &word, 4)
        d = single
    else:
        memcpy(&d, &wide, 8)
    lua.pushnumber(L, d)


cdef bint get_sized(lua_State *L, source *s, int tag) noexcept nogil:
    """Tags 0xC0 to 0xDF."""
    if tag == 0xC0:
        lua.pushnil(L)
    elif tag == 0xC2 or tag == 0xC3:
        lua.pushboolean(L, tag == 0xC3)
    elif tag == 0xCA or tag == 0xCB:
        get_float(L, s, 4 if tag == 0xCA else 8)
    elif 0xCC <= tag <= 0xCF:
        lua.pushnumber(L, <double><int64_t>big_endian(L, s, 1 << (tag - 0xCC)))
    elif tag == 0xD0:
        lua.pushnumber(L, <double><signed char>big_endian(L, s, 1))
    elif tag == 0xD1:
        lua.pushnumber(L, <double><short>big_endian(L, s, 2))
    elif tag == 0xD2:
        lua.pushnumber(L, <double><int>big_endian(L, s, 4))
    elif tag == 0xD3:
        lua.pushnumber(L, <double><int64_t>big_endian(L, s, 8))
    elif 0xD9 <= tag <= 0xDB:
        get_string(L, s, big_endian(L, s, 1 << (tag - 0xD9)))
    elif tag == 0xDC or tag == 0xDD:
        get_array(L, s, big_endian(L, s, 2 if tag == 0xDC else 4))
    elif tag == 0xDE or tag == 0xDF:
        get_map(L, s, big_endian(L, s, 2 if tag == 0xDE else 4))
    else:
        return False
    return True


cdef void get_value(lua_State *L, source *s) noexcept nogil:
    cdef int tag
    if not lua.checkstack(L, 4) or s.depth >= DEEPEST_READ:
        raise_text(L, b"too many nested data structures")
    s.depth += 1
    tag = <int>big_endian(L, s, 1)
    if tag <= 0x7F:
        lua.pushnumber(L, tag)
    elif tag >= 0xE0:
        lua.pushnumber(L, tag - 256)
    elif tag <= 0x8F:
        get_map(L, s, tag & 15)
    elif tag <= 0x9F:
        get_array(L, s, tag & 15)
    elif tag <= 0xBF:
        get_string(L, s, tag & 31)
    elif not get_sized(L, s, tag):
        raise_text(L, b"Bad data format in input.")
    s.depth -= 1


cdef int unpack_some(lua_State *L, int64_t limit, int64_t offset) noexcept nogil:
    cdef size_t n
    cdef source s
    cdef const char *p = lua.checklstring(L, 1, &n)
    cdef bint all_of_it = limit == 0 and offset == 0
    cdef int count = 0
    cdef char text[128]
    if offset < 0 or limit < 0:
        snprintf(text, sizeof(text), b"Invalid request to unpack with offset of %d and limit of %d.", <int>offset, <int>n)
        return raise_text(L, text)
    if <size_t>offset > n:
        snprintf(text, sizeof(text), b"Start offset %d greater than input length %d.", <int>offset, <int>n)
        return raise_text(L, text)
    if all_of_it:
        limit = 0x7FFFFFFF
    s.at = <const uint8_t *>p + offset
    s.left = n - offset
    s.depth = 0
    while s.left and count < limit:
        get_value(L, &s)
        count += 1
    if not all_of_it:
        lua.pushnumber(L, <double>(n - s.left) if s.left else -1)
        lua.insert(L, -count - 1)
        count += 1
    return count


cdef int64_t integer_argument(lua_State *L, int i, int64_t otherwise) noexcept nogil:
    return <int64_t>lua.checknumber(L, i) if lua.type(L, i) > T_NIL else otherwise


cdef int unpack(lua_State *L) noexcept nogil:
    return unpack_some(L, 0, 0)


cdef int unpack_one(lua_State *L) noexcept nogil:
    cdef int64_t offset = integer_argument(L, 2, 0)
    lua.settop(L, 1)
    return unpack_some(L, 1, offset)


cdef int unpack_limit(lua_State *L) noexcept nogil:
    cdef int64_t limit = <int64_t>lua.checknumber(L, 2)
    cdef int64_t offset = integer_argument(L, 3, 0)
    lua.settop(L, 1)
    return unpack_some(L, limit, offset)


cdef named ALL[5]
ALL[0] = named(b"pack", pack)
ALL[1] = named(b"unpack", unpack)
ALL[2] = named(b"unpack_one", unpack_one)
ALL[3] = named(b"unpack_limit", unpack_limit)
ALL[4] = named(NULL, NULL)


cdef void cmsgpack_open(lua_State *L) noexcept nogil:
    lua.createtable(L, 0, 6)
    add_functions(L, ALL)
    lua.pushstring(L, b"cmsgpack")
    lua.setfield(L, -2, b"_NAME")
    lua.pushstring(L, b"lua-cmsgpack 0.4.0")   # the version it is compatible with
    lua.setfield(L, -2, b"_VERSION")
    protect(L)
    lua.setfield(L, -2, b"cmsgpack")
