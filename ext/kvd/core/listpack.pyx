"""A sequence of small strings and integers in one allocation.

    total bytes 4 | elements 2 | element ... | 0xFF            (little endian)

    an element:  encoding and length | data | backward length

    0xxxxxxx                     an integer 0 to 127
    10xxxxxx data                a string of up to 63 bytes
    110xxxxx xxxxxxxx            an integer of 13 bits, signed
    1110xxxx xxxxxxxx data       a string of up to 4095 bytes
    0xF0 len4 data               any other string
    0xF1 to 0xF4 and 2, 3, 4, 8  integers of 16, 24, 32, 64 bits

The backward length repeats how many bytes precede it, in groups of seven bits that are read from
right to left, so that the sequence can be walked from its end. Text that is a canonical integer is stored
as one. An element of a short string thus costs two bytes more than its text, of a small integer two in
all. An element count of 65535 means as many or more; then elements are counted by walking.

The bytes are the same as Redis's, so DUMP, RESTORE and snapshots copy them unchanged. The functions here
trust what they read; foreign payloads must pass lp_check first.
"""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset

from kvd.core.mem cimport mem_alloc, mem_free, mem_realloc
from kvd.core.text cimport format_int, parse_int
from kvd.core.view cimport view_of

cdef enum:
    END = 0xFF
    MANY = 65535               # the count is not known
    HEAD_ROOM = 9              # most bytes of an encoding
    SEEN = 1024                # slots for elements that are searched for repetitions


# ---- one element ------------------------------------------------------------------------------------

cdef inline uint32_t back_size(size_t n) noexcept nogil:
    """Bytes of the backward length for n bytes. The irregular limits are the format's."""
    if n <= 127:
        return 1
    if n < 16383:
        return 2
    if n < 2097151:
        return 3
    return 4 if n < 268435455 else 5


cdef inline void write_back(uint8_t *p, size_t n) noexcept nogil:
    cdef int i = <int>back_size(n) - 1
    while i > 0:
        p[i] = <uint8_t>((n & 127) | 128)
        n >>= 7
        i -= 1
    p[0] = <uint8_t>n


cdef inline size_t read_back(const uint8_t *p) noexcept nogil:
    """The backward length whose last byte is at p."""
    cdef size_t n = 0
    cdef int shift = 0
    while True:
        n |= <size_t>(p[0] & 127) << shift
        if not p[0] & 128 or shift >= 28:
            return n
        shift += 7
        p -= 1


cdef inline size_t body_size(const uint8_t *p) noexcept nogil:
    """Bytes of encoding and data."""
    cdef uint8_t b = p[0]
    cdef uint32_t n
    if b < 0x80:
        return 1
    if b < 0xC0:
        return 1 + (b & 63)
    if b < 0xE0:
        return 2
    if b < 0xF0:
        return 2 + ((b & 15) << 8 | p[1])
    if b == 0xF0:
        memcpy(&n, p + 1, 4)
        return 5 + <size_t>n
    if b == 0xF1:
        return 3
    if b == 0xF2:
        return 4
    if b == 0xF3:
        return 5
    return 9


cdef inline int int_head(int64_t n, uint8_t *out) noexcept nogil:
    """Encodes an integer; returns its bytes."""
    cdef int16_t n16
    cdef int32_t n32
    if 0 <= n <= 127:
        out[0] = <uint8_t>n
        return 1
    if -4096 <= n <= 4095:
        out[0] = <uint8_t>(0xC0 | ((n >> 8) & 31))
        out[1] = <uint8_t>(n & 255)
        return 2
    if -32768 <= n <= 32767:
        n16 = <int16_t>n
        out[0] = 0xF1
        memcpy(out + 1, &n16, 2)
        return 3
    if -8388608 <= n <= 8388607:
        n32 = <int32_t>n
        out[0] = 0xF2
        memcpy(out + 1, &n32, 3)
        return 4
    if -2147483648 <= n <= 2147483647:
        n32 = <int32_t>n
        out[0] = 0xF3
        memcpy(out + 1, &n32, 4)
        return 5
    out[0] = 0xF4
    memcpy(out + 1, &n, 8)
    return 9


