"""Positions on Earth as 52-bit numbers (geohashes); close positions have close numbers.

Longitude and latitude are cut into 2^26 steps each; the bits of both are interleaved, latitude in the
even ones. Numbers with a common prefix are in the same area, so an area is an interval of numbers. A
circle or box is covered by the area of its centre, of a size that fits, and the eight around it, except
those the shape does not touch; a polygon by those of the box around it. For members found there the distance is computed (haversine).
"""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "<math.h>" nogil:
    double sin(double)
    double cos(double)
    double asin(double)
    double atan2(double, double)
    double sqrt(double)
    double fabs(double)

cdef double LAT_MAX = 85.05112878      # of the Mercator projection
cdef double LON_MAX = 180.0
cdef double RADIUS = 6372797.560856    # of the Earth, metres
cdef double HALF_WAY = 20037726.37     # half its circumference
cdef double RADIANS = 0.017453292519943295769236907684886


cdef struct cell:              # an area of 2^-step of the Earth, each way
    uint32_t x                 # longitude
    uint32_t y                 # latitude
    int step

cdef struct bounds:
    double west
    double east
    double south
    double north


cdef inline uint64_t spread(uint32_t v) noexcept nogil:
    """Inserts a zero after each bit."""
    cdef uint64_t x = v
    x = (x | x << 16) & <uint64_t>0x0000FFFF0000FFFFULL
    x = (x | x << 8) & <uint64_t>0x00FF00FF00FF00FFULL
    x = (x | x << 4) & <uint64_t>0x0F0F0F0F0F0F0F0FULL
    x = (x | x << 2) & <uint64_t>0x3333333333333333ULL
    return (x | x << 1) & <uint64_t>0x5555555555555555ULL


cdef inline uint32_t gather(uint64_t x) noexcept nogil:
    """Every second bit."""
    x &= <uint64_t>0x5555555555555555ULL
    x = (x | x >> 1) & <uint64_t>0x3333333333333333ULL
    x = (x | x >> 2) & <uint64_t>0x0F0F0F0F0F0F0F0FULL
    x = (x | x >> 4) & <uint64_t>0x00FF00FF00FF00FFULL
    x = (x | x >> 8) & <uint64_t>0x0000FFFF0000FFFFULL
    return <uint32_t>(x | x >> 16)


cdef inline uint32_t steps_of(double v, double most, int step) noexcept nogil:
    """The position of v between -most and most, in units of 2^-step."""
    return <uint32_t>((v + most) / (2 * most) * (<uint64_t>1 << step))


cdef inline cell cell_at(double lon, double lat, int step) noexcept nogil:
    cdef cell c
    c.x = steps_of(lon, LON_MAX, step)
    c.y = steps_of(lat, LAT_MAX, step)
    c.step = step
    return c


cdef inline double edge(uint32_t at, double most, int step) noexcept nogil:
    return -most + (at * 1.0 / (<uint64_t>1 << step)) * (2 * most)


cdef bounds bounds_of(cell c) noexcept nogil:
    cdef bounds b
    b.west = edge(c.x, LON_MAX, c.step)
    b.east = edge(c.x + 1, LON_MAX, c.step)
    b.south = edge(c.y, LAT_MAX, c.step)
    b.north = edge(c.y + 1, LAT_MAX, c.step)
    return b


cdef inline cell neighbour(cell c, int east, int north) noexcept nogil:
    """Beyond the date line or a pole the opposite side follows. A cell at 180 degrees has one bit more, as in Redis,
    until it moves in that direction."""
    cdef uint32_t mask = <uint32_t>((<uint64_t>1 << c.step) - 1)
    if east:
        c.x = <uint32_t>(c.x + east) & mask
    if north:
        c.y = <uint32_t>(c.y + north) & mask
    return c


cdef bint geo_valid(double lon, double lat) noexcept nogil:
    return -LON_MAX <= lon <= LON_MAX and -LAT_MAX <= lat <= LAT_MAX


