"""Statistics of caches, and their Prometheus text format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Statistics of a cache. Fields are counts unless a unit is given."""

    name: str | None
    hits: int
    misses: int
    refused: int  # values heavier than the limit
    evictions: dict[str, int]  # removed entries, by cause
    size: int
    weight: int
    maxsize: int | None
    maxweight: int | None
    nbytes: int  # memory of the cache without keys and values
    loads: int
    load_failures: int
    load_seconds: float

    @property
    def requests(self) -> int:
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float:
        """Share of requests that were hits, 0 to 1; 1 without requests."""
        return self.hits / self.requests if self.requests else 1.0

    @property
    def mean_load_seconds(self) -> float:
        return self.load_seconds / self.loads if self.loads else 0.0


FAMILIES = (  # name, type, help text, field
    ("kvd_cache_hits_total", "counter", "Lookups of keys that were found.", "hits"),
    ("kvd_cache_misses_total", "counter", "Lookups of keys that were not found.", "misses"),
    ("kvd_cache_refused_total", "counter", "Values refused because of their weight.", "refused"),
    ("kvd_cache_loads_total", "counter", "Values loaded.", "loads"),
    ("kvd_cache_load_failures_total", "counter", "Loads that raised an exception.", "load_failures"),
    ("kvd_cache_load_seconds_total", "counter", "Time spent in loads.", "load_seconds"),
    ("kvd_cache_entries", "gauge", "Number of entries.", "size"),
    ("kvd_cache_weight", "gauge", "Total weight of the entries.", "weight"),
    ("kvd_cache_bytes", "gauge", "Memory of the cache without keys and values.", "nbytes"),
)


def prometheus(caches: Iterable[Any] | None = None) -> str:
    """Return the statistics of these caches, by default of all caches with a name, in Prometheus' text format.

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
    lines += ["# HELP kvd_cache_evictions_total Removed entries, by cause.", "# TYPE kvd_cache_evictions_total counter"]
    lines += [
        f'kvd_cache_evictions_total{{cache="{which}",cause="{cause}"}} {n}'
        for which, s in stats
        for cause, n in s.evictions.items()
    ]
    return "\n".join(lines) + "\n"


def label(cache: Any) -> str:
    name = str(cache.name if cache.name is not None else hex(id(cache)))
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
