"""Commands on HyperLogLogs, which are strings with a special format (core/hll.pyx).

A dense one is changed in place. A sparse one, some kilobytes at most, is changed in a copy and written back.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from kvd.commands.keyed cimport find_typed
from kvd.commands.string_edits cimport open_for_write, set_length
from kvd.core.buf cimport buf, buf_release
from kvd.core.entry cimport entry
from kvd.core.hll cimport (
    HLL_DENSE, HLL_REGISTERS, hll, hll_add, hll_cache, hll_cached, hll_describe, hll_estimate, hll_forget, hll_init,
    hll_is, hll_is_dense, hll_merge, hll_set, hll_to_dense,
)
from kvd.core.table cimport table_find, table_hash
from kvd.core.text cimport INT_TEXT
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_status
from kvd.run.args cimport (
    changed, open_key, reply_array, reply_bulk, reply_error, reply_error_about, reply_int, reply_ok,
)
from kvd.run.call cimport call
from kvd.run.errors cimport NO_MEMORY
from kvd.run.registry cimport define
from kvd.store.change cimport others_changed
from kvd.store.config cimport EVENT_STRING, OPT_HLL_SPARSE_MAX_BYTES, cfg
from kvd.types.kind cimport STRING
from kvd.types.string cimport string_view

cdef const char *NOT_HLL = b"WRONGTYPE Key is not a valid HyperLogLog string value."
cdef const char *BROKEN = b"INVALIDOBJ Corrupted HLL object detected"

cdef enum:
    SPARE = 4096               # bytes a sparse copy may grow by


cdef bint read_hll(call *c, view key, bint reading, view *v, bint *known) noexcept nogil:
    """v.len 0: it is missing. False: not a HyperLogLog, and the error is replied."""
    cdef uint64_t hash
    cdef entry *e
    cdef char scratch[INT_TEXT]
    if not find_typed(c, key, STRING, reading, &hash, &e):
        return False
    known[0] = e != NULL
    v[0] = view_of(NULL, 0)
    if e == NULL:
        return True
    v[0] = string_view(e, scratch)
    if hll_is(v[0]):
        return True
    reply_error(c, NOT_HLL)
    return False


cdef bint open_copy(hll *x, view v) noexcept nogil:
    """A sketch to change; hll_close ends it. v.len 0: an empty one. False: no memory."""
    x.room = max(v.len, <size_t>HLL_DENSE) + SPARE
    x.p = <uint8_t *>malloc(x.room)
    if x.p == NULL:
        return False
    if v.len == 0:
        hll_init(x)
    else:
        memcpy(x.p, v.ptr, v.len)
        x.len = v.len
    return True


cdef bint write_back(call *c, view key, hll *x) noexcept nogil:
    """Makes it the value of key; False: the error is replied."""
    cdef size_t had
    cdef char *p = open_for_write(c, key, x.len, &had)
    if p == NULL:
        return False
    memcpy(p, x.p, x.len)
    return had <= x.len or set_length(c, key, x.len)      # runs were joined: the string is shorter now


cdef int add_all(call *c, hll *x, int64_t *altered) noexcept nogil:
    """altered: incremented by the number of elements that changed a register. -1: it is broken."""
    cdef size_t most = cfg(&c.store.config, OPT_HLL_SPARSE_MAX_BYTES)
    cdef int i, one
    for i in range(2, c.argc):
        one = hll_add(x, c.argv[i], most)
        if one < 0:
            return -1
        altered[0] += one
    return 0


cdef void add_in_place(call *c, view v) noexcept nogil:
    cdef hll x
    cdef size_t had
    cdef int64_t altered = 0
    x.p = <uint8_t *>open_for_write(c, c.argv[1], v.len, &had)
    if x.p == NULL:
        return
    x.len = x.room = v.len
    add_all(c, &x, &altered)
    if altered:
        changed(c, c.argv[1], altered, EVENT_STRING, b"pfadd")
    reply_int(c, altered != 0)


define(pfadd_command, """
    PFADD key [element [element ...]]
    write denyoom fast | hyperloglog | 2.8.9 | O(1) for each element
    Add elements to a HyperLogLog; return whether its estimate may have changed.
    keys: RW insert
