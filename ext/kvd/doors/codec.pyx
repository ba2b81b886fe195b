"""The safe codec of kvd.DiskCache: Python values to bytes and back, without pickle.

A value is one byte for its type and a body. Lengths and counts are varints: seven bits a byte, lowest first, the high bit set if
more follow. Ints are in two's complement, lowest byte first, and as short as possible when written.

    a whole value     S utf-8 ...         B bytes ...        I int ...          the body is the rest of the input
    an item           N None   T True   F False   f double (8 bytes, lowest first)
                      s length utf-8      b length bytes     a length bytes (bytearray)     i length int
                      l count items       t count items      d count (key item, value item)
                      e count items (set) z count items (frozenset), sorted by their bytes
                      x length name, item                    a registered type: its name and the value made from it

A whole value is also any item. An entry of a cache has a frame before the value: 8 bytes, lowest first, that hold its stamp (the
order in which keys were stored) times two, plus one if a length and a tag follow.

Only exact types are written: an instance of a subclass is refused, because it would come back as another type. Equal values of
the same types give the same bytes, except for the order of dicts. Reading checks every length and count against what is left of
the input before it allocates, calls no code but the functions of registered types and hashing, and has a limit of depth, so any
input gives a value or a DecodeError. The largest object for its input is an empty set: about 100 bytes for one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

cdef extern from "Python.h":
    bint PyUnicode_CheckExact(object)
    bint PyUnicode_IS_COMPACT_ASCII(object)
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *) except NULL
    int64_t PyLong_AsLongLongAndOverflow(object, int *) except? -1

cdef enum:
    DEPTH = 100                # levels of containers
    SMALL = 512                # bytes of a value that is written without malloc
    LARGEST = 512 * 1024 * 1024     # bytes of a value: what a string of the engine holds (proto-max-bulk-len)
    FRAME = 8                  # bytes of the stamp


class EncodeError(TypeError, ValueError):
    """The value cannot be encoded: its type is not registered, it contains itself, or it is too large or too deep."""


class DecodeError(ValueError):
    """The bytes are not a value that the codec has written. The message names the offset."""


cdef struct writer:
    char *ptr
    Py_ssize_t len
    Py_ssize_t cap
    bint owned                 # ptr is from malloc
    bint exact                 # of a key: -0.0 is 0.0
    void **above               # the containers that are being written, outermost first

cdef struct reader:
    const uint8_t *at
    const uint8_t *end
    const uint8_t *start       # for offsets in errors


# -- writing

cdef int grow(writer *w, Py_ssize_t more) except -1:
    cdef Py_ssize_t cap = (w.len + more) * 2
    cdef char *bigger
    if more > LARGEST or w.len + more > LARGEST:
        raise EncodeError(f"the value is larger than {LARGEST} bytes")
    bigger = <char *>(realloc(w.ptr, cap) if w.owned else malloc(cap))
    if bigger == NULL:
        raise MemoryError()
    if not w.owned:
        memcpy(bigger, w.ptr, w.len)
    w.ptr = bigger
    w.cap = cap
    w.owned = True
    return 0


cdef inline int room(writer *w, Py_ssize_t more) except -1:
    return grow(w, more) if w.len + more > w.cap else 0


cdef inline int put_raw(writer *w, const char *ptr, Py_ssize_t n) except -1:
    room(w, n)
    memcpy(w.ptr + w.len, ptr, n)
    w.len += n
    return 0


cdef inline int put_byte(writer *w, char byte) except -1:
    room(w, 1)
    w.ptr[w.len] = byte
    w.len += 1
    return 0


cdef int put_length(writer *w, uint64_t n) except -1:
    room(w, 10)
    while n >= 0x80:
        w.ptr[w.len] = <char>(n & 0x7F | 0x80)
        w.len += 1
        n >>= 7
    w.ptr[w.len] = <char>n
    w.len += 1
    return 0


cdef inline int put_head(writer *w, char kind, char whole, Py_ssize_t n, bint alone) except -1:
    """The type byte and, unless the body is the rest of the value, its length."""
    if alone:
        return put_byte(w, whole)
    put_byte(w, kind)
    return put_length(w, n)


cdef int put_fixed(writer *w, uint64_t bits, int n) except -1:
    """The lowest n bytes of bits."""
    cdef int i
    room(w, 8)
    for i in range(n):
        w.ptr[w.len + i] = <char>(bits >> (8 * i) & 0xFF)
    w.len += n
    return 0


cdef int put_int(writer *w, object value, bint alone) except -1:
    cdef int overflow = 0, n = 1
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)
    cdef bytes big
    if overflow:
        big = value.to_bytes((value.bit_length() >> 3) + 1, "little", signed=True)
        put_head(w, c"i", c"I", len(big), alone)
        return put_raw(w, big, len(big))
    while n < 8 and number >> (8 * n - 1) != 0 and number >> (8 * n - 1) != -1:
        n += 1
    put_head(w, c"i", c"I", n, alone)
    return put_fixed(w, <uint64_t>number, n)


cdef int put_str(writer *w, object value, bint alone) except -1:
    cdef Py_ssize_t n
    cdef const char *ptr
    cdef bytes text
    if PyUnicode_IS_COMPACT_ASCII(value):
        ptr = PyUnicode_AsUTF8AndSize(value, &n)       # its own characters, without a copy
        put_head(w, c"s", c"S", n, alone)
        return put_raw(w, ptr, n)
    text = value.encode("utf-8", "surrogatepass")
    put_head(w, c"s", c"S", len(text), alone)
    return put_raw(w, text, len(text))


cdef int put_bytes(writer *w, object value, bint alone) except -1:
    put_head(w, c"b", c"B", PyBytes_GET_SIZE(value), alone)
    return put_raw(w, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


cdef int put_float(writer *w, double value) except -1:
    cdef uint64_t bits
    if w.exact and value == 0:
        value = 0.0
    memcpy(&bits, &value, 8)
    put_byte(w, c"f")
    return put_fixed(w, bits, 8)


cdef int too_deep(writer *w, object value) except -1:
    cdef int i
    for i in range(DEPTH):
        if w.above[i] == <void *>value:
            raise EncodeError(f"a {type(value).__name__} contains itself")
    raise EncodeError(f"the value is nested deeper than {DEPTH} levels")


cdef bytes finished(writer *w):
    return PyBytes_FromStringAndSize(w.ptr, w.len)


cdef object registered_hint(object kind):
    return EncodeError(
        f"the safe codec cannot encode {kind.__module__}.{kind.__qualname__}: register the type with "
        "codec.register(cls, name, to, from_), or use another codec"
    )


# -- reading

cdef object bad(reader *r, str why):
    return DecodeError(f"{why} at byte {r.at - r.start}")


cdef Py_ssize_t get_length(reader *r, int each) except -1:
    """A length or count of things that take at least `each` bytes: no larger than what is left."""
    cdef uint64_t n = 0
    cdef uint8_t byte
    cdef int shift = 0
    while r.at < r.end and shift < 63:
        byte = r.at[0]
        n |= <uint64_t>(byte & 0x7F) << shift
        r.at += 1
        if byte < 0x80:
            if n > <uint64_t>(r.end - r.at) // each:
                raise bad(r, f"a length of {n}, and {r.end - r.at} bytes are left,")
            return <Py_ssize_t>n
        shift += 7
    raise bad(r, "a length without an end")


cdef object int_of(const uint8_t *ptr, Py_ssize_t n):
    cdef uint64_t bits = 0
    cdef Py_ssize_t i
    if n > 8:
        return int.from_bytes((<const char *>ptr)[:n], "little", signed=True)
    if n == 0:
        return 0
    for i in range(n):
        bits |= <uint64_t>ptr[i] << (8 * i)
    if n < 8 and ptr[n - 1] & 0x80:
        bits |= <uint64_t>-1 << (8 * n)
    return <int64_t>bits


cdef object str_of(reader *r, Py_ssize_t n):
    try:
        return PyUnicode_DecodeUTF8(<const char *>r.at, n, "surrogatepass")
    except UnicodeDecodeError as error:
        raise bad(r, f"text that is not UTF-8 ({error.reason})") from None


cdef object get_scalar(reader *r, uint8_t kind):
    """A str, bytes, bytearray or int with its length before it."""
    cdef Py_ssize_t n = get_length(r, 1)
    cdef object value
    if kind == c"s":
        value = str_of(r, n)
    elif kind == c"b":
        value = PyBytes_FromStringAndSize(<const char *>r.at, n)
    elif kind == c"a":
        value = bytearray((<const char *>r.at)[:n])
    else:
        value = int_of(r.at, n)
    r.at += n
    return value


cdef object get_float(reader *r):
    cdef double value
    cdef uint64_t bits = 0
    cdef int i
    if r.end - r.at < 8:
        raise bad(r, "a float without its 8 bytes")
    for i in range(8):
        bits |= <uint64_t>r.at[i] << (8 * i)
    memcpy(&value, &bits, 8)
    r.at += 8
    return value


cdef inline uint64_t stamp_bits(const uint8_t *ptr) noexcept:
    cdef uint64_t bits = 0
    cdef int i
    for i in range(FRAME):
        bits |= <uint64_t>ptr[i] << (8 * i)
    return bits


cdef int open_reader(reader *r, bytes data) except -1:
    r.start = r.at = <const uint8_t *>PyBytes_AS_STRING(data)
    r.end = r.at + PyBytes_GET_SIZE(data)
    return 0


cdef Py_ssize_t skip_frame(reader *r) except -1:
    """Moves to the value of an entry; returns the length of the tag just before it, or 0."""
    cdef Py_ssize_t n = 0
    if r.end - r.at < FRAME:
        raise DecodeError(f"an entry of {r.end - r.at} bytes is too short")
    r.at += FRAME
    if r.start[0] & 1:
        n = get_length(r, 1)
        r.at += n
    return n


cdef int put_frame(writer *w, uint64_t stamp, object tag) except -1:
    put_fixed(w, stamp << 1 | (tag is not None), FRAME)
    if tag is not None:
        put_length(w, PyBytes_GET_SIZE(tag))
        put_raw(w, PyBytes_AS_STRING(tag), PyBytes_GET_SIZE(tag))
    return 0


def frame(bytes value not None, uint64_t stamp, bytes tag=None):
    """An entry: the frame and an encoded value. stamp: below 2**63. tag: its bytes, or None."""
    cdef writer w
    cdef char scratch[SMALL]
    if tag is None:
        w.ptr, w.cap, w.len, w.owned = scratch, SMALL, 0, False
        put_fixed(&w, stamp << 1, FRAME)
        return scratch[:FRAME] + value
    return (stamp << 1 | 1).to_bytes(FRAME, "little") + length_bytes(len(tag)) + tag + value


cdef bytes length_bytes(Py_ssize_t n):
    cdef writer w
    cdef char scratch[16]
    w.ptr, w.cap, w.len, w.owned = scratch, 16, 0, False
    put_length(&w, n)
    return finished(&w)


def body_of(bytes entry not None):
    """The encoded value of an entry. Raises DecodeError."""
    cdef reader r
    open_reader(&r, entry)
    skip_frame(&r)
    return entry[r.at - r.start:]


def has_tag(bytes entry not None, bytes tag not None):
    """Whether an entry has this tag. The entry may end after its tag."""
    return len(entry) > FRAME and entry.startswith(length_bytes(len(tag)) + tag, FRAME) and stamp_bits(<const uint8_t *>PyBytes_AS_STRING(entry)) & 1 == 1


def tag_of(bytes entry not None):
    """The bytes of the tag of an entry; None: it has none. Raises DecodeError."""
    cdef reader r
    cdef Py_ssize_t n
    open_reader(&r, entry)
    n = skip_frame(&r)
    return PyBytes_FromStringAndSize(<const char *>r.at - n, n) if r.start[0] & 1 else None


def stamp_of(bytes entry not None):
    """The stamp of an entry, or of its first 8 bytes. Raises DecodeError."""
    if len(entry) < FRAME:
        raise DecodeError(f"an entry of {len(entry)} bytes is too short")
    return stamp_bits(<const uint8_t *>PyBytes_AS_STRING(entry)) >> 1


cdef class Codec:
    """Encodes and decodes; see the head of the module. Subclassed by kvd.diskcache.SafeCodec, which registers types."""

    cdef dict writers          # type: (name, to)
    cdef dict readers          # name: from_

    def __cinit__(self, *args, **kwargs):
        self.writers = {}
        self.readers = {}

    def _add(self, object cls, bytes name not None, object to, object from_):
        self.writers[cls] = (name, to)
        self.readers[name] = from_

    def _registered(self):
        """{type: name}, as a copy."""
        return {cls: found[0].decode() for cls, found in self.writers.items()}

    # -- writing

    cdef int put(self, writer *w, object value, int depth, bint alone) except -1:
        """Writes a value. alone: it is all that is written, so that its length is not."""
        if PyUnicode_CheckExact(value):
            return put_str(w, value, alone)
        if value is None:
            return put_byte(w, c"N")
        if PyLong_CheckExact(value):
            return put_int(w, value, alone)
        if PyBytes_CheckExact(value):
            return put_bytes(w, value, alone)
        if PyFloat_CheckExact(value):
            return put_float(w, PyFloat_AS_DOUBLE(value))
        if value is True or value is False:
            return put_byte(w, c"T" if value is True else c"F")
        if type(value) is bytearray:
            put_byte(w, c"a")
            put_length(w, len(value))
            return put_raw(w, value, len(value))
        if depth >= DEPTH:
            return too_deep(w, value)
        w.above[depth] = <void *>value
        return self.put_container(w, value, depth + 1)

    cdef int put_container(self, writer *w, object value, int depth) except -1:
        cdef Py_ssize_t n
        cdef object kind = type(value), key, item, found
        if kind is dict:
            n = len(<dict>value)
            put_byte(w, c"d")
            put_length(w, n)
            for key, item in (<dict>value).items():
                self.put(w, key, depth, False)
                self.put(w, item, depth, False)
            return 0
        if kind is list or kind is tuple:
            return self.put_sequence(w, value, depth)
        if kind is set or kind is frozenset:
            return self.put_set(w, value, depth)
        found = self.writers.get(kind)
        if found is None:
            raise registered_hint(kind)
        put_byte(w, c"x")
        put_length(w, len(<bytes>found[0]))
        put_raw(w, <bytes>found[0], len(<bytes>found[0]))
        return self.put(w, found[1](value), depth, False)

    cdef int put_sequence(self, writer *w, object value, int depth) except -1:
        cdef Py_ssize_t n = len(value), done = 0
        put_byte(w, c"l" if PyList_CheckExact(value) else c"t")
        put_length(w, n)
        for item in value:
            if done < n:
                self.put(w, item, depth, False)
            done += 1
        if done != n:
            raise RuntimeError("list changed size during encoding")
        return 0

    cdef int put_set(self, writer *w, object value, int depth) except -1:
        cdef list parts = [self.part(w, item, depth) for item in value]
        cdef bytes part
        parts.sort()
        put_byte(w, c"e" if type(value) is set else c"z")
        put_length(w, len(parts))
        for part in parts:
            put_raw(w, part, len(part))
        return 0

    cdef bytes part(self, writer *whole, object value, int depth):
        cdef writer w
        cdef char scratch[SMALL]
        w.ptr, w.cap, w.len, w.owned, w.exact, w.above = scratch, SMALL, 0, False, whole.exact, whole.above
        try:
            self.put(&w, value, depth, False)
            return finished(&w)
        finally:
            if w.owned:
                free(w.ptr)

    cdef bytes written(self, object value, bint framed, uint64_t stamp, object tag, bint exact):
        cdef writer w
        cdef char scratch[SMALL]
        cdef void *above[DEPTH]
        w.ptr, w.cap, w.len, w.owned, w.exact, w.above = scratch, SMALL, 0, False, exact, above
        try:
            if framed:
                put_frame(&w, stamp, tag)
            self.put(&w, value, 0, True)
            return finished(&w)
        finally:
            if w.owned:
                free(w.ptr)

    def dumps(self, value, /):
        """Encode a value. Raises EncodeError."""
        return self.written(value, False, 0, None, False)

    def pack(self, value, uint64_t stamp, bytes tag=None, bytes name=None):
        """An entry: frame(dumps(value), stamp, tag). name: its key, which codecs with a seal use. Raises EncodeError."""
        return self.written(value, True, stamp, tag, False)

    def name(self, key, /):
        """Encode a key: equal keys of the same types give the same bytes. Raises EncodeError, and TypeError if it is not hashable."""
        if not PyUnicode_CheckExact(key):
            hash(key)
        return self.written(key, False, 0, None, True)

    # -- reading

    cdef object get(self, reader *r, int depth):
        cdef uint8_t kind
        if r.at >= r.end:
            raise bad(r, "a value is missing")
        kind = r.at[0]
        r.at += 1
        if kind == c"s" or kind == c"b" or kind == c"i" or kind == c"a":
            return get_scalar(r, kind)
        if kind == c"N":
            return None
        if kind == c"T":
            return True
        if kind == c"F":
            return False
        if kind == c"f":
            return get_float(r)
        if depth >= DEPTH:
            raise bad(r, f"values nested deeper than {DEPTH} levels")
        if kind == c"d":
            return self.get_dict(r, depth + 1)
        if kind == c"l" or kind == c"t" or kind == c"e" or kind == c"z":
            return self.get_items(r, kind, depth + 1)
        if kind == c"x":
            return self.get_registered(r, depth + 1)
        r.at -= 1
        raise bad(r, f"the unknown type {kind}")

    cdef object get_items(self, reader *r, uint8_t kind, int depth):
        cdef Py_ssize_t n = get_length(r, 1), _i
        cdef list items = []
        for _i in range(n):
            items.append(self.get(r, depth))
        if kind == c"l":
            return items
        if kind == c"t":
            return tuple(items)
        try:
            made = set(items) if kind == c"e" else frozenset(items)
        except TypeError as error:
            raise bad(r, f"a set of values that are not hashable ({error})") from None
        if len(made) != n:
            raise bad(r, "a set with the same value twice")
        return made

    cdef object get_dict(self, reader *r, int depth):
        cdef Py_ssize_t n = get_length(r, 2), _i
        cdef dict made = {}
        for _i in range(n):
            key = self.get(r, depth)
            value = self.get(r, depth)
            try:
                made[key] = value
            except TypeError as error:
                raise bad(r, f"a key that is not hashable ({error})") from None
        if len(made) != n:
            raise bad(r, "a dict with the same key twice")
        return made

    cdef object get_registered(self, reader *r, int depth):
        cdef Py_ssize_t n = get_length(r, 1)
        cdef bytes name = PyBytes_FromStringAndSize(<const char *>r.at, n)
        cdef object from_ = self.readers.get(name), value
        if from_ is None:
            raise bad(r, f"the type {name!r}, which is not registered,")
        r.at += n
        value = self.get(r, depth)
        try:
            return from_(value)
        except Exception as error:
            raise bad(r, f"a {name.decode()} that cannot be made ({type(error).__name__}: {error})") from error

    cdef object whole(self, reader *r):
        cdef uint8_t kind
        cdef object value
        if r.at < r.end:
            kind = r.at[0]
            if kind == c"S":
                r.at += 1
                return str_of(r, r.end - r.at)
            if kind == c"B":
                return PyBytes_FromStringAndSize(<const char *>r.at + 1, r.end - r.at - 1)
            if kind == c"I":
                return int_of(r.at + 1, r.end - r.at - 1)
        value = self.get(r, 0)
        if r.at != r.end:
            raise bad(r, f"{r.end - r.at} bytes follow the value")
        return value

    def loads(self, bytes data not None, /):
        """Decode what dumps or name returned. Raises DecodeError for any other input."""
        cdef reader r
        open_reader(&r, data)
        return self.whole(&r)

    def unpack(self, bytes entry not None, bytes name=None):
        """Decode the value of an entry. name: as for pack. Raises DecodeError."""
        cdef reader r
        open_reader(&r, entry)
        skip_frame(&r)
        return self.whole(&r)