cdef uint64_t geo_encode(double lon, double lat) noexcept nogil:
    cdef cell c = cell_at(lon, lat, GEO_STEPS)
    return spread(c.y) | spread(c.x) << 1


cdef inline double middle(double a, double b, double most) noexcept nogil:
    return max(min((a + b) / 2, most), -most)


cdef void geo_decode(uint64_t hash, double *lon, double *lat) noexcept nogil:
    cdef cell c
    cdef bounds b
    c.x = gather(hash >> 1)
    c.y = gather(hash)
    c.step = GEO_STEPS
    b = bounds_of(c)
    lon[0] = middle(b.west, b.east, LON_MAX)
    lat[0] = middle(b.south, b.north, LAT_MAX)


cdef inline double lat_distance(double a, double b) noexcept nogil:
    return RADIUS * fabs(b * RADIANS - a * RADIANS)


cdef double geo_distance(double lon1, double lat1, double lon2, double lat2) noexcept nogil:
    cdef double v = sin((lon2 * RADIANS - lon1 * RADIANS) / 2)
    cdef double u
    if v == 0:
        return lat_distance(lat1, lat2)
    u = sin((lat2 * RADIANS - lat1 * RADIANS) / 2)
    return 2 * RADIUS * asin(sqrt(u * u + cos(lat1 * RADIANS) * cos(lat2 * RADIANS) * v * v))


cdef bint in_polygon(geo_shape *s, double lon, double lat) noexcept nogil:
    """A ray to the east meets an odd number of sides. Longitude and latitude are taken for plane coordinates."""
    cdef geo_point *a = &s.corners[s.corner_count - 1]
    cdef geo_point *b
    cdef bint inside = False
    cdef int i
    for i in range(s.corner_count):
        b = &s.corners[i]
        if (b.lat > lat) != (a.lat > lat) and lon < (a.lon - b.lon) * (lat - b.lat) / (a.lat - b.lat) + b.lon:
            inside = not inside
        a = b
    return inside


cdef void geo_centre(geo_shape *s) noexcept nogil:
    """The mean of the corners as vectors from the centre of the Earth."""
    cdef double x = 0
    cdef double y = 0
    cdef double z = 0
    cdef geo_point *p
    cdef int i
    for i in range(s.corner_count):
        p = &s.corners[i]
        x += cos(p.lat * RADIANS) * cos(p.lon * RADIANS)
        y += cos(p.lat * RADIANS) * sin(p.lon * RADIANS)
        z += sin(p.lat * RADIANS)
    s.lon = atan2(y, x) / RADIANS
    s.lat = atan2(z, sqrt(x * x + y * y)) / RADIANS


cdef geo_shape box_of(geo_shape *s) noexcept nogil:
    """Of a polygon: a box that contains it."""
    cdef geo_shape box
    cdef double west = s.corners[0].lon
    cdef double east = west
    cdef double south = s.corners[0].lat
    cdef double north = south
    cdef int i
    for i in range(1, s.corner_count):
        west = min(west, s.corners[i].lon)
        east = max(east, s.corners[i].lon)
        south = min(south, s.corners[i].lat)
        north = max(north, s.corners[i].lat)
    box.is_box = True
    box.corner_count = 0
    box.lon = (west + east) / 2
    box.lat = (south + north) / 2
    box.height = lat_distance(south, north)
    box.width = (east - west) * RADIANS * RADIUS * cos((0 if south < 0 < north else min(fabs(south), fabs(north))) * RADIANS)
    return box


cdef bint geo_within(geo_shape *s, double lon, double lat, double *distance) noexcept nogil:
    if s.corner_count:
        distance[0] = geo_distance(s.lon, s.lat, lon, lat)
        return in_polygon(s, lon, lat)
    if s.is_box and (lat_distance(lat, s.lat) > s.height / 2 or geo_distance(lon, lat, s.lon, lat) > s.width / 2):
        return False
    distance[0] = geo_distance(s.lon, s.lat, lon, lat)
    return s.is_box or distance[0] <= s.radius