""")
cdef void pfadd_command(call *c) noexcept nogil:
    cdef view v
    cdef bint known
    cdef int64_t altered = 0
    cdef hll x
    if not read_hll(c, c.argv[1], False, &v, &known):
        return
    if known and hll_is_dense(<const uint8_t *>v.ptr):
        add_in_place(c, v)
        return
    if not open_copy(&x, v):
        reply_error(c, NO_MEMORY)
        return
    altered = not known
    if altered:
        hll_forget(x.p)
    if add_all(c, &x, &altered) < 0:
        reply_error(c, BROKEN)
    elif not altered or write_back(c, c.argv[1], &x):
        if altered:
            changed(c, c.argv[1], altered, EVENT_STRING, b"pfadd")
        reply_int(c, altered != 0)
    free(x.p)


cdef bint merge_keys(call *c, int first, uint8_t *registers, bint *dense) noexcept nogil:
    """Of the keys from argument `first` on. False: the error is replied."""
    cdef view v
    cdef bint known
    cdef int i
    memset(registers, 0, HLL_REGISTERS)
    for i in range(first, c.argc):
        if not read_hll(c, c.argv[i], True, &v, &known):
            return False
        if not known:
            continue
        dense[0] |= hll_is_dense(<const uint8_t *>v.ptr)
        if not hll_merge(v, registers):
            reply_error(c, BROKEN)
            return False
    return True


define(pfcount_command, """
    PFCOUNT key [key ...]
    readonly may_replicate | hyperloglog | 2.8.9 | O(1) for one key, O(N) where N is the number of keys
    Estimate the number of distinct elements in one or more HyperLogLogs.
    keys: RW access
""")
cdef void pfcount_command(call *c) noexcept nogil:
    cdef uint8_t registers[HLL_REGISTERS]
    cdef uint64_t n
    cdef view v
    cdef bint known
    cdef bint dense = False
    if c.argc == 2:
        if not read_hll(c, c.argv[1], True, &v, &known):
            return
        if not known or hll_cached(v, &n):
            reply_int(c, n if known else 0)
            return
    if not merge_keys(c, 1, registers, &dense):
        return
    n = hll_estimate(registers)
    if c.argc == 2:
        open_key(c, c.argv[1], table_find(&c.db.keys, c.argv[1], table_hash(c.argv[1])))
        hll_cache(<uint8_t *>v.ptr, n)         # the value is the same, with its estimate cached
        others_changed(c.store, 1)
    reply_int(c, n)


define(pfmerge_command, """
    PFMERGE destination [source [source ...]]
    write denyoom | hyperloglog | 2.8.9 | O(N) where N is the number of keys
    Merge HyperLogLogs into one.
    keys: RW access insert; RO access
    at: 1 -1 1
