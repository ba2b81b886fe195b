"""Regular expressions on bytes: POSIX's extended syntax, with escapes, as the ARGREP of Redis takes it.

    a|b (a) (?:a) (?i)            alternatives, groups, groups that are not captured, and without regard to case from there to the end of the group
    * + ? {2} {2,} {,5} {2,5}     repetitions, 255 at most; a ? behind one changes nothing, since only whether there is a match is asked
    . [a-z] [^a] [[:alpha:]]      any byte, sets of bytes
    \\w \\s \\d \\W \\S \\D             letters, digits and underscore; white space; digits; other bytes
    ^ $ \\b \\B \\< \\>               begin and end of the text; at a word's edge, not at one, at its begin, at its end
    \\t \\n \\r \\f \\a \\e \\x1b \\x{1b}   control bytes; \\Q to \\E: literally; a backslash before any other byte: that byte

Back references are refused. An expression may be empty, also one that is repeated.

A pattern becomes a program of steps, which consume a byte, branch, or assert something about their place. It is run on all alternatives at once:
the set of steps that can be reached is carried from byte to byte (Thompson's simulation). So no pattern takes exponential time. Distances between steps are
relative, so that the code of what is repeated is copied; the number of steps is limited, since repetitions of repetitions multiply.
"""

from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

from kvd.core.view cimport lower

cdef enum kind:
    BYTE                       # consumes `byte`
    FOLDED                     # the same without regard to case; `byte` is lower case
    ANY
    SET                        # one of set x
    SPLIT                      # continues at x and at y
    JUMP                       # at x
    AT_BEGIN                   # the others consume nothing
    AT_END
    AT_EDGE
    NOT_AT_EDGE
    WORD_BEGIN
    WORD_END
    MATCH

cdef enum:
    DEEPEST = 200              # nested groups
    REPEATS = 255              # the largest number of repetitions
    NO_LIMIT = -1
    SET_BYTES = 32

cdef const char *BAD_PATTERN = b"Invalid regexp"
cdef const char *BAD_COLLATION = b"Unknown collating element"
cdef const char *BAD_CLASS = b"Unknown character class name"
cdef const char *BAD_ESCAPE = b"Trailing backslash"
cdef const char *BAD_REFERENCE = b"backreferences are not supported"
cdef const char *BAD_BRACKET = b"Missing ']'"
cdef const char *BAD_GROUP = b"Missing ')'"
cdef const char *BAD_BRACE = b"Missing '}'"
cdef const char *BAD_BOUNDS = b"Invalid contents of {}"
cdef const char *BAD_RANGE = b"Invalid character range"
cdef const char *BAD_REPEAT = b"Invalid use of repetition operators"
cdef const char *TOO_LARGE = b"Out of memory"

cdef struct parser:
    regex *to
    const char *p
    const char *end
    bint nocase
    int depth
    int most
    const char *wrong


# ---- code -------------------------------------------------------------------------------------------

cdef bint fail(parser *s, const char *wrong) noexcept nogil:
    if s.wrong == NULL:
        s.wrong = wrong
    s.p = s.end
    return False


cdef bint make_room(parser *s, int n) noexcept nogil:
    cdef regex *r = s.to
    cdef void *p
    cdef int room = max(r.room * 2, 32)
    if n > s.most - r.count:
        return fail(s, TOO_LARGE)
    if r.count + n <= r.room:
        return True
    while room < r.count + n:
        room *= 2
    p = realloc(r.steps, room * sizeof(regex_step))
    if p == NULL:
        return fail(s, TOO_LARGE)
    r.steps = <regex_step *>p
    r.room = room
    return True


cdef void insert(parser *s, int at, int kind, int x, int y) noexcept nogil:
    """Before the code from `at` on, which is one block: no step outside refers into it."""
    cdef regex_step *step
    if not make_room(s, 1):
        return
    step = &s.to.steps[at]
    memmove(step + 1, step, (s.to.count - at) * sizeof(regex_step))
    step.kind = <uint8_t>kind
    step.byte = 0
    step.x = x
    step.y = y
    s.to.count += 1


