"""Values to bytes and back, in the format of Redis's snapshots (RDB).

A value is a type byte and what follows from it: counted strings and numbers, or a packed encoding as it
stands in memory. Written is the oldest form that loses nothing, so that old servers read it too; read is
every form since RDB version 2 but the zipmap. What is read is rebuilt member by member, or checked
before it is taken over: the bytes may come from anyone.

    length   00nnnnnn | 01nnnnnn n | 10000000 4 bytes | 10000001 8 bytes (big endian)
    string   length and bytes | 11000000 1, 11000001 2, 11000010 4 bytes: an integer | 11000011 length length LZF
"""

from libc.math cimport HUGE_VAL
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset

from kvd.commands.keyed cimport hash_limits, set_limits, zset_limits
from kvd.commands.lists cimport list_limits
from kvd.core.buf cimport buf, buf_add, buf_add_char, buf_release, buf_reserve
from kvd.core.entry cimport entry, entry_payload
from kvd.core.idmap cimport id_compare, id_lowest, id_of, idmap_next, idmap_seek, idpos, stream_id
from kvd.core.intset cimport intset_at, intset_bytes, intset_check, intset_count
from kvd.core.listpack cimport (
    lp_append, lp_append_int, lp_bytes, lp_check, lp_count, lp_first, lp_free, lp_get, lp_get_int, lp_new, lp_next,
)
from kvd.core.lzf cimport lzf_compress, lzf_decompress
from kvd.core.mem cimport heap, mem_alloc, mem_free
from kvd.core.quicklist cimport quicklist, quicklist_push, quicknode
from kvd.core.text cimport INT_TEXT, format_int, parse_double, parse_int
from kvd.core.view cimport view, view_of
from kvd.store.store cimport store
from kvd.types.hash cimport (
    HASH_PACKED, hash_cursor, hash_deadline, hash_expand, hash_is_timed, hash_len, hash_new, hash_next, hash_set,
    hash_set_deadline, hash_soonest, hash_start,
)
from kvd.types.list cimport LIST_PACKED, list_access, list_adopt, list_close, list_grow, list_new, list_open
from kvd.types.set cimport SET_INTS, set_add, set_cursor, set_expand, set_len, set_new, set_next, set_start
from kvd.types.stream cimport (
    consumer, group, group_consumer, group_consumer_add, group_pend, nack, name_of, stream, stream_adopt,
    stream_group, stream_group_add, stream_new, stream_node, stream_of,
)
from kvd.types.string cimport string_new, string_view
from kvd.types.value cimport HASH, LIST, SET, STREAM, ZSET, encoding_of, packing, type_of, value_free
from kvd.types.zset cimport ZSET_PACKED, zset_at, zset_cursor, zset_get, zset_len, zset_new, zset_prev, zset_set

cdef enum rdb_type:
    RDB_STRING = 0
    RDB_LIST = 1
    RDB_SET = 2
    RDB_ZSET = 3               # scores as text
    RDB_HASH = 4
    RDB_ZSET_2 = 5             # scores as doubles
    RDB_LIST_ZIPLIST = 10
    RDB_SET_INTSET = 11
    RDB_ZSET_ZIPLIST = 12
    RDB_HASH_ZIPLIST = 13
    RDB_LIST_QUICKLIST = 14    # of ziplists
    RDB_STREAM_1 = 15
    RDB_HASH_LISTPACK = 16
    RDB_ZSET_LISTPACK = 17
    RDB_LIST_QUICKLIST_2 = 18  # of listpacks
    RDB_STREAM_2 = 19          # with counters
    RDB_SET_LISTPACK = 20
    RDB_STREAM_3 = 21          # with the times consumers were active
    RDB_HASH_TIMED = 24        # with deadlines of fields
    RDB_HASH_LISTPACK_TIMED = 25

cdef enum string_form:
    FORM_INT8 = 0
    FORM_INT16 = 1
    FORM_INT32 = 2
    FORM_LZF = 3

cdef enum:
    NODE_PLAIN = 1             # of a quicklist: one element, not packed
    NODE_PACKED = 2
    COMPRESS_ABOVE = 20        # bytes of a string
    LZF_EXPANSION = 300        # a byte never becomes more


# ---- writing ----------------------------------------------------------------------------------------

cdef inline void put_byte(buf *out, int byte) noexcept nogil:
    buf_add_char(out, <char>byte)


