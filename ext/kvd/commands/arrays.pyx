"""Commands on the elements of arrays and on their cursor. ARSCAN, ARGREP and AROP are in array_search.pyx. Structure: types/array.pyx.

All indexes of a command are read before it changes anything. An index is a number up to 2^64 - 2; replies above 2^63 - 1 are big numbers in RESP3, and
bulk strings in RESP2.
"""

from libc.stdint cimport int64_t, uint64_t

from kvd.commands.keyed cimport drop_empty, find_or_make, find_typed
from kvd.core.entry cimport entry
from kvd.core.sparse cimport (
    SPARSE_TEXT, SPARSE_TWIG, sparse_cursor, sparse_delete, sparse_get, sparse_last, sparse_look, sparse_next,
    sparse_set, sparse_start, sparse_survey, sparse_view,
)
from kvd.core.text cimport parse_int, parse_unsigned
from kvd.core.view cimport view_is
from kvd.resp.writer cimport write_double, write_unsigned
from kvd.run.args cimport (
    arg_int, changed, reply_arity, reply_array, reply_bulk, reply_error, reply_int, reply_map, reply_null, reply_text,
)
from kvd.run.errors cimport NO_KEY, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_ARRAY
from kvd.types.array cimport NO_INDEX, array_fit, array_len, array_new, array_next, array_of, array_seek
from kvd.types.kind cimport ARRAY

cdef const char *BAD_INDEX = b"ERR invalid array index"

cdef enum:
    MOST = 1000000             # positions of a reply that holes are part of
    SPARSE_SHOWN = 10          # elements up to which ARINFO shows a slice as sparse: the default of array-sparse-kmax


# ---- shared -----------------------------------------------------------------------------------------

cdef bint parse_index(view v, uint64_t *index) noexcept nogil:
    return parse_unsigned(v, index) and index[0] != NO_INDEX


cdef bint arg_index(call *c, int i, uint64_t *index) noexcept nogil:
    if parse_index(c.argv[i], index):
        return True
    reply_error(c, BAD_INDEX)
    return False


cdef bint arg_limit(call *c, int i, uint64_t *limit) noexcept nogil:
    cdef int64_t n
    if not arg_int(c, i, &n):
        return False
    if n <= 0:
        reply_error(c, b"ERR LIMIT must be positive")
        return False
    limit[0] = <uint64_t>n
    return True


cdef bint find_array(call *c, bint reading, uint64_t *hash, array **a) noexcept nogil:
    cdef entry *e
    if not find_typed(c, c.argv[1], ARRAY, reading, hash, &e):
        return False
    a[0] = array_of(e) if e != NULL else NULL
    return True


cdef void reply_index(call *c, uint64_t n) noexcept nogil:
    write_unsigned(c.out, n, c.proto)


cdef void reply_word(call *c, uint64_t word) noexcept nogil:
    cdef char scratch[SPARSE_TEXT]
    if word:
        reply_bulk(c, sparse_view(word, scratch))
    else:
        reply_null(c)


cdef void reply_pair(call *c, uint64_t index, uint64_t word) noexcept nogil:
    reply_array(c, 2)
    reply_index(c, index)
    reply_word(c, word)


cdef bint indexes_are_valid(call *c, int step) noexcept nogil:
    """The arguments from the second on, each or every other one. False: the error is replied."""
    cdef uint64_t index
    cdef int i = 2
    while i < c.argc:
        if not arg_index(c, i, &index):
            return False
        i += step
    return True


cdef bint pairs_are_whole(call *c) noexcept nogil:
    if c.argc % 2 == 0:
        return True
    reply_arity(c)
    return False


# ---- one or several elements ------------------------------------------------------------------------

define(arget_command, """
    ARGET key index
    readonly fast | array | 8.8.0 | O(1)
    Return the element of an array at an index, or null.
""")
cdef void arget_command(call *c) noexcept nogil:
    cdef uint64_t hash, index
    cdef array *a
    if find_array(c, True, &hash, &a) and arg_index(c, 2, &index):
        reply_word(c, sparse_get(&a.elements, index) if a != NULL else 0)


define(armget_command, """
    ARMGET key index [index ...]
    readonly fast | array | 8.8.0 | O(N) where N is the number of indexes
    Return the elements of an array at indexes; null where there is none.
""")
cdef void armget_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t index = 0
    cdef array *a
    cdef int i
    if not find_array(c, True, &hash, &a) or not indexes_are_valid(c, 1):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        parse_index(c.argv[i], &index)
        reply_word(c, sparse_get(&a.elements, index) if a != NULL else 0)


