"""Which server a store emulates: what it knows, its version, its words. See emulation.pyx."""

from kvd.core.view cimport view
from kvd.run.call cimport call, command, newer_word
from kvd.store.store cimport SPECIAL_EMULATES, store

cdef enum:
    NEVER = 1 << 30            # the release of what a server does not have

cdef void emulation_applied(store *s) noexcept nogil                  # after the option `emulate` was set
cdef bint is_unknown(store *s, const command *d) noexcept nogil       # the emulated server does not have it
cdef const newer_word *newer_used(call *c) noexcept nogil             # a token of the call that the emulated server does not know; or NULL
cdef bint is_known_later(call *c, view word) noexcept nogil           # the emulated server would not take it for the token that it is
cdef bint is_later(store *s, int redis, int valkey) noexcept nogil     # are these releases, such as 70200, later than the emulated server?
cdef const char *emulated_text(store *s, const char *text) noexcept nogil   # an error in the words of the emulated server
cdef const char *redis_version(store *s) noexcept nogil               # as clients see it; a Valkey reports the Redis that it began as
cdef const char *valkey_version(store *s) noexcept nogil              # NULL: the store is no Valkey


cdef inline bint replies_since(store *s, int redis, int valkey) noexcept nogil:
    """Has a reply what these releases added? Without emulation it has all."""
    return not (s.special & SPECIAL_EMULATES and is_later(s, redis, valkey))


cdef inline bint replies_like_valkey(store *s, int release) noexcept nogil:
    """Is it an emulated Valkey, of this release or a later one? For what Redis replies otherwise."""
    return s.special & SPECIAL_EMULATES and not is_later(s, NEVER, release)


cdef inline bint is_newer_word(call *c, view word) noexcept nogil:
    """Is it a token of the command that the emulated server, if there is one, would not take for it?"""
    return c.store.special & SPECIAL_EMULATES and is_known_later(c, word)


cdef inline const command *known(store *s, const command *d) noexcept nogil:
    """The command, or NULL if the emulated server does not have it."""
    return NULL if d != NULL and s.special & SPECIAL_EMULATES and is_unknown(s, d) else d
