"""The list of the files of an append-only log, as Redis 7 writes it: a line for each file.

    file appendonly.aof.2.base.rdb seq 2 type b
    file appendonly.aof.5.incr.aof seq 5 type i

One base at most, increments with growing numbers, and files of the past (history), which nothing needs any more. A name with blanks
is in quotes. Lines that begin with # are comments. A name never contains a slash: files are in the directory of the list.
"""

from libc.errno cimport EFBIG, ENOENT, ENOMEM, errno
from libc.stdio cimport remove, snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy, memset, strchr

from kvd.core.buf cimport buf_add_char, buf_printf
from kvd.core.text cimport parse_int
from kvd.core.view cimport view_is, view_of, view_str
from kvd.persist.file cimport (
    ERROR_ROOM, PATH_ROOM, file_create, file_rename, file_sync, file_write, path_join, say,
)

cdef extern from "<unistd.h>" nogil:
    ssize_t read(int fd, void *p, size_t n)
    int close(int fd)

cdef extern from "<fcntl.h>" nogil:
    int open(const char *path, int flags)
    int O_RDONLY


cdef bint manifest_add(manifest *m, char type, int64_t seq, const char *name) noexcept nogil:
    cdef log_file *grown = <log_file *>realloc(m.files, (m.count + 1) * sizeof(log_file))
    if grown == NULL:
        return False
    m.files = grown
    memset(&grown[m.count], 0, sizeof(log_file))
    snprintf(grown[m.count].name, NAME_ROOM, b"%s", name)
    grown[m.count].seq = seq
    grown[m.count].type = type
    m.count += 1
    if type == c'b':
        m.base_seq = seq
    elif type == c'i':
        m.increment_seq = seq
    return True


cdef bint fail(manifest *m, int line, const char *why) noexcept nogil:
    snprintf(m.error, sizeof(m.error), b"line %d of the manifest: %s", line, why)
    return False


cdef bint next_word(view *rest, char *word, size_t room) noexcept nogil:
    """A word, or one in double quotes with backslashes; False: there is none, or it is too long."""
    cdef size_t n = 0
    cdef bint quoted
    cdef char c
    while rest.len and (rest.ptr[0] == c' ' or rest.ptr[0] == c'\r'):
        rest[0] = view_of(rest.ptr + 1, rest.len - 1)
    if rest.len == 0:
        return False
    quoted = rest.ptr[0] == c'"'
    if quoted:
        rest[0] = view_of(rest.ptr + 1, rest.len - 1)
    while rest.len and n + 1 < room:
        c = rest.ptr[0]
        rest[0] = view_of(rest.ptr + 1, rest.len - 1)
        if c == c'"' if quoted else (c == c' ' or c == c'\r'):
            word[n] = 0
            return True
        if quoted and c == c'\\' and rest.len:
            c = rest.ptr[0]
            rest[0] = view_of(rest.ptr + 1, rest.len - 1)
        word[n] = c
        n += 1
    word[n] = 0
    return not quoted and rest.len == 0


cdef bint read_line(manifest *m, view rest, int line) noexcept nogil:
    cdef char key[16]
    cdef char value[NAME_ROOM]
    cdef char name[NAME_ROOM]
    cdef int64_t seq = 0
    cdef char type = 0
    name[0] = 0
    while next_word(&rest, key, sizeof(key)):
        if not next_word(&rest, value, sizeof(value)):
            return fail(m, line, b"a word without a value")
        if view_is(view_str(key), b"file"):
            memcpy(name, value, sizeof(name))
        elif view_is(view_str(key), b"seq"):
            if not parse_int(view_str(value), &seq):
                return fail(m, line, b"the number of the file is not one")
        elif view_is(view_str(key), b"type"):
            type = value[0]
    if name[0] == 0 or seq < 1 or (type != c'b' and type != c'i' and type != c'h'):
        return fail(m, line, b"not a name, a number and a type")
    if strchr(name, c'/') != NULL:
        return fail(m, line, b"the name is a path")
    if type == c'b' and m.count:
        return fail(m, line, b"a base that is not the first file")
    if type == c'i' and seq <= m.increment_seq:
        return fail(m, line, b"the numbers of increments do not grow")
    return True if type == c'h' else manifest_add(m, type, seq, name)