cdef inline int head_of(view v, uint8_t *out, size_t *data) noexcept nogil:
    """Encodes v's head; `data` bytes of v follow it."""
    cdef int64_t n
    cdef uint32_t n32
    data[0] = 0
    if v.len <= 20 and parse_int(v, &n):
        return int_head(n, out)
    data[0] = v.len
    if v.len < 64:
        out[0] = <uint8_t>(0x80 | v.len)
        return 1
    if v.len < 4096:
        out[0] = <uint8_t>(0xE0 | (v.len >> 8))
        out[1] = <uint8_t>(v.len & 255)
        return 2
    n32 = <uint32_t>v.len
    out[0] = 0xF0
    memcpy(out + 1, &n32, 4)
    return 5


cdef size_t lp_need(view v) noexcept nogil:
    cdef uint8_t head[HEAD_ROOM]
    cdef size_t data
    cdef size_t n = head_of(v, head, &data)
    return n + data + back_size(n + data)


cdef inline size_t whole(const uint8_t *p) noexcept nogil:
    cdef size_t n = body_size(p)
    return n + back_size(n)


cdef bint lp_get_int(const uint8_t *p, int64_t *n) noexcept nogil:
    cdef uint8_t b = p[0]
    cdef int16_t n16
    cdef int32_t n32
    if b < 0x80:
        n[0] = b
        return True
    if b < 0xC0:
        return False
    if b < 0xE0:
        n32 = (b & 31) << 8 | p[1]
        n[0] = n32 - 8192 if n32 >= 4096 else n32
        return True
    if b <= 0xF0:
        return False
    if b == 0xF1:
        memcpy(&n16, p + 1, 2)
        n[0] = n16
    elif b == 0xF2:
        n32 = 0
        memcpy(&n32, p + 1, 3)
        n[0] = n32 - 16777216 if n32 >= 8388608 else n32
    elif b == 0xF3:
        memcpy(&n32, p + 1, 4)
        n[0] = n32
    else:
        memcpy(n, p + 1, 8)
    return True


cdef inline view text_of(const uint8_t *p) noexcept nogil:
    """Of an element that is not an integer."""
    cdef uint8_t b = p[0]
    cdef uint32_t n
    if b < 0xC0:
        return view_of(<const char *>p + 1, b & 63)
    if b < 0xF0:
        return view_of(<const char *>p + 2, (b & 15) << 8 | p[1])
    memcpy(&n, p + 1, 4)
    return view_of(<const char *>p + 5, n)


cdef view lp_get(const uint8_t *p, char *scratch) noexcept nogil:
    cdef int64_t n
    if lp_get_int(p, &n):
        return view_of(scratch, format_int(scratch, n))
    return text_of(p)


cdef bint lp_equal(const uint8_t *p, view v) noexcept nogil:
    cdef int64_t n, m
    cdef view t
    if lp_get_int(p, &n):
        return v.len <= 20 and parse_int(v, &m) and n == m
    t = text_of(p)
    return t.len == v.len and memcmp(t.ptr, v.ptr, v.len) == 0


# ---- elements without backward lengths --------------------------------------------------------------

cdef size_t lp_body(const uint8_t *p) noexcept nogil:
    return body_size(p)


cdef size_t lp_encode(uint8_t *out, view v) noexcept nogil:
    cdef size_t data
    cdef size_t n = head_of(v, out, &data)
    memcpy(out + n, v.ptr, data)
    return n + data


cdef uint8_t *lp_fill(uint8_t *p, const uint8_t *body) noexcept nogil:
    cdef size_t n = body_size(body)
    memcpy(p, body, n)
    write_back(p + n, n)
    return p + n + back_size(n)


cdef void lp_seal(uint8_t *lp, uint8_t *end, size_t n) noexcept nogil:
    end[0] = END
    (<uint32_t *>lp)[0] = <uint32_t>(end + 1 - lp)
    counter(lp)[0] = <uint16_t>min(n, <size_t>MANY)


# ---- walking ----------------------------------------------------------------------------------------

cdef inline uint32_t total(const uint8_t *lp) noexcept nogil:
    return (<const uint32_t *>lp)[0]


cdef inline uint16_t *counter(uint8_t *lp) noexcept nogil:
    return <uint16_t *>(lp + 4)


