"""A store's Lua interpreter, opened with the first script and closed with the store."""

from libc.stdlib cimport calloc, free

from kvd.core.buf cimport buf_release
from kvd.core.table cimport table_init, table_release
from kvd.run.args cimport reply_error
from kvd.script.cache cimport scripts_flush
from kvd.script.execution cimport execution_open, hook_again
from kvd.script.libraries cimport libraries_flush
from kvd.script.loading cimport loading_open
from kvd.script.lua cimport lua, lua_State, lua_load
from kvd.script.runtime cimport allocate, runtime_account, runtime_find, runtime_of
from kvd.script.sandbox cimport sandbox_open
from kvd.store.config cimport OPT_LUA_MEMORY_LIMIT, cfg
from kvd.store.parts cimport PART_SCRIPTS
from kvd.store.store cimport store_report


cdef int open_protected(lua_State *L) noexcept nogil:
    sandbox_open(L, runtime_of(L))
    return 0


cdef int open_functions(lua_State *L) noexcept nogil:
    execution_open(L)
    loading_open(L)
    return 0


cdef runtime *runtime_new(store *s) noexcept nogil:
    """NULL: no memory."""
    cdef runtime *r = <runtime *>calloc(1, sizeof(runtime))
    if r == NULL:
        return NULL
    r.store = s
    r.random[0], r.random[1], r.random[2] = 0x330E, 0xABCD, 0x1234
    r.limit = cfg(&s.config, OPT_LUA_MEMORY_LIMIT)
    table_init(&r.scripts, &s.mem)
    table_init(&r.libraries, &s.mem)
    table_init(&r.functions, &s.mem)
    r.L = lua.newstate(allocate, r)
    if r.L == NULL or lua.cpcall(r.L, open_protected, NULL) != 0 or lua.cpcall(r.L, open_functions, NULL) != 0:
        if r.L != NULL:
            lua.close(r.L)
        free(r)
        return NULL
    hook_again(r)
    return r


cdef runtime *runtime_open(call *c) noexcept nogil:
    cdef store *s = c.store
    cdef const char *why
    cdef runtime *r
    if runtime_find(s) != NULL:
        return runtime_find(s)
    why = lua_load()
    if why != NULL:
        reply_error(c, why)
        return NULL
    r = runtime_new(s)
    if r == NULL:
        reply_error(c, b"ERR out of memory for a Lua interpreter")
        return NULL
    s.parts[<int>PART_SCRIPTS] = r
    runtime_account(r)
    return r


cdef void runtime_release(store *s) noexcept nogil:
    cdef runtime *r = runtime_find(s)
    if r == NULL:
        return
    scripts_flush(r)
    libraries_flush(r)
    s.parts[<int>PART_SCRIPTS] = NULL
    table_release(&r.scripts)
    table_release(&r.libraries)
    table_release(&r.functions)
    lua.close(r.L)
    buf_release(&r.reply)
    buf_release(&r.text)
    free(r.argv)
    free(r)
    store_report(s, PART_SCRIPTS, 0)
