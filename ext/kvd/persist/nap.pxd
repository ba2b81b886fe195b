"""A sleep of a background thread that another thread can end. See nap.h."""

cdef extern from "kvd/persist/nap.h" nogil:
    struct nap "kvd_nap":
        pass
    void nap_init "kvd_nap_init" (nap *n)
    int nap_for "kvd_nap" (nap *n, int ms)       # 0: it was ended
    void nap_wake "kvd_nap_wake" (nap *n)
    void nap_end "kvd_nap_end" (nap *n)
