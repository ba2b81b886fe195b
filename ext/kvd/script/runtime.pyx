"""The state of a store's Lua interpreter: its memory, and the scripts compiled in it.

A store gets its interpreter with the first script (interpreter.pyx) and keeps it. Memory comes from malloc, counted
and limited (lua-memory-limit); it is part of the store's used memory.
"""

from libc.stdlib cimport free, realloc

from kvd.core.buf cimport buf_add, buf_printf
from kvd.run.figures cimport figures_of
from kvd.script.lua cimport GC_COLLECT, REGISTRY, T_STRING, lua, pop
from kvd.store.parts cimport PART_SCRIPTS
from kvd.store.store cimport store_report


cdef void *allocate(void *ud, void *p, size_t old, size_t size) noexcept nogil:
    cdef runtime *r = <runtime *>ud
    cdef void *q
    if size == 0:
        free(p)
        r.used -= old
        return NULL
    if size > old and r.used + (size - old) > r.limit:
        return NULL
    q = realloc(p, size)
    if q == NULL:
        return p if size <= old else NULL   # Lua requires that shrinking succeeds
    r.used += size - old
    return q


cdef runtime *runtime_of(lua_State *L) noexcept nogil:
    cdef void *ud
    lua.getallocf(L, &ud)
    return <runtime *>ud


cdef runtime *runtime_find(store *s) noexcept nogil:
    return <runtime *>s.parts[<int>PART_SCRIPTS]


cdef void runtime_account(runtime *r) noexcept nogil:
    store_report(r.store, PART_SCRIPTS, r.used + r.reply.cap + r.text.cap + sizeof(runtime) + r.scripts_bytes + r.functions_bytes)
    figures_of(r.store).scripts.lua = r.used


cdef void runtime_collect(runtime *r) noexcept nogil:
    lua.gc(r.L, GC_COLLECT, 0)
    runtime_account(r)


# ---- compiling -----------------------------------------------------------------------------------

cdef struct compiling:
    view code
    const char *name
    int index
    int status


cdef int compile_body(lua_State *L) noexcept nogil:
    cdef compiling *job = <compiling *>lua.touserdata(L, 1)
    lua.pushstring(L, job.name)        # the parser itself does not keep it alive
    job.status = lua.loadbuffer(L, job.code.ptr, job.code.len, job.name)
    if job.status == 0:
        job.index = lua.ref(L, REGISTRY)
        return 0
    return lua.error(L)


cdef int compile(runtime *r, view code, const char *name, buf *why) noexcept nogil:
    cdef compiling job
    cdef size_t n
    cdef const char *text
    job.code = code
    job.name = name
    job.index = -1
    if code.len and code.ptr[0] == 27:
        buf_printf(why, b"%s: binary chunks are not allowed", name + 1)
        return -1
    if code.len > 0x40000000:
        buf_printf(why, b"%s: the code is too long", name + 1)
        return -1
    if lua.cpcall(r.L, compile_body, &job) == 0:
        return job.index
    text = lua.tolstring(r.L, -1, &n) if lua.type(r.L, -1) == T_STRING else NULL
    if text == NULL:
        buf_printf(why, b"not enough memory")
    else:
        buf_add(why, text, n)
    pop(r.L, 1)
    return -1


cdef void forget(runtime *r, int index) noexcept nogil:
    lua.unref(r.L, REGISTRY, index)
