"""Positions on Earth as 52-bit numbers (geohashes); close positions have close numbers. See geohash.pyx."""

from libc.stdint cimport uint64_t

cdef enum:
    GEO_STEPS = 26             # bits of longitude, and of latitude
    GEO_AREAS = 9

cdef struct geo_point:
    double lon
    double lat

cdef struct geo_shape:         # the area to search: a circle or a box around a position, or a polygon; metres
    double lon                 # distances are from here
    double lat
    bint is_box
    double radius
    double width
    double height
    geo_point *corners         # of a polygon
    int corner_count           # 0: it is none

cdef struct geo_range:         # of hashes: low <= hash < high
    uint64_t low
    uint64_t high

cdef bint geo_valid(double lon, double lat) noexcept nogil
cdef uint64_t geo_encode(double lon, double lat) noexcept nogil
cdef void geo_decode(uint64_t hash, double *lon, double *lat) noexcept nogil               # the middle of its area
cdef double geo_distance(double lon1, double lat1, double lon2, double lat2) noexcept nogil   # metres
cdef bint geo_within(geo_shape *s, double lon, double lat, double *distance) noexcept nogil
cdef void geo_centre(geo_shape *s) noexcept nogil                                          # of a polygon: lon and lat become the middle of its corners
cdef int geo_cover(geo_shape *s, geo_range *out) noexcept nogil                            # up to GEO_AREAS ranges that cover the shape
cdef void geo_text(double lon, double lat, char *out) noexcept nogil                       # the usual geohash: 11 characters
