"""Geospatial indexes: positions as members of sorted sets. Units: m, km, ft, mi."""

from __future__ import annotations

from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, option, words


class GeoMethods(Methods):
    def geoadd(self, name: Key, values: list[Any] | tuple[Any, ...], nx: bool = False, xx: bool = False, ch: bool = False) -> int:
        """Add positions, a flat list of longitude, latitude, member; returns the number added. O(log N) each."""
        if len(values) % 3:
            raise ValueError("values must be longitude, latitude, member, ...")
        return self.execute("GEOADD", name, *words(nx=nx, xx=xx, ch=ch), *values)

    def geodist(self, name: Key, place1: Value, place2: Value, unit: str | None = None) -> float | None:
        """Return the distance between two members, or None. O(1)."""
        reply = self.execute("GEODIST", name, place1, place2, *([] if unit is None else [unit]))
        return None if reply is None else float(reply)

    def geohash(self, name: Key, *values: Value) -> list[Text | None]:
        """Return the geohashes of members, 11 characters each. O(1) each."""
        return self.execute("GEOHASH", name, *values)

    def geopos(self, name: Key, *values: Value) -> list[tuple[float, float] | None]:
        """Return (longitude, latitude) of members. O(1) each."""
        return [None if p is None else (float(p[0]), float(p[1])) for p in self.execute("GEOPOS", name, *values)]

    def geosearch(
        self,
        name: Key,
        member: Value | None = None,
        longitude: float | None = None,
        latitude: float | None = None,
        unit: str = "m",
        radius: float | None = None,
        width: float | None = None,
        height: float | None = None,
        sort: str | None = None,
        count: int | None = None,
        any: bool = False,
        withcoord: bool = False,
        withdist: bool = False,
        withhash: bool = False,
    ) -> list[Any]:
        """Return members around a member or position, in a circle (radius) or box (width, height). O(N + log M).

        sort: ASC or DESC by distance. With withdist, withhash or withcoord, lists of the member and these values."""
        shape = _shape(member, longitude, latitude, unit, radius, width, height, sort, count, any)
        reply = self.execute("GEOSEARCH", name, *shape, *words(withcoord=withcoord, withdist=withdist, withhash=withhash))
        return _found(reply, withdist, withhash, withcoord)

    def geosearchstore(
        self,
        dest: Key,
        name: Key,
        member: Value | None = None,
        longitude: float | None = None,
        latitude: float | None = None,
        unit: str = "m",
        radius: float | None = None,
        width: float | None = None,
        height: float | None = None,
        sort: str | None = None,
        count: int | None = None,
        any: bool = False,
        storedist: bool = False,
    ) -> int:
        """Store the result of geosearch with geohashes, or with storedist distances, as scores; returns its size."""
        shape = _shape(member, longitude, latitude, unit, radius, width, height, sort, count, any)
        return self.execute("GEOSEARCHSTORE", dest, name, *shape, *words(storedist=storedist))

    def georadius(
        self,
        name: Key,
        longitude: float,
        latitude: float,
        radius: float,
        unit: str = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: str | None = None,
        store: Key | None = None,
        store_dist: Key | None = None,
        any: bool = False,
    ) -> Any:
        """Return members within a radius of a position; older form of geosearch."""
        options = _options(withdist, withcoord, withhash, count, sort, store, store_dist, any)
        reply = self.execute("GEORADIUS", name, longitude, latitude, radius, unit, *options)
        return _found(reply, withdist, withhash, withcoord)

    def georadiusbymember(
        self,
        name: Key,
        member: Value,
        radius: float,
        unit: str = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: str | None = None,
        store: Key | None = None,
        store_dist: Key | None = None,
        any: bool = False,
    ) -> Any:
        """Return members within a radius of a member; older form of geosearch."""
        options = _options(withdist, withcoord, withhash, count, sort, store, store_dist, any)
        reply = self.execute("GEORADIUSBYMEMBER", name, member, radius, unit, *options)
        return _found(reply, withdist, withhash, withcoord)


def _shape(
    member: Value | None, longitude: float | None, latitude: float | None, unit: str, radius: float | None, width: float | None,
    height: float | None, sort: str | None, count: int | None, any: bool,
) -> list[Any]:  # fmt: skip
    if (member is None) == (longitude is None or latitude is None):
        raise ValueError("give either member, or longitude and latitude")
    if (radius is None) == (width is None or height is None):
        raise ValueError("give either radius, or width and height")
    start: list[Any] = ["FROMMEMBER", member] if member is not None else ["FROMLONLAT", longitude, latitude]
    start += ["BYRADIUS", radius, unit] if radius is not None else ["BYBOX", width, height, unit]
    return [*start, *([sort] if sort else []), *option("COUNT", count), *words(any=any)]


def _options(
    withdist: bool, withcoord: bool, withhash: bool, count: int | None, sort: str | None, store: Key | None, store_dist: Key | None,
    any: bool,
) -> list[Any]:  # fmt: skip
    """Return the optional words of GEORADIUS and GEORADIUSBYMEMBER."""
    found = [*words(withcoord=withcoord, withdist=withdist, withhash=withhash), *option("COUNT", count), *words(any=any)]
    return [*found, *([sort] if sort else []), *option("STORE", store), *option("STOREDIST", store_dist)]


def _found(reply: Any, withdist: bool, withhash: bool, withcoord: bool) -> Any:
    if isinstance(reply, int) or not (withdist or withhash or withcoord):
        return reply
    found = []
    for item in reply:
        at = 1
        if withdist:
            item[at] = float(item[at])
        at += withdist + withhash
        if withcoord:
            item[at] = (float(item[at][0]), float(item[at][1]))
        found.append(item)
    return found
