"""Commands that walk over the elements of an array in a range of indexes: ARSCAN, ARGREP, AROP. Holes cost nothing.

Regular expressions of ARGREP: core/regex.pyx. All of one command together are limited in size, since a command may have 250 of them.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport strcmp

from kvd.commands.arrays cimport arg_index, arg_limit, array, find_array, parse_index, reply_index, reply_pair, view
from kvd.core.find cimport view_find
from kvd.core.glob cimport glob_match
from kvd.core.regex cimport REGEX_MOST, regex, regex_compile, regex_free, regex_match
from kvd.core.sparse cimport (
    SPARSE_TEXT, sparse_cursor, sparse_int, sparse_last, sparse_next, sparse_start, sparse_used, sparse_view,
)
from kvd.core.text cimport DOUBLE_TEXT, parse_int, parse_long_double
from kvd.core.view cimport view_equal, view_equal_folded, view_is, view_of
from kvd.resp.writer cimport write_header_at
from kvd.run.args cimport (
    reply_arity, reply_array, reply_bulk, reply_error, reply_errorf, reply_int, reply_null,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define

cdef long double INT_END = 9223372036854775808.0     # 2^63


# ---- scanning ---------------------------------------------------------------------------------------

define(arscan_command, """
    ARSCAN key start end [LIMIT limit]
    readonly | array | 8.8.0 | O(N) where N is the number of elements in the range
    Return indexes and elements of an array in a range of indexes. If start is above end, in reverse.
