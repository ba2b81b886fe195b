"""Lua 5.1's C interface, of the interpreter in lupa. See lua.pyx."""

cdef extern from "kvd/script/lua.h" nogil:
    ctypedef struct lua_State:
        pass
    ctypedef int (*lua_CFunction)(lua_State *) noexcept nogil
    ctypedef void *(*lua_Alloc)(void *, void *, size_t, size_t) noexcept nogil
    ctypedef struct lua_Debug:
        int event
        const char *name
        const char *what
        const char *source
        int currentline
    ctypedef void (*lua_Hook)(lua_State *, lua_Debug *) noexcept nogil

cdef enum:
    # pseudo indices
    REGISTRY = -10000
    GLOBALS = -10002           # the upvalue i of a C function: GLOBALS - i
    # types
    T_NONE = -1
    T_NIL = 0
    T_BOOLEAN = 1
    T_LIGHTUSERDATA = 2
    T_NUMBER = 3
    T_STRING = 4
    T_TABLE = 5
    T_FUNCTION = 6
    T_USERDATA = 7
    T_THREAD = 8
    # lua_gc
    GC_STOP = 0
    GC_RESTART = 1
    GC_COLLECT = 2
    GC_COUNT = 3
    GC_STEP = 5
    # status
    ERR_MEMORY = 4
    ERR_HANDLER = 5
    MULTRET = -1
    # hooks
    MASK_LINE = 4
    MASK_COUNT = 8
    EVENT_LINE = 2

cdef struct lua_api:           # in the order of NAMES in lua.pyx
    lua_State *(*newstate)(lua_Alloc f, void *ud) noexcept nogil
    void (*close)(lua_State *L) noexcept nogil
    lua_State *(*newthread)(lua_State *L) noexcept nogil
    void *(*getallocf)(lua_State *L, void **ud) noexcept nogil
    int (*gettop)(lua_State *L) noexcept nogil
    void (*settop)(lua_State *L, int i) noexcept nogil
    void (*pushvalue)(lua_State *L, int i) noexcept nogil
    void (*remove)(lua_State *L, int i) noexcept nogil
    void (*insert)(lua_State *L, int i) noexcept nogil
    void (*replace)(lua_State *L, int i) noexcept nogil
    int (*checkstack)(lua_State *L, int n) noexcept nogil
    int (*iscfunction)(lua_State *L, int i) noexcept nogil
    int (*isnumber)(lua_State *L, int i) noexcept nogil
    int (*type)(lua_State *L, int i) noexcept nogil
    const char *(*typename)(lua_State *L, int t) noexcept nogil
    int (*rawequal)(lua_State *L, int a, int b) noexcept nogil
    double (*tonumber)(lua_State *L, int i) noexcept nogil
    int (*toboolean)(lua_State *L, int i) noexcept nogil
    const char *(*tolstring)(lua_State *L, int i, size_t *n) noexcept nogil
    size_t (*objlen)(lua_State *L, int i) noexcept nogil
    void *(*newuserdata)(lua_State *L, size_t n) noexcept nogil
    void *(*touserdata)(lua_State *L, int i) noexcept nogil
    const void *(*topointer)(lua_State *L, int i) noexcept nogil
    void (*pushnil)(lua_State *L) noexcept nogil
    void (*pushnumber)(lua_State *L, double n) noexcept nogil
    void (*pushlstring)(lua_State *L, const char *p, size_t n) noexcept nogil
    void (*pushstring)(lua_State *L, const char *p) noexcept nogil
    void (*pushcclosure)(lua_State *L, lua_CFunction f, int n) noexcept nogil
    void (*pushboolean)(lua_State *L, int b) noexcept nogil
    void (*pushlightuserdata)(lua_State *L, void *p) noexcept nogil
    void (*gettable)(lua_State *L, int i) noexcept nogil
    void (*getfield)(lua_State *L, int i, const char *k) noexcept nogil
    void (*rawget)(lua_State *L, int i) noexcept nogil
    void (*rawgeti)(lua_State *L, int i, int n) noexcept nogil
    void (*createtable)(lua_State *L, int narr, int nrec) noexcept nogil
    int (*getmetatable)(lua_State *L, int i) noexcept nogil
    void (*getfenv)(lua_State *L, int i) noexcept nogil
    void (*settable)(lua_State *L, int i) noexcept nogil
    void (*setfield)(lua_State *L, int i, const char *k) noexcept nogil
    void (*rawset)(lua_State *L, int i) noexcept nogil
    void (*rawseti)(lua_State *L, int i, int n) noexcept nogil
    int (*setmetatable)(lua_State *L, int i) noexcept nogil
    int (*setfenv)(lua_State *L, int i) noexcept nogil
    void (*call)(lua_State *L, int nargs, int nresults) noexcept nogil
    int (*pcall)(lua_State *L, int nargs, int nresults, int handler) noexcept nogil
    int (*cpcall)(lua_State *L, lua_CFunction f, void *ud) noexcept nogil
    int (*gc)(lua_State *L, int what, int data) noexcept nogil
    int (*error)(lua_State *L) noexcept nogil
    int (*next)(lua_State *L, int i) noexcept nogil
    int (*getstack)(lua_State *L, int level, lua_Debug *d) noexcept nogil
    int (*getinfo)(lua_State *L, const char *what, lua_Debug *d) noexcept nogil
    const char *(*getlocal)(lua_State *L, const lua_Debug *d, int n) noexcept nogil
    int (*sethook)(lua_State *L, lua_Hook f, int mask, int count) noexcept nogil
    int (*loadbuffer)(lua_State *L, const char *p, size_t n, const char *name) noexcept nogil
    int (*ref)(lua_State *L, int t) noexcept nogil
    void (*unref)(lua_State *L, int t, int r) noexcept nogil
    int (*argerror)(lua_State *L, int i, const char *text) noexcept nogil
    void (*where)(lua_State *L, int level) noexcept nogil
    void (*concat)(lua_State *L, int n) noexcept nogil
    double (*checknumber)(lua_State *L, int i) noexcept nogil
    const char *(*checklstring)(lua_State *L, int i, size_t *n) noexcept nogil
    void (*checktype)(lua_State *L, int i, int t) noexcept nogil
    void (*checkany)(lua_State *L, int i) noexcept nogil
    int (*open_base)(lua_State *L) noexcept nogil
    int (*open_table)(lua_State *L) noexcept nogil
    int (*open_string)(lua_State *L) noexcept nogil
    int (*open_math)(lua_State *L) noexcept nogil

cdef lua_api lua               # all NULL until lua_load

cdef const char *lua_load() noexcept nogil      # NULL: the interpreter is loaded; else the reason why not


cdef inline void pop(lua_State *L, int n) noexcept nogil:
    lua.settop(L, -n - 1)


cdef inline void push_function(lua_State *L, lua_CFunction f) noexcept nogil:
    lua.pushcclosure(L, f, 0)


cdef inline int registered(lua_State *L, lua_CFunction f) noexcept nogil:
    """The function's index in the registry."""
    push_function(L, f)
    return lua.ref(L, REGISTRY)


cdef inline bint is_nil(lua_State *L, int i) noexcept nogil:
    return lua.type(L, i) <= T_NIL


cdef inline int raise_text(lua_State *L, const char *text) noexcept nogil:
    """Throws: does not return. Adds the script's position, as Lua's function error does."""
    lua.where(L, 1)
    lua.pushstring(L, text)
    lua.concat(L, 2)
    return lua.error(L)
