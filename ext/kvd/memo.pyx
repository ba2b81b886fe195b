"""The fast half of @cached: arguments to key, key to value, and nothing of Python in between when it is there.

A call of one str or int has that as its key, any other call the tuple of its arguments, as functools does.
Whatever is not a plain hit is the business of two functions of kvd.caching.memoize: `key_of(args, kwargs)`, if keys are
made otherwise, and `missed(key, args, kwargs)`, which loads.
"""

cimport cython
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject, ternaryfunc
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_CheckExact

from kvd.cache cimport Cache

cdef extern from *:
    ctypedef struct full_type "PyTypeObject":
        ternaryfunc tp_call
    object call_with "PyObject_Call" (object f, object args, PyObject *kwargs)
    void Py_DECREF_raw "Py_DECREF" (PyObject *o)

cdef object KEYWORDS = object()    # between the positional arguments of a key and the others


cdef object key_from(tuple args, PyObject *kwargs, bint typed):
    cdef Py_ssize_t n = PyTuple_GET_SIZE(args)
    cdef list parts
    if kwargs == NULL or not <dict>kwargs:
        if not typed:
            if n == 1 and (PyUnicode_CheckExact(args[0]) or PyLong_CheckExact(args[0])):
                return args[0]
            return args
        return (args, tuple([type(a) for a in args]))
    parts = list(args)
    parts.append(KEYWORDS)
    for name, value in (<dict>kwargs).items():
        parts.append(name)
        parts.append(value)
    if typed:
        parts.extend([type(a) for a in args])
        parts.extend([type(value) for value in (<dict>kwargs).values()])
    return tuple(parts)


cdef class Memo:
    """A callable that answers from a cache."""

    cdef readonly Cache cache
    cdef object function
    cdef public object key_of          # key_of(args, kwargs) -> key, or None: as functools
    cdef public object missed          # missed(key, args, kwargs) -> the result; None: call and store, no more
    cdef public object route           # route(args, kwargs) -> the result: for methods; None: not one
    cdef public bint typed
    cdef public bint watched           # values may be stale, so a hit is `missed`'s business as well
    cdef dict __dict__
    cdef object __weakref__

    def __init__(self, function, Cache cache, *, typed=False):
        self.function = function
        self.cache = cache
        self.typed = typed

    cdef object call(self, tuple args, PyObject *kwargs):
        cdef object key, result
        cdef PyObject *value
        if self.route is not None:
            return self.route(args, {} if kwargs == NULL else <dict>kwargs)
        key = key_from(args, kwargs, self.typed) if self.key_of is None else self.key_of(args, {} if kwargs == NULL else <dict>kwargs)
        if not self.watched:
            with cython.critical_section(self.cache):
                value = self.cache.fetch(<PyObject *>key)
            if value != NULL:
                result = <object>value
                Py_DECREF_raw(value)
                return result
        if self.missed is not None:
            return self.missed(key, args, {} if kwargs == NULL else <dict>kwargs)
        result = call_with(self.function, args, kwargs)
        with cython.critical_section(self.cache):
            self.cache.put(key, result)
        return result

    def key_for(self, tuple args, dict kwargs):
        """The key of a call with these arguments."""
        return key_from(args, <PyObject *>kwargs, self.typed) if self.key_of is None else self.key_of(args, kwargs)

    def __call__(self, *args, **kwargs):
        return self.call(args, <PyObject *>kwargs)


cdef object call_memo(object self, object args, PyObject *kwargs):
    return (<Memo>self).call(<tuple>args, kwargs)


# Cython's own __call__ makes an empty dictionary for every call without keywords
(<full_type *>Memo).tp_call = <ternaryfunc>call_memo
