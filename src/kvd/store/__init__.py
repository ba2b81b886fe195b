"""Keys, expiry, eviction, changes and options of one data set. May import types and core."""
