"""Whether a user may run a call. See check.pyx."""

from kvd.core.view cimport view
from kvd.run.acl.users cimport user
from kvd.run.call cimport call, command

cdef enum denial:              # in the order in which the reason of several selectors is chosen
    PERMITTED
    DENIED_COMMAND
    DENIED_DATABASE
    DENIED_KEY
    DENIED_CHANNEL
    DENIED_LOGIN               # of the log only
    DENIALS

cdef denial check_words(const user *u, const command *d, view *argv, int argc, int db, int *at) noexcept nogil   # *at: the word that is denied, or 0
cdef bint check_reads_all(const user *u, const command *d, view *argv, int argc) noexcept nogil   # may this command read any key? for patterns of SORT
cdef bint check_listens(const user *u, view name, bint is_pattern) noexcept nogil                   # may it listen to the channel, or to the pattern of channels?