cdef void put_big(buf *out, uint64_t n, int bytes) noexcept nogil:
    cdef int i
    for i in range(bytes - 1, -1, -1):
        put_byte(out, <int>(n >> (8 * i) & 255))


cdef inline void put_little(buf *out, uint64_t n, int bytes) noexcept nogil:
    buf_add(out, &n, bytes)


cdef void put_length(buf *out, uint64_t n) noexcept nogil:
    if n < 64:
        put_byte(out, <int>n)
    elif n < 16384:
        put_byte(out, <int>(0x40 | n >> 8))
        put_byte(out, <int>(n & 255))
    elif n >> 32 == 0:
        put_byte(out, 0x80)
        put_big(out, n, 4)
    else:
        put_byte(out, 0x81)
        put_big(out, n, 8)


cdef bint put_int(buf *out, int64_t n) noexcept nogil:
    """False: it takes more than four bytes."""
    if -128 <= n <= 127:
        put_byte(out, 0xC0 | FORM_INT8)
        put_little(out, <uint64_t>n, 1)
    elif -32768 <= n <= 32767:
        put_byte(out, 0xC0 | FORM_INT16)
        put_little(out, <uint64_t>n, 2)
    elif -<int64_t>0x80000000LL <= n <= 0x7FFFFFFF:
        put_byte(out, 0xC0 | FORM_INT32)
        put_little(out, <uint64_t>n, 4)
    else:
        return False
    return True


cdef bint put_compressed(buf *out, view v) noexcept nogil:
    """False: it does not get smaller."""
    cdef size_t begin = out.len
    cdef size_t n
    if not buf_reserve(out, v.len + 32):
        return False
    n = lzf_compress(<const uint8_t *>v.ptr, v.len, <uint8_t *>out.ptr + begin + 20, v.len - 4)
    if n == 0:
        return False
    put_byte(out, 0xC0 | FORM_LZF)
    put_length(out, n)
    put_length(out, v.len)
    memmove(out.ptr + out.len, out.ptr + begin + 20, n)
    out.len += n
    return True


cdef void put_blob(buf *out, const void *p, size_t n) noexcept nogil:
    if n > COMPRESS_ABOVE and put_compressed(out, view_of(<const char *>p, n)):
        return
    put_length(out, n)
    buf_add(out, p, n)


cdef void put_string(buf *out, view v) noexcept nogil:
    cdef int64_t n
    if v.len <= 11 and parse_int(v, &n) and put_int(out, n):
        return
    put_blob(out, v.ptr, v.len)


cdef inline uint8_t *packed_of(entry *e) noexcept nogil:
    """The listpack or intset of a value in that encoding."""
    return <uint8_t *>entry_payload(e)[0]


cdef int encode_list(buf *out, entry *e) noexcept nogil:
    cdef quicklist *q
    cdef quicknode *n
    put_byte(out, RDB_LIST_QUICKLIST_2)
    if encoding_of(e) == LIST_PACKED:
        put_length(out, 1)
        put_length(out, NODE_PACKED)
        put_blob(out, packed_of(e), lp_bytes(packed_of(e)))
        return 10
    q = <quicklist *>entry_payload(e)[0]
    put_length(out, q.nodes)
    n = q.head
    while n != NULL:
        put_length(out, NODE_PACKED)
        if n.squeezed:
            put_byte(out, 0xC0 | FORM_LZF)
            put_length(out, n.squeezed)
            put_length(out, n.bytes)
            buf_add(out, n.data, n.squeezed)
        else:
            put_blob(out, n.data, n.bytes)
        n = n.next
    return 10


cdef int encode_set(buf *out, entry *e) noexcept nogil:
    cdef set_cursor at
    cdef view member
    if encoding_of(e) == SET_INTS:
        put_byte(out, RDB_SET_INTSET)
        put_blob(out, packed_of(e), intset_bytes(packed_of(e)))
        return 10
    put_byte(out, RDB_SET)
    put_length(out, set_len(e))
    set_start(e, &at)
    while set_next(&at, &member):
        put_string(out, member)
    return 10


cdef int encode_zset(buf *out, entry *e) noexcept nogil:
    cdef zset_cursor at
    cdef view member
    cdef double score
    cdef bint more
    if encoding_of(e) == ZSET_PACKED:
        put_byte(out, RDB_ZSET_LISTPACK)
        put_blob(out, packed_of(e), lp_bytes(packed_of(e)))
        return 10
    put_byte(out, RDB_ZSET_2)
    put_length(out, zset_len(e))
    more = zset_at(e, zset_len(e) - 1, &at)
    while more:                    # the highest first: a skip list is filled fastest so
        score = zset_get(&at, &member)
        put_string(out, member)
        buf_add(out, &score, 8)
        more = zset_prev(&at)
    return 10


