"""The library `cjson` of scripts: JSON.

encode: a table is an array if all its keys are positive integers (and not too sparse), else an object; an empty
one is {}. decode: null becomes cjson.null, every number a double. Settings belong to the module a script uses,
are in a userdata that each function has as its upvalue, and apply to all scripts; cjson.new() creates fresh ones.

Both limit the nesting, by 1000 unless a script sets another limit, and never above DEEPEST: both recurse.
"""

from libc.math cimport isinf, isnan
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport strtod
from libc.string cimport memcmp, strlen

from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_reserve
from kvd.script.lua cimport (
    GLOBALS, T_BOOLEAN, T_LIGHTUSERDATA, T_NIL, T_NUMBER, T_STRING, T_TABLE, lua, pop, push_function, raise_text,
)
from kvd.script.protect cimport named, protect
from kvd.script.runtime cimport runtime_of

cdef enum:
    DEEPEST = 4000
    INVALID_NULL = 2           # encode_invalid_numbers("null")

cdef struct settings:
    bint sparse_convert
    int sparse_ratio
    int sparse_safe
    int encode_depth
    int decode_depth
    int precision
    bint keep_buffer
    int encode_invalid
    int decode_invalid


cdef inline settings *settings_of(lua_State *L) noexcept nogil:
    return <settings *>lua.touserdata(L, GLOBALS - 1)


# ---- encode --------------------------------------------------------------------------------------------

cdef int unable(lua_State *L, const char *what, const char *why) noexcept nogil:
    cdef char text[160]
    snprintf(text, sizeof(text), b"Cannot serialise %s: %s", what, why)
    return raise_text(L, text)


cdef void put_string(buf *out, const char *p, size_t n) noexcept nogil:
    cdef size_t i
    cdef uint8_t ch
    cdef const char *escapes = b"btn.fr"       # of 8 to 13
    cdef char code[8]
    if not buf_reserve(out, n + 2):
        return
    buf_add_char(out, c'"')
    for i in range(n):
        ch = <uint8_t>p[i]
        if ch == c'"' or ch == c'\\' or ch == c'/':
            buf_add_char(out, c'\\')
            buf_add_char(out, <char>ch)
        elif 8 <= ch <= 13 and ch != 11:
            buf_add_char(out, c'\\')
            buf_add_char(out, escapes[ch - 8])
        elif ch < 32 or ch == 127:
            snprintf(code, sizeof(code), b"\\u%04x", ch)
            buf_add(out, code, 6)
        else:
            buf_add_char(out, <char>ch)
    buf_add_char(out, c'"')


cdef void put_number(lua_State *L, settings *s, buf *out, double d) noexcept nogil:
    cdef char text[64]
    if isinf(d) or isnan(d):
        if s.encode_invalid == INVALID_NULL:
            buf_add(out, b"null", 4)
            return
        if not s.encode_invalid:
            unable(L, b"number", b"must not be NaN or Inf")
        if isnan(d):
            buf_add(out, b"nan", 3)
            return
    buf_add(out, text, snprintf(text, sizeof(text), b"%.*g", s.precision, d))


cdef int64_t array_length(lua_State *L, settings *s) noexcept nogil:
    """Of the table on top; -1: it is an object."""
    cdef int64_t most = 0
    cdef int64_t items = 0
    cdef double key
    lua.pushnil(L)
    while lua.next(L, -2):
        key = lua.tonumber(L, -2) if lua.type(L, -2) == T_NUMBER else 0
        if not 1 <= key <= 9.0e15 or <double><int64_t>key != key:
            pop(L, 2)
            return -1
        if <int64_t>key > most:
            most = <int64_t>key
        items += 1
        pop(L, 1)
    if s.sparse_ratio > 0 and most > items * s.sparse_ratio and most > s.sparse_safe:
        if not s.sparse_convert:
            unable(L, b"table", b"excessively sparse array")
        return -1
    return most if items else -1


cdef void put_object(lua_State *L, settings *s, buf *out, int depth) noexcept nogil:
    cdef bint first = True
    cdef size_t n
    cdef const char *p
    buf_add_char(out, c'{')
    lua.pushnil(L)
    while lua.next(L, -2):
        if not first:
            buf_add_char(out, c',')
        first = False
        if lua.type(L, -2) == T_NUMBER:
            buf_add_char(out, c'"')
            put_number(L, s, out, lua.tonumber(L, -2))
            buf_add_char(out, c'"')
        elif lua.type(L, -2) == T_STRING:
            p = lua.tolstring(L, -2, &n)
            put_string(out, p, n)
        else:
            unable(L, lua.typename(L, lua.type(L, -2)), b"table key must be a number or string")
        buf_add_char(out, c':')
        put_value(L, s, out, depth)
        pop(L, 1)
    buf_add_char(out, c'}')