cdef void emit(parser *s, int kind, int x, int y) noexcept nogil:
    insert(s, s.to.count, kind, x, y)


cdef void emit_byte(parser *s, char byte) noexcept nogil:
    cdef bint folds = s.nocase and (97 <= lower(byte) <= 122)
    emit(s, FOLDED if folds else BYTE, 0, 0)
    if s.wrong == NULL:
        s.to.steps[s.to.count - 1].byte = <uint8_t>(lower(byte) if folds else byte)


cdef uint8_t *emit_set(parser *s) noexcept nogil:
    """An empty set, valid until the next; NULL: no memory."""
    cdef regex *r = s.to
    cdef void *p
    cdef int room
    if r.set_count == r.set_room:
        room = r.set_room * 2 + 4
        p = realloc(r.sets, room * SET_BYTES)
        if p == NULL:
            fail(s, TOO_LARGE)
            return NULL
        r.sets = <uint8_t *>p
        r.set_room = room
    emit(s, SET, r.set_count, 0)
    r.set_count += 1
    memset(r.sets + (r.set_count - 1) * SET_BYTES, 0, SET_BYTES)
    return r.sets + (r.set_count - 1) * SET_BYTES


cdef void copy_block(parser *s, int begin, int n) noexcept nogil:
    """Appends the n steps from `begin` on once more."""
    if make_room(s, n):
        memcpy(&s.to.steps[s.to.count], &s.to.steps[begin], n * sizeof(regex_step))
        s.to.count += n


# ---- sets -------------------------------------------------------------------------------------------

cdef inline void set_add(uint8_t *set, int byte) noexcept nogil:
    set[byte >> 3] |= 1 << (byte & 7)


cdef inline bint set_has(const uint8_t *set, int byte) noexcept nogil:
    return set[byte >> 3] >> (byte & 7) & 1


cdef void set_invert(uint8_t *set) noexcept nogil:
    cdef int i
    for i in range(SET_BYTES):
        set[i] = ~set[i]


cdef void set_fold(uint8_t *set) noexcept nogil:
    cdef int i
    for i in range(97, 123):
        if set_has(set, i) or set_has(set, i - 32):
            set_add(set, i)
            set_add(set, i - 32)


cdef bint is_class(int c, const char *name, size_t n) noexcept nogil:
    """Of ASCII, whatever the locale."""
    cdef bint letter = 65 <= c <= 90 or 97 <= c <= 122
    cdef bint digit = 48 <= c <= 57
    if n == 5 and memcmp(name, b"alpha", 5) == 0:
        return letter
    if n == 5 and memcmp(name, b"digit", 5) == 0:
        return digit
    if n == 5 and memcmp(name, b"alnum", 5) == 0:
        return letter or digit
    if n == 5 and memcmp(name, b"upper", 5) == 0:
        return 65 <= c <= 90
    if n == 5 and memcmp(name, b"lower", 5) == 0:
        return 97 <= c <= 122
    if n == 5 and memcmp(name, b"space", 5) == 0:
        return c == 32 or 9 <= c <= 13
    if n == 5 and memcmp(name, b"blank", 5) == 0:
        return c == 32 or c == 9
    if n == 5 and memcmp(name, b"punct", 5) == 0:
        return 33 <= c <= 126 and not letter and not digit
    if n == 5 and memcmp(name, b"print", 5) == 0:
        return 32 <= c <= 126
    if n == 5 and memcmp(name, b"graph", 5) == 0:
        return 33 <= c <= 126
    if n == 5 and memcmp(name, b"cntrl", 5) == 0:
        return c < 32 or c == 127
    return n == 6 and memcmp(name, b"xdigit", 6) == 0 and (digit or 97 <= (c | 32) <= 102)


cdef bint set_add_class(uint8_t *set, const char *name, size_t n) noexcept nogil:
    """False: there is no class of this name."""
    cdef int c
    cdef bint found = False
    for c in range(256):
        if is_class(c, name, n):
            set_add(set, c)
            found = True
    return found


