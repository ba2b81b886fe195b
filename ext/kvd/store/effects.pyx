"""Effects: the changes of a unit of work, as commands that can be replayed.

A unit is one command with all that happened inside it: keys that expired when they were looked up, the
commands of a script or of EXEC. Its effects are gathered here, in order, as the RESP arrays that a journal and
a replica receive, and are handed to every consumer when the unit ends. A unit of several effects is to be
replayed as a whole (MULTI ... EXEC); a consumer sees that by `count`.

Effects, not causes: absolute deadlines, generated ids, popped elements, results of floating
point arithmetic. The words of the client are propagated unless its command replaces them (propagate_as in
run/args.pxd); keys that expire or are evicted are propagated as DEL, fields of hashes as HDEL. Replaying the effects on an
empty store gives the same DEBUG DIGEST.

Without a consumer nothing is gathered, and a change costs one test.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from kvd.core.buf cimport buf_release, buf_reserve
from kvd.core.text cimport DOUBLE_TEXT, INT_TEXT, format_double, format_int
from kvd.core.view cimport view_of, view_str

cdef enum:
    HEADER = INT_TEXT + 8      # bytes for a number, its mark, and the line ends of a word


cdef void effects_consume(effects *u, consumer *one) noexcept nogil:
    one.next = u.consumers
    u.consumers = one
    u.targets = TO_ALL


cdef void effects_forget(effects *u, consumer *one) noexcept nogil:
    cdef consumer **link = &u.consumers
    while link[0] != NULL and link[0] != one:
        link = &link[0].next
    if link[0] == one:
        link[0] = one.next


cdef void effects_release(effects *u) noexcept nogil:
    buf_release(&u.bytes)
    u.count = 0


cdef inline size_t padded(size_t n) noexcept nogil:
    """Records begin at multiples of 8."""
    return (n + 7) & ~<size_t>7


cdef inline char *put_header(char *p, char mark, size_t n) noexcept nogil:
    """Mark, number and line end. Returns what follows them."""
    p[0] = mark
    p += 1 + format_int(p + 1, <int64_t>n)
    p[0] = c'\r'
    p[1] = c'\n'
    return p + 2


cdef inline char *put_word(char *p, view word) noexcept nogil:
    p = put_header(p, c'$', word.len)
    memcpy(p, word.ptr, word.len)
    p[word.len] = c'\r'
    p[word.len + 1] = c'\n'
    return p + word.len + 2


cdef void effect_begin(effects *u, int db, int argc) noexcept nogil:
    cdef effect *e
    cdef size_t at = padded(u.bytes.len)
    if u.consumers == NULL or not buf_reserve(&u.bytes, at - u.bytes.len + sizeof(effect) + HEADER):
        return
    u.at = at
    u.bytes.len = at + sizeof(effect)
    e = <effect *>(u.bytes.ptr + at)
    e.db = db
    e.targets = u.targets
    e.bytes = 0
    u.count += 1
    u.bytes.len = put_header(u.bytes.ptr + u.bytes.len, c'*', argc) - u.bytes.ptr
    count_bytes(u)


cdef inline void count_bytes(effects *u) noexcept nogil:
    (<effect *>(u.bytes.ptr + u.at)).bytes = u.bytes.len - u.at - sizeof(effect)


cdef void effect_word(effects *u, view word) noexcept nogil:
    if u.consumers == NULL or u.count == 0 or not buf_reserve(&u.bytes, word.len + HEADER):
        return
    u.bytes.len = put_word(u.bytes.ptr + u.bytes.len, word) - u.bytes.ptr
    count_bytes(u)


cdef void effect_text(effects *u, const char *word) noexcept nogil:
    effect_word(u, view_str(word))


cdef void effect_int(effects *u, int64_t n) noexcept nogil:
    cdef char text[INT_TEXT]
    effect_word(u, view_of(text, format_int(text, n)))


cdef void effect_double(effects *u, double d) noexcept nogil:
    cdef char text[DOUBLE_TEXT]
    effect_word(u, view_of(text, format_double(text, d)))


cdef void effect_words(effects *u, int db, const view *argv, int argc) noexcept nogil:
    cdef int i
    effect_begin(u, db, argc)
    for i in range(argc):
        effect_word(u, argv[i])


cdef effect *effect_next(effects *u, effect *e) noexcept nogil:
    cdef size_t at = 0
    if e != NULL:
        at = padded(<size_t>(<char *>e - u.bytes.ptr) + sizeof(effect) + e.bytes)
    return <effect *>(u.bytes.ptr + at) if at + sizeof(effect) <= u.bytes.len else NULL


cdef void effects_deliver(effects *u) noexcept nogil:
    cdef consumer *one = u.consumers
    while one != NULL:
        one.take(one, u)
        one = one.next
    u.count = 0
    u.targets = TO_ALL
    u.bytes.len = 0
    u.bytes.failed = False
    if u.bytes.cap > 65536:
        buf_release(&u.bytes)
