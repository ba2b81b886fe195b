"""FUNCTION and FCALL: libraries of functions, which stay and are part of what a store persists.

The code of a library runs once, when it is loaded, and registers functions. Meanwhile it sees next to
nothing (`redis` with register_function, log and constants): its environment is a read-only table whose __index
is the loading table then, and the table of everything afterwards (sandbox.pyx makes both).

LOAD and RESTORE are one operation: make libraries apart from those that exist, check all names, and only then
put them in place of others. Whatever fails, nothing has changed.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.entry cimport entry, entry_payload
from kvd.core.glob cimport glob_match
from kvd.core.pointers cimport pointer_find, pointer_put, pointer_take
from kvd.core.table cimport table_cursor, table_next
from kvd.core.view cimport lower, view, view_equal, view_is, view_of
from kvd.persist.codec cimport RDB_FUNCTION, string_decode, string_encode
from kvd.persist.dumping cimport FOOTER, payload_close, payload_whole
from kvd.run.args cimport (
    reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_map, reply_null, reply_ok, reply_text,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY
from kvd.run.figures cimport figures_of
from kvd.run.registry cimport define
from kvd.script.eval cimport admit, flag_named, kill_running, read_keys, write_flags
from kvd.script.lua cimport REGISTRY, T_FUNCTION, T_NUMBER, T_STRING, T_TABLE, is_nil, lua, lua_State, pop
from kvd.script.redislib cimport give_error
from kvd.script.runtime cimport (
    compile, forget, hook_again, run_function, running, runtime, runtime_account, runtime_find, runtime_of,
    runtime_open,
)
from kvd.script.sandbox cimport library_environment
from kvd.store.change cimport others_changed

cdef enum:
    LOAD_TIMEOUT_US = 500000

cdef struct function:
    view name                  # own copies
    view key                   # the name in lower case: FCALL does not distinguish
    view description           # ptr NULL: none
    int index                  # in Lua's registry
    int flags
    library *owner

cdef struct library:
    view name
    view code
    function **functions
    int count
    int64_t deadline_us        # while it is loaded

cdef struct batch:             # libraries that are about to be admitted
    library **libraries
    int count
    bint replace               # those of the same name
    bint flush                 # all there are


# ---- making and freeing ----------------------------------------------------------------------------------

cdef view copy_of(view v) noexcept nogil:
    """ptr NULL: no memory."""
    cdef char *p = <char *>malloc(v.len + 1)
    if p == NULL:
        return view_of(NULL, 0)
    memcpy(p, v.ptr, v.len)
    return view_of(p, v.len)


cdef void lower_all(char *p, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        p[i] = lower(p[i])


cdef function *function_find(runtime *r, view name) noexcept nogil:
    """In any case; NULL: there is none."""
    if r == NULL:
        return NULL
    r.text.len = 0
    buf_add(&r.text, name.ptr, name.len)
    if r.text.len < name.len:
        return NULL
    lower_all(r.text.ptr, name.len)
    return <function *>pointer_find(&r.functions, view_of(r.text.ptr, name.len))


cdef void function_free(runtime *r, function *f) noexcept nogil:
    forget(r, f.index)
    free(<void *>f.name.ptr)
    free(<void *>f.key.ptr)
    free(<void *>f.description.ptr)
    free(f)


cdef void library_free(runtime *r, library *l) noexcept nogil:
    cdef int i
    for i in range(l.count):
        function_free(r, l.functions[i])
    free(l.functions)
    free(<void *>l.name.ptr)
    free(<void *>l.code.ptr)
    free(l)


cdef bint same_name(view a, view b) noexcept nogil:
    """In any case."""
    cdef size_t i
    if a.len != b.len:
        return False
    for i in range(a.len):
        if lower(a.ptr[i]) != lower(b.ptr[i]):
            return False
    return True


cdef function *library_find(library *l, view name) noexcept nogil:
    """By its name in lower case."""
    cdef int i
    for i in range(l.count):
        if view_equal(l.functions[i].key, name):
            return l.functions[i]
    return NULL


cdef void account(runtime *r) noexcept nogil:
    figures_of(r.store).scripts.libraries = r.libraries.items
    figures_of(r.store).scripts.functions = r.functions.items
    figures_of(r.store).scripts.function_bytes = r.functions_bytes
    runtime_account(r)


cdef void withdraw(runtime *r, library *l) noexcept nogil:
    """Out of the tables, and gone."""
    cdef int i
    for i in range(l.count):
        pointer_take(&r.functions, l.functions[i].key)
    pointer_take(&r.libraries, l.name)
    r.functions_bytes -= sizeof(library) + l.code.len + l.count * sizeof(function)
    library_free(r, l)


cdef library *any_library(runtime *r) noexcept nogil:
    cdef table_cursor at
    memset(&at, 0, sizeof(at))
    return <library *>entry_payload(table_next(&r.libraries, &at))[0]


cdef void libraries_flush(runtime *r) noexcept nogil:
    while r.libraries.items:
        withdraw(r, any_library(r))
    account(r)


# ---- redis.register_function -----------------------------------------------------------------------------

cdef int wrong(lua_State *L, const char *text) noexcept nogil:
    return give_error(L, text, True)


cdef bint name_is_good(view name) noexcept nogil:
    cdef size_t i
    cdef char ch
    for i in range(name.len):
        ch = name.ptr[i]
        if not (c'a' <= ch <= c'z' or c'A' <= ch <= c'Z' or c'0' <= ch <= c'9' or ch == c'_'):
            return False
    return name.len > 0


cdef bint is_text(lua_State *L, int i) noexcept nogil:
    return lua.type(L, i) == T_STRING or lua.type(L, i) == T_NUMBER


cdef int named_flags(lua_State *L) noexcept nogil:
    """Of the list on top."""
    cdef int flags = 0
    cdef int i = 1
    cdef size_t n
    cdef const char *p
    cdef bint more = True
    while more:
        lua.rawgeti(L, -1, i)
        more = not is_nil(L, -1)
        if more:
            p = lua.tolstring(L, -1, &n) if lua.type(L, -1) == T_STRING else NULL
            if p == NULL or not flag_named(view_of(p, n), &flags):
                wrong(L, b"ERR unknown flag given")
        pop(L, 1)
        i += 1
    return flags


cdef int read_named(lua_State *L) noexcept nogil:
    """The form with one table: leaves name, callback and description (or nil) at 2, 3, 4; answers the flags."""
    cdef int flags = 0
    cdef size_t n
    cdef view key
    lua.pushnil(L)
    lua.pushnil(L)
    lua.pushnil(L)
    lua.pushnil(L)
    while lua.next(L, 1):
        if lua.type(L, -2) != T_STRING:
            return wrong(L, b"ERR unknown argument given to redis.register_function")
        key.ptr = lua.tolstring(L, -2, &n)
        key.len = n
        if view_is(key, b"function_name"):
            if not is_text(L, -1):
                return wrong(L, b"ERR function_name argument given to redis.register_function must be a string")
            lua.replace(L, 2)
        elif view_is(key, b"callback"):
            if lua.type(L, -1) != T_FUNCTION:
                return wrong(L, b"ERR callback argument given to redis.register_function must be a function")
            lua.replace(L, 3)
        elif view_is(key, b"description"):
            if not is_text(L, -1):
                return wrong(L, b"ERR description argument given to redis.register_function must be a string")
            lua.replace(L, 4)
        elif view_is(key, b"flags"):
            if lua.type(L, -1) != T_TABLE:
                return wrong(L, b"ERR flags argument to redis.register_function must be a table representing function flags")
            flags = named_flags(L)
            pop(L, 1)
        else:
            return wrong(L, b"ERR unknown argument given to redis.register_function")
    if is_nil(L, 2):
        return wrong(L, b"ERR redis.register_function must get a function name argument")
    if is_nil(L, 3):
        return wrong(L, b"ERR redis.register_function must get a callback argument")
    return flags


cdef int read_positional(lua_State *L) noexcept nogil:
    """The same for (name, callback)."""
    if not is_text(L, 1):
        return wrong(L, b"ERR first argument to redis.register_function must be a string")
    if lua.type(L, 2) != T_FUNCTION:
        return wrong(L, b"ERR second argument to redis.register_function must be a function")
    lua.pushnil(L)
    lua.insert(L, 1)
    lua.pushnil(L)
    return 0


cdef bint add_function(runtime *r, library *l, view name, view description, int flags, int index) noexcept nogil:
    cdef function *f = <function *>calloc(1, sizeof(function))
    cdef void *grown = realloc(l.functions, (l.count + 1) * sizeof(function *))
    if grown != NULL:
        l.functions = <function **>grown
    if f != NULL:
        f.name = copy_of(name)
        f.key = copy_of(name)
        if f.key.ptr != NULL:
            lower_all(<char *>f.key.ptr, f.key.len)
        f.description = copy_of(description) if description.ptr != NULL else view_of(NULL, 0)
        f.flags = flags
        f.owner = l
        f.index = index
    if f == NULL or grown == NULL or f.name.ptr == NULL or f.key.ptr == NULL:
        free(f)
        return False
    l.functions[l.count] = f
    l.count += 1
    return True


cdef int register_function(lua_State *L) noexcept nogil:
    cdef runtime *r = runtime_of(L)
    cdef library *l = <library *>r.loading
    cdef view name, description
    cdef int flags, i
    if l == NULL:
        return wrong(L, b"ERR redis.register_function can only be called on FUNCTION LOAD command")
    if lua.gettop(L) < 1 or lua.gettop(L) > 2:
        return wrong(L, b"ERR wrong number of arguments to redis.register_function")
    if lua.gettop(L) == 1 and lua.type(L, 1) != T_TABLE:
        return wrong(L, b"ERR calling redis.register_function with a single argument is only applicable to Lua table "
                        b"(representing named arguments).")
    flags = read_named(L) if lua.gettop(L) == 1 else read_positional(L)
    name.ptr = lua.tolstring(L, 2, &name.len)
    description = view_of(NULL, 0)
    if not is_nil(L, 4):
        description.ptr = lua.tolstring(L, 4, &description.len)
    if not name_is_good(name):
        return wrong(L, b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
    for i in range(l.count):
        if same_name(l.functions[i].name, name):
            return wrong(L, b"ERR Function already exists in the library")
    lua.pushvalue(L, 3)
    if not add_function(r, l, name, description, flags, lua.ref(L, REGISTRY)):
        return wrong(L, NO_MEMORY)
    return 0


cdef bint load_overdue(runtime *r) noexcept nogil:
    return mono_us() > (<library *>r.loading).deadline_us


# ---- loading ---------------------------------------------------------------------------------------------

cdef bint read_metadata(call *c, view code, view *name, view *body) noexcept nogil:
    """`#!lua name=...`; False: the error is replied."""
    cdef size_t i, end
    cdef size_t begin = 2
    cdef view word
    cdef bint engine = True
    name[0] = view_of(NULL, 0)
    if code.len < 2 or code.ptr[0] != c'#' or code.ptr[1] != c'!':
        reply_error(c, b"ERR Missing library metadata")
        return False
    end = 0
    while end < code.len and code.ptr[end] != c'\n':
        end += 1
    if end == code.len:
        reply_error(c, b"ERR Invalid library metadata")
        return False
    body[0] = view_of(code.ptr + end, code.len - end)
    for i in range(2, end + 1):
        if i < end and code.ptr[i] != c' ' and code.ptr[i] != c'\r':
            continue
        word = view_of(code.ptr + begin, i - begin)
        begin = i + 1
        if engine:
            if not view_is(word, b"lua"):
                reply_error_about(c, b"ERR Engine '%.*s' not found", word)
                return False
            engine = False
        elif word.len and (word.len < 5 or not view_is(view_of(word.ptr, 5), b"name=")):
            reply_error_about(c, b"ERR Invalid metadata value given: %.*s", word)
            return False
        elif word.len:
            if name.ptr != NULL:
                reply_error(c, b"ERR Invalid metadata value, name argument was given multiple times")
                return False
            name[0] = view_of(word.ptr + 5, word.len - 5)
    if name.ptr == NULL:
        reply_error(c, b"ERR Library name was not given")
        return False
    if not name_is_good(name[0]):
        reply_error(c, b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
        return False
    return True


cdef int run_library(lua_State *L) noexcept nogil:
    """The code of a library, its environment being the loading one."""
    cdef runtime *r = runtime_of(L)
    cdef int *index = <int *>lua.touserdata(L, 1)
    library_environment(r, True)
    lua.rawgeti(L, REGISTRY, index[0])
    lua.rawgeti(L, REGISTRY, r.library_env)
    lua.setfenv(L, -2)
    lua.call(L, 0, 0)
    return 0


cdef bint register_all(call *c, runtime *r, library *l, int index) noexcept nogil:
    cdef int status
    cdef size_t n
    cdef const char *text = NULL
    cdef lua_State *L = r.L
    l.deadline_us = mono_us() + LOAD_TIMEOUT_US
    r.loading = l
    lua.rawgeti(L, REGISTRY, r.handler)
    lua.rawgeti(L, REGISTRY, r.run_library)
    lua.pushlightuserdata(L, &index)
    status = lua.pcall(L, 1, 0, -3)
    r.loading = NULL
    library_environment(r, False)
    hook_again(r)
    if status != 0:
        if lua.type(L, -1) == T_TABLE:
            lua.pushstring(L, b"err")
            lua.rawget(L, -2)
        if lua.type(L, -1) == T_STRING:
            text = lua.tolstring(L, -1, &n)
        if text == NULL:
            reply_error(c, b"ERR Error registering functions: ERR not enough memory")
        else:
            reply_error_about(c, b"ERR Error registering functions: %.*s", view_of(text, n))
    elif l.count == 0:
        reply_error(c, b"ERR No functions registered")
        status = 1
    lua.settop(L, 0)
    return status == 0


cdef library *library_new(call *c, runtime *r, view code, bint replace) noexcept nogil:
    """A library that is not yet in the tables; NULL: the error is replied."""
    cdef library *l
    cdef view name, body
    cdef buf why
    cdef int index
    cdef bint ok
    if not read_metadata(c, code, &name, &body):
        return NULL
    if not replace and pointer_find(&r.libraries, name) != NULL:
        reply_error_about(c, b"ERR Library '%.*s' already exists", name)
        return NULL
    memset(&why, 0, sizeof(why))
    index = compile(r, body, b"@user_function", &why)
    if index < 0:
        reply_error_about(c, b"ERR Error compiling function: %.*s", view_of(why.ptr, why.len))
        buf_release(&why)
        return NULL
    l = <library *>calloc(1, sizeof(library))
    if l != NULL:
        l.name = copy_of(name)
        l.code = copy_of(code)
    if l == NULL or l.name.ptr == NULL or l.code.ptr == NULL:
        reply_error(c, NO_MEMORY)
        ok = False
    else:
        ok = register_all(c, r, l, index)
    forget(r, index)
    if not ok and l != NULL:
        library_free(r, l)
    return l if ok else <library *>NULL


cdef bint is_leaving(runtime *r, batch *b, library *l) noexcept nogil:
    """Does the batch take its place?"""
    cdef int i
    if b.flush:
        return True
    for i in range(b.count):
        if b.replace and view_equal(b.libraries[i].name, l.name):
            return True
    return False


cdef bint names_are_free(call *c, runtime *r, batch *b) noexcept nogil:
    cdef int i, k, j
    cdef function *f
    cdef function *other
    for i in range(b.count):
        for k in range(i):
            if view_equal(b.libraries[i].name, b.libraries[k].name):
                reply_error_about(c, b"ERR Library '%.*s' already exists", b.libraries[i].name)
                return False
        for j in range(b.libraries[i].count):
            f = b.libraries[i].functions[j]
            other = <function *>pointer_find(&r.functions, f.key)
            if other != NULL and is_leaving(r, b, other.owner):
                other = NULL
            for k in range(i):
                if other == NULL:
                    other = library_find(b.libraries[k], f.key)
            if other != NULL:
                reply_error_about(c, b"ERR Function %.*s already exists", f.name)
                return False
    return True


cdef bint place(runtime *r, library *l) noexcept nogil:
    cdef int i
    cdef bint ok = pointer_put(&r.libraries, l.name, l)
    for i in range(l.count):
        ok = ok and pointer_put(&r.functions, l.functions[i].key, l.functions[i])
    r.functions_bytes += sizeof(library) + l.code.len + l.count * sizeof(function)
    return ok


cdef bint admit_batch(call *c, runtime *r, batch *b) noexcept nogil:
    """All or none; takes the libraries over. False: the error is replied."""
    cdef int i
    cdef bint ok = names_are_free(c, r, b)
    cdef library *old
    if not ok:
        for i in range(b.count):
            library_free(r, b.libraries[i])
        return False
    if b.flush:
        libraries_flush(r)
    for i in range(b.count):
        old = <library *>pointer_find(&r.libraries, b.libraries[i].name)
        if old != NULL:
            withdraw(r, old)
    for i in range(b.count):
        ok = place(r, b.libraries[i]) and ok
    if not ok:
        reply_error(c, NO_MEMORY)
    others_changed(c.store, 1)
    account(r)
    return ok


define(function_load, """
    FUNCTION|LOAD [REPLACE] function-code
    write denyoom noscript | scripting | 7.0.0 | O(1) (considering compilation time is redundant)
    Create a library.
    tips: request_policy:all_shards response_policy:all_succeeded