cdef void put_table(lua_State *L, settings *s, buf *out, int depth) noexcept nogil:
    cdef int64_t n, i
    cdef char text[80]
    if depth > s.encode_depth or depth > DEEPEST or not lua.checkstack(L, 4):
        snprintf(text, sizeof(text), b"Cannot serialise, excessive nesting (%d)", depth)
        raise_text(L, text)
    n = array_length(L, s)
    if n < 0:
        put_object(L, s, out, depth)
        return
    buf_add_char(out, c'[')
    for i in range(n):
        if i:
            buf_add_char(out, c',')
        lua.rawgeti(L, -1, <int>i + 1)
        put_value(L, s, out, depth)
        pop(L, 1)
    buf_add_char(out, c']')


cdef void put_value(lua_State *L, settings *s, buf *out, int depth) noexcept nogil:
    """Of the value on top, which stays."""
    cdef int type = lua.type(L, -1)
    cdef size_t n
    cdef const char *p
    if type == T_STRING:
        p = lua.tolstring(L, -1, &n)
        put_string(out, p, n)
    elif type == T_NUMBER:
        put_number(L, s, out, lua.tonumber(L, -1))
    elif type == T_BOOLEAN:
        if lua.toboolean(L, -1):
            buf_add(out, b"true", 4)
        else:
            buf_add(out, b"false", 5)
    elif type == T_TABLE:
        put_table(L, s, out, depth + 1)
    elif type == T_NIL or (type == T_LIGHTUSERDATA and lua.touserdata(L, -1) == NULL):
        buf_add(out, b"null", 4)
    else:
        unable(L, lua.typename(L, type), b"type not supported")


cdef int encode(lua_State *L) noexcept nogil:
    cdef buf *out = &runtime_of(L).text
    if lua.gettop(L) != 1:
        return lua.argerror(L, 1, b"expected 1 argument")
    out.len = 0
    put_value(L, settings_of(L), out, 0)
    if out.failed:
        out.failed = False
        return raise_text(L, b"not enough memory")
    lua.pushlstring(L, out.ptr, out.len)
    return 1


# ---- decode --------------------------------------------------------------------------------------------

cdef enum token:
    OBJ_BEGIN
    OBJ_END
    ARR_BEGIN
    ARR_END
    STRING
    NUMBER
    BOOLEAN
    NULL_VALUE
    COLON
    COMMA
    END
    BROKEN

cdef const char **TOKEN_NAMES = [
    b"T_OBJ_BEGIN", b"T_OBJ_END", b"T_ARR_BEGIN", b"T_ARR_END", b"T_STRING", b"T_NUMBER", b"T_BOOLEAN", b"T_NULL", b"T_COLON",
    b"T_COMMA", b"T_END", b"T_ERROR",
]

cdef struct reader:
    const char *text           # ends with a NUL, as all strings of Lua
    const char *end
    const char *at
    const char *begin          # of the last token
    settings *s
    const char *wrong          # of a BROKEN one: the reason
    double number
    bint truth
    buf *string
    int depth


cdef int broken(reader *r, const char *at, const char *why) noexcept nogil:
    r.begin = at
    r.wrong = why
    return BROKEN


cdef int hex_digit(char ch) noexcept nogil:
    if c'0' <= ch <= c'9':
        return ch - c'0'
    ch |= 32
    return ch - c'a' + 10 if c'a' <= ch <= c'f' else -1


cdef int64_t hex4(const char *p) noexcept nogil:
    """Four hexadecimal digits, or -1. Stops at the NUL."""
    cdef int64_t n = 0
    cdef int i, d
    for i in range(4):
        d = hex_digit(p[i])
        if d < 0:
            return -1
        n = n * 16 + d
    return n


cdef void put_utf8(buf *out, uint32_t c) noexcept nogil:
    if c < 0x80:
        buf_add_char(out, <char>c)
    elif c < 0x800:
        buf_add_char(out, <char>(0xC0 | c >> 6))
        buf_add_char(out, <char>(0x80 | (c & 63)))
    elif c < 0x10000:
        buf_add_char(out, <char>(0xE0 | c >> 12))
        buf_add_char(out, <char>(0x80 | (c >> 6 & 63)))
        buf_add_char(out, <char>(0x80 | (c & 63)))
    else:
        buf_add_char(out, <char>(0xF0 | c >> 18))
        buf_add_char(out, <char>(0x80 | (c >> 12 & 63)))
        buf_add_char(out, <char>(0x80 | (c >> 6 & 63)))
        buf_add_char(out, <char>(0x80 | (c & 63)))


