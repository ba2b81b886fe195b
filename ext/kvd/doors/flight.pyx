"""One load in progress: opened by the caller that found the key missing, landed when its loader returns or raises.

    opened      registered in its Loading, and the current flight of its context (RUNNING)
    landed      removed from both; `landed` holds the outcome, and all waiting callers have been notified

Between opening and landing, Python code is called only where it may fail without harm: `loaded`, `failed`, a key's __eq__,
a waiter's notification. So a flight lands even if the stack is exhausted when its loader returns.

kvd.caching.flights decides which flight may wait for which.
"""

from cpython.contextvars cimport PyContextVar_Get, PyContextVar_New, PyContextVar_Set
from cpython.object cimport PyObject

from kvd.core.clock cimport mono_us
from kvd.doors.glue cimport owned

from _thread import start_new_thread

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept

RUNNING = PyContextVar_New("kvd_flight", NULL)


cpdef Flight running():
    """Return the load of the loader that runs in this context, or None. A task that outlives its loader belongs to the enclosing load."""
    cdef PyObject *value = NULL
    cdef Flight flight
    PyContextVar_Get(RUNNING, NULL, &value)
    flight = None if value == NULL else <Flight>owned(value)
    while flight is not None and flight.landed is not None:
        flight = flight.parent
    return flight


cdef class Flight:
    """One load of a key. Its owner calls `finish` or `fail`, once."""

    def __init__(self, loading, key, options, Flight parent=None, bint tasked=False):
        self.loading, self.key, self.options, self.parent, self.tasked = loading, key, options, parent, tasked
        self.thread = PyThread_get_thread_ident()
        self.callbacks, self.waits = [], []

    cpdef int open(self) except -1:
        if self.parent is not None:
            self.parent.waits.append(self)
        PyContextVar_Set(RUNNING, self)
        self.begun = mono_us()
        return 0

    cpdef int finish(self, object value, object seconds=None) except -1:
        """Store the value and pass it to the waiting callers. seconds: how long the load took; None: since it was opened."""
        try:
            self.loading.loaded(self, value, (mono_us() - self.begun) / 1e6 if seconds is None else seconds)
        finally:
            if self.landed is None:
                self.land("value", value)
        return 0

    cpdef int fail(self, object error) except -1:
        """After an error that is not about the key (an interrupt, cancellation, stack overflow) a waiting caller takes over the
        load."""
        if not isinstance(error, Exception) or isinstance(error, RecursionError):
            return self.land("abandoned")
        try:
            self.loading.failed(self, error)
        finally:
            self.land("abandoned" if self.error is None else "error")
        return 0

    cpdef int land(self, str how, object value=None) except -1:
        cdef PyObject *current = NULL
        self.leave()
        self.value = value
        self.landed = how
        if self.parent is not None and self in self.parent.waits:
            self.parent.waits.remove(self)
        PyContextVar_Get(RUNNING, NULL, &current)
        if current != NULL and owned(current) is self:
            PyContextVar_Set(RUNNING, running())
        while self.callbacks:
            self.wake(self.callbacks.pop())
        return 0

    cdef int leave(self) except -1:
        """Removes it from the dictionary. If a key's __eq__ raises, the flight stays, and Loading.board ignores it."""
        cdef dict flights = self.loading.flights
        try:
            if flights.get(self.key) is self:
                del flights[self.key]
        except Exception:
            pass
        return 0

    cdef int wake(self, object callback) except -1:
        try:
            callback()
        except RecursionError:     # the loader has used up the stack: another thread has its own
            start_new_thread(callback, ())
        return 0

    cpdef object outcome(self):
        """The value, or the error raised, of a flight that has landed with one of them."""
        if self.error is not None:
            raise self.loading.again(self.error)
        return self.value


def landed_with(value):
    """Return a flight that has landed already."""
    cdef Flight flight = Flight.__new__(Flight)
    flight.landed = "value"
    flight.value = value
    return flight