cdef bounds box_around(geo_shape *s) noexcept nogil:
    """The bounding box of the shape."""
    cdef bounds b
    cdef double up = s.height / 2 if s.is_box else s.radius
    cdef double aside = s.width / 2 if s.is_box else s.radius
    cdef double dlat = up / RADIUS / RADIANS
    cdef double wide_at = s.lat - dlat if s.lat < 0 else s.lat + dlat
    cdef double dlon = aside / RADIUS / cos(wide_at * RADIANS) / RADIANS
    b.west = s.lon - dlon
    b.east = s.lon + dlon
    b.south = s.lat - dlat
    b.north = s.lat + dlat
    return b


cdef int steps_for(double radius, double lat) noexcept nogil:
    """Bits of an area that is about as large as the radius."""
    cdef int step = 1
    if radius == 0:
        return GEO_STEPS
    while radius < HALF_WAY:
        radius *= 2
        step += 1
    step -= 2
    if lat > 66 or lat < -66:          # meridians converge
        step -= 1
        if lat > 80 or lat < -80:
            step -= 1
    return min(max(step, 1), GEO_STEPS)


cdef bint too_small(cell c, bounds *b) noexcept nogil:
    """Do the cell and its neighbours fail to cover a part of the box?"""
    return (bounds_of(neighbour(c, 0, 1)).north < b.north or bounds_of(neighbour(c, 0, -1)).south > b.south
            or bounds_of(neighbour(c, 1, 0)).east < b.east or bounds_of(neighbour(c, -1, 0)).west > b.west)


cdef int EASTS[9]
cdef int NORTHS[9]
EASTS[:] = [0, 0, 0, 1, -1, 1, -1, 1, -1]
NORTHS[:] = [0, 1, -1, 0, 0, 1, 1, -1, -1]


cdef int geo_cover(geo_shape *s, geo_range *out) noexcept nogil:
    cdef geo_shape around
    if s.corner_count:
        around = box_of(s)
        return cover(&around, out)
    return cover(s, out)


cdef int cover(geo_shape *s, geo_range *out) noexcept nogil:
    cdef bounds box = box_around(s)
    cdef double radius = sqrt(s.width / 2 * (s.width / 2) + s.height / 2 * (s.height / 2)) if s.is_box else s.radius
    cdef int step = steps_for(radius, s.lat)
    cdef cell c = cell_at(s.lon, s.lat, step)
    cdef cell near
    cdef bounds own
    cdef int i, shift
    cdef int n = 0
    cdef uint64_t bits
    if step > 1 and too_small(c, &box):
        step -= 1
        c = cell_at(s.lon, s.lat, step)
    own = bounds_of(c)
    shift = 2 * (GEO_STEPS - step)
    for i in range(GEO_AREAS):
        if step >= 2 and ((NORTHS[i] < 0 and own.south < box.south) or (NORTHS[i] > 0 and own.north > box.north)
                          or (EASTS[i] < 0 and own.west < box.west) or (EASTS[i] > 0 and own.east > box.east)):
            continue
        near = neighbour(c, EASTS[i], NORTHS[i])
        bits = spread(near.y) | spread(near.x) << 1
        if n > 1 and out[n - 1].low == bits << shift:
            continue                   # areas so large that a neighbour is on both sides
        out[n].low = bits << shift
        out[n].high = (bits + 1) << shift
        n += 1
    return n


cdef void geo_text(double lon, double lat, char *out) noexcept nogil:
    cdef uint64_t bits = spread(steps_of(lat, 90, GEO_STEPS)) | spread(steps_of(lon, 180, GEO_STEPS)) << 1
    cdef int i
    for i in range(11):            # 52 bits are ten characters and two bits; the last character is 0
        out[i] = (<const char *>b"0123456789bcdefghjkmnpqrstuvwxyz")[(bits >> (47 - i * 5)) & 31 if i < 10 else 0]