cdef uint8_t *lp_first(uint8_t *lp) noexcept nogil:
    return lp + LP_HEADER if lp[LP_HEADER] != END else NULL


cdef uint8_t *lp_last(uint8_t *lp) noexcept nogil:
    return lp_prev(lp, lp + total(lp) - 1)


cdef uint8_t *lp_next(uint8_t *p) noexcept nogil:
    p += whole(p)
    return p if p[0] != END else NULL


cdef uint8_t *lp_prev(uint8_t *lp, uint8_t *p) noexcept nogil:
    cdef size_t n
    if p == lp + LP_HEADER:
        return NULL
    n = read_back(p - 1)
    return p - n - back_size(n)


cdef size_t lp_count(const uint8_t *lp) noexcept nogil:
    cdef size_t n = (<const uint16_t *>(lp + 4))[0]
    cdef const uint8_t *p
    if n < MANY:
        return n
    n = 0
    p = lp + LP_HEADER
    while p[0] != END:
        p += whole(p)
        n += 1
    return n


cdef uint8_t *lp_seek(uint8_t *lp, int64_t index) noexcept nogil:
    cdef int64_t n
    cdef uint8_t *p
    if counter(lp)[0] != MANY:
        n = counter(lp)[0]
        if index < 0:
            index += n
        if index < 0 or index >= n:
            return NULL
        if index > n // 2:
            index -= n
    if index >= 0:
        p = lp_first(lp)
        while index > 0 and p != NULL:
            p = lp_next(p)
            index -= 1
    else:
        p = lp_last(lp)
        while index < -1 and p != NULL:
            p = lp_prev(lp, p)
            index += 1
    return p


cdef uint8_t *lp_find(uint8_t *lp, uint8_t *p, view v, int skip) noexcept nogil:
    cdef int64_t n, m = 0
    cdef bint number = v.len <= 20 and parse_int(v, &m)
    cdef int left = 0
    cdef view t
    if p == NULL:
        return NULL
    while p[0] != END:
        if left == 0:
            if number:
                if lp_get_int(p, &n) and n == m:
                    return p
            elif not lp_get_int(p, &n):
                t = text_of(p)
                if t.len == v.len and memcmp(t.ptr, v.ptr, v.len) == 0:
                    return p
            left = skip
        else:
            left -= 1
        p += whole(p)
    return NULL


# ---- changing ---------------------------------------------------------------------------------------

cdef uint8_t *lp_new(heap *h) noexcept nogil:
    cdef uint8_t *lp = <uint8_t *>mem_alloc(h, LP_HEADER + 1)
    if lp != NULL:
        (<uint32_t *>lp)[0] = LP_HEADER + 1
        counter(lp)[0] = 0
        lp[LP_HEADER] = END
    return lp


cdef void lp_free(heap *h, uint8_t *lp) noexcept nogil:
    mem_free(h, lp, total(lp))


cdef uint8_t *lp_copy(heap *h, const uint8_t *lp) noexcept nogil:
    cdef uint8_t *c = <uint8_t *>mem_alloc(h, total(lp))
    if c != NULL:
        memcpy(c, lp, total(lp))
    return c


cdef uint8_t *splice(heap *h, uint8_t **place, uint8_t *p, size_t old, size_t new) noexcept nogil:
    """Replaces `old` bytes at p by `new` bytes of space; returns their new address, or NULL."""
    cdef uint8_t *lp = place[0]
    cdef size_t at = p - lp
    cdef size_t before = total(lp)
    cdef size_t after = before - old + new
    if after > <size_t>0xFFFFFFFFULL:
        return NULL
    if new > old:
        lp = <uint8_t *>mem_realloc(h, lp, before, after)
        if lp == NULL:
            return NULL
        place[0] = lp
    memmove(lp + at + new, lp + at + old, before - at - old)
    (<uint32_t *>lp)[0] = <uint32_t>after
    if new < old:
        lp = <uint8_t *>mem_realloc(h, lp, before, after)
        if lp == NULL:
            lp = place[0]          # cannot happen: shrinking keeps the block
        place[0] = lp
    return lp + at


