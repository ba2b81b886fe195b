"""Stores and os.fork: the parent is not affected, the child gets a private copy whose lock is free.

A store that other threads can reach is locked before the fork, so that the child's copy of it is consistent, and released
in the parent; the child initializes the lock. The child has none of the parent's other threads: blocked commands of
those threads are dropped.
"""

import os
import weakref

_locked = weakref.WeakSet()
_waited = weakref.WeakSet()


cdef class Forking:
    """An object to prepare for forks."""

    cdef void before_fork(self):
        pass

    cdef void after_fork_parent(self):
        pass

    cdef void after_fork_child(self):
        pass

    cdef void forget_waits(self):
        pass


cdef int fork_locks(Forking one) except -1:
    _locked.add(one)
    return 0


cdef int fork_forgets(Forking one) except -1:
    _locked.discard(one)
    return 0


cdef int fork_waits(Forking one) except -1:
    _waited.add(one)
    return 0


def _before():
    for one in list(_locked):
        (<Forking>one).before_fork()


def _after_in_parent():
    for one in list(_locked):
        (<Forking>one).after_fork_parent()


def _after_in_child():
    for one in list(_locked):
        (<Forking>one).after_fork_child()
    for one in list(_waited):
        (<Forking>one).forget_waits()
    _locked.clear()
    _waited.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