cdef array *make(call *c, uint64_t *hash) noexcept nogil:
    """The array, which is made if there is none. NULL: the error is replied."""
    cdef entry *e = find_or_make(c, c.argv[1], ARRAY, array_new, hash)
    if e == NULL:
        return NULL
    c.store.arrays = True
    return array_of(e)


cdef void give_up(call *c, array *a) noexcept nogil:
    """No memory. Elements that were set stay."""
    cdef uint64_t hash
    cdef entry *e
    reply_error(c, NO_MEMORY)
    if a.elements.count == 0 and find_typed(c, c.argv[1], ARRAY, False, &hash, &e):
        drop_empty(c, c.argv[1], e, hash)


cdef bint put(call *c, array *a, uint64_t index, int i, int64_t *added) noexcept nogil:
    """Sets an element to argument i. False: no memory, and the error is replied."""
    cdef int done = sparse_set(&a.elements, index, c.argv[i])
    if done < 0:
        give_up(c, a)
        return False
    added[0] += done
    return True


define(arset_command, """
    ARSET key index value [value ...]
    write denyoom fast takes_value | array | 8.8.0 | O(N) where N is the number of values
    Set elements of an array at consecutive indexes; return the number of new ones. The array is created if it does not exist.
    keys: RW update
""")
cdef void arset_command(call *c) noexcept nogil:
    cdef uint64_t hash, index
    cdef int64_t added = 0
    cdef array *a
    cdef int i
    if not arg_index(c, 2, &index):
        return
    if <uint64_t>(c.argc - 4) >= NO_INDEX - index:
        reply_error(c, b"ERR array index overflow")
        return
    a = make(c, &hash)
    if a == NULL:
        return
    for i in range(3, c.argc):
        if not put(c, a, index + (i - 3), i, &added):
            return
    changed(c, c.argv[1], c.argc - 3, EVENT_ARRAY, b"arset")
    reply_int(c, added)