""")
cdef void pfmerge_command(call *c) noexcept nogil:
    cdef uint8_t registers[HLL_REGISTERS]
    cdef size_t most = cfg(&c.store.config, OPT_HLL_SPARSE_MAX_BYTES)
    cdef view v
    cdef bint known
    cdef bint dense = False
    cdef bint ok = True
    cdef hll x
    cdef int i
    if not merge_keys(c, 1, registers, &dense) or not read_hll(c, c.argv[1], False, &v, &known):
        return
    if not open_copy(&x, v):
        reply_error(c, NO_MEMORY)
        return
    if dense:
        ok = hll_to_dense(&x)
    for i in range(HLL_REGISTERS if ok else 0):
        if registers[i] and hll_set(&x, i, registers[i], most) < 0:
            ok = False
            break
    hll_forget(x.p)
    if not ok:
        reply_error(c, BROKEN)
    elif write_back(c, c.argv[1], &x):
        changed(c, c.argv[1], 1, EVENT_STRING, b"pfadd")
        reply_ok(c)
    free(x.p)


# ---- inspection -------------------------------------------------------------------------------------

cdef bint make_dense(call *c, view v, bint *converted) noexcept nogil:
    """False: the error is replied."""
    cdef hll x
    cdef bint ok
    converted[0] = not hll_is_dense(<const uint8_t *>v.ptr)
    if not converted[0]:
        return True
    if not open_copy(&x, v):
        reply_error(c, NO_MEMORY)
        return False
    ok = hll_to_dense(&x)
    if not ok:
        reply_error(c, BROKEN)
    elif write_back(c, c.argv[2], &x):
        others_changed(c.store, 1)
    else:
        ok = False
    free(x.p)
    return ok


cdef void reply_registers(call *c, view v) noexcept nogil:
    cdef uint8_t registers[HLL_REGISTERS]
    cdef int i
    memset(registers, 0, sizeof(registers))
    hll_merge(v, registers)
    reply_array(c, HLL_REGISTERS)
    for i in range(HLL_REGISTERS):
        reply_int(c, registers[i])


cdef void reply_runs(call *c, view v) noexcept nogil:
    cdef buf text
    if hll_is_dense(<const uint8_t *>v.ptr):
        reply_error(c, b"ERR HLL encoding is not sparse")
        return
    memset(&text, 0, sizeof(text))
    hll_describe(v, &text)
    reply_bulk(c, view_of(text.ptr, text.len))
    buf_release(&text)


define(pfdebug_command, """
    PFDEBUG <GETREG | DECODE | ENCODING | TODENSE> key
    write denyoom admin | hyperloglog | 2.8.9 | O(1)
    Show the registers, runs or encoding of a HyperLogLog, or convert it to the dense encoding.
    keys: RW access
    arity: 3
    at: 2 2 1
""")
cdef void pfdebug_command(call *c) noexcept nogil:
    cdef view v
    cdef bint known, converted
    if not read_hll(c, c.argv[2], False, &v, &known):
        return
    if not known:
        reply_error(c, b"ERR The specified key does not exist")
    elif view_is(c.argv[1], b"getreg"):
        if make_dense(c, v, &converted) and read_hll(c, c.argv[2], False, &v, &known):
            reply_registers(c, v)
    elif view_is(c.argv[1], b"decode"):
        reply_runs(c, v)
    elif view_is(c.argv[1], b"encoding"):
        write_status(c.out, <const char *>b"dense" if hll_is_dense(<const uint8_t *>v.ptr) else <const char *>b"sparse")
    elif view_is(c.argv[1], b"todense"):
        if make_dense(c, v, &converted):
            reply_int(c, converted)
    else:
        reply_error_about(c, b"ERR Unknown PFDEBUG subcommand '%.*s'", c.argv[1])


cdef enum:
    TRIAL = 20000              # elements of PFSELFTEST


cdef bint agree(hll *x, int64_t n) noexcept nogil:
    """Is the estimate within six standard errors of n?"""
    cdef uint8_t registers[HLL_REGISTERS]
    cdef int64_t off
    memset(registers, 0, sizeof(registers))
    if not hll_merge(view_of(<const char *>x.p, x.len), registers):
        return False
    off = <int64_t>hll_estimate(registers) - n
    return -(n // 20) - 6 <= off <= n // 20 + 6


define(pfselftest_command, """
    PFSELFTEST
    admin | hyperloglog | 2.8.9 | N/A
    Test the implementation of HyperLogLogs.
""")
cdef void pfselftest_command(call *c) noexcept nogil:
    cdef hll sparse, dense
    cdef int64_t i
    cdef bint ok = True
    sparse.p = dense.p = NULL
    if not open_copy(&sparse, view_of(NULL, 0)) or not open_copy(&dense, view_of(NULL, 0)):
        free(sparse.p)
        reply_error(c, NO_MEMORY)
        return
    hll_to_dense(&dense)
    for i in range(TRIAL):
        hll_add(&sparse, view_of(<const char *>&i, sizeof(i)), 3000)
        hll_add(&dense, view_of(<const char *>&i, sizeof(i)), 3000)
        if i & (i + 1) == 0:               # 1, 2, 4, 8 ... elements
            ok = ok and agree(&sparse, i + 1) and agree(&dense, i + 1)
    free(sparse.p)
    free(dense.p)
    if ok:
        reply_ok(c)
    else:
        reply_error(c, b"ERR TESTFAILED a HyperLogLog's estimate is too far off")
