/* The types of Lua 5.1's C interface; its functions are looked up at run time. */

#ifndef KVD_SCRIPT_LUA_H
#define KVD_SCRIPT_LUA_H

#include <stddef.h>

typedef struct lua_State lua_State;
typedef int (*lua_CFunction)(lua_State *);
typedef void *(*lua_Alloc)(void *, void *, size_t, size_t);
typedef struct {
    int event;
    const char *name, *namewhat, *what, *source;
    int currentline, nups, linedefined, lastlinedefined;
    char short_src[60];
    int i_ci;
} lua_Debug;
typedef void (*lua_Hook)(lua_State *, lua_Debug *);

#endif
