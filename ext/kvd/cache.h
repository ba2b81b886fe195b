/* The object cache's shortcuts into CPython: keys of exact type str are hashed and compared without running Python code, and
   methods are called without building a tuple. And a clock that costs nothing where one is coarse enough. */

#ifndef KVD_CACHE_H
#define KVD_CACHE_H

#include <Python.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "kvd/core/clock.h"

#if defined(CLOCK_MONOTONIC_COARSE)
#define KVD_LAG 10000      /* a jiffy is 10 ms at most */
static inline int64_t kvd_coarse_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
#else
#define KVD_LAG 0
static inline int64_t kvd_coarse_us(void) { return kvd_mono_us(); }
#endif

/* Whether two keys of exact type str are equal; no Python code runs. */
static inline int kvd_same_text(PyObject *a, PyObject *b) {
    Py_ssize_t n = PyUnicode_GET_LENGTH(a);
    int kind = PyUnicode_KIND(a);
    return n == PyUnicode_GET_LENGTH(b) && kind == (int)PyUnicode_KIND(b)
        && memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)n * kind) == 0;
}

/* The hash of a str is kept in it. */
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

/* A method of a compiled class that Python calls without building a tuple or parsing keywords. */
static inline PyObject *kvd_method(PyTypeObject *type, PyMethodDef *method) {
    return PyDescr_NewMethod(type, method);
}

static int kvd_install(PyTypeObject *type, PyMethodDef *method) {
    PyObject *d = PyDescr_NewMethod(type, method);
    int r = d == NULL ? -1 : PyDict_SetItemString(type->tp_dict, method->ml_name, d);
    Py_XDECREF(d);
    PyType_Modified(type);
    return r;
}

#endif