""")
cdef void arscan_command(call *c) noexcept nogil:
    cdef uint64_t hash, first, last, index, word
    cdef uint64_t limit = <uint64_t>-1
    cdef uint64_t n = 0
    cdef size_t begin
    cdef sparse_cursor at
    cdef array *a
    if not arg_index(c, 2, &first) or not arg_index(c, 3, &last):
        return
    if c.argc == 6 and not view_is(c.argv[4], b"limit"):
        reply_error(c, SYNTAX)
        return
    if c.argc != 4 and c.argc != 6:
        reply_arity(c)
        return
    if (c.argc == 6 and not arg_limit(c, 5, &limit)) or not find_array(c, True, &hash, &a):
        return
    begin = c.out.len
    if a != NULL:
        sparse_start(&a.elements, &at, first, last)
        while n < limit and not c.out.failed and sparse_next(&at, &index, &word):
            reply_pair(c, index, word)
            n += 1
    write_header_at(c.out, begin, c'*', n)


# ---- predicates -------------------------------------------------------------------------------------

cdef enum:
    MOST_PREDICATES = 250
    LONGEST_REGEX = 2048       # bytes

cdef enum predicate_kind:
    EXACT
    CONTAINS
    GLOB
    RE

cdef struct predicate:
    int kind
    view pattern
    regex compiled

cdef struct grep:
    predicate *predicates
    int count
    bint all                   # AND
    bint values                # WITHVALUES
    bint nocase
    uint64_t limit


cdef int predicate_named(view v) noexcept nogil:
    """-1: it is no predicate."""
    if view_is(v, b"exact"):
        return EXACT
    if view_is(v, b"match"):
        return CONTAINS
    if view_is(v, b"glob"):
        return GLOB
    return RE if view_is(v, b"re") else -1


cdef bint add_predicate(call *c, grep *g, int kind, view pattern) noexcept nogil:
    if g.count == MOST_PREDICATES:
        reply_error(c, b"ERR too many predicates, maximum is 250")
        return False
    if kind == RE and pattern.len > LONGEST_REGEX:
        reply_error(c, b"ERR regular expression is too long, maximum is 2048 bytes")
        return False
    g.predicates[g.count].kind = kind
    g.predicates[g.count].pattern = pattern
    g.count += 1
    return True


cdef bint read_word(call *c, grep *g, int *i) noexcept nogil:
    """A predicate or an option, in any order; of a repeated option the last counts. False: the error is replied."""
    cdef view v = c.argv[i[0]]
    cdef int kind = predicate_named(v)
    cdef bint limits = view_is(v, b"limit")
    i[0] += 1
    if kind >= 0 or limits:
        i[0] += 1
        if i[0] > c.argc:
            reply_error(c, SYNTAX)
            return False
        return arg_limit(c, i[0] - 1, &g.limit) if limits else add_predicate(c, g, kind, c.argv[i[0] - 1])
    if view_is(v, b"withvalues"):
        g.values = True
    elif view_is(v, b"nocase"):
        g.nocase = True
    elif view_is(v, b"and") or view_is(v, b"or"):
        g.all = view_is(v, b"and")
    else:
        reply_error(c, SYNTAX)
        return False
    return True


cdef bint compile_all(call *c, grep *g) noexcept nogil:
    """False: the error is replied."""
    cdef int left = REGEX_MOST
    cdef const char *wrong
    cdef predicate *p
    cdef int i
    for i in range(g.count):
        p = &g.predicates[i]
        if p.kind != RE:
            continue
        if p.pattern.len == 0:
            reply_error(c, b"ERR regular expression is empty")
            return False
        wrong = regex_compile(&p.compiled, p.pattern, g.nocase, left)
        if wrong != NULL:
            if strcmp(wrong, b"backreferences are not supported") == 0:
                reply_errorf(c, b"ERR regular expression %s", wrong, NULL)
            else:
                reply_errorf(c, b"ERR invalid regular expression: %s", wrong, NULL)
            return False
        left -= p.compiled.count
    return True


cdef bint read_grep(call *c, grep *g) noexcept nogil:
    """False: the error is replied. To be released in either case."""
    cdef int i = 4
    g.predicates = <predicate *>calloc(min((c.argc - 4) // 2, <int>MOST_PREDICATES), sizeof(predicate))
    g.count = 0
    g.all = g.values = g.nocase = False
    g.limit = <uint64_t>-1
    if g.predicates == NULL:
        reply_error(c, NO_MEMORY)
        return False
    while i < c.argc:
        if not read_word(c, g, &i):
            return False
    if g.count == 0:
        reply_error(c, SYNTAX)
        return False
    return compile_all(c, g)


cdef void release_grep(grep *g) noexcept nogil:
    cdef int i
    for i in range(g.count):
        if g.predicates[i].kind == RE:
            regex_free(&g.predicates[i].compiled)
    free(g.predicates)


cdef bint holds(predicate *p, view v, bint nocase) noexcept nogil:
    if p.kind == EXACT:
        return view_equal_folded(v, p.pattern) if nocase else view_equal(v, p.pattern)
    if p.kind == CONTAINS:
        return view_find(v, p.pattern, nocase) != NULL
    if p.kind == GLOB:
        return glob_match(p.pattern, v, nocase)
    return regex_match(&p.compiled, v)


cdef bint accepts(grep *g, uint64_t word) noexcept nogil:
    cdef char scratch[SPARSE_TEXT]
    cdef view v = sparse_view(word, scratch)
    cdef int i
    for i in range(g.count):
        if holds(&g.predicates[i], v, g.nocase) != g.all:
            return not g.all
    return g.all


cdef void search(call *c, grep *g, array *a, uint64_t first, uint64_t last) noexcept nogil:
    cdef sparse_cursor at
    cdef uint64_t index, word
    cdef uint64_t n = 0
    cdef size_t begin = c.out.len
    sparse_start(&a.elements, &at, first, last)
    while n < g.limit and not c.out.failed and sparse_next(&at, &index, &word):
        if not accepts(g, word):
            continue
        if g.values:
            reply_pair(c, index, word)
        else:
            reply_index(c, index)
        n += 1
    write_header_at(c.out, begin, c'*', n)


cdef bint read_bound(call *c, int i, uint64_t *index, bint *highest) noexcept nogil:
    """highest: it is `+`, the last index of the array. False: the error is replied."""
    index[0] = 0
    highest[0] = view_is(c.argv[i], b"+")
    if highest[0] or view_is(c.argv[i], b"-") or parse_index(c.argv[i], index):
        return True
    reply_error(c, b"ERR invalid array index")
    return False


cdef void grep_array(call *c, grep *g, uint64_t first, uint64_t last, bint first_highest, bint last_highest) noexcept nogil:
    cdef uint64_t hash, end
    cdef array *a
    if not find_array(c, True, &hash, &a):
        return
    if a == NULL or not sparse_last(&a.elements, &end):
        reply_array(c, 0)
        return
    search(c, g, a, end if first_highest else first, end if last_highest else last)


define(argrep_command, """
    ARGREP key start end <EXACT string | MATCH string | GLOB pattern | RE pattern> [predicate ...] [AND | OR | LIMIT limit | WITHVALUES | NOCASE] [options ...]
    readonly | array | 8.8.0 | O(N*M) where N is the number of elements in the range and M the cost of the predicates on one of them
    Return the indexes of elements of an array in a range that equal a string, contain it, or match a pattern or a regular expression; of several predicates one has to hold, with AND all. The bounds - and + are the first and the last index. If start is above end, in reverse.
