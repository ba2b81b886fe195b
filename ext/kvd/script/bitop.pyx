"""The library `bit` of scripts: operations on 32-bit integers.

Numbers are taken modulo 2^32 (halves round to even) and results are signed, as in the library BitOp.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy

from kvd.script.lua cimport lua
from kvd.script.protect cimport add_functions, named, protect


cdef uint32_t bits(lua_State *L, int i) noexcept nogil:
    """The low word of a double to which 2^52 + 2^51 was added is the integer."""
    cdef double d = lua.checknumber(L, i) + 6755399441055744.0
    cdef int64_t word
    memcpy(&word, &d, 8)
    return <uint32_t>word


cdef int give(lua_State *L, uint32_t n) noexcept nogil:
    lua.pushnumber(L, <double><int32_t>n)
    return 1


cdef int tobit(lua_State *L) noexcept nogil:
    return give(L, bits(L, 1))


cdef int bnot(lua_State *L) noexcept nogil:
    return give(L, ~bits(L, 1))


cdef int band(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    cdef int i
    for i in range(2, lua.gettop(L) + 1):
        n &= bits(L, i)
    return give(L, n)


cdef int bor(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    cdef int i
    for i in range(2, lua.gettop(L) + 1):
        n |= bits(L, i)
    return give(L, n)


cdef int bxor(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    cdef int i
    for i in range(2, lua.gettop(L) + 1):
        n ^= bits(L, i)
    return give(L, n)


cdef int lshift(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    return give(L, n << (bits(L, 2) & 31))


cdef int rshift(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    return give(L, n >> (bits(L, 2) & 31))


cdef int arshift(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    return give(L, <uint32_t>(<int32_t>n >> (bits(L, 2) & 31)))


cdef int rol(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    cdef uint32_t by = bits(L, 2) & 31
    return give(L, n << by | n >> ((32 - by) & 31))


cdef int ror(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    cdef uint32_t by = bits(L, 2) & 31
    return give(L, n >> by | n << ((32 - by) & 31))


cdef int bswap(lua_State *L) noexcept nogil:
    cdef uint32_t n = bits(L, 1)
    return give(L, n >> 24 | (n >> 8 & 0xFF00) | (n << 8 & 0xFF0000) | n << 24)


cdef int tohex(lua_State *L) noexcept nogil:
    """tohex(x [, n]): n digits, in capitals if n is negative."""
    cdef uint32_t n = bits(L, 1)
    cdef int64_t width = 8
    cdef const char *digit = b"0123456789abcdef"
    cdef char text[8]
    cdef int64_t i
    if lua.type(L, 2) >= 0:
        width = <int32_t>bits(L, 2)
    if width < 0:
        width = -width
        digit = b"0123456789ABCDEF"
    if width > 8:
        width = 8
    for i in range(width):
        text[width - 1 - i] = digit[n & 15]
        n >>= 4
    lua.pushlstring(L, text, width)
    return 1


cdef named ALL[13]
ALL[0] = named(b"tobit", tobit)
ALL[1] = named(b"bnot", bnot)
ALL[2] = named(b"band", band)
ALL[3] = named(b"bor", bor)
ALL[4] = named(b"bxor", bxor)
ALL[5] = named(b"lshift", lshift)
ALL[6] = named(b"rshift", rshift)
ALL[7] = named(b"arshift", arshift)
ALL[8] = named(b"rol", rol)
ALL[9] = named(b"ror", ror)
ALL[10] = named(b"bswap", bswap)
ALL[11] = named(b"tohex", tohex)
ALL[12] = named(NULL, NULL)


cdef void bit_open(lua_State *L) noexcept nogil:
    lua.createtable(L, 0, 12)
    add_functions(L, ALL)
    protect(L)
    lua.setfield(L, -2, b"bit")
