"""The log of what users were denied: ACL LOG. See log.pyx."""

from libc.stdint cimport int64_t, uint64_t

from kvd.core.buf cimport buf
from kvd.core.view cimport view
from kvd.run.acl.check cimport DENIALS, denial
from kvd.store.store cimport store

cdef struct denied:            # an entry
    denied *next               # the one that came before
    int64_t id
    int64_t count              # how often, within a minute
    denial reason
    const char *context        # toplevel, multi, lua
    buf object                 # command, key or channel
    buf username
    buf client                 # as CLIENT LIST shows it
    int64_t created_ms
    int64_t updated_ms

cdef struct denials:
    denied *first              # the newest
    int64_t count
    int64_t next_id
    uint64_t counts[<int>DENIALS]   # ever, or since CONFIG RESETSTAT

cdef denied *log_denial(store *s, denial reason, const char *context, view object, view username) noexcept nogil   # its `client` is the caller's to fill; NULL: no memory, or nothing is kept
cdef void log_reset(store *s) noexcept nogil
cdef void log_shorten(store *s) noexcept nogil             # to acllog-max-len
cdef void log_release(store *s) noexcept nogil
cdef denials *denials_of(store *s) noexcept nogil          # NULL: nothing was denied yet
cdef const char *denial_name(denial reason) noexcept nogil
