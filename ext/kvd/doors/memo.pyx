"""The compiled part of @cached: arguments to key, key to value; a hit runs no Python code.

The key of a call with one str or int is that argument; otherwise it is the tuple of arguments, as in functools.

Methods. A cache with `self` in its keys would keep every instance alive. A key therefore contains a token for the instance:
an object that is found by the instance's address, and is discarded together with its entries when the instance is. With a
cache per instance, the instance has its own cache instead. `Owner` is that token or cache. An instance that cannot be weakly
referenced is its own token.

All other cases are left to functions that kvd.caching.memoize sets: `key_of(args, kwargs)` makes other keys;
`adopt(instance)` makes the Owner of a new instance; `missed(cache, key, owner, args, kwargs)` returns a flight (flight.pyx),
which either has landed with the result, or receives the result of the function, which is called here. So each level of a
recursive cached function takes only one more frame of the C stack.
"""

cimport cython
from cpython.dict cimport PyDict_GetItemWithError, PyDict_Next
from cpython.long cimport PyLong_CheckExact, PyLong_FromVoidPtr
from cpython.object cimport PyObject, ternaryfunc
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_CheckExact
from cpython.weakref cimport PyWeakref_GetObject

from kvd.doors.cache cimport Cache
from kvd.doors.flight cimport Flight
from kvd.doors.glue cimport owned

cdef extern from *:
    ctypedef struct full_type "PyTypeObject":
        ternaryfunc tp_call
        unsigned long tp_flags
    object call_with "PyObject_Call" (object f, object args, PyObject *kwargs)
    bint PyCoro_CheckExact(object o)
    bint PyGen_CheckExact(object o)
    bint PyAsyncGen_CheckExact(object o)
    unsigned long Py_TPFLAGS_METHOD_DESCRIPTOR


class _Keywords:
    """Separates the positional arguments in a key from the named ones; a single object, also after pickling."""

    def __reduce__(self):
        return "KEYWORDS"


KEYWORDS = _Keywords()
cdef object SEPARATOR = KEYWORDS


cdef object key_from(tuple args, PyObject *kwargs, bint typed):
    cdef Py_ssize_t n = PyTuple_GET_SIZE(args)
    if kwargs == NULL or not <dict>kwargs:
        if not typed:
            if n == 1 and (PyUnicode_CheckExact(args[0]) or PyLong_CheckExact(args[0])):
                return args[0]
            return args
        return (args, tuple([type(a) for a in args]))
    if not typed:
        return key_with_names(args, <dict>kwargs)
    return (key_with_names(args, <dict>kwargs), tuple([type(a) for a in (*args, *(<dict>kwargs).values())]))


cdef tuple key_with_names(tuple args, dict kwargs):
    cdef Py_ssize_t n = PyTuple_GET_SIZE(args)
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t i
    cdef PyObject *name
    cdef PyObject *value
    cdef tuple key = PyTuple_New(n + 1 + 2 * len(kwargs))
    for i in range(n):
        put(key, i, <PyObject *>args[i])
    put(key, n, <PyObject *>SEPARATOR)
    i = n + 1
    while PyDict_Next(kwargs, &at, &name, &value):
        put(key, i, name)
        put(key, i + 1, value)
        i += 2
    return key


cdef inline void put(tuple t, Py_ssize_t i, PyObject *o) noexcept:
    Py_INCREF(<object>o)
    PyTuple_SET_ITEM(t, i, <object>o)


cdef class Owner:
    """The token for the keys of one instance, or its cache."""

    cdef object ref                    # weak, or None: the token is the instance itself
    cdef readonly object token
    cdef readonly Cache cache          # None: the function's
    cdef public object options         # for missed

    def __init__(self, ref, token, Cache cache=None):
        self.ref, self.token, self.cache = ref, token, cache


cdef class Memo:
    """A callable whose results are cached."""

    cdef readonly Cache cache
    cdef object function
    cdef readonly dict owners          # of a method: address of an instance -> Owner; None: not a method
    cdef public object adopt
    cdef public object key_of          # None: as functools
    cdef public object missed          # None: call and store
    cdef public bint typed
    cdef public bint watched           # values may be stale, so `missed` answers hits as well
    cdef dict __dict__
    cdef object __weakref__

    def __init__(self, function, Cache cache, *, typed=False):
        self.function = function
        self.cache = cache
        self.typed = typed

    def become_method(self):
        """Treat the first argument of all further calls as the instance."""
        if self.owners is None:
            self.owners = {}

    cdef Owner owner_of(self, object instance):
        cdef object address = PyLong_FromVoidPtr(<void *>instance)
        cdef PyObject *found = PyDict_GetItemWithError(self.owners, address)
        if found != NULL and PyWeakref_GetObject((<Owner>found).ref) == <PyObject *>instance:
            return <Owner>found
        return self.adopt(instance)

    cdef object call(self, tuple args, PyObject *kwargs):
        cdef object key, result
        cdef PyObject *value
        cdef Owner owner = None
        cdef Cache cache = self.cache
        if self.owners is None and self.key_of is None:
            key = key_from(args, kwargs, self.typed)
        else:
            cache, key, owner = self.place(args, {} if kwargs == NULL else <dict>kwargs)
        if not self.watched:
            with cython.critical_section(cache):
                value = cache.fetch(<PyObject *>key)
            if value != NULL:
                return owned(value)
        if self.missed is not None:
            return self.load(self.missed(cache, key, owner, args, {} if kwargs == NULL else <dict>kwargs), args, kwargs)
        result = call_with(self.function, args, kwargs)
        if PyCoro_CheckExact(result):
            result.close()
        if PyCoro_CheckExact(result) or PyGen_CheckExact(result) or PyAsyncGen_CheckExact(result):
            raise TypeError(f"{self.function!r} returned a {type(result).__name__}, which can be used only once")
        with cython.critical_section(cache):
            cache.put(key, result)
        return result

    cdef object load(self, Flight flight, tuple args, PyObject *kwargs):
        cdef object result
        if flight.landed is not None:
            return flight.outcome()
        try:
            result = call_with(self.function, args, kwargs)
        except BaseException as error:
            flight.fail(error)
            raise
        flight.finish(result)
        return result

    cpdef tuple place(self, tuple args, dict kwargs):
        """Return (cache, key, Owner or None): where the result of this call is stored."""
        cdef Owner owner = None
        cdef Cache cache = self.cache
        cdef object key
        if self.owners is not None:
            if not args:
                raise TypeError(f"{self.function.__qualname__} needs an instance as its first argument")
            owner = self.owner_of(args[0])
            if self.key_of is None:
                args = args[1:]
        key = key_from(args, <PyObject *>kwargs, self.typed) if self.key_of is None else self.key_of(args, kwargs)
        if owner is not None:
            if owner.cache is not None:
                cache = owner.cache
            else:
                key = (owner.token, key)
        return cache, key, owner

    def __call__(self, *args, **kwargs):
        return self.call(args, <PyObject *>kwargs)


cdef object call_memo(object self, object args, PyObject *kwargs):
    return (<Memo>self).call(<tuple>args, kwargs)


def give_call(type memo):
    """Install call_memo, which needs no empty dictionary; and let `instance.method(...)` make no bound method."""
    (<full_type *>memo).tp_call = <ternaryfunc>call_memo
    (<full_type *>memo).tp_flags |= Py_TPFLAGS_METHOD_DESCRIPTOR