cdef bint parse_class(parser *s, uint8_t *set) noexcept nogil:
    """After `[:`."""
    cdef const char *name = s.p
    while s.p + 1 < s.end and not (s.p[0] == c':' and s.p[1] == c']'):
        s.p += 1
    if s.p + 1 >= s.end:
        return fail(s, BAD_BRACKET)
    if not set_add_class(set, name, s.p - name):
        return fail(s, BAD_CLASS)
    s.p += 2
    return True


cdef bint parse_set_item(parser *s, uint8_t *set) noexcept nogil:
    """A byte, a range or a class."""
    cdef int low = <unsigned char>s.p[0]
    cdef int high = low
    cdef int c
    if low == c'[' and s.p + 1 < s.end and s.p[1] == c':':
        s.p += 2
        return parse_class(s, set)
    if low == c'[' and s.p + 1 < s.end and (s.p[1] == c'.' or s.p[1] == c'='):
        return fail(s, BAD_COLLATION)
    s.p += 1
    if s.p + 1 < s.end and s.p[0] == c'-' and s.p[1] != c']':
        high = <unsigned char>s.p[1]
        s.p += 2
    if low > high:
        return fail(s, BAD_RANGE)
    for c in range(low, high + 1):
        set_add(set, c)
    return True


cdef void parse_set(parser *s) noexcept nogil:
    """After the bracket."""
    cdef uint8_t *set = emit_set(s)
    cdef bint inverted = s.p < s.end and s.p[0] == c'^'
    cdef bint first = True
    s.p += inverted
    while s.wrong == NULL:
        if s.p >= s.end:
            fail(s, BAD_BRACKET)
            return
        if s.p[0] == c']' and not first:
            s.p += 1
            break
        first = False
        if not parse_set_item(s, set):
            return
    if s.wrong != NULL:
        return
    if s.nocase:
        set_fold(set)
    if inverted:
        set_invert(set)


# ---- escapes ----------------------------------------------------------------------------------------

cdef int hex_digit(char c) noexcept nogil:
    """-1: it is none."""
    if 48 <= c <= 57:
        return c - 48
    c = lower(c)
    return c - 87 if 97 <= c <= 102 else -1


cdef void parse_hex(parser *s) noexcept nogil:
    """After \\x: two digits at most, or in braces."""
    cdef bint braced = s.p < s.end and s.p[0] == c'{'
    cdef int n = 0
    cdef int digits = 0
    s.p += braced
    while s.p < s.end and hex_digit(s.p[0]) >= 0 and digits < (8 if braced else 2):
        n = min(n * 16 + hex_digit(s.p[0]), 256)
        digits += 1
        s.p += 1
    if braced:
        if s.p >= s.end or s.p[0] != c'}':
            fail(s, BAD_BRACE)
            return
        s.p += 1
    if n > 255:
        fail(s, BAD_PATTERN)
        return
    emit_byte(s, <char>n)


cdef void parse_quoted(parser *s) noexcept nogil:
    """After \\Q."""
    while s.p < s.end:
        if s.p[0] == c'\\' and s.p + 1 < s.end and s.p[1] == c'E':
            s.p += 2
            return
        emit_byte(s, s.p[0])
        s.p += 1


cdef void emit_class(parser *s, const char *name, bint inverted, bint underscore) noexcept nogil:
    cdef uint8_t *set = emit_set(s)
    if set == NULL:
        return
    set_add_class(set, name, 5)
    if underscore:
        set_add(set, c'_')
    if inverted:
        set_invert(set)


cdef bint emit_letter(parser *s, char c) noexcept nogil:
    """The meaning of a letter after a backslash; False: it has none."""
    cdef bint inverted = c < 97
    if c == c'w' or c == c'W':
        emit_class(s, b"alnum", inverted, True)
    elif c == c's' or c == c'S':
        emit_class(s, b"space", inverted, False)
    elif c == c'd' or c == c'D':
        emit_class(s, b"digit", inverted, False)
    elif c == c't':
        emit_byte(s, 9)
    elif c == c'n':
        emit_byte(s, 10)
    elif c == c'r':
        emit_byte(s, 13)
    elif c == c'f':
        emit_byte(s, 12)
    elif c == c'a':
        emit_byte(s, 7)
    elif c == c'e':
        emit_byte(s, 27)
    elif c == c'b' or c == c'y':
        emit(s, AT_EDGE, 0, 0)
    elif c == c'B':
        emit(s, NOT_AT_EDGE, 0, 0)
    elif c == c'<':
        emit(s, WORD_BEGIN, 0, 0)
    elif c == c'>':
        emit(s, WORD_END, 0, 0)
    else:
        return False
    return True


