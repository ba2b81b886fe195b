/* C code for the object cache that Cython cannot express: hashes and equality of str, methods without argument tuples. */

#ifndef KVD_GLUE
#define KVD_GLUE

#include <Python.h>
#include <stdint.h>
#include <string.h>

/* Whether two keys of exact type str are equal. Runs no Python code. */
static inline int kvd_same_text(PyObject *a, PyObject *b) {
    Py_ssize_t n = PyUnicode_GET_LENGTH(a);
    int kind = PyUnicode_KIND(a);
    return n == PyUnicode_GET_LENGTH(b) && kind == (int)PyUnicode_KIND(b)
        && memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)n * kind) == 0;
}

/* hash(key); a str keeps its own. -1 with an exception set: the key is not hashable. */
static inline Py_hash_t kvd_hash(PyObject *key) {
    if (PyUnicode_CheckExact(key)) {
        Py_hash_t h = ((PyASCIIObject *)key)->hash;
        if (h != -1) return h;
    }
    return PyObject_Hash(key);
}

static inline uint32_t kvd_mix(Py_hash_t h) {
    return (uint32_t)(((uint64_t)h * 0x9E3779B97F4A7C15ull) >> 32);
}

/* Sets a method of a compiled class that the interpreter calls with a plain array of arguments. */
static inline int kvd_install(PyTypeObject *type, PyMethodDef *method) {
    PyObject *d = PyDescr_NewMethod(type, method);
    int r = d == NULL ? -1 : PyDict_SetItemString(type->tp_dict, method->ml_name, d);
    Py_XDECREF(d);
    PyType_Modified(type);
    return r;
}

#endif
