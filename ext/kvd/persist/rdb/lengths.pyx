"""Numbers and strings of an RDB file.

    length   00nnnnnn | 01nnnnnn n | 10000000 4 bytes | 10000001 8 bytes (big endian)
    string   length and bytes | 11000000 1, 11000001 2, 11000010 4 bytes: an integer | 11000011 length length LZF

Reading checks every length before it is used. An error sets `bad`, and all further reads return zeros and empty strings, so
that callers test `bad` once, at the end. `short` and `empty` tell two kinds of errors from the others, for the loader of
files: it reads more of the file and starts anew, or skips the key.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from kvd.core.buf cimport buf_release, buf_reserve
from kvd.core.listpack cimport lp_check, lp_count, lp_settle
from kvd.core.lzf cimport lzf_compress, lzf_decompress
from kvd.core.mem cimport mem_alloc
from kvd.core.text cimport INT_TEXT, format_int, parse_int
from kvd.core.view cimport view_of
from kvd.store.lock cimport atomic_get
from kvd.store.store cimport store_lend

cdef enum:
    COMPRESS_ABOVE = 20        # bytes of a string
    LZF_EXPANSION = 88         # maximum ratio of decompressed to compressed size: 264 bytes from 3
    LEND_STEP = 1 << 16        # bytes
    LONGEST = 0xFFFFFFFF       # bytes of a key or an element, whose lengths have 32 bits in memory


# ---- writing ----------------------------------------------------------------------------------------

cdef void put_big(buf *out, uint64_t n, int bytes) noexcept nogil:
    cdef int i
    for i in range(bytes - 1, -1, -1):
        put_byte(out, <int>(n >> (8 * i) & 255))


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
    """False: it needs more than four bytes."""
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
    """False: the compressed form is not smaller."""
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


cdef void put_blob(writer *w, const void *p, size_t n) noexcept nogil:
    if n > COMPRESS_ABOVE and w.compresses and put_compressed(w.out, view_of(<const char *>p, n)):
        return
    put_length(w.out, n)
    buf_add(w.out, p, n)


cdef void put_string(writer *w, view v) noexcept nogil:
    cdef int64_t n
    if v.len <= 11 and parse_int(v, &n) and put_int(w.out, n):
        return
    put_blob(w, v.ptr, v.len)


# ---- reading ----------------------------------------------------------------------------------------

cdef void reader_open(reader *r, store *s, view data) noexcept nogil:
    memset(r, 0, sizeof(reader))
    r.p = <const uint8_t *>data.ptr
    r.end = r.p + data.len
    r.s = s
    if s != NULL:
        r.mem = &s.mem


cdef void reader_close(reader *r) noexcept nogil:
    buf_release(&r.room[0])
    buf_release(&r.room[1])
    buf_release(&r.room[2])


cdef bint more(reader *r, uint64_t n) noexcept nogil:
    if r.bad:
        return False
    if n > <uint64_t>(r.end - r.p):
        r.bad = r.short = True
        return False
    return True


cdef uint64_t get_bytes(reader *r, int n, bint big) noexcept nogil:
    cdef uint64_t v = 0
    cdef int i
    if not more(r, n):
        return 0
    if n == 1:
        v = r.p[0]
        r.p += 1
        return v
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


cdef uint64_t get_count(reader *r, int bytes) noexcept nogil:
    cdef uint64_t n = get_few(r, bytes)
    if n == 0 and not r.bad:
        r.bad = r.empty = True
    return n


cdef uint64_t get_few(reader *r, int bytes) noexcept nogil:
    cdef uint64_t n = get_length(r)
    if not r.bad and n > <uint64_t>(r.end - r.p) // bytes:
        r.bad = r.short = True
    return 0 if r.bad else n


cdef view get_lzf(reader *r, buf *room) noexcept nogil:
    cdef uint64_t n = get_length(r)
    cdef uint64_t whole = get_length(r)
    room.len = 0
    if not more(r, n) or whole // LZF_EXPANSION > n or not buf_reserve(room, whole + 1) or not lzf_decompress(
            r.p, n, <uint8_t *>room.ptr, whole):
        r.bad = True
        return view_of(NULL, 0)
    r.p += n
    return view_of(room.ptr, whole)


cdef int64_t get_number(reader *r, int form) noexcept nogil:
    """The rest of a string that is an integer."""
    if form == FORM_INT8:
        return <int8_t>get_bytes(r, 1, False)
    if form == FORM_INT16:
        return <int16_t>get_bytes(r, 2, False)
    if form == FORM_INT32:
        return <int32_t>get_bytes(r, 4, False)
    r.bad = True
    return 0


cdef bint get_integer(reader *r, int64_t *n) noexcept nogil:
    cdef int form
    if r.bad or r.p == r.end or not 0xC0 | FORM_INT8 <= r.p[0] <= 0xC0 | FORM_INT32:
        return False
    get_length_or_form(r, &form)
    n[0] = get_number(r, form)
    return not r.bad


cdef view get_string(reader *r, int which) noexcept nogil:
    cdef view v = get_large_string(r, which)
    if v.len > LONGEST:
        r.bad = True
        return view_of(NULL, 0)
    return v


cdef void lend(reader *r) noexcept nogil:
    """Nothing but this loader knows the value that is being read, so that others may use the store in the middle of it."""
    r.lends_at = r.p + LEND_STEP
    if r.s.guard.shared and atomic_get(&r.s.guard.waiting):
        r.lent = True
        store_lend(r.s)


cdef view get_large_string(reader *r, int which) noexcept nogil:
    cdef buf *room = &r.room[which]
    cdef int form
    cdef uint64_t n = get_length_or_form(r, &form)
    cdef int64_t number
    cdef view v
    if r.lends_at != NULL and r.p >= r.lends_at:
        lend(r)
    if form == FORM_LZF:
        return get_lzf(r, room)
    if form < 0:
        if not more(r, n):
            return view_of(NULL, 0)
        v = view_of(<const char *>r.p, n)
        r.p += n
        return v
    number = get_number(r, form)
    room.len = 0
    if r.bad or not buf_reserve(room, INT_TEXT):
        r.bad = True
        return view_of(NULL, 0)
    return view_of(room.ptr, format_int(room.ptr, number))


cdef uint8_t *copy_bytes(reader *r, view v) noexcept nogil:
    """Copies the bytes to the store's heap; NULL: no memory."""
    cdef uint8_t *p = <uint8_t *>mem_alloc(r.mem, v.len) if not r.bad and v.len else NULL
    if p == NULL:
        r.bad = True
        return NULL
    memcpy(p, v.ptr, v.len)
    return p


cdef uint8_t *get_listpack(reader *r) noexcept nogil:
    cdef view v = get_string(r, 0)
    cdef uint8_t *lp
    if r.bad or lp_check(<const uint8_t *>v.ptr, v.len) != NULL:
        r.bad = True
        return NULL
    if lp_count(<const uint8_t *>v.ptr) == 0:
        r.bad = r.empty = True
        return NULL
    lp = copy_bytes(r, v)
    if lp != NULL:
        lp_settle(r.mem, &lp)
    return lp