""")
cdef void function_load(call *c) noexcept nogil:
    cdef runtime *r
    cdef library *l
    cdef batch b
    cdef int i
    memset(&b, 0, sizeof(b))
    for i in range(2, c.argc - 1):
        if not view_is(c.argv[i], b"replace"):
            reply_error_about(c, b"ERR Unknown option given: %.*s", c.argv[i])
            return
        b.replace = True
    r = runtime_open(c)
    if r == NULL:
        return
    l = library_new(c, r, c.argv[c.argc - 1], b.replace)
    if l == NULL:
        return
    b.libraries = &l
    b.count = 1
    if admit_batch(c, r, &b):
        reply_bulk(c, l.name)


define(function_delete, """
    FUNCTION|DELETE library-name
    write noscript | scripting | 7.0.0 | O(1)
    Delete a library.
    tips: request_policy:all_shards response_policy:all_succeeded
""")
cdef void function_delete(call *c) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef library *l = <library *>pointer_find(&r.libraries, c.argv[2]) if r != NULL else <library *>NULL
    if l == NULL:
        reply_error(c, b"ERR Library not found")
        return
    withdraw(r, l)
    account(r)
    others_changed(c.store, 1)
    reply_ok(c)


define(function_flush, """
    FUNCTION|FLUSH [ASYNC | SYNC]
    write noscript | scripting | 7.0.0 | O(N) where N is the number of functions
    Delete all libraries.
    tips: request_policy:all_shards response_policy:all_succeeded
    arity: -2
