"""Geospatial commands: members of a sorted set whose scores are geohashes (core/geohash.pyx)."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcpy, memset

from kvd.commands.keyed cimport delete_key, find_typed, store_new_value, zset_limits
from kvd.commands.zsets cimport ADD_CH, ADD_NX, ADD_XX, zset_add_pairs
from kvd.core.buf cimport buf_add
from kvd.core.entry cimport entry
from kvd.core.geohash cimport (
    GEO_AREAS, geo_centre, geo_cover, geo_decode, geo_distance, geo_encode, geo_point, geo_range, geo_shape, geo_text,
    geo_valid, geo_within,
)
from kvd.core.text cimport INT_TEXT, LONG_DOUBLE_TEXT, format_int, format_long_double, parse_double, parse_int
from kvd.core.view cimport view, view_is, view_of
from kvd.resp.writer cimport write_bulk, write_double, write_null_array
from kvd.run.args cimport arg_int, changed, reply_array, reply_bulk, reply_error, reply_errorf, reply_int, reply_null
from kvd.run.call cimport call
from kvd.run.emulation cimport NEVER, replies_since
from kvd.run.errors cimport NOT_FLOAT, NO_MEMORY, SYNTAX
from kvd.run.registry cimport define
from kvd.store.config cimport EVENT_ZSET
from kvd.types.kind cimport ZSET, packing
from kvd.types.value cimport value_free
from kvd.types.zset cimport zset_at, zset_below, zset_cursor, zset_get, zset_new, zset_next, zset_score, zset_set


# ---- arguments --------------------------------------------------------------------------------------

cdef bint arg_position(call *c, int i, double *lon, double *lat) noexcept nogil:
    """Longitude at i, latitude after it; False: the error is replied."""
    cdef char text[800]        # a double has up to 309 digits before the point
    if not parse_double(c.argv[i], lon) or not parse_double(c.argv[i + 1], lat):
        reply_error(c, NOT_FLOAT)
        return False
    if geo_valid(lon[0], lat[0]):
        return True
    snprintf(text, sizeof(text), b"ERR invalid longitude,latitude pair %f,%f", lon[0], lat[0])
    reply_error(c, text)
    return False


cdef bint arg_unit(call *c, int i, double *metres) noexcept nogil:
    if view_is(c.argv[i], b"m"):
        metres[0] = 1
    elif view_is(c.argv[i], b"km"):
        metres[0] = 1000
    elif view_is(c.argv[i], b"ft"):
        metres[0] = 0.3048
    elif view_is(c.argv[i], b"mi"):
        metres[0] = 1609.34
    else:
        reply_error(c, b"ERR unsupported unit provided. please use M, KM, FT, MI")
        return False
    return True


cdef bint arg_length(call *c, int i, const char *needed, double *n) noexcept nogil:
    if parse_double(c.argv[i], n):
        return True
    reply_error(c, needed)
    return False


cdef bint arg_radius(call *c, int i, geo_shape *s, double *unit) noexcept nogil:
    """A radius and its unit."""
    if not arg_length(c, i, b"ERR need numeric radius", &s.radius):
        return False
    if s.radius < 0:
        reply_error(c, b"ERR radius cannot be negative")
        return False
    if not arg_unit(c, i + 1, unit):
        return False
    s.radius *= unit[0]
    s.is_box = False
    return True


cdef bint arg_box(call *c, int i, geo_shape *s, double *unit) noexcept nogil:
    """Width, height and their unit."""
    if not arg_length(c, i, b"ERR need numeric width", &s.width) or not arg_length(c, i + 1, b"ERR need numeric height", &s.height):
        return False
    if s.width < 0 or s.height < 0:
        reply_error(c, b"ERR height or width cannot be negative")
        return False
    if not arg_unit(c, i + 2, unit):
        return False
    s.width *= unit[0]
    s.height *= unit[0]
    s.is_box = True
    return True


cdef bint place_of(entry *e, view member, double *lon, double *lat) noexcept nogil:
    cdef double score
    if e == NULL or not zset_score(e, member, &score):
        return False
    geo_decode(<uint64_t>score, lon, lat)
    return True


cdef void reply_coordinate(call *c, double d) noexcept nogil:
    cdef char text[LONG_DOUBLE_TEXT]
    cdef int n
    if replies_since(c.store, 80000, NEVER):
        write_double(c.out, d, c.proto)
        return
    n = format_long_double(text, d)
    if c.proto < 3:
        write_bulk(c.out, view_of(text, n))
        return
    buf_add(c.out, b",", 1)
    buf_add(c.out, text, n)
    buf_add(c.out, b"\r\n", 2)


cdef void reply_place(call *c, double lon, double lat) noexcept nogil:
    reply_array(c, 2)
    reply_coordinate(c, lon)
    reply_coordinate(c, lat)


cdef void reply_distance(call *c, double d) noexcept nogil:
    cdef char text[64]
    write_bulk(c.out, view_of(text, snprintf(text, sizeof(text), b"%.4f", d)))


# ---- single members ---------------------------------------------------------------------------------

define(geoadd_command, """
    GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
    write denyoom | geo | 3.2.0 | O(log(N)) for each member, N being the size of the sorted set
    Add geospatial members to a sorted set, or change their positions.
    keys: RW update