cdef int encode_timed_hash(buf *out, entry *e) noexcept nogil:
    cdef hash_cursor at
    cdef view field, value
    cdef int64_t soonest = hash_soonest(e)
    cdef int64_t ms
    put_byte(out, RDB_HASH_TIMED)
    put_little(out, <uint64_t>soonest, 8)
    put_length(out, hash_len(e))
    hash_start(e, &at)
    while hash_next(&at, &field, &value):
        ms = hash_deadline(e, field)
        put_length(out, ms - soonest + 1 if ms >= 0 else 0)
        put_string(out, field)
        put_string(out, value)
    return 12


cdef int encode_hash(buf *out, entry *e) noexcept nogil:
    cdef hash_cursor at
    cdef view field, value
    if encoding_of(e) == HASH_PACKED:
        put_byte(out, RDB_HASH_LISTPACK)
        put_blob(out, packed_of(e), lp_bytes(packed_of(e)))
        return 10
    if hash_is_timed(e) and hash_soonest(e) >= 0:
        return encode_timed_hash(out, e)
    put_byte(out, RDB_HASH)
    put_length(out, hash_len(e))
    hash_start(e, &at)
    while hash_next(&at, &field, &value):
        put_string(out, field)
        put_string(out, value)
    return 10


cdef void put_id(buf *out, stream_id id) noexcept nogil:
    """As a key of Redis's tree: 16 bytes, big endian."""
    put_big(out, id.ms, 8)
    put_big(out, id.seq, 8)


cdef void put_id_lengths(buf *out, stream_id id) noexcept nogil:
    put_length(out, id.ms)
    put_length(out, id.seq)


cdef void encode_group(buf *out, group *g, bint active) noexcept nogil:
    cdef idpos at
    cdef nack *p
    cdef consumer *who
    cdef uint32_t i
    put_string(out, name_of(g))
    put_id_lengths(out, g.last)
    put_length(out, <uint64_t>g.entries_read)
    put_length(out, g.pending.count)
    p = <nack *>idmap_seek(&g.pending, id_lowest(), &at)
    while p != NULL:
        put_id(out, p.id)
        put_little(out, <uint64_t>p.delivered_ms, 8)
        put_length(out, p.deliveries)
        p = <nack *>idmap_next(&g.pending, &at)
    put_length(out, g.consumers.count)
    for i in range(g.consumers.count):
        who = <consumer *>g.consumers.item[i]
        put_string(out, name_of(who))
        put_little(out, <uint64_t>who.seen_ms, 8)
        if active:
            put_little(out, <uint64_t>who.active_ms, 8)
        put_length(out, who.pending.count)
        p = <nack *>idmap_seek(&who.pending, id_lowest(), &at)
        while p != NULL:
            put_id(out, p.id)
            p = <nack *>idmap_next(&who.pending, &at)


cdef int encode_stream(buf *out, entry *e) noexcept nogil:
    cdef stream *s = stream_of(e)
    cdef idpos at
    cdef stream_node *n = <stream_node *>idmap_seek(&s.nodes, id_lowest(), &at)
    cdef bint active = False       # there are consumers, whose times the older form would lose
    cdef char key[16]
    cdef uint32_t i
    for i in range(s.groups.count):
        active = active or (<group *>s.groups.item[i]).consumers.count != 0
    put_byte(out, RDB_STREAM_3 if active else RDB_STREAM_2)
    put_length(out, s.nodes.count)
    while n != NULL:
        put_length(out, sizeof(key))
        put_id(out, n.first)
        put_blob(out, n.lp, lp_bytes(n.lp))
        n = <stream_node *>idmap_next(&s.nodes, &at)
    put_length(out, s.length)
    put_id_lengths(out, s.last)
    put_id_lengths(out, s.first)
    put_id_lengths(out, s.max_deleted)
    put_length(out, s.added)
    put_length(out, s.groups.count)
    for i in range(s.groups.count):
        encode_group(out, <group *>s.groups.item[i], active)
    return 11 if active else 10


cdef int value_encode(buf *out, entry *e) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef int type = type_of(e)
    if type == LIST:
        return encode_list(out, e)
    if type == SET:
        return encode_set(out, e)
    if type == ZSET:
        return encode_zset(out, e)
    if type == HASH:
        return encode_hash(out, e)
    if type == STREAM:
        return encode_stream(out, e)
    put_byte(out, RDB_STRING)
    put_string(out, string_view(e, scratch))
    return 10