""")
cdef void function_flush(call *c) noexcept nogil:
    if c.argc > 3 or (c.argc == 3 and not view_is(c.argv[2], b"sync") and not view_is(c.argv[2], b"async")):
        reply_error(c, b"ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
        return
    if runtime_find(c.store) != NULL:
        libraries_flush(runtime_find(c.store))
    others_changed(c.store, 1)
    reply_ok(c)


# ---- telling -----------------------------------------------------------------------------------------------

cdef void reply_library(call *c, library *l, bint with_code) noexcept nogil:
    cdef int i
    reply_map(c, 4 if with_code else 3)
    reply_text(c, b"library_name")
    reply_bulk(c, l.name)
    reply_text(c, b"engine")
    reply_text(c, b"LUA")
    reply_text(c, b"functions")
    reply_array(c, l.count)
    for i in range(l.count):
        reply_map(c, 3)
        reply_text(c, b"name")
        reply_bulk(c, l.functions[i].name)
        reply_text(c, b"description")
        if l.functions[i].description.ptr != NULL:
            reply_bulk(c, l.functions[i].description)
        else:
            reply_null(c)
        reply_text(c, b"flags")
        write_flags(c, l.functions[i].flags)
    if with_code:
        reply_text(c, b"library_code")
        reply_bulk(c, l.code)


cdef library *next_library(runtime *r, table_cursor *at, view pattern) noexcept nogil:
    """The next whose name matches; NULL at the end."""
    cdef entry *e = NULL
    while True:
        e = table_next(&r.libraries, at) if r != NULL else <entry *>NULL
        if e == NULL:
            return NULL
        if pattern.ptr == NULL or glob_match(pattern, (<library *>entry_payload(e)[0]).name, True):
            return <library *>entry_payload(e)[0]


define(function_list, """
    FUNCTION|LIST [LIBRARYNAME library-name-pattern] [WITHCODE]
    noscript | scripting | 7.0.0 | O(N) where N is the number of functions
    Return the libraries and their functions.
    tips: nondeterministic_output_order