""")
cdef void geoadd_command(call *c) noexcept nogil:
    cdef int flags = 0
    cdef int at = 2
    cdef int n, i
    cdef double lon, lat
    cdef char *room
    cdef char *text
    cdef call add
    while at < c.argc:
        if view_is(c.argv[at], b"nx"):
            flags |= ADD_NX
        elif view_is(c.argv[at], b"xx"):
            flags |= ADD_XX
        elif view_is(c.argv[at], b"ch"):
            flags |= ADD_CH
        else:
            break
        at += 1
    if (c.argc - at) % 3 or (flags & ADD_NX and flags & ADD_XX):
        reply_error(c, SYNTAX)
        return
    n = (c.argc - at) // 3
    room = <char *>malloc((2 + n * 2) * sizeof(view) + n * INT_TEXT)
    if room == NULL:
        reply_error(c, NO_MEMORY)
        return
    add = c[0]
    add.argv = <view *>room
    add.argc = 2 + n * 2
    add.argv[0] = c.argv[0]
    add.argv[1] = c.argv[1]
    text = room + add.argc * sizeof(view)
    for i in range(n):
        if not arg_position(c, at + i * 3, &lon, &lat):
            free(room)
            return
        add.argv[2 + i * 2] = view_of(text, format_int(text, <int64_t>geo_encode(lon, lat)))
        add.argv[3 + i * 2] = c.argv[at + i * 3 + 2]
        text += INT_TEXT
    zset_add_pairs(&add, 2, flags)
    free(room)


cdef bint open_read(call *c, entry **e) noexcept nogil:
    cdef uint64_t hash
    return find_typed(c, c.argv[1], ZSET, True, &hash, e)


define(geohash_command, """
    GEOHASH key [member [member ...]]
    readonly | geo | 3.2.0 | O(1) for each member
    Return the geohash strings of members.
""")
cdef void geohash_command(call *c) noexcept nogil:
    cdef entry *e
    cdef double lon, lat
    cdef char text[12]
    cdef int i
    if not open_read(c, &e):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        if place_of(e, c.argv[i], &lon, &lat):
            geo_text(lon, lat, text)
            reply_bulk(c, view_of(text, 11))
        else:
            reply_null(c)


define(geopos_command, """
    GEOPOS key [member [member ...]]
    readonly | geo | 3.2.0 | O(1) for each member
    Return the longitudes and latitudes of members.
