"""Figures of caches, and their text for Prometheus."""

import kvd
from kvd.caching import metrics


def test_figures_and_prometheus():
    cache = kvd.Cache(2, name='we"ird\n')
    cache.get("a")
    cache["a"] = 1
    cache.get("a"), cache["a"], cache.get_or_set("b", lambda: 2), cache.set("c", 3)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.loads, stats.size, stats.requests) == (2, 2, 1, 2, 4) and stats.hit_rate == 0.5
    assert stats.evictions["size"] == 1 and stats.nbytes > 0 and stats.mean_load_seconds >= 0
    assert any(c is cache for c in kvd.caches())
    text = kvd.prometheus()
    assert 'kvd_cache_hits_total{cache="we\\"ird\\n"} 2\n' in text and '",cause="size"} 1\n' in text
    assert metrics.prometheus([]).count("# TYPE") == 10
    cache.reset_stats()
    assert cache.stats().requests == 0
    number = id(cache)
    del cache
    assert all(id(c) != number for c in kvd.caches())