# ---- reading ----------------------------------------------------------------------------------------

cdef struct reader:            # once bad, it answers zeros and empty strings
    const uint8_t *p
    const uint8_t *end
    bint bad
    buf room[2]                # where a string that is not plain is put; the caller names one
    store *s
    heap *mem


cdef bint more(reader *r, uint64_t n) noexcept nogil:
    if r.bad or n > <uint64_t>(r.end - r.p):
        r.bad = True
        return False
    return True


cdef uint64_t get_bytes(reader *r, int n, bint big) noexcept nogil:
    cdef uint64_t v = 0
    cdef int i
    if not more(r, n):
        return 0
    for i in range(n):
        v |= <uint64_t>r.p[i] << (8 * (n - 1 - i) if big else 8 * i)
    r.p += n
    return v


cdef uint64_t get_length_or_form(reader *r, int *form) noexcept nogil:
    """form: of a string that is not plain, else -1."""
    cdef int byte = <int>get_bytes(r, 1, False)
    form[0] = -1
    if r.bad or byte >> 6 == 0:
        return byte & 63
    if byte >> 6 == 1:
        return <uint64_t>(byte & 63) << 8 | get_bytes(r, 1, False)
    if byte == 0x80:
        return get_bytes(r, 4, True)
    if byte == 0x81:
        return get_bytes(r, 8, True)
    if byte >> 6 == 3:
        form[0] = byte & 63
        return 0
    r.bad = True
    return 0


cdef uint64_t get_length(reader *r) noexcept nogil:
    cdef int form
    cdef uint64_t n = get_length_or_form(r, &form)
    if form >= 0:
        r.bad = True
    return n


cdef uint64_t get_count(reader *r) noexcept nogil:
    """How many things follow, each of a byte at least; not 0."""
    cdef uint64_t n = get_length(r)
    if n == 0 or n > <uint64_t>(r.end - r.p):
        r.bad = True
    return 0 if r.bad else n


cdef view get_lzf(reader *r, buf *room) noexcept nogil:
    cdef uint64_t n = get_length(r)
    cdef uint64_t whole = get_length(r)
    room.len = 0
    if not more(r, n) or whole > n * LZF_EXPANSION or not buf_reserve(room, whole + 1) or not lzf_decompress(
            r.p, n, <uint8_t *>room.ptr, whole):
        r.bad = True
        return view_of(NULL, 0)
    r.p += n
    return view_of(room.ptr, whole)


cdef view get_string(reader *r, int which) noexcept nogil:
    """It stays until the next one that is read with the same `which`."""
    cdef buf *room = &r.room[which]
    cdef int form
    cdef uint64_t n = get_length_or_form(r, &form)
    cdef int64_t number
    cdef view v
    if form == FORM_LZF:
        return get_lzf(r, room)
    if form < 0:
        if not more(r, n):
            return view_of(NULL, 0)
        v = view_of(<const char *>r.p, n)
        r.p += n
        return v
    if form == FORM_INT8:
        number = <int8_t>get_bytes(r, 1, False)
    elif form == FORM_INT16:
        number = <int16_t>get_bytes(r, 2, False)
    elif form == FORM_INT32:
        number = <int32_t>get_bytes(r, 4, False)
    else:
        number = 0
        r.bad = True
    room.len = 0
    if not buf_reserve(room, INT_TEXT):
        r.bad = True
        return view_of(NULL, 0)
    return view_of(room.ptr, format_int(room.ptr, number))


cdef uint8_t *copy_bytes(reader *r, view v) noexcept nogil:
    """The same bytes in the store's heap; NULL: no memory."""
    cdef uint8_t *p = <uint8_t *>mem_alloc(r.mem, v.len) if not r.bad and v.len else NULL
    if p == NULL:
        r.bad = True
        return NULL
    memcpy(p, v.ptr, v.len)
    return p


cdef uint8_t *get_listpack(reader *r) noexcept nogil:
    """A sound one that is not empty, the caller's; NULL: r.bad."""
    cdef view v = get_string(r, 0)
    cdef uint8_t *lp
    if r.bad or lp_check(<const uint8_t *>v.ptr, v.len) != NULL or lp_count(<const uint8_t *>v.ptr) == 0:
        r.bad = True
        return NULL
    lp = copy_bytes(r, v)
    return lp