cdef void parse_escape(parser *s) noexcept nogil:
    """After the backslash."""
    cdef char c
    if s.p >= s.end:
        fail(s, BAD_ESCAPE)
        return
    c = s.p[0]
    s.p += 1
    if c == c'Q':
        parse_quoted(s)
    elif c == c'x':
        parse_hex(s)
    elif 49 <= c <= 57:
        fail(s, BAD_REFERENCE)
    elif not emit_letter(s, c):
        emit_byte(s, c)


# ---- groups, repetitions, alternatives --------------------------------------------------------------

cdef bint parse_flags(parser *s) noexcept nogil:
    """After `(?`: i or -i, up to a colon or the parenthesis. True: the group ends with them."""
    cdef bint on = True
    while s.p < s.end and s.p[0] != c':' and s.p[0] != c')':
        if s.p[0] == c'-':
            on = False
        elif s.p[0] == c'i':
            s.nocase = on
        else:
            fail(s, BAD_PATTERN)
        s.p += 1
    if s.p >= s.end:
        fail(s, BAD_GROUP)
        return True
    s.p += 1
    return (s.p - 1)[0] == c')'


cdef void parse_group(parser *s) noexcept nogil:
    """After the parenthesis."""
    cdef bint nocase = s.nocase
    if s.depth == DEEPEST:
        fail(s, TOO_LARGE)
        return
    if s.p < s.end and s.p[0] == c'?':
        s.p += 1
        if parse_flags(s):
            return
    s.depth += 1
    parse_alternatives(s)
    s.depth -= 1
    s.nocase = nocase
    if s.p >= s.end or s.p[0] != c')':
        fail(s, BAD_GROUP)
        return
    s.p += 1


cdef void parse_atom(parser *s) noexcept nogil:
    """It may be empty: where a repetition follows nothing."""
    cdef char c = s.p[0]
    if c == c'*' or c == c'+' or c == c'?' or c == c'{':
        return
    s.p += 1
    if c == c'(':
        parse_group(s)
    elif c == c'[':
        parse_set(s)
    elif c == c'.':
        emit(s, ANY, 0, 0)
    elif c == c'^':
        emit(s, AT_BEGIN, 0, 0)
    elif c == c'$':
        emit(s, AT_END, 0, 0)
    elif c == c'\\':
        parse_escape(s)
    else:
        emit_byte(s, c)


cdef int parse_number(parser *s, int missing) noexcept nogil:
    cdef int n = 0
    if s.p >= s.end or not 48 <= s.p[0] <= 57:
        return missing
    while s.p < s.end and 48 <= s.p[0] <= 57:
        n = min(n * 10 + s.p[0] - 48, REPEATS + 1)
        s.p += 1
    return n


cdef bint parse_bounds(parser *s, int *least, int *most) noexcept nogil:
    """After the brace."""
    least[0] = parse_number(s, 0)
    most[0] = least[0]
    if s.p < s.end and s.p[0] == c',':
        s.p += 1
        most[0] = parse_number(s, NO_LIMIT)
    elif s.p < s.end and not 48 <= (s.p - 1)[0] <= 57:
        return fail(s, BAD_BOUNDS)
    if s.p >= s.end:
        return fail(s, BAD_BRACE)
    if s.p[0] != c'}' or max(least[0], most[0]) > REPEATS or (most[0] != NO_LIMIT and least[0] > most[0]):
        return fail(s, BAD_BOUNDS)
    s.p += 1
    return True


cdef void repeat_freely(parser *s, int begin) noexcept nogil:
    """The block from `begin` on, any number of times, also none."""
    cdef int n = s.to.count - begin
    insert(s, begin, SPLIT, 1, n + 2)
    emit(s, JUMP, -(n + 1), 0)


