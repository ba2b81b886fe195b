"""Statistics of commands: per command, per error, command logs, latency events. See figures.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from kvd.core.clock cimport ticks
from kvd.core.view cimport view
from kvd.run.call cimport call
from kvd.run.registry cimport MAX_COMMANDS
from kvd.session.session cimport session
from kvd.store.config cimport OPT_COMMANDLOG_REPLY_LARGER_THAN, OPT_COMMANDLOG_REQUEST_LARGER_THAN, cfg
from kvd.store.parts cimport PART_FIGURES
from kvd.store.store cimport store

cdef enum:
    OCTAVES = 44               # of the number of ticks
    SUBDIVISIONS = 16          # of an octave: percentiles are within 3%
    ERROR_KINDS = 64
    ERROR_NAME = 32
    HEADER_MAX = 32            # bytes around a word of a request, and of its header
    LATENCY_SAMPLES = 160
    LATENCY_EVENTS = 8

cdef enum command_log_kind:
    SLOW                       # SLOWLOG's
    LARGE_REQUEST
    LARGE_REPLY
    COMMAND_LOGS

cdef struct command_figures:
    uint64_t calls
    uint64_t ticks
    uint64_t rejected
    uint64_t failed
    uint64_t unmeasured        # calls since the last one that was measured
    uint32_t *histogram        # OCTAVES * SUBDIVISIONS counts; made with the first call

cdef struct error_figure:
    char name[ERROR_NAME]
    uint64_t count

cdef struct log_entry:
    log_entry *next            # older
    int64_t id
    int64_t time_s
    int64_t amount             # microseconds, or bytes
    int words                  # of the command
    int argc                   # of those that are kept
    view *argv                 # views and bytes in one allocation
    char addr[64]
    char name[64]

cdef struct command_log:
    log_entry *first           # the newest
    int64_t count
    int64_t next_id

cdef struct latency_sample:
    int64_t time_s
    int64_t ms

cdef struct latency_event:
    char name[32]
    latency_sample samples[LATENCY_SAMPLES]
    int next
    int count
    int64_t worst

cdef struct script_figures:    # memory of scripts (script/runtime.pyx)
    size_t lua                 # bytes of the interpreter
    size_t scripts             # cached
    size_t script_bytes
    size_t functions
    size_t libraries
    size_t function_bytes
    uint64_t evicted

cdef struct figures:           # part PART_FIGURES of a store
    command_figures commands[MAX_COMMANDS]
    error_figure errors[ERROR_KINDS]
    int error_kinds
    command_log logs[COMMAND_LOGS]
    latency_event latency[LATENCY_EVENTS]
    int latency_kinds
    script_figures scripts

cdef bint figures_init(store *s) noexcept nogil
cdef void figures_release(store *s) noexcept nogil
cdef void figures_reset(store *s) noexcept nogil                       # as CONFIG RESETSTAT
cdef void figure_call(store *s, int command, uint64_t ticks, bint failed) noexcept nogil
cdef void figures_settle(store *s, int command) noexcept nogil         # before its figures are shown: adds unmeasured calls
cdef void figure_error(store *s, view text) noexcept nogil             # counts it by the first word of the reply
cdef void figure_logged(call *c, int kind, int64_t amount) noexcept nogil   # adds the call to a log; secrets are left out
cdef void command_log_clear(store *s, int kind) noexcept nogil
cdef size_t request_size(view *argv, int argc) noexcept nogil           # in RESP
cdef void weigh(session *who, view *argv, int argc) noexcept nogil     # sets who.request before a call
cdef void figure_latency(store *s, const char *event, int64_t ms) noexcept nogil
cdef int bucket_of(uint64_t ticks) noexcept nogil
cdef uint64_t bucket_top(int bucket) noexcept nogil                    # largest number of ticks in it


cdef inline void figure_fast(store *s, int command, uint64_t begun) noexcept nogil:
    """For a call so short that measuring costs a tenth of it: every 16th is measured, and counts for those before it."""
    cdef command_figures *f = &figures_of(s).commands[command]
    s.stats.commands += 1
    if f.calls & 15:
        f.calls += 1
        f.unmeasured += 1
    else:
        figure_call(s, command, ticks() - begun, False)


cdef inline size_t header_size(size_t n) noexcept nogil:
    """Of a kind, a number and a line break."""
    cdef size_t size = 4
    while n >= 10:
        n //= 10
        size += 1
    return size


cdef inline bint may_be_large(store *s, size_t bytes) noexcept nogil:
    """Can a request among so many bytes be one that is logged? A limit of -1 is the largest size."""
    return bytes >= <size_t>cfg(&s.config, OPT_COMMANDLOG_REQUEST_LARGER_THAN)


cdef inline bint is_large_reply(store *s, size_t bytes) noexcept nogil:
    return bytes >= <size_t>cfg(&s.config, OPT_COMMANDLOG_REPLY_LARGER_THAN)


cdef inline figures *figures_of(store *s) noexcept nogil:
    return <figures *>s.parts[<int>PART_FIGURES]
