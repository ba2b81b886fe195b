"""C declarations for the object cache: hashing and methods (glue.h), type slots, owned references."""

from cpython.object cimport PyObject, PyTypeObject, visitproc
from libc.stdint cimport uint32_t

cdef extern from "kvd/doors/glue.h":
    bint same_text "kvd_same_text" (PyObject *a, PyObject *b) noexcept
    Py_hash_t hash_of "kvd_hash" (PyObject *key) except? -1
    uint32_t mix "kvd_mix" (Py_hash_t h) noexcept                       # 32 bits that depend on the whole hash
    int install "kvd_install" (PyTypeObject *type, PyMethodDef *method) except -1

cdef extern from "Python.h":
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc
    ctypedef int (*traverseproc)(PyObject *self, visitproc visit, void *arg) noexcept
    ctypedef int (*inquiry)(PyObject *self) noexcept
    int METH_FASTCALL, METH_KEYWORDS
    object method_of "PyDescr_NewMethod" (PyTypeObject *type, PyMethodDef *method)
    void decref "Py_DECREF" (PyObject *o)                                # Cython's own take an object and may hold one more reference
    void incref "Py_INCREF" (PyObject *o)

cdef extern from *:
    ctypedef struct full_type "PyTypeObject":
        traverseproc tp_traverse
        inquiry tp_clear


cdef inline object owned(PyObject *value):
    """The object of a new reference, which it takes over."""
    cdef object o = <object>value
    decref(value)
    return o
