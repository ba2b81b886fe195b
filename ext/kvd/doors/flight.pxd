"""One load in progress. See flight.pyx."""

cdef class Flight:
    cdef readonly object loading       # a kvd.caching.loading.Loading
    cdef readonly object key
    cdef readonly object options
    cdef public Flight parent          # the load whose loader started this one, or None
    cdef public unsigned long thread   # 0: none yet
    cdef readonly bint tasked          # it belongs to a task, so its thread does other work meanwhile
    cdef readonly object landed        # None: in progress; "value", "error" or "abandoned"
    cdef readonly object value
    cdef public object error           # a copy without frames
    cdef readonly list callbacks       # called when it has landed
    cdef readonly list waits           # flights that it started or waits for
    cdef double begun

    cpdef int open(self) except -1                                     # the loader runs from now on, in this context
    cpdef int finish(self, object value, object seconds=*) except -1   # the loader returned
    cpdef int fail(self, object error) except -1                       # the loader raised
    cpdef int land(self, str how, object value=*) except -1            # ends it without storing anything
    cdef int leave(self) except -1
    cdef int wake(self, object callback) except -1
    cpdef object outcome(self)                                         # value, or the error raised

cpdef Flight running()                                                 # of the loader that runs in this context, or None
