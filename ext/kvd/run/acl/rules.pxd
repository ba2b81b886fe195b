"""The rules that ACL SETUSER and files of users give. See rules.pyx."""

from kvd.core.view cimport view
from kvd.run.acl.users cimport user
from kvd.store.store cimport store

cdef enum rule_error:
    RULE_RIGHT
    RULE_SYNTAX
    RULE_UNKNOWN               # command or category
    RULE_KEYS_COVERED          # a pattern after one for all keys
    RULE_CHANNELS_COVERED
    RULE_NO_PASSWORD           # the one to be removed is not there
    RULE_HASH
    RULE_FIRST_WORD            # of a subcommand
    RULE_MEMORY

cdef rule_error rules_apply(store *s, user *u, const view *rules, int count, view *failed) noexcept nogil   # in order. After an error, which *failed has made, u is half changed: give a copy
cdef bint rules_merge(const view *words, int count, view *rules, int *found, char *room) noexcept nogil
# selectors that were split at spaces are put together in `room`, which has space for all words and a byte after each; False: the rule words[found[0]] is not closed
cdef const char *rule_error_text(rule_error e) noexcept nogil
