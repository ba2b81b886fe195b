"""The version that is reported to clients."""

cdef extern from * nogil:
    """
    #define KVD_REDIS_VERSION "7.4.2"
    """
    const char *REDIS_VERSION "KVD_REDIS_VERSION"
