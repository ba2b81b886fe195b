"""The table `redis` of scripts. See redislib.pyx."""

from kvd.script.lua cimport lua_State
cdef enum audience:
    FOR_SCRIPTS
    FOR_FUNCTIONS
    FOR_LOADING                # the code of a library, while it is loaded

cdef void push_redis(lua_State *L, audience who) noexcept nogil     # a new one, protected; may throw
cdef void redis_open(lua_State *L, audience who) noexcept nogil     # adds redis and server to the table on top; may throw
