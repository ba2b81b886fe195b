"""The Lua interpreter of a store, its cached scripts, and the running script. See runtime.pyx."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.table cimport table
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.script.lua cimport lua_CFunction, lua_State
from kvd.store.store cimport store

cdef struct running:           # the running script; on the stack of run_function
    call *c                    # the EVAL or FCALL
    view name                  # SHA-1 or name of the function
    bint is_function
    uint32_t flags
    bint readonly
    bint oom                   # the store was above maxmemory when it began
    bint wrote
    bint killed
    int targets                # of its effects (redis.set_repl)
    bint busy                  # longer than busy-reply-threshold: others get BUSY errors
    const char *killed_for     # the error's text
    char killed_at[80]         # source:line
    void *debugger             # its debugging (debugger.pyx), or NULL
    int proto                  # of the replies that the script gets
    int64_t begun_us
    view *keys                 # KEYS, followed by ARGV
    int key_count
    int arg_count
    int function               # in the registry
    bint as_arguments          # KEYS and ARGV go to the function, not to globals
    size_t reply_at
    size_t written             # values in the reply so far

cdef struct runtime:           # at store.scripts
    store *store
    lua_State *L
    size_t used                # bytes that Lua holds
    size_t limit
    running *now               # or NULL
    table scripts              # SHA-1 -> script (cache.pyx)
    void *oldest               # of the scripts only used by EVAL
    void *newest
    size_t evals
    size_t scripts_bytes       # of bodies
    table libraries            # name -> library (libraries.pyx)
    table functions            # name -> function
    void *loading              # the library whose code runs now (loading.pyx), or NULL
    int64_t load_until_us      # time limit of loading
    size_t functions_bytes
    buf reply                  # of the command that redis.call runs
    buf text                   # scratch of libraries and of numbers that become arguments
    view *argv
    int argv_room
    int coroutines             # nesting depth
    uint16_t random[3]
    int real_globals           # registry: the real table of _G
    int library_env            # registry: the globals of libraries, and their real tables
    int library_all
    int library_loading
    int body, handler, describe, run_library   # registry: C functions
    int calls_until_step       # of the collector

cdef runtime *runtime_find(store *s) noexcept nogil                        # or NULL: no script has been used yet
cdef runtime *runtime_of(lua_State *L) noexcept nogil
cdef void *allocate(void *ud, void *p, size_t old, size_t size) noexcept nogil   # Lua's memory, counted and limited
cdef int compile(runtime *r, view code, const char *name, buf *why) noexcept nogil   # registry index; -1: see the error text
cdef void forget(runtime *r, int index) noexcept nogil                     # frees the result of compile
cdef void runtime_account(runtime *r) noexcept nogil                       # reports its memory to the store
cdef void runtime_collect(runtime *r) noexcept nogil         # gives back at once what has been forgotten
