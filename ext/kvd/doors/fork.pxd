"""Objects to prepare for os.fork. See fork.pyx."""

cdef class Forking:                                # a subclass has __weakref__
    cdef void before_fork(self)
    cdef void after_fork_parent(self)
    cdef void after_fork_child(self)
    cdef void forget_waits(self)                   # in the child: the threads that waited do not exist

cdef int fork_locks(Forking one) except -1         # a fork takes its lock from now on: other threads can reach it
cdef int fork_forgets(Forking one) except -1       # forks no longer take it
cdef int fork_waits(Forking one) except -1         # a thread has waited in it: the child of a fork does not have that thread