cdef void repeat(parser *s, int begin, int least, int most) noexcept nogil:
    cdef int n = s.to.count - begin
    if n == 0 or s.wrong != NULL:
        return
    if most == 0:
        s.to.count = begin
        return
    for _ in range(1, max(least, 1)):
        copy_block(s, begin, n)
    if most == NO_LIMIT and least == 0:
        repeat_freely(s, begin)
    elif most == NO_LIMIT:
        emit(s, SPLIT, -n, 1)
    else:
        if least == 0:
            insert(s, begin, SPLIT, 1, n + 1)
        for _ in range(max(least, 1), most):
            emit(s, SPLIT, 1, n + 1)
            copy_block(s, begin + (least == 0), n)


cdef void parse_repetitions(parser *s, int begin) noexcept nogil:
    """Those that follow the block."""
    cdef int least, most
    cdef char c
    while s.p < s.end and s.wrong == NULL:
        c = s.p[0]
        least = 0
        most = NO_LIMIT
        if c == c'+':
            least = 1
        elif c == c'?':
            most = 1
        elif c != c'*' and c != c'{':
            return
        s.p += 1
        if c == c'{' and not parse_bounds(s, &least, &most):
            return
        if s.p < s.end and s.p[0] == c'?':
            s.p += 1
        elif c != c'{' and s.p < s.end and (s.p[0] == c'*' or s.p[0] == c'+'):
            fail(s, BAD_REPEAT)
        repeat(s, begin, least, most)


cdef void parse_sequence(parser *s) noexcept nogil:
    cdef int begin
    while s.p < s.end and s.p[0] != c'|' and not (s.p[0] == c')' and s.depth):
        begin = s.to.count
        parse_atom(s)
        parse_repetitions(s, begin)


cdef void parse_alternatives(parser *s) noexcept nogil:
    """a|b|c: split to a, which jumps behind all, and to b|c."""
    cdef int begin = s.to.count
    cdef int last = NO_LIMIT       # the jump of the alternative before, which leads to the one behind this
    cdef int n
    parse_sequence(s)
    while s.p < s.end and s.p[0] == c'|' and s.wrong == NULL:
        s.p += 1
        n = s.to.count - begin
        insert(s, begin, SPLIT, 1, n + 2)
        emit(s, JUMP, last, 0)
        last = s.to.count - 1
        begin = s.to.count
        parse_sequence(s)
    while last != NO_LIMIT and s.wrong == NULL:
        begin = last
        last = s.to.steps[begin].x
        s.to.steps[begin].x = s.to.count - begin


# ---- compiling --------------------------------------------------------------------------------------

cdef void find_first(regex *r) noexcept nogil:
    """The bytes that steps consume which are reached from the first one."""
    cdef uint32_t *seen = r.scratch
    cdef uint32_t *stack = seen + r.count
    cdef int depth = 1
    cdef int i, at
    cdef regex_step *step
    memset(seen, 0, r.count * sizeof(uint32_t))
    stack[0] = 0
    while depth:
        depth -= 1
        at = stack[depth]
        if seen[at]:
            continue
        seen[at] = 1
        step = &r.steps[at]
        if step.kind == BYTE:
            set_add(r.first, step.byte)
        elif step.kind == FOLDED:
            set_add(r.first, step.byte)
            set_add(r.first, step.byte - 32)
        elif step.kind == SET:
            for i in range(SET_BYTES):
                r.first[i] |= r.sets[step.x * SET_BYTES + i]
        elif step.kind == SPLIT or step.kind == JUMP:
            stack[depth] = at + step.x
            depth += 1
            if step.kind == SPLIT:
                stack[depth] = at + step.y
                depth += 1
        elif step.kind == ANY or step.kind == MATCH:
            r.anywhere = True
        else:
            stack[depth] = at + 1
            depth += 1


cdef const char *regex_compile(regex *r, view pattern, bint nocase, int most) noexcept nogil:
    cdef parser s
    memset(r, 0, sizeof(regex))
    memset(&s, 0, sizeof(parser))
    s.to = r
    s.p = pattern.ptr
    s.end = pattern.ptr + pattern.len
    s.nocase = nocase
    s.most = min(most, <int>REGEX_MOST)
    parse_alternatives(&s)
    emit(&s, MATCH, 0, 0)
    if s.wrong != NULL:
        return s.wrong
    r.scratch = <uint32_t *>malloc((<size_t>r.count * 5 + 1) * sizeof(uint32_t))
    if r.scratch == NULL:
        return TOO_LARGE
    find_first(r)
    return NULL