""")
cdef void argrep_command(call *c) noexcept nogil:
    cdef uint64_t first, last
    cdef bint first_highest, last_highest
    cdef grep g
    if not read_bound(c, 2, &first, &first_highest) or not read_bound(c, 3, &last, &last_highest):
        return
    if read_grep(c, &g):
        grep_array(c, &g, first, last, first_highest, last_highest)
    release_grep(&g)


# ---- aggregates -------------------------------------------------------------------------------------

cdef enum operation:
    SUM
    MIN
    MAX
    AND
    OR
    XOR
    MATCH
    USED
    OPERATIONS

cdef const char *NAMES[8]      # in the order of `operation`
NAMES[:] = [b"sum", b"min", b"max", b"and", b"or", b"xor", b"match", b"used"]

cdef struct total:
    int operation
    bint any                   # an element counted
    long double number
    int64_t bits
    int64_t count


cdef bint number_of(view v, uint64_t word, int64_t *n, long double *x) noexcept nogil:
    """An element as a number, and truncated toward zero; a number that is no integer of 64 bits has n 0. False: it is no number."""
    n[0] = 0
    if sparse_int(word, n) or parse_int(v, n):
        x[0] = <long double>n[0]
        return True
    n[0] = 0
    if not parse_long_double(v, x):
        return False
    if -INT_END <= x[0] < INT_END:
        n[0] = <int64_t>x[0]
    return True


cdef void add_number(total *t, long double x) noexcept nogil:
    if not t.any:
        t.number = x
    elif t.operation == SUM:
        t.number += x
    elif (x < t.number) if t.operation == MIN else (x > t.number):
        t.number = x
    t.any = True


cdef void add_bits(total *t, int64_t n) noexcept nogil:
    if not t.any:
        t.bits = n
    elif t.operation == AND:
        t.bits &= n
    elif t.operation == OR:
        t.bits |= n
    else:
        t.bits ^= n
    t.any = True


cdef void add_element(total *t, uint64_t word, view wanted) noexcept nogil:
    cdef char scratch[SPARSE_TEXT]
    cdef view v = sparse_view(word, scratch)
    cdef int64_t n
    cdef long double x
    if t.operation == MATCH:
        t.count += view_equal(v, wanted)
    elif not number_of(v, word, &n, &x):
        return
    elif t.operation <= MAX:
        add_number(t, x)
    elif -INT_END <= x < INT_END:
        add_bits(t, n)


cdef void reply_number(call *c, long double x) noexcept nogil:
    cdef char text[DOUBLE_TEXT]
    reply_bulk(c, view_of(text, snprintf(text, sizeof(text), b"%.17Lg", x)))


cdef void reply_total(call *c, total *t) noexcept nogil:
    if t.operation >= MATCH:
        reply_int(c, t.count)
    elif not t.any:
        reply_null(c)
    elif t.operation <= MAX:
        reply_number(c, t.number)
    else:
        reply_int(c, t.bits)


cdef bint read_operation(call *c, total *t) noexcept nogil:
    """False: the error is replied."""
    cdef int i
    t.operation = OPERATIONS
    t.any = False
    t.count = 0
    for i in range(OPERATIONS):
        if view_is(c.argv[4], NAMES[i]):
            t.operation = i
    if t.operation == OPERATIONS:
        reply_error(c, b"ERR unknown operation")
        return False
    if t.operation == MATCH and c.argc != 6:
        reply_error(c, b"ERR MATCH requires a value argument")
        return False
    if t.operation != MATCH and c.argc != 5:
        reply_arity(c)
        return False
    return True


define(arop_command, """
    AROP key start end <SUM | MIN | MAX | AND | OR | XOR | MATCH value | USED>
    readonly | array | 8.8.0 | O(N) where N is the number of elements in the range
    Return the sum, minimum or maximum of the numbers of an array in a range of indexes, their bits combined, or the number of elements that equal a value, or of all. AND, OR and XOR truncate toward zero; elements that are no numbers are passed over.
""")
cdef void arop_command(call *c) noexcept nogil:
    cdef uint64_t hash, first, last, index, word
    cdef sparse_cursor at
    cdef array *a
    cdef total t
    if not arg_index(c, 2, &first) or not arg_index(c, 3, &last) or not read_operation(c, &t) or not find_array(c, True, &hash, &a):
        return
    if a != NULL and t.operation == USED:
        t.count = sparse_used(&a.elements, min(first, last), max(first, last))
    elif a != NULL:
        sparse_start(&a.elements, &at, first, last)
        while sparse_next(&at, &index, &word):
            add_element(&t, word, c.argv[c.argc - 1])
    reply_total(c, &t)
