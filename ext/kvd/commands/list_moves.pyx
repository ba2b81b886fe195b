"""Commands that move elements from one end of a list to an end of another: RPOPLPUSH, LMOVE, LMOVEM, and those that wait.

LMOVEM moves several: one by one (OBO), or as a block whose order stays (BULK). Between opposite ends both are the same, and BULK at one end of the same
list changes nothing. So only BULK between equal ends of two lists needs code of its own; all else is LMOVE, repeated, for replicas and the log too.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from kvd.commands.keyed cimport arg_timeout, drop_empty, find_or_make, find_typed
from kvd.commands.lists cimport finish_removal, open_list, propagate_pop, read_side, write_at
from kvd.core.buf cimport buf, buf_add, buf_release
from kvd.core.entry cimport entry
from kvd.core.listpack cimport lp_get
from kvd.core.quicklist cimport (
    quicklist_cut, quicklist_next, quicklist_prev, quicklist_push, quicklist_remove, quicklist_seek, quickpos,
)
from kvd.core.text cimport INT_TEXT, parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.run.after cimport wait_for_keys, wanted_keys
from kvd.run.args cimport changed, propagate_as, propagates, reply_array, reply_bulk, reply_error, reply_null
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.session.waiters cimport NULL_BULK, wanted
from kvd.store.config cimport EVENT_LIST
from kvd.store.effects cimport effect_text, effect_word, effects
from kvd.types.kind cimport LIST
from kvd.types.list cimport list_access, list_close, list_grow, list_len, list_new


# ---- one element ------------------------------------------------------------------------------------

cdef void copy_end(call *c, entry *e, bint front, buf *element) noexcept nogil:
    """The first or last element of a list; element.failed: no memory."""
    cdef list_access a
    cdef quickpos at
    cdef char scratch[INT_TEXT]
    cdef view v
    open_list(c, &a, e)
    quicklist_seek(a.q, 0 if front else -1, &at)
    v = lp_get(at.p, scratch)
    buf_add(element, v.ptr, v.len)
    list_close(&a)


cdef bint push_one(call *c, entry *e, view element, bint front, bint grows) noexcept nogil:
    """False: no memory. not grows: as much is removed from the list then, which keeps its encoding."""
    cdef list_access a
    cdef bint ok
    open_list(c, &a, e)
    ok = (not grows or list_grow(&a, element.len, 1)) and quicklist_push(a.q, element, front)
    list_close(&a)
    return ok


cdef void remove_end(call *c, entry *e, bint front, bint second) noexcept nogil:
    """The first or last element, or the one next to it."""
    cdef list_access a
    cdef quickpos at
    open_list(c, &a, e)
    quicklist_seek(a.q, (0 if front else -1) + (0 if not second else 1 if front else -1), &at)
    quicklist_remove(a.q, &at)
    list_close(&a)


cdef void propagate_move(call *c, bint from_front, bint to_front) noexcept nogil:
    cdef effects *u = &c.store.effects
    if propagates(c):
        propagate_as(c, b"LMOVE", 5)
        effect_word(u, c.argv[1])
        effect_word(u, c.argv[2])
        effect_text(u, b"LEFT" if from_front else b"RIGHT")
        effect_text(u, b"LEFT" if to_front else b"RIGHT")


# ---- several elements ---------------------------------------------------------------------------------

cdef struct block:             # what is moved
    bint from_front
    bint to_front
    int64_t count
    bint alone                 # one element, replied without an array
    bint exactly               # or nothing
    bint whole                 # BULK


cdef block one_element(bint from_front, bint to_front) noexcept nogil:
    cdef block b
    b.from_front = from_front
    b.to_front = to_front
    b.count = 1
    b.alone = True
    b.exactly = b.whole = False
    return b


cdef bint read_sides(call *c, block *b) noexcept nogil:
    """At arguments 3 and 4. False: the error is replied."""
    b[0] = one_element(False, False)
    return read_side(c, 3, &b.from_front) and read_side(c, 4, &b.to_front)


cdef bint read_block(call *c, int at, block *b) noexcept nogil:
    """The sides, and what follows from argument `at` on. False: the error is replied."""
    if not read_sides(c, b):
        return False
    b.alone = False
    if c.argc == at:
        return True
    b.exactly = view_is(c.argv[at], b"exactly")
    if c.argc != at + 3 or not (b.exactly or view_is(c.argv[at], b"count")):
        reply_error(c, SYNTAX)
        return False
    if not parse_int(c.argv[at + 1], &b.count) or b.count <= 0:
        reply_error(c, b"ERR count should be greater than 0")
        return False
    b.whole = view_is(c.argv[at + 2], b"bulk")
    if not b.whole and not view_is(c.argv[at + 2], b"obo"):
        reply_error(c, SYNTAX)
        return False
    return True


cdef void reply_end(call *c, entry *e, bint front, int64_t n) noexcept nogil:
    """The first or last n elements, in the order of the list."""
    cdef list_access a
    cdef quickpos at
    cdef int64_t _
    reply_array(c, n)
    open_list(c, &a, e)
    quicklist_seek(a.q, 0 if front else -n, &at)
    for _ in range(n):
        write_at(c, &at)
        quicklist_next(a.q, &at)
    list_close(&a)


cdef void move_singly(call *c, entry *source, entry *target, block *b) noexcept nogil:
    """b.count becomes what there was memory for."""
    cdef buf element
    cdef int64_t i
    memset(&element, 0, sizeof(buf))
    for i in range(b.count):
        element.len = 0
        copy_end(c, source, b.from_front, &element)
        if element.failed or not push_one(c, target, view_of(element.ptr, element.len), b.to_front, target != source):
            b.count = i
            break
        remove_end(c, source, b.from_front, target == source and b.from_front == b.to_front)
        propagate_move(c, b.from_front, b.to_front)
    if b.alone and b.count:
        reply_bulk(c, view_of(element.ptr, element.len))
    buf_release(&element)


cdef bint push_block(call *c, entry *source, entry *target, block *b) noexcept nogil:
    """Copies the block, from its inner element on, to the same end of another list. False: no memory, and nothing has changed."""
    cdef list_access a, to
    cdef quickpos at
    cdef char scratch[INT_TEXT]
    cdef view v
    cdef int64_t _
    cdef int64_t done = 0
    open_list(c, &a, source)
    open_list(c, &to, target)
    quicklist_seek(a.q, b.count - 1 if b.from_front else -b.count, &at)
    for _ in range(b.count):
        v = lp_get(at.p, scratch)
        if not list_grow(&to, v.len, 1) or not quicklist_push(to.q, v, b.to_front):
            break
        done += 1
        if b.from_front:
            quicklist_prev(a.q, &at)
        else:
            quicklist_next(a.q, &at)
    if done < b.count and done:
        quicklist_cut(to.q, 0 if b.to_front else <int64_t>to.q.count - done, done)
    list_close(&to)
    list_close(&a)
    return done == b.count


cdef void cut_block(call *c, entry *e, block *b) noexcept nogil:
    cdef list_access a
    open_list(c, &a, e)
    quicklist_cut(a.q, 0 if b.from_front else <int64_t>a.q.count - b.count, b.count)
    list_close(&a)


cdef void propagate_block(call *c, entry *target, block *b) noexcept nogil:
    """The block is at its place: what pushes it there, one element after the other."""
    cdef effects *u = &c.store.effects
    cdef list_access a
    cdef quickpos at
    cdef char scratch[INT_TEXT]
    cdef int64_t _
    if not propagates(c):
        return
    propagate_pop(c, c.argv[1], b.from_front, b.count)
    propagate_as(c, b"LPUSH" if b.to_front else b"RPUSH", 2 + <int>b.count)
    effect_word(u, c.argv[2])
    open_list(c, &a, target)
    quicklist_seek(a.q, b.count - 1 if b.to_front else -b.count, &at)
    for _ in range(b.count):
        effect_word(u, lp_get(at.p, scratch))
        if b.to_front:
            quicklist_prev(a.q, &at)
        else:
            quicklist_next(a.q, &at)
    list_close(&a)


cdef void move_block(call *c, entry *source, uint64_t hash, block *b) noexcept nogil:
    """From the list of argument 1 to that of argument 2, whose type was checked. Replies the elements as they are in the latter."""
    cdef uint64_t target_hash
    cdef entry *target = find_or_make(c, c.argv[2], LIST, list_new, &target_hash)
    cdef int64_t asked = b.count
    if target == NULL:
        return
    if b.whole and b.from_front == b.to_front:
        if source == target:
            reply_end(c, source, b.from_front, b.count)
            return
        if push_block(c, source, target, b):
            cut_block(c, source, b)
            propagate_block(c, target, b)
        else:
            b.count = 0
    else:
        move_singly(c, source, target, b)
    if b.count < asked:
        reply_error(c, NO_MEMORY)
    elif not b.alone:
        reply_end(c, target, b.to_front, b.count)
    if b.count:
        changed(c, c.argv[2], b.count, EVENT_LIST, <const char *>b"lpush" if b.to_front else <const char *>b"rpush")
        finish_removal(c, c.argv[1], source, hash, 0, <const char *>b"lpop" if b.from_front else <const char *>b"rpop")
    elif list_len(target) == 0:
        drop_empty(c, c.argv[2], target, target_hash)


cdef void move(call *c, block *b, bint waits, int64_t deadline) noexcept nogil:
    cdef uint64_t hash, target_hash
    cdef entry *source
    cdef entry *target
    cdef wanted what
    cdef int64_t there
    if not find_typed(c, c.argv[1], LIST, False, &hash, &source):
        return
    there = <int64_t>list_len(source) if source != NULL else 0
    if there == 0 or (b.exactly and there < b.count):
        if waits:
            what = wanted_keys(c, 1, 1, LIST, deadline)
            what.null = NULL_BULK
            wait_for_keys(c, what)
        elif b.exactly or b.alone:
            reply_null(c)
        else:
            reply_array(c, 0)
        return
    b.count = min(b.count, there)
    if find_typed(c, c.argv[2], LIST, False, &target_hash, &target):
        move_block(c, source, hash, b)


# ---- commands ----------------------------------------------------------------------------------------

define(rpoplpush_command, """
    RPOPLPUSH source destination
    write denyoom | list | 1.2.0 | O(1)
    Move the last element of a list to the front of another.
    keys: RW access delete; RW insert
