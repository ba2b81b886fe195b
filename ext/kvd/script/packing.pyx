"""The library `struct` of scripts: numbers and strings to C layouts and back.

    <  >         little, big endian                    b B  h H  i I[n]  l L  T    integers (i: n bytes, 4)
    ![n]         align to at most n (8)                f d                         floats
    x            one byte of padding                   s  c[n]                     ends with zero; n bytes (c0: see below)

c0 packs a whole string; when unpacking, it takes the number of bytes given by the previous value, which it replaces.
Sizes are checked before anything is read or written; an item's width is MOST_BYTES at most.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memchr, memcpy

from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_reserve
from kvd.script.lua cimport T_NIL, T_NUMBER, lua, pop, raise_text
from kvd.script.protect cimport add_functions, named, protect
from kvd.script.runtime cimport runtime_of

cdef enum:
    MOST_BYTES = 32
    MOST_ALIGN = 8
    LARGEST = 0x7FFFFFFF


cdef struct layout:
    const char *at             # in the format
    bint little
    int align
    char kind                  # of the item that was read
    size_t size
    size_t padding
    bint lenient               # unknown options are skipped


cdef int number(lua_State *L, layout *f, int otherwise) noexcept nogil:
    """Digits of the format."""
    cdef int64_t n = 0
    if not c'0' <= f.at[0] <= c'9':
        return otherwise
    while c'0' <= f.at[0] <= c'9':
        n = n * 10 + f.at[0] - 48
        f.at += 1
        if n > LARGEST:
            raise_text(L, b"integral size overflow")
    return <int>n


cdef int integer_size(lua_State *L, layout *f) noexcept nogil:
    cdef int n = number(L, f, 4)
    cdef char text[80]
    if n > MOST_BYTES:
        snprintf(text, sizeof(text), b"integral size %d is larger than limit of %d", n, <int>MOST_BYTES)
        raise_text(L, text)
    return n


cdef bint control(lua_State *L, layout *f) noexcept nogil:
    """Options that change the layout and are no items."""
    cdef char text[64]
    cdef int n
    if f.kind == c' ':
        return True
    if f.kind == c'<':
        f.little = True
    elif f.kind == c'>':
        f.little = False
    elif f.kind == c'!':
        n = number(L, f, MOST_ALIGN)
        if n == 0 or n & (n - 1):
            snprintf(text, sizeof(text), b"alignment %d is not a power of 2", n)
            raise_text(L, text)
        f.align = n
    elif not f.lenient:
        snprintf(text, sizeof(text), b"invalid format option '%c'", f.kind)
        lua.argerror(L, 1, text)
    return True


cdef bint read_item(lua_State *L, layout *f, size_t offset) noexcept nogil:
    """The next item of the format: kind, size, and the padding before it at this offset. False at the end."""
    cdef size_t align
    while f.at[0]:
        f.kind = f.at[0]
        f.at += 1
        f.size = 0
        if f.kind == c'b' or f.kind == c'B' or f.kind == c'x':
            f.size = 1
        elif f.kind == c'h' or f.kind == c'H':
            f.size = 2
        elif f.kind == c'l' or f.kind == c'L' or f.kind == c'T' or f.kind == c'd':
            f.size = 8
        elif f.kind == c'f':
            f.size = 4
        elif f.kind == c'i' or f.kind == c'I':
            f.size = integer_size(L, f)
        elif f.kind == c'c':
            f.size = number(L, f, 1)
        elif f.kind != c's':
            control(L, f)
            continue
        f.padding = 0
        if f.size and f.kind != c'c':
            align = f.size if f.size < <size_t>f.align else <size_t>f.align
            f.padding = (align - (offset & (align - 1))) & (align - 1)
        return True
    return False


cdef layout open_layout(const char *format) noexcept nogil:
    cdef layout f
    f.at = format
    f.little = True
    f.align = 1
    f.kind = 0
    f.lenient = False
    f.size = f.padding = 0
    return f


cdef void put_integer(buf *out, double d, layout *f) noexcept nogil:
    cdef uint64_t n
    cdef size_t i
    if d < 0:
        n = <uint64_t><int64_t>d if d >= -9223372036854775808.0 else <uint64_t>1 << 63
    else:
        n = <uint64_t>d if d < 18446744073709551616.0 else 0
    if not buf_reserve(out, f.size):
        return
    for i in range(f.size):
        out.ptr[out.len + (i if f.little else f.size - 1 - i)] = <char>(n >> (8 * i) & 255) if i < 8 else 0
    out.len += f.size


cdef void put_bytes(buf *out, const char *p, layout *f) noexcept nogil:
    """In the order of this machine, which is little endian."""
    cdef size_t i
    for i in range(f.size):
        buf_add_char(out, p[i if f.little else f.size - 1 - i])


cdef void put_string(lua_State *L, buf *out, int arg, layout *f) noexcept nogil:
    cdef size_t n
    cdef const char *p = lua.checklstring(L, arg, &n)
    cdef size_t size = f.size if f.size else n
    if n < size:
        lua.argerror(L, arg + 1, b"string too short")
    buf_add(out, p, size)
    if f.kind == c's':
        buf_add_char(out, 0)


cdef int pack(lua_State *L) noexcept nogil:
    cdef buf *out = &runtime_of(L).text
    cdef size_t n
    cdef layout f = open_layout(lua.checklstring(L, 1, &n))
    cdef int arg = 2
    cdef double d
    cdef float single
    out.len = 0
    lua.pushnil(L)                             # the value of a missing argument
    while read_item(L, &f, out.len):
        while f.padding:
            buf_add_char(out, 0)
            f.padding -= 1
        if f.kind == c'x':
            buf_add_char(out, 0)
            continue
        if f.kind == c's' or f.kind == c'c':
            put_string(L, out, arg, &f)
        elif f.kind == c'f':
            single = <float>lua.checknumber(L, arg)
            put_bytes(out, <char *>&single, &f)
        elif f.kind == c'd':
            d = lua.checknumber(L, arg)
            put_bytes(out, <char *>&d, &f)
        else:
            put_integer(out, lua.checknumber(L, arg), &f)
        arg += 1
    if out.failed:
        out.failed = False
        return raise_text(L, b"not enough memory")
    lua.pushlstring(L, out.ptr, out.len)
    return 1


cdef double get_integer(const char *p, layout *f) noexcept nogil:
    cdef uint64_t n = 0
    cdef size_t i
    cdef size_t size = f.size if f.size < 8 else 8
    cdef bint is_signed = c'a' <= f.kind <= c'z'
    for i in range(size):
        n |= <uint64_t><unsigned char>p[i if f.little else f.size - 1 - i] << (8 * i)
    if is_signed:
        if 0 < size < 8 and n >> (8 * size - 1) & 1:
            n |= <uint64_t>0xFFFFFFFFFFFFFFFFULL << (8 * size)
        return <double><int64_t>n
    return <double>n


cdef void get_float(lua_State *L, const char *p, layout *f) noexcept nogil:
    cdef char raw[8]
    cdef float single
    cdef double d
    cdef size_t i
    for i in range(f.size):
        raw[i] = p[i if f.little else f.size - 1 - i]
    if f.size == 4:
        memcpy(&single, raw, 4)
        d = single
    else:
        memcpy(&d, raw, 8)
    lua.pushnumber(L, d)


cdef size_t counted(lua_State *L, int values) noexcept nogil:
    """c0: the number of bytes given by the previous value."""
    cdef double d
    if values == 0 or lua.type(L, -1) != T_NUMBER:
        raise_text(L, b"format 'c0' needs a previous size")
    d = lua.tonumber(L, -1)
    pop(L, 1)
    if not 0 <= d < <double>LARGEST:
        lua.argerror(L, 2, b"data string too short")
    return <size_t>d


cdef int unpack(lua_State *L) noexcept nogil:
    cdef size_t n, length, position
    cdef layout f = open_layout(lua.checklstring(L, 1, &n))
    cdef const char *data = lua.checklstring(L, 2, &length)
    cdef const char *end
    cdef double begin = 1
    cdef int values = 0
    if lua.type(L, 3) > T_NIL:
        begin = lua.checknumber(L, 3)
    if 0 <= begin < 1:
        return lua.argerror(L, 3, b"offset must be 1 or greater")
    position = <size_t>begin - 1 if 1 <= begin < 9.0e15 else <size_t>9000000000000000
    while read_item(L, &f, position):
        if f.padding > length or position > length - f.padding or f.size > length - f.padding - position:
            return lua.argerror(L, 2, b"data string too short")
        position += f.padding
        if not lua.checkstack(L, 4):
            return raise_text(L, b"stack overflow (too many results)")
        if f.kind == c's':
            end = <const char *>memchr(data + position, 0, length - position)
            if end == NULL:
                return raise_text(L, b"unfinished string in data")
            f.size = end - (data + position)
            lua.pushlstring(L, data + position, f.size)
            f.size += 1
        elif f.kind == c'c':
            if f.size == 0:
                f.size = counted(L, values)
                values -= 1
                if f.size > length - position:
                    return lua.argerror(L, 2, b"data string too short")
            lua.pushlstring(L, data + position, f.size)
        elif f.kind == c'f' or f.kind == c'd':
            get_float(L, data + position, &f)
        elif f.kind != c'x':
            lua.pushnumber(L, get_integer(data + position, &f))
        values += f.kind != c'x'
        position += f.size
    lua.pushnumber(L, <double>(position + 1))
    return values + 1


cdef int size(lua_State *L) noexcept nogil:
    cdef size_t n
    cdef layout f = open_layout(lua.checklstring(L, 1, &n))
    cdef size_t position = 0
    f.lenient = True
    while read_item(L, &f, position):
        if f.kind == c's':
            return lua.argerror(L, 1, b"option 's' has no fixed size")
        if f.kind == c'c' and f.size == 0:
            return lua.argerror(L, 1, b"option 'c0' has no fixed size")
        position += f.padding + f.size
        if position > LARGEST:
            return lua.argerror(L, 1, b"too large")
    lua.pushnumber(L, <double>position)
    return 1


cdef named ALL[4]
ALL[0] = named(b"pack", pack)
ALL[1] = named(b"unpack", unpack)
ALL[2] = named(b"size", size)
ALL[3] = named(NULL, NULL)


cdef void struct_open(lua_State *L) noexcept nogil:
    lua.createtable(L, 0, 3)
    add_functions(L, ALL)
    protect(L)
    lua.setfield(L, -2, b"struct")
