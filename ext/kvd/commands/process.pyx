"""Commands about the process: TIME, LOLWUT, and MODULE, of which there are none."""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.core.buf cimport buf, buf_printf, buf_release
from kvd.core.view cimport view_is, view_of, view_str
from kvd.resp.writer cimport write_verbatim
from kvd.run.args cimport arg_int, reply_array, reply_bulk, reply_error, reply_errorf
from kvd.run.call cimport call
from kvd.run.emulation cimport redis_version
from kvd.run.registry cimport define
from kvd.store.clock cimport store_wall_us
from kvd.store.config cimport cfg, option_find


define(time_command, """
    TIME
    loading stale fast | server | 2.6.0 | O(1)
    Return the time: seconds since 1970 and microseconds.
    tips: nondeterministic_output
""")
cdef void time_command(call *c) noexcept nogil:
    """A script is told the same time however often it asks."""
    cdef int64_t us = c.session.script_us if c.from_script and c.session.script_us else store_wall_us(c.store)
    cdef char text[32]
    if c.from_script:
        c.session.script_us = us
    reply_array(c, 2)
    reply_bulk(c, view_of(text, snprintf(text, sizeof(text), b"%lld", <long long>(us // 1000000))))
    reply_bulk(c, view_of(text, snprintf(text, sizeof(text), b"%lld", <long long>(us % 1000000))))


define(lolwut_command, """
    LOLWUT [VERSION version]
    readonly fast | server | 5.0.0 | O(1)
    Return ASCII art and the version.
""")
cdef void lolwut_command(call *c) noexcept nogil:
    cdef buf text
    cdef int64_t version
    cdef int row
    if c.argc > 2 and view_is(c.argv[1], b"version") and not arg_int(c, 2, &version):
        return
    memset(&text, 0, sizeof(text))
    for row in range(1, 6):
        buf_printf(&text, b"%*s%.*s\n", 6 - row, <const char *>b"", 2 * row, <const char *>b"/\\/\\/\\/\\/\\")
    buf_printf(&text, b"Redis ver. %s\n", redis_version(c.store))
    write_verbatim(c.out, view_of(text.ptr, text.len), b"txt", c.proto)
    buf_release(&text)


# ---- MODULE ------------------------------------------------------------------------------------------

define(module_list, """
    MODULE|LIST
    admin noscript | server | 4.0.0 | O(1)
    Return the loaded modules: kvd has none.
    tips: nondeterministic_output_order
""")
cdef void module_list(call *c) noexcept nogil:
    reply_array(c, 0)


cdef bint option_allows(call *c, int option, const char *command, const char *name) noexcept nogil:
    """Does the option allow the command to this client? False: the error is replied."""
    cdef int64_t mode = cfg(&c.store.config, option)
    if mode == 1 or (mode == 2 and c.session.local):
        return True
    reply_errorf(c, b"ERR %s command not allowed. If the %s option is set to \"local\", you can run it "
                    b"from a local connection, otherwise you need to set this option in the configuration file, and then "
                    b"restart the server.", command, name)
    return False


cdef void refuse_module(call *c, const char *why) noexcept nogil:
    if option_allows(c, option_find(view_str(b"enable-module-command")), b"MODULE", b"enable-module-command"):
        reply_error(c, why)


define(module_load, """
    MODULE|LOAD path [arg [arg ...]]
    admin noscript no_async_loading | server | 4.0.0 | O(1)
    Refused: kvd loads no modules.
""")
cdef void module_load(call *c) noexcept nogil:
    refuse_module(c, b"ERR Error loading the extension. Please check the server logs.")


define(module_loadex, """
    MODULE|LOADEX path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]
    admin noscript no_async_loading | server | 7.0.0 | O(1)
    Refused: kvd loads no modules.
""")
cdef void module_loadex(call *c) noexcept nogil:
    refuse_module(c, b"ERR Error loading the extension. Please check the server logs.")


define(module_unload, """
    MODULE|UNLOAD name
    admin noscript no_async_loading | server | 4.0.0 | O(1)
    Refused: kvd has no modules.
""")
cdef void module_unload(call *c) noexcept nogil:
    refuse_module(c, b"ERR Error unloading module: no such module with that name")