define(armset_command, """
    ARMSET key index value [index value ...]
    write denyoom fast takes_value | array | 8.8.0 | O(N) where N is the number of elements
    Set elements of an array at indexes; return the number of new ones. The array is created if it does not exist.
    keys: RW update
""")
cdef void armset_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t index = 0
    cdef int64_t added = 0
    cdef array *a
    cdef int i
    if not pairs_are_whole(c) or not indexes_are_valid(c, 2):
        return
    a = make(c, &hash)
    if a == NULL:
        return
    for i in range(2, c.argc, 2):
        parse_index(c.argv[i], &index)
        if not put(c, a, index, i + 1, &added):
            return
    changed(c, c.argv[1], (c.argc - 2) // 2, EVENT_ARRAY, b"armset")
    reply_int(c, added)


cdef void delete_generic(call *c, int step, const char *event) noexcept nogil:
    """step 2: the arguments are first and last indexes of ranges, in either order."""
    cdef uint64_t hash
    cdef uint64_t first = 0
    cdef uint64_t last = 0
    cdef uint64_t n = 0
    cdef entry *e
    cdef int i = 2
    if not indexes_are_valid(c, 1) or not find_typed(c, c.argv[1], ARRAY, False, &hash, &e):
        return
    while i < c.argc and e != NULL:
        parse_index(c.argv[i], &first)
        parse_index(c.argv[i + step - 1], &last)
        n += sparse_delete(&array_of(e).elements, min(first, last), max(first, last))
        i += step
    if n:
        changed(c, c.argv[1], n, EVENT_ARRAY, event)
        if array_of(e).elements.count == 0:
            drop_empty(c, c.argv[1], e, hash)
    reply_int(c, n)


define(ardel_command, """
    ARDEL key index [index ...]
    write fast | array | 8.8.0 | O(N) where N is the number of indexes
    Delete elements of an array; return how many there were.
    keys: RW delete
""")
cdef void ardel_command(call *c) noexcept nogil:
    delete_generic(c, 1, b"ardel")


define(ardelrange_command, """
    ARDELRANGE key start end [start end ...]
    write | array | 8.8.0 | O(N) where N is the number of elements deleted
    Delete the elements of an array in ranges of indexes; return how many there were.
    keys: RW delete
""")
cdef void ardelrange_command(call *c) noexcept nogil:
    if pairs_are_whole(c):
        delete_generic(c, 2, b"ardelrange")


# ---- lengths and ranges -----------------------------------------------------------------------------

define(arlen_command, """
    ARLEN key
    readonly fast | array | 8.8.0 | O(1)
    Return the length of an array: its highest index and 1.
""")
cdef void arlen_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef entry *e
    if find_typed(c, c.argv[1], ARRAY, True, &hash, &e):
        reply_index(c, array_len(e) if e != NULL else 0)


define(arcount_command, """
    ARCOUNT key
    readonly fast | array | 8.8.0 | O(1)
    Return the number of elements of an array.
""")
cdef void arcount_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef array *a
    if find_array(c, True, &hash, &a):
        reply_index(c, a.elements.count if a != NULL else 0)


cdef void reply_positions(call *c, array *a, uint64_t first, uint64_t last) noexcept nogil:
    """Elements and nulls, from the first to the last index, in either direction."""
    cdef sparse_cursor at
    cdef uint64_t index = NO_INDEX
    cdef uint64_t word = 0
    cdef uint64_t i = first
    cdef bint more = a != NULL
    if more:
        sparse_start(&a.elements, &at, first, last)
        more = sparse_next(&at, &index, &word)
    while True:
        if more and i == index:
            reply_word(c, word)
            more = sparse_next(&at, &index, &word)
        else:
            reply_null(c)
        if i == last or c.out.failed:
            return
        i = i - 1 if first > last else i + 1


define(argetrange_command, """
    ARGETRANGE key start end
    readonly | array | 8.8.0 | O(N) where N is the length of the range
    Return the elements of an array in a range of indexes, up to a million; null where there is none. If start is above end, in reverse.
""")
cdef void argetrange_command(call *c) noexcept nogil:
    cdef uint64_t hash, first, last
    cdef array *a
    if not arg_index(c, 2, &first) or not arg_index(c, 3, &last) or not find_array(c, True, &hash, &a):
        return
    if max(first, last) - min(first, last) >= MOST:
        reply_error(c, b"ERR range exceeds maximum of 1000000 items")
        return
    reply_array(c, max(first, last) - min(first, last) + 1)
    reply_positions(c, a, first, last)


# ---- insertions -------------------------------------------------------------------------------------

define(arinsert_command, """
    ARINSERT key value [value ...]
    write denyoom fast | array | 8.8.0 | O(N) where N is the number of values
    Insert elements into an array behind the last insertion, at first at index 0; return the last index. The array is created if it does not exist.
    keys: RW update
""")
cdef void arinsert_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t index = 0
    cdef int64_t added = 0
    cdef array *a
    cdef int i
    a = make(c, &hash)
    if a == NULL:
        return
    if not array_next(a, &index) or <uint64_t>(c.argc - 3) >= NO_INDEX - index:    # a new array has room
        reply_error(c, b"ERR insert index overflow")
        return
    for i in range(2, c.argc):
        if not put(c, a, index + (i - 2), i, &added):
            return
    a.last = index + (c.argc - 3)
    changed(c, c.argv[1], c.argc - 2, EVENT_ARRAY, b"arinsert")
    reply_index(c, a.last)


define(arring_command, """
    ARRING key size value [value ...]
    write denyoom | array | 8.8.0 | O(N) where N is the number of values, and of elements if the size has changed
    Insert elements into an array as ARINSERT, but wrap around at the size; return the last index. If the size has changed, the newest elements are kept. The array is created if it does not exist.
    keys: RW update
""")
cdef void arring_command(call *c) noexcept nogil:
    cdef uint64_t hash, index
    cdef int64_t size
    cdef int64_t added = 0
    cdef array *a
    cdef int i
    if not parse_int(c.argv[2], &size):
        reply_error(c, b"ERR invalid size")
        return
    if size <= 0:
        reply_error(c, b"ERR size must be positive")
        return
    a = make(c, &hash)
    if a == NULL:
        return
    if not array_fit(a, size):
        give_up(c, a)
        return
    for i in range(3, c.argc):
        array_next(a, &index)
        index %= <uint64_t>size
        if not put(c, a, index, i, &added):
            return
        a.last = index
    changed(c, c.argv[1], c.argc - 3, EVENT_ARRAY, b"arring")
    reply_index(c, a.last)


define(arnext_command, """
    ARNEXT key
    readonly fast | array | 8.8.0 | O(1)
    Return the index of an array at which ARINSERT would insert; null if there is none left.
""")
cdef void arnext_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t index = 0
    cdef array *a
    if not find_array(c, True, &hash, &a):
        return
    if a == NULL or array_next(a, &index):
        reply_index(c, index)
    else:
        reply_null(c)


define(arseek_command, """
    ARSEEK key index
    write fast | array | 8.8.0 | O(1)
    Set the index of an array at which ARINSERT and ARRING insert next; return 0 if the key does not exist, else 1.
    keys: RW update
""")
cdef void arseek_command(call *c) noexcept nogil:
    cdef uint64_t hash, index
    cdef array *a
    if not parse_unsigned(c.argv[2], &index):
        reply_error(c, BAD_INDEX)
        return
    if not find_array(c, False, &hash, &a):
        return
    if a != NULL:
        array_seek(a, index)
        changed(c, c.argv[1], 1, EVENT_ARRAY, b"arseek")
    reply_int(c, a != NULL)


cdef void reply_latest(call *c, array *a, uint64_t end, uint64_t newest, uint64_t count) noexcept nogil:
    """In order of their insertion; end: the highest index, behind which the walk back from index 0 continues."""
    cdef uint64_t ahead = newest + 1
    if count > ahead:
        reply_positions(c, a, end - (count - ahead) + 1, end)
        count = ahead
    reply_positions(c, a, ahead - count, newest)


cdef void reply_latest_first(call *c, array *a, uint64_t end, uint64_t newest, uint64_t count) noexcept nogil:
    cdef uint64_t ahead = newest + 1
    cdef uint64_t here = min(count, ahead)
    cdef uint64_t i
    for i in range(here):
        reply_word(c, sparse_get(&a.elements, newest - i))
    for i in range(count - here):
        reply_word(c, sparse_get(&a.elements, end - i))


define(arlastitems_command, """
    ARLASTITEMS key count [REV]
    readonly | array | 8.8.0 | O(N) where N is the count
    Return the elements of an array that were inserted last, up to a million, in the order of their insertion, with REV the newest first. It goes back from the index of the last insertion, and from 0 to the highest; null where there is no element.
""")
cdef void arlastitems_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t end = 0
    cdef uint64_t n
    cdef int64_t count
    cdef bint backwards = c.argc == 4 and view_is(c.argv[3], b"rev")
    cdef array *a
    if not parse_int(c.argv[2], &count):
        reply_error(c, b"ERR invalid COUNT")
        return
    if count <= 0:
        reply_array(c, 0)
        return
    if c.argc > 4:
        reply_arity(c)
        return
    if c.argc == 4 and not backwards:
        reply_error(c, SYNTAX)
        return
    if not find_array(c, True, &hash, &a):
        return
    if a == NULL or not sparse_last(&a.elements, &end):
        reply_array(c, 0)
        return
    n = min(<uint64_t>count, end + 1)
    if n > MOST:
        reply_error(c, b"ERR count exceeds maximum of 1000000 items")
        return
    reply_array(c, n)
    if backwards:
        reply_latest_first(c, a, end, min(a.last, end), n)
    else:
        reply_latest(c, a, end, min(a.last, end), n)


# ---- figures ----------------------------------------------------------------------------------------

cdef void reply_ratio(call *c, const char *name, size_t n, size_t of) noexcept nogil:
    reply_text(c, name)
    write_double(c.out, <double>n / of if of else 0, c.proto)


cdef void reply_figure(call *c, const char *name, uint64_t n) noexcept nogil:
    reply_text(c, name)
    reply_index(c, n)


define(arinfo_command, """
    ARINFO key [FULL]
    readonly | array | 8.8.0 | O(1), with FULL O(N) where N is the number of slices
    Return figures of an array: its elements, length, where ARINSERT inserts next, and its slices of 4096 indexes.
""")
cdef void arinfo_command(call *c) noexcept nogil:
    cdef uint64_t hash
    cdef uint64_t index = 0
    cdef bint full = c.argc == 3 and view_is(c.argv[2], b"full")
    cdef sparse_survey s
    cdef entry *e
    cdef array *a
    if c.argc > 2 and not full:
        reply_error(c, SYNTAX)
        return
    if not find_typed(c, c.argv[1], ARRAY, True, &hash, &e):
        return
    if e == NULL:
        reply_error(c, NO_KEY)
        return
    a = array_of(e)
    reply_map(c, 12 if full else 7)
    reply_figure(c, b"count", a.elements.count)
    reply_figure(c, b"len", array_len(e))
    reply_figure(c, b"next-insert-index", index if array_next(a, &index) else 0)
    reply_figure(c, b"slices", a.elements.twigs)
    reply_figure(c, b"directory-size", a.elements.directory)
    reply_figure(c, b"super-dir-entries", 0)
    reply_figure(c, b"slice-size", SPARSE_TWIG)
    if full:
        sparse_look(&a.elements, SPARSE_SHOWN, &s)
        reply_figure(c, b"dense-slices", s.dense)
        reply_figure(c, b"sparse-slices", s.sparse)
        reply_ratio(c, b"avg-dense-size", s.dense_room, s.dense)
        reply_ratio(c, b"avg-dense-fill", s.dense_count, s.dense_room)
        reply_ratio(c, b"avg-sparse-size", s.sparse_room, s.sparse)