cdef bint read_unicode(reader *r) noexcept nogil:
    """At a backslash followed by u; two of them for characters beyond the first plane."""
    cdef int64_t high = hex4(r.at + 2)
    cdef int64_t low
    if high < 0:
        return False
    if high & 0xF800 == 0xD800:
        if high & 0x400 or r.at[6] != c'\\' or r.at[7] != c'u':
            return False
        low = hex4(r.at + 8)
        if low < 0 or low & 0xFC00 != 0xDC00:
            return False
        put_utf8(r.string, <uint32_t>(((high & 0x3FF) << 10) + (low & 0x3FF) + 0x10000))
        r.at += 12
        return True
    put_utf8(r.string, <uint32_t>high)
    r.at += 6
    return True


cdef char unescaped(char ch) noexcept nogil:
    """The character of this escape; 0: none."""
    if ch == c'"' or ch == c'\\' or ch == c'/':
        return ch
    if ch == c'b':
        return 8
    if ch == c'f':
        return 12
    if ch == c'n':
        return 10
    if ch == c'r':
        return 13
    return 9 if ch == c't' else 0


cdef int read_string(reader *r) noexcept nogil:
    cdef char ch
    r.string.len = 0
    r.at += 1
    while r.at[0] != c'"':
        ch = r.at[0]
        if ch == 0:
            return broken(r, r.at, b"unexpected end of string")
        if ch == c'\\':
            if r.at[1] == c'u':
                if not read_unicode(r):
                    return broken(r, r.at, b"invalid unicode escape code")
                continue
            ch = unescaped(r.at[1])
            if ch == 0:
                return broken(r, r.at, b"invalid escape code")
            r.at += 1
        buf_add_char(r.string, ch)
        r.at += 1
    r.at += 1
    return STRING


cdef bint is_odd_number(const char *p) noexcept nogil:
    """A number for strtod that JSON does not have: hexadecimal, leading zeros, inf, nan."""
    if p[0] == c'+':
        return True
    if p[0] == c'-':
        p += 1
    if p[0] == c'0':
        return (p[1] | 32) == c'x' or c'0' <= p[1] <= c'9'
    if c'1' <= p[0] <= c'9':
        return False
    return ((p[0] | 32) == c'i' and (p[1] | 32) == c'n' and (p[2] | 32) == c'f') or (
        (p[0] | 32) == c'n' and (p[1] | 32) == c'a' and (p[2] | 32) == c'n')


cdef int read_number(reader *r) noexcept nogil:
    cdef char *end
    r.number = strtod(r.at, &end)
    if end == r.at:
        return broken(r, r.at, b"invalid number")
    r.at = end
    return NUMBER


cdef bint word(reader *r, const char *text) noexcept nogil:
    cdef size_t n = strlen(text)
    if <size_t>(r.end - r.at) < n or memcmp(r.at, text, n) != 0:
        return False
    r.at += n
    return True


cdef int read_token(reader *r) noexcept nogil:
    cdef char ch
    while r.at[0] == c' ' or r.at[0] == c'\t' or r.at[0] == c'\n' or r.at[0] == c'\r':
        r.at += 1
    r.begin = r.at
    ch = r.at[0]
    if ch == 0:                # text after a NUL is ignored
        return END
    if ch == c'"':
        return read_string(r)
    if ch == c'-' or c'0' <= ch <= c'9':
        if not r.s.decode_invalid and is_odd_number(r.at):
            return broken(r, r.at, b"invalid number")
        return read_number(r)
    if word(r, b"true") or word(r, b"false"):
        r.truth = ch == c't'
        return BOOLEAN
    if word(r, b"null"):
        return NULL_VALUE
    if r.s.decode_invalid and is_odd_number(r.at):
        return read_number(r)
    r.at += 1
    if ch == c'{':
        return OBJ_BEGIN
    if ch == c'}':
        return OBJ_END
    if ch == c'[':
        return ARR_BEGIN
    if ch == c']':
        return ARR_END
    if ch == c':':
        return COLON
    if ch == c',':
        return COMMA
    return broken(r, r.begin, b"invalid token")


