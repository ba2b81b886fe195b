"""FUNCTION and FCALL: libraries of functions, which are part of the data set."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.pointers cimport pointer_find
from kvd.core.table cimport table_cursor
from kvd.core.view cimport view, view_is, view_of
from kvd.persist.rdb.forms cimport RDB_FUNCTION
from kvd.persist.rdb.frame cimport FOOTER, payload_close, payload_whole
from kvd.persist.rdb.lengths cimport get_bytes, get_string, reader, reader_close, reader_open, writer
from kvd.persist.snapshot cimport put_library, snapshot_libraries
from kvd.run.args cimport (
    reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_map, reply_null, reply_ok, reply_text,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY
from kvd.run.registry cimport define, define_narrowing
from kvd.run.run cimport show
from kvd.script.execution cimport admit, kill, read_keys, run_function
from kvd.script.flags cimport COMPAT, call_flags, write_flags
from kvd.script.interpreter cimport runtime_open
from kvd.script.libraries cimport (
    function, function_find, libraries_account, libraries_drop, libraries_flush, libraries_next, library, library_free,
)
from kvd.script.loading cimport admit_batch, batch, library_new
from kvd.script.runtime cimport running, runtime, runtime_collect, runtime_find
from kvd.store.change cimport others_changed
from kvd.store.store cimport DEBUG_CHECKSUMS_SKIPPED, store


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
    libraries_drop(r, l)
    libraries_account(r)
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
        runtime_collect(runtime_find(c.store))
    others_changed(c.store, 1)
    reply_ok(c)


# ---- listing -------------------------------------------------------------------------------------

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


define(function_list, """
    FUNCTION|LIST [LIBRARYNAME library-name-pattern] [WITHCODE]
    noscript | scripting | 7.0.0 | O(N) where N is the number of functions
    Return information about libraries and their functions.
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
    while libraries_next(r, &at, pattern) != NULL:
        n += 1
    reply_array(c, n)
    memset(&at, 0, sizeof(at))
    while True:
        l = libraries_next(r, &at, pattern)
        if l == NULL:
            return
        reply_library(c, l, with_code)


define(function_stats, """
    FUNCTION|STATS
    noscript allow_busy | scripting | 7.0.0 | O(1)
    Return the running function, and statistics of the engine.
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
    Stop the running function, if it has not written yet.
    tips: request_policy:all_shards response_policy:one_succeeded
""")
cdef void function_kill(call *c) noexcept nogil:
    kill(c, True)


# ---- DUMP and RESTORE ----------------------------------------------------------------------------

cdef void each_library(store *s, void (*take)(void *to, view code) noexcept nogil, void *to) noexcept nogil:
    cdef runtime *r = runtime_find(s)
    cdef table_cursor at
    cdef library *l
    memset(&at, 0, sizeof(at))
    while True:
        l = libraries_next(r, &at, view_of(NULL, 0)) if r != NULL else NULL
        if l == NULL:
            return
        take(to, l.code)


snapshot_libraries(each_library)


define(function_dump, """
    FUNCTION|DUMP
    noscript | scripting | 7.0.0 | O(N) where N is the number of functions
    Return all libraries serialized, for FUNCTION RESTORE.
""")
cdef void function_dump(call *c) noexcept nogil:
    cdef buf out
    cdef writer to
    memset(&out, 0, sizeof(out))
    to.out = &out
    to.compresses = True
    each_library(c.store, put_library, &to)
    payload_close(&out, 10)
    if out.failed:
        reply_error(c, NO_MEMORY)
    else:
        reply_bulk(c, view_of(out.ptr, out.len))
    buf_release(&out)


cdef bint read_payload(call *c, runtime *r, view data, batch *b) noexcept nogil:
    """Creates the libraries of a payload; False: the error is replied."""
    cdef reader payload
    cdef view code
    cdef library *l = NULL
    cdef void *grown
    cdef bint ok = True
    reader_open(&payload, NULL, data)
    while ok and payload.p != payload.end:
        if get_bytes(&payload, 1, False) != RDB_FUNCTION:
            reply_error(c, b"ERR given type is not a function")
            ok = False
            break
        code = get_string(&payload, 0)
        if payload.bad:
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
        elif l != NULL:
            reply_error(c, NO_MEMORY)
            library_free(r, l)
    reader_close(&payload)
    return ok


define(function_restore, """
    FUNCTION|RESTORE serialized-value [FLUSH | APPEND | REPLACE]
    write denyoom noscript | scripting | 7.0.0 | O(N) where N is the number of functions of the payload
    Create libraries from a payload of FUNCTION DUMP.
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
    if not payload_whole(c.argv[2], not c.store.debug & DEBUG_CHECKSUMS_SKIPPED):
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


# ---- FCALL ---------------------------------------------------------------------------------------

cdef uint32_t flags_of_function(call *c) noexcept nogil:
    cdef function *f = function_find(runtime_find(c.store), c.argv[1])
    c.target = f
    return call_flags(c.command.flags, f.flags if f != NULL else <int>COMPAT)


cdef void call_function(call *c, bint read_only) noexcept nogil:
    cdef runtime *r = runtime_find(c.store)
    cdef function *f = <function *>c.target
    cdef running run
    show(c)
    if f == NULL:
        f = function_find(r, c.argv[1])
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


define_narrowing("FCALL", flags_of_function)


define(fcall_ro, """
    FCALL_RO function numkeys [key [key ...]] [arg [arg ...]]
    readonly noscript stale skip_monitor no_mandatory_keys nests shown_first | scripting | 7.0.0 | Depends on the function that is executed.
    Call a function that does not write.
    keys: RO access
""")
cdef void fcall_ro(call *c) noexcept nogil:
    call_function(c, True)


define_narrowing("FCALL_RO", flags_of_function)