""")
cdef void function_list(call *c) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef view pattern = view_of(NULL, 0)
    cdef bint with_code = False
    cdef int i = 2
    cdef int n = 0
    cdef table_cursor at
    cdef library *l
    while i < c.argc:
        if not with_code and view_is(c.argv[i], b"withcode"):
            with_code = True
        elif pattern.ptr == NULL and view_is(c.argv[i], b"libraryname"):
            i += 1
            if i == c.argc:
                reply_error(c, b"ERR library name argument was not given")
                return
            pattern = c.argv[i]
        else:
            reply_error_about(c, b"ERR Unknown argument %.*s", c.argv[i])
            return
        i += 1
    memset(&at, 0, sizeof(at))
    while next_library(r, &at, pattern) != NULL:
        n += 1
    reply_array(c, n)
    memset(&at, 0, sizeof(at))
    while True:
        l = next_library(r, &at, pattern)
        if l == NULL:
            return
        reply_library(c, l, with_code)


define(function_stats, """
    FUNCTION|STATS
    noscript allow_busy | scripting | 7.0.0 | O(1)
    Return the function that runs, and figures of the engine.
    tips: nondeterministic_output request_policy:all_shards response_policy:special
""")
cdef void function_stats(call *c) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef running *run = r.now if r != NULL else <running *>NULL
    cdef int i
    reply_map(c, 2)
    reply_text(c, b"running_script")
    if run == NULL:
        reply_null(c)
    else:
        reply_map(c, 3)
        reply_text(c, b"name")
        reply_bulk(c, run.name)
        reply_text(c, b"command")
        reply_array(c, run.c.argc)
        for i in range(run.c.argc):
            reply_bulk(c, run.c.argv[i])
        reply_text(c, b"duration_ms")
        reply_int(c, (mono_us() - run.begun_us) // 1000)
    reply_text(c, b"engines")
    reply_map(c, 1)
    reply_text(c, b"LUA")
    reply_map(c, 2)
    reply_text(c, b"libraries_count")
    reply_int(c, r.libraries.items if r != NULL else 0)
    reply_text(c, b"functions_count")
    reply_int(c, r.functions.items if r != NULL else 0)


define(function_kill, """
    FUNCTION|KILL
    noscript allow_busy | scripting | 7.0.0 | O(1)
    Stop the function that runs, if it has not written yet.
    tips: request_policy:all_shards response_policy:one_succeeded