""")
cdef void geopos_command(call *c) noexcept nogil:
    cdef entry *e
    cdef double lon, lat
    cdef int i
    if not open_read(c, &e):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        if place_of(e, c.argv[i], &lon, &lat):
            reply_place(c, lon, lat)
        else:
            write_null_array(c.out, c.proto)


define(geodist_command, """
    GEODIST key member1 member2 [M | KM | FT | MI]
    readonly | geo | 3.2.0 | O(1)
    Return the distance between two members.
""")
cdef void geodist_command(call *c) noexcept nogil:
    cdef entry *e
    cdef double unit = 1
    cdef double lon1, lat1, lon2, lat2
    if c.argc > 5:
        reply_error(c, SYNTAX)
        return
    if c.argc == 5 and not arg_unit(c, 4, &unit):
        return
    if not open_read(c, &e):
        return
    if place_of(e, c.argv[2], &lon1, &lat1) and place_of(e, c.argv[3], &lon2, &lat2):
        reply_distance(c, geo_distance(lon1, lat1, lon2, lat2) / unit)
    else:
        reply_null(c)


# ---- searching --------------------------------------------------------------------------------------

cdef enum order:
    UNSORTED
    NEAREST
    FARTHEST

cdef struct geo_search:
    entry *e
    geo_shape shape
    double unit                # metres
    bint from_member
    bint from_position
    bint round
    bint boxed
    bint polygon
    bint with_distance
    bint with_hash
    bint with_place
    bint any
    order sorting
    int64_t count              # 0: all
    view target                # of STORE; ptr NULL: none
    bint store_distance

cdef struct hit:
    double distance            # metres
    double score
    double lon
    double lat
    size_t name                # offset in hits.names
    size_t name_len

cdef struct hits:
    hit *item
    size_t count
    size_t room
    char *names
    size_t names_len
    size_t names_room
    bint failed


cdef void add_hit(hits *found, hit *h, view member) noexcept nogil:
    """The member's bytes are copied: those of a packed set are overwritten by the next step."""
    cdef void *grown
    if found.count == found.room:
        grown = realloc(found.item, (found.room * 2 + 16) * sizeof(hit))
        if grown == NULL:
            found.failed = True
            return
        found.item = <hit *>grown
        found.room = found.room * 2 + 16
    if found.names_len + member.len > found.names_room:
        grown = realloc(found.names, found.names_room * 2 + member.len + 256)
        if grown == NULL:
            found.failed = True
            return
        found.names = <char *>grown
        found.names_room = found.names_room * 2 + member.len + 256
    h.name = found.names_len
    h.name_len = member.len
    memcpy(found.names + found.names_len, member.ptr, member.len)
    found.names_len += member.len
    found.item[found.count] = h[0]
    found.count += 1


cdef void search_range(geo_search *g, geo_range *r, size_t most, hits *found) noexcept nogil:
    cdef size_t at = zset_below(g.e, <double>r.low, False)
    cdef zset_cursor place
    cdef view member
    cdef hit h
    if not zset_at(g.e, at, &place):
        return
    while True:
        h.score = zset_get(&place, &member)
        if h.score >= <double>r.high:
            return
        geo_decode(<uint64_t>h.score, &h.lon, &h.lat)
        if geo_within(&g.shape, h.lon, h.lat, &h.distance):
            add_hit(found, &h, member)
            if found.failed or (most and found.count >= most):
                return
        if not zset_next(&place):
            return


cdef int nearer(const void *a, const void *b) noexcept nogil:
    cdef double x = (<const hit *>a).distance
    cdef double y = (<const hit *>b).distance
    return (x > y) - (x < y)


cdef int farther(const void *a, const void *b) noexcept nogil:
    return nearer(b, a)


cdef void search_all(geo_search *g, hits *found) noexcept nogil:
    cdef geo_range ranges[GEO_AREAS]
    cdef int n = geo_cover(&g.shape, ranges)
    cdef int i
    cdef size_t most = g.count if g.any else 0
    memset(found, 0, sizeof(hits))
    for i in range(n):
        if found.failed or (most and found.count >= most):
            break
        search_range(g, &ranges[i], most, found)
    if g.sorting != UNSORTED and found.count > 1:
        qsort(found.item, found.count, sizeof(hit), nearer if g.sorting == NEAREST else farther)
    if g.count and found.count > <size_t>g.count:
        found.count = g.count


