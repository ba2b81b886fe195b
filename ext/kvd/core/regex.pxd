"""Regular expressions on bytes, matched in time proportional to expression times text. See regex.pyx."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from kvd.core.view cimport view

cdef enum:
    REGEX_MOST = 16384         # steps of a program

cdef struct regex_step:
    uint8_t kind
    uint8_t byte
    int32_t x                  # distances to the next steps, or the number of a set
    int32_t y

cdef struct regex:             # owns its memory, which is malloc's
    regex_step *steps
    int count
    int room
    uint8_t *sets              # 32 bytes each
    int set_count
    int set_room
    uint32_t *scratch          # of a match
    uint8_t first[32]          # bytes with which a match may begin
    bint anywhere              # a match may be empty, or at any byte: `first` tells nothing

cdef const char *regex_compile(regex *r, view pattern, bint nocase, int most) noexcept nogil
# *r need not be initialized. NULL, or what is wrong with the pattern, which is also that it needs more than `most` steps; regex_free in either case
cdef bint regex_match(regex *r, view text) noexcept nogil      # anywhere in the text
cdef void regex_free(regex *r) noexcept nogil
