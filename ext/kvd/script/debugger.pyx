"""The debugger of scripts, as `redis-cli --ldb --ldb-sync-mode` drives it.

After SCRIPT DEBUG SYNC the next EVAL of the client is a debugging session, and ends its connection. The script stops before its first line.
Whenever it stops, the client gets a list of lines as one array of status replies, and sends a command, an array of bulk strings:

    * Stopped at 2, stop reason = step over          where, and why
    -> 2   local b = a                               a line of the script, with its number; # in front of it: a breakpoint
    <redis> get k   <reply> "v"   <error> ...        a command of the script, while it is stepped through
    <value> ...   <retval> ...   <debug> ...         what was asked for: a variable, the value of code, and what redis.debug was told
    <hint> ...   <endsession>                        the last line; the reply of EVAL follows

The hook that Lua calls before each line is where a script stops. It waits in session.converse, which belongs to the owner of the
connection: meanwhile the store is busy as during any long script, others get BUSY errors, and SCRIPT KILL, SHUTDOWN NOSAVE or the end of the
connection end the script. So a debugger that says nothing keeps others waiting, as in Redis, but nobody is without an answer.

Code of the client (`eval`, `redis`) runs in a Lua thread of its own, since no hook is called inside a hook: an endless loop is cut like that.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, strcmp, strlen

from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_drop_front, buf_printf, buf_release
from kvd.core.clock cimport mono_us
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_equal, view_is, view_of, view_str
from kvd.resp.parser cimport (
    PARSE_COMMAND, PARSE_MORE, parse, parser, parser_dropped, parser_init, parser_release,
)
from kvd.run.args cimport reply_error
from kvd.run.errors cimport NO_MEMORY
from kvd.script.lua cimport GLOBALS, T_STRING, T_TABLE, lua, pop
from kvd.script.shown cimport show_reply, show_value
from kvd.session.session cimport DEBUG_NONE, session_end, session_within_limits
from kvd.store.config cimport OPT_BUSY_REPLY_THRESHOLD, OPT_LUA_MEMORY_LIMIT, cfg

cdef enum:
    MOST_BREAKPOINTS = 64
    AROUND = 5                 # lines that `list` shows before and behind one
    SHOWN = 256                # bytes of a value, unless `maxlen` says otherwise
    LEAST_SHOWN = 60
    UNLIMITED = 1 << 24        # bytes, if it says 0
    MOST_SAID = 1 << 26        # bytes of lines until the script stops
    EVAL_US = 5000000          # for code of the client, if busy-reply-threshold is 0
    LONGEST_COMMAND = 1048576
    LEAST_STACK = 20           # values that Lua gives a function room for

cdef struct debugging:
    call *c
    view *lines                # of the script
    int line_count
    int breakpoints[MOST_BREAKPOINTS]
    int breakpoint_count
    int line                   # the one that runs next
    bint steps                 # stop before it
    bint breaks                # redis.breakpoint() asks for that
    bint is_late               # so does the time that the script has run since it stopped last
    int64_t resumed_us
    int64_t cut_us             # when code of the client is cut; 0: none runs
    buf said                   # lines that are not sent yet
    int says
    size_t whole               # bytes of these
    size_t begin               # of the one that is being written
    bint lost                  # there were more than MOST_SAID
    size_t most                # bytes of a value
    bint trims                 # a value was longer
    bint hinted
    buf heard
    parser words

cdef struct order:             # a command of the client
    const char *name
    int least                  # words, and at most
    int most
    void (*run)(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil

cdef const char **HELP = [
    b"Commands of the debugger, of which the first letter is enough:",
    b"help                 Show this.",
    b"step, next           Run until the next line.",
    b"continue             Run until the next breakpoint.",
    b"list                 Show the script around the line that runs next.",
    b"list <line> [n]      Show n lines before and behind a line (0: the one that runs next).",
    b"whole                Show the whole script.",
    b"print                Show all local variables.",
    b"print <name>         Show a local variable, KEYS or ARGV.",
    b"break                Show the breakpoints.",
    b"break <line>         Set a breakpoint before a line.",
    b"break -<line>        Remove it.",
    b"break 0              Remove all breakpoints.",
    b"trace                Show which function was called from which line.",
    b"eval <code>          Run Lua code, which does not see local variables, and show its value.",
    b"redis <command>      Run a command.",
    b"maxlen [bytes]       Show, or set, how much of a value is shown; 0: all of it.",
    b"abort                End the script with an error. Its changes stay.",
    b"",
    b"In scripts:",
    b"redis.breakpoint()   Stops before the next line.",
    b"redis.debug(...)     Shows values.",
    NULL,
]


cdef inline debugging *debugging_of(runtime *r) noexcept nogil:
    return <debugging *>r.now.debugger


# ---- lines for the client ----------------------------------------------------------------------------

cdef void begin_line(debugging *d) noexcept nogil:
    d.said.len = d.whole               # an error of memory may have ended the last one
    buf_add_char(&d.said, c'+')
    d.begin = d.said.len


cdef void end_line(debugging *d) noexcept nogil:
    cdef size_t i
    for i in range(d.begin, d.said.len):
        if d.said.ptr[i] == c'\r' or d.said.ptr[i] == c'\n':
            d.said.ptr[i] = c' '
    buf_add(&d.said, b"\r\n", 2)
    if d.whole > MOST_SAID:
        d.lost = True
        return
    d.whole = d.said.len
    d.says += 1


cdef void end_value(debugging *d, size_t at) noexcept nogil:
    """A line in which a value begins at `at`."""
    if d.said.len - at > d.most:
        d.said.len = at + d.most
        buf_add(&d.said, b" ...", 4)
        d.trims = True
    end_line(d)


cdef void say(debugging *d, const char *text) noexcept nogil:
    begin_line(d)
    buf_add(&d.said, text, strlen(text))
    end_line(d)


cdef size_t begin_value(debugging *d, const char *kind) noexcept nogil:
    """A line of this kind; returns where its value begins."""
    begin_line(d)
    buf_printf(&d.said, b"<%s> ", kind)
    return d.said.len


cdef void say_text(debugging *d, const char *kind, view text) noexcept nogil:
    cdef size_t at = begin_value(d, kind)
    buf_add(&d.said, text.ptr, text.len)
    end_value(d, at)


cdef void say_value(debugging *d, lua_State *L, const char *kind, const char *name) noexcept nogil:
    """The value on top. name: or NULL."""
    cdef size_t at = begin_value(d, kind)
    if name != NULL:
        buf_printf(&d.said, b"%s = ", name)
        at = d.said.len
    show_value(L, -1, &d.said, d.most)
    end_value(d, at)


cdef void say_line(debugging *d, int n) noexcept nogil:
    """A line of the script; not if there is no such line."""
    if not 1 <= n <= d.line_count:
        return
    begin_line(d)
    buf_printf(&d.said, b"%s%s%-3d ", <const char *>b"->" if n == d.line else <const char *>b"  ",
               <const char *>b"#" if breakpoint_at(d, n) >= 0 else <const char *>b" ", n)
    buf_add(&d.said, d.lines[n - 1].ptr, d.lines[n - 1].len)
    end_line(d)


cdef void send(debugging *d) noexcept nogil:
    """To the session's output."""
    if d.trims and not d.hinted:
        say(d, b"<hint> A value was cut off; maxlen 0 shows all of it.")
        d.hinted = True
    if d.lost:
        d.whole = d.said.len = 0
        d.says = 0
        say(d, b"<hint> There were too many lines to show them.")
        d.lost = False
    buf_printf(d.c.out, b"*%d\r\n", d.says)
    buf_add(d.c.out, d.said.ptr, d.whole)
    d.c.out.failed = d.c.out.failed or d.said.failed
    d.c.reply_at = d.c.out.len         # the reply of EVAL begins behind it
    d.said.len = d.whole = 0
    d.says = 0