cdef void reply_hits(call *c, geo_search *g, hits *found) noexcept nogil:
    cdef int extras = g.with_distance + g.with_hash + g.with_place
    cdef hit *h
    cdef size_t i
    reply_array(c, found.count)
    for i in range(found.count):
        h = &found.item[i]
        if extras:
            reply_array(c, extras + 1)
        reply_bulk(c, view_of(found.names + h.name, h.name_len))
        if g.with_distance:
            reply_distance(c, h.distance / g.unit)
        if g.with_hash:
            reply_int(c, <int64_t>h.score)
        if g.with_place:
            reply_place(c, h.lon, h.lat)


cdef void store_hits(call *c, geo_search *g, hits *found, const char *event) noexcept nogil:
    cdef packing limits = zset_limits(c.store)
    cdef entry *e
    cdef hit *h
    cdef size_t i
    if found.count == 0:
        delete_key(c, c.db, g.target, b"del")
        reply_int(c, 0)
        return
    e = zset_new(&c.store.mem, g.target)
    for i in range(found.count if e != NULL else 0):
        h = &found.item[i]
        if zset_set(&c.store.mem, e, view_of(found.names + h.name, h.name_len), h.distance / g.unit if g.store_distance else h.score, &limits) < 0:
            value_free(&c.store.mem, e)
            e = NULL
            break
    if e == NULL:
        reply_error(c, NO_MEMORY)
    elif store_new_value(c, c.db, g.target, e):
        changed(c, g.target, found.count, EVENT_ZSET, event)
        reply_int(c, found.count)


cdef enum search_kind:
    BY_POSITION = 1            # GEORADIUS
    BY_MEMBER = 2              # GEORADIUSBYMEMBER
    READS_ONLY = 4             # and their _RO forms
    SEARCHES = 8               # GEOSEARCH
    STORES = 16                # GEOSEARCHSTORE


cdef bint member_place(call *c, view member, geo_search *g) noexcept nogil:
    if g.e == NULL or place_of(g.e, member, &g.shape.lon, &g.shape.lat):
        return True
    reply_error(c, b"ERR could not decode requested zset member")
    return False


cdef int read_polygon(call *c, int i, geo_search *g) noexcept nogil:
    """The number of corners, and their positions; returns the last argument, or -1 with the error replied."""
    cdef int64_t n
    cdef int k
    if not parse_int(c.argv[i], &n):
        reply_error(c, b"ERR invalid number of vertices")
        return -1
    if n < 3 or n > (c.argc - 1 - i) // 2:
        reply_error(c, b"ERR GEOSEARCH BYPOLYGON must have at least 3 vertices")
        return -1
    free(g.shape.corners)              # of an earlier polygon: the last one counts
    g.shape.corner_count = 0
    g.shape.corners = <geo_point *>malloc(n * sizeof(geo_point))
    if g.shape.corners == NULL:
        reply_error(c, NO_MEMORY)
        return -1
    g.polygon = True
    for k in range(<int>n):
        if not arg_position(c, i + 1 + 2 * k, &g.shape.corners[k].lon, &g.shape.corners[k].lat):
            return -1
    g.shape.corner_count = <int>n
    geo_centre(&g.shape)
    return i + 2 * <int>n