# a ziplist is turned into the listpack of the same elements
#     bytes 4 | tail 4 | count 2 | entries | 255      entry: length of the one before (1 or 5) | encoding | content

cdef bint ziplist_element(const uint8_t **at, const uint8_t *end, heap *h, uint8_t **lp) noexcept nogil:
    cdef const uint8_t *p = at[0]
    cdef uint64_t n
    cdef int64_t number = 0
    cdef int code, bytes
    p += 5 if p[0] == 254 else 1
    if p >= end:
        return False
    code = p[0]
    if code >> 6 < 3:              # a string of 6, 14 or 32 bits of length
        if code >> 6 == 0:
            n = code & 63
            p += 1
        elif code >> 6 == 1 and end - p > 1:
            n = <uint64_t>(code & 63) << 8 | p[1]
            p += 2
        elif code == 0x80 and end - p > 4:
            n = <uint64_t>p[1] << 24 | <uint64_t>p[2] << 16 | <uint64_t>p[3] << 8 | p[4]
            p += 5
        else:
            return False
        if n >= <uint64_t>(end - p) or not lp_append(h, lp, view_of(<const char *>p, n)):
            return False
        at[0] = p + n
        return True
    p += 1
    if 0xF1 <= code <= 0xFD:
        number = (code & 15) - 1
        bytes = 0
    else:
        bytes = 2 if code == 0xC0 else 4 if code == 0xD0 else 8 if code == 0xE0 else 3 if code == 0xF0 else 1 if code == 0xFE else -1
        if bytes < 0 or end - p <= bytes:
            return False
        memcpy(&number, p, bytes)
        if bytes < 8:
            number = number << (64 - 8 * bytes) >> (64 - 8 * bytes)
    at[0] = p + bytes
    return lp_append_int(h, lp, number)


cdef uint8_t *get_ziplist(reader *r) noexcept nogil:
    """As a listpack that is not empty, the caller's; NULL: r.bad."""
    cdef view v = get_string(r, 0)
    cdef const uint8_t *p = <const uint8_t *>v.ptr + 10
    cdef const uint8_t *end = <const uint8_t *>v.ptr + v.len
    cdef uint8_t *lp
    if r.bad or v.len < 12 or <uint8_t>v.ptr[v.len - 1] != 255:
        r.bad = True
        return NULL
    lp = lp_new(r.mem)
    while lp != NULL and p < end and p[0] != 255:
        if not ziplist_element(&p, end, r.mem, &lp):
            r.bad = True
            break
    if lp == NULL or r.bad or p != end - 1 or lp_count(lp) == 0:
        r.bad = True
        if lp != NULL:
            lp_free(r.mem, lp)
        return NULL
    return lp


# ---- values -----------------------------------------------------------------------------------------

cdef void push(reader *r, entry *e, view v) noexcept nogil:
    cdef list_access a
    list_open(&a, r.mem, e, list_limits(r.s))
    if r.bad or not list_grow(&a, v.len, 1) or not quicklist_push(a.q, v, False):
        r.bad = True
    list_close(&a)


cdef void adopt(reader *r, entry *e, uint8_t *lp) noexcept nogil:
    if lp != NULL and not list_adopt(r.mem, e, lp, list_limits(r.s)):
        lp_free(r.mem, lp)
        r.bad = True


cdef void decode_list(reader *r, entry *e, int type) noexcept nogil:
    cdef uint64_t n
    cdef uint64_t form = NODE_PACKED
    if type == RDB_LIST_ZIPLIST:
        adopt(r, e, get_ziplist(r))
        return
    n = get_count(r)
    while n and not r.bad:
        if type == RDB_LIST_QUICKLIST_2:
            form = get_length(r)
        if type == RDB_LIST or form == NODE_PLAIN:
            push(r, e, get_string(r, 0))
        elif type == RDB_LIST_QUICKLIST:
            adopt(r, e, get_ziplist(r))
        elif form == NODE_PACKED:
            adopt(r, e, get_listpack(r))
        else:
            r.bad = True
        n -= 1


cdef void add_member(reader *r, entry *e, view member, packing *limits) noexcept nogil:
    if r.bad or set_add(r.mem, e, member, limits) != 1:
        r.bad = True               # also one that is there already