# ---- commands of the client ----------------------------------------------------------------------------

cdef int breakpoint_at(debugging *d, int line) noexcept nogil:
    """-1: there is none."""
    cdef int i
    for i in range(d.breakpoint_count):
        if d.breakpoints[i] == line:
            return i
    return -1


cdef void do_help(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    cdef int i = 0
    while HELP[i] != NULL:
        say(debugging_of(r), HELP[i])
        i += 1


cdef void list_around(debugging *d, int64_t line, int64_t n) noexcept nogil:
    cdef int64_t i
    for i in range(max(line - n, <int64_t>1), min(line + n, <int64_t>d.line_count) + 1):
        say_line(d, <int>i)


cdef void do_list(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef int64_t line = 0
    cdef int64_t n = AROUND
    if argc > 1 and (not parse_int(argv[1], &line) or not 0 <= line <= d.line_count):
        line = 0
    if argc > 2 and (not parse_int(argv[2], &n) or not 0 <= n <= d.line_count):
        n = AROUND
    list_around(d, line or d.line, n)


cdef void do_whole(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    list_around(d, 1, d.line_count)


cdef bint push_local(lua_State *L, lua_Debug *at, view name) noexcept nogil:
    """Of a frame: the last one of that name, which hides others. False: it has none."""
    cdef const char *each
    cdef int n = 1
    cdef int which = 0
    while True:
        each = lua.getlocal(L, at, n)
        if each == NULL:
            break
        pop(L, 1)
        if view_equal(view_str(each), name):
            which = n
        n += 1
    return which != 0 and lua.getlocal(L, at, which) != NULL


cdef void print_one(debugging *d, lua_State *L, view name) noexcept nogil:
    """The innermost function that has it, then the globals of scripts."""
    cdef lua_Debug at
    cdef int level = 0
    cdef bint found = False
    while not found and lua.getstack(L, level, &at):
        found = push_local(L, &at, name)
        level += 1
    if not found and (view_equal(name, view_str(b"KEYS")) or view_equal(name, view_str(b"ARGV"))):
        lua.pushvalue(L, GLOBALS)
        lua.pushlstring(L, name.ptr, name.len)
        lua.gettable(L, -2)
        lua.remove(L, -2)
        found = True
    if not found:
        say(d, b"No such variable.")
        return
    say_value(d, L, b"value", NULL)
    pop(L, 1)


cdef void do_print(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef lua_Debug at
    cdef const char *name
    cdef int n = 1
    cdef int says = d.says
    if argc == 2:
        print_one(d, L, argv[1])
        return
    while lua.getstack(L, 0, &at):
        name = lua.getlocal(L, &at, n)
        if name == NULL:
            break
        if name[0] != c'(':            # Lua's own
            say_value(d, L, b"value", name)
        pop(L, 1)
        n += 1
    if d.says == says:
        say(d, b"No local variables here.")


cdef void show_breakpoints(debugging *d) noexcept nogil:
    cdef int i
    begin_line(d)
    if d.breakpoint_count == 0:
        buf_printf(&d.said, b"No breakpoints set. Use 'b <line>' to add one.")
    else:
        buf_printf(&d.said, b"%d breakpoints set:", d.breakpoint_count)
    end_line(d)
    for i in range(d.breakpoint_count):
        say_line(d, d.breakpoints[i])


cdef void change_breakpoint(debugging *d, view word) noexcept nogil:
    cdef int64_t line
    cdef int at
    if not parse_int(word, &line):
        say_text(d, b"error", view_str(b"A breakpoint is the number of a line."))
    elif line == 0:
        d.breakpoint_count = 0
        say(d, b"All breakpoints removed.")
    elif not -d.line_count <= line <= d.line_count:
        say(d, b"Wrong line number.")
    elif line < 0:
        at = breakpoint_at(d, <int>-line)
        if at >= 0:
            d.breakpoint_count -= 1
            d.breakpoints[at] = d.breakpoints[d.breakpoint_count]
        say(d, b"Breakpoint removed." if at >= 0 else b"No breakpoint in the specified line.")
    elif d.breakpoint_count == MOST_BREAKPOINTS:
        say(d, b"Too many breakpoints set.")
    else:
        if breakpoint_at(d, <int>line) < 0:
            d.breakpoints[d.breakpoint_count] = <int>line
            d.breakpoint_count += 1
        list_around(d, line, 1)


cdef void do_break(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    cdef int i
    if argc == 1:
        show_breakpoints(debugging_of(r))
    for i in range(1, argc):
        change_breakpoint(debugging_of(r), argv[i])


cdef void do_trace(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef lua_Debug at
    cdef int level = 0
    cdef bint first = True
    while lua.getstack(L, level, &at) and lua.getinfo(L, b"Snl", &at):
        level += 1
        if strcmp(at.source, b"@user_script") != 0:
            continue
        begin_line(d)
        buf_printf(&d.said, b"%s %s:", <const char *>b"In" if first else <const char *>b"From", at.name if at.name != NULL else <const char *>b"top level")
        end_line(d)
        say_line(d, at.currentline)
        first = False


cdef void do_maxlen(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef int64_t n
    if argc == 2 and parse_int(argv[1], &n) and n >= 0:
        d.most = <size_t>min(max(n, <int64_t>LEAST_SHOWN), <int64_t>UNLIMITED) if n else <size_t>UNLIMITED
        d.hinted = d.hinted or n != 0
    begin_line(d)
    if d.most == UNLIMITED:
        buf_printf(&d.said, b"<value> replies are unlimited.")
    else:
        buf_printf(&d.said, b"<value> replies are truncated at %zu bytes.", d.most)
    end_line(d)


cdef void do_abort(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    r.now.killed_for = b"script aborted for user request"
    r.now.killed = True


# ---- code of the client -----------------------------------------------------------------------------------

cdef int64_t limit_us(runtime *r) noexcept nogil:
    """What is long for a script; 0: nothing."""
    return cfg(&r.store.config, OPT_BUSY_REPLY_THRESHOLD) * 1000


cdef bint load(lua_State *L, view code) noexcept nogil:
    """As an expression, or else as statements. False: the error is on the stack."""
    lua.pushlstring(L, b"return ", 7)
    lua.pushlstring(L, code.ptr, code.len)
    lua.concat(L, 2)
    code.ptr = lua.tolstring(L, -1, &code.len)
    if lua.loadbuffer(L, code.ptr, code.len, b"@ldb_eval") == 0:
        return True
    pop(L, 1)
    return lua.loadbuffer(L, code.ptr + 7, code.len - 7, b"@ldb_eval") == 0


cdef void run_foreign(runtime *r, lua_State *L, int args) noexcept nogil:
    """Calls the function below the arguments, and shows its value. It is cut if it takes too long."""
    cdef debugging *d = debugging_of(r)
    cdef int status
    cdef size_t n
    cdef const char *text
    d.cut_us = mono_us() + (limit_us(r) or EVAL_US)
    status = lua.pcall(L, args, 1, 0)
    if not r.now.killed and mono_us() > d.cut_us:
        say_text(d, b"error", view_str(b"It takes too long."))
    elif status == 0:
        say_value(d, L, b"retval", NULL)
    elif not r.now.killed:
        if lua.type(L, -1) == T_TABLE:         # of redis.call
            lua.pushlstring(L, b"err", 3)
            lua.rawget(L, -2)
        text = lua.tolstring(L, -1, &n) if lua.type(L, -1) == T_STRING else NULL
        say_text(d, b"error", view_of(text, n) if text != NULL else view_str(b"not enough memory, or an error without a text"))
    d.cut_us = 0
    r.limit = cfg(&r.store.config, OPT_LUA_MEMORY_LIMIT)


cdef void do_eval(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    """The code may have been split into words."""
    cdef debugging *d = debugging_of(r)
    cdef lua_State *own
    cdef view text
    cdef int i
    own = lua.newthread(L)
    for i in range(1, argc):
        lua.pushlstring(L, b" ", 1 if i > 1 else 0)
        lua.pushlstring(L, argv[i].ptr, argv[i].len)
        lua.concat(L, 3 if i > 1 else 2)
    text.ptr = lua.tolstring(L, -1, &text.len)
    if load(own, text):
        run_foreign(r, own, 0)
    else:
        text.ptr = lua.tolstring(own, -1, &text.len)
        say_text(d, b"error", text)
    pop(L, 2)


cdef void do_redis(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    """The command and its reply are shown as those of the script are."""
    cdef debugging *d = debugging_of(r)
    cdef lua_State *own = lua.newthread(L)
    cdef bint steps = d.steps
    cdef int said
    cdef int i
    if not lua.checkstack(own, argc + LEAST_STACK):
        say_text(d, b"error", view_str(b"There are too many arguments."))
        pop(L, 1)
        return
    lua.loadbuffer(own, b"return redis.pcall(...)", 23, b"@ldb_eval")
    for i in range(1, argc):
        lua.pushlstring(own, argv[i].ptr, argv[i].len)
    d.steps = True
    d.cut_us = mono_us() + (limit_us(r) or EVAL_US)
    said = d.says
    if lua.pcall(own, argc - 1, 1, 0) != 0 and d.says == said:
        say_text(d, b"error", view_str(b"it cannot be run: the script has changed redis, or there is not enough memory"))
    d.cut_us = 0
    d.steps = steps
    pop(L, 1)


cdef enum:
    ORDERS = 10

cdef order TABLE[ORDERS]       # but those that let the script go on
TABLE[:] = [
    order(b"help", 1, 1, do_help),
    order(b"list", 1, 3, do_list),
    order(b"whole", 1, 1, do_whole),
    order(b"print", 1, 2, do_print),
    order(b"break", 1, MOST_BREAKPOINTS + 1, do_break),
    order(b"trace", 1, 1, do_trace),
    order(b"eval", 2, 1 << 20, do_eval),
    order(b"redis", 2, 1 << 20, do_redis),
    order(b"maxlen", 1, 2, do_maxlen),
    order(b"abort", 1, 1, do_abort),
]


cdef bint is_named(view word, const char *name) noexcept nogil:
    """By the name or its first letter."""
    return view_is(word, name) or (word.len == 1 and (word.ptr[0] == name[0] or word.ptr[0] + 32 == name[0]))


cdef bint obey(runtime *r, lua_State *L, view *argv, int argc) noexcept nogil:
    """True: the script goes on, or ends."""
    cdef debugging *d = debugging_of(r)
    cdef int i
    if argc == 1 and (is_named(argv[0], b"step") or is_named(argv[0], b"next")):
        d.steps = True
        return True
    if argc == 1 and is_named(argv[0], b"continue"):
        return True
    for i in range(ORDERS):
        if is_named(argv[0], TABLE[i].name) and TABLE[i].least <= argc <= TABLE[i].most:
            TABLE[i].run(r, L, argv, argc)
            break
    else:
        say_text(d, b"error", view_str(b"Unknown debugger command, or wrong number of arguments."))
    if r.now.killed:
        return True
    send(d)
    return False


# ---- stopping ----------------------------------------------------------------------------------------------

cdef bint hear(runtime *r) noexcept nogil:
    """Sends what was said, and waits for a command, which is in d.words then. False: the script is to end."""
    cdef debugging *d = debugging_of(r)
    cdef running *run = r.now
    cdef int state
    while True:
        state = parse(&d.words, d.heard.ptr, d.heard.len) if d.heard.len else PARSE_MORE
        if state == PARSE_COMMAND and d.words.argc:
            return True
        if state != PARSE_MORE or d.heard.len > LONGEST_COMMAND:
            run.killed_for = b"protocol error"
            run.killed = True
            return False
        if not d.c.session.converse(d.c.session, &d.heard) or not session_within_limits(d.c.session):
            run.killed = True
        d.c.reply_at = d.c.out.len
        if run.killed:
            return False


cdef void stop(runtime *r, lua_State *L, const char *why) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef bint goes_on = False
    cdef size_t n
    begin_line(d)
    buf_printf(&d.said, b"* Stopped at %d, stop reason = %s", d.line, why)
    end_line(d)
    say_line(d, d.line)
    send(d)
    d.steps = d.breaks = d.is_late = False
    while not goes_on and hear(r):
        goes_on = obey(r, L, d.words.argv, d.words.argc)
        n = d.words.used
        parser_dropped(&d.words, n)
        buf_drop_front(&d.heard, n)
    r.now.reply_at = d.c.reply_at
    d.resumed_us = mono_us()


cdef void debugger_line(runtime *r, lua_State *L, lua_Debug *at) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    if d.cut_us or not lua.getinfo(L, b"Sl", at) or strcmp(at.source, b"@user_script") != 0:
        return
    d.line = at.currentline
    if d.breaks:
        stop(r, L, b"redis.breakpoint() called")
    elif d.is_late:
        stop(r, L, b"timeout reached, infinite loop?")
    elif breakpoint_at(d, d.line) >= 0:
        stop(r, L, b"break point")
    elif d.steps:
        stop(r, L, b"step over")


cdef void debugger_count(runtime *r) noexcept nogil:
    cdef int64_t limit = limit_us(r)
    if limit and mono_us() - debugging_of(r).resumed_us > limit:
        debugging_of(r).is_late = True


cdef bint debugger_cuts(runtime *r) noexcept nogil:
    return debugging_of(r).cut_us != 0 and mono_us() > debugging_of(r).cut_us


# ---- what scripts tell ----------------------------------------------------------------------------------------

cdef void debugger_break(runtime *r) noexcept nogil:
    debugging_of(r).breaks = True


cdef void debugger_log(runtime *r, lua_State *L) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef size_t at
    cdef int i
    cdef int n = lua.gettop(L)
    begin_line(d)
    buf_printf(&d.said, b"<debug> line %d: ", d.line)
    at = d.said.len
    for i in range(1, n + 1):
        if i > 1:
            buf_add(&d.said, b", ", 2)
        show_value(L, i, &d.said, d.most)
    end_value(d, at)


cdef void debugger_called(runtime *r, view *argv, int argc) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef size_t at
    cdef int i
    if not d.steps:
        return
    at = begin_value(d, b"redis")
    for i in range(argc):
        if i:
            buf_add_char(&d.said, c' ')
        buf_add(&d.said, argv[i].ptr, min(argv[i].len, d.most + 1))
        if d.said.len - at > d.most:
            break
    end_value(d, at)


cdef void debugger_replied(runtime *r, view reply) noexcept nogil:
    cdef debugging *d = debugging_of(r)
    cdef size_t at
    if not d.steps:
        return
    at = begin_value(d, b"reply")
    show_reply(reply, &d.said)
    end_value(d, at)


# ---- begin and end ----------------------------------------------------------------------------------------------

cdef bint is_debugged(call *c) noexcept nogil:
    return c.session.debugs != DEBUG_NONE and not c.session.executing


cdef bint split(debugging *d, view code) noexcept nogil:
    """Into lines, of which the last may be empty and is none then."""
    cdef size_t i
    cdef size_t begin = 0
    cdef int n = 1
    for i in range(code.len):
        n += code.ptr[i] == c'\n'
    d.lines = <view *>malloc(n * sizeof(view))
    if d.lines == NULL:
        return False
    for i in range(code.len + 1):
        if (i < code.len and code.ptr[i] == c'\n') or (i == code.len and i > begin):
            d.lines[d.line_count] = view_of(code.ptr + begin, i - begin - (i > begin and code.ptr[i - 1] == c'\r'))
            d.line_count += 1
            begin = i + 1
    return True


cdef void drop(debugging *d) noexcept nogil:
    parser_release(&d.words)
    buf_release(&d.heard)
    buf_release(&d.said)
    free(d.lines)
    free(d)


cdef debugging *debugger_new(call *c, view code) noexcept nogil:
    cdef debugging *d = <debugging *>calloc(1, sizeof(debugging))
    if d == NULL or not split(d, code):
        free(d)
        reply_error(c, NO_MEMORY)
        return NULL
    parser_init(&d.words)
    d.words.max_bulk = LONGEST_COMMAND
    d.words.trusted = True
    d.c = c
    d.most = SHOWN
    d.steps = True
    d.resumed_us = mono_us()
    return d


cdef void debugger_end(debugging *d, call *c) noexcept nogil:
    cdef size_t n = c.out.len - c.reply_at
    cdef char *reply = <char *>malloc(n + 1)
    if reply == NULL:
        c.out.failed = True
        n = 0
    else:
        memcpy(reply, c.out.ptr + c.reply_at, n)
    c.out.len = c.reply_at
    say(d, b"<endsession>")
    send(d)
    buf_add(c.out, reply, n)
    free(reply)
    c.session.debugs = DEBUG_NONE
    session_end(c.session)
    drop(d)