""")
cdef void rpoplpush_command(call *c) noexcept nogil:
    cdef block b = one_element(False, True)
    move(c, &b, False, 0)


define(lmove_command, """
    LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>
    write denyoom | list | 6.2.0 | O(1)
    Move the first or last element of a list to either end of another.
    keys: RW access delete; RW insert
""")
cdef void lmove_command(call *c) noexcept nogil:
    cdef block b
    if read_sides(c, &b):
        move(c, &b, False, 0)


define(brpoplpush_command, """
    BRPOPLPUSH source destination timeout
    write denyoom blocking | list | 2.2.0 | O(1)
    Move the last element of a list to the front of another, blocking until one is available.
    keys: RW access delete; RW insert
""")
cdef void brpoplpush_command(call *c) noexcept nogil:
    cdef block b = one_element(False, True)
    cdef int64_t deadline
    if arg_timeout(c, 3, &deadline):
        move(c, &b, True, deadline)


define(blmove_command, """
    BLMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout
    write denyoom blocking | list | 6.2.0 | O(1)
    Move the first or last element of a list to either end of another, blocking until one is available.
    keys: RW access delete; RW insert
""")
cdef void blmove_command(call *c) noexcept nogil:
    cdef block b
    cdef int64_t deadline
    if read_sides(c, &b) and arg_timeout(c, 5, &deadline):
        move(c, &b, True, deadline)


define(lmovem_command, """
    LMOVEM source destination <LEFT | RIGHT> <LEFT | RIGHT> [<COUNT count | EXACTLY exactly> <OBO | BULK>]
    write denyoom | list | 8.10.0 | O(N) where N is the number of elements moved
    Move up to, or exactly, a number of elements from an end of a list to an end of another, one by one or as a block.
    keys: RW access delete; RW insert
""")
cdef void lmovem_command(call *c) noexcept nogil:
    cdef block b
    if read_block(c, 5, &b):
        move(c, &b, False, 0)


define(blmovem_command, """
    BLMOVEM source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout [<COUNT count | EXACTLY exactly> <OBO | BULK>]
    write denyoom blocking | list | 8.10.0 | O(N) where N is the number of elements moved
    Move up to, or exactly, a number of elements from an end of a list to an end of another, blocking until they are available.
    keys: RW access delete; RW insert
""")
cdef void blmovem_command(call *c) noexcept nogil:
    cdef block b
    cdef int64_t deadline
    if read_block(c, 6, &b) and arg_timeout(c, 5, &deadline):
        move(c, &b, True, deadline)