cdef void decode_set(reader *r, entry *e, int type) noexcept nogil:
    cdef packing limits = set_limits(r.s)
    cdef char scratch[INT_TEXT]
    cdef uint64_t n, i
    cdef view v
    cdef uint8_t *lp
    cdef uint8_t *p
    if type == RDB_SET:
        n = get_count(r)
        if not r.bad:
            set_expand(r.mem, e, n, &limits)
        while n and not r.bad:
            add_member(r, e, get_string(r, 0), &limits)
            n -= 1
    elif type == RDB_SET_INTSET:
        v = get_string(r, 0)
        if r.bad or intset_check(<const uint8_t *>v.ptr, v.len) != NULL or intset_count(<const uint8_t *>v.ptr) == 0:
            r.bad = True
            return
        for i in range(intset_count(<const uint8_t *>v.ptr)):
            add_member(r, e, view_of(scratch, format_int(scratch, intset_at(<const uint8_t *>v.ptr, <uint32_t>i))), &limits)
    else:
        lp = get_listpack(r)
        p = lp_first(lp) if lp != NULL else NULL
        while p != NULL and not r.bad:
            add_member(r, e, lp_get(p, scratch), &limits)
            p = lp_next(p)
        if lp != NULL:
            lp_free(r.mem, lp)


cdef void add_scored(reader *r, entry *e, view member, double score, packing *limits) noexcept nogil:
    if r.bad or score != score or zset_set(r.mem, e, member, score, limits) != 1:
        r.bad = True


cdef double get_text_score(reader *r) noexcept nogil:
    """A length and digits; 253 to 255 stand for nan and the infinities."""
    cdef uint64_t n = get_bytes(r, 1, False)
    cdef double d = 0
    if n >= 253:
        r.bad = r.bad or n == 253
        return HUGE_VAL if n == 254 else -HUGE_VAL
    if more(r, n):
        r.bad = not parse_double(view_of(<const char *>r.p, n), &d)
        r.p += n
    return d


cdef double get_score(reader *r) noexcept nogil:
    cdef uint64_t bits = get_bytes(r, 8, False)
    cdef double d
    memcpy(&d, &bits, 8)
    return d


cdef void decode_zset(reader *r, entry *e, int type) noexcept nogil:
    cdef packing limits = zset_limits(r.s)
    cdef char scratch[INT_TEXT]
    cdef char digits[INT_TEXT]
    cdef uint64_t n
    cdef view member
    cdef double score
    cdef uint8_t *lp
    cdef uint8_t *p
    cdef uint8_t *after
    if type == RDB_ZSET or type == RDB_ZSET_2:
        n = get_count(r)
        while n and not r.bad:
            member = get_string(r, 0)
            score = get_text_score(r) if type == RDB_ZSET else get_score(r)
            add_scored(r, e, member, score, &limits)
            n -= 1
        return
    lp = get_ziplist(r) if type == RDB_ZSET_ZIPLIST else get_listpack(r)
    p = lp_first(lp) if lp != NULL else NULL
    while p != NULL and not r.bad:
        after = lp_next(p)
        if after == NULL or not parse_double(lp_get(after, digits), &score):
            r.bad = True
            break
        add_scored(r, e, lp_get(p, scratch), score, &limits)
        p = lp_next(after)
    if lp != NULL:
        lp_free(r.mem, lp)


cdef void add_field(reader *r, entry *e, view field, view value, int64_t ms, packing *limits) noexcept nogil:
    """ms: its deadline, or 0."""
    if r.bad or ms < 0 or hash_set(r.mem, e, field, value, limits, False) != 1:
        r.bad = True
    elif ms and not hash_set_deadline(r.mem, e, field, ms, limits):
        r.bad = True


cdef void decode_packed_hash(reader *r, entry *e, uint8_t *lp, bint timed, packing *limits) noexcept nogil:
    cdef char scratch[INT_TEXT]
    cdef char second[INT_TEXT]
    cdef uint8_t *p = lp_first(lp) if lp != NULL else NULL
    cdef uint8_t *value
    cdef uint8_t *following
    cdef int64_t ms = 0
    while p != NULL and not r.bad:
        value = lp_next(p)
        if value == NULL:
            r.bad = True
            break
        following = lp_next(value)
        if timed:
            if following == NULL or not lp_get_int(following, &ms):
                r.bad = True
                break
            following = lp_next(following)
        add_field(r, e, lp_get(p, scratch), lp_get(value, second), ms, limits)
        p = following
    if lp != NULL:
        lp_free(r.mem, lp)


