"""Figures of caches: for people, and as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache has done. Counts, except where a unit is named."""

    name: str | None
    hits: int
    misses: int
    refused: int  # heavier than the cache
    evictions: dict[str, int]  # entries that left, by cause
    size: int
    weight: int
    maxsize: int | None
    maxweight: int | None
    nbytes: int  # bytes of the structure, without keys and values
    loads: int
    load_failures: int
    load_seconds: float

    @property
    def requests(self) -> int:
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float:
        """Hits of all requests, 0 to 1; 1 if nobody has asked."""
        return self.hits / self.requests if self.requests else 1.0

    @property
    def mean_load_seconds(self) -> float:
        return self.load_seconds / self.loads if self.loads else 0.0


FAMILIES = (  # name, type, what it is, where it comes from
    ("kvd_cache_hits_total", "counter", "Lookups that found their key.", "hits"),
    ("kvd_cache_misses_total", "counter", "Lookups that did not.", "misses"),
    ("kvd_cache_refused_total", "counter", "Values heavier than their cache.", "refused"),
    ("kvd_cache_loads_total", "counter", "Values loaded.", "loads"),
    ("kvd_cache_load_failures_total", "counter", "Loads that raised.", "load_failures"),
    ("kvd_cache_load_seconds_total", "counter", "Time spent loading.", "load_seconds"),
    ("kvd_cache_entries", "gauge", "Entries held.", "size"),
    ("kvd_cache_weight", "gauge", "Their weight.", "weight"),
    ("kvd_cache_bytes", "gauge", "Bytes of the structure, without keys and values.", "nbytes"),
)


def prometheus(caches: Iterable[Any] | None = None) -> str:
    """The figures of these caches, or of all live ones that have a name, in Prometheus' text format.

    >>> from kvd import Cache
    >>> print(prometheus([Cache(name="pages")]).splitlines()[2])
    kvd_cache_hits_total{cache="pages"} 0
    """
    from kvd import janitor

    if caches is None:
        caches = [cache for cache in janitor.live() if cache.name is not None]
    stats = [(label(cache), cache.stats()) for cache in caches]
    lines = []
    for name, kind, what, field in FAMILIES:
        lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
        lines += [f'{name}{{cache="{which}"}} {getattr(s, field)}' for which, s in stats]
    lines += ["# HELP kvd_cache_evictions_total Entries that left, by cause.", "# TYPE kvd_cache_evictions_total counter"]
    lines += [
        f'kvd_cache_evictions_total{{cache="{which}",cause="{cause}"}} {n}'
        for which, s in stats
        for cause, n in s.evictions.items()
    ]
    return "\n".join(lines) + "\n"


def label(cache: Any) -> str:
    name = str(cache.name if cache.name is not None else hex(id(cache)))
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