""")
cdef void function_kill(call *c) noexcept nogil:
    kill_running(c, True)


# ---- DUMP and RESTORE ----------------------------------------------------------------------------------------

define(function_dump, """
    FUNCTION|DUMP
    noscript | scripting | 7.0.0 | O(N) where N is the number of functions
    Return all libraries as bytes, for FUNCTION RESTORE.
""")
cdef void function_dump(call *c) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef buf out
    cdef table_cursor at
    cdef library *l
    memset(&out, 0, sizeof(out))
    memset(&at, 0, sizeof(at))
    while True:
        l = next_library(r, &at, view_of(NULL, 0))
        if l == NULL:
            break
        buf_add_char(&out, <char>RDB_FUNCTION)
        string_encode(&out, l.code)
    payload_close(&out, 10)
    if out.failed:
        reply_error(c, NO_MEMORY)
    else:
        reply_bulk(c, view_of(out.ptr, out.len))
    buf_release(&out)


cdef bint read_payload(call *c, runtime *r, view data, batch *b) noexcept nogil:
    """Makes the libraries that a payload holds; False: the error is replied."""
    cdef buf room
    cdef view code
    cdef library *l = NULL
    cdef void *grown
    cdef bint ok = True
    memset(&room, 0, sizeof(room))
    while ok and data.len:
        if <unsigned char>data.ptr[0] != RDB_FUNCTION:
            reply_error(c, b"ERR given type is not a function")
            ok = False
            break
        data = view_of(data.ptr + 1, data.len - 1)
        if not string_decode(&data, &room, &code):
            reply_error(c, b"ERR Failed loading functions payload")
            ok = False
            break
        l = library_new(c, r, code, b.replace or b.flush)
        grown = realloc(b.libraries, (b.count + 1) * sizeof(library *))
        if grown != NULL:
            b.libraries = <library **>grown
        ok = l != NULL and grown != NULL
        if ok:
            b.libraries[b.count] = l
            b.count += 1
    buf_release(&room)
    return ok


define(function_restore, """
    FUNCTION|RESTORE serialized-value [FLUSH | APPEND | REPLACE]
    write denyoom noscript | scripting | 7.0.0 | O(N) where N is the number of functions of the payload
    Create the libraries of what FUNCTION DUMP has returned.
    tips: request_policy:all_shards response_policy:all_succeeded
    arity: -3
