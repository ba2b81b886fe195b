"""Strings in RDB files: integers as integers, others compressed.

A file has the length of the compressed bytes before them, so those of a long string are kept until it is whole. It is compressed in
pieces, one in a slice: they share nothing, since compressed pieces one after the other are the compressed form of the whole. If the string
has to be written at once (it is about to change; DUMP), that is done without compression, which takes ten times as long as a copy.
"""

from libc.stdint cimport int64_t, uint8_t

from kvd.core.buf cimport buf_add, buf_release, buf_reserve
from kvd.core.entry cimport entry
from kvd.core.lzf cimport lzf_compress
from kvd.core.text cimport INT_TEXT
from kvd.core.view cimport view, view_of
from kvd.persist.rdb.forms cimport RDB_STRING
from kvd.persist.rdb.lengths cimport (
    FORM_LZF, get_integer, get_large_string, put_byte, put_length, put_string, reader,
)
from kvd.persist.rdb.values cimport put_form, saving, value_form
from kvd.types.kind cimport STRING
from kvd.types.string cimport string_new, string_new_int, string_view
from kvd.types.value cimport value_files


cdef enum:
    AT_ONCE = 65536            # longer strings are written in slices
    PIECE = 32768              # bytes that are compressed in a slice
    PROBE = 8 * PIECE          # after so many it is decided whether compression saves anything
    PACKED_MOST = 16777216     # compressed bytes that are kept until the string is whole; if there are more, it is not compressed


cdef void end_packing(saving *w, view v, bint gains) noexcept nogil:
    """The length, or both lengths; then the bytes follow, of w.packed if it is not empty."""
    w.packing = False
    w.at.byte = 0
    if gains:
        put_byte(w.to.out, 0xC0 | FORM_LZF)
        put_length(w.to.out, w.packed.len)
    else:
        buf_release(&w.packed)
    put_length(w.to.out, v.len)


cdef void pack_piece(saving *w, view v) noexcept nogil:
    cdef size_t left = v.len - w.at.byte
    cdef size_t n = left if left < PIECE + 4 else PIECE        # the compressor takes no less than 4
    cdef size_t room = n + n // 32 + 32
    if not buf_reserve(&w.packed, room):
        end_packing(w, v, False)
        return
    w.packed.len += lzf_compress(<const uint8_t *>v.ptr + w.at.byte, n, <uint8_t *>w.packed.ptr + w.packed.len, room)
    w.at.byte += n
    if w.at.byte == v.len:
        end_packing(w, v, w.packed.len + 16 < v.len)
    elif w.packed.len > PACKED_MOST or (w.at.byte == PROBE and w.packed.len > PROBE - PROBE // 16):
        end_packing(w, v, False)


cdef bint copy_some(saving *w, view from_) noexcept nogil:
    cdef size_t n = min(from_.len - w.at.byte, max(w.upto, w.to.out.len + 1) - w.to.out.len)
    buf_add(w.to.out, from_.ptr + w.at.byte, n)
    w.at.byte += n
    return w.at.byte == from_.len


cdef bint save(void *context) noexcept nogil:
    cdef saving *w = <saving *>context
    cdef char scratch[INT_TEXT]
    cdef view v = string_view(w.e, scratch)
    if not w.begun:
        put_form(w, RDB_STRING)
        if v.len <= AT_ONCE:
            put_string(&w.to, v)
            return True
        w.at.byte = 0
        w.packing = True
        if not w.to.compresses:
            end_packing(w, v, False)
    if w.packing and w.upto == <size_t>-1:
        end_packing(w, v, False)
    if w.packing:
        pack_piece(w, v)
        return False
    if not copy_some(w, view_of(w.packed.ptr, w.packed.len) if w.packed.len else v):
        return False
    buf_release(&w.packed)
    return True


cdef entry *load(void *context, int form, view key) noexcept nogil:
    cdef reader *r = <reader *>context
    cdef int64_t n
    cdef view v
    if get_integer(r, &n):
        return string_new_int(r.mem, key, n, r.timed)
    v = get_large_string(r, 0)
    return string_new(r.mem, key, v, r.timed) if not r.bad else NULL


value_files(STRING, save, load)
value_form(RDB_STRING, STRING)
