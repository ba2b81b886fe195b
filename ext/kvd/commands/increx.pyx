"""INCREX: a counter with bounds and a time to live, in one command.

A result out of bounds is refused (nothing changes, the reply says 0), or with SATURATE becomes the bound. Without bounds, those of the type
count: 64 bits, or long double. Replicas and the log receive the SET that results.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint64_t
from libc.stdio cimport snprintf

from kvd.commands.expiry cimport NO_TIME
from kvd.commands.keyed cimport delete_key
from kvd.commands.strings cimport (
    SET_EX, SET_EXAT, SET_PERSIST, SET_PX, SET_PXAT, SET_TIMES, next_option, option_word, read_time, string_propagate,
    string_put,
)
from kvd.core.arith cimport add_overflows, is_finite, sub_overflows
from kvd.core.entry cimport TIMED, entry
from kvd.core.text cimport INT_TEXT, LONG_DOUBLE_TEXT, format_int, format_long_double, parse_int, parse_long_double
from kvd.core.view cimport view, view_of
from kvd.resp.writer cimport write_line
from kvd.run.args cimport changed, event_of, find_write, reply_array, reply_bulk, reply_error, reply_int, wrong_type
from kvd.run.call cimport call
from kvd.run.errors cimport NOT_FLOAT, NOT_INT
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_GENERIC, EVENT_STRING
from kvd.store.store cimport expiry_now
from kvd.types.kind cimport STRING
from kvd.types.string cimport string_int, string_view

cdef extern from "<float.h>" nogil:
    long double LDBL_MAX

# ---- options ----------------------------------------------------------------------------------------

cdef enum flag:                # beside those of strings.pxd
    BYINT = 64
    BYFLOAT = 128
    LBOUND = 256
    UBOUND = 512
    SATURATE = 1024
    ENX = 2048

cdef enum:
    EXPIRIES = SET_TIMES | SET_PERSIST
    OPTION_WORDS = 11

cdef struct wish:
    int flags
    int by_at                  # the arguments with values; 0: none
    int low_at
    int high_at
    int time_at
    int64_t deadline           # ms, or NO_TIME

cdef option_word OPTIONS[OPTION_WORDS]                 # none of them may be repeated
OPTIONS[:] = [
    option_word(b"byint", BYINT, BYINT | BYFLOAT, True), option_word(b"byfloat", BYFLOAT, BYINT | BYFLOAT, True),
    option_word(b"lbound", LBOUND, LBOUND, True), option_word(b"ubound", UBOUND, UBOUND, True), option_word(b"saturate", SATURATE, SATURATE, False),
    option_word(b"ex", SET_EX, EXPIRIES, True), option_word(b"px", SET_PX, EXPIRIES, True), option_word(b"exat", SET_EXAT, EXPIRIES, True),
    option_word(b"pxat", SET_PXAT, EXPIRIES, True), option_word(b"persist", SET_PERSIST, EXPIRIES | ENX, False),
    option_word(b"enx", ENX, ENX | SET_PERSIST, False),
]


cdef bint read_words(call *c, wish *w) noexcept nogil:
    """False: the error is replied."""
    cdef int at = 2
    cdef int flag
    w.flags = w.by_at = w.low_at = w.high_at = w.time_at = 0
    w.deadline = NO_TIME
    while at < c.argc:
        flag = next_option(c, &at, OPTIONS, OPTION_WORDS, -1, &w.flags)
        if flag == 0:
            return False
        if flag & (BYINT | BYFLOAT):
            w.by_at = at - 1
        elif flag == LBOUND:
            w.low_at = at - 1
        elif flag == UBOUND:
            w.high_at = at - 1
        elif flag & SET_TIMES:
            w.time_at = at - 1
    if w.flags & ENX and not w.time_at:
        reply_error(c, b"ERR ENX flag requires an expiration")
        return False
    return True


cdef bint refuse(call *c, const char *what, const char *why) noexcept nogil:
    cdef char text[128]
    snprintf(text, sizeof(text), b"ERR %s %s", what, why)
    reply_error(c, text)
    return False


cdef bint read_int(call *c, int at, const char *what, int64_t *n) noexcept nogil:
    """n keeps its value without such an argument."""
    if at and not parse_int(c.argv[at], n):
        return refuse(c, what, b"is not an integer or out of range")
    return True


cdef bint read_float(call *c, int at, const char *what, long double *x) noexcept nogil:
    if at and (not parse_long_double(c.argv[at], x) or x[0] != x[0]):
        return refuse(c, what, b"is not a valid float")
    return True


# ---- writing ----------------------------------------------------------------------------------------

cdef bint put(call *c, wish *w, entry *e, uint64_t hash, view value, const char *event) noexcept nogil:
    """The new value and its time to live. False: the error is replied."""
    cdef view key = c.argv[1]
    cdef bint timed = e != NULL and e.flags & TIMED
    cdef bint keeps = not w.flags & EXPIRIES or (w.flags & ENX and timed)
    cdef int64_t deadline = NO_TIME if keeps else w.deadline
    if 0 <= deadline <= expiry_now(c.store):
        if e != NULL:
            delete_key(c, c.db, key, b"del")
            string_propagate(c, key, value, deadline, False)
        return True
    if not string_put(c, key, value, hash, e, deadline, keeps):
        return False
    changed(c, key, 1, EVENT_STRING, event)
    if w.flags & SET_PERSIST and timed:
        event_of(c, key, EVENT_GENERIC, b"persist")
    elif deadline >= 0:
        event_of(c, key, EVENT_GENERIC, b"expire")
    string_propagate(c, key, value, deadline, keeps)
    return True


# ---- integers ---------------------------------------------------------------------------------------

cdef void reply_ints(call *c, int64_t n, int64_t applied) noexcept nogil:
    reply_array(c, 2)
    reply_int(c, n)
    reply_int(c, applied)


cdef void add_int(call *c, wish *w) noexcept nogil:
    cdef int64_t by = 1
    cdef int64_t low = INT64_MIN
    cdef int64_t high = INT64_MAX
    cdef int64_t had = 0
    cdef int64_t n, applied
    cdef uint64_t hash
    cdef bint over
    cdef char text[INT_TEXT]
    cdef entry *e
    if not read_int(c, w.by_at, b"Increment", &by) or not read_int(c, w.low_at, b"LBOUND", &low) or not read_int(c, w.high_at, b"UBOUND", &high):
        return
    if low > high:
        refuse(c, b"LBOUND", b"can't be greater than UBOUND")
        return
    if not read_time(c, w.time_at, w.flags, &w.deadline):
        return
    e = find_write(c, c.argv[1], &hash)
    if e != NULL and wrong_type(c, e, STRING):
        return
    if e != NULL and not string_int(e, &had):
        reply_error(c, NOT_INT)
        return
    over = add_overflows(had, by, &n)
    if over or n < low or n > high:
        if not w.flags & SATURATE:
            reply_ints(c, had, 0)
            return
        n = high if (by > 0 if over else n > high) else low
    if sub_overflows(n, had, &applied):
        refuse(c, b"applied increment", b"would overflow")
        return
    if put(c, w, e, hash, view_of(text, format_int(text, n)), b"incrby"):
        reply_ints(c, n, applied)


# ---- floats -----------------------------------------------------------------------------------------

cdef void reply_float(call *c, long double x) noexcept nogil:
    cdef char text[LONG_DOUBLE_TEXT]
    cdef view printed = view_of(text, format_long_double(text, x))
    if c.proto >= 3:
        write_line(c.out, c',', printed)
    else:
        reply_bulk(c, printed)


cdef void reply_floats(call *c, long double x, long double applied) noexcept nogil:
    reply_array(c, 2)
    reply_float(c, x)
    reply_float(c, applied)


cdef void add_float(call *c, wish *w) noexcept nogil:
    cdef long double by = 1
    cdef long double low = -LDBL_MAX
    cdef long double high = LDBL_MAX
    cdef long double had = 0
    cdef long double x
    cdef uint64_t hash
    cdef char scratch[INT_TEXT]
    cdef char text[LONG_DOUBLE_TEXT]
    cdef entry *e
    if not read_float(c, w.by_at, b"Increment", &by) or not read_float(c, w.low_at, b"LBOUND", &low) or not read_float(c, w.high_at, b"UBOUND", &high):
        return
    if not is_finite(by):
        refuse(c, b"BYFLOAT increment", b"cannot be Infinity")
        return
    if low > high:
        refuse(c, b"LBOUND", b"can't be greater than UBOUND")
        return
    low = max(low, -LDBL_MAX)
    high = min(high, LDBL_MAX)
    if not read_time(c, w.time_at, w.flags, &w.deadline):
        return
    e = find_write(c, c.argv[1], &hash)
    if e != NULL and wrong_type(c, e, STRING):
        return
    if e != NULL and not parse_long_double(string_view(e, scratch), &had):
        reply_error(c, NOT_FLOAT)
        return
    if not is_finite(had):
        refuse(c, b"value", b"cannot be Infinity")
        return
    x = had + by
    if x < low or x > high:
        if not w.flags & SATURATE:
            reply_floats(c, had, 0)
            return
        x = high if x > high else low
        by = x - had
        if not is_finite(by):
            refuse(c, b"applied increment", b"would produce Infinity")
            return
    if put(c, w, e, hash, view_of(text, format_long_double(text, x)), b"incrbyfloat"):
        reply_floats(c, x, by)


define(increx_command, """
    INCREX key [BYFLOAT increment | BYINT increment] [LBOUND lowerbound] [UBOUND upperbound] [SATURATE] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] [ENX]
    write denyoom fast | string | 8.8.0 | O(1)
    Increment a number within bounds, and set or remove the time to live of its key; a missing key counts as 0. Replies the new value and the increment that was applied, which is 0 if the result would be out of bounds.
    keys: RW access update
""")
cdef void increx_command(call *c) noexcept nogil:
    cdef wish w
    if not read_words(c, &w):
        return
    if w.flags & BYFLOAT:
        add_float(c, &w)
    else:
        add_int(c, &w)