""")
cdef void function_restore(call *c) noexcept nogil:
    cdef runtime *r
    cdef batch b
    cdef int i
    if c.argc > 4:
        reply_error_about(c, b"ERR Unknown subcommand or wrong number of arguments for '%.*s'. Try FUNCTION HELP.", c.argv[1])
        return
    memset(&b, 0, sizeof(b))
    if c.argc == 4:
        if view_is(c.argv[3], b"flush"):
            b.flush = True
        elif view_is(c.argv[3], b"replace"):
            b.replace = True
        elif not view_is(c.argv[3], b"append"):
            reply_error(c, b"ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
            return
    if not payload_whole(c.argv[2]):
        reply_error(c, b"ERR DUMP payload version or checksum are wrong")
        return
    r = runtime_open(c)
    if r == NULL:
        return
    if not read_payload(c, r, view_of(c.argv[2].ptr, c.argv[2].len - FOOTER), &b):
        for i in range(b.count):
            library_free(r, b.libraries[i])
    elif admit_batch(c, r, &b):
        reply_ok(c)
    free(b.libraries)


# ---- FCALL -----------------------------------------------------------------------------------------------

cdef void call_function(call *c, bint read_only) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef function *f = function_find(r, c.argv[1])
    cdef running run
    if f == NULL:
        reply_error(c, b"ERR Function not found")
        return
    if not read_keys(c, &run, b"ERR Bad number of keys provided"):
        return
    run.flags = f.flags
    run.name = f.name
    run.is_function = run.as_arguments = True
    run.function = f.index
    if admit(c, &run, read_only):
        run_function(r, &run)


define(fcall_command, """
    FCALL function numkeys [key [key ...]] [arg [arg ...]]
    noscript stale skip_monitor no_mandatory_keys nests shown_first may_replicate | scripting | 7.0.0 | Depends on the function that is executed.
    Call a function.
    keys: RW access update
""")
cdef void fcall_command(call *c) noexcept nogil:
    call_function(c, False)


define(fcall_ro, """
    FCALL_RO function numkeys [key [key ...]] [arg [arg ...]]
    readonly noscript stale skip_monitor no_mandatory_keys nests shown_first | scripting | 7.0.0 | Depends on the function that is executed.
    Call a function that only reads.
    keys: RO access
""")
cdef void fcall_ro(call *c) noexcept nogil:
    call_function(c, True)
