"""LZF: the fast compression of Redis's snapshots and lists.

    000LLLLL                     L + 1 bytes follow as they are
    LLLooooo oooooooo            copy L + 2 bytes from o + 1 bytes back
    111ooooo LLLLLLLL oooooooo   copy L + 9 bytes from o + 1 bytes back

The compressor keeps the last position of each hash of three bytes and uses that match if it is real
and near enough. The decompressor checks all input.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

cdef enum:
    HASH_BITS = 12
    REACH = 8192               # how far back a copy may point
    LONGEST = 264              # bytes a copy may cover
    RUN = 32                   # bytes of a literal run


cdef inline uint32_t hash3(const uint8_t *p) noexcept nogil:
    return ((<uint32_t>p[0] << 16 | <uint32_t>p[1] << 8 | p[2]) * <uint32_t>2654435761) >> (32 - HASH_BITS)


cdef size_t put_run(const uint8_t *data, size_t n, uint8_t *out, size_t at, size_t room) noexcept nogil:
    """Writes literal runs for n bytes; returns the new end of the output, or 0."""
    cdef size_t k
    while n:
        k = min(n, <size_t>RUN)
        if at + k + 1 > room:
            return 0
        out[at] = <uint8_t>(k - 1)
        memcpy(out + at + 1, data, k)
        at += k + 1
        data += k
        n -= k
    return at


cdef size_t lzf_compress(const uint8_t *data, size_t n, uint8_t *out, size_t room) noexcept nogil:
    cdef uint32_t seen[1 << HASH_BITS]         # position + 1
    cdef size_t i = 0
    cdef size_t begin = 0                      # of the bytes not yet written
    cdef size_t at = 0
    cdef size_t length, back, most
    cdef uint32_t slot, candidate
    if n < 4 or n > <size_t>0x7FFFFFFF:
        return 0
    memset(seen, 0, sizeof(seen))
    while i + 2 < n:
        slot = hash3(data + i)
        candidate = seen[slot]
        seen[slot] = <uint32_t>(i + 1)
        back = i + 1 - candidate               # distance, if there is a candidate
        if candidate == 0 or back > REACH or data[candidate - 1] != data[i] or data[candidate] != data[i + 1] \
                or data[candidate + 1] != data[i + 2]:
            i += 1
            continue
        length = 3
        most = min(n - i, <size_t>LONGEST)
        while length < most and data[candidate - 1 + length] == data[i + length]:
            length += 1
        if i > begin:
            at = put_run(data + begin, i - begin, out, at, room)
            if at == 0:
                return 0
        if at + 3 > room:
            return 0
        back -= 1
        if length < 9:
            out[at] = <uint8_t>((length - 2) << 5 | back >> 8)
            at += 1
        else:
            out[at] = <uint8_t>(7 << 5 | back >> 8)
            out[at + 1] = <uint8_t>(length - 9)
            at += 2
        out[at] = <uint8_t>(back & 255)
        at += 1
        i += length
        begin = i
    if begin < n:
        at = put_run(data + begin, n - begin, out, at, room)
    return at


cdef bint lzf_decompress(const uint8_t *data, size_t n, uint8_t *out, size_t size) noexcept nogil:
    cdef size_t i = 0
    cdef size_t at = 0
    cdef size_t k, back, length, end
    while i < n:
        k = data[i]
        i += 1
        if k < RUN:
            k += 1
            if i + k > n or at + k > size:
                return False
            if n - i >= RUN and size - at >= RUN:
                memcpy(out + at, data + i, RUN)      # what is too much is overwritten; a constant size is quicker
            else:
                memcpy(out + at, data + i, k)
            i += k
            at += k
            continue
        length = k >> 5
        if length == 7:
            if i >= n:
                return False
            length += data[i]
            i += 1
        if i >= n:
            return False
        back = ((k & 31) << 8 | data[i]) + 1
        i += 1
        length += 2
        if back > at or at + length > size:
            return False
        end = at + length
        if back >= 8 and size - end >= 8:
            while at < end:                    # likewise
                memcpy(out + at, out + at - back, 8)
                at += 8
            at = end
        while at < end:                        # byte by byte: source and target may overlap
            out[at] = out[at - back]
            at += 1
    return at == size
