/* Whether this interpreter runs without the GIL. */

#ifndef KVD_DOORS_LOCK_H
#define KVD_DOORS_LOCK_H

#include <Python.h>

#ifdef Py_GIL_DISABLED
#define KVD_FREE_THREADED 1
#else
#define KVD_FREE_THREADED 0
#endif

#endif
