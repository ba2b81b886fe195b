"""The digest of a value, equal to that of Redis and Valkey for equal values, whatever their encodings.

A digest is 20 bytes, zeros to begin with. Two operations add bytes to it:

    xor    d becomes d xor SHA1(bytes)           the order of additions does not matter
    mix    xor, then d becomes SHA1(d)           the order of additions matters

A string mixes its bytes, a list each element in order; a set xors its members. In sorted sets and hashes each pair has a digest of
its own: member and score (as Redis since 7.2 prints it: the fewest digits) mixed, or field and value; its 20 bytes are xored. A stream mixes id (as `ms.seq`), fields and
values of each entry; its groups are not part of it. An array mixes index and value of each element, in order of index, and where the next insertion
goes; these digests are kvd's own.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.core.idmap cimport id_highest, id_lowest, stream_id
from kvd.core.sha1 cimport sha1
from kvd.core.sparse cimport SPARSE_TEXT, sparse_cursor, sparse_next, sparse_start, sparse_view
from kvd.core.text cimport DOUBLE_TEXT, INT_TEXT, format_shortest
from kvd.core.view cimport view_of, view_str
from kvd.types.array cimport NO_INDEX, array_of
from kvd.types.hash cimport hash_cursor, hash_next, hash_start
from kvd.types.list cimport list_cursor, list_end, list_next, list_start
from kvd.types.set cimport set_cursor, set_next, set_start
from kvd.types.stream cimport stream_of, stream_walk, stream_walk_field, stream_walk_next, stream_walk_start
from kvd.types.string cimport string_view
from kvd.types.zset cimport zset_at, zset_cursor, zset_get, zset_next


cdef void digest_xor(digest *d, view v) noexcept nogil:
    cdef uint8_t hash[SHA1_BYTES]
    cdef int i
    sha1(v, hash)
    for i in range(SHA1_BYTES):
        d.bytes[i] ^= hash[i]


cdef void digest_mix(digest *d, view v) noexcept nogil:
    cdef digest before
    digest_xor(d, v)
    before = d[0]
    sha1(digest_view(&before), d.bytes)


cdef void digest_mix_number(digest *d, uint32_t n) noexcept nogil:
    """Mixes it as four bytes, big endian."""
    cdef uint8_t bytes[4]
    cdef int i
    for i in range(4):
        bytes[i] = <uint8_t>(n >> (24 - 8 * i))
    digest_mix(d, view_of(<const char *>bytes, 4))


cdef view digest_view(digest *d) noexcept nogil:
    return view_of(<const char *>d.bytes, SHA1_BYTES)


cdef void digest_text(digest *d, char *out) noexcept nogil:
    cdef int i
    for i in range(SHA1_BYTES):
        snprintf(out + 2 * i, 3, b"%02x", d.bytes[i])


cdef bint string_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    cdef char scratch[INT_TEXT]
    digest_mix(d, string_view(e, scratch))
    return True


cdef bint list_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    cdef list_cursor c
    cdef view element
    list_start(e, &c)
    while list_next(&c, &element):
        digest_mix(d, element)
    list_end(&c)
    return not c.failed


cdef bint set_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    cdef set_cursor c
    cdef view member
    set_start(e, &c)
    while set_next(&c, &member):
        digest_xor(d, member)
    return True


cdef bint zset_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    cdef zset_cursor c
    cdef view member
    cdef char text[DOUBLE_TEXT]
    cdef double score
    cdef digest pair
    cdef bint more = zset_at(e, 0, &c)
    while more:
        score = zset_get(&c, &member)
        memset(&pair, 0, sizeof(pair))
        digest_mix(&pair, member)
        digest_mix(&pair, view_of(text, format_shortest(text, score)))
        digest_xor(d, digest_view(&pair))
        more = zset_next(&c)
    return True


cdef bint hash_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    cdef hash_cursor c
    cdef view field, value
    cdef digest pair
    hash_start(e, &c)
    while hash_next(&c, &field, &value):
        if 0 <= c.deadline <= now:
            continue
        memset(&pair, 0, sizeof(pair))
        digest_mix(&pair, field)
        digest_mix(&pair, value)
        if c.deadline >= 0:
            digest_xor(&pair, view_str(b"!!hexpire!!"))
        digest_xor(d, digest_view(&pair))
    return True


cdef bint stream_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    cdef stream_walk w
    cdef stream_id id
    cdef view field, value
    cdef char text[48]
    stream_walk_start(&w, stream_of(e), id_lowest(), id_highest(), False)
    while stream_walk_next(&w, &id):
        snprintf(text, sizeof(text), b"%llu.%llu", <unsigned long long>id.ms, <unsigned long long>id.seq)
        digest_mix(d, view_str(text))
        for _ in range(w.fields):
            stream_walk_field(&w, &field, &value)
            digest_mix(d, field)
            digest_mix(d, value)
    return True


cdef void mix_index(digest *d, uint64_t index) noexcept nogil:
    cdef char text[24]
    snprintf(text, sizeof(text), b"%llu", <unsigned long long>index)
    digest_mix(d, view_str(text))


cdef bint array_digest(entry *e, int64_t now, digest *d) noexcept nogil:
    cdef sparse_cursor c
    cdef uint64_t index, word
    cdef char scratch[SPARSE_TEXT]
    sparse_start(&array_of(e).elements, &c, 0, NO_INDEX)
    while sparse_next(&c, &index, &word):
        mix_index(d, index)
        digest_mix(d, sparse_view(word, scratch))
    mix_index(d, array_of(e).last + 1)
    return True