cdef inline void count_add(uint8_t *lp, int n) noexcept nogil:
    if counter(lp)[0] != MANY:
        counter(lp)[0] = <uint16_t>min(counter(lp)[0] + n, <int>MANY)


cdef bint put(heap *h, uint8_t **place, uint8_t *p, size_t old, const uint8_t *head, int n, view data) noexcept nogil:
    cdef size_t body = n + data.len
    p = splice(h, place, p, old, body + back_size(body))
    if p == NULL:
        return False
    memcpy(p, head, n)
    memcpy(p + n, data.ptr, data.len)
    write_back(p + body, body)
    return True


cdef bint lp_insert(heap *h, uint8_t **lp, uint8_t *p, view v) noexcept nogil:
    cdef uint8_t head[HEAD_ROOM]
    cdef size_t data
    cdef int n = head_of(v, head, &data)
    if v.len > <size_t>0xFFFFFFF0ULL:
        return False
    if not put(h, lp, p if p != NULL else lp[0] + total(lp[0]) - 1, 0, head, n, view_of(v.ptr, data)):
        return False
    count_add(lp[0], 1)
    return True


cdef bint lp_insert_int(heap *h, uint8_t **lp, uint8_t *p, int64_t number) noexcept nogil:
    cdef uint8_t head[HEAD_ROOM]
    cdef int n = int_head(number, head)
    if not put(h, lp, p if p != NULL else lp[0] + total(lp[0]) - 1, 0, head, n, view_of(b"", 0)):
        return False
    count_add(lp[0], 1)
    return True


cdef bint lp_replace(heap *h, uint8_t **lp, uint8_t *p, view v) noexcept nogil:
    cdef uint8_t head[HEAD_ROOM]
    cdef size_t data
    cdef int n = head_of(v, head, &data)
    return put(h, lp, p, whole(p), head, n, view_of(v.ptr, data))


cdef bint lp_replace_int(heap *h, uint8_t **lp, uint8_t *p, int64_t number) noexcept nogil:
    cdef uint8_t head[HEAD_ROOM]
    cdef int n = int_head(number, head)
    return put(h, lp, p, whole(p), head, n, view_of(b"", 0))


cdef uint8_t *lp_delete(heap *h, uint8_t **lp, uint8_t *p, size_t n) noexcept nogil:
    cdef uint8_t *end = p
    cdef size_t gone = 0
    while gone < n and end[0] != END:
        end += whole(end)
        gone += 1
    p = splice(h, lp, p, end - p, 0)
    if counter(lp[0])[0] != MANY:
        counter(lp[0])[0] -= <uint16_t>gone
    else:
        counter(lp[0])[0] = <uint16_t>min(lp_count(lp[0]), <size_t>MANY)
    return p if p[0] != END else NULL


cdef bint lp_join(heap *h, uint8_t **lp, const uint8_t *other) noexcept nogil:
    cdef size_t n = total(other) - LP_HEADER - 1
    cdef size_t items = lp_count(lp[0]) + lp_count(other)
    cdef uint8_t *p = splice(h, lp, lp[0] + total(lp[0]) - 1, 0, n)
    if p == NULL:
        return False
    memcpy(p, other + LP_HEADER, n)
    counter(lp[0])[0] = <uint16_t>min(items, <size_t>MANY)
    return True


cdef inline uint8_t *after(uint8_t *p, int skip) noexcept nogil:
    """The element after the next `skip` ones, or NULL."""
    while p != NULL and skip >= 0:
        p = lp_next(p)
        skip -= 1
    return p


cdef inline uint64_t mixed(view v) noexcept nogil:
    """A hash of few bytes. It may have collisions made on purpose, for it only spreads up to SEEN // 2 elements."""
    cdef uint64_t h = v.len
    cdef uint64_t word
    cdef size_t n
    while v.len:
        word = 0
        n = min(v.len, <size_t>8)
        memcpy(&word, v.ptr, n)
        h = (h ^ word) * <uint64_t>0x9E3779B97F4A7C15ULL
        h ^= h >> 32
        v.ptr += n
        v.len -= n
    return h