cdef bint manifest_read(manifest *m, view text) noexcept nogil:
    cdef const char *end
    cdef size_t n
    cdef int line = 0
    memset(m, 0, sizeof(manifest))
    while text.len:
        end = <const char *>memchr(text.ptr, c'\n', text.len)
        n = end - text.ptr if end != NULL else text.len
        line += 1
        if n and text.ptr[0] != c'#' and not read_line(m, view_of(text.ptr, n), line):
            return False
        text = view_of(text.ptr + n + 1, text.len - n - 1) if end != NULL else view_of(NULL, 0)
    return m.count > 0 or fail(m, line, b"it names no file")


cdef void print_name(buf *out, const char *name) noexcept nogil:
    cdef size_t i = 0
    cdef bint plain = True
    while name[i]:
        plain = plain and name[i] > 32 and name[i] != c'"' and name[i] != c'\\'
        i += 1
    if plain:
        buf_printf(out, b"%s", name)
        return
    buf_add_char(out, c'"')
    i = 0
    while name[i]:
        if name[i] == c'"' or name[i] == c'\\':
            buf_add_char(out, c'\\')
        buf_add_char(out, name[i])
        i += 1
    buf_add_char(out, c'"')


cdef void manifest_print(manifest *m, buf *out) noexcept nogil:
    cdef int i
    for i in range(m.count):
        buf_printf(out, b"file ")
        print_name(out, m.files[i].name)
        buf_printf(out, b" seq %lld type %c\n", <long long>m.files[i].seq, m.files[i].type)


cdef void manifest_release(manifest *m) noexcept nogil:
    free(m.files)
    memset(m, 0, sizeof(manifest))


cdef bint manifest_load(manifest *m, const char *path, bint *found, char *error) noexcept nogil:
    cdef char text[65536]
    cdef ssize_t n
    cdef int fd = open(path, O_RDONLY)
    found[0] = fd >= 0
    if fd < 0:
        return errno == ENOENT or say(error, b"Can't open", path, errno)
    n = read(fd, text, sizeof(text))
    close(fd)
    if n < 0 or n == sizeof(text):
        return say(error, b"Can't read", path, errno if n < 0 else EFBIG)
    if not manifest_read(m, view_of(text, n)):
        snprintf(error, ERROR_ROOM, b"Invalid AOF manifest file %.150s: %s", path, m.error)
        return False
    return True


# ---- replacing it ------------------------------------------------------------------------------------

cdef void manifest_path(char *out, const char *folder, const char *log) noexcept nogil:
    cdef char name[NAME_ROOM]
    snprintf(name, sizeof(name), b"%s.manifest", log)
    path_join(out, folder, view_str(name))


cdef void temporary_path(char *out, const char *folder, const char *log) noexcept nogil:
    cdef char name[NAME_ROOM]
    snprintf(name, sizeof(name), b"temp-%s.manifest", log)
    path_join(out, folder, view_str(name))


cdef int manifest_write(const char *folder, const char *log, buf *text) noexcept nogil:
    cdef char path[PATH_ROOM]
    cdef int error = ENOMEM if text.failed else 0
    cdef int fd
    temporary_path(path, folder, log)
    fd = file_create(path)
    if fd < 0:
        return errno
    if error == 0:
        error = file_write(fd, text.ptr, text.len)
    if error == 0:
        error = file_sync(fd)
    close(fd)
    return error


cdef int manifest_rename(const char *folder, const char *log) noexcept nogil:
    cdef char source[PATH_ROOM]
    cdef char target[PATH_ROOM]
    temporary_path(source, folder, log)
    manifest_path(target, folder, log)
    return file_rename(source, target)


cdef void manifest_forget(const char *folder, const char *log) noexcept nogil:
    cdef char path[PATH_ROOM]
    temporary_path(path, folder, log)
    remove(path)
