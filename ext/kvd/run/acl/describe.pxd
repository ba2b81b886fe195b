"""Users as text: the rules that would make them. See describe.pyx."""

from kvd.core.buf cimport buf
from kvd.run.acl.users cimport selector, user

cdef void describe_user(const user *u, bint sanitizing, buf *out) noexcept nogil   # sanitizing: with the word for it; "user name on #... ~* &* +@all (...)", without a line end
cdef void describe_commands(const selector *x, buf *out) noexcept nogil    # "+@all -get"
cdef void describe_keys(const selector *x, buf *out) noexcept nogil        # "~a %R~b"; empty: none
cdef void describe_channels(const selector *x, buf *out) noexcept nogil
cdef void describe_databases(const selector *x, buf *out) noexcept nogil   # "alldbs", "db=0,1", "resetdbs"
cdef void describe_password(const user *u, int i, buf *out) noexcept nogil   # in hexadecimal