cdef bint repeats_slowly(uint8_t *lp, int skip) noexcept nogil:
    cdef uint8_t *p = lp_first(lp)
    cdef uint8_t *following
    cdef char scratch[LP_MAX_INT + 3]
    while p != NULL:
        following = after(p, skip)
        if following != NULL and lp_find(lp, following, lp_get(p, scratch), skip) != NULL:
            return True
        p = following
    return False


cdef bint lp_repeats(uint8_t *lp, int skip) noexcept nogil:
    cdef uint64_t seen[SEEN]       # hash, and in the lower half the position
    cdef uint64_t mask = 15
    cdef uint64_t hash, i
    cdef char scratch[LP_MAX_INT + 3]
    cdef uint8_t *p = lp_first(lp)
    cdef size_t items = lp_count(lp) // (skip + 1) + 1
    cdef view v
    if items > SEEN // 2:
        return repeats_slowly(lp, skip)
    while mask < 2 * items:
        mask = 2 * mask + 1
    memset(seen, 0, (mask + 1) * sizeof(uint64_t))
    while p != NULL:
        v = lp_get(p, scratch)
        hash = mixed(v)
        i = hash & mask
        while seen[i]:
            if seen[i] >> 32 == hash >> 32 and lp_equal(lp + <uint32_t>seen[i], v):
                return True
            i = (i + 1) & mask
        seen[i] = hash >> 32 << 32 | <uint64_t>(p - lp)
        p = after(p, skip)
    return False


cdef size_t lp_longest(uint8_t *lp) noexcept nogil:
    cdef size_t longest = 0
    cdef char scratch[LP_MAX_INT + 3]
    cdef uint8_t *p = lp_first(lp)
    while p != NULL:
        longest = max(longest, lp_get(p, scratch).len)
        p = lp_next(p)
    return longest


cdef inline bint is_number(const uint8_t *p, int64_t *n) noexcept nogil:
    """Is a number held as text there?"""
    return not lp_get_int(p, n) and text_of(p).len <= 20 and parse_int(text_of(p), n)


cdef void lp_settle(heap *h, uint8_t **lp) noexcept nogil:
    """In one pass, in place: a number is never longer than its text."""
    cdef uint8_t head[HEAD_ROOM]
    cdef uint8_t *p = lp[0] + LP_HEADER
    cdef uint8_t *to
    cdef size_t before = total(lp[0])
    cdef size_t size
    cdef int64_t n
    cdef int k
    while p[0] != END and not is_number(p, &n):
        p += whole(p)
    if p[0] == END:
        return
    to = p
    while p[0] != END:
        size = whole(p)
        if is_number(p, &n):
            k = int_head(n, head)
            memcpy(to, head, k)
            write_back(to + k, k)
            to += k + back_size(k)
        else:
            memmove(to, p, size)
            to += size
        p += size
    to[0] = END
    (<uint32_t *>lp[0])[0] = <uint32_t>(to + 1 - lp[0])
    p = <uint8_t *>mem_realloc(h, lp[0], before, total(lp[0]))
    if p != NULL:                      # shrinking keeps the block
        lp[0] = p


cdef const char *lp_check(const uint8_t *lp, size_t n) noexcept nogil:
    cdef const uint8_t *p = lp + LP_HEADER
    cdef const uint8_t *end = lp + n - 1
    cdef size_t items = 0
    cdef size_t body, head
    if n < LP_HEADER + 1 or total(lp) != n:
        return b"a listpack of another size"
    if end[0] != END:
        return b"a listpack without end"
    while p < end:
        if p[0] > 0xF4:
            return b"an unknown encoding in a listpack"
        head = 1 if p[0] < 0xC0 else 2 if p[0] < 0xF0 else 5 if p[0] == 0xF0 else 1
        if head > <size_t>(end - p):
            return b"a cut element in a listpack"
        body = body_size(p)
        if body + back_size(body) > <size_t>(end - p):
            return b"a cut element in a listpack"
        if read_back(p + body + back_size(body) - 1) != body:
            return b"a wrong backward length in a listpack"
        p += body + back_size(body)
        items += 1
    if p != end:
        return b"a listpack that ends too late"
    if (<const uint16_t *>(lp + 4))[0] != MANY and (<const uint16_t *>(lp + 4))[0] != items:
        return b"a wrong element count in a listpack"
    return NULL