cdef void unexpected(lua_State *L, reader *r, const char *wanted, int found) noexcept nogil:
    cdef char text[160]
    snprintf(text, sizeof(text), b"Expected %s but found %s at character %d", wanted,
             r.wrong if found == BROKEN else TOKEN_NAMES[found], <int>(r.begin - r.text) + 1)
    raise_text(L, text)


cdef void deeper(lua_State *L, reader *r) noexcept nogil:
    cdef char text[96]
    r.depth += 1
    if r.depth > r.s.decode_depth or r.depth > DEEPEST or not lua.checkstack(L, 4):
        snprintf(text, sizeof(text), b"Found too many nested data structures (%d) at character %d", r.depth, <int>(r.at - r.text))
        raise_text(L, text)


cdef void get_object(lua_State *L, reader *r) noexcept nogil:
    cdef int t
    deeper(L, r)
    lua.createtable(L, 0, 0)
    t = read_token(r)
    if t == OBJ_END:
        r.depth -= 1
        return
    while True:
        if t != STRING:
            unexpected(L, r, b"object key string", t)
        lua.pushlstring(L, r.string.ptr, r.string.len)
        t = read_token(r)
        if t != COLON:
            unexpected(L, r, b"colon", t)
        get_value(L, r, read_token(r))
        lua.rawset(L, -3)
        t = read_token(r)
        if t == OBJ_END:
            r.depth -= 1
            return
        if t != COMMA:
            unexpected(L, r, b"comma or object end", t)
        t = read_token(r)


cdef void get_array(lua_State *L, reader *r) noexcept nogil:
    cdef int t
    cdef int i = 1
    deeper(L, r)
    lua.createtable(L, 0, 0)
    t = read_token(r)
    if t == ARR_END:
        r.depth -= 1
        return
    while True:
        get_value(L, r, t)
        lua.rawseti(L, -2, i)
        i += 1
        t = read_token(r)
        if t == ARR_END:
            r.depth -= 1
            return
        if t != COMMA:
            unexpected(L, r, b"comma or array end", t)
        t = read_token(r)


cdef void get_value(lua_State *L, reader *r, int t) noexcept nogil:
    if t == STRING:
        if r.string.failed:
            r.string.failed = False
            raise_text(L, b"not enough memory")
        lua.pushlstring(L, r.string.ptr, r.string.len)
    elif t == NUMBER:
        lua.pushnumber(L, r.number)
    elif t == BOOLEAN:
        lua.pushboolean(L, r.truth)
    elif t == OBJ_BEGIN:
        get_object(L, r)
    elif t == ARR_BEGIN:
        get_array(L, r)
    elif t == NULL_VALUE:
        lua.pushlightuserdata(L, NULL)
    else:
        unexpected(L, r, b"value", t)


cdef int decode(lua_State *L) noexcept nogil:
    cdef reader r
    cdef size_t n
    cdef int t
    if lua.gettop(L) != 1:
        return lua.argerror(L, 1, b"expected 1 argument")
    r.text = r.at = lua.checklstring(L, 1, &n)
    r.end = r.text + n
    r.s = settings_of(L)
    r.string = &runtime_of(L).text
    r.string.len = 0
    r.depth = 0
    r.wrong = NULL
    if n >= 2 and (r.text[0] == 0 or r.text[1] == 0):
        return raise_text(L, b"JSON parser does not support UTF-16 or UTF-32")
    get_value(L, &r, read_token(&r))
    t = read_token(&r)
    if t != END:
        unexpected(L, &r, b"the end", t)
    return 1


# ---- settings: without an argument they are returned, with one changed --------------------------------------

cdef int integer_setting(lua_State *L, int arg, int *value, int lo, int hi) noexcept nogil:
    cdef char text[64]
    cdef double n
    if lua.type(L, arg) > T_NIL:
        n = lua.checknumber(L, arg)
        if not lo <= n <= hi:
            snprintf(text, sizeof(text), b"expected integer between %d and %d", lo, hi)
            return lua.argerror(L, arg, text)
        value[0] = <int>n
    lua.pushnumber(L, value[0])
    return 1