cdef int read_search_word(call *c, int i, geo_search *g, int kind) noexcept nogil:
    """FROM and BY at i; returns the last argument it takes, 0 if it is another word, -1 with the error replied."""
    if i + 2 < c.argc and view_is(c.argv[i], b"bypolygon") and not (g.round or g.boxed or g.from_member or g.from_position):
        return read_polygon(c, i + 1, g)
    if g.polygon and not view_is(c.argv[i], b"storedist"):
        return 0
    if i + 1 < c.argc and view_is(c.argv[i], b"frommember") and not g.from_position:
        g.from_member = True
        return i + 1 if member_place(c, c.argv[i + 1], g) else -1
    if i + 2 < c.argc and view_is(c.argv[i], b"fromlonlat") and not g.from_member:
        g.from_position = True
        return i + 2 if arg_position(c, i + 1, &g.shape.lon, &g.shape.lat) else -1
    if i + 2 < c.argc and view_is(c.argv[i], b"byradius") and not g.boxed:
        g.round = True
        return i + 2 if arg_radius(c, i + 1, &g.shape, &g.unit) else -1
    if i + 3 < c.argc and view_is(c.argv[i], b"bybox") and not g.round:
        g.boxed = True
        return i + 3 if arg_box(c, i + 1, &g.shape, &g.unit) else -1
    if kind & STORES and view_is(c.argv[i], b"storedist"):
        g.store_distance = True
        return i
    return 0


cdef bint read_options(call *c, int i, geo_search *g, int kind) noexcept nogil:
    """From argument i on; False: the error is replied."""
    cdef int last
    while i < c.argc:
        if view_is(c.argv[i], b"withdist"):
            g.with_distance = True
        elif view_is(c.argv[i], b"withhash"):
            g.with_hash = True
        elif view_is(c.argv[i], b"withcoord"):
            g.with_place = True
        elif view_is(c.argv[i], b"any"):
            g.any = True
        elif view_is(c.argv[i], b"asc"):
            g.sorting = NEAREST
        elif view_is(c.argv[i], b"desc"):
            g.sorting = FARTHEST
        elif i + 1 < c.argc and view_is(c.argv[i], b"count"):
            i += 1
            if not arg_int(c, i, &g.count):
                return False
            if g.count <= 0:
                reply_error(c, b"ERR COUNT must be > 0")
                return False
        elif i + 1 < c.argc and not kind & (SEARCHES | READS_ONLY) and (
                view_is(c.argv[i], b"store") or view_is(c.argv[i], b"storedist")):
            g.store_distance = view_is(c.argv[i], b"storedist")
            i += 1
            g.target = c.argv[i]
        else:
            last = read_search_word(c, i, g, kind) if kind & SEARCHES else 0
            if last <= 0:
                if last == 0:
                    reply_error(c, SYNTAX)
                return False
            i = last
        i += 1
    return True


