"""Commands on the bits of strings: bit 0 is the highest bit of the first byte."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from kvd.commands.keyed cimport delete_key, find_typed, store_new_value
from kvd.commands.string_edits cimport open_for_write
from kvd.core.entry cimport entry, entry_free
from kvd.core.text cimport INT_TEXT, parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.run.args cimport arg_int, changed, reply_array, reply_error, reply_errorf, reply_int, reply_null
from kvd.run.call cimport KEY_ACCESS, KEY_RO, KEY_RW, KEY_UPDATE, call
from kvd.run.emulation cimport replies_like_valkey
from kvd.run.errors cimport NO_MEMORY, SYNTAX
from kvd.run.registry cimport define, define_key_narrowing
from kvd.store.config cimport EVENT_STRING, OPT_PROTO_MAX_BULK_LEN, cfg
from kvd.types.kind cimport STRING
from kvd.types.string cimport string_new_text, string_open, string_view
from kvd.types.value cimport value_free

cdef extern from "kvd/commands/bits.h" nogil:
    uint64_t ones "kvd_ones" (const uint8_t *p, size_t n) noexcept
    int field_add "kvd_field_add" (int64_t value, bint natural, int64_t incr, bint is_signed, int bits, bint wrap, int64_t *out) noexcept


# ---- arguments and values ---------------------------------------------------------------------------

cdef bint arg_offset(call *c, int i, int width, uint64_t *offset) noexcept nogil:
    """A bit's position; with a width, #N is the N-th field. False: the error is replied."""
    cdef view v = c.argv[i]
    cdef bint fields = width > 0 and v.len > 0 and v.ptr[0] == c'#'
    cdef int64_t n
    if fields:
        v = view_of(v.ptr + 1, v.len - 1)
    if not parse_int(v, &n) or n < 0 or (fields and n > <int64_t>0x7FFFFFFFFFFFFFFF // width):
        reply_error(c, b"ERR bit offset is not an integer or out of range")
        return False
    if fields:
        n *= width
    if n >> 3 >= cfg(&c.store.config, OPT_PROTO_MAX_BULK_LEN):
        reply_error(c, b"ERR bit offset is not an integer or out of range")
        return False
    offset[0] = n
    return True


cdef bint read_value(call *c, view key, view *v, char *scratch, bint *known) noexcept nogil:
    """The string's bytes, empty if the key is missing. False: another type, and the error is replied."""
    cdef uint64_t hash
    cdef entry *e
    if not find_typed(c, key, STRING, True, &hash, &e):
        return False
    known[0] = e != NULL
    v[0] = string_view(e, scratch) if e != NULL else view_of(NULL, 0)
    return True


cdef inline int bit_at(const char *p, uint64_t offset) noexcept nogil:
    return (<uint8_t>p[offset >> 3] >> (7 - (offset & 7))) & 1


define(setbit_command, """
    SETBIT key offset value
    write denyoom | bitmap | 2.2.0 | O(1)
    Set or clear a bit of a string, which is extended if necessary; return the previous bit.
    keys: RW access update
""")
cdef void setbit_command(call *c) noexcept nogil:
    cdef uint64_t offset
    cdef int64_t bit
    cdef size_t had
    cdef char *p
    cdef int before
    if not arg_offset(c, 2, 0, &offset):
        return
    if not parse_int(c.argv[3], &bit) or bit < 0 or bit > 1:
        reply_error(c, b"ERR bit is not an integer or out of range")
        return
    p = open_for_write(c, c.argv[1], (offset >> 3) + 1, &had)
    if p == NULL:
        return
    before = bit_at(p, offset)
    if before != bit or had < (offset >> 3) + 1:
        p[offset >> 3] ^= <char>((before ^ bit) << (7 - (offset & 7)))
        changed(c, c.argv[1], 1, EVENT_STRING, b"setbit")
    reply_int(c, before)


define(getbit_command, """
    GETBIT key offset
    readonly fast | bitmap | 2.2.0 | O(1)
    Return a bit of a string; bits beyond its end are 0.
""")
cdef void getbit_command(call *c) noexcept nogil:
    cdef uint64_t offset
    cdef char scratch[INT_TEXT]
    cdef view v
    cdef bint known
    if arg_offset(c, 2, 0, &offset) and read_value(c, c.argv[1], &v, scratch, &known):
        reply_int(c, bit_at(v.ptr, offset) if offset >> 3 < v.len else 0)


# ---- counting and finding ---------------------------------------------------------------------------

cdef struct bit_range:         # start and end as given, then as bits, both included
    int64_t start
    int64_t end
    bint has_end
    bint bits                  # positions are of bits, not bytes


cdef bint read_range(call *c, int at, bit_range *r) noexcept nogil:
    """[start [end [BYTE | BIT]]] from argument `at` on; False: the error is replied."""
    r.start = 0
    r.end = -1
    r.bits = False
    r.has_end = c.argc > at + 1
    if c.argc > at + 3:
        reply_error(c, SYNTAX)
        return False
    if c.argc > at and not arg_int(c, at, &r.start):
        return False
    if c.argc > at + 2:
        r.bits = view_is(c.argv[at + 2], b"bit")
        if not r.bits and not view_is(c.argv[at + 2], b"byte"):
            reply_error(c, SYNTAX)
            return False
    return not r.has_end or arg_int(c, at + 1, &r.end)


cdef bint settle(bit_range *r, size_t bytes) noexcept nogil:
    """Converts the range to bits of a string of this many bytes; False: it is empty."""
    cdef int64_t n = <int64_t>(bytes * 8 if r.bits else bytes)
    if r.start < 0 and r.end < 0 and r.start > r.end:
        return False
    if r.start < 0:
        r.start = max(r.start + n, <int64_t>0)
    if r.end < 0:
        r.end = max(r.end + n, <int64_t>0)
    if r.end >= n:
        r.end = n - 1
    if r.start > r.end:
        return False
    if not r.bits:
        r.start *= 8
        r.end = r.end * 8 + 7
    return True


define(bitcount_command, """
    BITCOUNT key [start end [BYTE | BIT]]
    readonly | bitmap | 2.6.0 | O(N) where N is the number of bytes
    Count the bits that are set in a string or a part of it.
    newer: BYTE BIT 7.0.0/7.0.0
""")
cdef void bitcount_command(call *c) noexcept nogil:
    cdef bit_range r
    cdef char scratch[INT_TEXT]
    cdef view v
    cdef bint known
    cdef const uint8_t *p
    cdef int64_t first, last, n
    if c.argc == 3 and not replies_like_valkey(c.store, 80000):
        reply_error(c, SYNTAX)
        return
    if not read_range(c, 2, &r) or not read_value(c, c.argv[1], &v, scratch, &known):
        return
    if not settle(&r, v.len):
        reply_int(c, 0)
        return
    p = <const uint8_t *>v.ptr
    first = r.start >> 3
    last = r.end >> 3
    n = ones(p + first, last - first + 1)
    n -= ones_of(p[first] & ~(0xFF >> (r.start & 7)))
    n -= ones_of(p[last] & (0x7F >> (r.end & 7)))
    reply_int(c, n)


cdef inline int64_t ones_of(int byte) noexcept nogil:
    cdef uint8_t b = <uint8_t>byte
    return ones(&b, 1)


cdef int64_t find_bit(const uint8_t *p, int64_t start, int64_t end, int bit) noexcept nogil:
    """The first bit from start to end that is `bit`, or -1."""
    cdef uint8_t skip = 0 if bit else 0xFF
    cdef uint64_t word
    cdef uint64_t empty = 0 if bit else <uint64_t>-1
    while start <= end:
        if start & 7 == 0:
            while start + 63 <= end:
                memcpy(&word, p + (start >> 3), 8)
                if word != empty:
                    break
                start += 64
            while start + 7 <= end and p[start >> 3] == skip:
                start += 8
            if start > end:
                return -1
        if bit_at(<const char *>p, start) == bit:
            return start
        start += 1
    return -1


define(bitpos_command, """
    BITPOS key bit [start [end [BYTE | BIT]]]
    readonly | bitmap | 2.8.7 | O(N) where N is the number of bytes
    Return the position of the first bit of a string, or of a part of it, that has a given value.
    newer: BYTE BIT 7.0.0/7.0.0
""")
cdef void bitpos_command(call *c) noexcept nogil:
    cdef bit_range r
    cdef char scratch[INT_TEXT]
    cdef view v
    cdef bint known
    cdef int64_t bit
    cdef int64_t at = -1
    if not arg_int(c, 2, &bit):
        return
    if bit != 0 and bit != 1:
        reply_error(c, b"ERR The bit argument must be 1 or 0.")
        return
    if not read_range(c, 3, &r) or not read_value(c, c.argv[1], &v, scratch, &known):
        return
    if not known:
        reply_int(c, -1 if bit else 0)
        return
    if settle(&r, v.len):
        at = find_bit(<const uint8_t *>v.ptr, r.start, r.end, <int>bit)
        if at < 0 and bit == 0 and not r.has_end:
            at = <int64_t>v.len * 8        # zeros follow the string
    reply_int(c, at)


# ---- BITOP ------------------------------------------------------------------------------------------

cdef enum bit_operation:
    OP_AND
    OP_OR
    OP_XOR
    OP_NOT
    OP_DIFF                    # in the first and in no other
    OP_DIFF1                   # in any other and not in the first
    OP_ANDOR                   # in the first and in any other
    OP_ONE                     # in exactly one
    OPERATIONS

cdef const char *OPERATION_NAMES[8]
OPERATION_NAMES[:] = [b"and", b"or", b"xor", b"not", b"diff", b"diff1", b"andor", b"one"]
cdef const char *OPERATION_TITLES[8]
OPERATION_TITLES[:] = [b"AND", b"OR", b"XOR", b"NOT", b"DIFF", b"DIFF1", b"ANDOR", b"ONE"]


cdef inline void mix_or(uint8_t *out, const uint8_t *p, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        out[i] |= p[i]


cdef void combine(bit_operation op, view *source, int count, uint8_t *out, uint8_t *extra, size_t n) noexcept nogil:
    """out: n bytes, the longest source; extra: as many zeros, for OP_ONE."""
    cdef const uint8_t *p
    cdef size_t len, i
    cdef int k
    cdef bint first_apart = op == OP_DIFF or op == OP_DIFF1 or op == OP_ANDOR
    memset(out, 0, n)
    if not first_apart:
        memcpy(out, source[0].ptr, source[0].len)
    for k in range(1, count):
        p = <const uint8_t *>source[k].ptr
        len = source[k].len
        if op == OP_AND:
            for i in range(len):
                out[i] &= p[i]
            memset(out + len, 0, n - len)
        elif op == OP_XOR:
            for i in range(len):
                out[i] ^= p[i]
        elif op == OP_ONE:
            for i in range(len):
                extra[i] |= out[i] & p[i]
                out[i] |= p[i]
        else:
            mix_or(out, p, len)
    p = <const uint8_t *>source[0].ptr
    len = source[0].len
    if op == OP_NOT:
        for i in range(n):
            out[i] = ~out[i]
    elif op == OP_ONE:
        for i in range(n):
            out[i] &= ~extra[i]
    elif first_apart:
        for i in range(len):
            if op == OP_DIFF:
                out[i] = p[i] & ~out[i]
            elif op == OP_DIFF1:
                out[i] &= ~p[i]
            else:
                out[i] &= p[i]
        if op != OP_DIFF1:
            memset(out + len, 0, n - len)


cdef entry *raw_string(call *c, view key, size_t n, char **bytes) noexcept nogil:
    """A string of n bytes that is not in the keyspace yet; NULL: no memory."""
    cdef entry *made = string_new_text(&c.store.mem, key, view_of(NULL, 0), 0)
    cdef entry *moved = made
    if made == NULL:
        return NULL
    bytes[0] = string_open(&c.store.mem, &moved, n)
    if bytes[0] == NULL:
        value_free(&c.store.mem, made)
        return NULL
    if moved != made:
        entry_free(&c.store.mem, made)
    return moved


cdef void bitop(call *c, bit_operation op, view *source, int count, char *scratch) noexcept nogil:
    cdef size_t n = 0
    cdef int i
    cdef bint known
    cdef char *out = NULL
    cdef uint8_t *extra = NULL
    cdef entry *e
    for i in range(count):
        if not read_value(c, c.argv[i + 3], &source[i], scratch + i * INT_TEXT, &known):
            return
        n = max(n, source[i].len)
    if n == 0:
        delete_key(c, c.db, c.argv[2], b"del")
        reply_int(c, 0)
        return
    if op == OP_ONE:
        extra = <uint8_t *>calloc(1, n)
    e = raw_string(c, c.argv[2], n, &out) if op != OP_ONE or extra != NULL else NULL
    if e == NULL:
        reply_error(c, NO_MEMORY)
    else:
        combine(op, source, count, <uint8_t *>out, extra, n)
        if store_new_value(c, c.db, c.argv[2], e):
            changed(c, c.argv[2], 1, EVENT_STRING, b"set")
            reply_int(c, n)
    free(extra)


define(bitop_command, """
    BITOP <AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destination key [key ...]
    write denyoom | bitmap | 2.6.0 | O(N) where N is the number of bytes of all strings
    Combine the bits of strings and store the result.
    newer: DIFF DIFF1 ANDOR ONE at 1 8.2.0
    keys: OW update; RO access
    at: 2 -1 1
""")
cdef void bitop_command(call *c) noexcept nogil:
    cdef int op
    cdef int count = c.argc - 3
    cdef view *source
    for op in range(<int>OPERATIONS):
        if view_is(c.argv[1], OPERATION_NAMES[op]):
            break
    else:
        reply_error(c, SYNTAX)
        return
    if op == OP_NOT and count != 1:
        reply_error(c, b"ERR BITOP NOT must be called with a single source key.")
        return
    if (op == OP_DIFF or op == OP_DIFF1 or op == OP_ANDOR) and count < 2:
        reply_errorf(c, b"ERR BITOP %s must be called with at least two source keys.", OPERATION_TITLES[op], NULL)
        return
    source = <view *>malloc(count * (sizeof(view) + INT_TEXT))
    if source == NULL:
        reply_error(c, NO_MEMORY)
        return
    bitop(c, <bit_operation>op, source, count, <char *>(source + count))
    free(source)


# ---- BITFIELD ---------------------------------------------------------------------------------------

cdef enum field_action:
    FIELD_GET
    FIELD_SET
    FIELD_ADD

cdef enum overflow:
    WRAP
    SATURATE
    FAIL

cdef struct field_step:        # a subcommand of BITFIELD
    field_action action
    overflow on_overflow
    bint is_signed
    int bits
    uint64_t offset
    int64_t operand


cdef bint read_type(call *c, int i, field_step *s) noexcept nogil:
    cdef view v = c.argv[i]        # the letter in lower case only
    cdef int64_t bits
    if v.len > 1 and (v.ptr[0] == c'i' or v.ptr[0] == c'u') and parse_int(view_of(v.ptr + 1, v.len - 1), &bits):
        s.is_signed = v.ptr[0] == c'i'
        s.bits = <int>bits
        if 1 <= bits <= (64 if s.is_signed else 63):
            return True
    reply_error(c, b"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
    return False


cdef int read_step(call *c, int i, bint reads_only, field_step *s) noexcept nogil:
    """The subcommand at i; returns the position of the next one, or -1 with the error replied."""
    cdef int words = 3
    if view_is(c.argv[i], b"get") and i + 2 < c.argc:
        s.action = FIELD_GET
    elif i + 3 < c.argc and (view_is(c.argv[i], b"set") or view_is(c.argv[i], b"incrby")):
        s.action = FIELD_SET if view_is(c.argv[i], b"set") else FIELD_ADD
        words = 4
    else:
        reply_error(c, SYNTAX)
        return -1
    if not read_type(c, i + 1, s) or not arg_offset(c, i + 2, s.bits, &s.offset):
        return -1
    if s.action != FIELD_GET:
        if reads_only:
            reply_error(c, b"ERR BITFIELD_RO only supports the GET subcommand")
            return -1
        if not arg_int(c, i + 3, &s.operand):
            return -1
    return i + words


cdef bint read_overflow(call *c, int i, overflow *how) noexcept nogil:
    if view_is(c.argv[i], b"wrap"):
        how[0] = WRAP
    elif view_is(c.argv[i], b"sat"):
        how[0] = SATURATE
    elif view_is(c.argv[i], b"fail"):
        how[0] = FAIL
    else:
        reply_error(c, b"ERR Invalid OVERFLOW type specified")
        return False
    return True


cdef int read_steps(call *c, field_step *steps, bint reads_only, uint64_t *end, bint *writes) noexcept nogil:
    """Their number; -1: the error is replied. *end: bits that the writes need."""
    cdef overflow how = WRAP
    cdef int i = 2
    cdef int n = 0
    while i < c.argc:
        if i + 1 < c.argc and view_is(c.argv[i], b"overflow"):
            if not read_overflow(c, i + 1, &how):
                return -1
            i += 2
            continue
        steps[n].on_overflow = how
        i = read_step(c, i, reads_only, &steps[n])
        if i < 0:
            return -1
        if steps[n].action != FIELD_GET:
            writes[0] = True
            end[0] = max(end[0], steps[n].offset + steps[n].bits)
        n += 1
    return n


cdef int64_t field_get(view v, field_step *s) noexcept nogil:
    cdef uint64_t value = 0
    cdef uint64_t at
    for at in range(s.offset, s.offset + s.bits):
        value = value << 1 | (bit_at(v.ptr, at) if at >> 3 < v.len else 0)
    if s.is_signed and s.bits < 64 and value >> (s.bits - 1):
        value |= <uint64_t>-1 << s.bits
    return <int64_t>value


cdef void field_put(char *p, field_step *s, int64_t value) noexcept nogil:
    cdef int i
    cdef uint64_t at
    cdef uint8_t mask
    for i in range(s.bits):
        at = s.offset + i
        mask = <uint8_t>(1 << (7 - (at & 7)))
        if <uint64_t>value >> (s.bits - 1 - i) & 1:
            p[at >> 3] |= <char>mask
        else:
            p[at >> 3] &= <char>~mask


cdef bint run_step(call *c, view v, char *p, field_step *s) noexcept nogil:
    """Replies; True: it wrote."""
    cdef int64_t before = field_get(v, s)
    cdef int64_t after
    cdef int over
    if s.action == FIELD_GET:
        reply_int(c, before)
        return False
    if s.action == FIELD_SET:
        over = field_add(s.operand, not s.is_signed, 0, s.is_signed, s.bits, s.on_overflow == WRAP, &after)
    else:
        over = field_add(before, not s.is_signed, s.operand, s.is_signed, s.bits, s.on_overflow == WRAP, &after)
    if over and s.on_overflow == FAIL:
        reply_null(c)
        return False
    field_put(p, s, after)
    reply_int(c, before if s.action == FIELD_SET else after)
    return True


cdef void run_steps(call *c, field_step *steps, int n, bint writes, uint64_t end) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef view v
    cdef size_t had
    cdef char *p = NULL
    cdef bint known
    cdef int64_t altered = 0
    cdef int i
    if writes:
        p = open_for_write(c, c.argv[1], (end + 7) >> 3, &had)
        if p == NULL:
            return
        v = view_of(p, max(had, <size_t>((end + 7) >> 3)))
    elif not read_value(c, c.argv[1], &v, scratch, &known):
        return
    reply_array(c, n)
    for i in range(n):
        altered += run_step(c, v, p, &steps[i])
    if altered or (writes and v.len > had):
        changed(c, c.argv[1], altered, EVENT_STRING, b"setbit")


cdef void bitfield_generic(call *c, bint reads_only) noexcept nogil:
    cdef uint64_t end = 0
    cdef bint writes = False
    cdef field_step *steps = <field_step *>malloc(c.argc * sizeof(field_step))
    cdef int n
    if steps == NULL:
        reply_error(c, NO_MEMORY)
        return
    n = read_steps(c, steps, reads_only, &end, &writes)
    if n >= 0:
        run_steps(c, steps, n, writes, end)
    free(steps)


define(bitfield_command, """
    BITFIELD key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]]
    write denyoom | bitmap | 3.2.0 | O(1) for each subcommand
    Read, set and increment integers of any width in a string.
    keys: RW access update variable_flags
    at: 1 1 1
""")
cdef void bitfield_command(call *c) noexcept nogil:
    bitfield_generic(c, False)


cdef uint32_t bitfield_key_flags(view *argv, int argc) noexcept nogil:
    """If all subcommands are GET, it only reads the key."""
    cdef int i = 2
    while i < argc and view_is(argv[i], b"get"):
        i += 3
    return KEY_RO | KEY_ACCESS if i >= argc else KEY_RW | KEY_ACCESS | KEY_UPDATE


define_key_narrowing("bitfield", bitfield_key_flags)


define(bitfield_ro_command, """
    BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]
    readonly fast | bitmap | 6.0.0 | O(1) for each subcommand
    Read integers of any width in a string.
    at: 1 1 1
""")
cdef void bitfield_ro_command(call *c) noexcept nogil:
    bitfield_generic(c, True)