cdef int choice_setting(lua_State *L, int arg, int *value, bint with_null) noexcept nogil:
    cdef size_t n
    cdef const char *text
    cdef char message[96]
    if lua.type(L, arg) == T_BOOLEAN:
        value[0] = lua.toboolean(L, arg)
    elif lua.type(L, arg) > T_NIL:
        text = lua.checklstring(L, arg, &n)
        if n == 2 and memcmp(text, b"on", 2) == 0:
            value[0] = 1
        elif n == 3 and memcmp(text, b"off", 3) == 0:
            value[0] = 0
        elif with_null and n == 4 and memcmp(text, b"null", 4) == 0:
            value[0] = INVALID_NULL
        else:
            snprintf(message, sizeof(message), b"invalid option '%.60s'", text)
            return lua.argerror(L, arg, message)
    if value[0] == INVALID_NULL:
        lua.pushstring(L, b"null")
    else:
        lua.pushboolean(L, value[0])
    return 1


cdef int most_arguments(lua_State *L, int n) noexcept nogil:
    return lua.argerror(L, n + 1, b"found too many arguments") if lua.gettop(L) > n else 0


cdef int encode_sparse_array(lua_State *L) noexcept nogil:
    cdef settings *s = settings_of(L)
    cdef int convert = s.sparse_convert
    most_arguments(L, 3)
    lua.settop(L, 3)
    choice_setting(L, 1, &convert, False)
    s.sparse_convert = convert
    integer_setting(L, 2, &s.sparse_ratio, 0, 0x7FFFFFFF)
    integer_setting(L, 3, &s.sparse_safe, 0, 0x7FFFFFFF)
    return 3


cdef int encode_max_depth(lua_State *L) noexcept nogil:
    most_arguments(L, 1)
    return integer_setting(L, 1, &settings_of(L).encode_depth, 1, 0x7FFFFFFF)


cdef int decode_max_depth(lua_State *L) noexcept nogil:
    most_arguments(L, 1)
    return integer_setting(L, 1, &settings_of(L).decode_depth, 1, 0x7FFFFFFF)


cdef int encode_number_precision(lua_State *L) noexcept nogil:
    most_arguments(L, 1)
    return integer_setting(L, 1, &settings_of(L).precision, 1, 14)


cdef int encode_keep_buffer(lua_State *L) noexcept nogil:
    cdef settings *s = settings_of(L)
    cdef int keep = s.keep_buffer
    most_arguments(L, 1)
    choice_setting(L, 1, &keep, False)
    s.keep_buffer = keep
    return 1


cdef int encode_invalid_numbers(lua_State *L) noexcept nogil:
    most_arguments(L, 1)
    return choice_setting(L, 1, &settings_of(L).encode_invalid, True)


cdef int decode_invalid_numbers(lua_State *L) noexcept nogil:
    most_arguments(L, 1)
    return choice_setting(L, 1, &settings_of(L).decode_invalid, False)


cdef named ALL[10]
ALL[0] = named(b"encode", encode)
ALL[1] = named(b"decode", decode)
ALL[2] = named(b"encode_sparse_array", encode_sparse_array)
ALL[3] = named(b"encode_max_depth", encode_max_depth)
ALL[4] = named(b"decode_max_depth", decode_max_depth)
ALL[5] = named(b"encode_number_precision", encode_number_precision)
ALL[6] = named(b"encode_keep_buffer", encode_keep_buffer)
ALL[7] = named(b"encode_invalid_numbers", encode_invalid_numbers)
ALL[8] = named(b"decode_invalid_numbers", decode_invalid_numbers)
ALL[9] = named(NULL, NULL)


cdef int push_module(lua_State *L) noexcept nogil:
    """A new module, with settings of its own; also cjson.new()."""
    cdef settings *s
    cdef int i = 0
    lua.createtable(L, 0, 14)
    s = <settings *>lua.newuserdata(L, sizeof(settings))
    s.sparse_convert = False
    s.sparse_ratio = 2
    s.sparse_safe = 10
    s.encode_depth = s.decode_depth = 1000
    s.precision = 14
    s.keep_buffer = True
    s.encode_invalid = 0
    s.decode_invalid = 1
    while ALL[i].name != NULL:
        lua.pushvalue(L, -1)
        lua.pushcclosure(L, ALL[i].run, 1)
        lua.setfield(L, -3, ALL[i].name)
        i += 1
    pop(L, 1)
    push_function(L, push_module)
    lua.setfield(L, -2, b"new")
    lua.pushlightuserdata(L, NULL)
    lua.setfield(L, -2, b"null")
    lua.pushstring(L, b"cjson")
    lua.setfield(L, -2, b"_NAME")
    lua.pushstring(L, b"2.1.0")        # the version it is compatible with
    lua.setfield(L, -2, b"_VERSION")
    return 1


cdef void cjson_open(lua_State *L) noexcept nogil:
    push_module(L)
    protect(L)
    lua.setfield(L, -2, b"cjson")