cdef void decode_hash(reader *r, entry *e, int type) noexcept nogil:
    cdef packing limits = hash_limits(r.s)
    cdef uint64_t n, after
    cdef int64_t soonest = 0
    cdef view field
    if type == RDB_HASH_TIMED or type == RDB_HASH_LISTPACK_TIMED:
        soonest = <int64_t>get_bytes(r, 8, False)
    if type == RDB_HASH_ZIPLIST or type == RDB_HASH_LISTPACK or type == RDB_HASH_LISTPACK_TIMED:
        decode_packed_hash(r, e, get_ziplist(r) if type == RDB_HASH_ZIPLIST else get_listpack(r), type == RDB_HASH_LISTPACK_TIMED, &limits)
        return
    n = get_count(r)
    if r.bad or not hash_expand(r.mem, e, n, &limits):
        r.bad = True
    while n and not r.bad:
        after = get_length(r) if type == RDB_HASH_TIMED else 0
        field = get_string(r, 0)
        add_field(r, e, field, get_string(r, 1), <int64_t>(soonest + after - 1) if after else 0, &limits)
        n -= 1


# ---- streams ----------------------------------------------------------------------------------------

cdef struct pending:           # of a group, before it is known whose it is
    stream_id id
    int64_t delivered_ms
    uint64_t deliveries
    bint taken


cdef stream_id get_id(reader *r) noexcept nogil:
    cdef uint64_t ms = get_bytes(r, 8, True)
    return id_of(ms, get_bytes(r, 8, True))


cdef stream_id get_id_lengths(reader *r) noexcept nogil:
    cdef uint64_t ms = get_length(r)
    return id_of(ms, get_length(r))


cdef pending *find_pending(pending *all, uint64_t n, stream_id id) noexcept nogil:
    cdef uint64_t lo = 0
    cdef uint64_t hi = n
    cdef uint64_t middle
    while lo < hi:
        middle = (lo + hi) >> 1
        if id_compare(all[middle].id, id) < 0:
            lo = middle + 1
        else:
            hi = middle
    return &all[lo] if lo < n and id_compare(all[lo].id, id) == 0 and not all[lo].taken else NULL


cdef uint64_t get_few(reader *r, int bytes) noexcept nogil:
    """How many things of so many bytes follow; may be 0."""
    cdef uint64_t n = get_length(r)
    if n > <uint64_t>(r.end - r.p) // bytes:
        r.bad = True
    return 0 if r.bad else n


cdef void decode_consumer(reader *r, stream *s, group *g, pending *all, uint64_t total, int type) noexcept nogil:
    cdef view name = get_string(r, 0)
    cdef consumer *who
    cdef pending *p
    cdef nack *n
    cdef uint64_t count
    cdef int64_t seen = <int64_t>get_bytes(r, 8, False)
    cdef int64_t active = <int64_t>get_bytes(r, 8, False) if type == RDB_STREAM_3 else seen
    count = get_few(r, 16)
    who = group_consumer_add(s, g, name, seen) if not r.bad and group_consumer(g, name) == NULL else NULL
    if who == NULL:
        r.bad = True
        return
    who.active_ms = active
    while count and not r.bad:
        p = find_pending(all, total, get_id(r))
        n = group_pend(s, g, who, p.id, p.delivered_ms) if p != NULL else NULL
        if n == NULL:
            r.bad = True
            return
        n.deliveries = p.deliveries
        p.taken = True
        count -= 1


cdef void decode_group(reader *r, stream *s, int type) noexcept nogil:
    cdef view name = get_string(r, 0)
    cdef stream_id last = get_id_lengths(r)
    cdef int64_t read = <int64_t>get_length(r) if type != RDB_STREAM_1 else -1
    cdef group *g
    cdef pending *all
    cdef uint64_t total, count, i
    g = stream_group_add(s, name, last, read) if not r.bad and stream_group(s, name) == NULL else NULL
    total = get_few(r, 25)
    all = <pending *>malloc(total * sizeof(pending) + 1)
    if g == NULL or all == NULL:
        r.bad = True
    for i in range(total if not r.bad else 0):
        all[i].id = get_id(r)
        all[i].delivered_ms = <int64_t>get_bytes(r, 8, False)
        all[i].deliveries = get_length(r)
        all[i].taken = False
        if i and id_compare(all[i - 1].id, all[i].id) >= 0:
            r.bad = True
    count = get_few(r, 10)
    while count and not r.bad:
        decode_consumer(r, s, g, all, total, type)
        count -= 1
    if not r.bad and g.pending.count != total:
        r.bad = True                   # something is pending for nobody
    free(all)