cdef bint options_agree(call *c, geo_search *g, int kind) noexcept nogil:
    """False: the error is replied."""
    cdef char name[24]
    cdef size_t n = min(c.argv[0].len, <size_t>23)
    memcpy(name, c.argv[0].ptr, n)
    name[n] = 0
    if g.target.ptr != NULL and (g.with_distance or g.with_hash or g.with_place):
        reply_errorf(c, b"ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     <const char *>b"GEOSEARCHSTORE" if kind & STORES else <const char *>b"STORE option in GEORADIUS", NULL)
    elif kind & SEARCHES and not (g.from_member or g.from_position or g.polygon):
        reply_errorf(c, b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", name, NULL)
    elif kind & SEARCHES and not (g.round or g.boxed or g.polygon):
        reply_errorf(c, b"ERR exactly one of BYRADIUS and BYBOX can be specified for %s", name, NULL)
    elif g.any and not g.count:
        reply_error(c, b"ERR the ANY argument requires COUNT argument")
    else:
        return True
    return False


cdef void search(call *c, int key_at, int kind) noexcept nogil:
    cdef geo_search g
    cdef uint64_t hash
    cdef int at = key_at + 1
    memset(&g, 0, sizeof(g))
    g.unit = 1
    if not find_typed(c, c.argv[key_at], ZSET, True, &hash, &g.e):
        return
    if kind & STORES:
        g.target = c.argv[1]
    if kind & BY_POSITION:
        if not arg_position(c, 2, &g.shape.lon, &g.shape.lat) or not arg_radius(c, 4, &g.shape, &g.unit):
            return
        at = 6
    elif kind & BY_MEMBER:
        if g.e != NULL and (not member_place(c, c.argv[2], &g) or not arg_radius(c, 3, &g.shape, &g.unit)):
            return
        at = 5
    if read_options(c, at, &g, kind) and options_agree(c, &g, kind):
        find_and_reply(c, &g, kind)
    free(g.shape.corners)


cdef void find_and_reply(call *c, geo_search *g, int kind) noexcept nogil:
    cdef hits found
    if g.count and g.sorting == UNSORTED and not g.any:
        g.sorting = NEAREST
    memset(&found, 0, sizeof(found))
    if g.e != NULL:
        search_all(g, &found)
    if found.failed:
        reply_error(c, NO_MEMORY)
    elif g.target.ptr == NULL:
        reply_hits(c, g, &found)
    else:
        store_hits(c, g, &found, <const char *>b"geosearchstore" if kind & STORES else <const char *>b"georadiusstore")
    free(found.item)
    free(found.names)


define(georadius_command, """
    GEORADIUS key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE destination | STOREDIST destination]
    write denyoom | geo | 3.2.0 | O(N+log(M)) where N is the number of members in the area and M that of all
    Return, or store, the members within a radius of a position. Superseded by GEOSEARCH.
    keys: RO access; OW update; OW update
    at: 1 1 1
    words: 6 STORE STOREDIST
""")
cdef void georadius_command(call *c) noexcept nogil:
    search(c, 1, BY_POSITION)


define(georadius_ro_command, """
    GEORADIUS_RO key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
    readonly | geo | 3.2.10 | O(N+log(M)) where N is the number of members in the area and M that of all
    Return the members within a radius of a position. Superseded by GEOSEARCH.
    at: 1 1 1
""")
cdef void georadius_ro_command(call *c) noexcept nogil:
    search(c, 1, BY_POSITION | READS_ONLY)


define(georadiusbymember_command, """
    GEORADIUSBYMEMBER key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE destination | STOREDIST destination]
    write denyoom | geo | 3.2.0 | O(N+log(M)) where N is the number of members in the area and M that of all
    Return, or store, the members within a radius of a member. Superseded by GEOSEARCH.
    keys: RO access; OW update; OW update
    at: 1 1 1
    words: 5 STORE STOREDIST
""")
cdef void georadiusbymember_command(call *c) noexcept nogil:
    search(c, 1, BY_MEMBER)


define(georadiusbymember_ro_command, """
    GEORADIUSBYMEMBER_RO key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
    readonly | geo | 3.2.10 | O(N+log(M)) where N is the number of members in the area and M that of all
    Return the members within a radius of a member. Superseded by GEOSEARCH.
    at: 1 1 1
""")
cdef void georadiusbymember_ro_command(call *c) noexcept nogil:
    search(c, 1, BY_MEMBER | READS_ONLY)


define(geosearch_command, """
    GEOSEARCH key [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
    readonly | geo | 6.2.0 | O(N+log(M)) where N is the number of members in the area and M that of all
    Return the members within a circle or a box, or within a polygon, whose middle distances are from.
    newer: BYPOLYGON -/9.0.0
    at: 1 1 1
    arity: -7
""")
cdef void geosearch_command(call *c) noexcept nogil:
    search(c, 1, SEARCHES)


define(geosearchstore_command, """
    GEOSEARCHSTORE destination source [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC] [COUNT count [ANY]] [STOREDIST]
    write denyoom | geo | 6.2.0 | O(N+log(M)) where N is the number of members in the area and M that of all
    Store the members within a circle, a box or a polygon in another sorted set.
    newer: BYPOLYGON -/9.0.0
    keys: OW update; RO access
    at: 1 2 1
    arity: -8
""")
cdef void geosearchstore_command(call *c) noexcept nogil:
    search(c, 2, SEARCHES | STORES)
