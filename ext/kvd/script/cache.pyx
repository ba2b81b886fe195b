"""The cache of scripts.

A script is identified by the SHA-1 of its text. Scripts of SCRIPT LOAD stay until SCRIPT FLUSH; of those only used by
EVAL the MOST_EVALS most recently used stay, so that programs which generate a new text for each call do not fill
the memory. The first line may be `#!lua flags=...`; without it a script may do everything, with it what its
flags allow.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from kvd.core.buf cimport buf, buf_release
from kvd.core.entry cimport entry_payload
from kvd.core.pointers cimport pointer_find, pointer_put, pointer_take
from kvd.core.table cimport table_cursor, table_next
from kvd.core.view cimport lower, view_is, view_of
from kvd.run.args cimport reply_error, reply_error_about
from kvd.run.errors cimport NO_MEMORY
from kvd.run.figures cimport figures_of
from kvd.script.flags cimport COMPAT, first_line, flag_named, next_word
from kvd.script.runtime cimport compile, forget, runtime_account

cdef enum:
    MOST_EVALS = 500


cdef void unlink(runtime *r, script *one) noexcept nogil:
    """Removes it from the order of use."""
    if one.older != NULL:
        one.older.newer = one.newer
    else:
        r.oldest = one.newer
    if one.newer != NULL:
        one.newer.older = one.older
    else:
        r.newest = one.older
    one.older = one.newer = NULL
    r.evals -= 1


cdef void used_now(runtime *r, script *one) noexcept nogil:
    one.older = <script *>r.newest
    one.newer = NULL
    if one.older != NULL:
        one.older.newer = one
    else:
        r.oldest = one
    r.newest = one
    r.evals += 1


cdef void account(runtime *r) noexcept nogil:
    figures_of(r.store).scripts.scripts = r.scripts.items
    figures_of(r.store).scripts.script_bytes = r.scripts_bytes
    runtime_account(r)


cdef void drop(runtime *r, script *one) noexcept nogil:
    if not one.lasting:
        unlink(r, one)
    r.scripts_bytes -= sizeof(script) + one.code.len
    forget(r, one.index)
    free(one)


cdef void scripts_flush(runtime *r) noexcept nogil:
    cdef table_cursor at
    cdef script *one
    while r.scripts.items:
        memset(&at, 0, sizeof(at))
        one = <script *>entry_payload(table_next(&r.scripts, &at))[0]
        pointer_take(&r.scripts, view_of(one.sha, SHA1_TEXT))
        drop(r, one)
    account(r)


cdef void script_keep(runtime *r, script *one) noexcept nogil:
    if not one.lasting:
        unlink(r, one)
        one.lasting = True


cdef bint wrong(call *c, const char *format, view word) noexcept nogil:
    if c != NULL:
        reply_error_about(c, format, word)
    return False


cdef bint read_flags(call *c, view words, int *flags) noexcept nogil:
    """`a,b`"""
    cdef size_t i
    cdef size_t begin = 0
    if words.len == 0:
        return True
    for i in range(words.len + 1):
        if i == words.len or words.ptr[i] == c',':
            if not flag_named(view_of(words.ptr + begin, i - begin), flags):
                return wrong(c, b"ERR Unexpected flag in script shebang: %.*s", view_of(words.ptr + begin, i - begin))
            begin = i + 1
    return True


cdef bint read_shebang(call *c, view code, int *flags, view *body) noexcept nogil:
    cdef view line, word
    flags[0] = COMPAT
    if not first_line(code, &line, body):
        return wrong(c, b"ERR Invalid script shebang%.*s", view_of(NULL, 0))
    if line.ptr == NULL:
        return True
    flags[0] = 0
    next_word(&line, &word)
    if not view_is(word, b"lua"):
        return wrong(c, b"ERR Unexpected engine in script shebang: #!%.*s", word)
    while next_word(&line, &word):
        if word.len < 6 or not view_is(view_of(word.ptr, 6), b"flags="):
            return wrong(c, b"ERR Unknown lua shebang option: %.*s", word)
        if not read_flags(c, view_of(word.ptr + 6, word.len - 6), flags):
            return False
    return True


cdef script *script_add(call *c, runtime *r, const char *sha, view code, bint lasting) noexcept nogil:
    """Compiles; NULL: the error is replied."""
    cdef script *one
    cdef script *oldest
    cdef view body
    cdef int flags, index
    cdef buf why
    if not read_shebang(c, code, &flags, &body):
        return NULL
    memset(&why, 0, sizeof(why))
    index = compile(r, body, b"@user_script", &why)
    if index < 0:
        reply_error_about(c, b"ERR Error compiling script (new function): %.*s", view_of(why.ptr, why.len))
        buf_release(&why)
        return NULL
    one = <script *>malloc(sizeof(script) + code.len)
    if one == NULL or not pointer_put(&r.scripts, view_of(sha, SHA1_TEXT), one):
        forget(r, index)
        free(one)
        reply_error(c, NO_MEMORY)
        return NULL
    memcpy(one.sha, sha, SHA1_TEXT)
    one.code = view_of(<char *>one + sizeof(script), code.len)
    memcpy(<char *>one.code.ptr, code.ptr, code.len)
    one.index = index
    one.flags = flags
    one.lasting = lasting
    r.scripts_bytes += sizeof(script) + code.len
    if not lasting:
        used_now(r, one)
        if r.evals > MOST_EVALS:
            oldest = <script *>r.oldest
            pointer_take(&r.scripts, view_of(oldest.sha, SHA1_TEXT))
            drop(r, oldest)
            figures_of(r.store).scripts.evicted += 1
    account(r)
    return one


cdef script *script_find(runtime *r, view name) noexcept nogil:
    """By SHA-1, in any case; NULL: it is not cached."""
    cdef char sha[SHA1_TEXT]
    cdef script *one
    cdef int i
    if r == NULL or name.len != SHA1_TEXT:
        return NULL
    for i in range(SHA1_TEXT):
        sha[i] = lower(name.ptr[i])
    one = <script *>pointer_find(&r.scripts, view_of(sha, SHA1_TEXT))
    if one != NULL and not one.lasting and r.newest != one:
        unlink(r, one)
        used_now(r, one)
    return one