cdef void decode_node(reader *r, stream *s) noexcept nogil:
    cdef view key = get_string(r, 1)
    cdef uint8_t *lp
    cdef size_t n
    cdef uint64_t ms = 0
    cdef uint64_t seq = 0
    cdef int i
    if key.len != 16:
        r.bad = True
        return
    for i in range(8):
        ms = ms << 8 | <uint8_t>key.ptr[i]
        seq = seq << 8 | <uint8_t>key.ptr[8 + i]
    lp = get_listpack(r)
    if lp == NULL:
        return
    n = lp_bytes(lp)
    if not stream_adopt(s, id_of(ms, seq), lp, n):
        mem_free(r.mem, lp, n)
        r.bad = True


cdef void decode_stream(reader *r, entry *e, int type) noexcept nogil:
    cdef stream *s = stream_of(e)
    cdef uint64_t n = get_few(r, 1)
    cdef stream_id last
    while n and not r.bad:
        decode_node(r, s)
        n -= 1
    if get_length(r) != s.length:
        r.bad = True
    last = get_id_lengths(r)
    if id_compare(last, s.last) < 0:
        r.bad = True
    s.last = last
    if type != RDB_STREAM_1:
        get_id_lengths(r)              # the first id follows from the entries
        s.max_deleted = get_id_lengths(r)
        s.added = get_length(r)
    n = get_few(r, 1)
    while n and not r.bad:
        decode_group(r, s, type)
        n -= 1


# ---- choosing ---------------------------------------------------------------------------------------

cdef entry *make(reader *r, int type, view key) noexcept nogil:
    """An empty value of the type; NULL: there is no such type, or no memory."""
    if type == RDB_LIST or type == RDB_LIST_ZIPLIST or type == RDB_LIST_QUICKLIST or type == RDB_LIST_QUICKLIST_2:
        return list_new(r.mem, key)
    if type == RDB_SET or type == RDB_SET_INTSET or type == RDB_SET_LISTPACK:
        return set_new(r.mem, key)
    if type == RDB_ZSET or type == RDB_ZSET_2 or type == RDB_ZSET_ZIPLIST or type == RDB_ZSET_LISTPACK:
        return zset_new(r.mem, key)
    if type == RDB_HASH or type == RDB_HASH_ZIPLIST or type == RDB_HASH_LISTPACK or type == RDB_HASH_TIMED or type == RDB_HASH_LISTPACK_TIMED:
        return hash_new(r.mem, key)
    if type == RDB_STREAM_1 or type == RDB_STREAM_2 or type == RDB_STREAM_3:
        return stream_new(r.mem, key)
    return NULL


cdef entry *decode_string(reader *r, view key) noexcept nogil:
    cdef view v = get_string(r, 0)
    return string_new(r.mem, key, v, 0) if not r.bad else NULL


cdef entry *value_decode(store *s, view data, view key) noexcept nogil:
    cdef reader r
    cdef entry *e
    cdef int type
    memset(&r, 0, sizeof(r))
    r.p = <const uint8_t *>data.ptr
    r.end = r.p + data.len
    r.s = s
    r.mem = &s.mem
    type = <int>get_bytes(&r, 1, False)
    if type == RDB_STRING:
        e = decode_string(&r, key)
    else:
        e = make(&r, type, key)
        if e == NULL:
            pass
        elif type_of(e) == LIST:
            decode_list(&r, e, type)
        elif type_of(e) == SET:
            decode_set(&r, e, type)
        elif type_of(e) == ZSET:
            decode_zset(&r, e, type)
        elif type_of(e) == HASH:
            decode_hash(&r, e, type)
        else:
            decode_stream(&r, e, type)
    if e != NULL and (r.bad or r.p != r.end):
        value_free(r.mem, e)
        e = NULL
    buf_release(&r.room[0])
    buf_release(&r.room[1])
    return e


# ---- strings alone ----------------------------------------------------------------------------------

cdef void string_encode(buf *out, view v) noexcept nogil:
    put_string(out, v)


cdef bint string_decode(view *data, buf *room, view *v) noexcept nogil:
    cdef reader r
    memset(&r, 0, sizeof(r))
    r.p = <const uint8_t *>data.ptr
    r.end = r.p + data.len
    r.room[0] = room[0]
    v[0] = get_string(&r, 0)
    room[0] = r.room[0]
    data[0] = view_of(<const char *>r.p, r.end - r.p)
    return not r.bad