cdef void regex_free(regex *r) noexcept nogil:
    free(r.steps)
    free(r.sets)
    free(r.scratch)
    memset(r, 0, sizeof(regex))


# ---- matching ---------------------------------------------------------------------------------------

cdef struct run:
    regex *r
    view text
    uint32_t *marks            # of each step: the round in which it was added last
    uint32_t *stack            # room for 2 steps each
    uint32_t round


cdef inline bint is_word(view text, size_t at) noexcept nogil:
    """at may be -1 or the length: no."""
    cdef int c
    if at >= text.len:
        return False
    c = <unsigned char>text.ptr[at]
    return c == c'_' or 48 <= c <= 57 or 97 <= (c | 32) <= 122


cdef bint holds(int kind, view text, size_t at) noexcept nogil:
    """An assertion about the place before text[at]."""
    cdef bint before, behind
    if kind == AT_BEGIN:
        return at == 0
    if kind == AT_END:
        return at == text.len
    before = is_word(text, at - 1)
    behind = is_word(text, at)
    if kind == AT_EDGE or kind == NOT_AT_EDGE:
        return (before != behind) == (kind == AT_EDGE)
    return behind and not before if kind == WORD_BEGIN else before and not behind


cdef bint add(run *w, uint32_t *list, int *count, uint32_t step, size_t at) noexcept nogil:
    """Adds the consuming steps that are reached from a step before text[at]. True: the match is."""
    cdef int depth = 1
    cdef regex_step *s
    w.stack[0] = step
    while depth:
        depth -= 1
        step = w.stack[depth]
        if w.marks[step] == w.round:
            continue
        w.marks[step] = w.round
        s = &w.r.steps[step]
        if s.kind <= SET:
            list[count[0]] = step
            count[0] += 1
        elif s.kind == SPLIT:
            w.stack[depth] = step + s.y
            w.stack[depth + 1] = step + s.x
            depth += 2
        elif s.kind == JUMP:
            w.stack[depth] = step + s.x
            depth += 1
        elif s.kind == MATCH:
            return True
        elif holds(s.kind, w.text, at):
            w.stack[depth] = step + 1
            depth += 1
    return False


cdef inline void next_round(run *w) noexcept nogil:
    if w.round == <uint32_t>-1:    # the marks of 2^32 rounds ago would count
        w.round = 0
    if w.round == 0:
        memset(w.marks, 0, w.r.count * sizeof(uint32_t))
    w.round += 1


cdef inline bint consumes(regex *r, regex_step *s, unsigned char c) noexcept nogil:
    if s.kind == BYTE:
        return s.byte == c
    if s.kind == FOLDED:
        return s.byte == <unsigned char>lower(<char>c)
    return s.kind == ANY or set_has(r.sets + s.x * SET_BYTES, c)


cdef bint regex_match(regex *r, view text) noexcept nogil:
    cdef run w
    cdef uint32_t *now
    cdef uint32_t *then
    cdef int count = 0
    cdef int reached, i
    cdef size_t at = 0
    w.r = r
    w.text = text
    w.marks = r.scratch
    now = r.scratch + r.count
    then = now + r.count
    w.stack = then + r.count
    w.round = 0
    next_round(&w)
    while True:
        if count == 0 and not r.anywhere:
            while at < text.len and not set_has(r.first, <unsigned char>text.ptr[at]):
                at += 1
            if at == text.len:
                return False
            next_round(&w)         # what was asserted before does not hold here
        if add(&w, now, &count, 0, at):
            return True
        if at == text.len:
            return False
        next_round(&w)
        reached = 0
        for i in range(count):
            if consumes(r, &r.steps[now[i]], <unsigned char>text.ptr[at]) and add(&w, then, &reached, now[i] + 1, at + 1):
                return True
        now, then = then, now
        count = reached
        at += 1
